"""LogRocket: exports, highlights and users of its recorded sessions."""
