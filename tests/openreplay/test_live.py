"""Live sessions: Enterprise has them, the open-source edition says why not; from the contract (§2.12)."""

import httpx
import pytest

from openreplay_tools.errors import ServerError, UnavailableError
from openreplay_tools.openreplay.live import list_live_sessions, search_live_sessions
from tests.servers import PREFIX, SHOP, Scripted, client_over


def test_the_newest_are_listed(call, world):
    reply = call("list_live_sessions")
    newest = sorted(world.live, key=lambda session: -session["timestamp"])[:10]
    assert [row["session_id"] for row in reply.data["rows"]] == [session["sessionID"] for session in newest]
    assert reply.data["total"] == len(world.live)
    assert "now, 2026-11-20 18:15 UTC" in reply.text
    assert "Join: https://openreplay.example.com/1/assist/<session>" in reply.text
    assert reply.data["rows"][0]["link"] == f"https://openreplay.example.com/1/assist/{newest[0]['sessionID']}"


def test_one_users_are_asked_for(call, asked):
    reply = call("list_live_sessions", user_id="team/eve")
    assert {row["user_id"] for row in reply.data["rows"]} == {"team/eve"}
    assert asked()[-1][1] == f"{SHOP}/assist/sessions?userId=team%2Feve"
    assert "user team/eve" in reply.text


@pytest.mark.parametrize(
    ("given", "wire", "key"),
    [
        (
            {"name": "browser", "values": ["chrome"]},
            {"name": "userBrowser", "operator": "contains", "value": ["chrome"]},
            "userBrowser",
        ),
        (
            {"name": "user_id", "operator": "is", "values": ["team/eve"]},
            {"name": "userId", "operator": "is", "value": ["team/eve"]},
            "userID",
        ),
        (
            {"name": "device_type", "values": ["mobile"]},
            {"name": "platform", "operator": "contains", "value": ["mobile"]},
            "userDeviceType",
        ),
        (
            {"name": "country", "operator": "is", "values": ["DE", "FR"]},
            {"name": "userCountry", "operator": "is", "value": ["DE", "FR"]},
            "userCountry",
        ),
    ],
)
def test_filters_are_translated(call, asked, world, *, given, wire, key):
    reply = call("search_live_sessions", filters=[given])
    body = asked()[-1][2]
    assert body["filters"] == [wire]

    def fits(session):
        found = session[key] or ""
        return any(
            value == found if wire["operator"] == "is" else value.lower() in found.lower() for value in wire["value"]
        )

    assert {row["session_id"] for row in reply.data["rows"]} == {s["sessionID"] for s in world.live if fits(s)}


def test_metadata_is_asked_for_by_its_own_name(call, asked):
    call("search_live_sessions", filters=[{"name": "metadata:plan", "operator": "is", "values": ["pro"]}])
    assert asked()[-1][2]["filters"] == [{"name": "plan", "operator": "is", "value": ["pro"]}]


@pytest.mark.parametrize(
    "name", ["browzer", "userBrowser", "METADATA", "metadata:", "metadata:metadata_1", "metadata:userOs", "active"]
)
def test_a_name_the_server_would_take_for_metadata_or_crash_on_is_refused(refuse, asked, name):
    refuse("search_live_sessions", filters=[{"name": name, "values": ["x"]}])
    assert {path for _, path, _ in asked()} <= {"projects"}


def test_a_filter_without_value_matches_nothing_and_is_refused(refuse):
    assert "filters.0.values" in refuse("search_live_sessions", filters=[{"name": "browser", "values": []}])
    assert "filters.0.values" in refuse("search_live_sessions", filters=[{"name": "browser", "values": [""]}])


def test_order_and_pages(client, call, world):
    newest = [s["sessionID"] for s in sorted(world.live, key=lambda session: -session["timestamp"])]
    oldest = client.run(search_live_sessions, order="asc").rows
    assert [session.session_id for session in oldest] == newest[::-1]
    paged = [client.run(search_live_sessions, limit=2, page=page) for page in (1, 2, 3, 4)]
    assert [session.session_id for page in paged for session in page.rows] == newest
    assert {page.total for page in paged} == {len(newest)}, "a page past the end keeps the total (observed §A36)"
    assert [session.session_id for session in client.iterate(search_live_sessions)] == newest
    assert "past the end" in call("search_live_sessions", limit=2, page=9).text


def test_more_than_ten_are_reached_by_searching():
    sessions = [{"sessionID": str(n), "timestamp": 1795198000000 - n} for n in range(10)]
    server = Scripted({f"GET {PREFIX}\\w+/assist": {"data": {"total": 25, "sessions": sessions}}})
    assert "More: openreplay_search_live_sessions." in server.call("list_live_sessions").text


def test_the_open_source_edition_says_why_not(foss):
    with client_over(foss) as client:
        for operation in (list_live_sessions, search_live_sessions):
            with pytest.raises(UnavailableError, match="Enterprise edition or its cloud"):
                client.run(operation)


def test_null_means_that_the_service_does_not_answer():
    server = Scripted({f"\\w+ {PREFIX}\\w+/assist": {"data": None}})
    for name in ("list_live_sessions", "search_live_sessions"):
        reply = server.call(name)
        assert reply.is_error
        assert "live-session service does not answer" in reply.text
    with pytest.raises(ServerError):
        server.client.run(list_live_sessions)


def test_nobody_live_may_also_be_a_service_out_of_reach():
    for sessions in (None, []):
        server = Scripted({f"GET {PREFIX}\\w+/assist": {"data": {"total": 0, "sessions": sessions}}})
        text = server.call("list_live_sessions").text
        assert text.startswith("0 live sessions")
        assert "out of reach" in text


def test_other_failures_stay_what_they_are():
    server = Scripted({f"GET {PREFIX}\\w+/assist": httpx.Response(404, json={"error": "project not found"})})
    assert "project not found" in server.call("list_live_sessions").text


def test_missing_and_null_columns_are_tolerated():
    session = {"sessionID": "5", "userCity": None, "metadata": None, "timestamp": 1795198000000}
    server = Scripted({f"GET {PREFIX}\\w+/assist": {"data": {"total": 1, "sessions": [session]}}})
    text = server.call("list_live_sessions").text
    assert "anonymous" in text
    assert "None" not in text
