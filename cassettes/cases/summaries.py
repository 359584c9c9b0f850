"""The cases of sessions and users explained: what they read is what their parts read."""

from __future__ import annotations

from cassettes.case import Case, Recorded, Rows
from cassettes.cases.login_search import FORBIDDEN, NO_EVENTS, ONLY_ENTERPRISE, RECORDED, THE_PROJECTS
from cassettes.cases.people import ANN, BOB, BOB_PAYING, BOB_VISIT, GINA_VISIT, THERE, UNICODE_VISIT, UNICODE_VISITOR
from cassettes.cases.v2 import only_newest
from openreplay_tools import summarize_session, summarize_user
from openreplay_tools.errors import ArgumentsError, PermissionDeniedError, ServerError, UnavailableError

SUMMARIES = (
    Case(
        summarize_session, "summarize-session", (Rows(BOB_VISIT),), {"session": BOB_VISIT},
        {"findings.0.url": "/api/checkout", "findings.0.count": 2, "findings.1.kind": "error"}, known=True,
    ),
    Case(
        summarize_session, "summarize-session-moment", (Rows(BOB_PAYING),),
        {"session": f"https://openreplay.example.com/1/session/{BOB_PAYING}?jumpto=9056"},
        {"findings.1.offset_ms": 9056}, staged=True,
    ),
    Case(
        summarize_session, "summarize-session-without-trouble", (Rows(GINA_VISIT),), {"session": GINA_VISIT},
        {"findings": []},
    ),
    Case(
        summarize_session, "summarize-session-unknown",
        (Recorded("public_events-sid-unknown"), Recorded("public_events-sid-unknown", moved=THERE)),
        {"session": "4113712955676316675"}, {"events_read": 0},
        note="Nothing is found with any columns, order and limit.",
    ),
    Case(
        summarize_session, "summarize-session-server-fails",
        (Recorded("public_events-sid-non-numeric", moved="recorded for a session id that we refuse"),),
        {"session": BOB_VISIT}, raises=ServerError, staged=True,
    ),
    Case(
        summarize_session, "v1-summarize-session", (Recorded("v1-events"),), {"session": BOB_VISIT},
        {"findings": [], "pages_total": 3}, door="v1", known=True,
    ),
    Case(
        summarize_session, "v1-summarize-session-foreign", (), {"session": "https://elsewhere.example/1/session/1"},
        door="v1", enters=False, raises=ArgumentsError,
    ),
    Case(
        summarize_user, "summarize-user", (Recorded("public_user_sessions-unicode"), Rows(UNICODE_VISIT)),
        {"user_id": UNICODE_VISITOR}, {"total": 1, "events.signup_done": 1},
    ),
    Case(
        summarize_session, "login-summarize-session", (Rows(BOB_VISIT), Recorded("app_replay-bob-events")),
        {"session": BOB_VISIT}, {"findings.0.url": "/api/checkout", "missing": ""}, door="login", known=True,
    ),
    Case(
        summarize_session, "login-summarize-session-other-project", (),
        {"session": f"https://openreplay.example.com/2/session/{BOB_VISIT}", "project": "Acme Shop"}, door="login",
        raises=ArgumentsError, staged=True,
    ),
    Case(
        summarize_user, "login-summarize-user",
        (Recorded("app_replay-viewed-in-search", only_newest), Rows(BOB_PAYING), NO_EVENTS),
        {**RECORDED, "user_id": BOB, "limit": 1}, {"sessions.0.session_id": BOB_PAYING}, door="login", staged=True,
    ),
    Case(
        summarize_user, "login-summarize-user-no-permission", (FORBIDDEN, THE_PROJECTS), {"user_id": BOB}, door="login",
        raises=PermissionDeniedError, staged=True, note=ONLY_ENTERPRISE,
    ),
    Case(
        summarize_user, "v1-summarize-user",
        (Recorded("v1-user-sessions"), Recorded("v1-events", moved="recorded for a session of bob's")),
        {"user_id": ANN, "limit": 1}, {"total": 3, "sessions.0.pages_total": 3}, door="v1", staged=True,
    ),
    Case(
        summarize_user, "v1-summarize-user-slash", (), {"user_id": "team/eve"}, door="v1", raises=UnavailableError,
    ),
    Case(summarize_user, "summarize-user-slash", (), {"user_id": "team/eve"}, raises=UnavailableError),
)  # fmt: skip
