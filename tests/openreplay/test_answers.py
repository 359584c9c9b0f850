"""Answers over the sandbox as they stand in the diff: read them when they change."""

import pytest

from openreplay_tools.sandbox import Sandbox
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import toolkit_over
from tests.snapshots import agree, names

pytestmark = pytest.mark.usefixtures("unpaced")

ANN, VIP, MALLORY = "ann@example.org", "vip@bigcorp.example", "mallory@example.org"
RECORDED = "4113715799632532494"
CALLS = {
    "list_projects": ("list_projects", {}),
    "get_project": ("get_project", {}),
    "get_project-unknown": ("get_project", {"project": "Acme Shopp"}),
    "search_users": ("search_users", {"limit": 8}),
    "search_users-too_many": ("search_users", {"limit": 200, "detail": "brief"}),
    "search_users-who_failed": (
        "search_users",
        {"events": [{"event": "checkout_failed"}], "events_since": "7d", "limit": 5},
    ),
    "search_users-filters": (
        "search_users",
        {
            "filters": [
                {"name": "country", "values": ["DE", "FR"]},
                {"name": "property:plan", "values": ["enterprise"]},
            ],
            "last_seen_since": "7d",
        },
    ),
    "search_users-nobody": ("search_users", {"query": "kiosk-berlin-07"}),
    "search_users-past_the_end": ("search_users", {"page": 99}),
    "search_users-unknown_filter": ("search_users", {"filters": [{"name": "countri", "values": ["DE"]}]}),
    "search_users-no_value": ("search_users", {"filters": [{"name": "country"}]}),
    "search_users-wrong_arguments": ("search_users", {"limit": 500, "surprise": 1, "order": "down"}),
    "get_user": ("get_user", {"user_id": ANN}),
    "get_user-odd": ("get_user", {"user_id": "crm|1-5"}),
    "get_user-mallory": ("get_user", {"user_id": MALLORY}),
    "get_user-unknown": ("get_user", {"user_id": "Ann@example.org"}),
    "get_user-missing": ("get_user", {}),
    "list_user_sessions": ("list_user_sessions", {"user_id": ANN}),
    "list_user_sessions-yesterday": ("list_user_sessions", {"user_id": VIP, "since": "yesterday"}),
    "list_user_sessions-unclear": ("list_user_sessions", {"user_id": VIP, "since": "last summer"}),
    "list_user_sessions-nobody": ("list_user_sessions", {"user_id": "nobody"}),
    "list_user_sessions-narrow": ("list_user_sessions", {"user_id": ANN, "since": "2026-11-15", "until": "2026-11-16"}),
    "list_user_sessions-slash": ("list_user_sessions", {"user_id": "team/eve"}),
    "list_session_events-recorded": (
        "list_session_events",
        {"session": f"https://openreplay.example.com/2/session/{RECORDED}?jumpto=4056"},
    ),
    "list_session_events-brief": (
        "list_session_events",
        {"session": "4113731156539757585", "project": "2", "detail": "brief"},
    ),
    "list_session_events-page": (
        "list_session_events",
        {"session": "4113731156539757585", "project": "2", "page": 2, "limit": 10},
    ),
    "list_session_events-no_such_kind": (
        "list_session_events",
        {"session": RECORDED, "project": "2", "kinds": ["CRASH"]},
    ),
    "list_session_events-other_project": ("list_session_events", {"session": RECORDED}),
    "list_session_events-foreign_link": (
        "list_session_events",
        {"session": f"https://evil.example/2/session/{RECORDED}"},
    ),
    "summarize_session-recorded": ("summarize_session", {"session": RECORDED, "project": "2"}),
    "summarize_session-moment": (
        "summarize_session",
        {"session": f"https://openreplay.example.com/2/session/{RECORDED}?jumpto=9056", "detail": "brief"},
    ),
    "summarize_session-rage": ("summarize_session", {"session": "4113712958998205443", "project": "2"}),
    "summarize_session-long": ("summarize_session", {"session": "4113731156539757585", "project": "2"}),
    "summarize_session-without_trouble": ("summarize_session", {"session": "4087889333946689575", "project": "2"}),
    "summarize_session-other_project": ("summarize_session", {"session": RECORDED}),
    "summarize_user": ("summarize_user", {"user_id": VIP}),
    "summarize_user-brief": ("summarize_user", {"user_id": ANN, "limit": 3, "detail": "brief"}),
    "summarize_user-mallory": ("summarize_user", {"user_id": MALLORY}),
    "summarize_user-unknown": ("summarize_user", {"user_id": "Ann@example.org"}),
    "find_issues-key": ("find_issues", {"limit": 4}),
    "find_issues-users": ("find_issues", {"user_ids": [VIP, ANN], "since": "30d", "limit": 5}),
    "open_link-moment": (
        "open_link",
        {"link": f"https://openreplay.example.com/2/session/{RECORDED}?jumpto=4056"},
    ),
    "open_link-user": (
        "open_link",
        {"link": "https://openreplay.example.com/1/data-management/user/ann%40example.org"},
    ),
    "open_link-error_without_login": ("open_link", {"link": "https://openreplay.example.com/1/errors/118ea5eaa80c"}),
    "open_link-foreign": ("open_link", {"link": f"https://evil.example/2/session/{RECORDED}"}),
    "list_live_sessions": ("list_live_sessions", {}),
    "search_live_sessions": ("search_live_sessions", {"filters": [{"name": "browser", "values": ["Safari"]}]}),
    "search_live_sessions-nobody": ("search_live_sessions", {"filters": [{"name": "browser", "values": ["Netscape"]}]}),
    "search_live_sessions-unknown_filter": (
        "search_live_sessions",
        {"filters": [{"name": "browzer", "values": ["x"]}]},
    ),
    "list_jobs-none": ("list_jobs", {}),
    "get_job-unknown": ("get_job", {"job_id": 9}),
    "check_access": ("check_access", {}),
    "search_sessions-no_login": ("search_sessions", {}),
    "delete_user-preview": ("delete_user", {"user_id": ANN}),
    "delete_user-nobody": ("delete_user", {"user_id": "nobody"}),
    "delete_user-wrong_token": ("delete_user", {"user_id": ANN, "confirm": "1795199100-0000"}),
}
# With a dashboard login beside the key.
SIGNED_IN = {
    "check_access-both": ("check_access", {}),
    "search_sessions": ("search_sessions", {"limit": 5}),
    "search_sessions-who_failed": (
        "search_sessions",
        {
            "browser": "Safari",
            "events": [{"event": "CLICK"}, {"event": "checkout_failed"}],
            "events_order": "in_sequence",
            "filters": [{"name": "plan", "operator": "is_not", "values": ["free"]}],
            "since": "2d",
            "limit": 5,
        },
    ),
    "search_sessions-longest": ("search_sessions", {"url_path": "/cart*", "sort": "length", "limit": 3}),
    "search_sessions-nothing": ("search_sessions", {"browser": "Netscape", "url_path": "/checkout"}),
    "search_sessions-unknown_filter": ("search_sessions", {"filters": [{"name": "browzer", "values": ["x"]}]}),
    "find_issues": ("find_issues", {}),
    "find_issues-frustration": ("find_issues", {"kinds": "frustration", "since": "30d", "limit": 3}),
    "find_issues-query": ("find_issues", {"query": "invoice", "detail": "full"}),
    "find_issues-nothing": ("find_issues", {"query": "no such text", "browser": "Chrome"}),
    "open_link-error": (
        "open_link",
        {"link": "https://openreplay.example.com/1/errors/118ea5eaa80cf8285ff0c75a200594537"},
    ),
    "open_link-sessions": (
        "open_link",
        {"link": "https://openreplay.example.com/1/sessions?userId=ann@example.org&st_ts=1794000000000"},
    ),
    "get_session": ("get_session", {"session": f"https://openreplay.example.com/2/session/{RECORDED}?jumpto=4056"}),
    "get_session-unknown": ("get_session", {"session": "4113715799632530000"}),
    "list_filters": ("list_filters", {}),
    "list_filters-query": ("list_filters", {"query": "browzer"}),
    "suggest_values": ("suggest_values", {"name": "country"}),
    "suggest_values-events": ("suggest_values", {"query": "check"}),
    "suggest_values-unknown": ("suggest_values", {"name": "plann"}),
    "list_saved_searches": ("list_saved_searches", {}),
    "search_events": ("search_events", {"kinds": ["ERROR"], "limit": 5}),
    "search_events-nothing": ("search_events", {"kinds": ["ERROR"], "user_id": "nobody"}),
    "list_event_names": ("list_event_names", {"detail": "brief"}),
    "list_event_properties": ("list_event_properties", {"event": "checkout_failed"}),
    "list_notes": ("list_notes", {}),
    "list_notes-nothing": ("list_notes", {"query": "refund"}),
    "request": ("request", {"path": "/v2/api/1/notes", "method": "POST", "body": '{"page": 1, "limit": 1}'}),
    "request-refused": ("request", {"path": "/api/account"}),
}
SESSIONS = {"list_session_events-ann": ANN, "list_session_events-vip": VIP, "list_session_events-mallory": MALLORY}
WRITES = ("create_project", "delete_user-scheduled", "list_jobs", "get_job", "cancel_job", "cancel_job-again")
SIGNED_IN_WRITES = ("create_note", "create_note-unknown", "list_notes-of_session", "send", "send-deletes_user")


@pytest.mark.parametrize("case", CALLS)
def test_an_answer(toolkit, case):
    name, given = CALLS[case]
    agree(f"answers/{case}.txt", toolkit.call(f"openreplay_{name}", given).text)


@pytest.fixture(scope="module")
def signed_in():
    """A server of its own: which sessions were viewed, and what was noted on them, stands in the answers."""
    with Sandbox(pulse=unhurried()) as server, toolkit_over(server, **LOGIN) as bound:
        yield bound


@pytest.mark.parametrize("case", SIGNED_IN)
def test_an_answer_with_a_login(signed_in, case):
    name, given = SIGNED_IN[case]
    agree(f"answers/{case}.txt", signed_in.call(f"openreplay_{name}", given).text)


@pytest.mark.parametrize("case", SESSIONS)
def test_a_session_told(toolkit, case):
    (newest, *_) = toolkit.call("openreplay_list_user_sessions", {"user_id": SESSIONS[case]}).data["rows"]
    agree(f"answers/{case}.txt", toolkit.call("openreplay_list_session_events", {"session": newest["session_id"]}).text)


def test_answers_of_writes(own_sandbox):
    with toolkit_over(own_sandbox) as toolkit:

        def say(case, **given):
            reply = toolkit.call(f"openreplay_{case.split('-')[0]}", given)
            agree(f"answers/{case}.txt", reply.text)
            return reply

        say("create_project", name="Acme Blog")
        token = toolkit.call("openreplay_delete_user", {"user_id": ANN}).data["confirm"]
        say("delete_user-scheduled", user_id=ANN, confirm=token)
        say("list_jobs")
        say("get_job", job_id=1)
        say("cancel_job", job_id=1)
        say("cancel_job-again", job_id=1)


def test_answers_of_writes_with_a_login():
    with Sandbox(pulse=unhurried()) as server, toolkit_over(server, **LOGIN) as toolkit:

        def say(case, **given):
            agree(f"answers/{case}.txt", toolkit.call(f"openreplay_{case.split('-')[0]}", given).text)

        link = f"https://openreplay.example.com/2/session/{RECORDED}"
        say("create_note", session=f"{link}?jumpto=4056", message="The payment fails here.", public=True, tag="ISSUE")
        say("create_note-unknown", session="4113715799632530000", message="x")
        say("list_notes-of_session", session=link)
        say("send", path="/v2/api/1/tags", method="POST", body='{"name": "Pay", "selector": "#pay"}')
        say("send-deletes_user", path="/v2/api/public/7X2WHE68QaUo3L1nD60m/users/x", method="DELETE")


def test_no_answer_is_left_of_a_case_that_went():
    assert names("answers", ".txt") == {*CALLS, *SIGNED_IN, *SESSIONS, *WRITES, *SIGNED_IN_WRITES}
