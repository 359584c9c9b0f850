"""Edits of tracked users in the dashboard: the server stores its own escaped text (observed A31, A32)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import queries
from openreplay_tools.sandbox.columns import USER_FIELDS, Kind, quoted
from openreplay_tools.sandbox.validation import UnknownError

if TYPE_CHECKING:
    from openreplay_tools.sandbox.dashboard_calls import Fields
    from openreplay_tools.sandbox.store import Store

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;"})
_EDITABLE = [name for name, kind in USER_FIELDS.items() if kind is Kind.TEXT and name != "$user_id"]
_json_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_STORED_AS_JSON = frozenset({Kind.MAP, Kind.LIST})

Key = tuple[int, str]
"""The number of a project and the id of a user."""


@dataclass
class UserEdits:
    """When the dashboard last wrote a user, and what it still shows of a deleted one.

    Versions of a record have whole seconds. A deletion in the second of another write does not win until later, so
    that the user is still shown (observed A32). A deletion of a user nobody wrote to in that second counts at once:
    the sandbox's clock may stand still.
    """

    _written: dict[Key, int] = field(default_factory=dict)
    _shown_still: dict[Key, tuple[int, str]] = field(default_factory=dict)

    def find(self, store: Store, key: Key, second: int) -> str | None:
        """Return the user as JSON text as GET shows it, or None."""
        found = queries.find_user(store, *key)
        until, text = self._shown_still.get(key, (0, None))
        return found or (text if second < until else None)

    def change(self, store: Store, key: Key, fields: Fields, second: int) -> None:
        """Write the given fields, and the others back as they were shown: escaped once more."""
        if key[1].translate(_HTML) != key[1]:
            raise UnknownError("an edit of a user whose id changes by escaping")
        given: dict[str, Any] = {name: fields.text(name) for name in _EDITABLE if fields.has(name)}
        if fields.has("properties"):  # in the place of the old ones: an assumption, the recorded user had none
            given["properties"] = _json_text(fields.mapping("properties"))
        _refuse_others(fields)
        names = [name for name, kind in USER_FIELDS.items() if kind in {Kind.TEXT, *_STORED_AS_JSON}]
        listed = ", ".join(map(quoted, names))
        row = store.select(f'SELECT {listed} FROM users WHERE project = ? AND "$user_id" = ?', key)[0]
        cells = [
            given[name] if name in given else _escaped_cell(USER_FIELDS[name], cell)
            for name, cell in zip(names, row, strict=True)
        ]
        assigned = ", ".join(f"{quoted(name)} = ?" for name in names)
        store.select(f'UPDATE users SET {assigned} WHERE project = ? AND "$user_id" = ? RETURNING tie', (*cells, *key))
        self._written[key] = second

    def delete(self, store: Store, key: Key, second: int) -> bool:
        """Remove a user; whether there was one."""
        text = queries.find_user(store, *key)
        if text is None:
            return False
        store.select('DELETE FROM users WHERE project = ? AND "$user_id" = ? RETURNING tie', key)
        if self._written.get(key) == second:
            self._shown_still[key] = (second + 2, text)
        return True


def _refuse_others(fields: Fields) -> None:
    """Columns that are no text and no properties were not seen in an edit; what is no column is ignored."""
    for name, kind in USER_FIELDS.items():
        if name.startswith("$") and kind is not Kind.TEXT and fields.has(name):
            raise UnknownError(f"an edit of {name}")


def _escaped_cell(kind: Kind, cell: str) -> str:
    return _json_text(_escaped(json.loads(cell))) if kind in _STORED_AS_JSON else cell.translate(_HTML)


def _escaped(value: Any) -> Any:
    """Escape every text, keys included (observed A31)."""
    if isinstance(value, str):
        return value.translate(_HTML)
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key.translate(_HTML): _escaped(item) for key, item in value.items()}
    return value
