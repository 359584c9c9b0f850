"""Projects: list, get, create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import BadRequestError
from openreplay_tools.fields import Detail, ProjectArguments
from openreplay_tools.openreplay.scope import (
    PROJECT_LIMIT,
    Project,
    ProjectReply,
    at_large,
    fetch_projects,
    in_project,
    within_project,
)
from openreplay_tools.operation import Arguments, Emit, Page, Request, ask, operation
from openreplay_tools.text import Given, Line, Own, Recorded, identifier, name, own

if TYPE_CHECKING:
    from openreplay_tools.operation import Flow, Scope

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
                own(str(p.project_id)),
                (identifier(p.project_key),),
                (name(p.name),),
                (Recorded(p.platform),),
                _metadata(p),
            )
        )
        for p in page.rows
    )
    notes = [own("Any of id, key and name can be passed as project.")] if rows else [own("This key sees no project.")]
    if len(rows) >= PROJECT_LIMIT:
        notes.append(own("The server lists 100 projects at most; others answer to their key."))
    tally = Tally("projects", page.total)
    return Answer(
        scope=(own(scope.host),),
        tally=tally,
        headings=("id", "key", "name", "platform", "metadata"),
        rows=rows,
        notes=tuple(notes),
    )


def project_card(project: Project, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one project."""
    payloads = "are saved" if project.save_request_payloads else "are not saved"
    return Answer(
        subject=(Own("Project "), name(project.name)),
        scope=(own(scope.host),),
        facts=(
            (
                Own("Key "),
                identifier(project.project_key),
                Own(f" · id {project.project_id} · platform "),
                Recorded(project.platform),
            ),
            own(
                f"Records {project.sample_rate} % of visits, {project.max_session_duration // 60_000} minutes "
                f"each at most; request payloads {payloads}."
            ),
            (Own("Metadata: "), *_metadata(project)),
        ),
        notes=(own(f"Sessions: {scope.dashboard}/{project.project_id}/sessions"),),
    )


@operation(ListProjectsArgs, group="projects", prepare=at_large, present=projects_table)
def list_projects(args: ListProjectsArgs, scope: Scope) -> Flow[ProjectPage]:  # noqa: ARG001
    """List the projects this key can see: id, key, name, platform, names of the custom metadata.

    Call it first when the project is not known; other tools take any of key, id or name.
    """
    projects = [project.model_copy(deep=True) for project in (yield from fetch_projects())]
    return ProjectPage(rows=projects, total=len(projects), limit=PROJECT_LIMIT)


@list_projects.walk
def _all_projects(args: ListProjectsArgs, scope: Scope) -> Flow[None]:  # noqa: ARG001
    projects = yield from fetch_projects()
    yield Emit(tuple(projects))


@operation(GetProjectArgs, group="projects", prepare=in_project, present=project_card)
def get_project(args: GetProjectArgs, scope: Scope) -> Flow[Project]:  # noqa: ARG001
    """Show one project's settings: key, id, platform, sampling, whether request payloads are saved, metadata names.

    For its sessions start with openreplay_search_users.
    """
    request = Request("GET", ("public", "projects", scope.project.key), ProjectReply)
    reply = yield from within_project(request, scope)
    return reply.data


@operation(CreateProjectArgs, group="projects", effect="write", prepare=at_large, present=project_card)
def create_project(args: CreateProjectArgs, scope: Scope) -> Flow[Project]:  # noqa: ARG001
    """Create a project and return its key, which the site's tracker needs.

    Changes the account: call it only when asked to. openreplay_list_projects shows what exists.
    """
    body = {"name": args.name, "platform": args.platform}
    try:
        reply = yield from ask(Request("POST", ("public", "projects"), ProjectReply, body=body, reads=False))
    except BadRequestError as error:
        if "already exists" in error.message:
            raise BadRequestError(
                "name: a project called ", Given(args.name), " exists already (case does not matter). Choose "
                "another name.",
                status=error.status, message=error.message,
            ) from None  # fmt: skip
        raise
    return reply.data


def _metadata(project: Project) -> Line:
    return tuple(part for n in project.metadata for part in (Own(", "), Recorded(n)))[1:] or own("none")
