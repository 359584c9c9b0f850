"""Any path of the server's APIs, for what no other operation does: read with `request`, changed with `send`.

Only paths of the configured host are reached, only below known beginnings, and nothing that returns or changes a
credential.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, RootModel

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.doors import MEANS, OPENED_BY
from openreplay_tools.errors import ArgumentsError, NotFoundError, UnavailableError
from openreplay_tools.fields import Detail
from openreplay_tools.flow import Request, ask
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.raw_paths import Place, read_path, read_query
from openreplay_tools.openreplay.scope import at_large, within_project
from openreplay_tools.operation import Arguments, ProjectRef, Record, operation
from openreplay_tools.text import Given, Own, Recorded, own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_WIDE = 200  # characters of JSON that share a line
_LONGEST_LINE = {"brief": 240, "normal": 400, "full": 2000}
_DEEPEST = 20  # levels that are shown by indenting
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_MARKS = frozenset("{}[],")
_SIGNED = ("x-amz-signature=", "x-goog-signature=")
_FILE_KEYS = frozenset({"filekey"})  # opens a recording's files (contract §4.5)

Path = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="Begins with /v2/api/<project id>, /v2/api/public, /api/<project id>, /api/projects, /api/pa or "
        "/api/v1.",
    ),
]
Query = Annotated[
    list[Annotated[str, Field(max_length=2000)]],
    Field(max_length=30, description='Parameters as "name=value", not encoded.'),
]
Body = Annotated[str, Field(max_length=100_000, description="JSON object as text; empty: none.")]


class RequestArgs(Arguments):
    """What to read."""

    path: Path
    method: Annotated[Literal["GET", "POST"], Field(description="POST for searches only.")] = "GET"
    query: Query = []
    body: Body = ""
    detail: Detail = "normal"


class SendArgs(Arguments):
    """What to change."""

    path: Path
    method: Annotated[
        Literal["POST", "PUT", "DELETE", "GET"], Field(description="GET only where it may change something.")
    ]
    query: Query = []
    body: Body = ""
    detail: Detail = "normal"


class RawReply(Record):
    """What the server answered.

    Attributes:
        body: the decoded JSON; keys of files and signed addresses are withheld.
        viewed: True when asking marked the session as viewed.
    """

    body: JsonValue = None
    viewed: bool = False


class _Json(RootModel[Any]):
    """Any JSON at all."""


def _json_object(text: str) -> dict[str, Any]:
    def no_number(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise ArgumentsError("body: ", Given(text), ' is not JSON. Write an object such as {"limit": 10}.') from None
    if not isinstance(value, dict):
        raise ArgumentsError("body: ", Given(text), ' is not a JSON object. Write one such as {"limit": 10}.')
    return value


def _body(method: str, text: str) -> dict[str, Any] | None:
    if method == "GET":
        if text.strip():
            raise ArgumentsError("body: a GET has none. Leave it empty, or use method POST.")
        return None
    if text.strip():
        return _json_object(text)
    return None if method == "DELETE" else {}  # an empty body is no JSON (contract §1.3)


def _asked(args: RequestArgs | SendArgs, place: Place, scope: Scope, *, reads: bool) -> Flow[RawReply]:
    """Send the request through the door its path belongs to."""
    credential = OPENED_BY[place.door]
    if credential not in scope.access.credentials:
        raise UnavailableError("path: ", Given(args.path), f" needs {MEANS[credential]}.")
    if place.door in scope.access.closed:
        raise scope.access.closed[place.door]
    request = Request(
        args.method, place.parts, _Json, body=_body(args.method, args.body), query=read_query(args.query),
        reads=reads, escaped=place.escaped, via=place.via,
    )  # fmt: skip
    reply = yield from (within_project(request, _named(place, scope)) if place.project_key else ask(request))
    _refuse_errors(reply.root)
    return RawReply(body=_withheld(reply.root), viewed=place.marks_viewed)


def _named(place: Place, scope: Scope) -> Scope:
    """Return the scope of the path's own project, so that a refused key is told from an unknown project."""
    return replace(scope, project=ProjectRef(key=place.project_key, name=place.project_key))


def _refuse_errors(body: Any) -> None:
    """Make an error of a success that is none: the server says of an unknown session 200 `errors` (contract §4.5)."""
    if isinstance(body, dict) and set(body) == {"errors"} and body["errors"]:
        said = body["errors"]
        text = "; ".join(str(each) for each in said) if isinstance(said, list) else str(said)
        raise NotFoundError("The server says: ", Recorded(text, limit=300), ".", status=200, message=text[:300])


def _withheld(value: Any) -> Any:
    """Return the JSON without what opens recordings: keys of files, signed addresses."""
    if isinstance(value, dict):
        return {
            key: "[masked]" if each and key.casefold() in _FILE_KEYS else _withheld(each) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_withheld(each) for each in value]
    if isinstance(value, str) and value.startswith("http") and any(mark in value.lower() for mark in _SIGNED):
        return "[masked signed address]"
    return value


def raw_answer(reply: RawReply, args: RequestArgs | SendArgs, scope: Scope) -> Answer:
    """Present the JSON, line by line."""
    masked: Any = mask_tree(reply.body)  # while each value stands under its name
    rows = tuple(Row((_line(depth, text, _LONGEST_LINE[args.detail]),)) for depth, text in _lines(masked))
    return Answer(
        subject=(Own(f"of the reply to {args.method} "), Given(args.path, limit=200)),
        scope=(own(scope.host),),
        tally=Tally("lines", len(rows)),
        rows=rows,
        in_order=True,
        notes=(own("The server now counts this session as viewed by the login."),) if reply.viewed else (),
        rest='detail="full" widens; limit and page, where this path has them, narrow',
    )


def _line(depth: int, text: str, limit: int) -> Line:
    shown = Own(text) if set(text) <= _MARKS else Recorded(text, limit=limit)
    return (Own("  " * min(depth, _DEEPEST)), shown)


def _lines(value: Any, depth: int = 0, before: str = "", after: str = "") -> Iterator[tuple[int, str]]:
    """Yield the lines of a JSON value with their depth; members that are short share one, for each costs a fence."""
    if (short := _short(value, before)) is not None:
        yield depth, f"{short}{after}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield depth, f"{before}{opening}"
    shared = ""
    members = _members(value)
    for index, (name, each) in enumerate(members):
        comma = "," if index < len(members) - 1 else ""
        text = _short(each, name)
        if shared and (text is None or len(shared) + len(text) > _WIDE):
            yield depth + 1, shared
            shared = ""
        if text is None:
            yield from _lines(each, depth + 1, name, comma)
        else:
            shared = f"{shared} {text}{comma}".lstrip()
    if shared:
        yield depth + 1, shared
    yield depth, f"{closing}{after}"


def _short(value: Any, before: str) -> str | None:
    """Return a value with its name as one text, None when it needs lines of its own."""
    if not value or not isinstance(value, dict | list):
        return f"{before}{_ENCODER.encode(value)}"
    text = before
    for piece in _ENCODER.iterencode(value):  # no further than needed: this is asked again on every level
        text += piece
        if len(text) > _WIDE:
            return None
    return text


def _members(value: dict[str, Any] | list[Any]) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{_ENCODER.encode(key)}: ", each) for key, each in value.items()]
    return [("", each) for each in value]


@operation(RequestArgs, group="raw", prepare=at_large, present=raw_answer)
def request(args: RequestArgs, scope: Scope) -> Flow[RawReply]:
    """Read any path of the server's API and return its JSON, for what no other tool does. Changes nothing.

    Forms of path: /v2/api/1/lexicon/events, /api/1/metadata (login); /v2/api/public/<project key>/users (key).
    """
    place = read_path(args.path)
    place.check_reads(args.method)
    return (yield from _asked(args, place, scope, reads=True))


request.route("login")(request.routes[0].flow)
request.route("v1")(request.routes[0].flow)


@operation(SendArgs, group="raw", effect="write", prepare=at_large, present=raw_answer)
def send(args: SendArgs, scope: Scope) -> Flow[RawReply]:
    """Change something through a path of the server's API, for what no other tool does: call it only when asked to.

    Reading is openreplay_request. Users and projects cannot be deleted with it, nor credentials touched.
    """
    place = read_path(args.path)
    place.check_changes(args.method)
    return (yield from _asked(args, place, scope, reads=False))


send.route("login")(send.routes[0].flow)
send.route("v1")(send.routes[0].flow)
