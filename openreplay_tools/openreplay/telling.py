"""One session's events as an answer: one line each, with an offset, a worth and no wire names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.doctor_events import session_words
from openreplay_tools.openreplay.filters import CAPTURED_EVENTS, event_names
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.scope import about, device_name, during, local
from openreplay_tools.openreplay.symptoms import answer_text
from openreplay_tools.openreplay.timeline import Event, number, parsed, payload
from openreplay_tools.text import Given, Own, Recorded, identifier, own, shorten
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.openreplay.events import EventPage, ListSessionEventsArgs
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_WORTH = {
    "ERROR": 100,
    "CRASH": 100,
    "ISSUE": 90,
    "LOCATION": 50,
    "CLICK": 40,
    "TAP": 40,
    "INPUT": 35,
    "SWIPE": 20,
    "REQUEST": 20,
    "GRAPHQL": 20,
    "PERFORMANCE": 5,
}
_FAILED_WORTH = 95
_OWN_EVENT_WORTH = 60
_MOMENT_WORTH = 90
_MOMENTS = 3
_PAIRS = 6
_FOLDED = 4  # so many equal events, or more, stand as one line
_TIMINGS = (("loaded in", "load_event_end"), ("LCP", "lcp"))
_BESIDE_REPLAYS = "what the dashboard adds beside the replay, such as incidents and counts of rage clicks"
MISSING = {
    "rows_forbidden": "requests, performance samples, who the visitor was (the login's role lacks the permission "
    "DATA_MANAGEMENT)",
    "replay_forbidden": f"{_BESIDE_REPLAYS} (the login's role lacks the permission SESSION_REPLAY)",
    "replay_failed": f"{_BESIDE_REPLAYS} (the dashboard failed to tell it)",
}
_LONGEST_MS = 86_400_000
_SLOW_MS = 2500  # pages slower than this say so; the "needs improvement" bound of the LCP web vital
ISSUES = {
    "click_rage": "rage click", "dead_click": "dead click", "bad_request": "bad request",
    "js_exception": "script error", "missing_resource": "missing resource", "slow_resource": "slow resource",
    "slow_page_load": "slow page", "memory": "high memory", "cpu": "high CPU", "crash": "crash",
    "app_crash": "app crash", "mouse_thrashing": "mouse thrashing", "excessive_scrolling": "excessive scrolling",
    "incident": "incident", "custom": "own event",
}  # fmt: skip
_KINDS = {
    "LOCATION": "page", "CLICK": "click", "TAP": "tap", "SWIPE": "swipe", "INPUT": "input", "REQUEST": "request",
    "GRAPHQL": "graphql", "ERROR": "error", "CRASH": "crash", "ISSUE": "issue", "PERFORMANCE": "performance",
}  # fmt: skip


def events_table(page: EventPage, args: ListSessionEventsArgs, scope: Scope) -> Answer:
    """Present a session's events."""
    host = site_of(page.rows)
    told = [(event, row_of(event, host, full=args.detail == "full")) for event in page.rows]
    if not args.page:  # a walk shows each by itself
        told = _folded(told)
    return Answer(
        subject=(Own("in session "), identifier(page.session_id)),
        scope=about(scope, *_narrowed(args, scope)),
        tally=Tally("events", page.total, first=(args.page - 1) * args.limit + 1 if args.page else 1),
        facts=tuple(_facts(page, scope) + _moments(told)) if told or page.total else (),
        headings=("at", "event", "what") if told else (),
        rows=tuple(row for _, row in told),
        in_order=bool(args.page),
        notes=tuple(_notes(page, args, scope)),
        more=own(f"More: page={args.page + 1}.") if args.page and args.page * args.limit < (page.total or 0) else (),
        rest=_rest(args),
    )


def _folded(told: list[tuple[Event, Row]]) -> list[tuple[Event, Row]]:
    """Return many equal events as one line: the first, how many there are, and when the last one was."""
    equal: dict[str, list[Row]] = {}
    for _, row in told:
        equal.setdefault(repr(row.cells[1:]), []).append(row)
    kept = []
    for event, row in told:
        group = equal[repr(row.cells[1:])]
        if len(group) < _FOLDED:
            kept.append((event, row))
        elif row is group[0]:
            last = own(f" ×{len(group)}, the last at {group[-1].cells[0][0]}")
            at, kind, what = row.cells
            kept.append((event, replace(row, cells=(at, kind, (*what, *last)), count=len(group))))
    return kept


def site_of(events: list[Event]) -> str:
    """Return the host of the pages, which addresses need not repeat; "" when it cannot be told."""
    pages = next((_host(event.url) for event in events if event.kind == "LOCATION"), "")
    everywhere = {_host(event.url) for event in events if event.url}
    return pages or (everywhere.pop() if len(everywhere) == 1 else "")


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _rest(args: ListSessionEventsArgs) -> str:
    if args.page:
        return "limit={shown}, page={next} goes on"
    return 'page=1 walks through all in time order; kinds=["CLICK"] narrows; detail="full" widens'


def _narrowed(args: ListSessionEventsArgs, scope: Scope) -> list[Line]:
    said: list[Line] = [own("whole session") if scope.window.everything else during(scope)]
    if args.kinds:
        said.append(tuple(part for kind in event_names(args.kinds) for part in (Own(", "), _kind(kind)))[1:])
    if args.from_offset or args.to_offset:
        said[0] = own(f"{args.from_offset or '0:00'} to {args.to_offset or 'the end'}")
    return said


def _kind(name: str) -> Own | Given:
    return Own(name) if name in CAPTURED_EVENTS else Given(name)


def _facts(page: EventPage, scope: Scope) -> list[Line]:
    anonymous = own("visitor not told" if page.user_id is None else "anonymous visitor")
    who: Line = (identifier(page.user_id),) if page.user_id else anonymous
    begun = format_moment(local(page.started_at, scope)) if page.started_at else "unknown"
    length = format_offset(page.duration_ms)
    facts: list[Line] = [(*who, Own(f" · {begun} {scope.zone.key} · {length} to the last event"))]
    if on := device_of(page.browser, page.os, page.city, page.country):
        facts.append(on)
    facts.append(own(f"{session_link(scope, page.session_id)}  (?jumpto=44000 opens 0:44)"))
    if scope.session.moment_ms is not None:
        facts.append(own(f"The pasted link points at {format_offset(scope.session.moment_ms)}: {page.link}"))
    return facts


def device_of(browser: str, system: str, city: str, country: str) -> Line:
    """Return on what and where a visitor was, () when nothing is told."""
    where = " ".join(part for part in (city, country) if part)
    device = [device_name(value) for value in (browser, system) if value]
    device += [Recorded(where, limit=60)] if where else []
    return tuple(part for value in device for part in (Own(" · "), value))[1:]


def _moments(told: list[tuple[Event, Row]]) -> list[Line]:
    """Return the few moments that matter most, each with the link that opens it."""
    worthy = [number for number, (_, row) in enumerate(told) if row.worth >= _MOMENT_WORTH]
    worst = sorted(worthy, key=lambda number: -told[number][1].worth)[:_MOMENTS]
    events = [told[number][0] for number in sorted(worst)]
    names = ["failed request" if event.failed else _KINDS[event.kind] for event in events]
    offsets = [format_offset(event.offset_ms) for event in events]
    return [own(f"{at} {what}: {event.link}") for at, what, event in zip(offsets, names, events, strict=True)]


def _notes(page: EventPage, args: ListSessionEventsArgs, scope: Scope) -> list[Line]:
    notes: list[Line] = []
    if page.twins:
        notes.append(own(f"Issues folded into the site's own event that they repeat: {page.twins}."))
    if page.rows and (args.from_offset or args.to_offset):
        notes.append(own("Event times are whole seconds: those at the edges may lie up to a second outside."))
    if page.unread:
        notes.append(own(f"{page.unread} events are counted by the server but not returned by it."))
    if page.missing:
        notes.append(own(f"Missing: {MISSING[page.missing]}."))
    if page.kinds_present:
        kinds = tuple(
            part
            for kind, n in page.kinds_present.items()
            for part in (Own(", "), Recorded(kind, limit=60), Own(f" {n}"))
        )
        notes.append((Own("Why: this session has none of these kinds. It has: "), *kinds[1:]))
    elif not page.rows and args.page > 1:
        notes.append(own(f"Page {args.page} is past the end."))
    elif page.diagnosis is not None:
        notes = [*session_words(page.diagnosis, scope), *notes]
    return notes


def row_of(event: Event, host: str, *, full: bool) -> Row:
    """Return an event as offset, kind and what it tells.

    Args:
        event: with its offset.
        host: the site's, which addresses need not repeat.
        full: tell more of payloads.
    """
    worth = _FAILED_WORTH if event.failed else _WORTH.get(event.kind, _OWN_EVENT_WORTH)
    if event.kind == "ISSUE" and event.issue_type == "custom":
        worth = _OWN_EVENT_WORTH
    label = own(_KINDS.get(event.kind, "event"))
    what = _TELLERS.get(event.kind, _own_event)(event, host)
    if full:
        what.append(_selector(event))
    kind = "failed requests" if event.failed else PLURALS.get(event.kind, "own events")
    return Row((own(format_offset(event.offset_ms)), label, _joined(what)), worth, kind)


def _joined(parts: list[Line]) -> Line:
    return tuple(part for line in parts if line for part in (Own(" "), *line))[1:]


def _page(event: Event, host: str) -> list[Line]:
    parts = [address(event.url, host)]
    figures = [(name, number(event.recorded(key))) for name, key in _TIMINGS]
    if all(value is None for _, value in figures):  # not every server tells them
        figures = [("first content after", number(event.recorded("first_contentful_paint_time")))]
    slow = [f"{name} {value / 1000:.1f} s" for name, value in figures if value is not None and value >= _SLOW_MS]
    return [*parts, own(f"(slow: {', '.join(slow)})")] if slow else parts


def _click(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    label, selector = event.recorded("label"), event.recorded("selector")
    place: Line = (Own("at "), Recorded(str(selector), limit=60)) if selector else own("(no label)")
    return [_text(label, 80) or place]


def _selector(event: Event) -> Line:
    selector, label = event.recorded("selector"), event.recorded("label")
    return (Own("at "), Recorded(str(selector), limit=80)) if selector and label and selector != label else ()


def _input(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("label"), 80), own(f"({event.duration_s} s)") if event.duration_s else ()]


def _swipe(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("direction"), 20), _text(event.recorded("label"), 80)]


def _request(event: Event, host: str) -> list[Line]:
    status, method = number(event.recorded("status")), event.recorded("method")
    target = event.url or str(event.recorded("url") or "")
    parts = [
        _text(method, 10),
        address(target, host),
        own(f"→ {status:.0f}" if status is not None else "→ no answer"),
    ]
    if event.duration_s:
        parts.append(own(f"in {event.duration_s} s"))
    said = answer_text(event) if event.failed else ""
    return [*parts, (Own("said "), Recorded(said, limit=100))] if said else parts


def _graphql(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("name"), 80)]


def _error(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    name, message = event.recorded("name"), event.recorded("message") or event.recorded("reason")
    origin = origin_of(event)
    return [_text(name, 60), _text(message, 160), (Own("at "), Recorded(origin, limit=80)) if origin else ()]


def _issue(event: Event, host: str) -> list[Line]:
    kind = event.issue_type or str(event.recorded("issue_type") or "")
    label: Line = own(ISSUES[kind]) if kind in ISSUES else _text(kind, 40)
    context = str(event.recorded("context_string") or event.recorded("label") or "")
    told: Line = address(context, host) if "://" in context else _text(context, 100)
    data = payload(event)
    count = data.get("Count") if kind == "click_rage" else None
    if kind == "custom":
        return [label, told, pairs_of(data)]
    if kind == "incident":
        return [label, told, _lasted(event)]
    return [label, (Own("at "), *told) if told else (), own(f"({count} clicks)") if isinstance(count, int) else ()]


def _lasted(incident: Event) -> Line:
    start, end = (number(incident.recorded(key)) for key in ("start_time", "end_time"))
    if start is None or end is None or not 0 < end - start < _LONGEST_MS:
        return ()
    return own(f"(lasted {format_offset(round(end - start))})")


def _performance(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    fps, cpu, heap = (number(event.recorded(key)) for key in ("avg_fps", "max_cpu", "max_used_js_heap_size"))
    told = [f"{fps:.0f} fps"] if fps is not None else []
    told += [f"CPU {cpu:.0f} %"] if cpu is not None else []
    told += [f"heap {heap / 2**20:.0f} MiB"] if heap is not None else []
    return [own(", ".join(told) or "–")]


def _own_event(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [(Recorded(event.kind, limit=80),), pairs_of(payload(event))]


def pairs_of(data: dict[str, Any]) -> Line:
    """Return a payload as one recorded text: its words side by side could otherwise read as ours."""
    parts = []
    masked: Any = mask_tree(data)  # before it is cut, and while each value stands under its name
    for key, value in list(masked.items())[:_PAIRS]:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parts.append(f"{shorten(key, 40)}={shorten(text, 80)}")
    more = f" and {len(data) - _PAIRS} more" if len(data) > _PAIRS else ""
    return (Recorded(" ".join(parts), limit=300), Own(more)) if parts else ()


def address(url: str, host: str) -> Line:
    """Return a URL without the host of the site itself; path and query are separate, for the query is free text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (Recorded(url, limit=120),)
    where = parts.path or "/"
    foreign = f"{parts.scheme}://{parts.netloc}" if parts.netloc and parts.netloc != host else ""
    query: Line = (Own(" "), Recorded(f"?{parts.query}", limit=120)) if parts.query else ()
    anchor: Line = (Own(" "), Recorded(f"#{parts.fragment}", limit=60)) if parts.fragment else ()
    return (Recorded(foreign + where, limit=120), *query, *anchor)


def origin_of(error: Event) -> str:
    """Return where an error was thrown, file:line:column of the first frame; "" when its stack does not tell."""
    frames = parsed(error.recorded("payload"))
    top = frames[0] if isinstance(frames, list) and frames and isinstance(frames[0], dict) else {}
    name = str(top.get("fileName", "")).rpartition("/")[2]
    return f"{name}:{top.get('lineNumber', '?')}:{top.get('columnNumber', '?')}" if name else ""


def _text(value: Any, limit: int) -> Line:
    return () if value is None or value == "" else (Recorded(str(value), limit=limit),)


_TELLERS: dict[str, Callable[[Event, str], list[Line]]] = {
    "LOCATION": _page, "CLICK": _click, "TAP": _click, "SWIPE": _swipe, "INPUT": _input, "REQUEST": _request,
    "GRAPHQL": _graphql, "ERROR": _error, "CRASH": _error, "ISSUE": _issue, "PERFORMANCE": _performance,
}  # fmt: skip
PLURALS = {
    "LOCATION": "pages", "CLICK": "clicks", "TAP": "taps", "SWIPE": "swipes", "INPUT": "inputs",
    "REQUEST": "requests", "GRAPHQL": "GraphQL calls", "ERROR": "errors", "CRASH": "crashes", "ISSUE": "issues",
    "PERFORMANCE": "performance samples",
}  # fmt: skip
