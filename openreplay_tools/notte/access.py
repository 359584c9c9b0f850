"""Asking Notte, and finding out whether it accepts the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from openreplay_tools.errors import ApiError
from openreplay_tools.flow import Request, ask_either_way
from openreplay_tools.operation import Record
from openreplay_tools.text import Recorded

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Arguments, Scope

LONGEST_TEXT = 20_000
"""Characters of a recorded text that are passed on."""

ReplyT = TypeVar("ReplyT", bound="NotteReply")


class NotteReply(Record):
    """A reply of Notte's; one that holds `detail` is a refusal, whatever its status (as Notte's own client has it)."""

    detail: Any = None
    message: Any = None


def excerpt(text: str) -> str:
    """Return as much of a recorded text as an answer may need: hiding what is personal in a huge one takes long."""
    return text[:LONGEST_TEXT]


def at_notte(args: Arguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
    """Prepare an operation: there is nothing to resolve."""
    yield from ()
    return scope


def ask_notte(request: Request[ReplyT]) -> Flow[ReplyT]:
    """Send one request, with or without a slash at its end as the server wants, and return its typed reply.

    Raises:
        ApiError: the server refused, if only in the body of a success.
    """
    reply = yield from ask_either_way(request)
    if reply.detail:
        said = Recorded(excerpt(str(reply.detail)), limit=300)
        raise ApiError("Notte refused the request: ", said, ".", status=200, message=said.text, told=reply.model_dump())
    return reply


def knock() -> Flow[None]:
    """Make sure that the key is accepted, with one small request.

    Raises:
        AuthenticationError: it is refused.
    """
    yield from ask_notte(Request("GET", ("sessions",), NotteReply, query={"page_size": "1"}, via="notte"))
