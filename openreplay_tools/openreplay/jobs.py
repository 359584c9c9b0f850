"""Deletion: the preview, the job it becomes, and the jobs there are."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import ArgumentsError, BadRequestError, ConflictError, NotFoundError
from openreplay_tools.fields import JobId, PagedArguments, ProjectArguments, UserId
from openreplay_tools.flow import Emit, Request, ask
from openreplay_tools.openreplay.paging import Slice, more_pages, sweep
from openreplay_tools.openreplay.scope import about, in_project, local, within_project
from openreplay_tools.openreplay.users import fetch_visitor, reachable_by_path
from openreplay_tools.operation import Instant, Page, Record, operation
from openreplay_tools.personal import PersonId
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import EARLIEST, format_moment

if TYPE_CHECKING:
    from openreplay_tools.doors import Service
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_DAY_MS = 86_400_000
_PENDING = ("scheduled", "running")
_MEANINGS = {
    "scheduled": "waits for its start", "running": "is being carried out", "completed": "is done",
    "failed": "ended with an error", "cancelled": "was called off",
}  # fmt: skip


class Job(Record):
    """A scheduled deletion of one user's sessions.

    Attributes:
        status: scheduled, running, completed, failed or cancelled.
        reference_id: the user id.
        start_at: when it may begin.
        errors: the server's account of a failure, or None.
    """

    job_id: int = Field(0, alias="jobId")
    status: str = ""
    action: str = ""
    description: str = ""
    reference_id: PersonId = Field("", alias="referenceId")
    project_id: int = Field(0, alias="projectId")
    created_at: Instant | None = Field(None, alias="createdAt")
    updated_at: Instant | None = Field(None, alias="updatedAt")
    start_at: Instant | None = Field(None, alias="startAt")
    errors: str | None = None


class JobPage(Page[Job]):
    """One page of jobs, newest first; API v2 tells no total."""


class Deletion(Record):
    """What deleting a user's recordings would do, or the job it became.

    Attributes:
        sessions: how many sessions would lose their replay.
        first_at: the first session's first event.
        last_at: the last session's first event.
        confirm: the token for the second call; "" once the job exists.
        job: the scheduled job; None in the preview.
    """

    user_id: PersonId = ""
    sessions: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    confirm: str = ""
    job: Job | None = None


class ListJobsArgs(PagedArguments):
    """Which page."""


class GetJobArgs(ProjectArguments):
    """Which job."""

    job_id: JobId


class CancelJobArgs(ProjectArguments):
    """Which job."""

    job_id: JobId


class DeleteUserArgs(ProjectArguments):
    """Whose recordings, and the token of the preview."""

    user_id: UserId
    confirm: Annotated[str, Field(max_length=100, description="Empty for the preview; then the token it returned.")] = (
        ""
    )


class _JobsReply(Record):
    data: list[Job] | None


class _JobReply(Record):
    data: Job


class _Visit(Record):
    startTs: Instant  # noqa: N815 - the server's spelling


class _Visits(Record):
    total: int = 0
    sessions: list[_Visit] | None = None


class _VisitsReply(Record):
    data: _Visits


def _fetch(scope: Scope, page: int, limit: int) -> Flow[Slice[Job]]:
    if scope.door == "v1":
        jobs = yield from _every_job(scope)
        first = (page - 1) * limit
        return Slice(jobs[first : first + limit], len(jobs))
    # https://docs.openreplay.com/en/api/jobs/
    request = Request(
        "GET", ("public", scope.project.key, "jobs"), _JobsReply, query={"limit": str(limit), "page": str(page)}
    )
    reply = yield from within_project(request, scope)
    return Slice(reply.data or [], None)


def _every_job(scope: Scope) -> Flow[list[Job]]:
    """Return all jobs, newest first; API v1 has no pages and no order (contract §3.8)."""
    reply = yield from ask(Request("GET", ("v1", scope.project.key, "jobs"), _JobsReply, via="v1"))
    return sorted(reply.data or [], key=lambda job: -job.job_id)


def jobs_table(page: JobPage, args: ListJobsArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present the jobs."""
    rows = tuple(
        Row(
            (
                own(str(job.job_id)),
                (Recorded(job.status),),
                (identifier(job.reference_id),),
                own(_when(job.start_at, scope)),
                own(_when(job.created_at, scope)),
            )
        )
        for job in page.rows
    )
    zone, counted = scope.zone.key, page.total is not None
    guess = None if len(rows) >= page.limit or page.page > 1 else len(rows)
    perhaps = own(f"There may be more: page={page.page + 1}.") if len(rows) >= page.limit else ()
    return Answer(
        scope=about(scope, own("newest first")),
        tally=Tally("jobs", page.total if counted else guess, first=(page.page - 1) * page.limit + 1),
        headings=("job", "status", "user", f"starts ({zone})", f"made ({zone})"),
        rows=rows,
        in_order=True,
        more=more_pages(page) if counted else perhaps,
        rest="limit={shown}, page={next} goes on",
    )


def job_card(job: Job, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one job."""
    return Answer(subject=own(f"Job {job.job_id}"), scope=about(scope), facts=tuple(_job_facts(job, scope)))


def deletion_card(deletion: Deletion, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present the preview of a deletion, or the job that came of it."""
    user = identifier(deletion.user_id)
    if deletion.job:
        subject, facts = "Deletion scheduled for ", tuple(_job_facts(deletion.job, scope))
        notes: list[Line] = [own(f"To stop it before it starts: openreplay_cancel_job(job_id={deletion.job.job_id}).")]
    elif not deletion.sessions:
        subject, facts = "Nothing to delete: no recorded session of ", ()
        notes = [own("Ids are exact and case-sensitive; openreplay_search_users finds the right one.")]
    else:
        subject, facts = "Preview, nothing is deleted yet: recordings of ", _preview_facts(deletion, scope)
        confirm = Own(f', confirm="{deletion.confirm}") within 10 minutes.')
        notes = [(Own("To go on: openreplay_delete_user(user_id="), user, confirm)]
    return Answer(subject=(Own(subject), user), scope=about(scope), facts=facts, notes=tuple(notes))


def _preview_facts(deletion: Deletion, scope: Scope) -> tuple[Line, ...]:
    span = f"{_when(deletion.first_at, scope)} to {_when(deletion.last_at, scope)} {scope.zone.key}"
    replays = f"the replays of {deletion.sessions} sessions" if deletion.sessions > 1 else "the replay of 1 session"
    return (
        own(f"Would go: {replays}, {span}. They cannot be brought back."),
        own("Would stay: the user's record, and events and session lists in searches and statistics."),
        own(
            "When: a job starts after the next midnight UTC, at most 1,000 sessions each; "
            "until then it can be cancelled."
        ),
    )


def _job_facts(job: Job, scope: Scope) -> list[Line]:
    status: Line = (
        Own("Status "),
        Recorded(job.status),
        Own(f": it {_MEANINGS[job.status]}" if job.status in _MEANINGS else ""),
    )
    starts = "Starts after" if job.status == "scheduled" else "Was to start after"
    facts: list[Line] = [
        (*status, Own(".")),
        (Own("Deletes the recordings of user "), identifier(job.reference_id), Own(".")),
        own(
            f"{starts} {_when(job.start_at, scope)}; made {_when(job.created_at, scope)}, changed "
            f"{_when(job.updated_at, scope)} {scope.zone.key}."
        ),
    ]
    return [*facts, (Own("Error: "), Recorded(job.errors))] if job.errors else facts


def _when(moment: datetime | None, scope: Scope) -> str:
    return format_moment(local(moment, scope)) if moment else "unknown"


@operation(ListJobsArgs, group="jobs", prepare=in_project, present=jobs_table)
def list_jobs(args: ListJobsArgs, scope: Scope) -> Flow[JobPage]:
    """List deletion jobs, newest first: status, whose recordings they delete, when they start.

    For one job's state and errors call openreplay_get_job.
    """
    found = yield from _fetch(scope, args.page, args.limit)
    return JobPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)


list_jobs.route("v1")(list_jobs.routes[0].flow)


@list_jobs.walk
def _all_jobs(args: ListJobsArgs, scope: Scope) -> Flow[None]:  # noqa: ARG001
    if scope.door == "v1":
        yield Emit(tuple((yield from _every_job(scope))))
        return
    yield from sweep(lambda page, limit: _fetch(scope, page, limit), lambda job: job.job_id)


@operation(GetJobArgs, group="jobs", prepare=in_project, present=job_card)
def get_job(args: GetJobArgs, scope: Scope) -> Flow[Job]:
    """Show one deletion job: its status, whose recordings it deletes, when it starts, what went wrong.

    Job numbers come from openreplay_list_jobs.
    """
    job = yield from _at_job("GET", args.job_id, scope)
    if not job.job_id:  # how API v1 tells an unknown one (contract §3.8)
        raise _no_job(args.job_id, 404)
    return job


get_job.route("v1")(get_job.routes[0].flow)


@operation(CancelJobArgs, group="jobs", effect="write", prepare=in_project, present=job_card)
def cancel_job(args: CancelJobArgs, scope: Scope) -> Flow[Job]:
    """Call off a deletion job that is not finished, so that the recordings stay.

    Job numbers come from openreplay_list_jobs.
    """
    try:
        return (yield from _at_job("DELETE", args.job_id, scope))
    except BadRequestError as error:
        if "already been" not in error.message:
            raise
        told = error.message.lower()  # "canceled/completed" at API v1
        state = "cancelled or completed" if "/" in told else "cancelled" if "cancelled" in told else "completed"
        raise ConflictError(
            f"job_id: job {args.job_id} is {state} already, so there is nothing to cancel. openreplay_get_job "
            f"shows it.",
            status=error.status, message=error.message,
        ) from None  # fmt: skip


cancel_job.route("v1")(cancel_job.routes[0].flow)


@operation(DeleteUserArgs, group="users", effect="destroy", prepare=in_project, present=deletion_card)
def delete_user(args: DeleteUserArgs, scope: Scope) -> Flow[Deletion]:
    """Delete one user's recordings, in two calls: the first shows what would go and returns a token for the second.

    Only replays are deleted; the user's record and events stay. Call it only when a person asked for it.
    """
    if not reachable_by_path(args.user_id):
        raise ArgumentsError(
            "user_id: the server cannot delete by the id ", identifier(args.user_id), ": it takes the slash or "
            "dot for a part of the address. "
            "Only the server's operator can, in its database."
        )  # fmt: skip
    what = ("delete_user", scope.project.key, args.user_id)
    if not args.confirm:
        preview = _visitor if scope.door == "v1" else _preview
        found = yield from preview(args, scope)
        found.confirm = scope.confirmations.token(what, scope.now) if found.sessions else ""
        return found
    scope.confirmations.check(args.confirm, what, scope.now)
    if scope.door == "v1":
        return (yield from _schedule(args, scope))
    # https://docs.openreplay.com/en/api/users/
    request = Request("DELETE", ("public", scope.project.key, "users", args.user_id), _JobReply, reads=False)
    try:
        reply = yield from within_project(request, scope)
    except ConflictError as error:
        raise _under_way(args, error.status, error.message) from None
    return Deletion(user_id=args.user_id, job=reply.data)


delete_user.route("v1")(delete_user.routes[0].flow)


def _schedule(args: DeleteUserArgs, scope: Scope) -> Flow[Deletion]:
    """Schedule a deletion at API v1, which would make another job at every call (contract §3.7)."""
    jobs = yield from _every_job(scope)
    if any(job.reference_id == args.user_id and job.status in _PENDING for job in jobs):
        raise _under_way(args, 409)
    path = ("v1", scope.project.key, "users", args.user_id)
    reply = yield from ask(Request("DELETE", path, _JobReply, reads=False, via="v1"))
    return Deletion(user_id=args.user_id, job=reply.data)


def _under_way(args: DeleteUserArgs, status: int, message: str = "") -> ConflictError:
    return ConflictError(
        "user_id: a deletion for ", identifier(args.user_id), " is scheduled or running already. "
        "openreplay_list_jobs shows it.",
        status=status, message=message,
    )  # fmt: skip


def _visitor(args: DeleteUserArgs, scope: Scope) -> Flow[Deletion]:
    known = yield from fetch_visitor(args.user_id, scope)
    if known is None:
        return Deletion(user_id=args.user_id)
    return Deletion(
        user_id=args.user_id, sessions=known.sessions_count, first_at=known.first_seen, last_at=known.last_seen
    )


def _preview(args: DeleteUserArgs, scope: Scope) -> Flow[Deletion]:
    ends = []
    for order in ("asc", "desc"):
        body: dict[str, Any] = {
            "startTimestamp": round(EARLIEST.timestamp() * 1000),
            "endTimestamp": round(scope.now.timestamp() * 1000) + _DAY_MS, "limit": 1, "page": 1, "sortOrder": order,
        }  # fmt: skip
        path = ("public", scope.project.key, "users", args.user_id, "sessions")
        reply = yield from within_project(Request("POST", path, _VisitsReply, body=body), scope)
        ends.append(reply.data)
    first, last = (visits.sessions[0].startTs if visits.sessions else None for visits in ends)
    return Deletion(user_id=args.user_id, sessions=ends[0].total, first_at=first, last_at=last)


def _at_job(method: Literal["GET", "DELETE"], job_id: int, scope: Scope) -> Flow[Job]:
    via: Service = "v1" if scope.door == "v1" else "v2"
    path = ("v1" if via == "v1" else "public", scope.project.key, "jobs", str(job_id))
    request = Request(method, path, _JobReply, reads=method == "GET", via=via)
    try:
        return (yield from within_project(request, scope)).data
    except NotFoundError as error:
        raise (_no_job(job_id, error.status, error.message) if error.status else error) from None


def _no_job(job_id: int, status: int, message: str = "") -> NotFoundError:
    return NotFoundError(
        f"job_id: this project has no job {job_id}. openreplay_list_jobs shows those there are.",
        status=status,
        message=message,
    )
