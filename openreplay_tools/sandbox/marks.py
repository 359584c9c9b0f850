"""What a person of the dashboard has done with sessions: looked at some, kept some as favourites."""

from __future__ import annotations

from typing import Any


class Marks:
    """Views and favourites of each person."""

    def __init__(self) -> None:
        self._viewed: dict[tuple[int, str], int] = {}
        self._favourites: dict[tuple[int, int], dict[str, None]] = {}

    def view(self, user: int, session: str, now_ms: int) -> bool:
        """Note a look at a session; whether it was the first one."""
        known = (user, session) in self._viewed
        self._viewed[user, session] = now_ms
        return not known

    def has_viewed(self, user: int, session: str, since_ms: int = 0) -> bool:
        """Whether the person looked at the session since then."""
        return self._viewed.get((user, session), -1) >= since_ms

    def toggle_favourite(self, user: int, project: int, session: str) -> None:
        """Keep a session, or let a kept one go."""
        kept = self._favourites.setdefault((user, project), {})
        if session in kept:
            del kept[session]
        else:
            kept[session] = None

    def favourites(self, user: int, project: int) -> list[str]:
        """The sessions kept, in the order in which they were kept."""
        return list(self._favourites.get((user, project), ()))


class SavedSearches:
    """Saved searches of all projects, which are segments at the same time."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self.count = 0
        """How many there have ever been."""

    def add(self, row: dict[str, Any]) -> None:
        """Keep a search under its `searchId`."""
        self._rows[row["searchId"]] = row
        self.count += 1

    def remove(self, search_id: str) -> None:
        """Forget a search."""
        del self._rows[search_id]

    def find(self, project: int, search_id: str) -> dict[str, Any] | None:
        """One search of the project, or None."""
        row = self._rows.get(search_id)
        return row if row is not None and row["projectId"] == project else None

    def visible(self, project: int, user: int) -> list[dict[str, Any]]:
        """The project's public searches and the person's own."""
        rows = [row for row in self._rows.values() if row["projectId"] == project]
        return [row for row in rows if row["isPublic"] or row["userId"] == user]
