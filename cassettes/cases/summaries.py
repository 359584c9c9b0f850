"""The cases of sessions and users explained: what they read is what their parts read."""

from __future__ import annotations

from cassettes.case import Case, Recorded, Rows
from cassettes.cases.people import BOB_PAYING, BOB_VISIT, GINA_VISIT, THERE, UNICODE_VISIT, UNICODE_VISITOR
from openreplay_tools import summarize_session, summarize_user
from openreplay_tools.errors import ArgumentsError, ServerError, UnavailableError

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
    Case(summarize_user, "summarize-user-slash", (), {"user_id": "team/eve"}, raises=UnavailableError),
)  # fmt: skip
