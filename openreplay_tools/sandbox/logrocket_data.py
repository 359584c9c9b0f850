"""What LogRocket knows of the shop: a part of its visits, and the people who made them.

The visits are those of the sandbox's project 1, so that one incident can be followed at both vendors. LogRocket names
a session by a recording (here: a device) and its number in it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.store import GENERATED_PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openreplay_tools.sandbox.store import Store
    from openreplay_tools.sandbox.times import Row

ORG, APP = "acme", "shop"

TROUBLED = "ann@example.org"
"""An id that is an email too; cannot pay (6 visits, the last one with two failures)."""
STOPPED = "vip@bigcorp.example"
"""Nine visits; the last three end in a TypeError."""
GIVING_ORDERS = "mallory@example.org"
"""Three visits whose texts give orders; so do the highlights, which also link to another host."""
OTHER_SPELLING = "crm|1-5"
"""Jobs about them answer in the other spelling: `requestID` at once, `COMPLETE`, `sessionId`."""
SLASHED = "team/eve"
"""An id that a path must encode; more than ten visits."""
FAILING = "crawler-bot-77"
"""Jobs about them end in FAILED."""
WITHOUT_SESSIONS = "nobody@example.org"
"""Nobody ever saw them (nor anybody else who is not in the shop): READY, with an empty list of sessions."""
REFUSED = "broken-record"
"""Identifying them is a 500."""
PLANTED = (TROUBLED, STOPPED, GIVING_ORDERS, OTHER_SPELLING, SLASHED)
"""Those of whom every visit is recorded."""

_EVERY = 9
_LOW_BITS = (1 << 24) - 1
_COLUMNS = ("event_id", "$event_name", "created_at", "$duration_s", "$auto_captured", "properties", "$properties")
_READ = (*_COLUMNS, "$current_url", "$current_path", "issue_type")
_PROFILES = 'SELECT "$user_id", "$name", "$email", properties FROM users WHERE project = ?'
_JSON = frozenset({"properties", "$properties"})


@dataclass(frozen=True)
class Visit:
    """One recorded session; `recording` and `number` are LogRocket's names for it, `session` is the shop's."""

    recording: str
    number: int
    session: str
    user_id: str
    start_ms: int
    end_ms: int
    seen: Row

    @property
    def path(self) -> str:
        """The session's id as it stands in links."""
        return f"{self.recording}/{self.number}"


@dataclass
class Profile:
    """What is known of a user; empty texts are not shown."""

    name: str = ""
    email: str = ""
    traits: dict[str, str] = field(default_factory=dict)


class Shop:
    """The recorded visits and the identified people; read when first asked for. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading = threading.Lock()
        self._visits: tuple[Visit, ...] | None = None
        self._profiles: dict[str, Profile] | None = None

    @property
    def visits(self) -> tuple[Visit, ...]:
        """All recorded visits, oldest first."""
        with self._reading:
            if self._visits is None:
                self._visits = tuple(_recorded(self._store.sessions(GENERATED_PROJECT)))
            return self._visits

    @property
    def profiles(self) -> dict[str, Profile]:
        """Everybody whom the shop has identified, by their id; requests may change it."""
        with self._reading:
            if self._profiles is None:
                rows = self._store.select(_PROFILES, (GENERATED_PROJECT,))
                self._profiles = {row[0]: Profile(row[1], row[2], _traits(row[3])) for row in rows}
            return self._profiles

    def events(self, visit: Visit) -> list[Row]:
        """What happened in a visit, in order."""
        listed = ", ".join(f'"{name}"' for name in _READ)
        found = self._store.select(
            f"SELECT {listed} FROM events WHERE session_id = ? AND project = ?", (int(visit.session), GENERATED_PROJECT)
        )
        rows = [
            {name: json.loads(cell) if name in _JSON else cell for name, cell in zip(_READ, cells, strict=True)}
            for cells in found
        ]
        for row in rows:  # the shop keeps whole seconds: nothing happened before the visit began
            row["created_at"] = max(row["created_at"], visit.start_ms)
        # Events of one second happened in the order of their names: a click before the page it led to.
        return sorted(rows, key=lambda row: (row["created_at"], row["$event_name"]))


def as_text(value: Any) -> str:
    """A trait's value as LogRocket returns it: text, whatever it was sent as."""
    return value if isinstance(value, str) else json.dumps(value)


def _recorded(rows: Iterable[Row]) -> Iterator[Visit]:
    numbers: Counter[str] = Counter()
    for row in rows:
        if row["platform"] == "web" and _is_recorded(row):
            recording = f"5-{_uuid(row['userUuid'])}"
            named = (recording, numbers[recording], row["sessionId"], row["userId"] or "")
            yield Visit(*named, row["startTs"], row["startTs"] + row["duration"], row)
            numbers[recording] += 1


def _is_recorded(row: Row) -> bool:
    # The low bits of an id do not change with the sandbox's clock.
    return row["userId"] in PLANTED or (int(row["sessionId"]) & _LOW_BITS) % _EVERY == 0


def _traits(properties: str) -> dict[str, str]:
    return {name: as_text(value) for name, value in json.loads(properties).items() if not name.startswith("$")}


def _uuid(text: str) -> str:
    digest = blake2b(f"recording {text}".encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"
