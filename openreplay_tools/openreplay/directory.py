"""Which projects there are, and which one is meant; asked at the door that a call goes through."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from openreplay_tools.errors import (
    ApiError,
    ArgumentsError,
    AuthenticationError,
    ClosedError,
    NotFoundError,
    ServerError,
    TransportError,
    WebPageError,
)
from openreplay_tools.flow import Request, ask, ask_all
from openreplay_tools.operation import ProjectRef, Record
from openreplay_tools.text import Given, identifier, name

if TYPE_CHECKING:
    from openreplay_tools.doors import Service
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

PROJECT_LIMIT = 100  # the server's bound on its list, which has no pages (contract §2.1)
_LIST_SECONDS = 60.0
_KEY_LENGTH = 20
_SHOWN = 12

# What a server says that has no such route (contract §1.3, §1.5).
_NO_ROUTE = ("404 page not found", "Not Found")


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


def fetch_projects(scope: Scope, *, fresh: bool = False) -> Flow[list[Project]]:
    """Return the projects that are seen through the scope's door, at most a minute old.

    Args:
        scope: its door is asked.
        fresh: ask the server, whatever is remembered.

    Raises:
        ClosedError: the server has no such door.
        AuthenticationError: it refuses the credential.
    """
    try:
        reply = yield from ask(replace(_LISTS[scope.door], cache_seconds=0) if fresh else _LISTS[scope.door])
    except (ApiError, WebPageError) as error:
        if closed := _closed(scope, error):
            raise closed from None
        if scope.door == "v1" and isinstance(error, ServerError):  # contract §3.1
            raise ServerError(
                "API v1 gives its list of projects only once in 20 seconds. Try again then, or pass project= as "
                "the project's key.",
                status=error.status,
            ) from None
        raise
    return reply.data or []


# https://docs.openreplay.com/en/api/projects/
_LISTS: dict[str, Request[ProjectsReply]] = {
    "v2": Request("GET", ("public", "projects"), ProjectsReply, cache_seconds=_LIST_SECONDS),
    "v1": Request("GET", ("v1", "projects"), ProjectsReply, cache_seconds=_LIST_SECONDS, via="v1"),
    "login": Request("GET", ("projects",), ProjectsReply, cache_seconds=_LIST_SECONDS, via="legacy"),
}


def _closed(scope: Scope, error: ApiError | WebPageError) -> ClosedError | None:
    """Return what it means that the list of projects is not there, None when it is something else."""
    missing = isinstance(error, ApiError) and error.status in {404, 405} and error.message.startswith(_NO_ROUTE)
    if not missing and not isinstance(error, WebPageError):
        return None
    wanted = {
        "v2": "no API v2, which OpenReplay 1.27 and later have.",
        "v1": "neither API v2 nor v1. OPENREPLAY_BASE_URL should be the address of an OpenReplay instance.",
        "login": "no dashboard API. OPENREPLAY_BASE_URL should be the address of an OpenReplay instance.",
    }[scope.door]
    return ClosedError(f"{scope.host} has {wanted}")


class _Slot(Record):
    key: str = ""
    index: int = 0


class _SlotsReply(Record):
    data: list[_Slot]


def fetch_metadata(scope: Scope) -> Flow[dict[str, str]]:
    """Return the names of the scope's project's custom metadata by their slot (metadata_1); asks with a login."""
    request = Request(
        "GET", (str(scope.project.id), "metadata"), _SlotsReply, cache_seconds=_LIST_SECONDS, via="legacy"
    )
    reply = yield from ask(request)
    return {f"metadata_{slot.index}": slot.key for slot in reply.data}


def find_project(wanted: str, scope: Scope) -> Flow[ProjectRef]:
    """Return the project that a key, an id or a name means; the only one where nothing is named.

    Raises:
        ArgumentsError: no project or several are meant; the text lists what there is.
    """
    wanted = wanted.strip()
    known = scope.project
    if known.key and (not wanted or wanted in {known.key, str(known.id)} or wanted.casefold() == known.name.casefold()):
        return known  # another door has found it
    keyed = len(wanted) == _KEY_LENGTH and wanted.isalnum()
    if scope.door == "v1" and keyed and (found := (yield from _unlisted(wanted, scope))):
        return _reference(found[0])  # spares the list, which API v1 gives only once in 20 seconds
    projects = yield from fetch_projects(scope)
    if scope.door == "v1":
        projects = yield from _numbered(projects)
    if not wanted:
        return _only_project(projects)
    found = _matching(projects, wanted)
    full = scope.door == "v2" and len(projects) >= PROJECT_LIMIT
    if not found and full and keyed:
        found = yield from _unlisted(wanted, scope)
    if len(found) == 1:
        return _reference(found[0])
    if found:
        raise ArgumentsError(
            "project: ", Given(wanted), " is one project's id and another's name. Give the key: ", *listed(found)
        )
    more = " The server lists 100 projects at most; others answer to their key." if full else ""
    raise ArgumentsError("No project ", Given(wanted), ". Projects here: ", *listed(_nearest(projects, wanted)), more)


def _unlisted(key: str, scope: Scope) -> Flow[list[Project]]:
    """Return the project of a key without the list, [] when there is none."""
    path = ("v1", "projects", key) if scope.door == "v1" else ("public", "projects", key)
    via: Service = "v1" if scope.door == "v1" else "v2"
    request = Request("GET", path, ProjectReply, cache_seconds=_LIST_SECONDS, via=via)
    try:
        reply = yield from ask(request)
    except (AuthenticationError, NotFoundError, TransportError):  # an unknown key (contract §1.6, §3)
        return []
    return [reply.data]


def _numbered(projects: list[Project]) -> Flow[list[Project]]:
    """Return the projects with their numbers, which API v1 tells only of each by itself (contract §3.1, §3.3)."""
    paths = [("v1", "projects", project.project_key) for project in projects]
    requests = [Request("GET", path, ProjectReply, cache_seconds=_LIST_SECONDS, via="v1") for path in paths]
    replies = yield from ask_all(requests)
    numbers = {reply.data.project_key: reply.data.project_id for reply in replies}
    return [each.model_copy(update={"project_id": numbers.get(each.project_key, 0)}) for each in projects]


def _matching(projects: list[Project], wanted: str) -> list[Project]:
    keyed = [project for project in projects if project.project_key == wanted]
    folded = wanted.casefold()
    return keyed or [p for p in projects if str(p.project_id) == wanted or p.name.strip().casefold() == folded]


def _only_project(projects: list[Project]) -> ProjectRef:
    if len(projects) == 1:
        return _reference(projects[0])
    if not projects:
        raise ArgumentsError(
            "No project is seen with this credential. Create one in the dashboard, or check the credential."
        )
    raise ArgumentsError(
        "project is needed: no default is set (OPENREPLAY_PROJECT). Projects here: ", *listed(projects)
    )


def _nearest(projects: list[Project], wanted: str) -> list[Project]:
    """Return the projects, those with a similar name first."""
    return sorted(projects, key=lambda p: -difflib.SequenceMatcher(None, p.name.casefold(), wanted.casefold()).ratio())


def listed(projects: list[Project]) -> list[object]:
    """Return a sentence's end that names projects with their keys and ids."""
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
