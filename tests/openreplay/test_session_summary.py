"""A session explained: the same whatever door it is read through, bounded, each finding with its moment."""

import json
import re

import pytest

from openreplay_tools.openreplay.events import MOST_EVENTS
from openreplay_tools.openreplay.session_summary import summarize_session
from openreplay_tools.sandbox import Sandbox
from tests.doors import LOGIN
from tests.openreplay.starts import STARTS
from tests.sandbox.fidelity import unhurried
from tests.servers import DASHBOARD, PREFIX, Scripted, client_over, toolkit_over

PAYMENT, RAGE, INVOICES = "4113715799632532494", "4113712958998205443", "4113715976799933456"
ONLY_LOGIN = {**LOGIN, "api_key": ""}


@pytest.fixture(scope="module")
def signed_in(sandbox):
    with client_over(sandbox, **ONLY_LOGIN) as bound:
        yield bound


def summary(client, session):
    return client.run(summarize_session, session=session, project="2")


def test_a_failed_payment_is_explained(client):
    told = summary(client, PAYMENT)
    first, second = told.findings
    assert (first.kind, first.action, first.method, first.url, first.status, first.count) == (
        "failed_request", "Pay with wallet", "POST", "/api/checkout", 500, 2,
    )  # fmt: skip
    assert first.said == '{"error":"payment_gateway_unreachable","trace":"abc-123"}'
    assert [report.name for report in first.reports] == ["checkout_failed"]
    assert first.link == f"{DASHBOARD}/2/session/{PAYMENT}?jumpto=4056"
    assert (second.kind, second.action, second.reaction) == ("error", "Pay later", "ended")
    assert [visit.page for visit in told.path] == ["/", "/cart", "/checkout"]
    assert told.user_id == "bob@example.org"
    assert told.events_read == told.total == 16


def test_rage_clicks_are_counted(client):
    (found,) = summary(client, RAGE).findings
    assert (found.kind, found.action, found.clicks, found.dead) == ("rage_click", "Apply promo code", 7, True)


def test_an_error_after_a_click_says_that_the_page_did_not_react(client):
    (found,) = summary(client, INVOICES).findings
    assert (found.kind, found.action, found.dead) == ("error", "Download invoices", True)


def story(told):
    """Return what a summary tells of the visit, without where it was read."""
    return [(one.kind, one.signature, one.offsets, one.count, one.action, one.reaction) for one in told.findings]


@pytest.mark.parametrize("session", STARTS)
def test_both_doors_tell_the_same_story(client, signed_in, session):
    assert story(summary(client, session)) == story(summary(signed_in, session))


@pytest.mark.parametrize("session", STARTS)
def test_every_recorded_session_is_explained_within_the_budget(toolkit, session):
    reply = toolkit.call("openreplay_summarize_session", {"session": session, "project": "2"})
    assert not reply.is_error
    assert len(reply.text) <= 6000
    begun = STARTS[session]
    seconds = {event["at"] for event in events(toolkit, session)}
    for finding in reply.data["findings"]:
        moment = int(re.search(r"jumpto=(\d+)\Z", finding["link"])[1])
        assert (begun + moment) // 1000 in {second // 1000 for second in seconds}


def events(toolkit, session):
    rows = toolkit.call("openreplay_list_session_events", {"session": session, "project": "2"}).data["rows"]
    return [{"at": STARTS[session] + row["offset_ms"]} for row in rows]


@pytest.mark.parametrize("session", [INVOICES, PAYMENT])
def test_api_v1_tells_what_it_knows_and_says_what_it_lacks(session):
    """It tells no requests, so nobody knows whether a form was sent."""
    with Sandbox(version="1.22", pulse=unhurried()) as server, toolkit_over(server, project="2") as toolkit:
        reply = toolkit.call("openreplay_summarize_session", {"session": session})
    assert not reply.is_error
    assert reply.data["findings"] == []
    assert "Nothing went wrong in what is told here" in reply.text
    assert "Not told here, so not looked at: errors, requests, issues" in reply.text
    assert reply.data["path"][0]["page"] == "/"


def test_a_pasted_moment_is_named_and_what_is_near_it(toolkit):
    link = f"{DASHBOARD}/2/session/{PAYMENT}?jumpto=4056"
    text = toolkit.call("openreplay_summarize_session", {"session": link}).text
    assert f"The pasted link points at 0:04: {link}. 2 of the findings are near it." in text


@pytest.mark.parametrize(("detail", "findings"), [("brief", 3), ("normal", 12), ("full", 30)])
def test_detail_decides_how_many_findings_are_shown(detail, findings):
    failures = [request(number, f"/api/{chr(97 + number % 26)}{chr(97 + number // 26)}x") for number in range(30)]
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 30, "events": failures}}})
    text = server.call("summarize_session", session=PAYMENT, detail=detail).text
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == findings
    assert "What went wrong (30), worst first" in text
    assert ("lesser findings left out" in text) == (findings < 30)


def request(number, path):
    address = f"https://shop.example{path}"
    captured = {"method": "GET", "status": 500, "success": False, "url": address}
    return {"event_id": f"{number:05}", "$event_name": "REQUEST", "created_at": 1795196569000 + number * 1000,
            "$current_url": address, "$properties": captured}  # fmt: skip


def test_of_too_many_events_those_that_tell_the_story_are_read():
    def answer(asked):
        kinds = [one["value"] for one in json.loads(asked.content).get("filters", [])]
        if not kinds:
            return {"data": {"total": MOST_EVENTS + 1, "events": [request(1, "/api/a")]}}
        error = {"event_id": "1", "$event_name": "ERROR", "created_at": 1795196569000, "$properties": {"message": "x"}}
        return {"data": {"total": 1, "events": [error]}}

    server = Scripted({f"POST {PREFIX}": answer})
    reply = server.call("summarize_session", session=PAYMENT)
    assert [found["kind"] for found in reply.data["findings"]] == ["error"]
    assert "Too many events to read at once: read were only LOCATION, CLICK," in reply.text
    assert reply.data["narrowed"]


def test_a_session_without_trouble_says_what_was_looked_for(toolkit):
    text = toolkit.call("openreplay_summarize_session", {"session": "4101735879716907027", "project": "2"}).text
    assert "Nothing went wrong that the recording tells" in text
    assert "purchase" in text


def test_an_unknown_session_says_what_to_try(toolkit):
    reply = toolkit.call("openreplay_summarize_session", {"session": "4113715799632530000"})
    assert not reply.is_error
    assert "Why: " in reply.text
    assert "What went wrong" not in reply.text


def test_the_same_is_said_twice(toolkit):
    said = [toolkit.call("openreplay_summarize_session", {"session": PAYMENT, "project": "2"}).text for _ in range(2)]
    assert said[0] == said[1]
