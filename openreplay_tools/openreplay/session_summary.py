"""What happened in a session and what went wrong, worked out here from its events, without a model."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import TooMuchError
from openreplay_tools.fields import Detail, ProjectArguments, Session
from openreplay_tools.openreplay.digest import digest
from openreplay_tools.openreplay.doctor import Diagnosis
from openreplay_tools.openreplay.doctor_events import session_words
from openreplay_tools.openreplay.events import Missing, list_session_events
from openreplay_tools.openreplay.finding_lines import what, when
from openreplay_tools.openreplay.findings import Digest
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.paths import folded
from openreplay_tools.openreplay.scope import about, in_session, local
from openreplay_tools.openreplay.telling import MISSING, PLURALS, device_of, site_of
from openreplay_tools.operation import operation
from openreplay_tools.personal import PersonId
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.events import EventPage
    from openreplay_tools.openreplay.findings import Finding
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line, Part

_NARRATING = ["LOCATION", "CLICK", "TAP", "SWIPE", "INPUT", "ERROR", "CRASH", "ISSUE"]
_LINKED = 5
_MOST_FINDINGS = {"brief": 3, "normal": 12, "full": 60}
_MOST_STEPS = {"brief": 8, "normal": 20, "full": 90}
_MOST_MILESTONES = {"brief": 5, "normal": 15, "full": 60}
_NEAR_MS = 10_000


class SessionSummary(Digest):
    """A session's digest, and whose it is.

    Attributes:
        session_id: decimal text.
        started_at: start of the recording.
        duration_ms: from the start to the last event.
        user_id: "" for an anonymous visitor, None where the server does not tell.
        events_read: how many events the digest was made of, twins made one.
        total: events the server counts.
        narrowed: kinds of events that were read, where all were too many; [] for all.
        missing: why a second source could not add what it knows; "" when nothing is missing.
        not_told: what this server or credential does not tell of a session's events.
        diagnosis: when there are no events: why, as far as a few requests can tell.
        link: opens the replay.
    """

    session_id: str = ""
    started_at: datetime | None = None
    user_id: PersonId | None = ""
    browser: str = ""
    os: str = ""
    city: str = ""
    country: str = ""
    events_read: int = 0
    total: int = 0
    narrowed: list[str] = []
    missing: Missing = ""
    not_told: list[str] = []
    diagnosis: Diagnosis | None = None
    link: str = ""


class SummarizeSessionArgs(ProjectArguments):
    """Which session."""

    session: Session
    detail: Detail = "normal"


def _events(scope: Scope) -> Flow[tuple[EventPage, list[str], list[str]]]:
    """Return the session's events, the kinds they were narrowed to, and what this server does not tell."""
    which = {"session": scope.session.id, "project": scope.project.key or str(scope.project.id)}
    kinds: list[str] = []
    try:
        outcome = yield from list_session_events.call(list_session_events.parse(which), scope)
    except TooMuchError:  # too many to be read at once: what tells the story is a part of them
        kinds = _NARRATING
        outcome = yield from list_session_events.call(list_session_events.parse({**which, "kinds": kinds}), scope)
    return outcome.result, kinds, list(outcome.scope.lacks)


def summary_card(found: SessionSummary, args: SummarizeSessionArgs, scope: Scope) -> Answer:
    """Present a digest."""
    shown = found.findings[: _MOST_FINDINGS[args.detail]]
    return Answer(
        subject=own(f"Session {scope.session.id}"),
        scope=about(scope, *(_whose(found, scope) if found.events_read else ())),
        facts=tuple(line for line in (*_opening(found, scope), *_wrong(found)) if line),
        rows=tuple(_row(number, each, scope) for number, each in enumerate(shown, 1)),
        notes=tuple(line for line in _notes(found, args, scope, len(found.findings) - len(shown)) if line),
        rest='detail="full" widens',
    )


def _whose(found: SessionSummary, scope: Scope) -> list[Line]:
    anonymous = own("visitor not told" if found.user_id is None else "anonymous visitor")
    who: Line = (identifier(found.user_id),) if found.user_id else anonymous
    begun = f"{format_moment(local(found.started_at, scope))} {scope.zone.key}" if found.started_at else "start unknown"
    return [who, own(begun), own(f"at least {format_offset(found.duration_ms)} long")]


def _opening(found: SessionSummary, scope: Scope) -> list[Line]:
    if not found.events_read:
        return []
    lines = [
        device_of(found.browser, found.os, found.city, found.country),
        own(f"{session_link(scope, scope.session.id)}  (add ?jumpto=<ms> for a moment)"),
    ]
    moment = scope.session.moment_ms
    if moment is not None:
        near = sum(each.offset_ms - _NEAR_MS <= moment <= each.last_offset_ms + _NEAR_MS for each in found.findings)
        link = session_link(scope, scope.session.id, moment)
        about_it = f" {near} of the findings {'is' if near == 1 else 'are'} near it." if near else ""
        lines.append(own(f"The pasted link points at {format_offset(moment)}: {link}.{about_it}"))
    return lines


def _wrong(found: SessionSummary) -> list[Line]:
    if not found.events_read:
        return []
    if found.findings:
        return [own(f"What went wrong ({len(found.findings)}), worst first")]
    return [own(_SEEN_WELL if found.not_told or found.narrowed or found.missing else _ALL_WELL)]


_ALL_WELL = (
    "Nothing went wrong that the recording tells: no errors, failed requests, rage or dead clicks, reloads, "
    "abandoned forms, slow pages or long pauses."
)
_SEEN_WELL = "Nothing went wrong in what is told here; what is not stands below."


def _row(number: int, finding: Finding, scope: Scope) -> Row:
    """Return a finding as one row; the worst few with their whole link, the others with the end of it."""
    whole = session_link(scope, scope.session.id, finding.offset_ms)
    link = whole if number <= _LINKED else f"?{whole.rpartition('?')[2]}"
    line = (Own(f"{number}. "), *when(finding), Own("  "), *what(finding), Own(f"\n   {link}"))
    return Row((line,), worth=1000 - number, kind="findings")


def _notes(found: SessionSummary, args: SummarizeSessionArgs, scope: Scope, hidden: int) -> list[Line]:
    if not found.events_read:
        return session_words(found.diagnosis, scope) if found.diagnosis else [own("No events.")]
    notes = [_hidden(found, hidden), _path(found, args), _milestones(found, args), _slow(found), own(_counted(found))]
    if found.narrowed:
        notes.append(
            own(
                f"Too many events to read at once: read were only {', '.join(found.narrowed)}, so requests that "
                f"failed are known from issues alone, without status."
            )
        )
    if found.not_told:
        notes.append(own(f"Not told here, so not looked at: {', '.join(found.not_told)}."))
    if found.missing:
        notes.append(own(f"Missing: {MISSING[found.missing]}."))
    notes.append(
        own(f'Next: openreplay_list_session_events(session="{scope.session.id}", from_offset=…, to_offset=…).')
    )
    return notes


def _hidden(found: SessionSummary, hidden: int) -> Line:
    hidden += found.findings_left_out
    return own(f'{hidden} lesser findings left out; detail="full" shows more.') if hidden else ()


def _path(found: SessionSummary, args: SummarizeSessionArgs) -> Line:
    if not found.path:
        return ()
    return (Own("Path: "), *folded(found.path, found.pages_total, _MOST_STEPS[args.detail]))


def _milestones(found: SessionSummary, args: SummarizeSessionArgs) -> Line:
    shown = found.milestones[: _MOST_MILESTONES[args.detail]]
    parts: list[Part] = []
    for each in shown:
        times = f" ×{each.count}" if each.count > 1 else ""
        parts += [Own(f" → {format_offset(each.offset_ms)} "), Recorded(each.name, limit=80), Own(times)]
    told = sum(found.own_counts.values()) - sum(each.count for each in shown)
    more = (Own(f" and {told} more"),) if told > 0 else ()
    return (Own(f"Own events: {str(parts[0]).removeprefix(' → ')}"), *parts[1:], *more) if parts else ()


def _slow(found: SessionSummary) -> Line:
    slow = [each for each in found.requests if each.slowest_s > 1]
    worst = sorted(slow, key=lambda each: -each.slowest_s)[:3]
    parts = [
        part
        for each in worst
        for part in (
            Own(", "),
            Recorded(each.method, limit=10),
            Own(" "),
            Recorded(each.url, limit=120),
            Own(f" {each.slowest_s} s"),
        )
    ]
    return (Own("Slowest requests: "), *parts[1:]) if parts else ()


def _counted(found: SessionSummary) -> str:
    kinds = [f"{n} {PLURALS[kind] if n > 1 else PLURALS[kind].removesuffix('s')}" if kind in PLURALS else ""
             for kind, n in found.counts.items()]  # fmt: skip
    own_events = found.counts.get("own", 0)
    kinds += [f"{own_events} own event{'s' * (own_events > 1)}"] if own_events else []
    unread = f" {found.total - found.events_read} more are counted by the server." * (found.total > found.events_read)
    read = f"{found.events_read} event{'s' * (found.events_read != 1)}"
    return f"{read}: {', '.join(kind for kind in kinds if kind)}. Typed text is never told.{unread}"


@operation(SummarizeSessionArgs, group="insight", prepare=in_session, present=summary_card)
def summarize_session(args: SummarizeSessionArgs, scope: Scope) -> Flow[SessionSummary]:  # noqa: ARG001
    """Explain one session: who, pages, and what went wrong, worst first, each with a link to the moment.

    Chains of click, failed request and error; rage and dead clicks, reloads, abandoned forms, slow pages, pauses. The
    best first look; openreplay_list_session_events then tells single events.
    """
    page, narrowed, not_told = yield from _events(scope)

    def link(offset_ms: int) -> str:
        return session_link(scope, scope.session.id, offset_ms)

    requests_told = not (narrowed or "requests" in not_told or page.missing == "rows_forbidden")
    told = digest(page.rows, link, site_of(page.rows), requests_told=requests_told, complete=not narrowed)
    facts = {name: getattr(page, name) for name in _FACTS}
    return SessionSummary(
        **{**told.__dict__, **facts},
        events_read=len(page.rows),
        total=page.total or 0,
        narrowed=narrowed,
        not_told=not_told,
        link=session_link(scope, scope.session.id),
    )


_FACTS = ("session_id", "started_at", "user_id", "browser", "os", "city", "country", "missing", "diagnosis")
summarize_session.route("login", permission="DATA_MANAGEMENT")(summarize_session.routes[0].flow)
summarize_session.route("login", permission="SESSION_REPLAY")(summarize_session.routes[0].flow)
summarize_session.route("v1")(summarize_session.routes[0].flow)
