"""Notte: the replays of its browser sessions."""
