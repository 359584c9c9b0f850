"""What the recordings do not show: filters one by one, editions, live sessions, the front."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests.sandbox.conftest import OTHER_SESSION, PROJECT, SESSION, START, WINDOW, bought, where


def test_events_are_windowed_by_whole_seconds_and_hide_tag_triggers(events):
    assert events() == [1, 2, 3, 5, 105]
    assert events(startTimestamp=START + 2999, endTimestamp=START + 3001) == [2, 3]
    assert events(session="+" + OTHER_SESSION) == [6]
    assert events(endTimestamp=2**62).status_code == 501


@pytest.mark.parametrize("session", ["-1", "1.5", "0x1", "%201"])
def test_session_that_is_no_number_is_a_database_error(events, session):
    assert events(session=session).status_code == 500


def test_columns_appear_only_when_asked_for_and_lists_only_when_filled(http_client):
    body = {**WINDOW, "limit": 50, "page": 1, "columns": ["group_id1", "properties", "$time", "$import"]}
    reply = http_client.post(f"{PROJECT}/sessions/{SESSION}/events", json=body)
    rows = {row["$event_name"]: row for row in reply.json()["data"]["events"]}
    assert rows["purchase"]["group_id1"] == ["g"]
    assert rows["purchase"]["properties"] == {"tags": ["&lt;x&gt;"], "total": 150.5}
    assert "group_id1" not in rows["LOCATION"]
    assert (rows["LOCATION"]["properties"], rows["LOCATION"]["$time"]) == ({}, START // 1000 + 1)
    assert (rows["LOCATION"]["$import"], rows["LOCATION"]["session_id"]) == (False, SESSION)


def test_text_is_escaped_twice_over(http_client):
    raw = http_client.get(f"{PROJECT}/users/ann").text
    assert r"Ann \u0026lt;b\u0026gt;\u0026amp;\u0026#39;\u0026#34;" in raw
    cyd = http_client.get(f"{PROJECT}/users/cyd").json()["data"]["properties"]
    assert cyd["&lt;k&gt;"] == "a\\&#34;b"


def test_paging_by_event_name_loses_and_repeats_rows_but_by_event_id_does_not(http_client):
    """Observed §D, on the recorded session of 150 events."""

    def read(sort):
        found = []
        for page in range(1, 16):
            body = {"startTimestamp": START - 10**10, "endTimestamp": START + 10**10, "limit": 10, "page": page}
            path = "/v2/api/public/LbifiKjlu7VmVoyauxnK/sessions/4113731156539757585/events"
            found += http_client.post(path, json={**body, "sortBy": sort}).json()["data"]["events"]
        return len(found), len({row["event_id"] for row in found})

    assert read("event_id") == read("created_at") == (150, 150)
    count, distinct = read("$event_name")
    assert count == 150 > distinct


@pytest.mark.parametrize("limit", ["0", "201", "x", ""])
def test_odd_paging_of_jobs_falls_back(http_client, limit):
    assert http_client.get(f"{PROJECT}/jobs", params={"limit": limit, "page": "0"}).json() == {"data": []}


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        ("0", 404, "job not found"),
        ("-1", 404, "job not found"),
        ("9223372036854775807", 404, "job not found"),
        ("9223372036854775808", 400, "value out of range"),
        ("9" * 5000, 400, "value out of range"),
    ],
)
def test_job_numbers_are_read_as_go_reads_them(http_client, number, status, text):
    reply = http_client.get(f"{PROJECT}/jobs/{number}")
    assert (reply.status_code, text in reply.json()["error"]) == (status, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"limit":1}{}',
        b"\xef\xbb\xbf{}",
        b'{"limit":1.0}',
        b'{"limit":true}',
        b'{"limit":1e1}',
        b"[]",
        b'{"query":NaN}',
        b'{"filters":{}}',
        b'{"columns":[1]}',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_bodies_that_go_refuses(http_client, body):
    reply = http_client.post(f"{PROJECT}/users", content=body)
    assert (reply.status_code, reply.json()) == (400, {"error": "invalid JSON body"})


@pytest.mark.parametrize("body", [b"null", b' {"QUERY":null}\n', b'{"query":"\\ud800"}', b'{"query":"\xff"}'])
def test_bodies_that_go_accepts(http_client, body):
    assert http_client.post(f"{PROJECT}/users", content=body).status_code == 200


def test_several_failures_are_reported_together(http_client):
    body = {"filters": [{"name": "", "operator": "x", "value": ["v"] * 11}, bought({"operator": "is"})], "page": -1}
    lines = http_client.post(f"{PROJECT}/users", json=body).json()["error"].splitlines()
    assert [line.split("'")[1] + " " + line.split("'")[-2] for line in lines] == [
        "SearchUsersRequest.Filters[0].Name required_without",
        "SearchUsersRequest.Filters[0].Operator oneof",
        "SearchUsersRequest.Filters[0].Value max",
        "SearchUsersRequest.Filters[1].Filters[0].Name required_without",
        "SearchUsersRequest.Page min",
    ]


@pytest.mark.parametrize(
    ("path", "status", "content_type"),
    [
        ("/", 200, "text/html"),
        ("/v1/projects", 200, "text/html"),
        ("/api/v1/projects", 404, "application/json"),
        ("/v2/api/", 200, None),
        ("/v2/api", 301, "text/html"),
        ("/v2/api/public/x/users/..", 404, "text/plain; charset=utf-8"),
        ("/v2/api/public/x/users/..%2F..%2Fprojects", 200, "application/json"),
        ("/..", 400, "text/html"),
        ("/v2/api/public/x/users/%00", 400, "text/html"),
        ("/v2/api/1/sessions/5/replay", 401, None),
        ("/v2/api/1/anything", 501, "application/json"),
        ("/v2/api/public/assist/credentials", 500, "application/json"),
    ],
)
def test_front_sends_paths_where_nginx_does(sandbox, path, status, content_type):
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=10)  # httpx would tidy the path
    connection.request("GET", path, headers={"Authorization": f"Bearer {sandbox.api_key}"})
    reply = connection.getresponse()
    connection.close()
    assert (reply.status, reply.headers["Content-Type"]) == (status, content_type)
    assert reply.headers["Server"] == "nginx"


def live(http_client, **body):
    return http_client.post(f"{PROJECT}/assist/sessions", json=body).json()["data"]


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (["ann"], where("userId", "is", "ann")),
        (["Bob"], where("userId", "contains", "bO")),
        ([], where("userId", "is", "bob")),
        (["cyd", "ann"], where("plan", "is", "pro")),
        (["cyd", "ann"], where("metadata_1", "is", "pro", source="plan")),
        (["Bob"], where("active", "is", "false")),
        (["cyd"], where("userCity", "contains", "p")),
        ([], where("userId", "is")),
        ([], where("METADATA", "is", "pro", source="plan")),
    ],
)
def test_live_sessions_are_filtered(http_client, condition, found):
    answer = live(http_client, filters=[condition])
    assert [session["userID"] for session in answer["sessions"]] == found
    assert answer["total"] == len(found)
    assert set(answer["counter"]) == {condition["name"]}


def test_live_sessions_are_paged_newest_first(http_client):
    assert [session["userID"] for session in live(http_client)["sessions"]] == ["cyd", "Bob", "ann"]
    assert [session["userID"] for session in live(http_client, order="ASC", limit=1)["sessions"]] == ["ann"]
    assert (live(http_client, page=9)["sessions"], live(http_client, page=9)["total"]) == ([], 3)
    reply = http_client.get(f"{PROJECT}/assist/sessions", params={"userId": "ann"})
    assert [session["userID"] for session in reply.json()["data"]["sessions"]] == ["ann"]


@pytest.mark.parametrize("condition", [{"type": "userId"}, {"name": "metadata_1", "value": ["pro"]}])
def test_live_filter_that_crashes_the_handler_breaks_the_connection(http_client, condition):
    with pytest.raises(httpx.RemoteProtocolError):
        live(http_client, filters=[condition])


@pytest.mark.parametrize("body", [{"order": "up"}, {"limit": -1}, {"filters": [{"name": "a", "value": [1]}]}])
def test_live_search_nobody_saw_fails_loudly(http_client, body):
    assert http_client.post(f"{PROJECT}/assist/sessions", json=body).status_code == 501


def test_live_filter_must_be_an_object(http_client):
    assert http_client.post(f"{PROJECT}/assist/sessions", json={"filters": [1]}).status_code == 400


def test_editions_differ_in_unknown_projects_and_tenants(http_client):
    unknown = "/v2/api/public/AAAAAAAAAAAAAAAAAAAA"
    with pytest.raises(httpx.RemoteProtocolError):
        http_client.get(unknown + "/jobs")
    assert http_client.get("/v2/api/public/projects").json()["data"][0]["tenantId"] == 1
    with Sandbox(edition="foss") as other, httpx.Client(base_url=other.url, headers=http_client.headers) as client:
        assert client.get(unknown + "/jobs").status_code == 401
        assert client.get(PROJECT + "/assist/sessions").status_code == 404
        assert client.get("/v2/api/public/projects").json()["data"][0]["tenantId"] == 0


def test_requests_are_noted_as_they_arrived(sandbox, http_client):
    http_client.post(f"{PROJECT}/users/a%40b/sessions?x=1", content=b"{}")
    last = sandbox.requests[-1]
    assert (last.method, last.path, last.body) == ("POST", f"{PROJECT}/users/a%40b/sessions?x=1", b"{}")
    assert last.headers["authorization"] == f"Bearer {sandbox.api_key}"


def test_changes_stay_in_their_own_sandbox(small_world):
    key = {"Authorization": f"Bearer {Sandbox.api_key}"}
    with Sandbox() as first, Sandbox() as second:
        created = httpx.post(
            f"{first.url}/v2/api/public/projects", headers=key, json={"name": "New", "platform": "ios"}
        )
        assert created.json()["data"]["projectId"] == 3
        counts = [
            len(httpx.get(f"{one.url}/v2/api/public/projects", headers=key).json()["data"]) for one in (first, second)
        ]
        assert counts == [3, 2]


def test_starting_twice_is_an_error_and_stopping_twice_allowed(small_world):
    sandbox = Sandbox().start()
    with pytest.raises(RuntimeError):
        sandbox.start()
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(RuntimeError):
        _ = sandbox.store


def test_clock_stands_or_runs(small_world):
    assert Sandbox().now() == FIXED_NOW
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert Sandbox(now=moment).now() == moment
    assert datetime.now(UTC) - Sandbox(live_clock=True).now() < timedelta(seconds=5)
    for arguments in ({"now": moment, "live_clock": True}, {"now": datetime(2026, 1, 2)}):  # noqa: DTZ001
        with pytest.raises(ValueError, match="time zone"):
            Sandbox(**arguments)


def test_port_that_is_taken_is_an_error(sandbox, small_world):
    other = Sandbox(port=sandbox.port)
    with pytest.raises(OSError, match="in use"):
        other.start()


def test_serving_forever_ends_with_an_interrupt(small_world, monkeypatch):
    sandbox = Sandbox()
    sandbox.start()
    monkeypatch.setattr(sandbox._thread, "join", _interrupted(sandbox._thread.join))
    sandbox.serve_forever()
    assert sandbox._thread is None


def _interrupted(join):
    calls = []

    def first_interrupted(timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(timeout)

    return first_interrupted
