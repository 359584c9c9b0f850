"""What each route of the public API answers: one function per route and method (contract §2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

from openreplay_tools.sandbox import live, queries, validation
from openreplay_tools.sandbox.filters import QueryError
from openreplay_tools.sandbox.gojson import InvalidJSONError, compact, escape
from openreplay_tools.sandbox.validation import RefusedError, UnknownError

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.sandbox.store import Store

Edition = Literal["foss", "ee"]
JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"
BODY_LIMIT = 131072
_MAX_ID_BYTES = 256
_DEFAULT_LIMIT, _MAX_LIMIT = 50, 200
_EE_TENANT = 1
_INT64_DIGITS = 19


@dataclass(frozen=True)
class Reply:
    """An answer before it has headers."""

    status: int
    body: str = ""
    content_type: str | None = JSON


@dataclass(frozen=True)
class Service:
    """What every route needs: the data, the clock, the edition."""

    store: Store
    edition: Edition
    now: Callable[[], datetime]


@dataclass(frozen=True)
class Call:
    """One authorised request to a matched route."""

    service: Service
    path: dict[str, str]
    query: str
    body: bytes
    project: int = 0
    user: int = 0

    @property
    def store(self) -> Store:
        """The data."""
        return self.service.store

    def parameter(self, name: str) -> str:
        """A parameter of the query string, empty when absent."""
        return parse_qs(self.query, keep_blank_values=True).get(name, [""])[0]


Handler = Callable[[Call], Reply]

UNAUTHORIZED = Reply(401, content_type=None)
NO_ROUTE = Reply(404, "404 page not found\n", PLAIN)
WRONG_METHOD = Reply(405, content_type=None)
EMPTY = Reply(200, content_type=None)


class HandledError(Exception):
    """An answer other than success, with the server's text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, escape(compact({"error": message})))


def run(handler: Handler, call: Call) -> Reply:
    """Answer a call; what goes wrong in it becomes the server's error."""
    try:
        return handler(call)
    except HandledError as error:
        return error.reply
    except InvalidJSONError:
        return HandledError(400, "invalid JSON body").reply
    except RefusedError as error:
        return HandledError(400, str(error)).reply
    except UnknownError as error:
        return HandledError(501, f"sandbox: not in the recordings or the contract: {error}").reply


def _data(text: str) -> Reply:
    return Reply(200, f'{{"data":{text}}}')


def _plain_data(value: object) -> Reply:
    """Projects, jobs and live sessions are not HTML-escaped."""
    return _data(escape(compact(value)))


def _body(call: Call) -> bytes:
    if len(call.body) > BODY_LIMIT:
        raise HandledError(413, "http: request body too large")
    return call.body


def _identifier(call: Call, name: str) -> str:
    value = call.path[name]
    if len(value.encode()) > _MAX_ID_BYTES:
        raise HandledError(400, f"{name} exceeds maximum length of 256 characters")
    return value


def _shown(call: Call, project: dict[str, Any]) -> dict[str, Any]:
    return {**project, "tenantId": _EE_TENANT if call.service.edition == "ee" else 0}


def list_projects(call: Call) -> Reply:
    """At most 100, null when there are none (contract §2.1)."""
    found = [_shown(call, project) for project in call.store.projects()]
    return _plain_data(found[:100] or None)


def create_project(call: Call) -> Reply:
    """Creates with 200, not 201 (contract §2.2)."""
    name, platform = validation.new_project(_body(call))
    created = call.store.create_project(name, platform)
    if created is None:
        raise HandledError(400, "name already exists")
    return _plain_data(_shown(call, created))


def get_project(call: Call) -> Reply:
    """The project whose key the path names; an unknown one did not come so far."""
    project = call.store.project(call.path["projectKey"])
    return _plain_data(_shown(call, project or {}))


def search_users(call: Call) -> Reply:
    """Contract §2.4."""
    body = _body(call)
    search = validation.users_search(body)
    if text := call.parameter("q"):
        search = validation.with_query(search, text)
    try:
        return _data(queries.search_users(call.store, call.project, search))
    except QueryError as error:
        raise HandledError(500, "failed to search users") from error


def get_user(call: Call) -> Reply:
    """Contract §2.5."""
    found = queries.find_user(call.store, call.project, _identifier(call, "userID"))
    if found is None:
        raise HandledError(404, "user not found")
    return _data(found)


def delete_user(call: Call) -> Reply:
    """Schedules a job; whether the user exists is not looked at, and the data stay (observed A9)."""
    user_id = _identifier(call, "userID")
    job = call.store.schedule_deletion(call.project, user_id, call.service.now())
    if job is None:
        raise HandledError(409, "a deletion job for this user is already scheduled or running")
    return _plain_data(job)


def list_user_sessions(call: Call) -> Reply:
    """Contract §2.7."""
    user_id = _identifier(call, "userID")
    search = validation.user_sessions(_body(call))
    try:
        return _data(queries.search_user_sessions(call.store, call.project, user_id, search))
    except QueryError as error:
        raise HandledError(500, "failed to get user sessions") from error


def list_session_events(call: Call) -> Reply:
    """Contract §2.8."""
    session = _identifier(call, "sessionID")
    search = validation.session_events(_body(call))
    try:
        return _data(queries.search_session_events(call.store, call.project, session, search))
    except QueryError as error:
        raise HandledError(500, "failed to search events") from error


def list_jobs(call: Call) -> Reply:
    """A bare array without a total; odd paging falls back to the defaults (contract §2.9)."""
    limit = _whole_number(call.parameter("limit"))
    page = _whole_number(call.parameter("page"))
    limit = limit if limit is not None and 1 <= limit <= _MAX_LIMIT else _DEFAULT_LIMIT
    page = page if page is not None and page >= 1 else 1
    first = (page - 1) * limit
    return _plain_data(call.store.jobs(call.project)[first : first + limit])


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None


def _job(call: Call) -> dict[str, Any]:
    text = call.path["jobID"]
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise HandledError(400, f"invalid path param jobID: strconv.Atoi: parsing {compact(text)}: invalid syntax")
    # The length first: Python refuses to read numbers of more than 4,300 digits.
    if len(text.lstrip("+-0")) > _INT64_DIGITS or not -(2**63) <= int(text) < 2**63:
        raise HandledError(400, f"invalid path param jobID: strconv.Atoi: parsing {compact(text)}: value out of range")
    job = call.store.job(call.project, int(text))
    if job is None:
        raise HandledError(404, "job not found")
    return job


def get_job(call: Call) -> Reply:
    """Contract §2.9."""
    return _plain_data(_job(call))


def cancel_job(call: Call) -> Reply:
    """Anything that is not over can be cancelled, also a failed job (contract §2.9)."""
    job = _job(call)
    if job["status"] in {"completed", "cancelled"}:
        raise HandledError(400, f"the requested job has already been {job['status']}")
    return _plain_data(call.store.set_job_status(job["jobId"], "cancelled", now=call.service.now()))


# From the contract: Enterprise builds only, no success was recorded.


def list_live_sessions(call: Call) -> Reply:
    """Contract §2.12."""
    return _live(call, live.LiveSearch.of_user(call.parameter("userId")))


def search_live_sessions(call: Call) -> Reply:
    """Contract §2.12."""
    return _live(call, live.LiveSearch.read(_body(call)))


def _live(call: Call, search: live.LiveSearch) -> Reply:
    sessions = call.store.live.get(call.project, ())
    return _plain_data(live.search_live(sessions, search))


def assist_credentials(_: Call) -> Reply:
    """The answer of a server that has no TURN secret (contract §2.12)."""
    raise HandledError(500, "secret not defined")


PUBLIC: dict[str, dict[str, Handler]] = {
    "/public/projects": {"GET": list_projects, "POST": create_project},
    "/public/projects/{projectKey}": {"GET": get_project},
    "/public/{projectKey}/users": {"POST": search_users},
    "/public/{projectKey}/users/{userID}": {"GET": get_user, "DELETE": delete_user},
    "/public/{projectKey}/users/{userID}/sessions": {"POST": list_user_sessions},
    "/public/{projectKey}/sessions/{sessionID}/events": {"POST": list_session_events},
    "/public/{projectKey}/jobs": {"GET": list_jobs},
    "/public/{projectKey}/jobs/{jobID}": {"GET": get_job, "DELETE": cancel_job},
}
ENTERPRISE: dict[str, dict[str, Handler]] = {
    "/public/assist/credentials": {"GET": assist_credentials},
    "/public/{projectKey}/assist/sessions": {"GET": list_live_sessions, "POST": search_live_sessions},
}
