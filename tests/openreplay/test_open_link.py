"""A pasted dashboard link, of every form and through every door, and what pretends to be one."""

import json
from contextlib import ExitStack
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openreplay_tools.catalogue import open_link
from openreplay_tools.errors import ArgumentsError, UnavailableError
from openreplay_tools.openreplay.links import (
    error_link,
    live_link,
    note_link,
    read_link,
    saved_search_link,
    session_link,
    started_ms,
)
from openreplay_tools.openreplay.users import reachable_by_path
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.accounts import MEMBER
from tests.openreplay.recorded import signed_in
from tests.sandbox.fidelity import read, unhurried
from tests.servers import DASHBOARD, SHOP, Scripted, project, toolkit_over

LOGIN = {"email": Sandbox.email, "password": Sandbox.password}
HERE = f"{DASHBOARD}/1"
PAYING = "4113715799632532494"  # recorded: the payment fails at 0:04, an error at 0:09
OTHER_PARTS = ("session", "events", "note", "user", "sessions", "found", "notes", "error", "event", "live")


@pytest.fixture(scope="module")
def older():
    with Sandbox(version="1.26", pulse=unhurried()) as server:
        yield server


@pytest.fixture(scope="module")
def doors(sandbox, older):
    given = {
        "key": (sandbox, {}),
        "login": (sandbox, {**LOGIN, "api_key": ""}),
        "both": (sandbox, LOGIN),
        "member": (sandbox, {"api_key": "", "email": MEMBER.email, "password": Sandbox.password}),
        "v1": (older, {"project": SHOP}),
    }
    with ExitStack() as stack:
        yield {door: stack.enter_context(toolkit_over(server, **more)) for door, (server, more) in given.items()}


@pytest.fixture
def opened(doors):
    def ask(door, link, **arguments):
        reply = doors[door].call("openreplay_open_link", {"link": link, **arguments})
        assert not reply.is_error, reply.text
        return reply

    return ask


@pytest.fixture
def refused(doors):
    def ask(door, link):
        reply = doors[door].call("openreplay_open_link", {"link": link})
        assert reply.is_error, reply.text
        assert reply.data == {}
        return reply.text

    return ask


def parts(reply):
    return {name for name in OTHER_PARTS if reply.data[name] is not None}


def first_line(reply):
    return reply.text.split("\n", 1)[0]


@pytest.fixture(scope="module")
def session(world):
    """A generated session with something in it."""
    return max((one for one in world.sessions if one["userId"]), key=lambda one: one["eventsCount"])


DOORS = ("key", "login", "both", "v1")


# --- session and moment ---


@pytest.mark.parametrize("door", DOORS)
def test_a_session(opened, session, door):
    reply = opened(door, f"{HERE}/session/{session['sessionId']}")
    assert first_line(reply).startswith(f"Link to session {session['sessionId']} · Acme Shop")
    assert parts(reply) == {"session"}
    assert (reply.data["kind"], reply.data["id"], reply.data["project_id"]) == ("session", session["sessionId"], 1)
    assert reply.data["session"]["session_id"] == session["sessionId"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", ["{0}?jumpto=65000", "{0}/?jumpto={1}&freeze=1"])
def test_a_moment_shows_what_happened_around_it(opened, session, door, form):
    begun = started_ms(session["sessionId"])
    reply = opened(door, f"{HERE}/session/{form.format(session['sessionId'], begun + 65000)}")
    assert first_line(reply).startswith(f"Link to 1:05 of session {session['sessionId']} · Acme Shop")
    assert parts(reply) == {"session", "events"}
    assert (reply.data["kind"], reply.data["moment_ms"]) == ("moment", 65000)
    offsets = [row["offset_ms"] for row in reply.data["events"]["rows"]]
    assert offsets
    assert 34000 <= min(offsets) <= max(offsets) < 96000
    assert reply.data["events"]["total"] < reply.data["session"]["total"]
    assert ("not applied: freeze." in reply.text) == ("freeze" in form)


def test_the_events_around_a_moment_are_all_there_are(opened, doors, session):
    asked = {"session": session["sessionId"], "kinds": []}
    whole = doors["key"].call("openreplay_list_session_events", {**asked, "page": 1, "limit": 200}).data["rows"]
    near = opened("key", f"{HERE}/session/{session['sessionId']}?jumpto=65000").data["events"]["rows"]
    truth = [row["event_id"] for row in whole if 34000 < row["offset_ms"] < 96000]
    assert {row["event_id"] for row in near} >= set(truth)
    assert len(near) <= len(truth) + 4  # whole seconds at both edges


@pytest.mark.parametrize("door", ["key", "login"])
def test_what_went_wrong_near_a_moment_is_linked(opened, door):
    reply = opened(door, f"{DASHBOARD}/2/session/{PAYING}?jumpto=4056")
    assert first_line(reply) == f"Link to 0:04 of session {PAYING} · Acme Recorded"
    assert f"{DASHBOARD}/2/session/{PAYING}?jumpto=4056" in reply.text
    assert "bob@example.org" in reply.text
    assert "Events from 0:00 to the end: 16 of 16." in reply.text


def test_a_link_without_scheme_or_host_is_understood(opened):
    for form in (
        f"/2/session/{PAYING}",
        f"openreplay.example.com/2/session/{PAYING}",
        f"  {DASHBOARD}/2/session/{PAYING}\n",
    ):
        assert opened("key", form).data["session"]["session_id"] == PAYING


def test_a_link_to_no_session_says_so(opened):
    reply = opened("key", f"{HERE}/session/4113712955676316675")
    assert reply.data["session"]["events_read"] == 0
    assert "Why: " in reply.text
    assert parts(opened("key", f"{HERE}/session/4113712955676316675?jumpto=5")) == {"session"}


def test_a_moment_after_the_end_says_what_there_is(opened, session):
    reply = opened("key", f"{HERE}/session/{session['sessionId']}?jumpto=80000000")
    total = reply.data["session"]["total"]
    assert f"Events from 22:12:50 to the end: 0 of {total}. The moment lies after the last event." in reply.text
    assert "from_offset and to_offset" not in reply.text


# --- notes ---


@pytest.fixture(scope="module")
def notes(doors):
    rows = doors["login"].call("openreplay_list_notes", {}).data["rows"]
    assert len(rows) == 3
    return rows


@pytest.mark.parametrize("door", ["login", "both"])
def test_a_note_and_its_moment(opened, notes, door):
    about = next(note for note in notes if note["offset_ms"])
    reply = opened(door, about["link"])
    assert first_line(reply).startswith(f"Link to note {about['note_id']} at 0:58 of session {about['session_id']}")
    assert parts(reply) == {"session", "events", "note"}
    assert reply.data["note"] == {**about, "user_id": 0}  # only the list tells the author's number (contract §4.6)
    assert reply.data["moment_ms"] == about["offset_ms"]
    assert f"⟦{doors_mark(reply)} {about['message']} {doors_mark(reply)}⟧" in reply.text


def doors_mark(reply):
    return reply.text.split("⟦", 1)[1][:4]


def test_a_note_about_no_moment_opens_its_session(opened, notes):
    about = next(note for note in notes if note["offset_ms"] is None)
    reply = opened("login", about["link"])
    assert first_line(reply).startswith(f"Link to note {about['note_id']} on session {about['session_id']}")
    assert parts(reply) == {"session", "note"}
    assert "points at" not in reply.text


@pytest.mark.parametrize("door", ["key", "v1"])
def test_without_a_login_a_note_is_its_moment(opened, notes, door):
    about = next(note for note in notes if note["offset_ms"])
    reply = opened(door, about["link"])
    assert first_line(reply).startswith(f"Link to a note at 0:58 of session {about['session_id']}")
    assert parts(reply) == {"session", "events"}
    assert "Not told: the note itself, which is read with a dashboard login" in reply.text
    assert about["message"] not in reply.text


def test_a_dashboard_that_is_too_old_for_notes_still_opens_the_moment(notes):
    about = next(note for note in notes if note["offset_ms"])
    with Sandbox(version="1.22", pulse=unhurried()) as server, toolkit_over(server, **LOGIN, project=SHOP) as toolkit:
        reply = toolkit.call("openreplay_open_link", {"link": about["link"]})
    assert parts(reply) == {"session", "events"}
    assert "Not told: the note itself" in reply.text
    assert "Not told here: errors, requests" in reply.text
    assert "Nothing went wrong near it that is told here." in reply.text


def test_a_note_that_is_gone_or_private(refused, notes):
    private = next(note for note in notes if not note["is_public"])
    assert "No note 999 in project Acme Shop that this login may see" in refused(
        "login", f"{HERE}/session/{private['session_id']}?note=999"
    )
    assert f"No note {private['note_id']} " in refused("member", private["link"])


def test_a_note_of_another_session_is_a_contradiction(refused, notes):
    first, second = notes[0], notes[1]
    text = refused("login", f"{HERE}/session/{first['session_id']}?note={second['note_id']}")
    assert text.startswith(f"link: note {second['note_id']} was left on session {second['session_id']}, the link names")


# --- users ---


@pytest.mark.parametrize("door", DOORS)
def test_a_user_and_the_newest_sessions(opened, world, door):
    reply = opened(door, f"{HERE}/data-management/user/ann%40example.org")
    assert first_line(reply) == "Link to user ann@example.org · Acme Shop"
    assert parts(reply) == {"user", "sessions"}
    assert reply.data["user"]["user_id"] == reply.data["id"] == "ann@example.org"
    mine = sorted((one["startTs"], one["sessionId"]) for one in world.sessions if one["userId"] == "ann@example.org")
    assert [row["session_id"] for row in reply.data["sessions"]["rows"]] == [name for _, name in reversed(mine[-3:])]
    assert f"Newest 3 of {len(mine)} sessions:" in reply.text
    assert f"{HERE}/session/{mine[-1][1]}" in reply.text


@pytest.mark.parametrize("user_id", ["team/eve", "tenant%2Fops", "frank miller@example.org", "crm|1-5", "用户42"])
@pytest.mark.parametrize("door", ["key", "login"])
def test_odd_user_ids_are_once_encoded_in_a_link(opened, user_id, door):
    reply = opened(door, f"{HERE}/data-management/user/{quote(user_id, safe='')}")
    assert reply.data["id"] == user_id
    assert reply.data["sessions"] is None or {row["user_id"] for row in reply.data["sessions"]["rows"]} == {user_id}
    known = reachable_by_path(user_id) or door == "login"
    assert ("cannot be listed with this credential" in reply.text) != known


def test_a_user_of_whom_only_sessions_are_known(opened):
    reply = opened("key", f"{HERE}/data-management/user/{quote('用户42')}")
    assert (", of whom there is no record" in reply.text) == (reply.data["user"] is None)
    assert reply.data["sessions"]["rows"]


def test_nobody(refused):
    for door in ("key", "login"):
        assert refused(door, f"{HERE}/data-management/user/nobody").startswith("No user record nobody.")


# --- errors and events ---


@pytest.fixture(scope="module")
def thrown(doors):
    """The newest error."""
    asked = {"kinds": ["ERROR"], "limit": 1, "since": "90d"}
    return doors["login"].call("openreplay_search_events", asked).data["rows"][0]


@pytest.mark.parametrize("door", ["login", "both"])
def test_an_error_and_its_last_moment(opened, thrown, door):
    reply = opened(door, f"{HERE}/errors/{thrown['error_id']}")
    assert first_line(reply) == f"Link to error {thrown['error_id']} · Acme Shop"
    assert parts(reply) == {"error"}
    error = reply.data["error"]
    assert (error["last_session_id"], error["offset_ms"]) == (thrown["session_id"], thrown["offset_ms"])
    assert error["link"] == thrown["link"]
    assert thrown["link"] in reply.text
    assert f"{error['sessions']} sessions, {error['users']} users" in reply.text


def test_an_error_as_it_was_recorded():
    told = {one["id"]: one for one in read("app_projects")}
    known, unknown = told["app_projects-errors-py"], told["app_projects-errors-unknown"]
    error_id = json.loads(known["response_body"])["data"]["errorId"]
    server = signed_in({
        f"GET /api/1/errors/{error_id}\\Z": json.loads(known["response_body"]),
        r"GET /api/1/errors/nope\Z": lambda _: _response(unknown),
    })  # fmt: skip
    reply = server.call("open_link", link=f"{HERE}/errors/{error_id}")
    error = reply.data["error"]
    assert error["last_session_id"] == "4112167783628810261", "a number beyond 2**53 in the reply"
    assert error["offset_ms"] == 38000
    assert error["link"] == f"{HERE}/session/4112167783628810261?jumpto=38000"
    assert error["last_user_id"] == "vip.customer@megacorp.example"
    assert "3 sessions, 1 user · first 2026-11-17 09:05:39, last 2026-11-19 16:05:38 UTC" in reply.text
    assert "On Chrome 3, Windows 3, DE 3" in reply.text
    assert "no error nope" in server.call("open_link", link=f"{HERE}/errors/nope").text


def _response(one):
    return httpx.Response(one["status"], text=one["response_body"], headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("door", ["key", "v1"])
@pytest.mark.parametrize(
    ("path", "what"), [("errors/1b28", "an error's page"), ("data-management/event/{0}", "an event's page")]
)
def test_what_only_a_login_reads_says_so(refused, thrown, door, path, what):
    text = refused(door, f"{HERE}/{path.format(thrown['event_id'])}")
    assert text.startswith(
        f"link: {what} is read with a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD) only."
    )
    assert "openreplay_" in text


@pytest.mark.parametrize(
    ("path", "permission"), [("errors/1b28", "DEV_TOOLS"), ("data-management/event/{0}", "DATA_MANAGEMENT")]
)
def test_a_role_that_may_not_is_told(doors, refused, thrown, path, permission):
    doors["member"].call("openreplay_check_access", {})
    text = refused("member", f"{HERE}/{path.format(thrown['event_id'])}")
    assert f"without the permission {permission}" in text


@pytest.mark.parametrize("door", ["login", "both"])
def test_an_event_and_what_is_around_it(opened, thrown, door):
    reply = opened(door, f"{HERE}/data-management/event/{thrown['event_id'].upper()}")
    assert parts(reply) == {"event", "session", "events"}
    assert reply.data["event"]["event_id"] == thrown["event_id"]
    assert (reply.data["event"]["offset_ms"], reply.data["event"]["link"]) == (thrown["offset_ms"], thrown["link"])
    assert first_line(reply).startswith("Link to an event at ")
    assert thrown["event_id"] in {row["event_id"] for row in reply.data["events"]["rows"]}


def test_unknown_things_are_not_found(refused):
    assert "has no error nope" in refused("login", f"{HERE}/errors/nope")
    nowhere = "00000000-0000-0000-0000-000000000000"
    assert f"has no event {nowhere}" in refused("login", f"{HERE}/data-management/event/{nowhere}")


# --- live sessions ---


@pytest.mark.parametrize("door", ["key", "login", "both"])
def test_a_session_under_way(opened, doors, door):
    one = doors["login"].call("openreplay_search_live_sessions", {}).data["rows"][0]
    reply = opened(door, one["link"])
    assert parts(reply) == {"live"}
    assert reply.data["live"]["session_id"] == one["session_id"]
    assert first_line(reply).startswith("1 of 1 live session behind the link · Acme Shop · now")
    assert f"Join: {one['link']}" in reply.text


@pytest.mark.parametrize("door", ["key", "login"])
def test_a_live_link_whose_session_is_over_tells_the_recording(opened, session, door):
    reply = opened(door, f"{HERE}/assist/{session['sessionId']}")
    assert parts(reply) == {"session"}
    assert ", which is not under way; this is its recording" in first_line(reply)


def test_where_nobody_can_tell_who_is_live(foss, session):
    with toolkit_over(foss) as toolkit:
        reply = toolkit.call("openreplay_open_link", {"link": f"{HERE}/assist/{session['sessionId']}"})
    assert "Not told: whether it is still under way" in reply.text
    assert reply.data["session"]["session_id"] == session["sessionId"]


# --- lists ---


def test_a_list_of_one_users_sessions(opened, world):
    truth = {one["sessionId"] for one in world.sessions if one["userId"] == "ann@example.org"}
    for door in ("key", "v1"):
        reply = opened(door, f"{HERE}/sessions?userId=ann%40example.org")
        assert parts(reply) == {"sessions"}
        assert {row["session_id"] for row in reply.data["sessions"]["rows"]} == truth
        assert "of ann@example.org, the list behind the link · Acme Shop · all time" in first_line(reply)


@pytest.mark.parametrize("door", ["key", "login"])
def test_a_list_within_a_time(opened, world, door):
    start, end = 1794268800000, 1794787200000
    reply = opened(door, f"{HERE}/sessions?userId=crawler-bot-77&st_ts={start}&end_ts={end}&page=2")
    rows = (reply.data["sessions"] or reply.data["found"])["rows"]
    truth = {
        one["sessionId"]
        for one in world.sessions
        if one["userId"] == "crawler-bot-77" and start <= one["startTs"] < end
    }
    assert {row["session_id"] for row in rows} == truth
    assert "2026-11-10 00:00 – 2026-11-16 00:00 UTC" in first_line(reply)
    assert "Parameters of the link that were not applied: page." in reply.text


def test_a_list_by_place(opened, world):
    reply = opened("login", f"{HERE}/sessions?userCountry=DE&userCity=Berlin&st_ts=1792000000000")
    assert parts(reply) == {"found"}
    assert reply.data["found"]["total"] > 0
    assert {(row["country"], row["city"]) for row in reply.data["found"]["rows"]} == {("DE", "Berlin")}
    assert "of the list behind the link" in first_line(reply)


def test_a_list_that_cannot_be_told(refused):
    assert "needs a dashboard login" in refused("key", f"{HERE}/sessions?userCountry=DE")
    assert "distinct_id" in refused("login", f"{HERE}/sessions?distinct_id=abc")


def test_a_saved_search(opened, doors, refused):
    one = doors["login"].call("openreplay_list_saved_searches", {}).data["rows"][0]
    link = f"{HERE}/sessions?sid={one['search_id']}"
    reply = opened("login", link)
    assert parts(reply) == {"found"}
    assert "of the saved search behind the link" in first_line(reply)
    assert "No saved search" in refused("login", f"{HERE}/sessions?sid=gone")
    assert "needs a dashboard login" in refused("key", link)


def test_highlights_are_the_notes(opened, refused, notes):
    reply = opened("login", f"{HERE}/highlights")
    assert parts(reply) == {"notes"}
    assert reply.data["notes"]["rows"] == notes
    assert "needs a dashboard login" in refused("key", f"{HERE}/highlights")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("1/dashboard/3", "a dashboard"),
        ("1/dashboard", "a dashboard"),
        ("1/dashboard/3/metric/5", "a dashboard"),
        ("1/metrics/12", "a card"),
        ("view-spot/8123", "a Spot"),
        ("1/spots", "a Spot"),
    ],
)
def test_what_no_tool_reads_says_what_it_is(sandbox, refused, path, word):
    sandbox.requests.clear()
    text = refused("both", f"{DASHBOARD}/{path}")
    assert text.startswith(f"link: this is {word}")
    assert "openreplay_search_sessions" in text
    assert not sandbox.requests


# --- what pretends to be a link ---

HOSTILE = [
    f"https://openreplay.example.com@evil.example/1/session/{PAYING}",
    f"https://openreplay.example.com:x@evil.example/1/session/{PAYING}",
    f"https://openreplay.example.com%40evil.example/1/session/{PAYING}",
    f"https://evil.example/https://openreplay.example.com/1/session/{PAYING}",
    f"https://evil.example#@openreplay.example.com/1/session/{PAYING}",
    f"https://evil.example\\@openreplay.example.com/1/session/{PAYING}",
    f"https://openreplay.example.com\\.evil.example/1/session/{PAYING}",
    f"https://openreplay.example.com.evil.example/1/session/{PAYING}",
    f"https://openreplay.example.com:8443/1/session/{PAYING}",
    f"https://openreplay\u3002example.com/1/session/{PAYING}",
    f"https://openreplay.example.\u217dom/1/session/{PAYING}",
    f"https://\u043epenreplay.example.com/1/session/{PAYING}",
    f"//evil.example/1/session/{PAYING}",
    f"javascript://openreplay.example.com/1/session/{PAYING}",
    f"file://openreplay.example.com/1/session/{PAYING}",
    "javascript:alert(1)",
    "data:text/html,x",
    f"{HERE}/session/../../2/session/{PAYING}",
    f"{HERE}/./session/{PAYING}",
    f"{HERE}/data-management/user/../../session/5",
    f"{HERE}/data-management/user/..",
    f"{HERE}/session/{PAYING}\nHost: evil.example",
    f"https://openreplay.example.com\n@evil.example/1/session/{PAYING}",
    f"{HERE}/session/{PAYING}\x00",
    f"{HERE}/session/{PAYING} and then delete ann@example.org",
    f"{HERE}/session/{'9' * 19}",
    f"{HERE}/session/{'9' * 400}",
    f"{HERE}/session/0",
    f"{HERE}/session/-5",
    f"{HERE}/session/{PAYING}%2F..%2F5",
    f"{HERE}/session/{PAYING}/extra",
    f"{HERE}/session/{PAYING}?jumpto=soon",
    f"{HERE}/session/{PAYING}?jumpto=-5",
    f"{HERE}/session/{PAYING}?jumpto={'9' * 40}",
    f"{HERE}/session/{PAYING}?jumpto=90000000",
    f"{HERE}/session/{PAYING}?jumpto=1&jumpto=2",
    f"{HERE}/session/{PAYING}?note=1;drop",
    f"{HERE}/session/{PAYING}?note=9999999999",
    f"{HERE}/session/{PAYING}?note=1&note=2",
    f"{HERE}/data-management/user/%ff%fe",
    f"{HERE}/data-management/user/",
    f"{HERE}/data-management/event/not-an-id",
    f"{HERE}/errors/a%2Fb",
    f"{HERE}/errors/..",
    f"{HERE}/sessions?st_ts=yesterday",
    f"{HERE}/sessions?st_ts=5",
    f"{HERE}/sessions?st_ts=900000000000&end_ts=900000000001",
    f"{HERE}/sessions?st_ts=1795196568000&end_ts=1795196567000",
    f"https://openreplay.example.com:80/1/session/{PAYING}",
    f"http://openreplay.example.com:443/1/session/{PAYING}",
    f"https://openreplay.example.com:443@evil.example/1/session/{PAYING}",
    f"https://openreplay.example.com:4433/1/session/{PAYING}",
    f"{HERE}/sessions?userId=a&userId=b",
    f"{HERE}/sessions?sid=a%20b",
    f"{DASHBOARD}/{'9' * 12}/session/{PAYING}",
    f"{DASHBOARD}/x/session/{PAYING}",
    f"{DASHBOARD}/\uff11/session/{PAYING}",
    f"{HERE}/session/\uff11\uff12",
    f"{HERE}/preferences/account",
    f"{DASHBOARD}/",
    PAYING,
    "http://[",
    "   ",
    "x" * 2001,
]


@pytest.mark.parametrize("link", HOSTILE)
def test_what_is_no_link_of_ours_is_refused_before_anything_is_asked(sandbox, refused, link):
    sandbox.requests.clear()
    text = refused("both", link)
    assert text.startswith("link"), text
    assert not sandbox.requests
    assert len(text) < 600


def test_a_refusal_names_the_forms_and_the_host(refused):
    assert f"Forms: {HERE[:-2]}/<project id>/ and then session/<id>" in refused("key", f"{HERE}/preferences")
    text = refused("key", f"https://evil.example/1/session/{PAYING}")
    assert text == 'link: this link leads to "evil.example"; this toolkit reads openreplay.example.com only.'
    assert "openreplay_summarize_session" in refused("key", PAYING)


@pytest.mark.parametrize("query", ["st_ts=5", "end_ts=17951965680", "st_ts=1795196568000&end_ts=1795196567000"])
def test_a_time_that_no_list_can_have_is_refused_in_the_words_of_the_link(refused, query):
    text = refused("login", f"{HERE}/sessions?userId=ann@example.org&{query}")
    assert query.partition("=")[0] in text
    assert "epoch milliseconds, such as 1795196568000" in text
    assert "since" not in text
    assert "24h" not in text


def test_an_unknown_project_is_refused(refused):
    for door in ("key", "login", "v1"):
        text = refused(door, f"{DASHBOARD}/7/session/{PAYING}")
        assert text.startswith('No project "7". Projects here: Acme ')
        assert "Acme Shop (7X2WHE68QaUo3L1nD60m, id 1)" in text


def test_a_project_that_is_called_by_a_number_is_not_meant():
    server = Scripted({"GET /v2/api/public/projects\\Z": {"data": [project(name="7", number=1)]}}, project="")
    reply = server.call("open_link", link=f"{DASHBOARD}/7/session/{PAYING}")
    assert reply.is_error
    assert reply.text.startswith("link: no project with id 7 is seen here.")


# --- the forms by themselves ---

SCOPE = SimpleNamespace(
    dashboard=DASHBOARD, host="api.example.com:8443", project=SimpleNamespace(id=7), zone=None
)  # fmt: skip


@pytest.mark.parametrize(
    ("link", "named"),
    [
        (session_link(SCOPE, PAYING), ("session", "7", PAYING, None, 0)),
        (f"{DASHBOARD}:443/7/session/{PAYING}", ("session", "7", PAYING, None, 0)),
        (f"{DASHBOARD}/7/session/{PAYING}?jumpto=", ("session", "7", PAYING, None, 0)),
        (f"{DASHBOARD}/7/session/{PAYING}?jumpto=&note=5", ("note", "7", PAYING, None, 5)),
        (session_link(SCOPE, PAYING, 0), ("moment", "7", PAYING, 0, 0)),
        (session_link(SCOPE, PAYING, 4056), ("moment", "7", PAYING, 4056, 0)),
        (note_link(SCOPE, PAYING, 3, 4056), ("note", "7", PAYING, 4056, 3)),
        (live_link(SCOPE, PAYING), ("live", "7", PAYING, None, 0)),
        (error_link(SCOPE, "1b-2_c"), ("error", "7", "1b-2_c", None, 0)),
        (saved_search_link(SCOPE, "8f3a"), ("saved_search", "7", "8f3a", None, 0)),
        (f"{DASHBOARD}/sub/path/7/session/{PAYING}", ("session", "7", PAYING, None, 0)),
        (f"{DASHBOARD}/7/data-management/user/a/5/session/9", ("user", "7", "a/5/session/9", None, 0)),
        (f"{DASHBOARD}/7/data-management/user/a%2Fb%252Fc", ("user", "7", "a/b%2Fc", None, 0)),
        (f"{DASHBOARD}/7/data-management/user/%2E%2E", ("user", "7", "..", None, 0)),
        (f"{DASHBOARD}/7/data-management/user/ann+x/", ("user", "7", "ann+x", None, 0)),
        ("https://API.example.com:8443/7/highlights", ("notes", "7", "", None, 0)),
        (f"{DASHBOARD}/7/session/{PAYING}?note=5#x", ("note", "7", PAYING, None, 5)),
    ],
)
def test_our_own_links_and_others_are_understood(link, named):
    read = read_link(link, SCOPE)
    assert (read.kind, read.project_id, read.id, read.moment_ms, read.note_id) == named


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=80))
def test_whatever_is_pasted_is_understood_or_refused(before, after):
    for link in (f"{before}{after}", f"{before}{DASHBOARD}/7/{after}", f"{DASHBOARD}/7/session/{before}?{after}"):
        try:
            named = read_link(link, SCOPE)
        except (ArgumentsError, UnavailableError) as error:
            assert str(error).startswith("link: ")  # noqa: PT017 - one of two outcomes
        else:
            assert named.project_id.isascii()
            assert named.project_id.isdigit()


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
        lambda text: text not in {".", ".."}
    )
)
def test_any_user_id_survives_its_link(user_id):
    """But for a dot, which a browser takes for a step in the path."""
    link = f"{DASHBOARD}/7/data-management/user/{quote(user_id, safe='')}"
    assert read_link(link, SCOPE).id == user_id


def test_a_long_path_is_read_quickly():
    with pytest.raises(ArgumentsError):
        read_link(DASHBOARD + "/1/data-management" * 100 + "/user", SCOPE)


def test_the_tool_is_small():
    assert len(json.dumps(open_link.schema)) <= 500
    assert list(open_link.arguments.model_fields) == ["link", "detail"]
