"""The demo: two agents answer a question about recorded sessions. Run it with `python -m openreplay_tools.demo`."""
