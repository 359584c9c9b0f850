"""The arguments that operations share, each described once: what it is, its form by example, where to find one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from openreplay_tools.operation import Arguments

_ID_BYTES = 256  # the server's bound on ids in a path (contract §2.5)


def _fits_a_path(value: str) -> str:
    if len(value.encode("utf-8", "replace")) > _ID_BYTES:
        message = f"should be at most {_ID_BYTES} bytes long; the server accepts no longer id"
        raise ValueError(message)
    return value


Project = Annotated[str, Field(max_length=200, description="Key, id or name.")]
UserId = Annotated[
    str,
    AfterValidator(_fits_a_path),
    Field(min_length=1, description="Exact id the site gave the user, e.g. ann@example.org."),
]
Session = Annotated[str, Field(min_length=1, max_length=2000, description="Session id, or a pasted dashboard link.")]
Since = Annotated[
    str,
    Field(max_length=80, description="Start: 24h, 7d, yesterday, last week, 2026-11-03 14:00, epoch ms."),
]
Until = Annotated[str, Field(max_length=80, description="End; a day counts whole; empty: now.")]
Limit = Annotated[int, Field(ge=1, le=200, description="Rows per page, 1 to 200.")]
PageNumber = Annotated[int, Field(ge=1, le=1_000_000, description="From 1.")]
Order = Annotated[Literal["desc", "asc"], Field(description="desc: newest or highest first.")]
Detail = Annotated[Literal["brief", "normal", "full"], Field(description="Length of the answer.")]


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        message = "should be a whole number"
        raise ValueError(message)  # noqa: TRY004 - pydantic wants a ValueError
    return value


JobId = Annotated[
    int,
    Field(ge=1, le=2**31 - 1, description="Job number, from openreplay_list_jobs."),
    BeforeValidator(_no_truth_value),
]


class ProjectArguments(Arguments):
    """Arguments of operations that look into one project."""

    project: Project = ""


class WindowArguments(ProjectArguments):
    """Arguments of operations that look into a span of time."""

    since: Since = ""
    until: Until = ""


class PagedArguments(ProjectArguments):
    """Arguments of operations that answer in pages."""

    limit: Limit = 50
    page: PageNumber = 1
    detail: Detail = "normal"
