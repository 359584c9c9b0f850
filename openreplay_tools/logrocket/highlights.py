"""Highlights: what LogRocket's model writes about a user's sessions, requested once and waited for politely."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from openreplay_tools import windows
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.fields import Detail, Since, Until
from openreplay_tools.flow import Progress, Request, pause
from openreplay_tools.logrocket.access import ask_logrocket, at_logrocket
from openreplay_tools.logrocket.highlight_answer import highlights_card
from openreplay_tools.logrocket.highlight_replies import Highlights, HighlightsReply, told
from openreplay_tools.logrocket.moments import moments_in
from openreplay_tools.logrocket.refusals import not_enabled
from openreplay_tools.operation import Arguments, operation
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from openreplay_tools.answer import Answer
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.recordings import Moment
    from openreplay_tools.text import Line

_MOST_WAIT = 600
_PATIENT_AFTER = 30.0  # seconds; from then on there is twice as long between two looks
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}\Z", re.ASCII)
_INSTEAD = "What exports hold does without: logrocket_list_exports."
_TWICE = (
    " It was sent once only, for each request makes LogRocket begin anew; this one may have been taken in all the same."
)

Wait = Annotated[int, Field(ge=0, le=_MOST_WAIT, description="Seconds to wait for them, 0 to 600; 0: not at all.")]


def _harmless(value: str) -> str:
    if not _ID.match(value):
        message = "should be an id from logrocket_request_highlights: letters, digits, - and _"
        raise ValueError(message)
    return value


class LogrocketRequestHighlightsArgs(Arguments):
    """Whose sessions, which of them, and what is asked about them."""

    user_id: Annotated[
        str, Field(max_length=1024, description="Exact id, as the site passes it to LogRocket.identify(); or email.")
    ] = ""
    email: Annotated[str, Field(max_length=1024, description="Exact email, likewise; or user_id.")] = ""
    question: Annotated[
        str, Field(max_length=2000, description="What to look for, e.g. why did paying fail; empty: a summary.")
    ] = ""
    since: Since = ""
    until: Until = ""
    wait: Wait = 50
    detail: Detail = "normal"


class LogrocketGetHighlightsArgs(Arguments):
    """Which highlights."""

    request_id: Annotated[
        str, AfterValidator(_harmless), Field(description="Id that logrocket_request_highlights returned.")
    ]
    wait: Wait = 50
    detail: Detail = "normal"


def _about_someone(args: LogrocketRequestHighlightsArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the window, and refuse what names nobody."""
    yield from ()
    app = scope.app
    for given in (args.user_id, args.email):  # some sites' ids are addresses; a session's link is none
        for found in moments_in(given, org=app.org, app=app.app, dashboard=app.dashboard):
            raise ArgumentsError(_pasted(found, scope))
    if bool(args.user_id.strip()) == bool(args.email.strip()):
        both = "Give user_id or email, not both." if args.email.strip() else "Whose? Give user_id or email."
        raise ArgumentsError(both)
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=None)
    return replace(scope, window=window)


def _pasted(found: Moment, scope: Scope) -> str:
    """Return what can be done with a session's link: LogRocket's API opens none."""
    when = f"{format_moment(found.at.astimezone(scope.zone))} {scope.zone.key}" if found.at else ""
    about = f", which leads to {when}" if when else ""
    return (
        f"user_id and email take no link{about}. LogRocket's API opens no session by its link: give whose session it "
        "is, with since and until around that moment."
    )


def _body(args: LogrocketRequestHighlightsArgs, scope: Scope) -> dict[str, Any]:
    # https://docs.logrocket.com/docs/session-highlights-api: both ends of the window, or neither.
    window = scope.window
    span = {} if window.everything else {"timeRange": {"startMs": window.start_ms, "endMs": window.end_ms}}
    given = {"userID": args.user_id, "userEmail": args.email, "question": args.question.strip()}
    return {**{key: value for key, value in given.items() if value}, **span}


def _requested(args: LogrocketRequestHighlightsArgs, scope: Scope) -> Flow[HighlightsReply]:
    """Ask for highlights, once: the request is not sent again, for that would begin another."""
    request = Request(
        "POST",
        ("highlights",),
        HighlightsReply,
        body=_body(args, scope),
        via="logrocket",
        slash=True,
        repeatable=False,
    )
    try:
        reply = yield from ask_logrocket(request)
    except NotFoundError as error:
        raise not_enabled(error, scope, "highlights", _INSTEAD) from None
    except (TransportError, ServerError, UnexpectedReplyError) as error:
        error.parts = (*error.parts, _TWICE)
        raise
    if not _ID.match(reply.id):
        raise UnexpectedReplyError("LogRocket took the request in, but told no id: ", Recorded(reply.id), ".", _TWICE)
    return reply


def _looked(request_id: str) -> Flow[HighlightsReply]:
    """Look how far they are; what goes wrong tells the id, so that nobody has to request them again."""
    # https://docs.logrocket.com/docs/session-highlights-api: without a slash before the query.
    request = Request("GET", ("highlights",), HighlightsReply, query={"id": request_id}, via="logrocket")
    try:
        return (yield from ask_logrocket(request))
    except NotFoundError as error:
        raise NotFoundError(
            "request_id: LogRocket knows no highlights ", identifier(request_id), ". Ids come from "
            "logrocket_request_highlights; request them again where they are no longer kept.",
            status=error.status, message=error.message,
        ) from None  # fmt: skip
    except OpenReplayToolsError as error:
        refused = isinstance(error, AuthenticationError | PermissionDeniedError)
        when = "Once the key is accepted" if refused else "They may be ready later"
        goes_on = (f' {when}: logrocket_get_highlights(request_id="', identifier(request_id), '").')
        error.parts = (*error.parts, *goes_on)
        raise


def _awaited(request_id: str, reply: HighlightsReply | None, wait: int, scope: Scope) -> Flow[Highlights]:
    """Look until they are ready or have failed, or the wait is over.

    Args:
        request_id: which.
        reply: what is known of them already; None looks at once.
        wait: seconds; only pauses count.
        scope: how long the pauses are.
    """
    waited = 0.0
    while True:
        if reply is None:
            reply = yield from _looked(request_id)
        if reply.state != "pending" or waited >= wait:
            return told(reply, request_id, round(waited, 3), scope)
        yield Progress(int(waited), wait, "waiting for the highlights")
        between = scope.poll_seconds if waited < _PATIENT_AFTER else 2 * scope.poll_seconds
        between = min(between, wait - waited)
        yield from pause(between)
        waited += between
        reply = None


def requested_card(highlights: Highlights, args: LogrocketRequestHighlightsArgs, scope: Scope) -> Answer:
    """Present highlights that were requested just now."""
    whom = identifier(args.user_id or args.email)
    said: list[Line] = [(Own("user " if args.user_id else "email "), whom)]
    said += [(Own("question "), Given(args.question.strip(), limit=200))] if args.question.strip() else []
    said.append(own("the last 30 days" if scope.window.everything else scope.window.text()))
    return highlights_card(highlights, args.detail, (*said, own("the ten most recent sessions at most")), scope)


def got_card(highlights: Highlights, args: LogrocketGetHighlightsArgs, scope: Scope) -> Answer:
    """Present highlights that were requested earlier."""
    return highlights_card(highlights, args.detail, (own("user, question and window as they were asked for"),), scope)


@operation(
    LogrocketRequestHighlightsArgs,
    provider="logrocket",
    group="logrocket",
    needs="logrocket",
    prepare=_about_someone,
    present=requested_card,
)
def logrocket_request_highlights(args: LogrocketRequestHighlightsArgs, scope: Scope) -> Flow[Highlights]:
    """Ask LogRocket's model what one user did and what went wrong: a summary, each session's text, links to moments.

    Covers at most the ten most recent sessions, of the last 30 days unless since or until is given. Takes one to three
    minutes: when the wait ends first, go on with logrocket_get_highlights; a new request begins anew.
    """
    reply = yield from _requested(args, scope)
    highlights = yield from _awaited(reply.id, reply, args.wait, scope)
    highlights.user_id, highlights.email = args.user_id, args.email
    return highlights


@operation(
    LogrocketGetHighlightsArgs,
    provider="logrocket",
    group="logrocket",
    needs="logrocket",
    prepare=at_logrocket,
    present=got_card,
)
def logrocket_get_highlights(args: LogrocketGetHighlightsArgs, scope: Scope) -> Flow[Highlights]:
    """Get highlights that logrocket_request_highlights began: summary, each session's text, links to moments.

    Waits until they are ready or the wait is over; asking again costs nothing.
    """
    return (yield from _awaited(args.request_id, None, args.wait, scope))


logrocket_request_highlights.idempotent = False  # each call begins another job
