"""The cases of issues over many sessions."""

from __future__ import annotations

from cassettes.case import Case, Recorded, Rows
from cassettes.cases.login_search import RECORDED
from cassettes.cases.people import BOB, BOB_VISIT
from openreplay_tools import find_issues
from openreplay_tools.errors import ArgumentsError, UnavailableError

_ELSEWHERE = "recorded for the other project"
_NO_VISIT = Recorded("public_user_sessions-unknown")

ISSUES = (
    Case(
        find_issues, "issues",
        (Recorded("app_projects-filters"), Recorded("app_replay-viewed-in-search"), Rows(BOB_VISIT), Rows(BOB_VISIT)),
        {**RECORDED, "user_ids": [BOB], "kinds": "errors"},
        {"sessions": 3, "rows.0.message": "Payment provider timeout after <n> <gateway&id=<n>>",
         "rows.0.sessions": 1, "rows.0.users": 1, "rows.0.examples.0.session_id": BOB_VISIT},
        door="login", staged=True, note="The rows of one session stand for those of the project.",
    ),
    Case(
        find_issues, "issues-nobody",
        (_NO_VISIT, _NO_VISIT, Recorded("public_users-query-none"),
         Recorded("public_user_sessions-unknown", moved=_ELSEWHERE)),
        {"user_ids": ["nobody"], **RECORDED}, {"total": 0, "sessions": 0, "whose.record": False},
    ),
    Case(
        find_issues, "login-issues-unclear-time", (), {"since": "last summer"}, door="login", enters=False,
        raises=ArgumentsError,
    ),
    Case(find_issues, "issues-slash", (), {"user_ids": ["team/eve"]}, raises=UnavailableError),
    Case(find_issues, "issues-saved-search", (), {"saved_search": "Failed checkouts"}, raises=ArgumentsError),
)  # fmt: skip
