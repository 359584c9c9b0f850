"""Favourites, and saved searches that are segments too (contract §4.4, §4.6)."""

from __future__ import annotations

import pytest

from openreplay_tools.sandbox import faults, world
from tests.sandbox.asking import NOW, SAVED, SEARCH, Dashboard, event, where


def test_bookmarked_sessions_are_the_callers_own(dashboard, store):
    kept = [store.sessions(1)[place]["sessionId"] for place in (10, 20, 30)]
    for session in kept:
        assert dashboard.session("favorite", session) == (200, {"data": {"sessionId": session}})
    found = dashboard.search(bookmarked=True, startTimestamp=0, limit=0, page=0)
    assert [session["sessionId"] for session in found["sessions"]] == kept[::-1]
    shown, row = found["sessions"][0], store.session(1, kept[2])
    assert shown["issueTypes"] == row["issueTypes"]
    assert (shown["pagesCount"], shown["startTs"]) == (row["pagesCount"], row["startTs"])
    assert (shown["screenWidth"], shown["screenHeight"], shown["userDevice"]) == (0, 0, row["userDevice"] or "")
    oldest = dashboard.search(bookmarked=True, order="asc", limit=1)
    assert (oldest["total"], oldest["sessions"][0]["sessionId"]) == (3, kept[0])
    assert dashboard.ask("POST", f"{SEARCH}/ids", {"bookmarked": True, "limit": 1})[1]["data"] == [
        {"sessionId": kept[2]}
    ]
    assert Dashboard(store, user=2).search(bookmarked=True)["total"] == 0
    for session in kept:
        dashboard.session("favorite", session)
    assert dashboard.search(bookmarked=True)["total"] == 0


def test_bookmarks_have_their_limit_too(dashboard):
    assert dashboard.search(bookmarked=True, limit=201)[0] == 400


def test_favourite_of_an_unknown_session(dashboard):
    status, answer = dashboard.session("favorite", "123")
    assert status == 500
    assert "foreign key" in answer["error"]


def saved_by_name(dashboard, name):
    _, answer = dashboard.ask("GET", SAVED)
    return next(row for row in answer["data"] if row["name"] == name)


def test_planted_searches_find_the_planted_incidents(dashboard):
    incidents = {incident.name: incident for incident in world.build(NOW).incidents}
    for name, incident in (
        ("Failed checkouts on Safari", incidents[faults.CHECKOUT]),
        ("Rage clicks on Apply coupon", incidents[faults.COUPON]),
    ):
        row = saved_by_name(dashboard, name)
        assert (row["userId"], row["isPublic"], row["projectId"]) == (1, True, 1)
        found = dashboard.search({"name": "x", "operator": "is", "searchId": row["searchId"]}, eventsOrder="then")
        assert {session["sessionId"] for session in found["sessions"]} == set(incident.session_ids)
        assert 0 < row["sessionsCount"] <= found["total"]
        assert 0 < row["usersCount"] <= row["sessionsCount"]


def test_saved_search_shows_conditions_on_events(dashboard):
    body = {"name": "Taps", "data": {"filters": [event("CLICK", where("label", "is", "Checkout"))]}}
    made = dashboard.ask("POST", f"{SEARCH}/save", body)[1]["data"]
    (inner,) = made["data"]["filters"][0]["filters"]
    assert (inner["name"], inner["value"], inner["isEvent"]) == ("label", ["Checkout"], False)
    found = dashboard.total({"operator": "is", "searchId": made["searchId"]})
    assert found == dashboard.total(*body["data"]["filters"]) > 0
    dashboard.ask("DELETE", f"{SAVED}/{{searchId}}", searchId=made["searchId"])


def test_unknown_segment(dashboard):
    item = {"name": "", "operator": "is", "searchId": "00000000-0000-0000-0000-000000000000"}
    assert dashboard.search(item) == (500, "segment 00000000-0000-0000-0000-000000000000 not found")


def test_saved_search_lives_and_dies(dashboard, store):
    body = {"name": "Mine", "isPublic": False, "data": {"filters": [where("userBrowser", "is", "Firefox")]}}
    _, answer = dashboard.ask("POST", f"{SEARCH}/save", body)
    made = answer["data"]
    assert list(made) == ["searchId", "name", "isPublic", "isShare", "data", "createdAt"]
    assert made["createdAt"] == "2026-11-20T18:15:00Z"
    assert dashboard.total({"operator": "is", "searchId": made["searchId"]}) == dashboard.total(
        where("userBrowser", "is", "Firefox")
    )
    other, one = Dashboard(store, user=2), f"{SAVED}/{{searchId}}"
    number = {"searchId": made["searchId"]}
    assert dashboard.ask("GET", one, **number)[1]["data"]["userName"] == "Demo"
    assert other.ask("GET", one, **number)[0] == 404
    assert other.search({"operator": "is", **number})[0] == 500
    changed = {"name": "Ours", "isPublic": True, "data": {"filters": [{"operator": "is", **number}]}}
    _, answer = dashboard.ask("PUT", one, changed, **number)
    assert answer["data"]["data"]["filters"][0]["searchId"] == made["searchId"]
    assert other.ask("PUT", one, changed, **number)[0] == 403
    assert other.ask("DELETE", one, **number)[0] == 403
    assert dashboard.ask("DELETE", one, projectId=2, **number)[0] == 404
    assert dashboard.ask("DELETE", one, **number) == (200, {"data": "deleted"})
    assert dashboard.ask("GET", one, **number)[0] == 404
    assert dashboard.ask("POST", f"{SEARCH}/save", body)[1]["data"]["searchId"] != made["searchId"]


def test_list_of_saved_searches_has_pages_and_an_order(dashboard, store):
    other = Dashboard(store, user=2)

    def names(query):
        _, answer = other.ask("GET", SAVED, query=query)
        assert answer["total"] == 2
        return [row["name"] for row in answer["data"]]

    assert names("sort=name&order=asc") == ["Failed checkouts on Safari", "Rage clicks on Apply coupon"]
    assert names("sort=name") == ["Rage clicks on Apply coupon", "Failed checkouts on Safari"]
    assert names("limit=1&offset=1") == ["Failed checkouts on Safari"]
    assert names("limit=0&offset=x&sort=nope&order=asc") == [
        "Failed checkouts on Safari",
        "Rage clicks on Apply coupon",
    ]
    assert other.ask("GET", SAVED, query="limit=500")[1]["limit"] == 20
    assert other.ask("GET", SAVED, projectId=2)[1]["data"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": {}}, 501),
        ({"name": "x", "data": {"filters": [where("userOs", "equals", "x")]}}, 400),
        ({"name": "x", "data": []}, 400),
        ({"name": 5}, 400),
    ],
)
def test_what_cannot_be_saved(dashboard, body, status):
    assert dashboard.ask("POST", f"{SEARCH}/save", body)[0] == status


def test_segment_inside_a_segment_was_never_seen(dashboard):
    inner = {
        "name": "",
        "operator": "is",
        "searchId": saved_by_name(dashboard, "Failed checkouts on Safari")["searchId"],
    }
    body = {"name": "Outer", "data": {"filters": [inner]}}
    outer = dashboard.ask("POST", f"{SEARCH}/save", body)[1]["data"]
    assert dashboard.search({**inner, "searchId": outer["searchId"]})[0] == 501
    dashboard.ask("DELETE", f"{SAVED}/{{searchId}}", searchId=outer["searchId"])
