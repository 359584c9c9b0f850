"""The dashboard's session search over the store: which sessions, in which order, in which form (contract §4.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import session_filters
from openreplay_tools.sandbox.session_filters import DatabaseError, Question
from openreplay_tools.sandbox.session_request import TypedReader
from openreplay_tools.sandbox.times import SECOND
from openreplay_tools.sandbox.validation import Filter, UnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openreplay_tools.sandbox.session_request import SessionSearch
    from openreplay_tools.sandbox.store import Row, Store

    Answer = dict[str, Any]

_VISITOR = (
    *("userAnonymousId", "userBrowser", "userCity", "userCountry", "userDevice", "userDeviceType", "userId"),
    *("userOs", "userState", "userUuid"),
)
_SIZE = ("screenWidth", "screenHeight")


class SessionSearcher:
    """One person's searches in one project."""

    def __init__(self, store: Store, project: int, user: int) -> None:
        self._store = store
        self._project = project
        self._user = user

    def answer(self, search: SessionSearch) -> Answer:
        """What the route sends as `data`."""
        if search.bookmarked:
            return self._bookmarked(search)
        if not search.series:
            return self._page(search, self.found(search))
        answers = []
        for place, series in enumerate(search.series):
            one = replace(search, filters=series.filters, events_order=series.events_order)
            page = self._page(search, self.found(one, in_series=True), with_metadata=place == 0)
            answers.append(
                {
                    "seriesId": series.number,
                    "total": page["total"],
                    "seriesName": series.name,
                    **_only(page, "sessions"),
                }
            )
        return {"series": answers}

    def ids(self, search: SessionSearch) -> list[Answer]:
        """What the route for ids sends as `data`."""
        page = self._bookmarked(search) if search.bookmarked else self._page(search, self.found(search))
        return [{"sessionId": session["sessionId"]} for session in page["sessions"]]

    def found(self, search: SessionSearch, *, in_series: bool = False) -> list[Row]:
        """All sessions that match, in their order."""
        # Sessions and bounds are cut to whole seconds, both ends included (observed §D).
        first, last = search.start // SECOND, search.end // SECOND
        rows: list[Row] = [
            row for row in self._store.sessions(self._project) if first <= row["startTs"] // SECOND <= last
        ]
        filters = tuple(self._expanded(search.filters))
        rows = session_filters.matching(
            self._store, self._project, rows, Question(filters, search.events_order, in_series)
        )
        by_events = search.sort == "eventsCount"
        rows.sort(key=lambda row: (row["eventsCount"] if by_events else 0, row["startTs"]))
        return rows if search.order == "asc" else rows[::-1]

    def _expanded(self, filters: tuple[Filter, ...]) -> Iterator[Filter]:
        """Put the filters of a segment in the place of the filter that names it."""
        for item in filters:
            if not (number := item.ids["SearchID"]):
                yield item
                continue
            saved = self._store.saved.find(self._project, number)
            if saved is None or not (saved["isPublic"] or saved["userId"] == self._user):
                raise DatabaseError(f"segment {number} not found")
            inner = Filter.read_all(TypedReader(saved["data"], "Segment"))
            if any(item.ids["SearchID"] for item in inner):
                raise UnknownError("a segment inside a segment")
            yield from inner

    def _page(self, search: SessionSearch, rows: list[Row], *, with_metadata: bool = True) -> Answer:
        shown = rows[search.first : search.first + search.limit]
        sessions = [self._shown(row, search.start, with_metadata=with_metadata) for row in shown]
        return {"total": len(rows) if shown else 0, "sessions": sessions}

    def _shown(self, row: Row, since: int, *, with_metadata: bool) -> Answer:
        return {
            **_only(row, "duration"),
            "errorsCount": 0,  # never counted in a normal search (contract §4.4)
            **_only(row, "eventsCount"),
            "issueTypes": None,
            "pagesCount": 0,
            **_only(row, "platform"),
            "projectId": self._project,
            **_only(row, "sessionId"),
            "startTs": row["startTs"] // SECOND * SECOND,
            **_only(row, "timezone", *_VISITOR, *_SIZE),
            "viewed": self._store.marks.has_viewed(self._user, row["sessionId"], since),
            "metadata": dict(sorted(row["metadata"].items())) if with_metadata else None,
        }

    def _bookmarked(self, search: SessionSearch) -> Answer:
        kept = self._store.marks.favourites(self._user, self._project)
        rows = [row for number in kept if (row := self._store.kept_session(self._project, number))]
        rows.sort(key=lambda row: row["startTs"], reverse=search.order != "asc")
        page = self._page(search, rows)
        by_id = {row["sessionId"]: row for row in rows}
        # These come from PostgreSQL, which knows other things than the search (recorded: app_notes-bookmarked).
        page["sessions"] = [{**shown, **self._from_postgres(by_id[shown["sessionId"]])} for shown in page["sessions"]]
        return page

    def _from_postgres(self, row: Row) -> Answer:
        return {
            **_only(row, "startTs", "pagesCount", "issueTypes"),
            "eventsCount": row["eventsCountInReplay"],
            "userAnonymousId": row["userAnonymousId"] or "",
            "userDevice": row["userDevice"] or "",
            **dict.fromkeys(_SIZE, 0),
            "viewed": self._store.marks.has_viewed(self._user, row["sessionId"]),
        }


def _only(row: Mapping[str, Any], *names: str) -> Answer:
    return {name: row[name] for name in names}
