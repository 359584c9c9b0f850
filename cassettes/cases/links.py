"""The cases of pasted links: what they read is what the operations of the things they name read."""

from __future__ import annotations

from cassettes.case import Case, Recorded, Rows
from cassettes.cases.people import BOB_PAYING, BOB_VISIT, GINA_VISIT
from openreplay_tools import open_link
from openreplay_tools.errors import ArgumentsError, NotFoundError, UnavailableError

_HERE = "https://openreplay.example.com/1"
_ERROR = "1b287b2a0db8dd791b9ea2117df7d1f25"
_NOTE = f"{_HERE}/session/{BOB_VISIT}?jumpto=4200&note="
_TWICE = "First the whole session, then the part around the moment."
_BESIDE = Recorded("app_replay-bob-events")
_NOWHERE = "00000000-0000-0000-0000-000000000000"

LINKS = (
    Case(
        open_link, "link-moment", (Rows(BOB_PAYING), Rows(BOB_PAYING)),
        {"link": f"{_HERE}/session/{BOB_PAYING}?jumpto=9056"},
        {"kind": "moment", "moment_ms": 9056, "session.findings.1.offset_ms": 9056}, note=_TWICE, staged=True,
    ),
    Case(
        open_link, "link-session", (Rows(GINA_VISIT),), {"link": f"{_HERE}/session/{GINA_VISIT}"},
        {"kind": "session", "session.findings": [], "events": None}, staged=True,
    ),
    Case(
        open_link, "link-note", (Recorded("app_notes-get"), Rows(BOB_VISIT), _BESIDE, Rows(BOB_VISIT), _BESIDE),
        {"link": f"{_NOTE}1"}, {"kind": "note", "note.offset_ms": 4200, "moment_ms": 4200}, door="login", note=_TWICE,
        staged=True,
    ),
    Case(
        open_link, "link-note-gone", (Recorded("app_notes-get-unknown"),), {"link": f"{_NOTE}999999"}, door="login",
        raises=NotFoundError, staged=True,
    ),
    Case(
        open_link, "link-error", (Recorded("app_projects-errors-py"),), {"link": f"{_HERE}/errors/{_ERROR}"},
        {"error.last_session_id": "4112167783628810261", "error.offset_ms": 38000}, door="login", staged=True,
    ),
    Case(
        open_link, "link-error-unknown", (Recorded("app_projects-errors-unknown"),), {"link": f"{_HERE}/errors/nope"},
        door="login", raises=NotFoundError, staged=True,
    ),
    Case(
        open_link, "link-error-without-login", (), {"link": f"{_HERE}/errors/{_ERROR}"}, raises=UnavailableError,
        staged=True,
    ),
    Case(
        open_link, "link-event-unknown", (Recorded("app_data-event-unknown"),),
        {"link": f"{_HERE}/data-management/event/{_NOWHERE}"}, door="login", raises=NotFoundError, staged=True,
    ),
    Case(
        open_link, "link-foreign", (), {"link": "https://elsewhere.example/1/session/1"}, enters=False,
        raises=ArgumentsError,
    ),
    Case(open_link, "link-dashboard", (), {"link": f"{_HERE}/dashboard/3"}, enters=False, raises=UnavailableError),
    Case(
        open_link, "v1-link-session", (Recorded("v1-events"),), {"link": f"{_HERE}/session/{BOB_VISIT}"},
        {"session.pages_total": 3}, door="v1", staged=True,
    ),
    Case(
        open_link, "v1-link-foreign", (), {"link": "https://elsewhere.example/1/session/1"}, door="v1", enters=False,
        raises=ArgumentsError,
    ),
)  # fmt: skip
