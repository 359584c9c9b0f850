"""One session's events as an answer: one line each, with an offset, a worth and no wire names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.scope import about, during
from openreplay_tools.openreplay.timeline import Event, payload
from openreplay_tools.text import Given, Own, Recorded, identifier, own
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
_SLOW_MS = 2500  # pages slower than this say so; the "needs improvement" bound of the LCP web vital
_ISSUES = {
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
    host = _site(page.rows)
    rows = tuple(_row(event, host) for event in page.rows)
    facts = tuple(_facts(page, args, rows, scope))
    if args.page:  # a walk misses nothing: what does not fit is cut from its end
        rows = tuple(replace(row, worth=0) for row in rows)
    return Answer(
        subject=(Own("in session "), identifier(page.session_id)),
        scope=about(scope, *_narrowed(args, scope)),
        tally=Tally("events", page.total, first=(args.page - 1) * args.limit + 1 if args.page else 1),
        facts=facts,
        headings=("at", "event", "what") if rows else (),
        rows=rows,
        notes=tuple(_notes(page, args)),
        rest=_rest(args),
    )


def _site(events: list[Event]) -> str:
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
        return "limit={shown} makes pages that fit"
    return 'page=1 walks through all in time order; kinds=["CLICK"] narrows; detail="full" widens'


def _narrowed(args: ListSessionEventsArgs, scope: Scope) -> list[Line]:
    said: list[Line] = [own("whole session") if scope.window.everything else during(scope)]
    if args.kinds:
        said.append(tuple(part for kind in args.kinds for part in (Own(", "), Given(kind)))[1:])
    if args.from_offset or args.to_offset:
        said[0] = own(f"{args.from_offset or '0:00'} to {args.to_offset or 'the end'}")
    return said


def _facts(page: EventPage, args: ListSessionEventsArgs, rows: tuple[Row, ...], scope: Scope) -> list[Line]:
    if not page.rows and not args.page:
        return []
    who: Line = (identifier(page.user_id),) if page.user_id else own("anonymous visitor")
    begun = format_moment(page.started_at.astimezone(scope.zone)) if page.started_at else "unknown"
    facts: list[Line] = [
        (*who, Own(f" · {begun} {scope.zone.key} · {format_offset(page.duration_ms)} to the last event"))
    ]
    device = [value for value in (page.browser, page.os, page.city, page.country) if value]
    if device:
        facts.append(tuple(part for value in device for part in (Own(" · "), Recorded(value, limit=40)))[1:])
    facts.append(own(f"{session_link(scope, page.session_id)}  (?jumpto=44000 opens 0:44)"))
    if scope.session.moment_ms is not None:
        facts.append(own(f"The pasted link points at {format_offset(scope.session.moment_ms)}: {page.link}"))
    worst = sorted(
        (index for index, row in enumerate(rows) if row.worth >= _MOMENT_WORTH), key=lambda index: -rows[index].worth
    )[:_MOMENTS]
    for index in sorted(worst):
        event = page.rows[index]
        facts.append(
            own(
                f"{format_offset(event.offset_ms)} {'failed request' if event.failed else _KINDS[event.kind]}: "
                f"{event.link}"
            )
        )
    return facts


def _notes(page: EventPage, args: ListSessionEventsArgs) -> list[Line]:
    notes: list[Line] = []
    if page.twins:
        notes.append(own(f"Issues that only repeat one of the site's own events stand with it ({page.twins})."))
    if page.rows and (args.from_offset or args.to_offset):
        notes.append(own("Event times are whole seconds: those at the edges may lie up to a second outside."))
    if page.unread:
        notes.append(own(f"{page.unread} events are counted by the server but not returned by it."))
    if args.page and args.page * args.limit < (page.total or 0):
        notes.append(own(f"More: page={args.page + 1}."))
    if page.kinds_present:
        kinds = tuple(
            part
            for kind, n in page.kinds_present.items()
            for part in (Own(", "), Recorded(kind, limit=60), Own(f" {n}"))
        )
        notes.append((Own("This session has none of these kinds. It has: "), *kinds[1:]))
    elif not page.rows and args.page > 1:
        notes.append(own(f"Page {args.page} is past the end."))
    elif not page.rows and (args.since or args.until or args.from_offset or args.to_offset):
        notes.append(
            own("Nothing in this part: leave out since, until, from_offset and to_offset for the whole session.")
        )
    elif not page.rows:
        why = (
            "the id may belong to another project, or the session is still being recorded (events follow minutes later)"
        )
        notes.append(own(f"No events: {why}."))
    return notes


def _row(event: Event, host: str) -> Row:
    teller = _TELLERS.get(event.kind, _own_event)
    worth = _FAILED_WORTH if event.failed else _WORTH.get(event.kind, _OWN_EVENT_WORTH)
    if event.kind == "ISSUE" and event.issue_type == "custom":
        worth = _OWN_EVENT_WORTH
    label: Line = own(_KINDS[event.kind]) if event.kind in _KINDS else own("event")
    kind = "failed requests" if event.failed else _PLURALS.get(event.kind, "own events")
    return Row((own(format_offset(event.offset_ms)), label, _joined(teller(event, host))), worth, kind)


def _joined(parts: list[Line]) -> Line:
    return tuple(part for line in parts if line for part in (Own(" "), *line))[1:]


def _page(event: Event, host: str) -> list[Line]:
    parts = [_address(event.url, host)]
    figures = [(name, _number(event.recorded(key))) for name, key in (("loaded in", "load_event_end"), ("LCP", "lcp"))]
    slow = [f"{name} {value / 1000:.1f} s" for name, value in figures if value is not None and value >= _SLOW_MS]
    return [*parts, own(f"(slow: {', '.join(slow)})")] if slow else parts


def _click(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    label, selector = event.recorded("label"), event.recorded("selector")
    shown = _text(label, 80) or own("(no label)")
    return [shown, () if selector in {label, None, ""} else (Own("at "), Recorded(str(selector), limit=60))]


def _input(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("label"), 80), own(f"({event.duration_s} s)") if event.duration_s else ()]


def _swipe(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("direction"), 20), _text(event.recorded("label"), 80)]


def _request(event: Event, host: str) -> list[Line]:
    status, method = event.recorded("status"), event.recorded("method")
    address = event.url or str(event.recorded("url") or "")
    parts = [
        _text(method, 10),
        _address(address, host),
        own(f"→ {status}") if isinstance(status, int) else own("→ no answer"),
    ]
    if event.duration_s:
        parts.append(own(f"in {event.duration_s} s"))
    said = _body(event.recorded("response_body")) if event.failed else ""
    return [*parts, (Own("said "), Recorded(said, limit=100))] if said else parts


def _graphql(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [_text(event.recorded("name"), 80)]


def _error(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    name, message = event.recorded("name"), event.recorded("message") or event.recorded("reason")
    return [_text(name, 60), _text(message, 160), _origin(event.recorded("payload"))]


def _issue(event: Event, host: str) -> list[Line]:
    kind = event.issue_type or str(event.recorded("issue_type") or "")
    label: Line = own(_ISSUES[kind]) if kind in _ISSUES else _text(kind, 40)
    context = str(event.recorded("context_string") or event.recorded("label") or "")
    told: Line = _address(context, host) if "://" in context else _text(context, 100)
    data = payload(event)
    count = data.get("Count") if kind == "click_rage" else None
    if kind == "custom":
        return [label, told, _pairs(data)]
    return [label, (Own("at "), *told) if told else (), own(f"({count} clicks)") if isinstance(count, int) else ()]


def _performance(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    fps, cpu, heap = (_number(event.recorded(key)) for key in ("avg_fps", "max_cpu", "max_used_js_heap_size"))
    told = [f"{fps:.0f} fps"] if fps is not None else []
    told += [f"CPU {cpu:.0f} %"] if cpu is not None else []
    told += [f"heap {heap / 2**20:.0f} MiB"] if heap is not None else []
    return [own(", ".join(told) or "–")]


def _own_event(event: Event, host: str) -> list[Line]:  # noqa: ARG001
    return [(Recorded(event.kind, limit=80),), _pairs(payload(event))]


def _pairs(data: dict[str, Any]) -> Line:
    parts: list[Own | Recorded] = []
    for key, value in list(data.items())[:6]:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parts += [Own(" " if parts else ""), Recorded(key, limit=40), Own("="), Recorded(text, limit=80)]
    return (*parts, Own(f" and {len(data) - 6} more")) if len(data) > 6 else tuple(parts)


def _address(url: str, host: str) -> Line:
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


def _origin(stack: Any) -> Line:
    """Return where an error was thrown: file:line:column of the first frame."""
    try:
        frames = json.loads(stack) if isinstance(stack, str) and stack else []
    except ValueError:
        return ()
    top = frames[0] if isinstance(frames, list) and frames and isinstance(frames[0], dict) else {}
    name = str(top.get("fileName", "")).rpartition("/")[2]
    return (
        (Own("at "), Recorded(f"{name}:{top.get('lineNumber', '?')}:{top.get('columnNumber', '?')}", limit=80))
        if name
        else ()
    )


def _body(text: Any) -> str:
    """Return the body of a saved payload: JSON text that holds headers and body."""
    if not isinstance(text, str) or not text:
        return ""
    try:
        saved = json.loads(text)
    except ValueError:
        return text
    body = saved.get("body", "") if isinstance(saved, dict) else saved
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _text(value: Any, limit: int) -> Line:
    return (Recorded(str(value), limit=limit),) if value not in {None, ""} else ()


def _number(value: Any) -> float | None:
    """Read a figure; web vitals are strings (observed §A17)."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None


_TELLERS: dict[str, Callable[[Event, str], list[Line]]] = {
    "LOCATION": _page, "CLICK": _click, "TAP": _click, "SWIPE": _swipe, "INPUT": _input, "REQUEST": _request,
    "GRAPHQL": _graphql, "ERROR": _error, "CRASH": _error, "ISSUE": _issue, "PERFORMANCE": _performance,
}  # fmt: skip
_PLURALS = {
    "LOCATION": "pages", "CLICK": "clicks", "TAP": "taps", "SWIPE": "swipes", "INPUT": "inputs",
    "REQUEST": "requests", "GRAPHQL": "GraphQL calls", "ERROR": "errors", "CRASH": "crashes", "ISSUE": "issues",
    "PERFORMANCE": "performance samples",
}  # fmt: skip
