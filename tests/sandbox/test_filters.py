"""The operators of contract §2.10, one by one, on users and on the events of a session."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import NUMBER, START, bought, where

TIME = {"dataType": "timestamp"}
FLAG = {"dataType": "boolean"}
BOB_CREATED = str(START + 60_000)


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (["ann"], where("$country", "is", "DE")),
        (["bob", "ann"], where("$country", "in", "DE", "FR")),
        (["ann"], where("$country", "=", "DE", "FR")),
        (["cyd", "bob"], where("$country", "!=", "DE", "FR")),
        (["cyd"], where("$country", "isNot", "DE", "FR")),
        ([], where("$country", "is", "de")),
        (["ann"], where("$email", "contains", "ANN@ex")),
        (["ann"], where("$email", "startsWith", "a_n")),
        (["ann"], where("$email", "endsWith", "%org")),
        (["cyd", "bob"], where("$email", "notContains", "ann")),
        (["ann"], where("$email", "regex", "^ann@")),
        ([], where("$email", "regex", "^ANN@")),
        (["cyd", "bob", "ann"], where("$email", "is")),
        (["cyd", "bob", "ann"], where("$email", "isAny")),
        ([], where("$email", "isUndefined")),
        (["ann"], where("$country", "selectorIs", "DE")),
        (["bob"], where("$created_at", "after", str(START), **TIME)),
        (["bob"], where("$created_at", "is", BOB_CREATED, **TIME)),
        (["cyd", "bob", "ann"], where("$created_at", "is", str(START), BOB_CREATED, **TIME)),
        ([], where("$created_at", "isNot", str(START), BOB_CREATED, **TIME)),
        (["bob"], where("$created_at", "between", str(START + 1000), BOB_CREATED, **TIME)),
        (["cyd", "bob", "ann"], where("$created_at", "between", BOB_CREATED, **TIME)),
        (["cyd", "bob", "ann"], where("$created_at", "after", "soon", **TIME)),
        (["cyd", "bob", "ann"], where("$created_at", "after", "2026-11-18", **TIME)),
        ([], where("$created_at", ">", str(START))),
        (["bob"], where("plan", "is", "pro")),
        (["cyd"], where("age", ">", "20", **NUMBER)),
        (["cyd"], where("age", "is", "30", **NUMBER)),
        (["cyd", "bob"], where("age", "isAny")),
        (["ann"], where("age", "isUndefined")),
        (["cyd"], where("vip", "true", **FLAG)),
        (["bob", "ann"], where("vip", "false", **FLAG)),
        (["cyd", "bob", "ann"], where("vip", "is", "true", **FLAG)),
        (["cyd"], where("<k>", "is", 'a\\"b')),
        (["cyd", "bob", "ann"], where("$current_path", "is", "")),
        (["ann"], where("$email", ">", "a")),
        (["cyd"], where("joined", "after", "1", **TIME)),
        ([], where("joined", "before", "9000000000000", **TIME)),
        (["cyd", "bob", "ann"], where("$created_at", "contains", "1", **TIME)),
    ],
)
def test_filter_on_users_finds(users, condition, found):
    assert users(condition) == found


def test_user_filters_are_anded_and_paged(users):
    assert users(where("age", "isAny"), where("$country", "is", "FR")) == ["bob"]
    assert users(limit=1, page=2) == ["bob"]
    assert users(query="ANN") == ["ann"]
    assert users(sortBy="$created_at", sortOrder="desc")[0] == "bob"


def test_event_filters_on_users_are_ored_and_windowed(users):
    rich, poor = where("total", ">", "100", **NUMBER), where("total", "<", "100", **NUMBER)
    assert users(bought()) == ["bob", "ann"]
    assert users(bought(rich)) == ["ann"]
    assert users(bought(rich, poor)) == ["bob", "ann"]
    assert users(bought(), where("$country", "is", "DE")) == ["ann"]
    assert users(bought(), {**bought(), "name": "LOCATION"}) == ["bob", "ann"]
    assert users(bought(autoCaptured=True)) == []
    assert users(bought(), startTimestamp=START + 6000, endTimestamp=START + 9000) == ["bob"]


@pytest.mark.parametrize(
    "condition",
    [
        where("age", "true", **FLAG),
        where("$email", "regex", "("),
        where("$email", "regex", "a(?=b)"),
        where("age", ">", "x", **NUMBER),
    ],
)
def test_database_errors_answer_500(users, condition):
    reply = users(condition)
    assert (reply.status_code, reply.json()) == (500, {"error": "failed to search users"})


@pytest.mark.parametrize(
    "condition",
    [
        where("project_id", "is", "1"),
        where("$created_at", "is", str(START)),
        where("$email", "true", **FLAG),
        where("$email", "after", "1", **TIME),
        where("group_id1", "is", "g"),
        where("$created_at", "after", "9" * 30, **TIME),
        {**bought(), "operator": "isNot"},
        bought(bought()),
    ],
)
def test_what_nobody_saw_fails_loudly(users, condition):
    reply = users(condition)
    assert reply.status_code == 501
    assert reply.json()["error"].startswith("sandbox: not in the recordings or the contract: ")


AUTO = {"autoCaptured": True}


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        ([2, 3], where("$event_name", "is", "REQUEST")),
        ([1], where("userBrowser", "is", "Safari")),
        ([1], where("url", "contains", "/1")),
        ([3], where("fetchDuration", ">=", "12")),
        ([3], where("status", ">=", "500", **NUMBER, **AUTO)),
        ([3], where("status", ">=", "500", **AUTO)),
        ([2], where("lcp", ">", "200", **AUTO)),
        ([3], where("lcp", ">", "200", **NUMBER, **AUTO)),
        ([2], where("status", "is", "200", **AUTO)),
        ([1, 3, 5, 105], where("success", "false", **FLAG, **AUTO)),
        ([5], where("autoCaptured", "false", **FLAG)),
        ([5], where("autoCaptured", "is", "false")),
        ([1], where("fetchDuration", "is", "3", "4")),
        ([2, 5, 105], where("fetchDuration", "<", "2.5")),
        ([1, 2, 3, 5, 105], where("message", "isUndefined")),
        ([2], where("lcp", "contains", "9", **AUTO)),
        ([], where("lcp", "isNot", "90", "1000", **AUTO)),
        ([5], where("total", "is", "150.5")),
        ([], where("total", "is", "150.5", **AUTO)),
        ([1, 2, 3, 5], where("$email", "is", "ann@example.org")),
        ([105], where("$email", "is", "")),
        ([105], where("$created_at", "before", "1000000", **TIME)),
    ],
)
def test_filter_on_session_events_finds(events, condition, found):
    assert events(condition) == found


@pytest.mark.parametrize(
    "condition",
    [
        where("fetchDuration", "contains", "1"),
        where("autoCaptured", ">", "1"),
        where("$properties", "is", "x"),
        where("created_at", ">", "1"),
    ],
)
def test_what_nobody_saw_on_events_fails_loudly(events, condition):
    assert events(condition).status_code == 501


def test_event_filters_on_session_events_are_broken(events):
    """Observed A1."""
    assert events(bought()).status_code == 500
    assert events(bought(where("total", ">", "100", **NUMBER))) == []
