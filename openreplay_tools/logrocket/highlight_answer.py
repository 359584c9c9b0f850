"""How highlights are told: the summary, each session's text, and links to the moments that these speak of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from openreplay_tools.answer import Answer, Row
from openreplay_tools.logrocket.access import about
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.logrocket.highlight_replies import Highlights
    from openreplay_tools.operation import Scope
    from openreplay_tools.recordings import Highlight, Moment
    from openreplay_tools.text import Line, Part

_LINK = re.compile(r"\[([^\[\]\n]{0,300})\]\([^()\s]{1,2000}\)")
_READ = 20_000  # characters of a text that are looked at to show a part of it
_LIMITS = {"brief": (400, 160), "normal": (1200, 500), "full": (4000, 2000)}
_AGAIN = "Request them again: logrocket_request_highlights."


def highlights_card(highlights: Highlights, detail: str, said: tuple[Line, ...], scope: Scope) -> Answer:
    """Present highlights, or how far they are.

    Args:
        highlights: what is known of them.
        detail: how long the texts may be.
        said: whom, what and when they were asked about, where that is known.
        scope: zone and application.
    """
    where = about(scope, *said)
    asked = identifier(highlights.request_id)
    if highlights.state == "failed":
        failed: Line = (Own("LogRocket could not make the highlights "), asked)
        return Answer(subject=failed, scope=where, notes=(own(_AGAIN),))
    if highlights.state == "pending":
        return Answer(
            subject=(Own("Highlights "), asked, Own(" are still being made")),
            scope=where,
            facts=(own(f"Waited {highlights.waited_s:g} s; one to three minutes are usual."), *_word(highlights)),
            notes=((Own('Go on: logrocket_get_highlights(request_id="'), asked, Own('").')),),
        )
    if highlights.no_result:
        subject: Line = (Own("Highlights "), asked, Own(" are said to be ready, but LogRocket gave no result"))
        return Answer(subject=subject, scope=where, notes=(own(_AGAIN),))
    long, short = _LIMITS[detail]
    summary = highlights.summary
    count = len(highlights.sessions)
    return Answer(
        subject=own(f"Highlights of {count} {'session' if count == 1 else 'sessions'}"),
        scope=where,
        facts=((Own("Summary: "), Recorded(_prose(summary.text), limit=long)),) if summary else (),
        rows=tuple(_rows(highlights, short, scope)),
        notes=tuple(_notes(highlights, scope)),
        rest=_fuller(highlights.request_id) if detail != "full" else "the result holds all",
    )


def _fuller(request_id: str) -> str:
    return f'logrocket_get_highlights(request_id="{request_id}", detail="full") shows more'


def _word(highlights: Highlights) -> tuple[Line, ...]:
    """Return LogRocket's own word for what is none of its documented states."""
    if not highlights.said:
        return ()
    unknown = " which is none of its documented states. If it stays so, request them again."
    return ((Own("LogRocket says "), Recorded(highlights.said, limit=60), Own(f",{unknown}")),)


def _rows(highlights: Highlights, limit: int, scope: Scope) -> list[Row]:
    """Return a row for each session, its moments below it; then those moments of the summary that no session has."""
    told = {_key(moment) for moment in highlights.summary.moments} if highlights.summary else set()
    shown: set[tuple[str, object]] = set()
    rows: list[Row] = []
    for number, highlight in enumerate(highlights.sessions, 1):
        above = len(rows)
        # First what the summary speaks of and where it happened, then the other sessions, then their moments.
        worth = 100 if any(_key(moment) in told for moment in highlight.moments) else 80
        rows.append(Row(_session(number, highlight, limit), worth=worth, kind="sessions"))
        home = highlight.session.link if highlight.session is not None else ""
        # Below another session the end of a link would lead into that one.
        rows += [replace(row, under=above) for row in _moments(highlight, home, shown, told, scope)]
    if highlights.summary is not None:
        rows += _moments(highlights.summary, "", shown, told, scope)
    return rows


def _session(number: int, highlight: Highlight, limit: int) -> tuple[Line, ...]:
    session = highlight.session
    which: Line = own("")
    if session is not None:
        which = own(session.link) if session.link else (identifier(session.session_id),)
    return own(f"Session {number}"), which, (Recorded(_prose(highlight.text), limit=limit),)


def _key(moment: Moment) -> tuple[str, object]:
    return moment.session_id, moment.at


def _moments(
    highlight: Highlight, home: str, shown: set[tuple[str, object]], told: set[tuple[str, object]], scope: Scope
) -> Iterator[Row]:
    for place, moment in enumerate(highlight.moments):
        if _key(moment) in shown or moment.at is None:
            continue
        shown.add(_key(moment))
        # A session's first moment is mostly its beginning.
        worth = 90 if _key(moment) in told else 50 - place if place else 0
        yield Row(_moment(moment, home, scope), worth=worth, kind="moments")


def _moment(moment: Moment, home: str, scope: Scope) -> tuple[Line, ...]:
    """Return a moment's cells; below its own session the end of the link is enough."""
    when = format_moment(moment.at.astimezone(scope.zone)) if moment.at else "–"
    label: Line = (Recorded(_prose(moment.label), limit=80),) if moment.label else own("")
    return own(when), own(moment.link.removeprefix(home) if home else moment.link), label


def _prose(markdown: str) -> str:
    """Return a text without the addresses of its links: those we know stand below it, others nobody should open."""
    return _LINK.sub(r"\1", markdown[:_READ]).replace("**", "")


def _notes(highlights: Highlights, scope: Scope) -> list[Line]:
    asked: tuple[Part, ...] = (Own("Request id: "), identifier(highlights.request_id), Own("."))
    if not highlights.sessions:
        hint = (
            "LogRocket found no session. Ids and emails are those the site passes to LogRocket.identify(): try the "
            "other of user_id and email, or a wider window (since, until)."
        )
        return [own(hint), asked]
    written = f"Written by LogRocket's model from recordings of the user; times are {scope.zone.key}."
    moments = any(each.moments for each in highlights.sessions)
    links = " A moment's link is its session's with the ?t=… behind it." if moments else ""
    if not scope.app.dashboard:
        links = " Links are left out: set LOGROCKET_DASHBOARD_URL to have them."
    return [own(written + links), asked]
