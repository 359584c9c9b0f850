"""Asking LogRocket, and finding out whether it accepts the key."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from openreplay_tools.errors import BadRequestError, NotFoundError
from openreplay_tools.flow import Request, ask_either_way
from openreplay_tools.operation import Record
from openreplay_tools.text import Own, name

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Arguments, Scope
    from openreplay_tools.text import Line


class Reply(Record):
    """Something LogRocket told; a null says nothing, and does not hide what stands under another spelling."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_omitted(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


def first_of(value: Any, most: int) -> Any:
    """Return a list's or object's first entries, in a list those that are not null.

    A reply of a few MiB can hold millions of them, and each takes many times as much memory once it is validated.
    """
    if isinstance(value, list):
        return list(islice((each for each in value if each is not None), most))
    return dict(islice(value.items(), most)) if isinstance(value, dict) else value


class _Anything(Record):
    """Any JSON object."""


def at_logrocket(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation: organization and application are known from the settings."""
    yield from ()
    return scope


def knock() -> Flow[None]:
    """Make sure that the key is accepted, with one small request.

    Raises:
        AuthenticationError: it is refused.
    """
    listing = Request("GET", ("data-export",), _Anything, query={"limit": "1"}, via="logrocket", slash=True)
    with suppress(NotFoundError, BadRequestError):  # exports are not enabled for every account
        yield from ask_either_way(listing)


def about(scope: Scope, *more: Line) -> tuple[Line, ...]:
    """Return what an answer is true about: the application, and what else narrows it."""
    return ((Own("LogRocket "), name(f"{scope.app.org}/{scope.app.app}")), *more)
