"""The sandbox answers the dashboard's recorded requests about sessions as the server did: status, type, shape."""

from __future__ import annotations

import json
import re

import pytest

from openreplay_tools.sandbox import Sandbox
from tests.sandbox.fidelity import essence, read, recorded_answer, send, sign_in, unhurried

OURS = re.compile("/v2/api/[0-9a-z]+/(sessions|unprocessed)/")
# Other tests replay the notes; files are no text.
NOT_HERE = re.compile(r"/notes|unprocessed/4113\d+/(dom|devtools).mob$")
GROUPS = ("app_search", "app_replay", "app_notes", "app_live")
EXCHANGES = {
    exchange["id"]: exchange
    for exchange in read(*GROUPS)
    if OURS.search(exchange["url"]) and not NOT_HERE.search(exchange["url"])
}
# The recorded project is number 2 here, the one beside it number 1; each has its recorded key.
PROJECTS = (("/api/1/", "/api/OTHER/"), ("/api/2/", "/api/1/"), ("/api/OTHER/", "/api/2/"))
SAVED_AS = "bc812150-ebd1-4707-a9f7-028e3bfec174"
NOT_AMONG_42 = "none of the sessions that were found is among the 42 that were recorded whole"
DIFFERENCES = {
    "app_search-ev-error": NOT_AMONG_42,
    "app_search-ev-lcp": NOT_AMONG_42,
    "app_search-funnel-drop": NOT_AMONG_42,
    "app_live-replay-of-live": "the session was running then and has ended here",
}


@pytest.fixture(scope="module")
def answers(small_world):
    """All recorded requests in their order, since some change what later ones find."""
    found = {}
    with Sandbox(edition="foss", pulse=unhurried()) as sandbox:
        replacements = [*PROJECTS, ("REDACTED_JWT", sign_in(sandbox))]
        for number, exchange in EXCHANGES.items():
            sandbox.store.assist_down = exchange["group"] == "app_replay"  # as when these were recorded
            found[number] = send(sandbox, exchange, replacements)
            if number == "app_search-save":
                replacements.append((SAVED_AS, json.loads(found[number][2])["data"]["searchId"]))
    return found


def comparable(answer):
    """Metadata, devices and ends of running sessions may be null: which are depends on the sessions of a page."""
    status, content_type, body = essence(answer)
    if isinstance(body, str):
        return status, content_type, body.replace("sandbox-assist-key", "REDACTED_ASSIST_KEY")
    nullable = re.compile(r"\.metadata(\.\w+)?$|\.userDevice$|\.user(City|State)$")
    return status, content_type, sorted({(path, "any" if nullable.search(path) else kind) for path, kind in body})


def without_metadata(shape):
    """Which metadata a session has is its own matter; a search shows all names of the project."""
    status, content_type, body = shape
    if isinstance(body, list):
        body = [(path, kind) for path, kind in body if ".metadata." not in path]
    return status, content_type, body


def test_exchanges_and_differences_are_as_many_as_thought():
    assert len(EXCHANGES) == 61
    assert set(DIFFERENCES) <= set(EXCHANGES)


@pytest.mark.parametrize("number", [number for number in EXCHANGES if number not in DIFFERENCES])
def test_answer_is_as_recorded(answers, number):
    ours, theirs = comparable(answers[number]), comparable(recorded_answer(EXCHANGES[number]))
    if "/replay" in EXCHANGES[number]["url"]:
        ours, theirs = without_metadata(ours), without_metadata(theirs)
    assert ours == theirs


@pytest.mark.parametrize("number", DIFFERENCES)
def test_listed_difference_exists(answers, number):
    assert comparable(answers[number]) != comparable(recorded_answer(EXCHANGES[number]))


WHOLE = (
    *("app_replay-bob-events", "app_replay-rage-events", "app_replay-vip-events", "app_replay-events-unknown"),
    *("app_replay-clickmaps", "app_notes-bookmarked"),
)


@pytest.mark.parametrize("number", WHOLE)
def test_recorded_content_is_answered_whole(answers, number):
    recorded = recorded_answer(EXCHANGES[number])[2].replace('"projectId":1', '"projectId":2')
    assert answers[number][2] == recorded


@pytest.mark.parametrize(
    "number", ["app_search-base", "app_search-page-2", "app_search-ids", "app_replay-viewed-in-search"]
)
def test_recorded_sessions_are_shown_whole(answers, number):
    """Value by value for the sessions that both pages show, in the same order of keys."""
    ours, theirs = (rows(answer) for answer in (answers[number], recorded_answer(EXCHANGES[number])))
    both = ours.keys() & theirs.keys()
    assert len(both) >= 3
    assert [ours[session] for session in both] == [theirs[session] for session in both]


def rows(answer):
    data = json.loads(answer[2].replace('"projectId":1', '"projectId":2'))["data"]
    sessions = data if isinstance(data, list) else data["sessions"]
    return {session["sessionId"]: json.dumps(session) for session in sessions}


@pytest.mark.parametrize("number", ["app_replay-bob", "app_replay-long"])
def test_recorded_details_are_shown_whole(answers, number):
    """All but the addresses' signatures, and whether the recorder had looked at the session before."""
    ours, theirs = (json.loads(answer[2])["data"] for answer in (answers[number], recorded_answer(EXCHANGES[number])))
    for details in (ours, theirs):
        for name in ("domURL", "devtoolsURL"):
            details[name] = [address.partition("?")[0] for address in details[name]]
    assert ours == {**theirs, "projectId": 2, "viewed": False}
