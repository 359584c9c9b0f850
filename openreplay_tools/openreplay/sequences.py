"""What the server gets wrong about session searches and is done here: negations, long sequences, sorting by length.

A plan is one search that the server answers rightly and conditions that its rows must meet besides. They are checked
here, page by page; counts are exact or the question is refused. The server sorts by start or number of events only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from openreplay_tools.errors import ArgumentsError, OpenReplayToolsError, PermissionDeniedError, UnavailableError
from openreplay_tools.flow import Emit, ask_all
from openreplay_tools.openreplay.paging import sweep
from openreplay_tools.openreplay.session_plans import Plan, distinct, one_length
from openreplay_tools.openreplay.session_queries import (
    MOST_PAGES,
    PAGE,
    Paging,
    Query,
    event_request,
    fetch,
    fetch_all,
    fetch_events,
    fetch_ids,
    search_request,
    slice_of,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.paging import Slice
    from openreplay_tools.openreplay.session_queries import ListedEvent, Sort
    from openreplay_tools.openreplay.sessions import Session
    from openreplay_tools.operation import Scope

    Wire = dict[str, Any]

_MOST_SORTED = 10 * PAGE
_MOST_EVENT_PAGES = 100
_IDS_AT_ONCE = 10
_LONGEST_MS = 86_400_000
_MOST_HALVINGS = 14
_EDGE_MS = 2000  # a session's start is told in whole seconds and its id may be a second off (observed §D)


@dataclass(slots=True)
class Found:
    """Rows and their exact total; `among`: the newest so many were sorted by length, 0 when all were."""

    rows: list[Session] = field(default_factory=list)
    total: int = 0
    among: int = 0


def find(plan: Plan, scope: Scope, wanted: Paging) -> Flow[Found]:
    """Return one page and the total.

    Raises:
        ArgumentsError: too many sessions or events would have to be read to be exact.
    """
    if wanted.sort == "length":
        return (yield from _by_length(plan, scope, wanted))
    if plan.direct:
        part = yield from fetch(plan.base, scope, wanted)
        return Found(part.rows, part.total or 0)
    first = (wanted.page - 1) * wanted.limit
    if plan.countable and wanted.sort == "start":
        total = yield from count(plan, scope)
        rows = (yield from _first_rows(plan, scope, wanted)) if total > first else []
    else:
        rows = yield from _all_rows(plan, scope, wanted.sort, wanted.order)
        total = len(rows)
    return Found(rows[first : first + wanted.limit], total)


def find_every(plan: Plan, scope: Scope, wanted: Paging) -> Flow[None]:
    """Emit every session once."""
    if wanted.sort == "length":
        found = yield from _by_length(plan, scope, replace(wanted, page=1, limit=_MOST_SORTED))
        if found.among or found.total > len(found.rows):
            raise ArgumentsError(_TOO_LONG_TO_SORT)
        yield Emit(tuple(found.rows))
    elif wanted.sort == "events" and not plan.direct:
        yield Emit(tuple((yield from _all_rows(plan, scope, wanted.sort, wanted.order))))
    else:
        yield from _kept(plan, scope, wanted)


_TOO_LONG_TO_SORT = (
    f"sort: the server cannot sort by length, and more than {_MOST_SORTED} sessions match. Narrow with since, until, "
    f"min_duration or filters, or leave sort out."
)


def count(plan: Plan, scope: Scope) -> Flow[int]:
    """Return how many sessions of the base meet none of the negated conditions, by inclusion and exclusion."""
    sets = [some for size in range(len(plan.narrowed) + 1) for some in combinations(plan.narrowed, size)]
    counts = yield from fetch_all([plan.base.plus(*some) for some in sets], scope, limit=1)
    return sum((-1) ** len(some) * (count.total or 0) for some, count in zip(sets, counts, strict=True))


def _by_length(plan: Plan, scope: Scope, wanted: Paging) -> Flow[Found]:
    """Sort by length: all sessions when they can be read, else those beyond a length, else the newest."""
    among = 0
    total = (yield from fetch_all([plan.base], scope, limit=1))[0].total or 0
    first, last = (wanted.page - 1) * wanted.limit, wanted.page * wanted.limit
    if not plan.direct or total <= _MOST_SORTED:
        rows = yield from _all_rows(plan, scope)
        total = len(rows)
    elif narrower := (yield from _beyond_a_length(plan, scope, wanted.order, last)):
        rows = yield from _all_rows(narrower, scope)
    else:
        pages = range(1, _MOST_SORTED // PAGE + 1)
        replies = yield from ask_all([search_request(plan.base, scope, Paging(page=number)) for number in pages])
        rows = list({row.session_id: row for reply in replies for row in slice_of(reply, scope).rows}.values())
        among = len(rows)
    rows.sort(key=_length, reverse=wanted.order == "desc")
    return Found(rows[first:last], total, among)


def _length(row: Session) -> int:
    return row.duration_ms or 0


def _beyond_a_length(plan: Plan, scope: Scope, order: str, needed: int) -> Flow[Plan | None]:
    """Return the plan for the longest (or shortest) sessions alone: as many as needed, as few as can be sorted.

    The server cannot sort by length, but it can count those that are at least so long.
    """
    low, high = 0, _LONGEST_MS
    for _ in range(_MOST_HALVINGS):
        middle = (low * high) ** 0.5 if low else high**0.5
        bound = [str(round(middle)), ""] if order == "desc" else ["", str(round(middle))]
        wire = {"name": "duration", "operator": "is", "value": bound, "isEvent": False, "autoCaptured": True}
        query = replace(plan.base, filters=tuple(one_length([*plan.base.filters, wire])))
        total = (yield from fetch_all([query], scope, limit=1))[0].total or 0
        if needed <= total <= _MOST_SORTED:
            return Plan(query)
        if (total > _MOST_SORTED) == (order == "desc"):
            low = round(middle)
        else:
            high = round(middle)
    return None


def _first_rows(plan: Plan, scope: Scope, wanted: Paging) -> Flow[list[Session]]:
    """Return rows from the first to the last of the page wanted."""
    checked = _Checked(plan, scope, wanted)
    rows: dict[str, Session] = {}
    for number in range(1, MOST_PAGES + 1):
        part = yield from checked.fetch(number, PAGE)
        rows |= {row.session_id: row for row in part.rows if row.session_id in checked.kept}
        if len(rows) >= wanted.page * wanted.limit or number * PAGE >= (part.total or 0):
            return list(rows.values())
    raise too_many("rows before this page", MOST_PAGES * PAGE)


def _all_rows(plan: Plan, scope: Scope, sort: Sort = "start", order: str = "desc") -> Flow[list[Session]]:
    """Return every session that meets the plan, in an order that the next page can rely on.

    They are read by their start, which few share: among equals the server's order is not stable (observed §B).
    """
    total = (yield from fetch_all([plan.base], scope, limit=1))[0].total or 0
    if total > MOST_PAGES * PAGE:
        raise too_many(f"{total} sessions, more than the", MOST_PAGES * PAGE)
    rows = yield from _gathered(_kept(plan, scope, Paging()))
    rows.sort(key=lambda row: row.session_id)
    rows.sort(key=_KEYS[sort], reverse=order == "desc")
    return rows


def _gathered(flow: Flow[None]) -> Flow[list[Session]]:
    """Return what a flow emits; whatever else it asks for goes on to the driver."""
    rows: list[Session] = []
    reply: Any = None
    failure: Exception | None = None
    while True:
        try:
            command = flow.throw(failure) if failure else flow.send(reply)
        except StopIteration:
            return rows
        reply = failure = None
        if isinstance(command, Emit):
            rows += command.rows
            continue
        try:
            reply = yield command
        except OpenReplayToolsError as error:
            failure = error


_KEYS: dict[Sort, Callable[[Session], float]] = {
    "start": lambda row: row.started_at.timestamp() if row.started_at else 0,
    "events": lambda row: row.events_count,
    "length": _length,
}


def _kept(plan: Plan, scope: Scope, wanted: Paging) -> Flow[None]:
    """Emit the sessions that meet the plan."""
    checked = _Checked(plan, scope, wanted)
    yield from sweep(checked.fetch, lambda row: row.session_id, lambda row: row.session_id in checked.kept)


class _Checked:
    """Pages of a plan's base, with the ids of those rows that meet the rest of the plan."""

    def __init__(self, plan: Plan, scope: Scope, wanted: Paging) -> None:
        self.kept: set[str] = set()
        self._plan = plan
        self._scope = scope
        self._wanted = wanted
        self._verified: set[str] | None = None
        self._by_session = False

    def fetch(self, page: int, limit: int) -> Flow[Slice[Session]]:
        """Read one page."""
        wanted = replace(self._wanted, page=page, limit=limit)
        part = yield from fetch(self._plan.base, self._scope, wanted)
        left = {row.session_id for row in part.rows}
        for query in self._plan.required:
            left &= yield from self._among(query, part.rows)
        for query in self._plan.without:
            left -= yield from self._among(query, part.rows)
        if self._plan.sequences and left:
            left &= yield from self._in_sequence(left, part.total or 0)
        self.kept |= left
        return part

    def _among(self, query: Query, rows: list[Session]) -> Flow[set[str]]:
        """Return ids that a search finds; at least those of the rows."""
        if not rows:
            return set()
        # Read by their start, the rows of one page lie close together.
        starts = [round(row.started_at.timestamp() * 1000) if row.started_at else 0 for row in rows]
        return (yield from fetch_ids(query, self._scope, (min(starts) - _EDGE_MS, max(starts) + _EDGE_MS)))

    def _in_sequence(self, candidates: set[str], total: int) -> Flow[set[str]]:
        """Return the candidates whose events hold every sequence."""
        if self._verified is None and not self._by_session:
            self._verified = yield from self._from_the_whole_project(total)
            self._by_session = self._verified is None
        if self._verified is not None:
            return candidates & self._verified
        kept = candidates
        for steps in self._plan.sequences:
            kept &= yield from _verified_by_session(steps, self._scope, sorted(kept))
        return kept

    def _from_the_whole_project(self, total: int) -> Flow[set[str] | None]:
        """Return the sessions with every sequence; None where it is less to ask for each candidate's events."""
        steps = [step for sequence in self._plan.sequences for step in distinct(sequence)]
        try:
            firsts = yield from ask_all([event_request(step, self._scope, 1) for step in steps])
        except PermissionDeniedError:
            raise UnavailableError(
                "The order of three and more steps is verified from the project's events, and the login's role lacks "
                "the permission for those (DATA_MANAGEMENT). Ask for two steps, or with events_order=all."
            ) from None
        pages = sum(-(-reply.data.total // PAGE) for reply in firsts)
        asking_each = -(-total // _IDS_AT_ONCE) * len(steps)
        if min(pages, asking_each) > _MOST_EVENT_PAGES:
            raise ArgumentsError(
                f"events_order: the server undercounts sequences of three and more steps, so the order is verified "
                f"here from the events; too many have to be read for {total} sessions. Narrow with since, until or a "
                f"filter, or ask with events_order=all."
            )
        if asking_each < pages:
            return None
        found: set[str] | None = None
        for sequence in self._plan.sequences:
            sessions = yield from _verified(sequence, self._scope)
            found = sessions if found is None else found & sessions
        return found


def _verified(steps: Sequence[Wire], scope: Scope, sessions: Sequence[str] = ()) -> Flow[set[str]]:
    """Return the sessions in which the steps follow each other, from all events or from those of some sessions.

    Steps of the same second count as in order, whichever way they stand: events know whole seconds (observed §A2).
    """
    read: list[dict[str, list[ListedEvent]]] = []
    for number, step in enumerate(steps):
        if step in steps[:number]:  # the same events as before
            read.append(read[steps.index(step)])
            continue
        of_session: dict[str, list[ListedEvent]] = defaultdict(list)
        for event in sorted((yield from fetch_events(step, scope, sessions)), key=lambda event: event.created_at):
            of_session[event.session_id].append(event)
        read.append(of_session)
    candidates = set.intersection(*(set(of_session) for of_session in read))
    return {one for one in candidates if _follows([of_session[one] for of_session in read], 0, frozenset())}


def _verified_by_session(steps: Sequence[Wire], scope: Scope, sessions: Sequence[str]) -> Flow[set[str]]:
    found: set[str] = set()
    for first in range(0, len(sessions), _IDS_AT_ONCE):
        found |= yield from _verified(steps, scope, sessions[first : first + _IDS_AT_ONCE])
    return found


def _follows(steps: Sequence[Sequence[ListedEvent]], since: int, used: frozenset[str]) -> bool:
    """Tell whether each step has an event of its own, none before that of the step before it.

    Earlier events leave the later steps more room, so only the first few of each step can matter: as many as the other
    steps could have taken.
    """
    if not steps:
        return True
    fitting = [event for event in steps[0] if event.created_at >= since and event.event_id not in used]
    return any(
        _follows(steps[1:], event.created_at, used | {event.event_id}) for event in fitting[: len(steps) + len(used)]
    )
