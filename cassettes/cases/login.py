"""The cases of a dashboard login: access, projects, users, live sessions, notes, saved searches, any path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cassettes.case import SIGN_IN, THE_PROJECTS, Case, Recorded, Written
from cassettes.cases.people import ANN, BOB_VISIT, BY_ID, NO_RETRIES, WRONG_KEY, WRONG_PASSWORD
from openreplay_tools import (
    check_access,
    create_note,
    get_project,
    get_user,
    list_live_sessions,
    list_notes,
    list_projects,
    list_saved_searches,
    request,
    search_live_sessions,
    search_users,
    send,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_THE_PROJECTS = Recorded("app_projects-list")
_REFUSED = Recorded("app_auth-login-wrong-password")
_NO_SESSION_THEN = Recorded("app_search-page-past-end", moved="recorded for the other project")
_NO_V1 = Recorded("detect-v2only-v1-projects", moved="this service has none of API v1's paths")
_EDITION = Recorded("app_auth-signup-get")
_FORBIDDEN = Written("the contract §1.3 and §4 (a login's missing permission: 401 without a body)", 401, "", "")
_LONG_AGO = "A search in a minute of the year 2000, long before anything was recorded."
_ONLY_ENTERPRISE = "The open-source edition that was recorded refuses a login nothing."
_TAG = '{"name":"Promo","selector":"#apply-promo","ignoreClickRage":false,"ignoreDeadClick":false,"location":"/cart"}'


def newest_note(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """Cut to its first row, as limit 1 asks."""
    return {**data, "notes": data["notes"][:1]}


ACCESS = (
    Case(
        check_access, "check-key", (THE_PROJECTS, _NO_V1, _EDITION), enters=False,
        expects={"edition": "foss", "doors.0.state": "open", "doors.1.state": "closed", "doors.2.state": "unset"},
    ),
    Case(
        check_access, "check-login", (SIGN_IN, _THE_PROJECTS, _NO_SESSION_THEN), door="login", enters=False,
        expects={"edition": "foss", "doors.2.state": "open", "projects": ["Acme Blog", "Acme Shop"]}, note=_LONG_AGO,
    ),
    Case(
        check_access, "check-both", (THE_PROJECTS, _NO_V1, SIGN_IN, _THE_PROJECTS, _NO_SESSION_THEN),
        enters=False, both=True, expects={"doors.0.state": "open", "doors.2.state": "open"}, note=_LONG_AGO,
    ),
    Case(
        check_access, "check-wrong-key", (Recorded("transport-auth-wrong-key"), _EDITION), enters=False,
        settings=WRONG_KEY, expects={"doors.0.state": "refused", "doors.1.state": "refused", "projects": []},
    ),
    Case(
        check_access, "check-wrong-password", (_REFUSED, _EDITION), door="login", enters=False, settings=WRONG_PASSWORD,
        expects={"doors.2.state": "refused", "projects": []},
    ),
    Case(
        check_access, "check-no-credential", enters=False, settings={"api_key": ""}, raises=ConfigurationError,
        staged=True,
    ),
)  # fmt: skip

PROJECTS = (
    Case(
        list_projects, "login-list", (SIGN_IN, _THE_PROJECTS), door="login", enters=False,
        expects={"total": 2, "rows.1.name": "Acme Shop", "rows.1.metadata": []},
    ),
    Case(
        list_projects, "login-list-wrong-password", (_REFUSED,), door="login", enters=False, settings=WRONG_PASSWORD,
        raises=AuthenticationError,
    ),
    Case(
        list_projects, "login-list-bad-email", (Recorded("app_auth-login-bad-email"),), door="login", enters=False,
        settings={"email": "nope", "password": "x"}, raises=BadRequestError, staged=True,
    ),
    Case(
        get_project, "login-get", (Recorded("app_projects-metadata"),), door="login",
        expects={"name": "Acme Shop", "metadata.0": "plan", "save_request_payloads": True},
    ),
    Case(get_project, "login-get-unknown", arguments={"project": "Acme Shoe"}, door="login", raises=ArgumentsError),
)  # fmt: skip

USERS = (
    Case(
        search_users, "login-search", (Recorded("app_data-users"),), {**BY_ID, "limit": 2}, {"total": 332},
        door="login",
    ),
    Case(
        search_users, "login-search-no-permission", (_FORBIDDEN, _THE_PROJECTS), {"query": "ann"}, door="login",
        raises=PermissionDeniedError, staged=True, note=_ONLY_ENTERPRISE,
    ),
    Case(
        get_user, "login-get", (Recorded("app_data-user"),), {"user_id": "gina"},
        {"name": "Gina", "properties.note": '<i>&"quoted"</i>'}, door="login",
    ),
    Case(
        get_user, "login-get-unknown", (Recorded("app_data-user-unknown"),), {"user_id": "nobody"}, door="login",
        raises=NotFoundError,
    ),
)  # fmt: skip

LIVE = (
    Case(
        list_live_sessions, "login-list", (Recorded("app_live-list"),), door="login",
        expects={"total": 1, "rows.0.os": "Linux"},
    ),
    Case(
        list_live_sessions, "login-list-of-user", (Recorded("app_live-filter-user-is"),),
        {"user_id": "live.user@example.org"}, {"total": 1}, door="login",
    ),
    Case(
        list_live_sessions, "login-list-bad-gateway",
        (Recorded("app_live-filter-no-name"),), door="login", settings=NO_RETRIES, raises=ServerError, staged=True,
        note="The handler panics on a filter without a name, which we never send; its failures look like this.",
    ),
    Case(
        search_live_sessions, "login-search-metadata", (Recorded("app_live-filter-metadata-direct"),),
        {"filters": [{"name": "metadata:plan", "operator": "is", "values": ["pro"]}], "limit": 10},
        {"total": 1, "rows.0.metadata.plan": "pro"}, door="login",
    ),
    Case(
        search_live_sessions, "login-search-device-type", (_EDITION,),
        {"filters": [{"name": "device_type", "values": ["desktop"]}]}, door="login", raises=ArgumentsError,
    ),
)  # fmt: skip

NOTES = (
    Case(
        list_notes, "list", (Recorded("app_notes-all"),), door="login", expects={"total": 3, "rows.0.note_id": 3},
        note="Limit 50, page 1 and the newest first are what the server takes when they are left out.",
    ),
    Case(
        list_notes, "list-every", (Recorded("app_notes-all"),), door="login", every=True,
        note="All there are, whatever the limit.",
    ),
    Case(
        list_notes, "list-of-session", (Recorded("app_notes-list"),), {"session": BOB_VISIT}, {"total": 3},
        door="login", known=True,
    ),
    Case(
        list_notes, "list-nothing",
        (Recorded("app_notes-all-none"), Recorded("app_notes-all", newest_note),
         Recorded("app_notes-all-none", moved="recorded for the other project")),
        {"query": "zzzz"}, {"total": 0, "diagnosis.in_window": 3}, door="login",
    ),
    Case(
        list_notes, "list-wrong-password", (_REFUSED,), door="login", enters=False, settings=WRONG_PASSWORD,
        raises=AuthenticationError,
    ),
    Case(
        create_note, "create", (Recorded("app_notes-create"),),
        {"session": BOB_VISIT, "message": 'Checkout fails <b>&" here', "moment": "0:04.2", "tag": "ISSUE",
         "public": True},
        {"note_id": 1, "timestamp": 4200, "is_public": True}, door="login",
    ),
    Case(
        create_note, "create-unknown-session",
        (Recorded("app_notes-create-unknown-session"),
         Written("the contract §4.5 (a session that does not exist)", 400, '{"error":"wrong session id"}')),
        {"session": "123", "message": "x"}, door="login", raises=NotFoundError,
    ),
    Case(
        create_note, "create-bad-gateway",
        (Recorded("app_notes-create-no-message"),), {"session": BOB_VISIT, "message": "x"}, door="login",
        raises=ServerError, staged=True,
        note="The handler panics on a note without a message, which we never send; its failures look like this.",
    ),
)  # fmt: skip

SAVED = (
    Case(
        list_saved_searches, "saved-list", (Recorded("app_search-saved-list"),), {"limit": 5},
        {"total": 1, "rows.0.name": "Safari failures"}, door="login",
    ),
    Case(
        list_saved_searches, "saved-list-no-permission", (_FORBIDDEN, _THE_PROJECTS), door="login",
        raises=PermissionDeniedError, staged=True, note=_ONLY_ENTERPRISE,
    ),
)  # fmt: skip

RAW = (
    Case(
        request, "request", (Recorded("public_user-get-ann"),),
        {"path": f"/v2/api/public/LbifiKjlu7VmVoyauxnK/users/{ANN}"}, {"body.data.$user_id": ANN}, enters=False,
    ),
    Case(
        request, "request-unknown", (Recorded("public_jobs-get-unknown"),),
        {"path": "/v2/api/public/LbifiKjlu7VmVoyauxnK/jobs/999999"}, enters=False, raises=NotFoundError,
    ),
    Case(
        request, "login-request", (SIGN_IN, Recorded("app_projects-metadata")), {"path": "/api/1/metadata"},
        {"body.data.0.key": "plan"}, door="login", enters=False,
    ),
    Case(
        request, "login-request-unknown", (SIGN_IN, Recorded("app_data-event-unknown")),
        {"path": "/v2/api/1/events/00000000-0000-0000-0000-000000000000"}, door="login", enters=False,
        raises=NotFoundError,
    ),
    Case(
        request, "login-request-account", arguments={"path": "/api/account"}, door="login", enters=False,
        raises=ArgumentsError,
    ),
    Case(
        send, "send", (Recorded("public_jobs-cancel"),),
        {"path": "/v2/api/public/LbifiKjlu7VmVoyauxnK/jobs/1", "method": "DELETE"},
        {"body.data.status": "cancelled"}, enters=False,
    ),
    Case(
        send, "send-again", (Recorded("public_jobs-cancel-again"),),
        {"path": "/v2/api/public/LbifiKjlu7VmVoyauxnK/jobs/1", "method": "DELETE"}, enters=False,
        raises=BadRequestError,
    ),
    Case(
        send, "login-send", (SIGN_IN, Recorded("app_data-tag-create")),
        {"path": "/v2/api/1/tags", "method": "POST", "body": _TAG}, {"body.data": 1}, door="login", enters=False,
    ),
    Case(
        send, "login-send-user", arguments={"path": "/v2/api/1/users/gina", "method": "DELETE"}, door="login",
        enters=False, raises=ArgumentsError,
    ),
)  # fmt: skip

LOGIN = (*ACCESS, *PROJECTS, *USERS, *LIVE, *NOTES, *SAVED, *RAW)
