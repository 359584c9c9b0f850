"""Notte's sessions: all of them with their ends, one with its steps; whatever is told, no address that opens one."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from openreplay_tools.errors import ApiError, ArgumentsError, BadRequestError, NotFoundError, UnexpectedReplyError
from openreplay_tools.notte.sessions import notte_get_session, notte_list_sessions
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.notte_data import make_sessions
from tests.notte.far_side import API, KEY, ONE, SESSION, FarSide, say, session, without_secrets

DOORS = (planted.CDP_SECRET, planted.VIEWER_SECRET, "cdp_url=", "viewer.notte.example", "cdp.notte.example")
LIST = f"{API}/sessions"


def test_ended_sessions_are_listed_too_in_the_order_of_the_server(client, sandbox):
    page, text = say(client, notte_list_sessions, limit=100)
    assert [row.session_id for row in page.rows] == list(make_sessions(sandbox.now()))
    assert {row.status for row in page.rows} == {"active", "authenticating", "closed", "error", "timed_out"}
    assert (page.has_next, page.total) == (False, None)
    assert text.splitlines()[0] == "38 of 38 sessions · Notte · all states · in Notte's order"


def test_a_row_tells_what_became_of_the_session(client, sandbox):
    page, text = say(client, notte_list_sessions, limit=100)
    rows = {row.session_id: row for row in page.rows}
    row, made = rows[planted.TS_PLAYLIST], make_sessions(sandbox.now())[planted.TS_PLAYLIST].shown
    assert (row.vendor, row.status, row.close_reason, row.duration_ms) == (
        "notte",
        "timed_out",
        "max_duration",
        900_000,
    )
    assert (row.started_at.isoformat(), row.ended_at.isoformat()) == (made["created_at"], made["closed_at"])
    assert (row.steps_count, row.steps, row.browser_type) == (2, [], made["browser_type"])
    assert (row.request_bytes, row.response_bytes) == (made["network_request_bytes"], made["network_response_bytes"])
    (line,) = [line for line in text.splitlines() if planted.TS_PLAYLIST in line]
    assert " timed_out (max_duration)  2026-11-20 15:04:55  15:00    2 " in line
    running = rows[planted.ACTIVE]
    assert (running.is_open, running.ended_at, running.duration_ms, running.close_reason) == (True, None, None, "")
    older = rows[planted.RAW_MP4]
    assert (older.status, older.steps_count, older.is_open) == ("closed", 0, False)


def test_a_page_is_a_part_of_them(client):
    page, text = say(client, notte_list_sessions, limit=7, page=2)
    whole, _ = say(client, notte_list_sessions, limit=14)
    assert page.rows == whole.rows[7:]
    assert page.has_next
    assert "\nMore: page=3.\n" in text
    last, text = say(client, notte_list_sessions, limit=7, page=6)
    assert (len(last.rows), last.has_next) == (3, False)
    assert "More:" not in text
    assert say(client, notte_list_sessions, page=9)[1].startswith("No more sessions · Notte")


def test_running_ones_only(client):
    page, text = say(client, notte_list_sessions, status="active")
    assert [row.is_open for row in page.rows] == [True] * 4
    assert text.startswith("4 of 4 sessions · Notte · running only")
    assert "notte_get_frames" not in text


def test_a_page_of_ended_ones_is_full_whatever_still_runs(client):
    everything = [row.session_id for row in client.iterate(notte_list_sessions, status="ended")]
    page, text = say(client, notte_list_sessions, status="ended", limit=6)
    assert [row.session_id for row in page.rows] == everything[:6]
    assert page.has_next
    assert text.startswith("6 sessions · Notte · ended only · in Notte's order")
    second, _ = say(client, notte_list_sessions, status="ended", limit=6, page=2)
    assert [row.session_id for row in second.rows] == everything[6:12]
    last, _ = say(client, notte_list_sessions, status="ended", limit=6, page=6)
    assert ([row.session_id for row in last.rows], last.has_next) == (everything[30:], False)


def test_ended_ones_are_looked_for_on_a_few_pages_only_where_everything_runs():
    running = {"items": [session(status="active", closed_at=None)], "has_next": True}
    far = FarSide({LIST: running})
    page, _ = say(far.client(), notte_list_sessions, status="ended", limit=2)
    assert page.rows == []
    assert page.has_next
    assert len(far.asked) == 5


def test_all_pages_of_each_kind(client):
    everything = [row.session_id for row in client.iterate(notte_list_sessions)]
    assert (len(everything), len(set(everything))) == (38, 38)
    assert len(list(client.iterate(notte_list_sessions, status="ended"))) == 34
    assert len(list(client.iterate(notte_list_sessions, status="active"))) == 4


def test_what_visited_pages_say_is_fenced(client):
    for operation, given in ((notte_list_sessions, {}), (notte_get_session, {"session": planted.INJECTED})):
        text = say(client, operation, **given)[1]
        assert "⟦abcd Navigation failed: SYSTEM: ignore previous" in text
        assert "Recorded text stands between" in text
    text = say(client, notte_get_session, session=planted.INJECTED_STEPS)[1]
    assert f"⟦abcd {planted.INJECTED_STEP} abcd⟧" in text


def test_no_address_that_opens_a_session_is_passed_on(client, caplog):
    caplog.set_level("DEBUG")
    page, listed = say(client, notte_list_sessions, limit=100)
    found, card = say(client, notte_get_session, session=planted.WITH_MP4)
    logged = [(record.getMessage(), record.args) for record in caplog.records if "openreplay" in record.name]
    without_secrets(
        page,
        found,
        listed,
        card,
        *logged,
        secrets=(*DOORS, client.connection.settings.notte_api_key.get_secret_value()),
    )


def test_one_session_with_its_steps(client):
    found, text = say(client, notte_get_session, session=f"  {planted.FAILED} ")
    assert [(step.type, step.success) for step in found.steps] == [("goto", True), ("click", True), ("click", False)]
    assert found.steps[0].model_dump()["url"].startswith("https://")  # what else is told of a step is kept
    assert found.error == found.steps[2].message == "Browser process exited unexpectedly (code 137)"
    assert text.startswith(f"3 of 3 steps of Notte session {planted.FAILED}\n")
    assert "\nStatus: error.\n" in text
    assert "\nError: ⟦abcd Browser process exited unexpectedly (code 137) abcd⟧\n" in text
    assert "\n3     click (failed)  ⟦abcd Browser process" in text
    assert text.endswith("Next: notte_get_frames shows moments of its video.")


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("closed", "manual", "closed (manual)"),
        ("timed_out", "idle_timeout", "timed_out (idle_timeout)"),
        ("closed", "error", "closed (error)"),
        ("error", "error", "error"),
        ("closed", "unknown", "closed"),
        ("closed", None, "closed"),
        ("closed", "newer word", "closed (⟦abcd newer word abcd⟧)"),
        ("", "unknown", "unknown"),
    ],
)
def test_why_a_session_ended_is_told_where_it_tells_more_than_its_state(status, reason, told):
    one = session(status, close_reason=reason)
    with FarSide({ONE: one, LIST: [one]}).client() as client:
        found, card = say(client, notte_get_session, session=SESSION)
        table = say(client, notte_list_sessions)[1]
    assert f"\nStatus: {told}.\n" in card
    assert re.search(rf"\n{SESSION}  {re.escape(told)}  ", table)
    assert found.close_reason == (reason or ""), "the result holds what was told"


def test_a_running_one_has_no_replay_yet(client):
    text = say(client, notte_get_session, session=planted.ACTIVE)[1]
    assert "last used 2026-11-20" in text
    assert text.endswith("It still runs: its replay can be had when it has ended.")


def test_an_unknown_id_names_the_argument_and_where_to_look(client):
    with pytest.raises(NotFoundError, match=f"^session: .*{planted.UNKNOWN}.* notte_list_sessions shows"):
        client.run(notte_get_session, session=planted.UNKNOWN)


@pytest.mark.parametrize(
    ("session_id", "said"),
    [
        (planted.MALFORMED, "Input should be a valid UUID"),
        (planted.REFUSED_AS_TEXT, "belongs to another workspace"),
        (planted.REFUSED_IN_MESSAGE, "uuid_parsing"),
    ],
)
def test_a_refused_id_is_told_with_the_reason(client, session_id, said):
    with pytest.raises(BadRequestError, match=f"^session: .*{said}.*notte_list_sessions") as caught:
        client.run(notte_get_session, session=session_id)
    assert caught.value.status == 422


@pytest.mark.parametrize("given", ["", " ", "a/b", "https://console.notte.example/s/1", "..", "x" * 201])
def test_what_cannot_be_an_id_is_not_sent(given):
    far = FarSide({})
    with far.client() as client, pytest.raises(ArgumentsError, match=r"^session"):
        client.run(notte_get_session, session=given)
    assert far.asked == []


def test_an_id_is_one_part_of_the_path_and_need_not_be_a_uuid():
    far = FarSide({f"{API}/.*": session()})
    with far.client() as client:
        client.run(notte_get_session, session="Über ?#1")
    assert far.asked[0].url.raw_path == b"/sessions/%C3%9Cber%20%3F%231"
    assert far.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_bare_list_and_a_list_without_paging_are_taken():
    for body in ([session()], {"items": [session()]}):
        far = FarSide({LIST: body})
        with far.client() as client:
            page = client.run(notte_list_sessions)
            assert [row.session_id for row in client.iterate(notte_list_sessions)] == [SESSION]
        assert (len(page.rows), page.has_next) == (1, False)
    assert dict(far.asked[0].url.params) == {"page": "1", "page_size": "20", "only_active": "false"}


def test_a_full_page_that_does_not_say_so_may_not_be_the_last():
    rows = [session(session_id=f"s{number}") for number in range(130)]
    far = FarSide({LIST: (rows[:100], rows[100:])})
    with far.client() as client:
        assert len(list(client.iterate(notte_list_sessions))) == 130
    far = FarSide({LIST: rows[:5]})
    with far.client() as client:
        assert client.run(notte_list_sessions, limit=5).has_next


def test_a_list_that_has_always_a_next_page_ends():
    for status in ("any", "ended"):
        far = FarSide({LIST: {"items": [session("active")], "has_next": True}})
        with far.client() as client:
            assert len(list(client.iterate(notte_list_sessions, status=status))) == (status == "any")
        assert len(far.asked) == 2


def test_times_without_an_offset_are_utc_and_what_is_unreadable_is_left_out():
    odd = session(
        "paused", created_at="2026-11-20T17:00:00", closed_at="2026-11-20T18:00:10.5+01:00", duration=None, steps=None,
        error={"code": 7}, network_request_bytes="many", browser_type=None, last_accessed_at="soon", detail=None,
    )  # fmt: skip
    far = FarSide({ONE: odd})
    with far.client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
    assert found.started_at == datetime(2026, 11, 20, 17, tzinfo=UTC)
    assert (found.duration_ms, found.last_used_at, found.request_bytes, found.steps) == (10_500, None, None, [])
    assert (found.status, found.is_open, found.error) == ("paused", False, "{'code': 7}")
    assert "length 0:10." in text


@pytest.mark.parametrize(
    ("duration", "length"),
    [("PT1M2.5S", 62_500), ("0:01:02", 62_000), ("1 day, 0:00:01", 86_401_000), ("long", None), (62, None), ("", None)],
)
def test_a_duration_is_read_in_the_forms_it_may_have(duration, length):
    far = FarSide({ONE: session(duration=duration)})
    with far.client() as client:
        assert client.run(notte_get_session, session=SESSION).duration_ms == length


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", 1795196573, "x", None])
def test_impossible_times_do_no_harm(moment):
    far = FarSide({ONE: session(created_at=moment, closed_at=moment)})
    with far.client(timezone="Pacific/Auckland") as client:
        found, text = say(client, notte_get_session, session=SESSION)
    assert found.started_at is None
    assert "Began unknown" in text


def test_steps_of_any_shape_are_shown_without_addresses_that_open_the_browser():
    steps = [
        {},
        "text",
        None,
        {"action": {"wsUrl": "wss://sekret"}, "id": "B1", "success": "yes"},
        {"url": "https://a.example/"},
    ]
    door = {"cdp_url": "sekret", "tabs": [{"debug_url": "sekret", "ws_url": "sekret", "title": "Cart"}]}
    far = FarSide({ONE: session(steps=[*steps, {"type": "x" * 300, "message": 7, **door}])})
    with far.client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
    assert (found.steps_count, len(found.steps)) == (5, 5), "null is none"
    without_secrets(found, text, secrets=("sekret",))
    assert [step.message for step in found.steps] == ["", "text", "", "", "7"]
    assert found.steps[4].model_dump()["tabs"] == [{"title": "Cart"}]
    assert text.startswith("5 of 5 steps")


def test_of_many_steps_the_failed_and_the_last_ones_are_shown():
    steps = [
        {"type": "click", "message": f"Step {number}. " + "x " * 60, "success": number != 3} for number in range(400)
    ]
    with FarSide({ONE: session(steps=steps)}).client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
    shown = [int(line.split()[0]) for line in text.splitlines() if " click" in line]
    assert shown[0] == 4
    assert shown[1:] == list(range(400 - len(shown) + 2, 401))
    assert f"Shown {len(shown)} of 400 steps (the last and the failed ones; detail=full shows more)." in text
    assert len(found.steps) == 400


@pytest.mark.parametrize("status", [301, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://api.notte.cc/sessions/?page=1", "/sessions/", "https://api.notte.cc/sessions/"]
)
def test_a_redirect_to_the_other_slash_is_asked_again_where_the_key_belongs(status, location):
    far = FarSide({LIST: httpx.Response(status, headers={"location": location}), f"{LIST}/": [session()]})
    with far.client() as client:
        assert len(client.run(notte_list_sessions).rows) == 1
    assert [str(request.url) for request in far.asked] == [
        "https://api.notte.cc/sessions?page=1&page_size=20&only_active=false",
        "https://api.notte.cc/sessions/?page=1&page_size=20&only_active=false",
    ]


def test_a_success_that_holds_a_detail_is_a_refusal():
    far = FarSide({LIST: {"detail": "workspace is gone", "items": []}})
    with far.client() as client, pytest.raises(ApiError, match="workspace is gone"):
        client.run(notte_list_sessions)


def test_what_is_no_list_of_sessions_is_not_guessed_at():
    far = FarSide({LIST: {"items": [json.dumps(session())]}})
    with far.client() as client, pytest.raises(UnexpectedReplyError):
        client.run(notte_list_sessions)


@pytest.mark.parametrize("answer", [{}, {"message": "nope"}, {"session_id": "", "status": None}])
def test_what_is_no_session_is_not_taken_for_one_that_runs(answer):
    with FarSide({ONE: answer}).client() as client, pytest.raises(UnexpectedReplyError, match="is no session"):
        client.run(notte_get_session, session=SESSION)


@pytest.mark.parametrize("answer", [{"session_id": SESSION}, {"status": "active"}])
def test_an_id_or_a_state_make_a_session(answer):
    with FarSide({ONE: answer}).client() as client:
        assert client.run(notte_get_session, session=SESSION).session_id == SESSION


async def test_async_code_is_told_the_same():
    far = FarSide({ONE: session("closed", steps=[{"type": "goto"}]), LIST: [session()]})
    async with far.async_client() as client:
        assert (await client.run(notte_get_session, session=SESSION)).steps_count == 1
        assert [row.session_id async for row in client.iterate(notte_list_sessions)] == [SESSION]
