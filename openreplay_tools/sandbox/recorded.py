"""The recorded project: 42 sessions of a real OpenReplay 1.27.8 server and the rows around them.

`tests/fixtures/make_recorded.py` writes the data file from the recordings. The few rows that the recordings imply
without showing them are named in its `synthesised` list.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """Users, events, live and whole sessions as the server showed them, un-escaped, at their recorded times.

    A whole session has its `search_row`, its `replay` (without file addresses and the caller's marks) and its
    `app_events`.
    """

    users: list[dict[str, Any]]
    events: list[dict[str, Any]]
    live: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    synthesised: list[str]


def load() -> Recorded:
    """Read the data file."""
    packed = resources.files(__package__).joinpath("recorded.json.gz").read_bytes()
    return Recorded(**json.loads(gzip.decompress(packed)))
