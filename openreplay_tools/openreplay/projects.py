"""Projects: list, get, create."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import BadRequestError
from openreplay_tools.fields import Detail, ProjectArguments
from openreplay_tools.flow import Emit, Request, ask
from openreplay_tools.openreplay.directory import (
    PROJECT_LIMIT,
    Project,
    ProjectReply,
    fetch_metadata,
    fetch_projects,
)
from openreplay_tools.openreplay.scope import at_the_door, in_project, within_project
from openreplay_tools.operation import Arguments, Page, operation
from openreplay_tools.text import Given, Line, Own, Recorded, identifier, name, own

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

_NAME_BYTES = 200  # the server counts bytes (contract §2.2)


class ListProjectsArgs(Arguments):
    """None are needed."""

    detail: Detail = "normal"


class ProjectPage(Page[Project]):
    """All projects of the key; the server lists 100 at most and has no pages."""


class GetProjectArgs(ProjectArguments):
    """Which project."""


def _name_bytes(value: str) -> str:
    if len(value.encode("utf-8", "replace")) > _NAME_BYTES:
        message = f"should be at most {_NAME_BYTES} bytes long"
        raise ValueError(message)
    if not value.strip():
        message = "should not be blank"
        raise ValueError(message)
    return value


class CreateProjectArgs(Arguments):
    """What to create."""

    name: Annotated[
        str, AfterValidator(_name_bytes), Field(description="Name, up to 200 bytes; unique whatever its case.")
    ]
    platform: Annotated[Literal["web", "ios"], Field(description="What will be recorded.")] = "web"


def projects_table(page: ProjectPage, args: ListProjectsArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present the list."""
    rows = tuple(
        Row(
            (
                own(str(p.project_id or "–")),
                (identifier(p.project_key),),
                (name(p.name),),
                (Recorded(p.platform),),
                own("–") if "metadata names" in scope.lacks else _metadata(p),
            )
        )
        for p in page.rows
    )
    names = "key and name" if "ids" in scope.lacks else "id, key and name"
    notes = [own(f"Any of {names} can be passed as project." if rows else "No project is seen here.")]
    if len(rows) >= PROJECT_LIMIT:
        notes.append(own("The server lists 100 projects at most; others answer to their key."))
    tally = Tally("projects", page.total)
    return Answer(
        scope=(own(scope.host),),
        tally=tally,
        headings=("id", "key", "name", "platform", "metadata"),
        rows=rows,
        notes=tuple(notes),
        rest='detail="full" widens; openreplay_get_project shows one',
    )


def project_card(project: Project, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one project."""
    return Answer(
        subject=(Own("Project "), name(project.name)),
        scope=(own(scope.host),),
        facts=(
            (
                Own("Key "),
                identifier(project.project_key),
                Own(f" · id {project.project_id} · platform " if project.project_id else " · platform "),
                Recorded(project.platform),
            ),
            *(() if scope.door == "v1" else _settings(project)),
        ),
        notes=(own(f"Sessions: {scope.dashboard}/{project.project_id}/sessions"),) if project.project_id else (),
    )


@operation(ListProjectsArgs, group="projects", prepare=at_the_door, present=projects_table)
def list_projects(args: ListProjectsArgs, scope: Scope) -> Flow[ProjectPage]:  # noqa: ARG001
    """List the projects this credential can see: id, key, name, platform, names of the custom metadata.

    Call it first when the project is not known; other tools take any of key, id or name.
    """
    projects = [project.model_copy(deep=True) for project in (yield from fetch_projects(scope))]
    return ProjectPage(rows=projects, total=len(projects), limit=PROJECT_LIMIT)


list_projects.route("login", lacks=("metadata names",))(list_projects.routes[0].flow)
list_projects.route("v1", lacks=("ids", "metadata names"))(list_projects.routes[0].flow)


@list_projects.walk
def _all_projects(args: ListProjectsArgs, scope: Scope) -> Flow[None]:  # noqa: ARG001
    projects = yield from fetch_projects(scope)
    yield Emit(tuple(projects))


@operation(GetProjectArgs, group="projects", prepare=in_project, present=project_card)
def get_project(args: GetProjectArgs, scope: Scope) -> Flow[Project]:  # noqa: ARG001
    """Show one project's settings: key, id, platform, sampling, whether request payloads are saved, metadata names.

    For its sessions start with openreplay_search_users.
    """
    request = Request("GET", ("public", "projects", scope.project.key), ProjectReply)
    reply = yield from within_project(request, scope)
    return reply.data


@get_project.route("login")
def _by_login(args: GetProjectArgs, scope: Scope) -> Flow[Project]:  # noqa: ARG001
    slots = yield from fetch_metadata(scope)
    projects = yield from fetch_projects(scope)
    found = next(each for each in projects if each.project_id == scope.project.id)
    return found.model_copy(update={"metadata": list(slots.values())})


@get_project.route("v1", lacks=("sampling", "payload setting", "metadata names"))
def _by_v1(args: GetProjectArgs, scope: Scope) -> Flow[Project]:  # noqa: ARG001
    request = Request("GET", ("v1", "projects", scope.project.key), ProjectReply, via="v1")
    reply = yield from ask(request)
    return reply.data


@operation(CreateProjectArgs, group="projects", effect="write", prepare=at_the_door, present=project_card)
def create_project(args: CreateProjectArgs, scope: Scope) -> Flow[Project]:
    """Create a project and return its key, which the site's tracker needs.

    Changes the account: call it only when asked to. openreplay_list_projects shows what exists.
    """
    body = {"name": args.name, "platform": args.platform}
    request = Request("POST", ("public", "projects"), ProjectReply, body=body, reads=False)
    if scope.door == "v1":
        request = replace(request, path=("v1", "projects"), via="v1")
    try:
        reply = yield from ask(request)
    except BadRequestError as error:
        if "already exists" in error.message:
            raise BadRequestError(
                "name: a project called ", Given(args.name), " exists already (case does not matter). Choose "
                "another name.",
                status=error.status, message=error.message,
            ) from None  # fmt: skip
        raise
    return reply.data


create_project.route("v1", lacks=("id",))(create_project.routes[0].flow)


def _settings(project: Project) -> tuple[Line, Line]:
    payloads = "are saved" if project.save_request_payloads else "are not saved"
    return own(f"{_sampling(project)}Request payloads {payloads}."), (Own("Metadata: "), *_metadata(project))


def _sampling(project: Project) -> str:
    if not project.sample_rate:
        return ""
    minutes = project.max_session_duration // 60_000
    return f"Records {project.sample_rate} % of visits{f', {minutes} minutes each at most' if minutes else ''}. "


def _metadata(project: Project) -> Line:
    return tuple(part for n in project.metadata for part in (Own(", "), Recorded(n)))[1:] or own("none")
