"""Live sessions: a login sees them as recorded; a key on the Enterprise edition, from the contract (§2.12, §3.9)."""

import httpx
import pytest

from openreplay_tools.errors import ArgumentsError, PermissionDeniedError, ServerError, UnavailableError
from openreplay_tools.openreplay.live import list_live_sessions, search_live_sessions
from tests.openreplay.recorded import NO_ROUTE, older, replayed, signed_in
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, client_over


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


LIVE = "POST /v2/api/1/assist/sessions\\Z"


def test_a_login_lists_as_recorded():
    server = signed_in({LIVE: replayed("app_live-list")})
    page = server.client.run(list_live_sessions)
    assert (page.total, page.page, page.limit) == (1, 1, 10)
    (session,) = page.rows
    assert (session.session_id, session.user_id) == ("4113731156539757585", "live.user@example.org")
    assert (session.browser, session.os, session.country) == ("Chrome Headless", "Linux", None)
    assert session.metadata == {"plan": "pro"}
    assert session.link == "https://openreplay.example.com/1/assist/4113731156539757585"
    assert server.bodies("/assist/sessions") == [
        {"filters": [], "sort": "timestamp", "order": "desc", "limit": 10, "page": 1}
    ]


def test_a_login_asks_as_recorded():
    server = signed_in({LIVE: replayed("app_live-filter-user-is")})
    server.client.run(list_live_sessions, user_id="live.user@example.org")
    metadata = {"name": "metadata:plan", "operator": "is", "values": ["pro"]}
    server.client.run(
        search_live_sessions, filters=[metadata, {"name": "user_id", "values": ["LIVE"]}], limit=5, page=2
    )
    first, second = server.bodies("/assist/sessions")
    assert first["filters"] == [{"name": "userId", "operator": "is", "value": ["live.user@example.org"]}]
    assert second["filters"] == [
        {"name": "plan", "operator": "is", "value": ["pro"]},
        {"name": "userId", "operator": "contains", "value": ["LIVE"]},
    ]
    assert (second["limit"], second["page"]) == (5, 2)


@pytest.mark.parametrize("body", ['{"sessions": [], "total": 0}', "null", '{"data": null}'])
def test_the_dashboard_says_in_three_ways_that_the_live_service_is_out_of_reach(body):
    server = signed_in({LIVE: httpx.Response(200, text=body, headers={"Content-Type": "application/json"})})
    with pytest.raises(ServerError, match="live-session service does not answer"):
        server.client.run(list_live_sessions)


def test_nobody_live_is_an_answer():
    reply = signed_in({LIVE: replayed("app_live-project-2")}).call("list_live_sessions")
    assert not reply.is_error
    assert reply.text.startswith("0 live sessions")


def test_a_key_without_the_route_goes_on_with_the_login():
    missing = httpx.Response(404, text=NO_ROUTE)
    server = signed_in({f"\\w+ {PREFIX}\\w+/assist": missing, LIVE: replayed("app_live-list")}, api_key="k" * 20)
    for operation in (list_live_sessions, search_live_sessions):
        assert server.client.run(operation).rows[0].session_id == "4113731156539757585"
    assert [row.session_id for row in server.client.iterate(search_live_sessions)] == ["4113731156539757585"]


@pytest.mark.parametrize("name", ["device_type", "anonymous_id"])
def test_names_that_only_one_edition_is_known_to_have_are_refused_elsewhere(name):
    server = signed_in({LIVE: replayed("app_live-list"), "GET /api/signup": {"data": {"edition": "foss"}}})
    filters = [{"name": name, "values": ["x"]}]
    for _ in range(2):  # before and after the login told the edition
        with pytest.raises(ArgumentsError, match=rf"filters: {name} is known to work on the Enterprise edition only"):
            server.client.run(search_live_sessions, filters=filters)
    assert not server.bodies("/assist/sessions")
    server = signed_in({LIVE: replayed("app_live-list"), "GET /api/signup": {"data": {"edition": "ee"}}})
    assert server.client.run(search_live_sessions, filters=filters).total == 1


def test_a_role_without_live_sessions_is_told():
    routes = {
        "POST /api/login": {"jwt": "t", "data": {"user": {"permissions": ["METRICS"]}}},
        LIVE: httpx.Response(401),
    }
    server = signed_in(routes, email="metrics@b.example")
    with pytest.raises((PermissionDeniedError, UnavailableError), match=r"permission"):
        server.client.run(list_live_sessions)
    with pytest.raises(UnavailableError, match="lacks the permission ASSIST_LIVE"):
        server.client.run(list_live_sessions)


def test_api_v1_is_searched_in_its_own_words():
    """From the contract (§3.9): the plain list does not find a user."""
    told = {"data": {"total": 1, "sessions": [{"sessionID": "5", "userID": "x", "live": True, "projectId": 1}]}}
    server = older({f"POST /api/v1/{RECORDED}/assist/sessions\\Z": told})
    assert server.client.run(list_live_sessions, user_id="x").rows[0].session_id == "5"
    filters = [
        {"name": "metadata:plan", "operator": "is", "values": ["pro"]},
        {"name": "browser", "values": ["chrome"]},
    ]
    assert server.client.run(search_live_sessions, filters=filters, order="asc").total == 1
    first, second = server.bodies("/assist/sessions")
    assert first == {
        "filters": [{"name": "userId", "operator": "is", "value": ["x"]}],
        "sort": "TIMESTAMP",
        "order": "DESC",
        "limit": 10,
        "page": 1,
    }
    assert second["order"] == "ASC"
    assert second["filters"] == [
        {"name": "metadata", "source": "plan", "operator": "is", "value": ["pro"]},
        {"name": "userBrowser", "operator": "contains", "value": ["chrome"]},
    ]


def test_api_v1_of_the_open_source_edition_has_none():
    server = older({f"POST /api/v1/{RECORDED}/assist/sessions\\Z": replayed("app_live-v1-list")})
    with pytest.raises(
        UnavailableError, match=r"Enterprise edition or its cloud.*They are seen with a dashboard login"
    ):
        server.client.run(list_live_sessions)
