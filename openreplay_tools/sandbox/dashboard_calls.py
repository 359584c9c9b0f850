"""What the dashboard's routes of the Go service share: projects by number, raw error texts (contract §1.3, §4.8)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.front import html_page
from openreplay_tools.sandbox.gojson import InvalidJSONError, Reader, compact, decode, escape
from openreplay_tools.sandbox.live import PanicError
from openreplay_tools.sandbox.routes import BODY_LIMIT, Call, HandledError, Handler, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

_INT64_DIGITS = 19


class Fields(Reader):
    """The fields of a request's body, and whether one was sent: an edit leaves alone what was not."""

    def has(self, name: str) -> bool:
        """Whether the body has this field with another value than null."""
        return name.lower() in self._fields

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object field."""
        value = self._fields.get(name.lower(), {})
        if not isinstance(value, dict):
            raise InvalidJSONError(name)
        return value


def data(text: str) -> Reply:
    """Answer with finished JSON text."""
    return Reply(200, f'{{"data":{text}}}')


def plain_data(value: object) -> Reply:
    """Answer with a value whose text is not HTML-escaped (observed §D)."""
    return data(escape(compact(value)))


def body_of(call: Call, limit: int = BODY_LIMIT) -> bytes:
    """Return the request's body, if it is not too long."""
    if len(call.body) > limit:
        raise HandledError(413, "http: request body too large")
    return call.body


def fields_of(call: Call, limit: int = BODY_LIMIT) -> Fields:
    """Return the fields of the request's body."""
    return Fields(decode(body_of(call, limit)))


def project_of(call: Call) -> int:
    """Return the number of the project that the path names; an unknown one has no rows (observed A27)."""
    return whole_number(call, "projectId")


def whole_number(call: Call, name: str) -> int:
    """Return a path parameter as `strconv.Atoi` reads it."""
    text = call.path[name]
    problem = ""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        problem = "invalid syntax"
    elif len(text.lstrip("+-0")) > _INT64_DIGITS or not -(2**63) <= int(text) < 2**63:
        problem = "value out of range"
    if problem:
        raise HandledError(400, f"invalid path param {name}: strconv.Atoi: parsing {compact(text)}: {problem}")
    return int(text)


def with_raw_errors(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """Let the handlers of a path refuse a body with the text of Go's JSON decoder, as the dashboard's routes do.

    One that crashes is nginx's 502 (recorded for notes and live sessions).
    """
    return {method: _raw(handler) for method, handler in handlers.items()}


def _raw(handler: Handler) -> Handler:
    def answer(call: Call) -> Reply:
        try:
            return handler(call)
        except InvalidJSONError as error:
            raise HandledError(400, _decoder_text(call.body, str(error))) from error
        except PanicError:
            return Reply(502, html_page("502 Bad Gateway"), "text/html")

    return answer


def _decoder_text(body: bytes, field: str) -> str:
    """Say what Go's decoder says.

    Recorded are the end of the input and the beginning of the last text (app_live-bad-json, app_search-value-int);
    the others follow Go's wording without the place they were found at.
    """
    text = body.decode("utf-8", errors="replace")
    try:
        json.loads(text)
    except RecursionError:
        return "exceeded max depth"
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            return "unexpected end of JSON input"
        if error.msg == "Extra data":
            return f"invalid character '{text[error.pos]}' after top-level value"
        return f"invalid character '{text[error.pos]}' looking for beginning of value"
    return f"json: cannot unmarshal value into Go struct field {field}"
