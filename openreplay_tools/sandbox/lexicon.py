"""The dashboard's lexicon: which events and properties a project has, computed from its rows (contract §4.8)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from openreplay_tools.sandbox.columns import USER_COLUMNS, Kind, quoted
from openreplay_tools.sandbox.lexicon_texts import EVENTS, PROPERTIES, SESSION_PROPERTIES, USER_NAMES
from openreplay_tools.sandbox.tables import tie

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from openreplay_tools.sandbox.store import Store

Source = Literal["events", "users", "sessions"]
Entry = dict[str, Any]
_SAMPLES = 5
_LONGEST_SAMPLE = 100
_TYPES = {bool: "Bool", int: "Int64", float: "Float64", str: "String"}


@dataclass
class _Seen:
    """What is known of one property: in how many rows, when last, which types and texts."""

    count: int = 0
    latest: int = 0
    types: Counter[str] = field(default_factory=Counter)
    samples: dict[str, None] = field(default_factory=dict)

    def note(self, value: Any, moment: int) -> None:
        # 600,000 values pass here.
        self.count += 1
        self.latest = max(self.latest, moment)
        kind = _TYPES.get(type(value)) or _type_of(value)
        self.types[kind] += 1
        if kind == "String" and len(self.samples) < _SAMPLES and 0 < len(value) <= _LONGEST_SAMPLE:
            self.samples[value] = None

    def add(self, other: _Seen) -> None:
        self.count += other.count
        self.latest = max(self.latest, other.latest)
        self.types += other.types
        self.samples = dict.fromkeys(list({**self.samples, **other.samples})[:_SAMPLES])


_Property = tuple[str, bool]
"""The name of a property and whether it was captured automatically."""
Found = dict[_Property, _Seen]


def _type_of(value: Any) -> str:
    if isinstance(value, list):  # recorded for a list of text
        inner = {_type_of(item) for item in value if item is not None} or {"String"}
        return f"Array(Nullable({inner.pop() if len(inner) == 1 else 'String'}))"
    return _TYPES.get(type(value), "JSON")


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Objects inside a payload become paths, as in the database's JSON columns; null is no value."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value


class Lexicon:
    """What requests have asked for.

    Args:
        known: the properties of events by project, kept: events never change, so all stores of one image share them.
    """

    def __init__(self, known: dict[int, dict[str, Found]] | None = None) -> None:
        self._of_events = {} if known is None else known

    def events(self, store: Store, project: int, property_name: str) -> list[Entry]:
        """Return every event name of a project, or those with the property, in no particular order (recorded)."""
        names = None
        if property_name:
            found = self._event_properties(store, project)
            names = {name for name, seen in found.items() if any(key == property_name for key, _ in seen)}
        rows = store.select(
            'SELECT "$event_name", max("$auto_captured"), count(*), max(created_at) FROM events'
            " WHERE project = ? AND \"$event_name\" <> 'TAG_TRIGGER' GROUP BY 1",
            (project,),
        )
        return [_event(*row) for row in sorted(rows, key=lambda row: tie(row[0])) if names is None or row[0] in names]

    def properties(self, store: Store, project: int, source: Source, event: str) -> list[Entry]:
        """Return the properties of a source, last seen first; of one event's only when `event` is given."""
        if source == "events":
            found: Found = {}
            for name, seen in self._event_properties(store, project).items():
                if event in ("", name):
                    _merge(found, seen)
        else:
            found = _of_users(store, project) if source == "users" else _of_sessions(store.sessions(project))
        entries = [_property(source, key, seen) for key, seen in found.items()]
        return sorted(entries, key=lambda entry: (-entry["createdAt"], entry["name"]))

    def _event_properties(self, store: Store, project: int) -> dict[str, Found]:
        if project not in self._of_events:
            self._of_events[project] = _of_events(store, project)
        return self._of_events[project]


def _merge(found: Found, more: Found) -> None:
    for key, seen in more.items():
        found.setdefault(key, _Seen()).add(seen)


def _of_events(store: Store, project: int) -> dict[str, Found]:
    found: dict[str, Found] = {}
    rows = store.select(
        'SELECT "$event_name", created_at, "$properties", properties FROM events'
        " WHERE project = ? AND \"$event_name\" <> 'TAG_TRIGGER'",
        (project,),
    )
    for name, moment, captured, custom in rows:
        seen = found.setdefault(name, {})
        for text, is_captured in ((captured, True), (custom, False)):
            if text != "{}":
                _note(seen, _leaves(json.loads(text)), moment, is_captured=is_captured)
    return found


def _note(found: Found, values: Iterable[tuple[str, Any]], moment: int, *, is_captured: bool) -> None:
    for key, value in values:
        seen = found.get((key, is_captured))
        if seen is None:
            seen = found[key, is_captured] = _Seen()
        seen.note(value, moment)


def _of_users(store: Store, project: int) -> Found:
    names = [name for name, kind in USER_COLUMNS.items() if kind in {Kind.TEXT, Kind.TIME}]
    listed = ", ".join(map(quoted, names))
    found: Found = {}
    for moment, custom, *cells in store.select(
        f'SELECT "$last_seen", properties, {listed} FROM users WHERE project = ?', (project,)
    ):
        filled = ((name, cell) for name, cell in zip(names, cells, strict=True) if cell)
        _note(found, filled, moment, is_captured=True)
        _note(found, _leaves(json.loads(custom)), moment, is_captured=False)
    return found


def _of_sessions(sessions: Iterable[Mapping[str, Any]]) -> Found:
    found: Found = {}
    for session in sessions:
        filled = ((name, session.get(column)) for name, (column, _) in SESSION_PROPERTIES.items())
        _note(found, ((name, value) for name, value in filled if value), session["startTs"], is_captured=True)
    return found


def _event(name: str, auto_captured: int, count: int, latest: int) -> Entry:
    display, description = EVENTS.get(name, ("", "")) if auto_captured else ("", "")
    return {
        "name": name,
        "displayName": display,
        "description": description,
        "status": "visible",
        "autoCaptured": bool(auto_captured),
        "count": count,
        "queryCount": 0,
        "createdAt": latest,  # of the latest event, in every recorded one that could be checked
    }


def _property(source: Source, key: _Property, seen: _Seen) -> Entry:
    name, auto_captured = key
    return {
        "name": name,
        "displayName": _display_name(source, name) if auto_captured else "",
        "description": "",
        "type": source,
        "dataType": seen.types.most_common(1)[0][0],
        "status": "visible",
        "autoCaptured": auto_captured,
        "count": seen.count,
        "usersCount": 0,
        "queryCount": 0,
        "createdAt": seen.latest,
        "possibleTypes": [],
        "sampleValues": list(seen.samples),  # recorded for numbers and lists only, and empty there
    }


def _display_name(source: Source, name: str) -> str:
    if source == "sessions":
        return SESSION_PROPERTIES[name][1]
    return (PROPERTIES if source == "events" else USER_NAMES).get(name, "")
