"""The legacy service beyond its recordings: whole pages, editions, refusals, and what is computed from the data."""

from __future__ import annotations

import httpx
import pytest

from openreplay_tools.sandbox import Sandbox
from tests.sandbox.fidelity import sign_in

SHOP, RECORDED = "7X2WHE68QaUo3L1nD60m", "LbifiKjlu7VmVoyauxnK"
UNKNOWN = "A" * 20


class Office:
    """A sandbox with both ways in: API v1 with the key, the dashboard with a login."""

    def __init__(self, sandbox, seconds):
        self.sandbox = sandbox
        self.seconds = seconds
        self.token = sign_in(sandbox)

    def v1(self, path, method="GET", **more):
        headers = {"Authorization": self.sandbox.api_key}
        return httpx.request(method, f"{self.sandbox.url}/api/v1/{path}", headers=headers, **more)

    def dashboard(self, path, method="GET", **more):
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, f"{self.sandbox.url}/api/{path}", headers=headers, **more)

    def data(self, path):
        return self.dashboard(path).json()["data"]


def office(edition):
    seconds = [0.0]
    with Sandbox(version="1.27.0", edition=edition, pulse=lambda: seconds[0]) as sandbox:
        yield Office(sandbox, seconds)


@pytest.fixture(scope="module")
def foss():
    yield from office("foss")


@pytest.fixture(scope="module")
def ee():
    yield from office("ee")


# -- who may ask


@pytest.mark.parametrize(
    ("header", "status", "text"),
    [
        (None, 401, "Not authenticated"),
        ("x", 401, "Not authenticated"),
        ("Token x", 401, "Not authenticated"),
        ("bearer x", 400, "Invalid authentication scheme."),
        ("Bearer x", 403, "Invalid token or expired token."),
    ],
)
def test_the_dashboard_wants_a_bearer_token(foss, header, status, text):
    headers = {"Authorization": header} if header else {}
    reply = httpx.get(f"{foss.sandbox.url}/api/projects", headers=headers)
    assert (reply.status_code, reply.json()) == (status, {"errors": [text]})


@pytest.mark.parametrize("path", ["projects/99", "projects/abc", f"projects/{SHOP}", "99/metadata", "pa/99/filters"])
def test_an_unknown_project_is_refused_as_the_edition_does(foss, ee, path):
    assert (foss.dashboard(path).status_code, foss.dashboard(path).json()) == (404, {"errors": ["project not found."]})
    assert (ee.dashboard(path).status_code, ee.dashboard(path).json()) == (401, {"errors": ["unauthorized project."]})


def test_v1_refuses_unknown_projects_in_the_same_way(foss, ee):
    assert (foss.v1(f"{UNKNOWN}/jobs").status_code, ee.v1(f"{UNKNOWN}/jobs").status_code) == (404, 401)


def test_a_wrong_method_names_the_right_ones(foss):
    reply = foss.v1(f"{SHOP}/users/ann", "POST")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, DELETE")


# -- transport


@pytest.mark.parametrize(("accept", "encoding"), [("gzip", "gzip"), ("identity", None)])
def test_answers_of_a_thousand_bytes_are_packed_for_who_can_unpack_them(foss, accept, encoding):
    headers = {"Authorization": f"Bearer {foss.token}", "Accept-Encoding": accept}
    long = httpx.get(f"{foss.sandbox.url}/api/pa/1/filters", headers=headers)
    assert long.headers.get("content-encoding") == encoding
    assert long.headers["vary"] == "Accept-Encoding, Origin"
    assert long.json()["data"]["users"]["total"] == 22
    short = httpx.get(f"{foss.sandbox.url}/api/1/metadata", headers=headers)
    assert ("content-encoding" in short.headers, short.headers["vary"]) == (False, "Origin")


# -- projects


def test_projects_are_listed_by_name_and_know_whether_anything_was_recorded(foss):
    foss.sandbox.store.create_project("A new one", "ios")
    listed = foss.data("projects")
    assert [project["name"] for project in listed] == ["A new one", "Acme Recorded", "Acme Shop"]
    assert [project["recorded"] for project in listed] == [False, True, True]
    assert listed[0]["createdAt"] > listed[2]["createdAt"]
    assert foss.data(f"projects/{listed[0]['projectId']}")["lastRecordedSessionAt"] is None
    shop = foss.data("projects/1")
    assert shop["lastRecordedSessionAt"] == max(row["startTs"] for row in foss.sandbox.store.sessions(1))
    assert foss.data(f"{listed[0]['projectId']}/metadata") == []


def test_the_list_of_v1_works_once_in_twenty_seconds(ee):
    def ask():
        return ee.v1("projects").status_code

    ee.seconds[0] += 20
    assert [ask(), ask()] == [200, 500]
    ee.seconds[0] += 19.9
    assert ask() == 500
    ee.seconds[0] += 0.1
    assert ask() == 200
    assert ee.dashboard("projects").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"name": "  A   v1 project "}, 200, None),
        ({"name": "a V1 project"}, 400, None),
        ({}, 200, None),
        ({"name": "x", "platform": "android"}, 422, "literal_error"),
        ({"name": "x" * 3 + "$"}, 422, "string_pattern_mismatch"),
        ({"name": 5}, 422, "string_type"),
    ],
)
def test_v1_creates_projects(ee, body, status, kind):
    reply = ee.v1("projects", "POST", json=body)
    assert reply.status_code == status
    if status == 200:
        name = " ".join(body.get("name", "my first project").split())
        assert reply.json()["data"]["name"] == name
        assert ee.sandbox.store.project(reply.json()["data"]["projectKey"])["name"] == name
    if kind:
        assert reply.json()["detail"][0]["type"] == kind


# -- sessions and users of v1


def busiest(store):
    users = {}
    for session in store.sessions(1):
        users.setdefault(session["userId"], []).append(session)
    users.pop("", None)
    return max(users.items(), key=lambda item: len(item[1]))


def test_a_users_sessions_come_oldest_first_and_are_found_by_moving_the_date(foss):
    user, sessions = busiest(foss.sandbox.store)
    shown = foss.v1(f"{SHOP}/users/{user}/sessions").json()["data"]
    ids = sorted((row["sessionId"] for row in sessions), key=int)
    assert [row["sessionId"] for row in shown] == ids[:50]
    start = shown[1]["startTs"]
    later = foss.v1(f"{SHOP}/users/{user}/sessions", params={"start_date": start, "end_date": start}).json()["data"]
    assert [row["sessionId"] for row in later] == [shown[1]["sessionId"]]
    seen = foss.v1(f"{SHOP}/users/{user}").json()["data"]
    assert (seen["sessionCount"], seen["firstSeen"]) == (len(sessions), shown[0]["startTs"])


def test_v1_shows_at_most_fifty_sessions(foss, monkeypatch):
    row = foss.sandbox.store.sessions(1)[0]
    many = [{**row, "userId": "many", "sessionId": str(10**18 + number)} for number in range(60)]
    monkeypatch.setattr(foss.sandbox.store, "sessions", lambda _: many[::-1])
    shown = foss.v1(f"{SHOP}/users/many/sessions").json()["data"]
    assert [row["sessionId"] for row in shown] == [row["sessionId"] for row in many[:50]]


def test_events_of_v1_are_clicks_inputs_and_pages_only(foss):
    session = max(foss.sandbox.store.sessions(1), key=lambda row: row["eventsCount"])["sessionId"]
    events = foss.v1(f"{RECORDED}/sessions/{session}/events").json()["data"]  # any project will do
    assert {event["type"] for event in events} <= {"CLICK", "INPUT", "LOCATION", "TAP"}
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert foss.v1(f"{SHOP}/sessions/abc/events").json()["detail"][0]["loc"] == ["path", "sessionId"]


def test_a_page_whose_loading_was_not_measured_has_no_times(foss):
    found = foss.sandbox.store.select(
        """SELECT session_id FROM events WHERE "$event_name" = 'LOCATION' AND "$properties" NOT LIKE '%load_event%'""",
        [],
    )
    events = foss.v1(f"{SHOP}/sessions/{found[0][0]}/events").json()["data"]
    assert None in [event["loadTime"] for event in events if event["type"] == "LOCATION"]


def test_each_deletion_of_v1_makes_a_job(ee):
    jobs = [ee.v1(f"{SHOP}/users/ann/", "DELETE").status_code, ee.v1(f"{SHOP}/users/twice", "DELETE").json()["data"]]
    assert jobs[0] == 404
    again = ee.v1(f"{SHOP}/users/twice", "DELETE").json()["data"]
    assert again["jobId"] == jobs[1]["jobId"] + 1
    listed = ee.v1(f"{SHOP}/jobs").json()["data"]
    assert [job["status"] for job in listed if job["referenceId"] == "twice"] == ["scheduled", "scheduled"]
    assert ee.v1(f"{SHOP}/jobs/{again['jobId']}").json()["data"] == again
    assert ee.v1(f"{SHOP}/jobs/x").status_code == 422


# -- what can be filtered by


def test_the_catalogue_names_the_events_that_happened_custom_ones_first(foss):
    events = foss.data("pa/1/filters")["events"]
    names = [item["name"] for item in events["list"]]
    customs = [item["name"] for item in events["list"] if not item["autoCaptured"]]
    assert names[: len(customs)] == sorted(customs)
    assert {"purchase", "LOCATION", "REQUEST"} <= set(names)
    assert "TAG_TRIGGER" not in names
    assert events["total"] == len(names)
    assert len({item["id"] for item in events["list"]}) == len(names)
    assert foss.data("pa/1/events/names") == events


def test_the_catalogue_names_the_metadata_of_the_project(foss):
    metadata = foss.data("pa/1/filters")["metadata"]["list"]
    assert [(item["id"], item["name"], item["displayName"]) for item in metadata] == [
        (f"meta_{place}", f"metadata_{place + 1}", key)
        for place, key in enumerate(("plan", "company", "experiment", "release"))
    ]


def test_the_catalogue_names_saved_searches_and_tagged_elements(foss):
    store = foss.sandbox.store
    store.tags.add(1, {"name": "Pay", "selector": "#pay", "ignoreClickRage": False, "ignoreDeadClick": True})
    found = foss.data("pa/1/filters")
    assert [item["searchId"] for item in found["segments"]["list"]] == [
        row["searchId"] for row in store.saved.visible(1, 1)
    ]
    assert found["segments"]["total"] == len(found["segments"]["list"]) > 0
    assert found["features"]["list"] == [
        {
            "tagId": 1,
            "name": "Pay",
            "displayName": "Pay",
            "selector": "#pay",
            "ignoreClickRage": False,
            "ignoreDeadClick": True,
            "isFeature": True,
        }
    ]
    assert foss.data("pa/2/filters")["features"]["total"] == 0


def test_properties_of_an_event_are_those_it_has(foss):
    found = {item["name"]: item for item in foss.data("pa/1/properties/search?en=CLICK&ac=true")}
    assert (found["label"]["category"], found["label"]["possibleTypes"]) == ("events", ["string"])
    assert found["hesitation_time"]["possibleTypes"] == ["int"]
    assert found["userCountry"]["category"] == "session"
    assert len(foss.data("pa/1/properties/search")) == len(foss.data("pa/1/properties/search?en=purchase&ac=0")) == 17


def test_values_are_completed_by_what_they_contain_and_how_often_they_occur(foss):
    values = foss.data("pa/1/properties/autocomplete?propertyName=label&ac=true&eventName=CLICK&q=PA")
    assert values
    assert all("pa" in value["value"].lower() for value in values)
    assert [value["rowPercentage"] for value in values] == sorted(
        (value["rowPercentage"] for value in values), reverse=True
    )
    countries = foss.data("pa/1/properties/autocomplete?propertyName=userCountry&ac=true")
    assert "DE" in [value["value"] for value in countries]
    assert foss.data("pa/1/properties/autocomplete?propertyName=nothing&ac=false") == []
    totals = foss.data("pa/1/properties/autocomplete?propertyName=total&ac=false&eventName=purchase")
    assert sum(value["rowPercentage"] for value in totals) <= 100.1


def test_a_yes_or_no_must_be_one(foss):
    reply = foss.dashboard("pa/1/properties/autocomplete?propertyName=label&ac=perhaps")
    assert (reply.status_code, reply.json()["detail"][0]["type"]) == (422, "bool_parsing")


# -- errors


@pytest.fixture(scope="module")
def error(foss):
    statement = (
        "SELECT error_id, count(*), count(DISTINCT session_id) FROM events WHERE project = 1 AND error_id != '' "
        "GROUP BY 1 ORDER BY 2 DESC"
    )
    return foss.sandbox.store.select(statement, [])[0]


def test_an_error_is_counted_over_its_sessions(foss, error):
    number, count, sessions = error
    found = foss.data(f"1/errors/{number}")
    assert (found["errorId"], found["sessions"]) == (number, sessions)
    assert sum(bar["count"] for bar in found["chart30"]) <= count
    assert sum(bar["count"] for bar in found["chart24"]) <= sum(bar["count"] for bar in found["chart30"])
    browsers = next(tag["partitions"] for tag in found["tags"] if tag["name"] == "browser")
    assert sum(browser["count"] for browser in browsers) == sessions
    last = found["lastHydratedSession"]
    assert (int(last["sessionId"]), last["startTs"] % 1000) == (found["lastSessionId"], 0)


def test_an_error_shows_where_it_was_thrown_in_a_session_that_had_it(foss, error):
    session = foss.data(f"1/errors/{error[0]}")["lastSessionId"]
    found = foss.data(f"1/sessions/{session}/errors/{error[0]}/sourcemaps")
    assert found["sourcemapUploaded"] is False
    assert found["trace"][0]["lineNo"] == found["trace"][0]["frame"]["lineNo"] > 0
    reply = foss.dashboard(f"1/sessions/1/errors/{error[0]}/sourcemaps")
    assert (reply.status_code, reply.json()) == (404, {"errors": ["error not found"]})


@pytest.mark.parametrize("path", ["pa/1/lexicon/events", "pa/1/lexicon/properties"])
def test_the_lexicon_is_broken_here(foss, path):
    assert foss.dashboard(path).status_code == 500


# -- live sessions


def test_live_sessions_of_v1_are_for_enterprise_only(foss, ee):
    assert foss.v1(f"{SHOP}/assist/sessions").status_code == 404
    assert foss.v1("assist/credentials").status_code == 404
    assert ee.v1("assist/credentials").json() == {"errors": ["secret not defined"]}
    found = ee.v1(f"{SHOP}/assist/sessions").json()["data"]
    assert found["total"] == len(found["sessions"]) == len(ee.sandbox.store.live[1])
    assert {(session["live"], session["projectId"]) for session in found["sessions"]} == {(True, 1)}


def test_asking_v1_for_a_users_live_sessions_finds_none(ee):
    user = ee.sandbox.store.live[1][0]["userID"]
    assert ee.v1(f"{SHOP}/assist/sessions?userId={user}").json()["data"] == {"total": 0, "sessions": [], "counter": {}}


def test_live_sessions_are_searched_with_filters(ee, foss):
    live = ee.sandbox.store.live[1]
    user = next(session["userID"] for session in live if session["userID"])

    def search(*filters, where=ee, **more):
        body = {"filters": list(filters), **more}
        return where.dashboard("1/assist/sessions", "POST", json=body).json()["data"]["sessions"]

    assert {session["userID"] for session in search({"name": "userId", "operator": "is", "value": [user]})} == {user}
    assert search({"name": "userId", "value": [user[1:]]}, where=foss)
    plan = {"name": "metadata", "source": "plan", "operator": "is", "value": [live[0]["metadata"]["plan"]]}
    assert live[0]["sessionID"] in [session["sessionID"] for session in search(plan)]
    assert len(search({"name": "userId", "value": []})) == len(live)
    times = [session["timestamp"] for session in search(order="asc", limit=2)]
    assert times == sorted(session["timestamp"] for session in live)[:2]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"filters": [{"name": "userId"}]}, 422),
        ({"filters": [{"name": "pageTitle", "value": ["x"]}]}, 501),
        ({"filters": [{"name": "metadata", "value": ["x"]}]}, 501),
        ({"filters": "x"}, 501),
        ({"limit": 201}, 501),
        ({"page": 0}, 501),
    ],
)
def test_live_searches_that_are_not_known_are_refused(ee, body, status):
    assert ee.v1(f"{SHOP}/assist/sessions", "POST", json=body).status_code == status


@pytest.mark.parametrize("path", ["projects", "account", "1/metadata", "pa/1/filters", "logout"])
def test_a_route_that_wants_a_login_refuses_the_key(foss, path):
    headers = {"Authorization": f"Bearer {foss.sandbox.api_key}"}
    assert httpx.get(f"{foss.sandbox.url}/api/{path}", headers=headers).status_code == 403
