"""Asking LogRocket, and finding out whether it accepts the key."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import model_validator

from openreplay_tools.errors import ApiError, AuthenticationError, BadRequestError, NotFoundError
from openreplay_tools.flow import Request, ask_either_way
from openreplay_tools.operation import Record
from openreplay_tools.text import Own, Recorded, name

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Arguments, Scope
    from openreplay_tools.text import Line

_FORBIDDEN = 403
_ID_LENGTH = 64  # of highlights' ids, in hexadecimal
ReplyT = TypeVar("ReplyT", bound="Reply")


class Reply(Record):
    """Something LogRocket told; a null says nothing, and does not hide what stands under another spelling."""

    nulls: ClassVar[frozenset[str]] = frozenset()  # names under which a null says something

    error: Any = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_omitted(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None or key in cls.nulls}


def first_of(value: Any, most: int) -> Any:
    """Return a list's or object's first entries, in a list those that are not null.

    A reply of a few MiB can hold millions of them, and each takes many times as much memory once it is validated.
    """
    if isinstance(value, list):
        return list(islice((each for each in value if each is not None), most))
    return dict(islice(value.items(), most)) if isinstance(value, dict) else value


class _Anything(Reply):
    """Any JSON object."""


def ask_logrocket(request: Request[ReplyT]) -> Flow[ReplyT]:
    """Send one request, with or without a slash at its end as the server wants, and return its typed reply.

    Raises:
        ApiError: the server refused, if only in the body of a success.
    """
    reply = yield from ask_either_way(request)
    if reply.error and not getattr(reply, "status", ""):
        said = Recorded(str(reply.error), limit=300)
        raise ApiError("LogRocket refused the request: ", said, ". Try again later.", status=200, message=said.text)
    return reply


def at_logrocket(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation: organization and application are known from the settings."""
    yield from ()
    return scope


def knock() -> Flow[None]:
    """Make sure that the key is accepted, with one or two small requests.

    Exports are not enabled for every account, and a 403 may say that or refuse the key: then highlights that nobody has
    requested tell which.

    Raises:
        AuthenticationError: it is refused.
    """
    listing = Request("GET", ("data-export",), _Anything, query={"limit": "1"}, via="logrocket", slash=True)
    with suppress(NotFoundError, BadRequestError):
        try:
            yield from ask_logrocket(listing)
        except AuthenticationError as error:
            if error.status != _FORBIDDEN:
                raise
            unknown = {"id": "0" * _ID_LENGTH}
            yield from ask_logrocket(Request("GET", ("highlights",), _Anything, query=unknown, via="logrocket"))


def about(scope: Scope, *more: Line) -> tuple[Line, ...]:
    """Return what an answer is true about: the application, and what else narrows it."""
    return ((Own("LogRocket "), name(f"{scope.app.org}/{scope.app.app}")), *more)
