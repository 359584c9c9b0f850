"""One question through each door: API v2 and v1 with the key, the dashboard with a login; servers of three ages."""

from contextlib import ExitStack

import pytest

from openreplay_tools.errors import UnavailableError
from openreplay_tools.openreplay.jobs import cancel_job, delete_user, get_job, list_jobs
from openreplay_tools.openreplay.live import list_live_sessions, search_live_sessions
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.user_search import search_users
from openreplay_tools.openreplay.users import get_user
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests.sandbox.fidelity import unhurried
from tests.servers import SHOP, client_over, sent, toolkit_over

ANN, CRAWLER, SLASH = "ann@example.org", "crawler-bot-77", "team/eve"
LOGIN = {"email": Sandbox.email, "password": Sandbox.password}
ALONE = {**LOGIN, "api_key": ""}
KEYED = {"project": SHOP}  # API v1 lists the projects only once in 20 seconds (contract §3.1)


@pytest.fixture(scope="module")
def older():
    """Has API v1 and the dashboard's, no API v2."""
    with Sandbox(version="1.26", pulse=unhurried()) as server:
        yield server


@pytest.fixture(scope="module")
def oldest():
    """Has API v1 and a dashboard of another kind."""
    with Sandbox(version="1.22", pulse=unhurried()) as server:
        yield server


@pytest.fixture(scope="module")
def doors(sandbox, older):
    with ExitStack() as stack:
        clients = {
            "v2": client_over(sandbox),
            "login": client_over(sandbox, **ALONE),
            "v1": client_over(older, **KEYED),
        }
        yield {door: stack.enter_context(client) for door, client in clients.items()}


@pytest.fixture
def brief():
    """A short-lived client."""
    with ExitStack() as stack:
        yield lambda server, **given: stack.enter_context(client_over(server, **given))


def at_door(door, sandbox, older):
    given = {"login": ALONE, "v1": KEYED}.get(door, {})
    return toolkit_over(older if door == "v1" else sandbox, **given)


def milliseconds(moment):
    return round(moment.timestamp() * 1000)


def of_user(world, user_id):
    return {session["sessionId"]: session for session in world.sessions if session["userId"] == user_id}


@pytest.mark.parametrize("user_id", [ANN, CRAWLER, "用户42", "frank miller@example.org", "crm|1-5", "nobody"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_door_lists_the_same_sessions(doors, world, user_id, order):
    truth = of_user(world, user_id)
    found = {}
    for door, client in doors.items():
        page = client.run(list_user_sessions, user_id=user_id, order=order, limit=200)
        assert page.total == len(truth)
        found[door] = [
            (row.session_id, milliseconds(row.started_at), row.link, row.user_id, row.project_id) for row in page.rows
        ]
        assert {row.session_id: milliseconds(row.started_at) for row in page.rows} == {
            session: told["startTs"] for session, told in truth.items()
        }
        walked = [row.session_id for row in client.iterate(list_user_sessions, user_id=user_id, order=order)]
        assert sorted(walked) == sorted(truth)
        if door == "v1":
            assert walked == [row[0] for row in found[door]]
    assert found["login"] == found["v1"]
    assert sorted(found["v2"]) == sorted(found["v1"])


@pytest.mark.parametrize("door", ["login", "v1"])
def test_a_recording_has_its_own_length_and_count(doors, world, door):
    truth = of_user(world, CRAWLER)
    rows = doors[door].run(list_user_sessions, user_id=CRAWLER, limit=200).rows
    assert {row.session_id: (row.duration_ms, row.events_count) for row in rows} == {
        session: (told["duration"], told["eventsCount"]) for session, told in truth.items()
    }
    assert {(row.first_event_at, row.last_event_at) for row in rows} == {(None, None)}
    counts = {row.session_id: (row.pages_count, row.errors_count) for row in rows}
    known = {session: (told["pagesCount"], told["errorsCount"]) for session, told in truth.items()}
    assert counts == (known if door == "v1" else dict.fromkeys(truth, (None, None)))


@pytest.mark.parametrize("door", ["v2", "login", "v1"])
def test_pages_follow_each_other_at_every_door(doors, world, door):
    pages = [doors[door].run(list_user_sessions, user_id=CRAWLER, limit=25, page=page) for page in (1, 2, 3, 4)]
    assert [len(page.rows) for page in pages] == [25, 25, 10, 0]
    assert [page.total for page in pages[:3]] == [60] * 3
    assert {row.session_id for page in pages for row in page.rows} == set(of_user(world, CRAWLER))


@pytest.mark.parametrize("door", ["login", "v1"])
def test_a_window_holds_the_sessions_that_began_in_it(sandbox, older, world, door):
    with at_door(door, sandbox, older) as toolkit:
        reply = toolkit.call(
            "openreplay_list_user_sessions", {"user_id": CRAWLER, "since": "2026-11-10", "until": "2026-11-15"}
        )
    start, end = 1794268800000, 1794787200000
    expected = {key for key, one in of_user(world, CRAWLER).items() if start <= one["startTs"] < end}
    assert {row["session_id"] for row in reply.data["rows"]} == expected
    assert expected
    assert "Listed are the sessions that began in the window." in reply.text
    assert "Events: pages, clicks and inputs only." in reply.text


def test_a_login_finds_an_id_that_no_path_can_hold(brief, sandbox, world):
    for given in (ALONE, LOGIN):
        page = brief(sandbox, **given).run(list_user_sessions, user_id=SLASH, limit=200)
        assert {row.session_id for row in page.rows} == set(of_user(world, SLASH))
        assert page.total == len(page.rows)
    walked = brief(sandbox, **LOGIN).iterate(list_user_sessions, user_id=SLASH)
    assert {row.session_id for row in walked} == set(of_user(world, SLASH))


def test_without_a_login_no_key_finds_such_an_id(brief, sandbox, older):
    with pytest.raises(UnavailableError, match="with an organization key"):
        brief(sandbox).run(list_user_sessions, user_id=SLASH)
    older.requests.clear()
    for operation in (list_user_sessions, get_user):
        with pytest.raises(UnavailableError, match=r"API v1 cannot .*team/eve.*It would work with a dashboard login"):
            brief(older, **KEYED).run(operation, user_id=SLASH)
    assert not [path for _, path, _ in sent(older) if "team" in path]


@pytest.mark.parametrize("user_id", [ANN, "用户42", "crm|1-5", "mallory@example.org", SLASH])
def test_the_key_and_a_login_show_the_same_user(doors, user_id):
    shown = [doors[door].run(get_user, user_id=user_id).model_dump() for door in ("v2", "login")]
    assert shown[0] == shown[1]
    assert shown[0]["user_id"] == user_id


def test_api_v1_counts_a_users_sessions(older, world):
    starts = [session["startTs"] for session in of_user(world, ANN).values()]
    with toolkit_over(older, **KEYED) as toolkit:
        reply = toolkit.call("openreplay_get_user", {"user_id": ANN})
    assert reply.data["sessions_count"] == len(starts)
    assert "Last seen 2026-11-19 23:26:03 · first seen 2026-10-27 15:25:44 UTC · 6 sessions" in reply.text
    assert "record made unknown" not in reply.text
    assert "Not told here: name, contact, place, properties, when the record was made." in reply.text


@pytest.mark.parametrize("door", ["v2", "login", "v1"])
def test_an_unknown_user_is_told_alike(sandbox, older, door):
    with at_door(door, sandbox, older) as toolkit:
        reply = toolkit.call("openreplay_get_user", {"user_id": "nobody"})
    assert reply.is_error
    assert reply.text.startswith("No user record nobody. Sessions may exist all the same")


@pytest.mark.parametrize(
    "asked",
    [
        {"query": "ann"},
        {"sort": "user_id", "order": "asc", "limit": 30, "page": 2},
        {"filters": [{"name": "country", "values": ["DE"]}], "limit": 200},
        {"filters": [{"name": "property:plan", "values": ["pro"]}], "limit": 200},
        {"events": [{"event": "purchase"}], "events_since": "30d", "limit": 200},
        {"last_seen_since": "7d", "limit": 200},
    ],
)
def test_the_key_and_a_login_find_the_same_users(doors, asked):
    found = [doors[door].run(search_users, **asked) for door in ("v2", "login")]
    assert found[0].rows
    # Users with equal times come in any order.
    told = [(page.total, sorted(repr(row.model_dump()) for row in page.rows)) for page in found]
    assert told[0] == told[1]


def test_every_user_is_walked_with_a_login(doors, world):
    walked = [user.user_id for user in doors["login"].iterate(search_users)]
    assert sorted(walked) == sorted(user["$user_id"] for user in world.users)


def test_api_v1_cannot_search_users(brief, older):
    with pytest.raises(UnavailableError, match="dashboard login"):
        brief(older, **KEYED).run(search_users, query="ann")
    assert brief(older, **LOGIN).run(search_users, query="ann").total


def test_every_door_shows_the_same_live_sessions(doors, world):
    asked = [
        (list_live_sessions, {}),
        (list_live_sessions, {"user_id": SLASH}),
        (search_live_sessions, {"order": "asc", "limit": 2, "page": 2}),
        (search_live_sessions, {"filters": [{"name": "browser", "values": ["CHROME"]}]}),
        (search_live_sessions, {"filters": [{"name": "metadata:plan", "operator": "is", "values": ["pro"]}]}),
        (search_live_sessions, {"filters": [{"name": "device_type", "values": ["mob"]}]}),
    ]
    for operation, arguments in asked:
        pages = {door: client.run(operation, **arguments) for door, client in doors.items()}
        rows = {door: [(row.session_id, row.user_id, row.link) for row in page.rows] for door, page in pages.items()}
        assert rows["v2"]
        assert rows["v2"] == rows["login"] == rows["v1"]
        assert len({page.total for page in pages.values()}) == 1
    for client in doors.values():
        walked = [row.session_id for row in client.iterate(search_live_sessions)]
        assert sorted(walked) == sorted(session["sessionID"] for session in world.live)


@pytest.mark.parametrize("given", [LOGIN, ALONE])
def test_a_login_sees_live_sessions_on_the_open_source_edition(brief, foss, world, given):
    client = brief(foss, **given)
    assert client.run(list_live_sessions).total == len(world.live)
    assert client.run(list_live_sessions, user_id=SLASH).rows[0].user_id == SLASH
    found = client.run(search_live_sessions, filters=[{"name": "country", "operator": "is", "values": ["DE"]}])
    assert {row.session_id for row in found.rows} == {s["sessionID"] for s in world.live if s["userCountry"] == "DE"}


def test_a_key_alone_says_that_a_login_would_do(brief, foss):
    with pytest.raises(UnavailableError, match=r"Enterprise edition.*a dashboard login \(OPENREPLAY_EMAIL"):
        brief(foss).run(list_live_sessions)
    with (
        Sandbox(version="1.26", edition="foss", pulse=unhurried()) as server,
        pytest.raises(UnavailableError, match="a dashboard login"),
    ):
        brief(server).run(search_live_sessions)  # has no such route for API v1 either (observed §A38)


@pytest.mark.parametrize("operation", [list_user_sessions, get_user])
def test_api_v1_serves_beside_a_dashboard_that_is_too_old(brief, oldest, world, operation):
    result = brief(oldest, **LOGIN).run(operation, user_id=ANN)
    told = result.total if operation is list_user_sessions else result.sessions_count
    assert told == len(of_user(world, ANN))


def test_jobs_need_a_key(brief, sandbox):
    client = brief(sandbox, **ALONE)
    for operation, arguments in (
        (list_jobs, {}),
        (get_job, {"job_id": 1}),
        (cancel_job, {"job_id": 1}),
        (delete_user, {"user_id": ANN}),
    ):
        with pytest.raises(UnavailableError, match=r"needs an organization key \(OPENREPLAY_API_KEY\)"):
            client.run(operation, **arguments)


@pytest.mark.parametrize("version", ["1.27", "1.26"])
def test_a_deletion_goes_its_way_at_both_doors_of_a_key(brief, version):
    with Sandbox(version=version, pulse=unhurried()) as server:
        client = brief(server, **KEYED)
        preview = client.run(delete_user, user_id=ANN)
        assert preview.sessions == 6
        assert f"{preview.first_at:%Y-%m-%d}" == "2026-10-27"
        job = client.run(delete_user, user_id=ANN, confirm=preview.confirm).job
        assert (job.status, job.reference_id) == ("scheduled", ANN)
        assert client.run(get_job, job_id=job.job_id) == job
        assert client.run(list_jobs).rows == [job]
        assert client.run(cancel_job, job_id=job.job_id).status == "cancelled"
        assert server.store.schedule_deletion(1, "x", FIXED_NOW)
        assert [one.job_id for one in client.iterate(list_jobs)] == [2, 1]


def test_iterate_goes_on_to_the_next_door_as_run_does():
    """Version 1.22 has a login and a list of projects, but no dashboard service that lists a user's sessions."""
    with Sandbox(version="1.22", pulse=unhurried()) as server:
        given = {"email": server.email, "password": server.password, "project": SHOP}
        with client_over(server, **given) as client:
            listed = client.run(list_user_sessions, user_id="vip@bigcorp.example", limit=200)
            walked = list(client.iterate(list_user_sessions, user_id="vip@bigcorp.example"))
    assert {row.session_id for row in walked} == {row.session_id for row in listed.rows} != set()
