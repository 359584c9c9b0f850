"""One session's details: who, where, on what, how long, what went wrong, and where its recording lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from openreplay_tools.answer import Answer
from openreplay_tools.errors import NotFoundError, OpenReplayToolsError, ServerError
from openreplay_tools.fields import Detail, ProjectArguments
from openreplay_tools.fields import Session as SessionGiven
from openreplay_tools.flow import Request, ask
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.dashboard_events import SessionEvents, session_events
from openreplay_tools.openreplay.links import live_link, session_link
from openreplay_tools.openreplay.scope import about, device_name, in_session, local
from openreplay_tools.openreplay.sessions import Session, Text
from openreplay_tools.openreplay.telling import ISSUES, address
from openreplay_tools.operation import Record, operation
from openreplay_tools.text import Own, Recorded, identifier, name, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_FIRSTS = 3
_UNCOUNTABLE = frozenset({"memory", "cpu", "mouse_thrashing", "excessive_scrolling"})
_COUNTED_OTHERWISE = frozenset({"custom", "js_exception"})  # as own events and as errors
# What the live service tells, and what a replay calls it (contract §4.7).
_WHILE_LIVE = {
    "sessionID": "sessionId", "timestamp": "startTs", "userID": "userId", "userUUID": "userUuid", "userOs": "userOs",
    "userBrowser": "userBrowser", "userBrowserVersion": "userBrowserVersion", "userDevice": "userDevice",
    "userDeviceType": "userDeviceType", "userCountry": "userCountry", "userState": "userState", "userCity": "userCity",
    "trackerVersion": "trackerVersion", "metadata": "metadata", "active": "active", "pageTitle": "pageTitle",
}  # fmt: skip
_FILES = {
    "dom": "domURL", "devtools": "devtoolsURL", "canvas": "canvasURL", "canvas_frames": "canvasFrames",
    "video": "videoURL", "mobile_frames": "mobileFrames", "key": "fileKey",
}  # fmt: skip


class RecordingFiles(Record):
    """Where a recording's files lie: signed addresses, good for 15 minutes, which open them to whoever has them.

    They are made without a look at the files, so one of a short or unprocessed session may answer 404. They stay in
    the Python result: no text and no dump holds them.

    Attributes:
        dom: what was seen, in at most two parts.
        devtools: requests, console, storage.
        canvas: drawings.
        canvas_frames: drawings as pictures.
        video: replay of older mobile trackers.
        mobile_frames: replay of mobile trackers.
        key: what encrypted files open with (Enterprise edition).
    """

    dom: list[str] = []
    devtools: list[str] = []
    canvas: list[str] = []
    canvas_frames: list[str] = []
    video: list[str] = []
    mobile_frames: list[str] = []
    key: str = ""


class FirstMoment(Record):
    """When something of a kind went wrong first; `link` opens the replay there."""

    kind: str = ""
    offset_ms: int = 0
    link: str = ""


class SessionDetails(Session):
    """A session with all that its replay page tells.

    Attributes:
        live: whether it is being recorded right now.
        active: while live, whether the visitor's tab is in the foreground.
        page_title: while live, of the page the visitor is on.
        favorite: whether the login has marked it.
        viewed: whether the login had opened it before this call, which counts as opening it.
        device_memory_mb: of the visitor's device; 0 where it did not tell.
        referrer: the page before the session's last page load.
        base_referrer: the same without its query.
        recorded: whether there are addresses of recording files.
        found: errors, crashes, own events and issues of each type; None where they could not be counted.
        moments: the first error, crash and issue of each type, in time order.
        files: signed addresses; only in Python, never dumped.
    """

    live: bool = False
    active: bool = False
    page_title: Text = Field("", alias="pageTitle")
    favorite: bool = False
    tracker_version: Text = Field("", alias="trackerVersion")
    os_version: Text = Field("", alias="userOsVersion")
    browser_version: Text = Field("", alias="userBrowserVersion")
    device_memory_mb: int = Field(0, alias="userDeviceMemorySize")
    utm_source: Text = Field("", alias="utmSource")
    utm_medium: Text = Field("", alias="utmMedium")
    utm_campaign: Text = Field("", alias="utmCampaign")
    referrer: Text = ""
    base_referrer: Text = Field("", alias="baseReferrer")
    recorded: bool = False
    found: dict[str, int] | None = None
    moments: list[FirstMoment] = []
    files: RecordingFiles = Field(default_factory=RecordingFiles, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _without_secrets(cls, told: Any) -> Any:
        """Put file addresses where nothing dumps them, and drop what opens anything else."""
        if not isinstance(told, dict):
            return told
        kept = {
            key: value
            for key, value in told.items()
            # A length of null says that it still runs; agentToken is a pass for the live service.
            if (value is not None or key == "duration") and key not in {"agentToken", *_FILES.values()}
        }
        files = {field: told[key] for field, key in _FILES.items() if told.get(key)}
        return {**kept, "files": files, "recorded": bool(files)} if files else kept


class _ReplayReply(Record):
    data: SessionDetails | None = None


class _LiveReply(Record):
    data: dict[str, Any] | None = None


class GetSessionArgs(ProjectArguments):
    """Which session."""

    session: SessionGiven
    detail: Detail = "normal"


def _replay(scope: Scope) -> Flow[tuple[SessionDetails | None, bool]]:
    """Return what is stored of the session, None when nothing is, and whether the server's live service is down."""
    path = (str(scope.project.id), "sessions", scope.session.id, "replay")
    try:
        reply = yield from ask(Request("GET", path, _ReplayReply, via="dashboard"))
    except NotFoundError:
        return None, False
    except ServerError as error:
        # What is not stored is looked for in the live service; when that is down, its internal address, key and all,
        # is in the message (observed §A26). Nothing is raised from here: an error would carry it along.
        if "/assist/" not in error.message:
            raise
        return None, True
    # Neither stored nor live: 200 with nothing but a pass for the live service (observed §A26).
    stored = reply.data is not None and reply.data.session_id != ""
    return (reply.data if stored else None), False


def _under_way(scope: Scope) -> Flow[dict[str, Any]]:
    """Return what the live service knows of the session, nothing when it knows nothing or does not answer."""
    path = (str(scope.project.id), "assist", "sessions", scope.session.id)
    try:
        reply = yield from ask(Request("GET", path, _LiveReply, via="dashboard"))
    except OpenReplayToolsError:  # the role may lack ASSIST_LIVE, the service may be down
        return {}
    # It spells the id sessionID; of a session that is over it answers with the replay's sessionId (recorded).
    told = reply.data or {}
    return {key: told[key] for key in _WHILE_LIVE if told.get(key) is not None} if told.get("sessionID") else {}


def _only_live(told: dict[str, Any]) -> SessionDetails:
    """Return a session that is not stored yet."""
    known = {_WHILE_LIVE[key]: value for key, value in told.items()}
    return SessionDetails.model_validate({**known, "live": True, "duration": None})


def _happenings(scope: Scope) -> Flow[SessionEvents | None]:
    try:
        reply = yield from ask(session_events(scope))
    except OpenReplayToolsError:  # the card stands without it
        return None
    return reply.data


def _told_by(events: SessionEvents, session: SessionDetails, scope: Scope) -> dict[str, Any]:
    """Return what a session's events tell: how many of each kind, and when each kind of trouble came first."""
    found = events.counts()
    begun = round(session.first_event_at.timestamp() * 1000) if session.first_event_at else 0
    offsets = {kind: max(0, at - begun) for kind, at in events.firsts().items()} if begun else {}
    moments = [
        FirstMoment(kind=kind, offset_ms=at, link=session_link(scope, scope.session.id, at))
        for kind, at in offsets.items()
    ]
    return {"found": found, "errors_count": found.get("error", 0) + found.get("crash", 0), "moments": moments}


def session_card(session: SessionDetails, args: GetSessionArgs, scope: Scope) -> Answer:
    """Present one session."""
    begun = own("start unknown")
    if session.started_at:
        begun = own(f"{format_moment(local(session.started_at, scope))} {scope.zone.key}")
    who: Line = (identifier(session.user_id),) if session.user_id else own("anonymous visitor")
    facts = [_place(session), _metadata(session), _happened(session), _issues(session), _origin(session)]
    facts += [_technical(session, full=args.detail == "full"), _recording(session)]
    facts.append(own(f"{session.link}  (add ?jumpto=<ms> for a moment)"))
    if scope.session.moment_ms is not None:
        moment = session_link(scope, scope.session.id, scope.session.moment_ms)
        facts.append(own(f"The pasted link points at {format_offset(scope.session.moment_ms)}: {moment}"))
    for first in session.moments[:_FIRSTS]:
        facts.append((Own(f"First at {format_offset(first.offset_ms)}: "), *_issue(first.kind), Own(f"  {first.link}")))
    if session.live:
        facts.append(own(f"Join it: {live_link(scope, scope.session.id)}"))
    return Answer(
        subject=(Own("Session "), identifier(scope.session.id)),
        scope=about(scope, who, begun, own(_length(session))),
        facts=tuple(fact for fact in facts if fact),
        notes=(own(f'Next: openreplay_summarize_session(session="{scope.session.id}").'),),
        rest='detail="full" widens',
    )


def _length(session: SessionDetails) -> str:
    if session.duration_ms is not None:
        return format_offset(session.duration_ms)
    return "being recorded right now" if session.live else "not finished, length unknown"


def _place(session: SessionDetails) -> Line:
    """Return browser, system, device and place."""
    browser, system = _versioned(session.browser, session.browser_version), _versioned(session.os, session.os_version)
    on: Line = (Own(" on "),) if browser and system else ()
    where = " ".join(part for part in (session.city, session.country if session.country != "UN" else "") if part)
    device = [text for text in (session.device, session.device_type) if text]
    more = [(Recorded(text, limit=60),) for text in (*device, where) if text]
    return _listed([(*browser, *on, *system), *more], ", ")


def _versioned(product: str, version: str) -> Line:
    if not product:
        return ()
    return (device_name(product), Own(" "), Recorded(version, limit=40)) if version else (device_name(product),)


def _metadata(session: SessionDetails) -> Line:
    masked: Any = mask_tree(session.metadata)  # while each value stands under its name
    return _listed([(name(key), Own(" "), Recorded(str(value), limit=80)) for key, value in masked.items()], " · ")


def _happened(session: SessionDetails) -> Line:
    """Return how much happened: what the server counted while recording, which also counts what it later lost."""
    pages, events, web = session.pages_count or 0, session.events_count, session.platform in {"", "web"}
    counts = [own(f"{events} events")] if events else []
    if pages and web and events >= pages:  # a web page's count is of pages, clicks and inputs (recorded)
        counts = [own(_many(pages, "page")), own(f"{events - pages} clicks and inputs")]
    for kind, count in (session.found or {}).items():
        label = _issue(kind)
        counts.append((Own(f"{count} "), *label, Own("s" if count > 1 and kind not in _UNCOUNTABLE else "")))
    return _listed(counts, ", ")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _issue(kind: str) -> Line:
    return own(ISSUES.get(kind, kind)) if kind in {*ISSUES, "error"} else (Recorded(kind, limit=40),)


def _issues(session: SessionDetails) -> Line:
    """Return the issues that the session is marked with and that are not counted."""
    counted = {*_COUNTED_OTHERWISE, *session.found} if session.found is not None else set()
    kinds = [kind for kind in session.issue_types or [] if kind not in counted]
    said = "Also marked with: " if session.found else "Marked with: "
    return (Own(said), *_listed([_issue(kind) for kind in kinds], ", ")) if kinds else ()


def _origin(session: SessionDetails) -> Line:
    utm = [session.utm_source, session.utm_medium, session.utm_campaign]
    parts: list[Line] = [(Own("referrer "), *address(session.referrer, ""))] if session.referrer else []
    if any(utm):
        parts.append((Own("UTM "), *_listed([(Recorded(text, limit=80),) for text in utm if text], " / ")))
    return _listed(parts, " · ")


def _technical(session: SessionDetails, *, full: bool) -> Line:
    parts: list[Line] = []
    if session.screen_width and session.screen_height:
        parts.append(own(f"screen {session.screen_width}×{session.screen_height}"))
    if session.tracker_version:
        parts.append((Own("tracker "), Recorded(session.tracker_version, limit=40)))
    if session.timezone:
        parts.append((Own("visitor's zone "), Recorded(session.timezone, limit=40)))
    if full and session.device_memory_mb:
        parts.append(own(f"{session.device_memory_mb} MB of memory"))
    if full and session.user_uuid:
        parts.append((Own("device id "), identifier(session.user_uuid)))
    return _listed(parts, " · ")


def _recording(session: SessionDetails) -> Line:
    parts = [own("recording available" if session.recorded else "no recording to download")]
    if session.favorite:
        parts.append(own("favourite"))
    if session.viewed is not None:
        parts.append(own("viewed before" if session.viewed else "not viewed before"))
    if session.page_title:
        parts.append((Own("now on "), Recorded(session.page_title, limit=80)))
    return _listed(parts, " · ")


def _listed(lines: list[Line], between: str) -> Line:
    return tuple(part for line in lines if line for part in (Own(between), *line))[1:]


@operation(
    GetSessionArgs,
    group="sessions",
    prepare=in_session,
    present=session_card,
    needs="login",
    permission="SESSION_REPLAY",
)
def get_session(args: GetSessionArgs, scope: Scope) -> Flow[SessionDetails]:  # noqa: ARG001
    """Show one session by id or link: who, where, device, length, counts, errors, issues, metadata, referrer.

    The server then counts it as viewed by the login's account. openreplay_search_sessions finds ids;
    openreplay_summarize_session tells what happened.
    """
    session, down = yield from _replay(scope)
    told: dict[str, Any] = {}
    if not down and (session is None or session.duration_ms is None):
        told = yield from _under_way(scope)
    if session is None:
        if not told:
            raise _unknown(scope, down=down)
        session = _only_live(told)
    more: dict[str, Any] = {
        # A replay tells the very start, so that no id has to be read for it (observed §A2).
        "started_at": session.first_event_at,
        "first_event_at": None,
        "project_id": scope.project.id,
        "link": session_link(scope, scope.session.id),
        "live": bool(told),
        "active": told.get("active") is True,
        "page_title": str(told.get("pageTitle") or ""),
    }
    events = yield from _happenings(scope)
    if events is not None:
        more |= _told_by(events, session, scope)
    return session.model_copy(update=more)


def _unknown(scope: Scope, *, down: bool) -> NotFoundError:
    running = " Whether it is running right now cannot be told: the server's live service is down." if down else ""
    return NotFoundError(
        "Project ", name(scope.project.name), " has no session ", identifier(scope.session.id), ": it is unknown here, "
        f"deleted, or of another project.{running} Paste its dashboard link, which names the project, or find ids with "
        "openreplay_search_sessions.",
        status=404,
    )  # fmt: skip
