"""The elements that people tagged in the dashboard (contract §4.8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tags:
    """All tags of one server, numbered over all projects."""

    _tags: dict[int, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    _count: int = 0

    def add(self, project: int, fields: dict[str, Any]) -> int:
        """Keep a new tag and return its number. Nobody has triggered it: events come from trackers only."""
        self._count += 1
        self._tags[self._count] = (project, {"tagId": self._count, **fields, "volume": 0, "users": 0})
        return self._count

    def of_project(self, project: int) -> list[dict[str, Any]]:
        """Return the project's tags, newest first."""
        return [tag for owner, tag in reversed(self._tags.values()) if owner == project]

    def remove(self, project: int, number: int) -> bool:
        """Forget a tag; whether the project had it."""
        if self._tags.get(number, (0, {}))[0] != project:
            return False
        del self._tags[number]
        return True
