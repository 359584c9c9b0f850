"""A session's events understood, without a model: chains of click, request and error, and other troubles.

One pass in the order of time, with memory for what is distinct only. Event times are whole seconds; within one,
`timeline.arranged` restores the order by cause.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from openreplay_tools.openreplay.filters import CAPTURED_EVENTS
from openreplay_tools.openreplay.findings import Digest, ErrorSeen
from openreplay_tools.openreplay.ledger import Action, Ledger, add_error, add_report
from openreplay_tools.openreplay.signatures import message_template, url_template, usually_harmless
from openreplay_tools.openreplay.symptoms import answer_text, error_inside, is_asset, tells_failure
from openreplay_tools.openreplay.telling import origin_of
from openreplay_tools.openreplay.timeline import number, payload
from openreplay_tools.openreplay.trail import Trail
from openreplay_tools.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openreplay_tools.openreplay.findings import Kind
    from openreplay_tools.openreplay.timeline import Event

_CAUSES_MS: Final = 10_000  # a click explains what fails so soon after it
_OPENS_MS: Final = 5_000  # so does opening a page
_PAUSE_MS: Final = 60_000
_SLOW_PAGE_MS: Final = 4_000  # the "poor" bound of the LCP web vital
_SLOW_REQUEST_S: Final = 5
_RELOADS: Final = 2
_RELOAD_MS: Final = 60_000
_SEARCH_MS: Final = 5_000
_RETURN_MS: Final = 5_000
_MOST_FIELDS: Final = 12
_MOST_FORMS: Final = 20
_READING: Final = frozenset({"", "GET", "HEAD", "OPTIONS"})
_GRAPHQL: Final = "GraphQL"
_REMEMBERED: Final = 2048
_SAID: Final = 200
_ERRORS: Final = frozenset({"error", "crash"})  # each is trouble of its own
_BACKGROUND: Final = frozenset({"PERFORMANCE"})


class _Form:
    """Fields of one page that were typed into, and what became of them."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.fields: list[str] = []
        self.started_ms = self.typed_ms = 0
        self.sent = False  # or tried to: a failure tells that by itself
        self.left: tuple[str, int] | None = None  # for which page, when

    def typed(self, label: str, offset_ms: int) -> None:
        if self.sent or not self.fields:  # what was typed before is sent
            self.fields, self.started_ms = [], offset_ms
        self.typed_ms, self.sent, self.left = offset_ms, False, None
        if label not in self.fields and len(self.fields) < _MOST_FIELDS:
            self.fields.append(label)


class _Fold:
    """Takes a session's events one after another."""

    def __init__(self, host: str, *, requests_told: bool, complete: bool) -> None:
        self.ledger, self.trail = Ledger(), Trail()
        self._host, self._requests_told, self._complete = host, requests_told, complete
        # Sessions repeat their addresses and messages.
        self._template = lru_cache(maxsize=_REMEMBERED)(url_template)
        self._wording = lru_cache(maxsize=_REMEMBERED)(message_template)
        self._page, self._url, self._opened_ms = "", "", 0
        self._action: Action | None = None
        self._acted_on_page = False
        self._forms: dict[str, _Form] = {}
        self._reloads = 0
        self._most_reloads: dict[str, int] = {}
        self._last_ms = 0
        self._handlers: dict[str, Callable[[Event], None]] = {
            "LOCATION": self._location, "CLICK": self._click, "TAP": self._click, "INPUT": self._input,
            "REQUEST": self._request, "GRAPHQL": self._graphql, "CUSTOM": self._of_an_app, "ERROR": self._error,
            "CRASH": self._error, "ISSUE": self._issue,
        }  # fmt: skip

    def take(self, event: Event) -> None:
        at, kind = event.offset_ms, event.kind
        self.trail.counts[kind if kind in CAPTURED_EVENTS and kind != "CUSTOM" else "own"] += 1
        if kind not in _BACKGROUND:
            if self._complete and at - self._last_ms >= _PAUSE_MS:
                length = at - self._last_ms
                self.ledger.note("pause", [self._page], self._last_ms, page=self._page, duration_ms=length)
            self._last_ms = at
        if handler := self._handlers.get(kind):
            handler(event)
        elif kind not in CAPTURED_EVENTS:
            self._own(event)

    def end(self) -> None:
        for form in self._forms.values():
            self._abandoned(form)
        self.trail.left(self._last_ms)
        if self._complete:
            self.ledger.ended(self._last_ms)
        self.ledger.settle(self.trail.later)

    # --- what the visitor did ---

    def _location(self, event: Event) -> None:
        at, url = event.offset_ms, event.url
        if not self._host:
            self._host = _host(url)
        page = self._template(url, self._host)
        same = url == self._url
        if not same and url.partition("#")[0] == self._url.partition("#")[0]:
            self._url = url  # another part of the same page
            return
        # A page opened again while nothing was done on it; within a second it is one load told twice.
        again = same and not self._acted_on_page and 0 < at - self._opened_ms <= _RELOAD_MS
        self._reloads = self._reloads + 1 if again else 0
        if self._reloads >= _RELOADS:
            found = self.ledger.note("reloads", [page], at, page=page)
            found.count = self._most_reloads[page] = max(self._most_reloads.get(page, 0), self._reloads)
        self._leave_form(page, at)
        self.ledger.moved(page, at, again=same)
        loaded = round(max(number(event.recorded(key)) or 0 for key in ("lcp", "load_event_end")))
        self.trail.visited(page, at, loaded)
        if loaded >= _SLOW_PAGE_MS:
            self.ledger.note("slow_page", [page], at, page=page, duration_ms=loaded)
        self._page, self._url, self._opened_ms = page, url, at
        self._acted_on_page = False

    def _page_of(self, event: Event) -> str:
        """Return the page an event tells, for another tab may be open; else the one opened last."""
        return self._template(event.url, self._host) if event.url else self._page

    def _click(self, event: Event) -> None:
        label = str(event.recorded("label") or event.recorded("selector") or "")
        self._do(Action("tap" if event.kind == "TAP" else "click", label, event.offset_ms))

    def _input(self, event: Event) -> None:
        label, page = str(event.recorded("label") or ""), self._page_of(event)
        if page in self._forms or len(self._forms) < _MOST_FORMS:
            self._forms.setdefault(page, _Form(page)).typed(label, event.offset_ms)
        self._do(Action("input", label, event.offset_ms))

    def _do(self, action: Action) -> None:
        self.ledger.acted(action)
        self._action, self._acted_on_page = action, True

    def _cause(self, at: int) -> Action | None:
        """Return what brought about what happens now."""
        action = self._action
        if action is not None and at - action.offset_ms <= _CAUSES_MS and action.offset_ms >= self._opened_ms:
            return action
        opened = self._page and at - self._opened_ms <= _OPENS_MS
        return Action("open", "", self._opened_ms) if opened else None

    def _leave_form(self, page: str, at: int) -> None:
        """Take note that the page of a form was left."""
        form = self._forms.get(self._page)
        if form is None or form.sent or form.left or page == form.page:
            return
        # A click that leads on may be what sends a form, and so may the return key.
        clicked = self._action is not None and self._action.kind != "input" and self._action.offset_ms >= form.typed_ms
        form.sent = clicked or at - form.typed_ms <= _RETURN_MS
        form.left = page, at

    def _sent(self, at: int) -> None:
        """Take note that something was sent, which any form that is still open may have been."""
        for form in self._forms.values():
            form.sent |= form.left is None and at >= form.typed_ms

    def _abandoned(self, form: _Form) -> None:
        """Note a form of which nothing can have been sent; where requests are not told, nobody knows."""
        if form.sent or not self._requests_told or not self.trail.knows_requests or not (form.left or self._complete):
            return
        length = form.typed_ms - form.started_ms
        about: dict[str, Any] = {"page": form.page, "fields": form.fields, "duration_ms": length}
        found = self.ledger.note("abandoned_form", [form.page], form.typed_ms, **about)
        page, at = form.left or ("", self._last_ms)
        found.reaction, found.reaction_page = ("left", page) if page else ("ended", "")
        found.reaction_after_ms = at - form.typed_ms

    # --- what the page did ---

    def _request(self, event: Event) -> None:
        at, failed = event.offset_ms, event.failed
        method = str(event.recorded("method") or "")
        address = event.url or str(event.recorded("url") or "")
        url, asset = self._template(address, self._host), is_asset(address)
        if not asset and (method not in _READING or self._follows_an_action(at)):
            self._sent(at)
        status = number(event.recorded("status"))
        signature = [method, url, str(round(status or 0))]
        said = "" if failed else error_inside(event)
        cause = self._counted(event, (method, url), failed=failed or bool(said))
        about: dict[str, Any] = {"method": method, "url": url, "page": self._page,
                                 "status": round(status) if status else None}  # fmt: skip
        about["duration_ms"] = event.duration_s * 1000
        if failed:
            about |= {"asset": asset, "said": shorten(answer_text(event), _SAID)}
            self._failed("failed_request", signature, at, cause, **about)
        elif said:
            self._failed("hidden_error", signature, at, cause, said=shorten(said, _SAID), **about)
        elif event.duration_s >= _SLOW_REQUEST_S:
            self.ledger.note("slow_request", signature, at, cause, **about)

    def _graphql(self, event: Event) -> None:
        at, name = event.offset_ms, str(event.recorded("name") or "")
        said = error_inside(event)
        self._sent(at)
        cause = self._counted(event, (_GRAPHQL, name), failed=bool(said))
        if said:
            about: dict[str, Any] = {"method": _GRAPHQL, "url": name, "page": self._page, "said": shorten(said, _SAID)}
            self._failed("hidden_error", [_GRAPHQL, name], at, cause, **about)

    def _counted(self, event: Event, kind: tuple[str, str], *, failed: bool) -> Action | None:
        """Count a request; return what brought it about, None for one that a page sends again and again by itself."""
        at = event.offset_ms
        cause = self._cause(at)
        again = self.trail.requested(kind, at, event.duration_s, failed=failed, caused=cause is not None)
        return None if again else cause

    def _follows_an_action(self, at: int) -> bool:
        return self._action is not None and at - self._action.offset_ms <= _SEARCH_MS

    def _failed(self, kind: Kind, signature: list[str], at: int, cause: Action | None, **about: Any) -> None:
        found = self.ledger.note(kind, signature, at, cause, **about)
        if not found.asset:
            self.ledger.opens(found, at, self._action)

    def _error(self, event: Event) -> None:
        at = event.offset_ms
        message = str(event.recorded("message") or event.recorded("reason") or "")
        seen = ErrorSeen(name=str(event.recorded("name") or ""), message=message, origin=origin_of(event))
        cause = self.ledger.cause(at, self._action)
        if cause is not None and cause.kind not in _ERRORS:
            add_error(cause, seen)
            return
        kind: Kind = "crash" if event.kind == "CRASH" else "error"
        by = None if usually_harmless(message) else self._cause(at)
        signature = [seen.name, self._wording(message)]
        found = self.ledger.note(kind, signature, at, by, page=self._page_of(event))
        add_error(found, seen)
        self.ledger.opens(found, at, self._action)

    def _own(self, event: Event) -> None:
        at, failed = event.offset_ms, tells_failure(event)
        self.trail.told(event.kind, at, failed=failed)
        self._sent(at)
        if not failed:
            return
        found = self.ledger.cause(at, self._action)
        if found is None:
            found = self.ledger.note("failure_event", [event.kind], at, self._cause(at), page=self._page)
            self.ledger.opens(found, at, self._action)
        add_report(found, event)

    def _of_an_app(self, event: Event) -> None:
        """Take an own event of a phone app: all of them are of the kind CUSTOM (contract §2.8)."""
        self._own(event.model_copy(update={"kind": str(event.recorded("name") or event.kind)}))

    def _issue(self, event: Event) -> None:
        at, kind = event.offset_ms, event.issue_type or str(event.recorded("issue_type") or "")
        context = str(event.recorded("context_string") or event.recorded("label") or "")
        if kind == "custom":  # its own event was lost (observed §A3)
            self._own(event.model_copy(update={"kind": context, "properties": payload(event)}))
        elif kind in {"click_rage", "dead_click"}:
            self._idle_click(kind, context, event, number(payload(event).get("Count")))
        elif kind == "bad_request":
            url = self._template(context, self._host)
            if self.ledger.near(at, url) is None:
                about: dict[str, Any] = {"url": url, "page": self._page, "asset": is_asset(context)}
                self._failed("failed_request", ["", url, "0"], at, self._cause(at), **about)
        elif kind != "js_exception" or self.ledger.near(at) is None:
            signature = [kind, self._wording(context)]
            self.ledger.note("issue", signature, at, issue=kind, said=context, page=self._page)

    def _idle_click(self, kind: str, label: str, event: Event, count: float | None) -> None:
        """Take a click without effect: part of the failure it brought about, or trouble of its own."""
        clicks, at = round(count) if count else 0, event.offset_ms
        if found := self.ledger.of_label(label, at):
            found.dead = found.dead or kind == "dead_click"
            found.clicks = max(found.clicks, clicks)
            return
        what: Kind = "rage_click" if kind == "click_rage" else "dead_click"
        self.ledger.note(what, [label], at, Action("click", label, at), page=self._page_of(event), clicks=clicks)


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition("?")[0]


def digest(
    events: Iterable[Event],
    link: Callable[[int], str],
    host: str = "",
    *,
    requests_told: bool = True,
    complete: bool = True,
) -> Digest:
    """Return what a session's events mean.

    Args:
        events: with their offsets, in order of time (`timeline.arranged`), twins made one; read once.
        link: makes the link to an offset in ms.
        host: of the site; "" takes that of the first page.
        requests_told: whether requests are among the events; without them nobody knows whether a form was sent.
        complete: whether all other kinds are; otherwise nothing is said of pauses and of how it ended.
    """
    fold = _Fold(host, requests_told=requests_told, complete=complete)
    for event in events:
        fold.take(event)
    fold.end()
    findings = fold.ledger.findings
    for finding in findings:
        finding.link = link(finding.offset_ms)
    trail = fold.trail
    return Digest(
        findings=findings,
        findings_left_out=fold.ledger.left_out,
        path=trail.path,
        pages_total=trail.pages_total,
        milestones=trail.milestones,
        requests=trail.requests,
        pages=trail.pages,
        counts=dict(trail.counts.most_common()),
        own_counts=dict(trail.own_counts.most_common()),
        duration_ms=fold._last_ms,  # noqa: SLF001 - of this module
    )
