"""What session search refuses, and how it windows, sorts, pages and shows (contract §4.4)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.sandbox.asking import SEARCH, START, WINDOW, Dashboard, event, where


def test_window_has_whole_seconds_and_an_inclusive_end(dashboard, store):
    moment = store.sessions(1)[1000]["startTs"] // 1000 * 1000
    inside = {"startTimestamp": moment - 1000, "endTimestamp": moment}
    assert dashboard.total(**inside) >= 1
    assert dashboard.total(**{**inside, "startTimestamp": moment + 999, "endTimestamp": moment + 1000}) >= 1
    assert dashboard.total(startTimestamp=moment - 5000, endTimestamp=moment - 1) < dashboard.total(**inside) + 1


def test_pages_follow_each_other_and_end_with_zero(dashboard):
    first, second = (dashboard.search(limit=5, page=page)["sessions"] for page in (1, 2))
    starts = [session["startTs"] for session in (*first, *second)]
    assert len(starts) == 10
    assert all(left >= right for left, right in pairwise(starts))
    assert dashboard.search(limit=200, page=11) == {"total": 0, "sessions": []}


def test_sort_and_order(dashboard):
    counts = [session["eventsCount"] for session in dashboard.search(sort="eventsCount")["sessions"]]
    assert counts == sorted(counts, reverse=True)
    starts = [session["startTs"] for session in dashboard.search(sort="whatever", order="asc")["sessions"]]
    assert starts == sorted(starts)


def test_shown_session_has_what_a_normal_search_knows(dashboard):
    for session in dashboard.search()["sessions"]:
        assert session["startTs"] % 1000 == 0
        assert (session["issueTypes"], session["pagesCount"], session["errorsCount"]) == (None, 0, 0)
        assert list(session["metadata"]) == ["company", "experiment", "plan", "release"]


def test_series_are_searched_one_by_one(dashboard):
    safari = {"filters": [where("userBrowser", "is", "Safari")]}
    found = dashboard.search(
        series=[{"seriesId": 7, "name": "S", "filter": safari}, {"name": "All", "filter": {}}], limit=2
    )
    first, second = found["series"]
    assert (first["seriesId"], first["seriesName"], first["total"]) == (7, "S", dashboard.total(*safari["filters"]))
    assert (second["seriesId"], second["total"]) == (None, 2000)
    assert first["sessions"][0]["metadata"]
    assert second["sessions"][0]["metadata"] is None


def test_absence_inside_series_is_not_supported(dashboard):
    series = [{"name": "S", "filter": {"filters": [event("CLICK", where("label", "isNot", "x"))]}}]
    assert dashboard.search(series=series)[0] == 501


def test_unknown_project_has_no_sessions(dashboard):
    assert dashboard.search(project=9999) == {"total": 0, "sessions": []}


def test_project_without_sessions(store):
    created = store.create_project("New shop", "web")
    assert Dashboard(store).search(project=created["projectId"]) == {"total": 0, "sessions": []}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"startTimestamp": None}, "StartDate' failed on the 'required"),
        ({"startTimestamp": 5}, "StartDate' failed on the 'min"),
        ({"endTimestamp": START}, "EndDate' failed on the 'gtfield"),
        ({"limit": -1}, "Limit' failed on the 'min"),
        ({"limit": 201}, "Limit' failed on the 'max"),
        ({"page": None}, "Page' failed on the 'required"),
        ({"order": "ASC"}, "Order' failed on the 'oneof"),
        ({"eventsOrder": "xor"}, "EventsOrder' failed on the 'oneof"),
        ({"series": [{}] * 6}, "Series' failed on the 'max"),
        ({"filters": [where("", "is")]}, "Filters[0].Name' Error:Field validation for 'Name' failed on the 'required"),
        ({"filters": [where("userOs", "")]}, "Operator' failed on the 'required"),
        ({"filters": [where("userOs", "!=", "x")]}, "Operator' failed on the 'oneof"),
        ({"filters": [where("userOs", "is", *"12345678901")]}, "Value' failed on the 'max"),
        ({"filters": [where("userOs", "is", "x", dataType="UInt8")]}, "DataType' failed on the 'oneof"),
        ({"filters": [event("CLICK", propertyOrder="xor")]}, "PropertyOrder' failed on the 'oneof"),
        ({"filters": [event("CLICK", propertyOrder="")]}, "PropertyOrder' failed on the 'required"),
    ],
)
def test_refusals_of_the_validator(dashboard, change, text):
    status, answer = dashboard.ask("POST", SEARCH, {**WINDOW, **change})
    assert status == 400
    assert answer["error"].startswith("Key: 'SessionsSearchRequest.")
    assert text in answer["error"]


def test_sub_filters_are_not_validated(dashboard):
    assert dashboard.total(event("CLICK", where("label", "equals", "Checkout"))) > 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            b'{"limit": "5"}',
            "json: cannot unmarshal string into Go struct field SessionsSearchRequest.limit of type int",
        ),
        (
            b'{"limit": 1.5}',
            "json: cannot unmarshal number into Go struct field SessionsSearchRequest.limit of type int",
        ),
        (
            b'{"sort": true}',
            "json: cannot unmarshal bool into Go struct field SessionsSearchRequest.sort of type string",
        ),
        (b'{"bookmarked": []}', "cannot unmarshal array into Go struct field SessionsSearchRequest.bookmarked of type"),
        (b'{"filters": {}}', "cannot unmarshal object into Go struct field SessionsSearchRequest.filters of type"),
        (b'{"filters": [3]}', "cannot unmarshal number into Go struct field Filter.filters of type struct"),
        (b'{"filters": [{"value": [1]}]}', "cannot unmarshal number into Go struct field Filter.filters.value of type"),
        (
            b'{"filters": [{"filters": [{"name": 1}]}]}',
            "number into Go struct field Filter.filters.filters.name of type",
        ),
        (b"", "unexpected end of JSON input"),
    ],
)
def test_refusals_of_the_decoder(dashboard, body, text):
    status, answer = dashboard.ask("POST", SEARCH, body)
    assert (status, text in answer["error"]) == (400, True), answer


def test_null_in_a_list_of_values_is_empty_text(dashboard):
    assert dashboard.total({**where("userId", "is"), "value": [None]}) == dashboard.total(
        where("userId", "isUndefined")
    )


def test_too_long_a_body(dashboard):
    assert dashboard.ask("POST", SEARCH, b" " * 131073)[0] == 413


@pytest.mark.parametrize("number", ["abc", "1.5", "99999999999999999999"])
def test_project_that_is_no_number(dashboard, number):
    status, answer = dashboard.ask("POST", SEARCH, WINDOW, projectId=number)
    assert status == 400
    assert answer["error"].startswith("invalid path param projectId: strconv.Atoi: parsing")


def test_ids_are_those_of_the_search(dashboard):
    wanted = [{"sessionId": session["sessionId"]} for session in dashboard.search(limit=7)["sessions"]]
    assert dashboard.ask("POST", f"{SEARCH}/ids", {**WINDOW, "limit": 7}) == (200, {"data": wanted})


def test_viewed_means_since_the_start_of_the_window(dashboard, store):
    session = store.sessions(1)[-1]["sessionId"]
    dashboard.session("replay", session)

    def shown(**fields):
        found = dashboard.search(**fields)["sessions"]
        return next(item["viewed"] for item in found if item["sessionId"] == session)

    assert shown()
    assert not Dashboard(store, user=2).search(limit=1)["sessions"][0]["viewed"]
