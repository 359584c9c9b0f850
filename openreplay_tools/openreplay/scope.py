"""What a call is about, resolved before its flow: the project by any of its names, the session, the window."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, model_validator

from openreplay_tools import windows
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    NotFoundError,
    ServerError,
    TransportError,
    UnavailableError,
)
from openreplay_tools.openreplay.links import read_session, started_ms
from openreplay_tools.operation import ProjectRef, Record, Request, SessionRef, ask
from openreplay_tools.text import Given, Own, Recorded, identifier, name, own

if TYPE_CHECKING:
    from pydantic import BaseModel

    from openreplay_tools.fields import ProjectArguments, WindowArguments
    from openreplay_tools.operation import Arguments, Flow, Scope
    from openreplay_tools.text import Line, Part

ReplyT = TypeVar("ReplyT", bound="BaseModel")

PROJECT_LIMIT = 100  # the server's bound on its list, which has no pages (contract §2.1)
_LIST_SECONDS = 60.0
_DEVICES = frozenset({
    "Mac OS X", "Chrome OS", "Windows Phone", "Mobile Safari", "Chrome Mobile", "Chrome Mobile iOS", "Chrome Headless",
    "Firefox Mobile", "Firefox iOS", "Edge Mobile", "Samsung Internet", "Opera Mobile", "Mobile Safari UI/WKWebView",
})  # fmt: skip
_KEY_LENGTH = 20
_SHOWN = 12


class Project(Record):
    """A project.

    Attributes:
        project_id: the number in dashboard links.
        project_key: the key the tracker and API v2 use.
        max_session_duration: ms.
        sample_rate: percent of visits recorded.
        metadata: names of the custom metadata, in slot order.
    """

    project_id: int = Field(0, alias="projectId")
    project_key: str = Field("", alias="projectKey")
    name: str = ""
    platform: str = ""
    sample_rate: int = Field(0, alias="sampleRate")
    max_session_duration: int = Field(0, alias="maxSessionDuration")
    save_request_payloads: bool = Field(False, alias="saveRequestPayloads")
    metadata: list[str] = []

    @model_validator(mode="after")
    def _named_slots(self) -> Project:
        slots = self.model_extra or {}
        named = [slots.get(f"metadata{n}") for n in range(1, 11)]
        self.metadata = self.metadata or [slot for slot in named if isinstance(slot, str) and slot]
        return self


class ProjectsReply(Record):
    """Reply of GET /public/projects; null when there are none."""

    data: list[Project] | None


class ProjectReply(Record):
    """Reply of GET /public/projects/{key} and of creating one."""

    data: Project


def fetch_projects() -> Flow[list[Project]]:
    """Return the projects of the key, at most a minute old.

    Raises:
        UnavailableError: the server has no API v2.
    """
    # https://docs.openreplay.com/en/api/projects/
    try:
        reply = yield from ask(Request("GET", ("public", "projects"), ProjectsReply, cache_seconds=_LIST_SECONDS))
    except NotFoundError:
        raise UnavailableError(
            "This server has no API v2: it needs OpenReplay 1.27 or later. Check OPENREPLAY_BASE_URL, or update "
            "the instance."
        ) from None
    return reply.data or []


def at_large(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation that belongs to no project."""
    yield from ()
    return scope


def in_project(args: ProjectArguments, scope: Scope) -> Flow[Scope]:
    """Resolve the project."""
    project = yield from _find_project(args.project or scope.default_project)
    return replace(scope, project=project)


def in_project_ever(args: WindowArguments, scope: Scope) -> Flow[Scope]:
    """Resolve the project and a window that is all time unless narrowed."""
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=None)
    return replace((yield from in_project(args, scope)), window=window)


def in_session(args: Any, scope: Scope) -> Flow[Scope]:
    """Resolve a session given by id or link, its project, and the window within it."""
    pasted = read_session(args.session, scope)
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=None)
    project = yield from _find_project(args.project or pasted.project_id or scope.default_project)
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
            *_listed(known.data or []),
        ) from error


def about(scope: Scope, *more: Line) -> tuple[Line, ...]:
    """Return what an answer is true about: the project, and what else narrows it."""
    return ((name(scope.project.name),), *more)


def device_name(value: str) -> Part:
    """Return the name of a browser or system: plain when it is a well-known one."""
    return Own(value) if value in _DEVICES else Recorded(value, limit=40)


def during(scope: Scope) -> Line:
    """Return the window an answer is true about; nobody's narrowing is all time."""
    return own(scope.window.text())


def _find_project(wanted: str) -> Flow[ProjectRef]:
    projects = yield from fetch_projects()
    wanted = wanted.strip()
    if not wanted:
        return _only_project(projects)
    found = _matching(projects, wanted)
    if not found and len(projects) >= PROJECT_LIMIT and len(wanted) == _KEY_LENGTH and wanted.isalnum():
        found = yield from _unlisted(wanted)
    if len(found) == 1:
        return _reference(found[0])
    if found:
        raise ArgumentsError(
            "project: ", Given(wanted), " is one project's id and another's name. Give the key: ", *_listed(found)
        )
    full = (
        " The server lists 100 projects at most; others answer to their key." if len(projects) >= PROJECT_LIMIT else ""
    )
    raise ArgumentsError("No project ", Given(wanted), ". Projects here: ", *_listed(_nearest(projects, wanted)), full)


def _unlisted(key: str) -> Flow[list[Project]]:
    """Return the project of a key that the list is too short for, [] when there is none."""
    request = Request("GET", ("public", "projects", key), ProjectReply, cache_seconds=_LIST_SECONDS)
    try:
        reply = yield from ask(request)
    except (AuthenticationError, TransportError):  # an unknown key (contract §1.6); the list has accepted ours
        return []
    return [reply.data]


def _matching(projects: list[Project], wanted: str) -> list[Project]:
    keyed = [project for project in projects if project.project_key == wanted]
    folded = wanted.casefold()
    return keyed or [p for p in projects if str(p.project_id) == wanted or p.name.strip().casefold() == folded]


def _only_project(projects: list[Project]) -> ProjectRef:
    if len(projects) == 1:
        return _reference(projects[0])
    if not projects:
        raise ArgumentsError("This key sees no project. Create one in the dashboard, or check the key.")
    raise ArgumentsError(
        "project is needed: no default is set (OPENREPLAY_PROJECT). Projects here: ", *_listed(projects)
    )


def _nearest(projects: list[Project], wanted: str) -> list[Project]:
    """Return the projects, those with a similar name first."""
    return sorted(projects, key=lambda p: -difflib.SequenceMatcher(None, p.name.casefold(), wanted.casefold()).ratio())


def _listed(projects: list[Project]) -> list[object]:
    parts: list[object] = []
    for project in projects[:_SHOWN]:
        parts += [
            "; " if parts else "",
            name(project.name),
            " (",
            identifier(project.project_key),
            f", id {project.project_id})",
        ]
    more = len(projects) - _SHOWN
    return [*parts, f" and {more} more." if more > 0 else "." if parts else "none."]


def _reference(project: Project) -> ProjectRef:
    return ProjectRef(project.project_key, project.project_id, project.name)
