"""The cases of API v1: an organization key at a server without API v2."""

from __future__ import annotations

from cassettes.case import CONFIRM, NO_V2, Case, Recorded, Written
from cassettes.cases.people import ANN, BOB_VISIT, NO_RETRIES, VIP, WRONG_KEY
from openreplay_tools import (
    cancel_job,
    check_access,
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
    request,
    search_live_sessions,
    send,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    ServerError,
    UnavailableError,
)

THE_LIST = Recorded("detect-v1only-v1-projects")
_BLOG = Written(
    "the contract §3.3; the project as the dashboard told it (app_projects-list)", 200,
    '{"data":{"projectId":2,"projectKey":"7X2WHE68QaUo3L1nD60m","platform":"web","name":"Acme Blog"}}',
)  # fmt: skip
_NOWHERE = "A key that no project has: the list is asked for, and each project's number with it."
_JOBS = "v1/LbifiKjlu7VmVoyauxnK/jobs"
_LIVE = Recorded("app_live-v1-list", moved="recorded for GET: the open-source edition has no such route at all")

_PROJECTS = (
    Case(
        list_projects, "v1-list", (NO_V2, THE_LIST), door="v1", enters=False,
        expects={"total": 2, "rows.1.name": "Acme Shop"},
    ),
    Case(
        list_projects, "v1-list-too-soon", (NO_V2, Recorded("v1-projects-again")), door="v1", enters=False,
        raises=ServerError, staged=True,
    ),
    Case(
        list_projects, "v1-list-wrong-key", (NO_V2, Recorded("detect-v1only-v1-bad-key")), door="v1", enters=False,
        settings=WRONG_KEY, raises=AuthenticationError,
    ),
    Case(
        get_project, "v1-get", (Recorded("v1-project"),), door="v1", expects={"project_id": 1, "name": "Acme Shop"},
    ),
    Case(
        get_project, "v1-get-unknown",
        (NO_V2, Recorded("v1-project-unknown"), THE_LIST, _BLOG, Recorded("v1-project")),
        {"project": "AAAAAAAAAAAAAAAAAAAA"}, door="v1", enters=False, raises=ArgumentsError, note=_NOWHERE,
    ),
    Case(
        create_project, "v1-create", (NO_V2, THE_LIST, Recorded("v1-project-create")), {"name": "V1 corpus 197603"},
        {"name": "V1 corpus 197603", "project_id": 0}, door="v1", enters=False,
    ),
    Case(
        create_project, "v1-create-name-exists", (NO_V2, THE_LIST, Recorded("v1-project-create-dup")),
        {"name": "V1 corpus 197603"}, door="v1", enters=False, raises=BadRequestError,
    ),
    Case(
        check_access, "v1-check", (NO_V2, THE_LIST, Recorded("app_auth-signup-get")), door="v1", enters=False,
        expects={"edition": "foss", "doors.0.state": "closed", "doors.1.state": "open"},
    ),
)  # fmt: skip

_USERS = (
    Case(
        get_user, "v1-get", (Recorded("v1-user"),), {"user_id": ANN}, {"user_id": ANN, "sessions_count": 3},
        door="v1", known=True,
    ),
    Case(
        get_user, "v1-get-unknown", (Recorded("v1-user-unknown"),), {"user_id": "nobody"}, door="v1",
        raises=NotFoundError,
    ),
    Case(get_user, "v1-get-slash", (), {"user_id": "team/eve"}, door="v1", raises=UnavailableError),
    Case(
        list_user_sessions, "v1-list", (Recorded("v1-user-sessions"),), {"user_id": ANN},
        {"total": 3, "rows.0.session_id": "4113715794683253773"}, door="v1", known=True,
        note="Without dates the server takes all time (contract §3.4), and ours hold all that was recorded.",
    ),
    Case(
        list_user_sessions, "v1-list-window", (Recorded("v1-user-sessions-window"),),
        {"user_id": VIP, "since": "1792515600000", "until": "1795300000001", "order": "asc"}, {"total": 9},
        door="v1", known=True,
    ),
    Case(
        list_user_sessions, "v1-list-unknown", (Recorded("v1-user-sessions-unknown"),), {"user_id": "nobody"},
        {"total": 0}, door="v1",
    ),
    Case(list_user_sessions, "v1-list-slash", (), {"user_id": "team/eve"}, door="v1", raises=UnavailableError),
    Case(
        list_session_events, "v1-list", (Recorded("v1-events"),), {"session": BOB_VISIT}, {"counts.LOCATION": 3},
        door="v1", known=True,
    ),
    Case(
        list_session_events, "v1-list-requests", (), {"session": BOB_VISIT, "kinds": ["REQUEST"]}, door="v1",
        raises=UnavailableError,
    ),
    Case(
        list_session_events, "v1-list-unknown", (Recorded("v1-events-unknown"),), {"session": "123"}, {"total": 0},
        door="v1",
    ),
)  # fmt: skip

_ERASURE = (
    Case(
        delete_user, "v1-delete-preview", (Recorded("v1-user"),), {"user_id": ANN}, {"sessions": 3, "job": None},
        door="v1", known=True,
    ),
    Case(
        delete_user, "v1-delete-confirmed", (Recorded("v1-jobs-empty"), Recorded("v1-user-delete")),
        {"user_id": "v1-nobody", "confirm": CONFIRM}, {"job.job_id": 8, "job.status": "scheduled"}, door="v1",
    ),
    Case(
        delete_user, "v1-delete-again", (Recorded("v1-jobs"),), {"user_id": "v1-nobody", "confirm": CONFIRM},
        door="v1", raises=ConflictError,
    ),
    Case(
        list_jobs, "v1-list", (Recorded("v1-jobs"),), expects={"total": 2, "rows.0.job_id": 9}, door="v1",
    ),
    Case(
        list_jobs, "v1-list-wrong-key",
        (NO_V2, Recorded("detect-v1only-v1-bad-key", moved="the key is looked at before the path (contract §3)"),
         Recorded("detect-v1only-v1-bad-key")),
        door="v1", enters=False, settings=WRONG_KEY, raises=AuthenticationError,
    ),
    Case(get_job, "v1-get", (Recorded("v1-job"),), {"job_id": 8}, {"status": "scheduled"}, door="v1"),
    Case(
        get_job, "v1-get-unknown", (Recorded("v1-job-unknown"),), {"job_id": 99999}, door="v1", raises=NotFoundError,
    ),
    Case(cancel_job, "v1-cancel", (Recorded("v1-job-cancel"),), {"job_id": 8}, {"status": "cancelled"}, door="v1"),
    Case(
        cancel_job, "v1-cancel-again", (Recorded("v1-job-cancel-again"),), {"job_id": 8}, door="v1",
        raises=ConflictError,
    ),
    Case(
        cancel_job, "v1-cancel-unknown", (Recorded("v1-job-cancel-unknown"),), {"job_id": 99999}, door="v1",
        raises=NotFoundError,
    ),
)  # fmt: skip

_LIVE_SESSION = (
    '{"active":true,"sessionID":"4113731156539757585","timestamp":1795197484287,"userBrowser":"Chrome Headless",'
    '"userID":"live.user@example.org","userOs":"Linux","pageTitle":"Live page - Acme Shop","metadata":{"plan":"pro"}}'
)
_UNRECORDED = Written(
    "the contract §3.9 (Enterprise only, none was recorded); the session as the dashboard API told it (app_live-list)",
    200, f'{{"data":{{"total":1,"sessions":[{_LIVE_SESSION}]}}}}',
)  # fmt: skip
_OTHERS = (
    Case(
        list_live_sessions, "v1-list", (_UNRECORDED,), expects={"total": 1, "rows.0.os": "Linux"}, door="v1",
    ),
    Case(list_live_sessions, "v1-list-open-source", (_LIVE,), door="v1", raises=UnavailableError),
    Case(
        search_live_sessions, "v1-search", (_UNRECORDED,),
        {"filters": [{"name": "metadata:plan", "operator": "is", "values": ["pro"]}]}, {"total": 1}, door="v1",
    ),
    Case(search_live_sessions, "v1-search-open-source", (_LIVE,), door="v1", raises=UnavailableError),
    Case(
        request, "v1-request", (Recorded("v1-jobs"),), {"path": f"/api/{_JOBS}"}, {"body.data.0.jobId": 8}, door="v1",
        enters=False,
    ),
    Case(
        request, "v1-request-bad-date", (Recorded("v1-user-sessions-bad-date"),),
        {"path": "/api/v1/LbifiKjlu7VmVoyauxnK/users/gina/sessions", "query": ["start_date=2026-11-01"]}, door="v1",
        enters=False, raises=BadRequestError,
    ),
    Case(
        send, "v1-send", (Recorded("v1-job-cancel"),), {"path": f"/api/{_JOBS}/8", "method": "DELETE"},
        {"body.data.status": "cancelled"}, door="v1", enters=False,
    ),
    Case(
        send, "v1-send-refused", (Recorded("v1-job-cancel-again"),), {"path": f"/api/{_JOBS}/8", "method": "DELETE"},
        door="v1", enters=False, raises=BadRequestError, settings=NO_RETRIES,
    ),
)  # fmt: skip

V1 = (*_PROJECTS, *_USERS, *_ERASURE, *_OTHERS)
