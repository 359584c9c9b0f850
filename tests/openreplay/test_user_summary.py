"""A user's sessions explained: what kept failing, since when, and when it last went well."""

import pytest

from openreplay_tools.openreplay.session_summary import summarize_session
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.user_summary import summarize_user
from tests.doors import LOGIN
from tests.servers import client_over

ANN, VIP = "ann@example.org", "vip@bigcorp.example"


@pytest.fixture(scope="module")
def signed_in(sandbox):
    with client_over(sandbox, **{**LOGIN, "api_key": ""}) as bound:
        yield bound


def test_what_fails_repeatedly_stands_first_with_its_first_bad_and_last_good_moment(client):
    told = client.run(summarize_user, user_id=VIP)
    worst = told.problems[0]
    assert (worst.finding.kind, worst.finding.action) == ("error", "Download invoice")
    assert (worst.sessions, worst.count) == (3, 3)
    bad = {one.session_id for one in told.sessions if any(f.action == "Download invoice" for f in one.findings)}
    by_start = sorted((one for one in told.sessions if one.session_id in bad), key=lambda one: one.started_at)
    assert worst.first_bad.session_id == by_start[0].session_id
    assert worst.last_bad.session_id == by_start[-1].session_id
    assert worst.last_good.at < worst.first_bad.at
    # Truth from the sessions themselves: the newest before the first bad one that saw the page.
    page = worst.finding.page
    good = [one for one in told.sessions if one.session_id not in bad and one.started_at < by_start[0].started_at
            and any(kind.page == page for kind in one.pages)]  # fmt: skip
    assert worst.last_good.session_id == max(good, key=lambda one: one.started_at).session_id
    assert worst.good_since is None


def test_a_request_that_fails_was_good_when_the_same_request_last_succeeded(client):
    told = client.run(summarize_user, user_id=ANN)
    worst = told.problems[0]
    assert (worst.finding.method, worst.finding.url) == ("POST", "/api/checkout")
    earlier = client.run(summarize_session, session=worst.last_good.session_id)
    (kind,) = [one for one in earlier.requests if (one.method, one.url) == ("POST", "/api/checkout")]
    assert kind.last_good_ms == worst.last_good.offset_ms
    assert worst.last_good.link.endswith(f"?jumpto={kind.last_good_ms}")


def test_it_reads_the_newest_sessions_and_says_how_many_there_are(client, toolkit):
    sessions = client.run(list_user_sessions, user_id=VIP)
    told = client.run(summarize_user, user_id=VIP, limit=3)
    assert [one.session_id for one in told.sessions] == [row.session_id for row in sessions.rows[:3]]
    assert told.total == sessions.total
    text = toolkit.call("openreplay_summarize_user", {"user_id": VIP, "limit": 3}).text
    assert text.startswith(f"3 of {sessions.total} sessions of {VIP}")
    assert "Read were the newest 3; limit and until reach further back." in text


def test_both_doors_tell_the_same(client, signed_in):
    def story(told):
        return [(one.finding.kind, one.finding.signature, one.count, one.first_bad.at) for one in told.problems]

    assert story(client.run(summarize_user, user_id=VIP)) == story(signed_in.run(summarize_user, user_id=VIP))


def test_events_and_pages_are_counted_over_all_sessions_read(client):
    told = client.run(summarize_user, user_id=ANN)
    assert told.events["checkout_failed"] == sum(one.own_counts.get("checkout_failed", 0) for one in told.sessions) > 0
    assert sum(told.pages.values()) == sum(one.pages_total for one in told.sessions)


@pytest.mark.parametrize("user", [ANN, VIP, "mallory@example.org"])
@pytest.mark.parametrize("detail", ["brief", "normal", "full"])
def test_the_answer_keeps_to_its_budget(toolkit, user, detail):
    text = toolkit.call("openreplay_summarize_user", {"user_id": user, "limit": 30, "detail": detail}).text
    assert len(text) <= {"brief": 2000, "normal": 6000, "full": 24000}[detail]


def test_who_was_never_recorded_is_told_as_the_list_tells_it(toolkit):
    text = toolkit.call("openreplay_summarize_user", {"user_id": "nobody"}).text
    listed = toolkit.call("openreplay_list_user_sessions", {"user_id": "nobody"}).text
    assert text == listed


def test_a_session_row_names_the_problems_above_by_number(toolkit):
    text = toolkit.call("openreplay_summarize_user", {"user_id": VIP}).text
    assert text.count("problem 1 at ") == 3
