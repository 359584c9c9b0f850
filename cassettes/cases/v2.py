"""The cases of API v2: an organization key and no login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cassettes.case import CONFIRM, NO_V2, OTHER_PROJECT, Case, Recorded, Rows, Written
from cassettes.cases.people import (
    ANN,
    BOB,
    BOB_PAYING,
    BOB_VISIT,
    BY_ID,
    GINA_VISIT,
    HARRY_VISIT,
    LONG_VISIT,
    NO_RETRIES,
    NOT_FOUND,
    PLAIN,
    PURCHASES,
    SINCE_OCTOBER,
    THERE,
    UNICODE_VISIT,
    VIP,
    WRONG_KEY,
)
from openreplay_tools import (
    cancel_job,
    create_project,
    delete_user,
    get_job,
    get_project,
    get_user,
    list_jobs,
    list_live_sessions,
    list_projects,
    list_session_events,
    list_user_sessions,
    search_live_sessions,
    search_users,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    ClosedError,
    ConflictError,
    NotFoundError,
    ServerError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def with_a_third(data: Any, reply: Callable[[str], Any]) -> Any:
    """With the project of public_projects-create beside it."""
    return [*data, reply("public_projects-create")]


def only_newest(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """Cut to its first row, as limit 1 asks."""
    return {**data, "sessions": data["sessions"][:1]}


def first_user(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """Cut to its first row, as limit 1 asks."""
    return {**data, "users": data["users"][:1]}


def only_eve(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """Cut to the one row whose id is team/eve."""
    rows = [row for row in data["users"] if row["$user_id"] == "team/eve"]
    return {"total": len(rows), "users": rows}


_NOBODY = Written("the contract §2.12", 200, '{"data":{"total":0,"sessions":[]}}')

PROJECTS = (
    Case(list_projects, "list", expects={"total": 2, "rows.0.name": "Acme Shop", "rows.0.metadata.0": "plan"}),
    Case(
        list_projects, "list-wrong-key", (Recorded("transport-auth-wrong-key"),), enters=False,
        settings=WRONG_KEY, raises=AuthenticationError,
    ),
    Case(
        list_projects, "list-none",
        (Written("the contract §2.1 (null instead of an empty list)", 200, '{"data":null}'),),
        enters=False, staged=True, expects={"total": 0, "rows": []},
    ),
    Case(
        list_projects, "list-web-page",
        (NO_V2, Recorded("detect-v1only-v2-projects", moved="every path that nothing serves gives this page")),
        enters=False, staged=True, raises=ClosedError,
        note="An address without an API behind it: the dashboard's page with status 200.",
    ),
    Case(
        list_projects, "list-old-server",
        (Written("the contract §1.3 (/public on servers up to 1.26)", 404, NOT_FOUND, PLAIN),
         Recorded("detect-v1only-v1-projects")),
        enters=False, staged=True, expects={"total": 2}, note="API v1 takes the place of API v2.",
    ),
    Case(
        get_project, "get-default", (Recorded("public_projects-get"),),
        expects={"name": "Acme Shop", "save_request_payloads": True},
    ),
    Case(get_project, "get-by-id", (Recorded("public_projects-get-2"),), {"project": "2"}, {"name": "Acme Blog"}),
    Case(get_project, "get-unknown", arguments={"project": "Acme Shoe"}, raises=ArgumentsError),
    Case(
        create_project, "create", (Recorded("public_projects-create"),), {"name": "Corpus 197118"},
        {"name": "Corpus 197118", "project_id": 3},
    ),
    Case(
        create_project, "create-name-exists", (Recorded("public_projects-create-duplicate"),),
        {"name": "Corpus 197118"}, raises=BadRequestError,
    ),
)  # fmt: skip

USERS = (
    Case(
        search_users, "search-newest-id", (Recorded("public_users-columns-all"),), {**BY_ID, "limit": 3},
        {"total": 332, "rows.0.country": "DE"},
    ),
    Case(
        search_users, "search-page-2", (Recorded("public_users-page-2"),), {**BY_ID, "limit": 5, "page": 2},
        {"total": 332, "page": 2},
    ),
    Case(
        search_users, "search-past-end", (Recorded("public_users-page-past-end"),), {**BY_ID, "page": 999},
        {"total": 0, "rows": []},
    ),
    Case(
        search_users, "search-query", (Recorded("public_users-q"),), {**BY_ID, "query": "example.net", "limit": 5},
        {"total": 78}, note="Recorded with ?q=, which the server takes for the body's query (contract §2.4).",
    ),
    Case(
        search_users, "search-nothing",
        (Recorded("public_users-query-none"), Recorded("public_users-default", first_user),
         Recorded("public_user_sessions-unknown", moved="recorded for user nobody"),
         Recorded("public_users-query-none", moved=THERE)),
        {**BY_ID, "query": "zzzzqq"}, {"total": 0, "diagnosis.under_id": 0},
    ),
    Case(
        search_users, "search-country", (Recorded("public_users-f-country"),),
        {**BY_ID, "limit": 3, "filters": [{"name": "country", "values": ["DE"]}]}, {"total": 129},
    ),
    Case(
        search_users, "search-created-since", (Recorded("public_users-f-created-ts"),),
        {**BY_ID, "limit": 3, "created_since": "1795000000000"}, {"total": 15, "left_out": 0},
        note="Recorded with after instead of onOrAfter: nobody was created in that very second.",
    ),
    Case(
        search_users, "search-property", (Recorded("public_users-f-prop-number"),),
        {**BY_ID, "limit": 3, "filters": [{"name": "property:visits", "operator": "greater", "values": ["20"]}]},
        {"total": 15},
    ),
    Case(
        search_users, "search-event-property", (Recorded("public_users-f-event-sub"),),
        {**BY_ID, **PURCHASES, "limit": 3,
         "events": [{"event": "purchase", "property": "total", "operator": "greater", "values": ["150"]}]},
        {"total": 50}, note="autoCaptured false is what the server takes when it is left out.",
    ),
    Case(
        search_users, "search-event-and-country", (Recorded("public_users-f-event-plus-property"),),
        {**BY_ID, **PURCHASES, "limit": 3, "events": [{"event": "purchase"}],
         "filters": [{"name": "country", "values": ["DE"]}]},
        {"total": 64}, note="The order of the two filters does not matter (contract §2.10).",
    ),
    Case(
        search_users, "search-server-fails", (Recorded("public_users-f-prop-and-column"),),
        {"limit": 3, "filters": [{"name": "property:plan", "values": ["pro"]}]}, raises=ServerError, staged=True,
        note="The server fails on properties among the columns; we never ask so, but its failures look like this.",
    ),
    Case(
        search_users, "search-project-gone",
        (Recorded("public_projects-list", with_a_third),
         Recorded("transport-unknown-pk-users", moved="another key that is unknown"),
         Recorded("public_projects-list")),
        {"project": "Corpus 197118"}, raises=NotFoundError, enters=False, staged=True,
        note="The project was deleted between the first and the second request.",
    ),
    Case(
        search_users, "search-bad-gateway",
        (Written("the contract §1.3 (a handler panicked: the proxy's page)", 502, "<html></html>", "text/html"),
         Recorded("public_projects-list")),
        {"query": "ann"}, raises=ServerError, settings=NO_RETRIES, staged=True,
        note="A 502 may mean an unknown project, so the list is asked for again; it is there.",
    ),
    Case(
        search_users, "search-wrong-key", (Recorded("transport-auth-wrong-key"),), {"query": "ann"},
        enters=False, settings=WRONG_KEY, raises=AuthenticationError,
    ),
    Case(
        get_user, "get-html-name", (Recorded("public_user-get-ann"),), {"user_id": ANN},
        {"user_id": ANN, "name": "Ann Smith & Sons"}, known=True,
    ),
    Case(get_user, "get-quote", (Recorded("public_user-get-bob-quote"),), {"user_id": BOB}, {"user_id": BOB}),
    Case(
        get_user, "get-html-properties", (Recorded("public_user-get-gina-html"),), {"user_id": "gina"},
        {"name": "Gina"},
    ),
    Case(get_user, "get-orders-to-agents", (Recorded("public_user-get-mallory"),), {"user_id": "mallory@example.org"}),
    Case(
        get_user, "get-space", (Recorded("public_user-get-space"),), {"user_id": "frank miller@example.org"},
        {"user_id": "frank miller@example.org"},
    ),
    Case(get_user, "get-pipe", (Recorded("public_user-get-pipe"),), {"user_id": "crm|1-5"}, {"name": "Dave Garcia"}),
    Case(
        get_user, "get-slash", (Recorded("public_users-f-created-ts", only_eve),),
        {"user_id": "team/eve"}, {"user_id": "team/eve"}, note="The row as another search returned it.",
    ),
    Case(
        get_user, "get-start-userid", (Recorded("public_user-get-unicode-start-userid"),), {"user_id": "用户42"},
        raises=NotFoundError, note="An id given to tracker.start(): no record, but sessions (see list-start-userid).",
    ),
    Case(
        get_user, "get-unknown", (Recorded("public_user-get-space-plus"), Recorded("public_users-query-none")),
        {"user_id": "frank+miller@example.org"}, raises=NotFoundError,
    ),
    Case(
        delete_user, "delete-preview",
        (Recorded("public_user_sessions-vip-asc", only_newest), Recorded("public_user_sessions-vip", only_newest)),
        {"user_id": VIP}, {"sessions": 9, "job": None}, known=True,
    ),
    Case(
        delete_user, "delete-confirmed", (Recorded("public_jobs-delete-user"),),
        {"user_id": "corpus-nobody-1", "confirm": CONFIRM}, {"job.job_id": 1, "job.status": "scheduled"},
    ),
    Case(
        delete_user, "delete-again", (Recorded("public_jobs-delete-user-again"),),
        {"user_id": "corpus-nobody-1", "confirm": CONFIRM}, raises=ConflictError,
    ),
    Case(
        delete_user, "delete-foreign-token", (), {"user_id": BOB, "confirm": "1795197900-0123456789abcdef0123"},
        raises=ArgumentsError,
    ),
    Case(delete_user, "delete-slash", (), {"user_id": "team/eve"}, raises=ArgumentsError),
)  # fmt: skip

SESSIONS = (
    Case(
        list_user_sessions, "list", (Recorded("public_user_sessions-ann"),), {"user_id": ANN},
        {"total": 3, "rows.0.session_id": "4113715794683253773"}, known=True,
    ),
    Case(
        list_user_sessions, "list-oldest-first", (Recorded("public_user_sessions-vip-asc"),),
        {"user_id": VIP, "order": "asc", **SINCE_OCTOBER}, {"total": 9}, known=True,
    ),
    Case(
        list_user_sessions, "list-page-3", (Recorded("public_user_sessions-bot-limit-7-page-3"),),
        {"user_id": "crawler-bot-77", "limit": 7, "page": 3, **SINCE_OCTOBER}, {"total": 200, "page": 3},
    ),
    Case(
        list_user_sessions, "list-past-end", (Recorded("public_user_sessions-bot-page5"),),
        {"user_id": "crawler-bot-77", "page": 5, **SINCE_OCTOBER}, {"total": 0, "rows": []},
    ),
    Case(
        list_user_sessions, "list-every", (Recorded("public_user_sessions-vip"),), {"user_id": VIP, **SINCE_OCTOBER},
        every=True, known=True,
    ),
    Case(
        list_user_sessions, "list-window", (Recorded("public_user_sessions-window-end-equals-last-event"),),
        {"user_id": "gina", "since": "1795196569000", "until": "1795196576000"}, {"total": 1},
        note="The server cuts both ends to whole seconds, so 1795196575999 means 1795196575000.",
    ),
    Case(
        list_user_sessions, "list-start-userid", (Recorded("public_user_sessions-unicode"),), {"user_id": "用户42"},
        {"total": 1},
    ),
    Case(
        list_user_sessions, "list-unknown",
        (Recorded("public_user_sessions-unknown"), Recorded("public_users-query-none"),
         Recorded("public_user_sessions-unknown", moved=THERE)),
        {"user_id": "nobody"}, {"total": 0, "diagnosis.record": False},
    ),
    Case(list_user_sessions, "list-slash", (), {"user_id": "team/eve"}, raises=UnavailableError),
    Case(
        list_user_sessions, "list-server-fails", (Recorded("public_user_sessions-huge"),), {"user_id": "gina"},
        raises=ServerError, staged=True, note="Recorded for an end far beyond the calendar, which we never send.",
    ),
)  # fmt: skip

EVENTS = (
    Case(
        list_session_events, "list", (Rows(BOB_VISIT),), {"session": BOB_VISIT},
        {"total": 15, "twins": 2, "unread": 0}, known=True,
    ),
    Case(
        list_session_events, "list-failures", (Rows(BOB_VISIT),),
        {"session": BOB_VISIT, "kinds": ["errors", "requests"]},
        {"counts.ERROR": 1, "counts.REQUEST": 2}, known=True,
    ),
    Case(
        list_session_events, "list-page-2", (Rows(BOB_VISIT),), {"session": BOB_VISIT, "page": 2, "limit": 5},
        {"total": 15, "page": 2}, known=True,
    ),
    Case(list_session_events, "list-from-offset", (Rows(BOB_VISIT),), {"session": BOB_VISIT, "from_offset": "0:07"}),
    Case(
        list_session_events, "list-pasted-link", (Rows(BOB_VISIT),),
        {"session": f"https://openreplay.example.com/1/session/{BOB_VISIT}?jumpto=9000"}, {"total": 15},
        staged=True,
    ),
    Case(
        list_session_events, "list-no-such-kind", (Rows(GINA_VISIT), Rows(GINA_VISIT)),
        {"session": GINA_VISIT, "kinds": ["CRASH"]},
        {"total": 0, "kinds_present.CLICK": 3},
    ),
    Case(list_session_events, "list-html", (Rows(GINA_VISIT),), {"session": GINA_VISIT}),
    Case(list_session_events, "list-orders-to-agents", (Rows(HARRY_VISIT),), {"session": HARRY_VISIT}),
    Case(
        list_session_events, "list-unicode", (Rows(UNICODE_VISIT),), {"session": UNICODE_VISIT}, {"user_id": "用户42"},
    ),
    Case(list_session_events, "list-card-number", (Rows(BOB_PAYING),), {"session": BOB_PAYING}),
    Case(list_session_events, "list-brief", (Rows(LONG_VISIT),), {"session": LONG_VISIT, "detail": "brief"}),
    Case(
        list_session_events, "list-unknown",
        (Recorded("public_events-sid-unknown"), Recorded("public_events-sid-unknown", moved=THERE)),
        {"session": "4113712955676316675"},
        {"total": 0, "rows": []}, note="Nothing is found with any columns, order and limit.",
    ),
    Case(
        list_session_events, "list-other-project", (),
        {"session": f"https://openreplay.example.com/2/session/{BOB_VISIT}", "project": "Acme Shop"},
        raises=ArgumentsError, staged=True,
    ),
    Case(
        list_session_events, "list-server-fails",
        (Recorded("public_events-sid-non-numeric", moved="recorded for a session id that we refuse"),),
        {"session": BOB_VISIT}, raises=ServerError, staged=True,
    ),
)  # fmt: skip

JOBS = (
    Case(list_jobs, "list", (Recorded("public_jobs-list"),), expects={"rows.0.job_id": 4, "total": None}),
    Case(list_jobs, "list-empty", (Recorded("public_jobs-list-empty"),), expects={"rows": []}),
    Case(
        list_jobs, "list-every", (Recorded("public_jobs-list"), Recorded("public_jobs-list-empty")), every=True,
        note="The second page: nothing beyond the four jobs, as the list without any job says it.",
    ),
    Case(
        list_jobs, "list-wrong-key", (Recorded("transport-auth-wrong-key"),), enters=False, settings=WRONG_KEY,
        raises=AuthenticationError,
    ),
    Case(get_job, "get", (Recorded("public_jobs-get"),), {"job_id": 1}, {"status": "scheduled"}),
    Case(
        get_job, "get-failed", (Recorded("public_jobs-get-failed"),), {"job_id": 2},
        {"status": "failed", "errors": "boom"},
    ),
    Case(get_job, "get-completed", (Recorded("extra-erase-job-after"),), {"job_id": 11}, {"status": "completed"}),
    Case(get_job, "get-unknown", (Recorded("public_jobs-get-unknown"),), {"job_id": 999999}, raises=NotFoundError),
    Case(cancel_job, "cancel", (Recorded("public_jobs-cancel"),), {"job_id": 1}, {"status": "cancelled"}),
    Case(cancel_job, "cancel-again", (Recorded("public_jobs-cancel-again"),), {"job_id": 1}, raises=ConflictError),
    Case(
        cancel_job, "cancel-completed", (Recorded("public_jobs-cancel-completed"),), {"job_id": 2},
        raises=ConflictError,
    ),
    Case(
        cancel_job, "cancel-other-project", (Recorded("public_jobs-cancel-other-project"),),
        {"job_id": 1, "project": OTHER_PROJECT}, raises=NotFoundError,
    ),
)  # fmt: skip

_LIVE = (
    '{"data":{"total":1,"sessions":[{"active":true,"assistOnly":false,"isSnippet":false,"metadata":{"plan":"pro"},'
    '"pageTitle":"Live page - Acme Shop","projectID":"1","projectKey":"LbifiKjlu7VmVoyauxnK","revID":"",'
    '"sessionID":"4113731156539757585","tabId":"a6b46b52dcd7","timestamp":1795197484287,"trackerVersion":"19.0.1",'
    '"userBrowser":"Chrome Headless","userBrowserVersion":"156.0.0.0","userCity":null,"userCountry":null,'
    '"userDevice":null,"userDeviceType":"desktop","userID":"live.user@example.org","userOs":"Linux","userState":null,'
    '"userUUID":"c3de4d8b-e16f-4cb8-bf65-2bf90d890418"}],"counter":%s}}'
)
_UNRECORDED = (
    "the contract §2.12 (no success was recorded with a key); the session as the dashboard API told it (app_live-list)"
)
_NO_ROUTE = Recorded("transport-assist-sessions-post-oss")

LIVE = (
    Case(
        list_live_sessions, "list", (Written(_UNRECORDED, 200, _LIVE % "{}"),),
        expects={"total": 1, "rows.0.os": "Linux"},
    ),
    Case(
        list_live_sessions, "list-of-user",
        (Written(_UNRECORDED, 200, _LIVE % '{"userId":{"live.user@example.org":1}}'),),
        {"user_id": "live.user@example.org"}, {"total": 1},
    ),
    Case(
        list_live_sessions, "list-open-source",
        (Written("the contract §2.12 (no such route in the open-source edition)", 404, NOT_FOUND, PLAIN),),
        raises=UnavailableError, note="Recorded for POST only (transport-assist-sessions-post-oss).",
    ),
    Case(
        search_live_sessions, "search-metadata", (Written(_UNRECORDED, 200, _LIVE % '{"plan":{"pro":1}}'),),
        {"filters": [{"name": "metadata:plan", "operator": "is", "values": ["pro"]}]},
        {"total": 1, "rows.0.metadata.plan": "pro"},
    ),
    Case(
        search_live_sessions, "search-nobody",
        (_NOBODY, _NOBODY, _NOBODY),
        {"filters": [{"name": "browser", "values": ["Netscape"]}]}, {"total": 0, "diagnosis.in_window": 0},
    ),
    Case(search_live_sessions, "search-open-source", (_NO_ROUTE,), raises=UnavailableError),
    Case(
        search_live_sessions, "search-service-down",
        (Written("the contract §2.12 (the live-session service answered an error)", 200, '{"data":null}'),),
        raises=ServerError, staged=True,
    ),
)  # fmt: skip

V2 = (*PROJECTS, *USERS, *SESSIONS, *EVENTS, *JOBS, *LIVE)
