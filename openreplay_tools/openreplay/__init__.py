"""OpenReplay: what its servers offer, one module per resource."""
