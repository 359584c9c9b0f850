"""The two SQLite tables: how rows in the server's own form go in."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.columns import EVENT_COLUMNS, USER_FIELDS, Kind, empty, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

_SQL_TYPES = {Kind.TEXT: "TEXT", Kind.MAP: "TEXT", Kind.LIST: "TEXT"}
# Go writes maps in the order of their keys; what is stored is what will be sent.
_json_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


class Table:
    """One table with the columns of one kind of row, and the project and the tie-breaker of each."""

    def __init__(self, name: str, columns: Mapping[str, Kind]) -> None:
        self.name = name
        self._columns = columns
        self._defaults = [(name, self._default(kind)) for name, kind in columns.items()]
        self._texts = [(i, name) for i, (name, kind) in enumerate(columns.items()) if kind in {Kind.MAP, Kind.LIST}]
        self._seconds = list(columns).index("$time") if "$time" in columns else None

    @staticmethod
    def _default(kind: Kind) -> str | int:
        value = empty(kind)
        return _json_text(value) if kind in {Kind.MAP, Kind.LIST} else value

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        listed = ", ".join(f"{quoted(name)} {_SQL_TYPES.get(kind, 'INTEGER')}" for name, kind in self._columns.items())
        connection.execute(f"CREATE TABLE {self.name} (project INTEGER, tie INTEGER, {listed})")

    def insert(self, connection: sqlite3.Connection, project: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add a project's rows; keys that a row lacks get the server's empty values."""
        marks = ", ".join("?" for _ in self._columns)
        statement = f"INSERT INTO {self.name} VALUES ({project}, ?, {marks})"
        connection.executemany(statement, map(self._cells, rows))

    def _cells(self, row: Mapping[str, Any]) -> list[Any]:
        # 60,000 rows of 50 columns pass here: one pass without branches, then the few columns that need work.
        cells = [row.get(name, default) for name, default in self._defaults]
        for position, name in self._texts:
            if name in row:
                cells[position] = _json_text(row[name])
        if self._seconds is not None:
            cells[self._seconds] = row["created_at"] // 1000
        return [tie(str(cells[0])), *cells]


def tie(identity: str) -> int:
    """An order for rows of the same second that follows neither cause nor id (observed §B, §D)."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=4).digest(), "big")


USERS = Table("users", USER_FIELDS)
EVENTS = Table("events", EVENT_COLUMNS)
