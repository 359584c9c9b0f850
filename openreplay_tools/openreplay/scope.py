"""What a call is about, resolved before its flow: the project by any of its names, the session, the window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from openreplay_tools import windows
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    NotFoundError,
    ServerError,
    TransportError,
)
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.directory import ProjectsReply, fetch_projects, find_project, listed
from openreplay_tools.openreplay.links import read_session, started_ms
from openreplay_tools.operation import SessionRef
from openreplay_tools.text import Own, Recorded, name, own

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import BaseModel

    from openreplay_tools.fields import ProjectArguments, WindowArguments
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Arguments, Scope
    from openreplay_tools.text import Line, Part

ReplyT = TypeVar("ReplyT", bound="BaseModel")

_DEVICES = frozenset({
    "Mac OS X", "Chrome OS", "Windows Phone", "Mobile Safari", "Chrome Mobile", "Chrome Mobile iOS", "Chrome Headless",
    "Firefox Mobile", "Firefox iOS", "Edge Mobile", "Samsung Internet", "Opera Mobile", "Mobile Safari UI/WKWebView",
})  # fmt: skip


def at_large(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation that belongs to no project."""
    yield from ()
    return scope


def at_the_door(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation that belongs to no project, after making sure that the server has this door."""
    yield from fetch_projects(scope)
    return scope


def in_project(args: ProjectArguments, scope: Scope) -> Flow[Scope]:
    """Resolve the project."""
    project = yield from find_project(args.project or scope.default_project, scope)
    return replace(scope, project=project)


def in_project_ever(args: WindowArguments, scope: Scope) -> Flow[Scope]:
    """Resolve the project and a window that is all time unless narrowed."""
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=None)
    return replace((yield from in_project(args, scope)), window=window)


def in_session(args: Any, scope: Scope) -> Flow[Scope]:
    """Resolve a session given by id or link, its project, and the window within it where one can be asked for."""
    pasted = read_session(args.session, scope)
    since, until = getattr(args, "since", ""), getattr(args, "until", "")
    window = windows.window(since, until, now=scope.now, zone=scope.zone, default=None)
    project = yield from find_project(args.project or pasted.project_id or scope.default_project, scope)
    if pasted.project_id and pasted.project_id != str(project.id):
        raise ArgumentsError(
            f"session: the link belongs to project id {pasted.project_id}, project= names ", name(project.name),
            f" (id {project.id}). Leave project empty, or give the link's own.",
        )  # fmt: skip
    session = SessionRef(pasted.session_id, started_ms(pasted.session_id), pasted.moment_ms)
    return replace(scope, project=project, session=session, window=window)


def within_project(request: Request[ReplyT], scope: Scope) -> Flow[ReplyT]:
    """Send a request about the scope's project, and find out what a refusal means.

    An unknown project is a 401 on the open-source edition and a broken connection or a 502 on the Enterprise edition
    (contract §1.6), so the project list, which names no project, decides.
    """
    if request.via != "v2":
        return (yield from ask(request))
    try:
        return (yield from ask(request))
    except (AuthenticationError, ServerError, TransportError) as error:
        if isinstance(error, ServerError) and error.status != 502:
            raise
        known = yield from ask(Request("GET", ("public", "projects"), ProjectsReply))
        if any(project.project_key == scope.project.key for project in known.data or []):
            raise
        raise NotFoundError(
            "The server no longer knows project ",
            name(scope.project.name),
            ". Projects here: ",
            *listed(known.data or []),
        ) from error


def about(scope: Scope, *more: Line) -> tuple[Line, ...]:
    """Return what an answer is true about: the project, and what else narrows it."""
    return ((name(scope.project.name),), *more)


def device_name(value: str) -> Part:
    """Return the name of a browser or system: plain when it is a well-known one."""
    return Own(value) if value in _DEVICES else Recorded(value, limit=40)


def beside_the_default(scope: Scope) -> str:
    """Return what further calls need where an answer is about another project than the default one, else ""."""
    project, default = scope.project, scope.default_project.strip().casefold()
    if not default or not project.id or default in {project.key.casefold(), str(project.id), project.name.casefold()}:
        return ""
    return f'This is not the default project: further calls about it need project="{project.id}".'


def local(moment: datetime, scope: Scope) -> datetime:
    """Return a moment in the reader's zone; as it is at the calendar's ends, where that zone cannot tell it."""
    try:
        return moment.astimezone(scope.zone)
    except OverflowError:
        return moment


def during(scope: Scope) -> Line:
    """Return the window an answer is true about; nobody's narrowing is all time."""
    return own(scope.window.text())
