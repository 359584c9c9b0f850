"""Users: searched, paged, shown; ids that strangers wrote."""

import json
import random
from datetime import UTC, datetime

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.errors import ClosedError, NotFoundError, ServerError, UnavailableError
from openreplay_tools.openreplay.filters import EventCondition, Filter
from openreplay_tools.openreplay.user_search import search_users
from openreplay_tools.openreplay.users import UserProfile, get_user
from tests.openreplay.recorded import NO_V2, older, replayed, signed_in
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, known, toolkit_over

ANN = "ann@example.org"


def by_id(world):
    return {user["$user_id"]: user for user in world.users}


def test_a_part_of_id_email_or_name_finds(call, world):
    for query in ("ann", "ANN@EXAMPLE", "smith & sons"):
        rows = call("search_users", query=query).data["rows"]
        expected = {
            user["$user_id"]
            for user in world.users
            if any(query.lower() in user[column].lower() for column in ("$user_id", "$email", "$name"))
        }
        assert {row["user_id"] for row in rows} == expected
        assert ANN in expected


def test_everybody_is_counted_and_reached(client, world):
    everybody = {user["$user_id"] for user in world.users}
    assert len(everybody) == 300
    for arguments in ({}, {"sort": "created", "order": "asc"}, {"sort": "name"}, {"sort": "email", "order": "asc"}):
        found = [user.user_id for user in client.iterate(search_users, **arguments)]
        assert len(found) == 300
        assert set(found) == everybody


async def test_everybody_is_reached_async(sandbox, world):
    async with AsyncClient(base_url=sandbox.url, **known()) as client:
        found = [user.user_id async for user in client.iterate(search_users, query="example.org")]
    assert (
        len(found)
        == len(set(found))
        == sum(any("example.org" in user[column] for column in ("$user_id", "$email", "$name")) for user in world.users)
    )


def test_pages_follow_each_other(client):
    sort = {"sort": "user_id", "order": "asc", "limit": 70}
    pages = [client.run(search_users, page=page, **sort) for page in range(1, 7)]
    assert [len(page.rows) for page in pages] == [70, 70, 70, 70, 20, 0]
    assert [page.total for page in pages] == [300] * 5 + [0]
    ids = [user.user_id for page in pages for user in page.rows]
    assert ids == sorted(ids)


def test_ties_at_page_edges_lose_nobody():
    """Twelve at a time were seen in the same second, and each reading returns those in another order."""
    users = [{"$user_id": f"u{n}", "$last_seen": 1795196568000 - n // 12 * 1000} for n in range(450)]
    rng = random.Random(7)

    def search(request):
        body = json.loads(request.content)
        users.sort(key=lambda user: (-user["$last_seen"], rng.random()))
        first = (body["page"] - 1) * body["limit"]
        rows = users[first : first + body["limit"]]
        return {"data": {"total": len(users) if rows else 0, "users": rows}}

    server = Scripted({f"POST {PREFIX}": search})
    found = [user.user_id for user in server.client.iterate(search_users)]
    assert len(found) == len(set(found)) == 450


def test_sorting_by_last_seen_is_the_default(client):
    seen = [user.last_seen for user in client.run(search_users, limit=200).rows]
    assert seen == sorted(seen, reverse=True)


def test_times_of_the_record_narrow_as_said(call, world):
    since = datetime(2026, 11, 13, 18, 15, tzinfo=UTC).timestamp() * 1000
    reply = call("search_users", last_seen_since="7d", limit=200)
    assert reply.data["total"] == sum(user["$last_seen"] >= since for user in world.users)
    assert "last seen since 2026-11-13 18:15:00" in reply.text
    day = (datetime(2026, 11, 19, tzinfo=UTC).timestamp() * 1000, datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    reply = call("search_users", last_seen_since="yesterday", last_seen_until="yesterday", limit=200)
    assert reply.data["total"] == sum(day[0] <= user["$last_seen"] < day[1] for user in world.users)
    reply = call("search_users", created_until="2026-10-20", limit=200)
    end = datetime(2026, 10, 21, tzinfo=UTC).timestamp() * 1000
    assert reply.data["total"] == sum(user["$created_at"] < end for user in world.users)


def test_columns_and_properties_narrow_as_said(call, world):
    reply = call("search_users", filters=[{"name": "country", "values": ["DE", "FR"]}], limit=200)
    assert reply.data["total"] == sum(user["$country"] in {"DE", "FR"} for user in world.users)
    assert 'country is "DE" or "FR"' in reply.text
    both = [
        {"name": "property:plan", "values": ["enterprise"]},
        {"name": "$country", "operator": "is_not", "values": ["DE"]},
    ]
    reply = call("search_users", filters=both, limit=200)
    expected = {u["$user_id"] for u in world.users if u["properties"]["plan"] == "enterprise" and u["$country"] != "DE"}
    assert {row["user_id"] for row in reply.data["rows"]} == expected


def test_who_did_it_is_found(call, incidents, world):
    reply = call("search_users", events=[{"event": "checkout_failed"}], events_since="7d", limit=200)
    known = set(by_id(world))
    assert {row["user_id"] for row in reply.data["rows"]} >= set(incidents["checkout"].users) & known
    assert 'did "checkout_failed", 2026-11-13 18:15 – 2026-11-20 18:15 UTC' in reply.text
    refused = [{"event": "REQUEST", "property": "status", "operator": "is", "values": ["422"]}]
    found = {row["user_id"] for row in call("search_users", events=refused, limit=200).data["rows"]}
    assert found
    doers = {
        event["$user_id"]
        for event in world.events
        if event["$event_name"] == "REQUEST" and str(event["$properties"].get("status")) == "422"
    }
    assert found == doers & known


def test_nothing_found_says_what_else_to_try(call):
    text = call("search_users", query="kiosk-berlin-07").text
    assert text.startswith('0 users · Acme Shop · query "kiosk-berlin-07"')
    assert '"kiosk-berlin-07" has no record as a user, but 5 sessions: openreplay_list_user_sessions' in text


def test_a_page_past_the_end_says_so(call):
    text = call("search_users", page=99).text
    assert text.startswith("No more users")
    assert "past the end" in text


def test_more_pages_are_announced(call):
    assert "More: page=2." in call("search_users", limit=5).text
    assert "Users 6–10 of 300" in call("search_users", limit=5, page=2).text
    assert "More:" not in call("search_users", query="ann").text


def test_wildcards_in_a_query_are_said(call):
    text = call("search_users", query="a_n").text
    assert "at most" in text
    assert "_ for any character" in text


def test_rows_that_only_an_outdated_version_matches_are_dropped_and_said():
    """The server searches every stored version of a record before it takes the newest (observed §A33)."""
    rows = [
        {"$user_id": "new", "$last_seen": 1795196568000, "$created_at": 1795000000000},
        {"$user_id": "old", "$last_seen": 1700000000000, "$created_at": 1600000000000},
    ]
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 2, "users": rows}}})
    reply = server.call("search_users", last_seen_since="7d")
    assert [row["user_id"] for row in reply.data["rows"]] == ["new"]
    assert reply.data["left_out"] == 1
    assert reply.text.startswith("1 of at most 2 users")
    assert "that match only by an outdated version of their record." in reply.text
    reply = server.call("search_users", filters=[{"name": "created", "operator": "less", "values": ["2023-01-01"]}])
    assert [row["user_id"] for row in reply.data["rows"]] == ["old"]
    assert [user.user_id for user in server.client.iterate(search_users, last_seen_since="7d")] == ["new"]
    nobody = server.call("search_users", last_seen_since="5m")
    assert nobody.text.startswith("0 ")
    assert "that match only by an outdated version" in nobody.text


def test_rows_whose_record_now_says_otherwise_are_dropped_too():
    rows = [{"$user_id": "moved", "$country": "FR"}, {"$user_id": "here", "$country": "DE"}]
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 2, "users": rows}}})
    reply = server.call("search_users", filters=[{"name": "country", "values": ["DE"]}])
    assert [row["user_id"] for row in reply.data["rows"]] == ["here"]


def test_a_user_is_shown_whole(call, world):
    reply = call("get_user", user_id=ANN)
    assert reply.data["properties"] == {"plan": "pro", "tier": "gold", "age": 34}
    assert reply.data["name"] == "Ann Smith & Sons", "un-escaped once"
    assert reply.data["distinct_ids"] == by_id(world)[ANN]["distinct_ids"]
    assert "tier" in reply.text
    assert f"openreplay_list_user_sessions(user_id={ANN})" in reply.text


def test_every_odd_id_is_found(call, world):
    odd = [
        user["$user_id"]
        for user in world.users
        if not user["$user_id"].isascii() or set("/|%<> ") & set(user["$user_id"])
    ]
    assert len(odd) > 6
    for user_id in odd:
        reply = call("get_user", user_id=user_id)
        assert reply.data["user_id"] == user_id
        assert reply.data["name"] == by_id(world)[user_id]["$name"]


def test_an_id_with_a_slash_is_searched(call, asked):
    assert call("get_user", user_id="team/eve").data["name"] == "Eve Lang"
    ((method, path, body),) = [one for one in asked() if one[1] != "projects"]
    assert (method, path) == ("POST", f"{SHOP}/users")
    assert body["filters"] == [{"name": "$user_id", "operator": "is", "value": ["team/eve"]}]


def test_no_record_does_not_mean_no_sessions(client, refuse):
    for user_id in ("kiosk-berlin-07", "Ann@example.org"):
        text = refuse("get_user", user_id=user_id)
        assert text.startswith(f"No user record {user_id}.")
        assert "openreplay_list_user_sessions" in text
    with pytest.raises(NotFoundError) as caught:
        client.run(get_user, user_id="nobody")
    assert caught.value.status == 404
    assert caught.value.operation == "openreplay_get_user"


def test_an_unknown_id_names_the_nearest(sandbox, refuse, asked):
    for user_id in ("Ann@example.org", "anne@example.org"):
        text = refuse("get_user", user_id=user_id)
        assert text.startswith(f"No user record {user_id}. Sessions may exist all the same: try ")
        assert text.endswith(" Nearest: ann@example.org.")
    assert "Nearest" not in refuse("get_user", user_id="zzzz-nobody")
    paths = [path for _, path, _ in asked() if path != "projects"]
    assert len(paths) == 5, "one request more for each address"
    login = {"email": sandbox.email, "password": sandbox.password}
    with toolkit_over(sandbox, api_key="", **login) as signed:
        text = signed.call("openreplay_get_user", {"user_id": "Ann@example.org"}).text
    assert text.endswith(" Nearest: ann@example.org.")


@pytest.mark.parametrize(("given", "there"), [("Ann@example.org", ANN), ("kiosk-berlin-08", "kiosk-berlin-07")])
def test_the_nearest_is_no_way_round_the_aliases(given, there):
    routes = {f"GET {PREFIX}\\w+/users/": httpx.Response(404, json={}),
              f"POST {PREFIX}": {"data": {"total": 1, "users": [{"$user_id": there}]}}}  # fmt: skip
    reply = Scripted(routes, privacy="pseudonyms").call("get_user", user_id=given)
    assert reply.is_error
    assert there not in reply.text


@pytest.mark.parametrize("trouble", [403, 404, 429, 500])
def test_no_trouble_with_the_nearest_hides_that_there_is_no_record(trouble):
    routes = {f"GET {PREFIX}\\w+/users/": httpx.Response(404, json={}), f"POST {PREFIX}": httpx.Response(trouble)}
    server = Scripted(routes, retries=0)
    with pytest.raises(NotFoundError, match=r"^No user record nobody\. Sessions may exist"):
        server.client.run(get_user, user_id="nobody")


def test_sessions_that_no_address_can_name_are_not_promised(sandbox, call, refuse):
    """With a key alone a user's sessions are asked for by path; with a login they are searched."""
    barred = "takes a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)"
    card = call("get_user", user_id="team/eve").text
    alone = call("search_users", query="team/eve").text
    unknown = refuse("get_user", user_id="a/b")
    nobody = call("search_users", query="no/body").text
    for text in (card, alone, unknown, nobody):
        assert barred in text
        assert "openreplay_list_user_sessions" not in text
    both = {"data": {"total": 2, "users": [{"$user_id": "team/eve"}, {"$user_id": "ann"}]}}
    mixed = Scripted({f"POST {PREFIX}": both}).call("search_users").text
    assert "Next: openreplay_list_user_sessions(user_id=…)." in mixed
    assert f"For an id with a slash that {barred}" in mixed
    assert "dashboard login" not in call("search_users", query="ann@").text
    login = {"email": sandbox.email, "password": sandbox.password}
    for more in ({}, {"api_key": ""}):
        with toolkit_over(sandbox, **login, **more) as signed:
            for name, arguments in (("get_user", {"user_id": "team/eve"}), ("search_users", {"query": "team/eve"})):
                text = signed.call(f"openreplay_{name}", arguments).text
                assert "Next: openreplay_list_user_sessions" in text
                assert "dashboard login" not in text


def test_a_row_without_the_column_is_kept():
    """What a reply does not tell cannot contradict a filter."""
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 1, "users": [{"$user_id": "ann"}]}}})
    reply = server.call("search_users", filters=[{"name": "country", "values": ["DE"]}])
    assert [row["user_id"] for row in reply.data["rows"]] == ["ann"]


def test_a_page_of_outdated_matches_is_not_told_as_nobody():
    moved = [{"$user_id": f"moved{n}", "$country": "FR"} for n in range(3)]
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 40, "users": moved}}})
    text = server.call("search_users", filters=[{"name": "country", "values": ["DE"]}], limit=3).text
    assert "at most 40" in text.split("\n")[0]
    assert "only when the tracker started" not in text
    assert "3 more on this page" not in text


def test_what_stands_under_a_secret_name_is_masked_in_the_card():
    traits = {"password": "correct horse battery", "token": "one horse", "pin": "1234", "plan": "pro"}
    server = Scripted({f"GET {PREFIX}\\w+/users/": {"data": {"$user_id": "a", "properties": traits}}})
    text = server.call("get_user", user_id="a").text
    assert "horse" not in text
    assert "1234" not in text
    assert "pro" in text


def test_a_project_that_went_is_not_told_as_a_missing_user():
    server = Scripted({f"GET {PREFIX}\\w+/users/": httpx.Response(401)})
    server.call("list_projects")
    server.routes[f"GET {PREFIX}projects\\Z"] = {"data": []}
    assert server.call("get_user", user_id="ann").text.startswith("The server no longer knows project Acme Shop")


HOSTILE = [
    "../../projects",
    "..",
    ".",
    "a/b",
    "?x=1#y",
    "%2e%2e",
    "..%2f..",
    "🚀",
    "x" * 256,
    "a\\..\\b",
    "a b",
    "jobs",
    "+",
    ";x",
    "\x00",
]


@pytest.mark.parametrize("user_id", HOSTILE)
def test_a_hostile_id_never_reaches_another_endpoint(toolkit, asked, user_id):
    """Also the paths as a server that decodes and walks them would see them."""
    for name in ("get_user", "list_user_sessions", "delete_user"):
        toolkit.call(f"openreplay_{name}", {"user_id": user_id})
    for method, path, body in asked():
        if path == "projects":
            continue
        if path == f"{SHOP}/users":
            assert user_id.startswith(body.get("query", "")) or body["filters"][0]["value"] == [user_id]
            continue
        parts = path.split("/")
        assert parts[0] in {SHOP, RECORDED}, "the other project is looked into where this one has nothing"
        assert parts[1] == "users"
        assert len(parts) in {3, 4}
        assert parts[3:] in ([], ["sessions"])
        assert httpx.URL(f"http://x/{parts[2]}").path == f"/{user_id}"
        assert parts[2].lower() not in {".", "..", "%2e", "%2e%2e"}
        assert method in {"GET", "POST"}, "no deletion without a token"


def test_an_id_beyond_the_servers_bound_is_refused_before(refuse, asked):
    for user_id in ("x" * 300, "é" * 129, "🚀" * 65):
        assert "at most 256 bytes" in refuse("get_user", user_id=user_id)
    assert not asked()


def test_a_filter_can_be_given_as_model_or_as_data(client):
    typed = client.run(
        search_users, filters=[Filter(name="country", values=["JP"])], events=[EventCondition(event="CLICK")]
    )
    plain = client.run(search_users, filters=[{"name": "country", "values": ["JP"]}], events=[{"event": "CLICK"}])
    assert typed == plain
    assert typed.rows


def test_a_login_shows_a_user_as_recorded():
    user = signed_in({"GET /v2/api/1/users/gina\\Z": replayed("app_data-user")}).client.run(get_user, user_id="gina")
    assert (user.name, user.phone, user.country, user.city) == ("Gina", "+39 02 1234567", "BR", "São Paulo")
    assert user.properties["note"] == '<i>&"quoted"</i>', "escaped once by this route (observed §D)"
    assert user.sessions_count is None
    assert len(user.distinct_ids) == 2


def test_an_edited_record_is_unescaped_once_as_all_are():
    """The server escapes an edited text once more for each edit, which nothing in the reply tells (observed §A31)."""
    routes = {"GET /v2/api/1/users/corpus-temp\\Z": replayed("app_data-user-temp")}
    assert signed_in(routes).client.run(get_user, user_id="corpus-temp").name == "New <Name>"


def test_a_login_tells_an_unknown_user_as_a_key_does():
    server = signed_in({"GET /v2/api/1/users/nobody\\Z": replayed("app_data-user-unknown")})
    with pytest.raises(NotFoundError, match=r"No user record nobody\. Sessions may exist all the same") as caught:
        server.client.run(get_user, user_id="nobody")
    assert caught.value.status == 404


def test_a_login_searches_for_an_id_that_no_path_can_hold():
    server = signed_in({"POST /v2/api/1/users\\Z": {"data": {"total": 1, "users": [{"$user_id": "team/eve"}]}}})
    assert server.client.run(get_user, user_id="team/eve").user_id == "team/eve"
    (body,) = server.bodies("/v2/api/1/users")
    assert body["filters"] == [{"name": "$user_id", "operator": "is", "value": ["team/eve"]}]


def test_a_login_searches_users_as_recorded():
    server = signed_in({"POST /v2/api/1/users\\Z": replayed("app_data-users")})
    page = server.client.run(search_users, query="zoe", limit=2)
    assert page.total == 332
    assert [user.user_id for user in page.rows] == ["zoe.wilson32@example.com", "zoe.silva316@example.net"]
    (body,) = server.bodies("/v2/api/1/users")
    assert (body["query"], body["limit"], body["sortBy"], body["sortOrder"]) == ("zoe", 2, "$last_seen", "desc")


def test_a_dashboard_without_user_records_says_so():
    server = signed_in({})
    for operation, arguments in ((get_user, {"user_id": ANN}), (search_users, {}), (get_user, {"user_id": "a/b"})):
        with pytest.raises(ClosedError, match=r"too old for that; OpenReplay 1\.24 can do it"):
            server.client.run(operation, **arguments)


def test_api_v1_stands_in_for_a_dashboard_without_user_records():
    routes = {
        **NO_V2,
        f"GET /api/v1/{RECORDED}/users/ann%40example.org\\Z": replayed("v1-user"),
    }
    server = signed_in(routes, api_key="k" * 20)
    assert server.client.run(get_user, user_id=ANN).sessions_count == 3
    with pytest.raises(UnavailableError, match=r"for a part of the address\.$"):
        server.client.run(get_user, user_id="team/eve")


def test_other_refusals_of_the_dashboard_stay_what_they_are():
    server = signed_in({"\\w+ /v2/api/1/users": httpx.Response(500, json={"error": "failed"})})
    with pytest.raises(ServerError):
        server.client.run(get_user, user_id=ANN)


def test_api_v1_shows_what_it_counts():
    server = older({f"GET /api/v1/{RECORDED}/users/ann%40example.org\\Z": replayed("v1-user")})
    reply = server.call("get_user", user_id=ANN)
    assert "Last seen 2026-11-20 17:42:48 · first seen 2026-11-20 17:39:59 UTC · 3 sessions" in reply.text
    assert "Not told here: name, contact" in reply.text
    assert reply.data["user_id"] == ANN
    assert set(reply.data) == set(UserProfile.model_fields)


def test_api_v1_may_know_one_session_without_times():
    told = {"data": {"userId": "x", "sessionCount": 1, "firstSeen": None, "lastSeen": None}}
    text = older({f"GET /api/v1/{RECORDED}/users/x\\Z": told}).call("get_user", user_id="x").text
    assert "Last seen unknown · first seen unknown UTC · 1 session\n" in text


def test_api_v1_tells_an_unknown_user_with_null():
    server = older({f"GET /api/v1/{RECORDED}/users/nobody\\Z": replayed("v1-user-unknown")})
    with pytest.raises(NotFoundError, match=r"No user record nobody\. Sessions may exist") as caught:
        server.client.run(get_user, user_id="nobody")
    assert caught.value.status == 404


@pytest.mark.parametrize("user_id", ["team/eve", ".", ".."])
def test_api_v1_cannot_look_up_every_id(user_id):
    server = older({})
    with pytest.raises(UnavailableError, match=r"It would work with a dashboard login"):
        server.client.run(get_user, user_id=user_id)
    assert not [one for one in server.requests if "/users" in one.url.path]
