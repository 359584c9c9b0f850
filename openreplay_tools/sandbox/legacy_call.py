"""What the handlers of the legacy (Python) service get, and the shapes of its refusals (contract §1.5)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.sandbox.accounts import Accounts, Person
    from openreplay_tools.sandbox.routes import Edition
    from openreplay_tools.sandbox.store import Store
    from openreplay_tools.sandbox.versions import Version

_TRUE = frozenset(["1", "true", "t", "yes", "y", "on"])
_FALSE = frozenset(["0", "false", "f", "no", "n", "off"])


@dataclass(frozen=True)
class Installation:
    """What the service knows: the data, the people, the clocks, which edition and version it is."""

    store: Store
    accounts: Accounts
    api_key: str
    edition: Edition
    version: Version
    now: Callable[[], datetime]
    clock: Callable[[], float]
    opened_ms: int


@dataclass(frozen=True)
class LegacyCall:
    """One authorised request to a matched route."""

    installation: Installation
    path: dict[str, str]
    query: str
    body: bytes
    authorization: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    person: Person | None = None
    project: int = 0

    @property
    def store(self) -> Store:
        """The data."""
        return self.installation.store

    @property
    def user(self) -> Person:
        """Whoever asks; only on routes that want a login."""
        if self.person is None:
            raise LookupError("this route has no login")
        return self.person

    def parameter(self, name: str) -> str | None:
        """A parameter of the query string, None when absent."""
        return parse_qs(self.query, keep_blank_values=True).get(name, [None])[-1]

    def number(self, name: str, *, place: Literal["query", "path"] = "query") -> int | None:
        """An optional whole number of the query string, or one of the path."""
        text = self.path[name] if place == "path" else self.parameter(name)
        return None if text is None else whole_number(text, place, name)

    def truth(self, name: str, missing: list[dict[str, Any]]) -> bool:
        """A required yes or no of the query string; when absent, that is added to what is missing."""
        text = self.parameter(name)
        if text is None:
            missing.append(absent("query", name, None))
            return False
        if text.lower() not in _TRUE | _FALSE:
            message = "Input should be a valid boolean, unable to interpret input"
            raise unprocessable({"type": "bool_parsing", "loc": ["query", name], "msg": message, "input": text})
        return text.lower() in _TRUE

    def fields(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        if not self.body:
            raise unprocessable({"type": "missing", "loc": ["body"], "msg": "Field required", "input": None})
        try:
            found = json.loads(self.body)
        except json.JSONDecodeError as error:
            raise unprocessable(_broken(error.pos, error.msg)) from error
        except UnicodeDecodeError as error:  # what FastAPI says when reading fails otherwise
            raise refused(400, "There was an error parsing the body") from error
        if not isinstance(found, dict):
            message = "Input should be a valid dictionary or object to extract fields from"
            raise unprocessable({"type": "model_attributes_type", "loc": ["body"], "msg": message, "input": found})
        return found


@dataclass(frozen=True)
class Cookies:
    """An answer that sets cookies."""

    content: object
    headers: list[str]


LegacyHandler = Callable[[LegacyCall], object]
Wants = Literal["nothing", "login", "key"]


@dataclass(frozen=True)
class LegacyRoute:
    """One path: what it answers per method, whom it wants, and what a role must allow (Enterprise edition)."""

    handlers: dict[str, LegacyHandler]
    wants: Wants = "login"
    permission: str | None = None


class LegacyError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(str(content))
        self.status = status
        self.content = content
        self.headers = headers or {}


def refused(status: int, message: str) -> LegacyError:
    """The service's own refusal."""
    return LegacyError(status, {"errors": [message]})


def unprocessable(*details: dict[str, Any]) -> LegacyError:
    """A value that FastAPI refuses."""
    return LegacyError(422, {"detail": list(details)})


def absent(place: str, name: str, given: object) -> dict[str, Any]:
    """FastAPI's words for a missing field."""
    return {"type": "missing", "loc": [place, name], "msg": "Field required", "input": given}


def whole_number(text: str, place: str, name: str) -> int:
    """Read a number as FastAPI does."""
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,4000}\s*", text):
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise unprocessable({"type": "int_parsing", "loc": [place, name], "msg": message, "input": text})
    return int(text)


def text_field(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """A text of the body; required when there is no default."""
    if name not in fields and default is None:
        raise unprocessable(absent("body", name, fields))
    value = fields.get(name, default)
    if not isinstance(value, str):
        message = "Input should be a valid string"
        raise unprocessable({"type": "string_type", "loc": ["body", name], "msg": message, "input": value})
    return value


def _broken(position: int, reason: str) -> dict[str, Any]:
    return {
        "type": "json_invalid",
        "loc": ["body", position],
        "msg": "JSON decode error",
        "input": {},
        "ctx": {"error": reason},
    }
