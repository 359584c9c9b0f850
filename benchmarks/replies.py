"""The replies that the fixed server gives: rows of the recordings, repeated with other ids to the length wanted."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "recordings"
PROJECT_KEY = "LbifiKjlu7VmVoyauxnK"
SESSION_ID = "4113712955676316674"


def projects() -> bytes:
    """Return the recorded list of projects."""
    return _bodies("public_projects")[0]


def users(count: int) -> bytes:
    """Return a page of users with the columns that `search_users` asks for."""
    recorded = _widest(_bodies("public_users"), "users", "$country")
    rows = [
        {**row, "$user_id": f"{number}.{row['$user_id']}"} for number, row in enumerate(islice(cycle(recorded), count))
    ]
    return _page("users", rows)


def events(count: int) -> bytes:
    """Return a page of one session's events with the columns that `list_session_events` asks for."""
    recorded = _widest(_bodies("public_events"), "events", "$properties")
    first = min(row["created_at"] for row in recorded)
    rows = [
        {**row, "event_id": f"{number:08d}{row['event_id'][8:]}", "created_at": first + number * 1000}
        for number, row in enumerate(islice(cycle(recorded), count))
    ]
    return _page("events", rows)


def _bodies(group: str) -> list[bytes]:
    lines = (RECORDINGS / f"{group}.jsonl").read_text("utf-8").splitlines()
    found = (json.loads(line) for line in lines)
    return [one["response_body"].encode() for one in found if one["status"] == 200 and one["response_body"]]


def _widest(bodies: list[bytes], kind: str, column: str) -> list[dict[str, Any]]:
    """Return the rows of the largest recorded page that has a column."""
    pages = [json.loads(body)["data"] for body in bodies]
    rows = [page[kind] for page in pages if isinstance(page, dict) and page.get(kind)]
    return max((one for one in rows if column in one[0]), key=lambda one: len(json.dumps(one)))


def _page(kind: str, rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"data": {"total": len(rows), kind: rows}}, separators=(",", ":"), ensure_ascii=False).encode()
