"""Details, events and files of sessions, recorded, generated and running ones (contract §4.5, observed A26, A36)."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from openreplay_tools.sandbox import FIXED_NOW, recorded
from openreplay_tools.sandbox.app_events import session_events
from openreplay_tools.sandbox.store import Store
from openreplay_tools.sandbox.tables import EVENTS
from tests.sandbox.asking import NOW, Dashboard, where
from tests.sandbox.conftest import event as row

WHOLE = {session["search_row"]["sessionId"]: session for session in recorded.load().sessions}
NOBODY = "4113712955676316675"
TAKEN = "4113712955676316674"


def details(dashboard, session, project=1):
    status, answer = dashboard.session("replay", session, project=project)
    assert status == 200
    return answer["data"]


@pytest.mark.parametrize("number", WHOLE)
def test_events_made_of_rows_are_those_recorded(store, number):
    """The same code that answers for generated sessions makes what the server made of the recorded ones."""
    made = session_events(store, 2, number, mobile=False)
    for name, items in WHOLE[number]["app_events"].items():
        assert made[name] == items


@pytest.mark.parametrize("number", WHOLE)
def test_details_of_recorded_sessions_are_those_recorded(store, number):
    shown = details(Dashboard(store), number, project=2)
    told = {name: value for name, value in WHOLE[number]["replay"].items() if name != "projectId"}
    told["issueTypes"] = Counter(told["issueTypes"].strip("{}").split(","))
    shown["issueTypes"] = Counter(shown["issueTypes"].strip("{}").split(","))
    assert {name: shown[name] for name in told} == told


def test_generated_and_recorded_details_have_the_same_keys_in_the_same_order(dashboard, store):
    shown = details(dashboard, store.sessions(1)[0]["sessionId"])
    seen = details(dashboard, TAKEN, project=2)
    assert list(shown) == list(seen)


def test_times_are_exact_and_empty_metadata_are_left_out(dashboard, store):
    for found in store.sessions(1)[::400]:
        shown = details(dashboard, found["sessionId"])
        assert (shown["startTs"], shown["duration"]) == (found["startTs"], found["duration"])
        assert shown["metadata"] == {name: value for name, value in found["metadata"].items() if value is not None}
        assert shown["issueTypes"] == "{" + ",".join(found["issueTypes"]) + "}"
        assert shown["userId"] == (found["userId"] or None)


def test_looking_marks_a_session_as_viewed_by_the_caller(store):
    session = store.sessions(1)[50]["sessionId"]
    one, other = Dashboard(store), Dashboard(store, user=2)
    assert details(one, session)["viewed"] is False
    assert details(one, session)["viewed"] is True
    assert details(other, session)["viewed"] is False


def test_favourite_is_the_callers(store):
    session = store.sessions(1)[60]["sessionId"]
    dashboard = Dashboard(store)
    dashboard.session("favorite", session)
    assert details(dashboard, session)["favorite"] is True
    assert details(Dashboard(store, user=2), session)["favorite"] is False
    dashboard.session("favorite", session)
    assert details(dashboard, session)["favorite"] is False


def test_addresses_look_signed_for_a_quarter_of_an_hour(dashboard, store):
    session = store.sessions(1)[0]["sessionId"]
    shown = details(dashboard, session)
    files = [urlsplit(address) for address in (*shown["domURL"], *shown["devtoolsURL"])]
    assert [part.path for part in files] == [
        f"/mobs/{session}/{name}" for name in ("dom.mobs", "dom.mobe", "devtools.mob")
    ]
    for part in files:
        query = parse_qs(part.query)
        assert (part.netloc, query["X-Amz-Expires"], query["X-Amz-Date"]) == (
            "openreplay.example.com",
            ["900"],
            ["20261120T181500Z"],
        )
        assert len(query["X-Amz-Signature"][0]) == 64


def test_running_session_has_no_duration(dashboard, store):
    for running in store.live[1]:
        shown = details(dashboard, running["sessionID"])
        assert (shown["duration"], shown["startTs"], shown["live"]) == (None, running["timestamp"], False)
        assert (shown["pagesCount"], shown["issueTypes"]) == (0, "{}")
        assert list(shown) == list(details(dashboard, TAKEN, project=2))


@pytest.mark.parametrize(("project", "session"), [(1, NOBODY), (1, TAKEN), (1, "-1"), (2, "5")])
def test_unknown_and_foreign_sessions_get_an_agents_token(dashboard, project, session):
    assert set(details(dashboard, session, project)) == {"agentToken", "live"}


def test_unknown_session_while_the_live_service_is_down(dashboard, store, monkeypatch):
    monkeypatch.setattr(store, "assist_down", True)
    status, answer = dashboard.session("replay", NOBODY)
    assert status == 500
    assert answer["error"].endswith(f'/{NOBODY}": dial tcp assist.internal:9001: connect: connection refused')
    assert details(dashboard, TAKEN, project=2)["sessionId"] == TAKEN


def test_sessions_of_a_deleted_user_are_searched_but_not_replayed():
    store = Store(NOW)
    dashboard = Dashboard(store)
    dashboard.session("favorite", TAKEN, project=2)
    job = store.schedule_deletion(2, "bob@example.org", FIXED_NOW)
    assert details(dashboard, TAKEN, 2)["sessionId"] == TAKEN
    store.set_job_status(job["jobId"], "completed")
    assert set(details(dashboard, TAKEN, 2)) == {"agentToken", "live"}
    assert dashboard.total(where("userId", "is", "bob@example.org"), project=2) == 3
    assert dashboard.search(project=2, bookmarked=True)["total"] == 0
    assert dashboard.session("favorite", TAKEN, project=2)[0] == 500
    assert dashboard.session("events", TAKEN, project=2)[1]["data"]["events"]
    store.close()


@pytest.mark.parametrize(
    ("ending", "project", "session", "refusal"),
    [
        ("replay", 1, "abc", (400, "wrong session id")),
        ("replay", "abc", TAKEN, (400, "wrong project id")),
        ("replay", 1, "9" * 19, (400, "wrong session id")),
        ("replay", 1, "9" * 5000, (400, "wrong session id")),
        ("replay", 9999, TAKEN, (500, "no rows in result set")),
        ("events", 1, "abc", (400, 'strconv.Atoi: parsing "abc": invalid syntax')),
        ("events", 1, "9223372036854775808", (400, 'strconv.Atoi: parsing "9223372036854775808": value out of range')),
        ("events", 9999, TAKEN, (500, "no rows in result set")),
        ("first-mob", 1, NOBODY, (400, "wrong session id")),
    ],
)
def test_refusals(dashboard, ending, project, session, refusal):
    assert dashboard.session(ending, session, project=project) == (refusal[0], {"error": refusal[1]})


def test_session_number_is_read_as_go_reads_it(dashboard):
    assert details(dashboard, f"+0{TAKEN}", project=2)["sessionId"] == TAKEN


def test_first_file(dashboard):
    _, answer = dashboard.session("first-mob", TAKEN, project=2)
    assert answer["data"]["fileKey"] is None
    assert answer["data"]["domURL"] == details(dashboard, TAKEN, project=2)["domURL"][:1]


def test_there_are_no_unprocessed_files(dashboard):
    for name, kind in (("dom.mob", "Replay"), ("devtools.mob", "Devtools")):
        path = f"/{{projectId}}/unprocessed/{{sessionId}}/{name}"
        assert dashboard.ask("GET", path, sessionId=TAKEN) == (200, {"errors": [f"{kind} file not found"]})


def test_clicks_are_counted_on_the_pages_of_an_address(dashboard, store):
    found = next(item for item in store.sessions(1) if item["pagesCount"] > 5)
    session = found["sessionId"]

    def count(prefix):
        path = "/{projectId}/sessions/{sessionId}/clickmaps"
        _, answer = dashboard.ask("POST", path, {"url": prefix}, sessionId=session)
        return answer["data"]

    clicks = [item for item in dashboard.session("events", session)[1]["data"]["events"] if item["type"] == "CLICK"]
    everywhere = count("")
    assert Counter({item["selector"]: item["count"] for item in everywhere}) == Counter(
        item["selector"] for item in clicks
    )
    assert [item["count"] for item in everywhere] == sorted((item["count"] for item in everywhere), reverse=True)
    assert count("https://nowhere.example/") == []


def test_mobile_session_has_crashes_and_other_files(dashboard):
    found = dashboard.search(where("platform", "is", "mobile"))["sessions"]
    shown = details(dashboard, found[0]["sessionId"])
    assert shown["devtoolsURL"] is shown["canvasURL"] is shown["canvasFrames"] is None
    assert "replay.tar.zst" in shown["videoURL"][0]
    assert "replay.frames.zst" in shown["mobileFrames"][0]
    answers = [dashboard.session("events", session["sessionId"])[1]["data"] for session in found]
    assert all(list(data) == ["crashes", "events", "incidents", "issues", "userEvents"] for data in answers)
    crashes = [crash for data in answers for crash in data["crashes"]]
    custom = [item for data in answers for item in data["userEvents"]]
    for item in (*crashes, *custom):
        assert set(item) == {"type", "name", "autoCaptures", "properties", "createdAt", "timestamp"}
    assert {item["type"] for item in crashes} == {"CRASH"}
    assert {item["type"] for item in custom} == {"CUSTOM"}
    assert "TAP" in {item["type"] for data in answers for item in data["events"]}


def test_events_of_an_unknown_session_are_empty_lists(dashboard):
    _, answer = dashboard.session("events", NOBODY, project=2)
    assert answer["data"] == {"errors": [], "events": [], "incidents": [], "issues": [], "userEvents": []}


def test_every_generated_session_has_events_in_order(dashboard, store):
    kinds = Counter()
    for found in store.sessions(1)[::50]:
        data = dashboard.session("events", found["sessionId"])[1]["data"]
        for items in data.values():
            moments = [item["timestamp"] for item in items]
            assert moments == sorted(moments)
            kinds.update(item.get("type") for item in items)
    assert {"CLICK", "INPUT", "LOCATION", "CUSTOM"} <= set(kinds)


def issue(number, kind, **captured):
    return row(number, "ISSUE", issue_type=kind, issue_id="i", **{"$properties": captured})


@pytest.fixture
def written():
    """A store of its own, with a way to write rows into a session of the recorded project."""
    store = Store(NOW)

    def write(*rows):
        EVENTS.insert(store._connection, 2, rows)
        return session_events(store, 2, rows[0]["session_id"], mobile=False)

    yield write
    store.close()


def test_issues_of_a_type_are_collapsed_within_two_seconds(written):
    found = written(
        *(issue(number, "dead_click", context_string="x") for number in (1, 2, 3, 4)),
        issue(2, "cpu") | {"event_id": "00000000-0000-4000-8000-000000000902"},
    )
    first = found["issues"][0]["timestamp"]
    assert [(item["issueType"], item["timestamp"] - first) for item in found["issues"]] == [
        ("dead_click", 0),
        ("cpu", 1000),
        ("dead_click", 2000),
    ]


def test_incident_is_shown_among_incidents_only(written):
    found = written(issue(1, "incident", label="Slow", start_time=5, end_time=7))
    assert found["issues"] == []
    (shown,) = found["incidents"]
    assert (shown["type"], shown["label"], shown["startTime"], shown["endTime"]) == ("", "Slow", 5, 7)


def test_rage_takes_the_clicks_it_counts(written):
    clicks = [row(number, "CLICK", **{"$properties": {"label": str(number)}}) for number in (1, 2, 3, 4, 5)]
    found = written(*clicks, issue(2, "click_rage", payload='{"Count":2}'))
    assert [(item["type"], item["label"], item.get("count")) for item in found["events"]] == [
        ("CLICK", "1", None),
        ("CLICKRAGE", "2", 2),
        ("CLICK", "4", None),
        ("CLICK", "5", None),
    ]


def test_rage_without_a_count_or_without_a_click(written):
    clicks = [row(number, "CLICK", **{"$properties": {"label": str(number)}}) for number in (1, 2, 3, 4)]
    found = written(*clicks, issue(1, "click_rage"), issue(9, "click_rage"))
    assert [(item["label"], item.get("count")) for item in found["events"]] == [("1", 3), ("4", None)]
