"""The cases of a dashboard login about sessions, events and the words to look for them with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cassettes.case import SIGN_IN, Case, Recorded, Rows, Written
from cassettes.cases.people import BOB, BOB_PAYING, BOB_VISIT, GINA_VISIT, LIVE_VISIT, NO_VISIT, WRONG_PASSWORD
from openreplay_tools import (
    get_session,
    list_event_names,
    list_event_properties,
    list_filters,
    list_session_events,
    list_user_sessions,
    search_events,
    search_sessions,
    suggest_values,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = {"since": "1792515600000", "until": "1795300000001"}  # its end is exclusive, the server's inclusive
_FILTERS = Recorded("app_projects-filters")
THE_PROJECTS = Recorded("app_projects-list")
_NOTHING = Recorded("app_search-metadata-name")
_NOTHING_THERE = Recorded("app_search-metadata-name", moved="recorded for the other project")
_BASE = Recorded("app_search-base")
FORBIDDEN = Written("the contract §1.3 and §4 (a login's missing permission: 401 without a body)", 401, "", "")
ONLY_ENTERPRISE = "The open-source edition that was recorded refuses a login nothing."
NO_EVENTS = Recorded("app_replay-events-unknown", moved="recorded for a session that nobody knows")


def five_of_them(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """With five rows, where limit 200 would have brought more."""
    return data


def those_five(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """With the five rows as all there are: limit 500 would have brought 84."""
    return {**data, "total": len(data["properties"])}


def a_label(data: Any, reply: Callable[[str], Any]) -> Any:  # noqa: ARG001
    """With the property label, which CLICK has (contract §2.8), in the form of a recorded row."""
    row = {**data["properties"][0], "name": "label", "displayName": "Label", "dataType": "String"}
    return {"properties": [row], "total": 1}


SEARCH = (
    Case(
        search_sessions, "search", (_FILTERS, _BASE), {**RECORDED, "limit": 5},
        {"rows.0.session_id": "4113715976799933456", "rows.0.browser": "Chrome"}, door="login",
    ),
    Case(
        search_sessions, "search-page-2", (_FILTERS, Recorded("app_search-page-2")),
        {**RECORDED, "limit": 5, "page": 2}, {"page": 2}, door="login",
    ),
    Case(
        search_sessions, "search-most-events", (_FILTERS, Recorded("app_search-sort-events")),
        {**RECORDED, "limit": 5, "sort": "events"}, door="login",
    ),
    Case(
        search_sessions, "search-rage", (_FILTERS, Recorded("app_search-issue-rage")),
        {**RECORDED, "limit": 5, "issue_type": "click_rage"}, {"rows.0.session_id": "4113712958998205443"},
        door="login",
    ),
    Case(
        search_sessions, "search-metadata", (_FILTERS, Recorded("app_search-metadata-4")),
        {**RECORDED, "limit": 5, "filters": [{"name": "release", "values": ["4.2.0"]}]},
        {"rows.0.metadata.release": "4.2.0"}, door="login",
    ),
    Case(
        search_sessions, "search-error", (_FILTERS, Recorded("app_search-ev-error")),
        {**RECORDED, "limit": 5, "events": [
            {"event": "ERROR", "property": "message", "operator": "contains", "values": ["invoiceId"]}]},
        {"total": 3, "rows.0.errors_count": None}, door="login",
        note="With one event its order says nothing.",
    ),
    Case(
        search_sessions, "search-in-sequence", (_FILTERS, Recorded("app_search-two-then")),
        {**RECORDED, "limit": 5, "events": [{"event": "checkout_started"}, {"event": "purchase"}],
         "events_order": "in_sequence"},
        {"total": 432}, door="login",
    ),
    Case(
        search_sessions, "search-html", (_FILTERS, Recorded("app_search-html-search")),
        {**RECORDED, "limit": 5, "events": [
            {"event": "search", "property": "property:query", "values": ['<b>&"']}]},
        {"rows.0.user_id": "gina"}, door="login", note="With one event its order says nothing.",
    ),
    Case(
        search_sessions, "search-nothing", (_FILTERS, _NOTHING, _NOTHING, Recorded("app_search-base", five_of_them),
         _NOTHING_THERE),
        {**RECORDED, "limit": 5, "browser": "Netscape"},
        {"total": 0, "diagnosis.findings.0.conditions.0.subject": "browser"}, door="login", staged=True,
        note="A browser that nobody had; then at any time, everything in the window, and the other project.",
    ),
    Case(
        search_sessions, "search-unknown-filter", (_FILTERS,),
        {**RECORDED, "filters": [{"name": "brwser", "values": ["x"]}]}, door="login", raises=ArgumentsError,
    ),
    Case(
        search_sessions, "search-server-fails", (_FILTERS, Recorded("app_search-issue-not")), {**RECORDED, "limit": 5},
        door="login", raises=ServerError, staged=True,
        note="The server fails on an excluded issue, which we never ask; its failures look like this.",
    ),
    Case(
        list_user_sessions, "login-list", (Recorded("app_replay-viewed-in-search"),),
        {**RECORDED, "user_id": BOB, "limit": 3}, {"rows.0.session_id": BOB_PAYING}, door="login", known=True,
    ),
    Case(
        list_user_sessions, "login-list-no-permission", (FORBIDDEN, THE_PROJECTS), {"user_id": BOB}, door="login",
        raises=PermissionDeniedError, staged=True, note=ONLY_ENTERPRISE,
    ),
)  # fmt: skip

DETAILS = (
    Case(
        get_session, "get", (Recorded("app_replay-bob"), Recorded("app_replay-bob-events")), {"session": BOB_VISIT},
        {"session_id": BOB_VISIT, "errors_count": 1, "recorded": True}, door="login", known=True,
    ),
    Case(
        get_session, "get-live", (Recorded("app_live-replay-of-live"), Recorded("app_live-one"), NO_EVENTS),
        {"session": LIVE_VISIT}, {"live": True, "duration_ms": None}, door="login", staged=True,
    ),
    Case(
        get_session, "get-unknown",
        (Recorded("app_live-replay-unknown"), Recorded("app_live-one-unknown", moved="recorded for session 123")),
        {"session": NO_VISIT}, door="login", raises=NotFoundError,
    ),
    Case(
        get_session, "get-unknown-live-service-down", (Recorded("app_replay-unknown"),), {"session": NO_VISIT},
        door="login", raises=NotFoundError, staged=True,
    ),
    Case(
        list_session_events, "login-list", (Rows(BOB_VISIT), Recorded("app_replay-bob-events")),
        {"session": BOB_VISIT}, {"counts.ERROR": 1, "missing": "", "user_id": BOB}, door="login", known=True,
    ),
    Case(
        list_session_events, "both-list", (Rows(BOB_VISIT), SIGN_IN, Recorded("app_replay-bob-events")),
        {"session": BOB_VISIT}, {"counts.ERROR": 1, "missing": ""}, both=True, known=True,
    ),
    Case(
        list_session_events, "login-list-no-kind", (Rows(GINA_VISIT), NO_EVENTS, Rows(GINA_VISIT)),
        {"session": GINA_VISIT, "kinds": ["CRASH"]}, {"total": 0, "kinds_present.CLICK": 3}, door="login",
        staged=True,
    ),
    Case(
        list_session_events, "login-list-other-project", (),
        {"session": f"https://openreplay.example.com/2/session/{BOB_VISIT}", "project": "Acme Shop"}, door="login",
        raises=ArgumentsError, staged=True,
    ),
)  # fmt: skip

EVENTS = (
    Case(
        search_events, "search", (Recorded("app_data-events"),), {**RECORDED, "limit": 3},
        {"total": 95061, "rows.0.kind": "PERFORMANCE"}, door="login",
        note="The columns that were not asked for then are missing from the rows.",
    ),
    Case(
        search_events, "search-kind", (_FILTERS, Recorded("app_data-events-event-filter")),
        {**RECORDED, "limit": 3, "kinds": ["checkout_failed"]}, {"total": 70, "rows.0.kind": "checkout_failed"},
        door="login", note="Recorded with an event filter, which alone finds the same (observed §A1).",
    ),
    Case(
        search_events, "search-in-session", (Recorded("app_data-events-session"),),
        {**RECORDED, "limit": 3, "session": BOB_VISIT}, {"rows.0.kind": "ERROR"}, door="login", known=True,
    ),
    Case(
        search_events, "search-failures-in-session", (_FILTERS, Rows(BOB_VISIT)),
        {"session": BOB_VISIT, "kinds": ["ERROR", "REQUEST"]}, {"total": 3, "rows.0.kind": "ERROR"}, door="login",
        known=True,
    ),
    Case(
        search_events, "search-unknown-kind", (_FILTERS,), {**RECORDED, "kinds": ["checkout_faild"]}, door="login",
        raises=ArgumentsError,
    ),
    Case(
        search_events, "search-server-fails", (Recorded("app_data-events-text-session"),),
        {**RECORDED, "limit": 3, "user_id": "nobody"}, door="login", raises=ServerError, staged=True,
        note="The server fails on a session id in words, which we never ask; its failures look like this.",
    ),
)  # fmt: skip

WORDS = (
    Case(list_filters, "filters", (_FILTERS,), door="login", expects={"known": 46}),
    Case(
        list_filters, "filters-query", (_FILTERS,), {"query": "browser"}, {"total": 2, "rows.0.name": "browser"},
        door="login",
    ),
    Case(
        list_filters, "filters-wrong-password", (Recorded("app_auth-login-wrong-password"),), door="login",
        enters=False, settings=WRONG_PASSWORD, raises=AuthenticationError,
    ),
    Case(
        suggest_values, "suggest-events", (Recorded("app_projects-events-autocomplete"),), {"query": "check"},
        {"total": 2, "rows.0.value": "checkout_failed"}, door="login",
    ),
    Case(
        suggest_values, "suggest-property",
        (_FILTERS, Recorded("app_data-lexicon-properties", a_label), Recorded("app_projects-properties-autocomplete")),
        {"name": "label", "event": "CLICK", "query": "promo"}, {"rows.0.value": "Apply promo code"}, door="login",
    ),
    Case(
        suggest_values, "suggest-unknown",
        (_FILTERS, Recorded("app_data-lexicon-properties", those_five)), {"name": "brwser"}, door="login",
        raises=ArgumentsError,
    ),
    Case(
        list_event_names, "names", (Recorded("app_data-lexicon-events"),), door="login",
        expects={"rows.0.name": "REQUEST"}, note="The route has no pages and ignores limit (observed).",
    ),
    Case(
        list_event_names, "names-signed-in-anew",
        (Recorded("app_auth-old-jwt-go"), Recorded("app_auth-old-jwt-py", moved="recorded for another path"),
         SIGN_IN, Recorded("app_data-lexicon-events")),
        {"query": "checkout"}, {"total": 2}, door="login", staged=True,
        note="Somebody else signed in with the account in between, so the token had become void.",
    ),
    Case(
        list_event_names, "names-no-permission", (FORBIDDEN, THE_PROJECTS), door="login",
        raises=PermissionDeniedError, staged=True, note=ONLY_ENTERPRISE,
    ),
    Case(
        list_event_properties, "properties", (Recorded("app_data-lexicon-properties", those_five),), door="login",
        expects={"total": 5, "rows.0.name": "tags"},
    ),
    Case(
        list_event_properties, "properties-of-users", (), {"event": "CLICK", "of": "users"}, door="login",
        raises=ArgumentsError,
    ),
)  # fmt: skip

LOGIN_SEARCH = (*SEARCH, *DETAILS, *EVENTS, *WORDS)
