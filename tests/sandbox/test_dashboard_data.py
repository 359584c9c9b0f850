"""The dashboard's routes about events, users, the lexicon, tags and live sessions, beyond what was recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.columns import EVENT_COLUMNS
from openreplay_tools.sandbox.lexicon import Lexicon
from tests.sandbox.conftest import NUMBER, OTHER_SESSION, SESSION, START, WINDOW, bought, where
from tests.sandbox.fidelity import unhurried
from tests.sandbox.signed_in import SignedIn

EVENTS = {**WINDOW, "limit": 50, "page": 1, "sortBy": "event_id", "sortOrder": "asc"}


@pytest.fixture(scope="module")
def running(small_world):
    with Sandbox(pulse=unhurried()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def dashboard(running):
    with SignedIn(running, 1) as signed_in:
        yield signed_in


@pytest.fixture
def fresh(small_world):
    """A server of one's own, for changes."""
    with Sandbox(pulse=unhurried()) as sandbox, SignedIn(sandbox, 1) as signed_in:
        yield signed_in


@pytest.fixture
def found(dashboard):
    def ask(*filters, **fields):
        status, answer = dashboard.ask("POST", "events", {**EVENTS, "filters": list(filters), **fields})
        return [int(row["event_id"][-12:]) for row in answer["data"]["events"]] if status == 200 else status

    return ask


def test_events_of_all_sessions_are_found_and_triggers_hidden(found):
    assert found() == [1, 2, 3, 5, 6, 105]
    assert found(sortBy="created_at", limit=2, sortOrder="desc")[0] == 6
    assert found(where("session_id", "is", OTHER_SESSION)) == [6]
    assert found(where("$user_id", "is", "ann"), where("$event_name", "is", "REQUEST")) == [2, 3]
    assert found(endTimestamp=2**62) == 501


@pytest.mark.parametrize(
    ("filters", "answer"),
    [
        ([bought()], [5, 6]),
        ([bought(), {**bought(), "name": "CLICK"}], [5, 6, 105]),
        ([bought({"name": "total", "operator": ">", "value": ["100"], **NUMBER})], [5]),
        ([bought(), where("$browser", "is", "Safari")], []),
        ([bought(), where("session_id", "is", SESSION)], 500),
        ([bought(), where("session_id", "isAny")], [5, 6]),
        ([bought(where("total", "is", "20")), where("session_id", "is", SESSION)], []),
        ([bought(), where("$event_name", "is", "purchase")], [5, 6]),
        ([where("session_id", "is", "abc")], 500),
    ],
)
def test_event_filters_work_alone_and_trade_values_with_others(found, filters, answer):
    """Observed A1: what the columns are compared with goes to the events, and the other way round."""
    assert found(*filters) == answer


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (where("session_id", "is", "abc"), "(TYPE_MISMATCH)"),
        (where("$browser", "regex", "("), "DB::Exception"),
        (where("$time", "is", "1", "x"), "'x' to type"),
    ],
)
def test_database_errors_are_shown_raw(dashboard, condition, text):
    for path in ("events", "users/ann/activity"):
        status, answer = dashboard.ask("POST", path, {**WINDOW, "limit": 5, "page": 1, "filters": [condition]})
        assert (status, text in answer["error"]) == (500, True)
        assert answer["error"].startswith("failed to query events for project 1: ")
    status, answer = dashboard.ask("POST", "users", {"sortBy": "$country"})
    assert (status, answer["error"][:22]) == (500, "failed to search users")


def test_one_event_has_every_column_but_empty_lists_and_escaped_text(dashboard):
    event = dashboard.find("GET", "events/00000000-0000-4000-8000-000000000005")
    lists = {"$tags", *(f"group_id{number}" for number in range(2, 7))}
    assert set(event) == set(EVENT_COLUMNS) - lists
    assert (event["properties"]["tags"], event["group_id1"]) == (["&lt;x&gt;"], ["g"])
    assert dashboard.ask("GET", "events/00000000-0000-4000-8000-0000000000FF")[0] == 404


def test_activity_is_one_users_and_hides_what_is_asked(dashboard):
    body = {**WINDOW, "hideEvents": ["REQUEST"], "sortOrder": "asc"}
    activity = dashboard.find("POST", "users/ann/activity", body)
    assert [event["$event_name"] for event in activity["events"]] == ["LOCATION", "purchase"]
    assert activity["total"] == 2
    assert dashboard.find("POST", "users/ann/activity", {**body, "filters": [bought()]})["total"] == 1
    assert dashboard.find("POST", "users/ann/activity", {**body, "page": 9}) == {"total": 0, "events": None}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["StartDate", "EndDate"]),
        ({**WINDOW, "limit": 201, "sortBy": "session_id", "sortOrder": "up"}, ["Limit", "SortOrder", "SortBy"]),
    ],
)
def test_activity_wants_a_window_and_known_columns(dashboard, body, fields):
    status, answer = dashboard.ask("POST", "users/ann/activity", body)
    assert (status, [line.split("'")[1].split(".")[1] for line in answer["error"].splitlines()]) == (400, fields)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"limit":', "unexpected end of JSON input"),
        (b'{"query":"abc', "unexpected end of JSON input"),
        (b"{} {}", "invalid character '{' after top-level value"),
        (b"{]", "invalid character ']' looking for beginning of value"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'{"limit":"1"}', "json: cannot unmarshal value into Go struct field limit"),
    ],
)
def test_bodies_are_refused_with_the_decoders_text(dashboard, body, text):
    assert dashboard.ask("POST", "users", body) == (400, {"error": text})


def test_long_bodies_are_refused(dashboard):
    assert dashboard.ask("POST", "users", b" " * 131_073) == (413, {"error": "http: request body too large"})


@pytest.mark.parametrize(
    ("project", "text"), [("abc", "invalid syntax"), ("9" * 19, "value out of range"), ("9" * 5000, "out of range")]
)
def test_project_is_named_by_a_number(small_world, project, text):
    with Sandbox(edition="foss") as sandbox, SignedIn(sandbox, project) as other:
        status, answer = other.ask("GET", "tags")
    assert status == 400
    assert answer["error"].startswith(f'invalid path param projectId: strconv.Atoi: parsing "{project}": ')
    assert text in answer["error"]


# -- edits


def stored(dashboard, user_id):
    return dashboard.sandbox.store.select(
        'SELECT "$name", properties FROM users WHERE project = 1 AND "$user_id" = ?', (user_id,)
    )[0]


def test_every_edit_escapes_what_it_does_not_change(fresh):
    """Observed A31."""
    path = "users/cyd"
    assert stored(fresh, "cyd") == ("", '{"<k>":"a\\\\\\"b","age":30,"joined":1795190000000,"plan":"free","vip":true}')
    edited = fresh.find("PUT", path, {"$name": "Tom & Co", "email": "ignored@example.org", "$phone": None})
    assert (edited["$name"], edited["$email"], edited["$phone"]) == ("Tom &amp; Co", "", "")
    assert edited["properties"]["&amp;lt;k&amp;gt;"] == "a\\&amp;#34;b"
    assert (edited["properties"]["age"], edited["properties"]["vip"]) == (30, True)
    fresh.find("PUT", path, {"$phone": "1", "properties": {"groups": ["<a>"]}})
    assert stored(fresh, "cyd") == ("Tom &amp; Co", '{"groups":["<a>"]}')
    fresh.find("PUT", path, {})
    assert stored(fresh, "cyd") == ("Tom &amp;amp; Co", '{"groups":["&lt;a&gt;"]}')
    assert fresh.find("GET", path)["$name"] == "Tom &amp;amp;amp; Co"


@pytest.mark.parametrize(
    ("user_id", "body", "status"),
    [
        ("nobody", {}, 501),
        ("cyd", {"$created_at": 1}, 501),
        ("cyd", {"properties": []}, 400),
        ("cyd", {"$name": 1}, 400),
    ],
)
def test_edits_nobody_saw_fail_loudly(dashboard, user_id, body, status):
    assert dashboard.ask("PUT", f"users/{user_id}", body)[0] == status


def test_user_whose_id_would_change_is_not_edited(fresh):
    fresh.sandbox.store.select('UPDATE users SET "$user_id" = \'a&b\' WHERE "$user_id" = ?', ("bob",))
    assert fresh.ask("PUT", "users/a%26b", {})[0] == 501


def test_deleted_user_is_gone_for_both_doors(fresh):
    fresh.find("DELETE", "users/bob")
    assert fresh.ask("GET", "users/bob")[0] == 404
    assert fresh.find("POST", "users", {"query": "bob"}) == {"total": 0, "users": []}
    assert fresh.find("POST", "users/bob/activity", WINDOW)["total"] == 1
    key = {"Authorization": f"Bearer {fresh.sandbox.api_key}"}
    public = fresh.client.get(f"{fresh.sandbox.url}/v2/api/public/7X2WHE68QaUo3L1nD60m/users/bob", headers=key)
    assert public.status_code == 404


def test_deletion_in_the_second_of_an_edit_shows_the_user_a_little_longer(fresh, monkeypatch):
    """Observed A32: versions of a record have whole seconds."""
    fresh.find("PUT", "users/bob", {"$name": "Bob"})
    fresh.find("DELETE", "users/bob")
    assert fresh.find("GET", "users/bob")["$name"] == "Bob"
    assert fresh.ask("DELETE", "users/bob")[0] == 404
    monkeypatch.setattr(fresh.sandbox, "_fixed_now", FIXED_NOW + timedelta(seconds=2))
    assert fresh.ask("GET", "users/bob")[0] == 404


# -- lexicon


def entries(found, name):
    return {entry["name"]: entry for entry in found[name]}


def test_lexicon_counts_events_by_name(dashboard):
    found = dashboard.find("GET", "lexicon/events", limit=1)
    assert found["total"] == 4
    events = entries(found, "events")
    assert set(events) == {"LOCATION", "REQUEST", "purchase", "CLICK"}  # no TAG_TRIGGER
    assert (events["REQUEST"]["count"], events["REQUEST"]["displayName"]) == (2, "Network Request")
    assert (events["purchase"]["autoCaptured"], events["purchase"]["createdAt"]) == (False, START + 6000)
    assert dashboard.find("GET", "lexicon/events", propertyName="total")["total"] == 1
    assert dashboard.find("GET", "lexicon/events", propertyName="none") == {"events": None, "total": 0}


def properties(dashboard, source, **parameters):
    found = dashboard.find("GET", "lexicon/properties", source=source, limit=500, **parameters)
    return {
        (entry["name"], entry["dataType"], entry["count"], tuple(entry["sampleValues"]))
        for entry in found["properties"]
    }


def test_lexicon_knows_the_properties_of_events(dashboard):
    assert properties(dashboard, "events") == {
        ("status", "Int64", 2, ()),
        ("success", "Bool", 2, ()),
        ("lcp", "String", 2, ("90", "1000")),
        ("total", "Float64", 2, ()),
        ("tags", "Array(Nullable(String))", 1, ()),
    }
    assert {name for name, *_ in properties(dashboard, "events", eventName="purchase")} == {"total", "tags"}
    nothing = dashboard.find("GET", "lexicon/properties", source="events", eventName="none", limit=5)
    assert nothing == {"properties": None, "total": 0}


def test_lexicon_joins_what_events_share_and_looks_into_payloads(fresh):
    payload = '{"cart":{"sku":"A","size":null},"lines":[{"n":1}],"mixed":[1,"a"],"none":[],"flags":[true,null]}'
    for name in ("CLICK", "LOCATION"):
        statement = 'UPDATE events SET properties = ? WHERE project = 1 AND "$event_name" = ? RETURNING tie'
        assert fresh.sandbox.store.select(statement, (payload, name))
    fresh.sandbox.store.lexicon = Lexicon()  # all others share what is known of events, which requests never change
    assert {
        ("cart.sku", "String", 2, ("A",)),
        ("lines", "Array(Nullable(JSON))", 2, ()),
        ("mixed", "Array(Nullable(String))", 2, ()),
        ("none", "Array(Nullable(String))", 2, ()),
        ("flags", "Array(Nullable(Bool))", 2, ()),
    } <= properties(fresh, "events")
    assert "cart.size" not in {name for name, *_ in properties(fresh, "events")}


def test_lexicon_knows_the_properties_of_users_and_sessions(dashboard):
    users = properties(dashboard, "users")
    assert {("$country", "String", 2, ("DE", "FR")), ("plan", "String", 2, ("pro", "free"))} <= users
    assert "$phone" not in {name for name, *_ in users}
    assert dashboard.find("GET", "lexicon/properties", source="sessions") == {"properties": None, "total": 0}


def test_recorded_counts_of_rare_properties_are_computed(dashboard):
    found = dashboard.find("GET", "lexicon/properties", project=2, source="events")
    rows = {entry["name"]: entry for entry in found["properties"]}
    for name, kind, count, latest in (
        ("avg_cpu", "Int64", 3, 1795196587000),
        ("max_cpu", "Int64", 4, 1795196587000),
        ("min_cpu", "Int64", 2, 1795196587000),
        ("tags", "Array(Nullable(String))", 8, 1795196583000),
        ("items", "Int64", 2, 1795196583000),
    ):
        assert (rows[name]["dataType"], rows[name]["count"], rows[name]["createdAt"]) == (kind, count, latest)
    assert rows["avg_cpu"]["displayName"] == "Average CPU"
    assert any(name.startswith("c.") for name in rows)
    sessions = dashboard.find("GET", "lexicon/properties", project=2, source="sessions")["properties"]
    assert [(entry["displayName"], entry["count"]) for entry in sessions if entry["name"] == "userOs"] == [("OS", 42)]


def test_lexicon_is_paged(dashboard):
    pages = [dashboard.find("GET", "lexicon/properties", source="events", limit=2, page=page) for page in (1, 2, 3, 4)]
    assert [len(page["properties"] or ()) for page in pages] == [2, 2, 1, 0]
    assert [page["total"] for page in pages] == [5, 5, 5, 0]


@pytest.mark.parametrize("paging", [{"limit": 501}, {"limit": 0}, {"limit": "x"}, {"limit": 5, "page": 0}])
def test_paging_nobody_saw_fails_loudly(dashboard, paging):
    assert dashboard.ask("GET", "lexicon/properties", source="events", **paging)[0] == 501


# -- tags


def test_tags_are_kept_and_forgotten(fresh):
    assert fresh.find("POST", "tags", {"name": "Pay", "selector": "#pay", "ignoreDeadClick": True}) == 1
    assert fresh.find("POST", "tags", {"name": "Cart", "selector": "#cart", "location": "/cart"}) == 2
    found = fresh.find("GET", "tags", limit=1)
    assert found["total"] == 2
    assert found["tags"] == [
        {
            "tagId": 2,
            "name": "Cart",
            "selector": "#cart",
            "ignoreClickRage": False,
            "ignoreDeadClick": False,
            "location": "/cart",
            "volume": 0,
            "users": 0,
        }
    ]
    fresh.find("DELETE", "tags/2")
    assert [(tag["tagId"], tag["location"]) for tag in fresh.find("GET", "tags")["tags"]] == [(1, None)]
    assert fresh.ask("DELETE", "tags/2")[0] == 501
    assert fresh.ask("POST", "tags", {"name": "x"})[0] == 501
    assert fresh.find("GET", "tags", project=2) == {"tags": [], "total": 0}


# -- live sessions


def test_live_sessions_have_no_default_page(dashboard):
    def users(**body):
        return [session["userID"] for session in dashboard.find("POST", "assist/sessions", body)["sessions"]]

    assert users() == ["cyd", "Bob", "ann"]
    assert users(limit=2, page=2, sort="timestamp", order="ASC") == ["cyd"]
    assert dashboard.find("POST", "assist/sessions", {"limit": 2, "page": 9})["total"] == 3
    assert dashboard.ask("POST", "assist/sessions", {"sort": "userID"})[0] == 501


def test_one_live_session_looks_live_even_if_unknown(dashboard):
    assert dashboard.find("GET", "assist/sessions/2")["userID"] == "Bob"
    assert set(dashboard.find("GET", "assist/sessions/999")) == {"agentToken", "live"}


def test_live_service_may_be_down(fresh):
    fresh.sandbox.store.assist_down = True
    assert fresh.ask("POST", "assist/sessions", {}) == (200, {"sessions": [], "total": 0})
    assert fresh.ask("GET", "assist/sessions/2")[0] == 501
