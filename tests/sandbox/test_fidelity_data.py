"""The sandbox answers the dashboard's recorded requests about data, notes and live sessions as the server did."""

from __future__ import annotations

import json
import re

import pytest

from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.tables import USERS
from tests.sandbox.fidelity import essence, read, recorded_answer, send, sign_in, unhurried

# Requests to other routes, recorded on the way: sessions, recording files, the legacy backend.
ELSEWHERE = re.compile("/replay|/favorite|/sessions/search|/unprocessed/|com/api/1/assist/")
EXCHANGES = {
    exchange["id"]: exchange
    for exchange in read("app_data", "app_notes", "app_live")
    if not ELSEWHERE.search(exchange["url"])
}
# The recorded project is number 2 here; the second recorded one, which was empty, has no number.
PROJECTS = [("/api/2/", "/api/3/"), ("/api/1/", "/api/2/")]
DIFFERENCES = {
    "app_data-lexicon-properties": "the first five are others here, and some of them are text with samples",
}
CREATED_AT = 1795197405000


def add_user(user_id):
    row = {"$user_id": user_id, "$email": "t@example.org", "$created_at": CREATED_AT, "$last_seen": CREATED_AT}
    return lambda store: USERS.insert(store._connection, 2, [row])


BEFORE = {"app_data-user-put-dollar": add_user("corpus-temp")}
# The recorder made it between two recorded requests.
LONG_NOTE = {"message": "é" * 200, "tag": "a-very-long-tag"}


@pytest.fixture(scope="module")
def answers(small_world):
    """All recorded requests in their order, since some change what later ones find."""
    found = {}
    with Sandbox(edition="foss", pulse=unhurried()) as sandbox:
        replacements = [*PROJECTS, ("REDACTED_JWT", sign_in(sandbox))]
        for number, exchange in EXCHANGES.items():
            if number in BEFORE:
                BEFORE[number](sandbox.store)
            if number == "app_notes-list":
                create = EXCHANGES["app_notes-create"]
                send(sandbox, {**create, "request_body": json.dumps(LONG_NOTE)}, replacements)
            found[number] = send(sandbox, exchange, replacements)
    return found


def comparable(answer):
    """Errors name the project; tokens are as long as they are."""
    status, content_type, body = essence(answer)
    return status, content_type, body.replace("project 2", "project 1") if isinstance(body, str) else body


def test_differences_are_few_and_named():
    assert set(DIFFERENCES) <= set(EXCHANGES)
    assert len(DIFFERENCES) <= 3
    assert len(EXCHANGES) == 52


@pytest.mark.parametrize("number", [number for number in EXCHANGES if number not in DIFFERENCES])
def test_answer_is_as_recorded(answers, number):
    assert comparable(answers[number]) == comparable(recorded_answer(EXCHANGES[number]))


@pytest.mark.parametrize("number", DIFFERENCES)
def test_listed_difference_exists(answers, number):
    assert comparable(answers[number]) != comparable(recorded_answer(EXCHANGES[number]))


@pytest.mark.parametrize("name", ["event-get", "user", "user-put-dollar", "user-temp", "events-event-plus-column"])
def test_rows_that_the_sandbox_has_are_answered_whole(answers, name):
    number = f"app_data-{name}"
    assert json.loads(answers[number][2]) == json.loads(recorded_answer(EXCHANGES[number])[2])


@pytest.mark.parametrize("name", ["events-session", "activity"])
def test_all_rows_are_counted(answers, name):
    number = f"app_data-{name}"
    assert (
        json.loads(answers[number][2])["data"]["total"]
        == json.loads(recorded_answer(EXCHANGES[number])[2])["data"]["total"]
    )
