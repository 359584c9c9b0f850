"""What is done here because the server gets it wrong: negations, sequences and lengths, within bounds and exact."""

import json
import random
from datetime import UTC, datetime

import pytest

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.links import started_ms
from openreplay_tools.openreplay.session_filters import Group, Question
from openreplay_tools.openreplay.session_plans import planned
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.session_steps import Applied, Term
from tests.openreplay.catalogued import scripted, told

NEWEST = round(datetime(2026, 11, 20, 18, 0, tzinfo=UTC).timestamp() * 1000)
EPOCH = 1_550_000_000_000


class Visits:
    """A server with made-up sessions: those that start in the same second come in another order each time.

    Args:
        sessions: for each the length in ms and its events, newest first: (name, seconds after the start).
        apart: ms between two starts.
        extra: how many events of each name the project has besides.
    """

    def __init__(self, sessions, apart=1000, extra=0):
        self.rng = random.Random(3)
        self.sessions = []
        for number, (length, events) in enumerate(sessions):
            session_id = str(((NEWEST - number * apart - EPOCH) << 24) + number)
            start = started_ms(session_id) // 1000 * 1000
            self.sessions.append((session_id, start, length, events))
        self.extra = extra
        routes = {
            r"POST /v2/api/1/sessions/search\Z": self.search,
            r"POST /v2/api/1/sessions/search/ids\Z": self.ids,
            r"POST /v2/api/1/events\Z": self.events,
        }
        self.server = scripted(routes)
        self.client = self.server.client

    def run(self, **arguments):
        return self.client.run(search_sessions, **arguments)

    def asked(self, end):
        return [json.loads(each.content) for each in self.server.requests if str(each.url).endswith(end)]

    def id(self, number):
        return self.sessions[number][0]

    def found(self, body):
        first, last = body["startTimestamp"] // 1000, body["endTimestamp"] // 1000
        steps = [one["name"] for one in body["filters"] if one["isEvent"]]
        bounds = [one["value"] for one in body["filters"] if one["name"] == "duration"]
        assert len(bounds) <= 1
        low, high = bounds[0] if bounds else ("", "")
        rows = [
            row for row in self.sessions
            if first <= row[1] // 1000 <= last and holds([name for name, _ in row[3]], steps, body["eventsOrder"])
            and (not low or row[2] >= int(low)) and (not high or row[2] <= int(high))
        ]  # fmt: skip
        assert body["eventsOrder"] != "then" or len(steps) < 3, "the server undercounts these"
        sign = -1 if body["order"] == "desc" else 1
        rows.sort(
            key=lambda row: (sign * (len(row[3]) if body["sort"] == "eventsCount" else row[1]), self.rng.random())
        )
        first = (body["page"] - 1) * body["limit"]
        return rows[first : first + body["limit"]], len(rows)

    def search(self, request):
        rows, total = self.found(json.loads(request.content))
        sessions = [
            {"sessionId": row[0], "startTs": row[1], "duration": row[2], "eventsCount": len(row[3])} for row in rows
        ]
        return {"data": {"total": total if rows else 0, "sessions": sessions}}

    def ids(self, request):
        rows, _ = self.found(json.loads(request.content))
        return {"data": [{"sessionId": row[0]} for row in rows] or None}

    def events(self, request):
        body = json.loads(request.content)
        assert body["sortBy"] == "event_id"
        wanted = {one["name"]: one["value"] for one in body["filters"]}
        (name,) = wanted["$event_name"]
        only = wanted.get("session_id")
        assert only is None or len(only) <= 10, "the server takes ten values"
        rows = [
            {"event_id": f"{session}-{place:03}", "session_id": session, "created_at": start + after * 1000}
            for session, start, _, events in self.sessions
            for place, (event, after) in enumerate(events)
            if event == name and (only is None or session in only)
        ]
        rows += [] if only else [{"event_id": f"x{n}", "session_id": "5", "created_at": 0} for n in range(self.extra)]
        rows.sort(key=lambda row: row["event_id"])
        first = (body["page"] - 1) * body["limit"]
        return {"data": {"total": len(rows), "events": rows[first : first + body["limit"]]}}


def holds(names, steps, order):
    if order == "then" and len(steps) == 2:
        return any(names[at] == steps[0] and steps[1] in names[at + 1 :] for at in range(len(names)))
    has = [step in names for step in steps]
    return any(has) if order == "or" and has else all(has)


def steps(*names, absent=()):
    return [{"event": name} for name in names] + [{"event": name, "absent": True} for name in absent]


CART, PAID, FAILED = "add_to_cart", "purchase", "checkout_failed"


@pytest.mark.parametrize(
    ("events", "follows"),
    [
        ([(CART, 0), (FAILED, 1), (PAID, 2)], True),
        ([(CART, 0), (PAID, 1), (FAILED, 2)], False),
        ([(PAID, 0), (CART, 1), (FAILED, 2), (PAID, 3)], True),
        ([(CART, 0), (CART, 1), (FAILED, 2), (FAILED, 3), (PAID, 4)], True),
        ([(PAID, 5), (FAILED, 5), (CART, 5)], True),  # times are whole seconds: as good as in order
        ([(PAID, 4), (FAILED, 5), (CART, 5)], False),
        ([(CART, 7), (FAILED, 8), (PAID, 7)], False),
    ],
)
def test_a_sequence_of_three_is_verified_from_the_events(events, follows):
    visits = Visits([(1000, events), (1000, [(CART, 0), (PAID, 0)])])
    page = visits.run(events=steps(CART, FAILED, PAID), events_order="in_sequence")
    assert [row.session_id for row in page.rows] == ([visits.id(0)] if follows else [])
    assert page.total == int(follows)


@pytest.mark.parametrize(
    ("events", "follows"),
    [
        ([(FAILED, 1), (FAILED, 2)], True),
        ([(FAILED, 1), (FAILED, 1)], True),
        ([(FAILED, 1), (PAID, 2)], False),
    ],
)
def test_one_event_is_not_two_steps(events, follows):
    visits = Visits([(1000, events)])
    assert visits.run(events=steps(FAILED, FAILED), events_order="in_sequence").total == int(follows)
    (body, *_), read = visits.asked("/search"), visits.asked("/events")
    assert [one["name"] for one in body["filters"]] == [FAILED]
    assert len(read) == 2  # counted, then read once for both steps


def test_a_step_leaves_the_others_the_event_they_need():
    """The first event could be either step; only one order of choosing works."""
    events = [("LOCATION", 1), ("LOCATION", 1), ("LOCATION", 1)]
    visits = Visits([(1000, events)])
    assert visits.run(events=steps("LOCATION", "LOCATION", "LOCATION"), events_order="in_sequence").total == 1
    assert visits.run(events=steps(*["LOCATION"] * 4), events_order="in_sequence").total == 0


def test_few_candidates_among_many_events_are_asked_for_by_session():
    events, backwards = [(CART, 0), (FAILED, 1), (PAID, 2)], [(PAID, 0), (FAILED, 1), (CART, 2)]
    visits = Visits([(1000, events if number % 3 else backwards) for number in range(36)], extra=3000)
    page = visits.run(events=steps(CART, FAILED, PAID), events_order="in_sequence", limit=5, page=2)
    assert page.total == 36 - 12
    assert len(page.rows) == 5
    asked_for = [len(one["value"]) for body in visits.asked("/events") for one in body["filters"]
                 if one["name"] == "session_id"]  # fmt: skip
    assert asked_for == [10] * 9 + [6] * 3


def test_too_many_events_are_refused_with_advice():
    visits = Visits([(1000, [(CART, 0), (FAILED, 1), (PAID, 2)])] * 700, extra=9000)
    with pytest.raises(ArgumentsError, match=r"undercounts sequences.*700 sessions. Narrow with since"):
        visits.run(events=steps(CART, FAILED, PAID), events_order="in_sequence")


def test_two_steps_are_left_to_the_server():
    visits = Visits([(1000, [(CART, 0), (PAID, 1)]), (1000, [(PAID, 0), (CART, 1)])])
    assert visits.run(events=steps(CART, PAID), events_order="in_sequence").total == 1
    assert [body["eventsOrder"] for body in visits.asked("/search")] == ["then"]
    assert visits.asked("/events") == []


def done(every):
    """Return sessions of which one in so many bought something; all were at the cart."""
    return [(1000 + n, [(CART, 0), *([(PAID, 1)] if n % every == 0 else [])]) for n in range(450)]


def test_what_was_not_done_is_counted_without_reading_all():
    visits = Visits(done(3), apart=300)
    page = visits.run(events=steps(CART, absent=[PAID]), limit=10)
    assert page.total == 300
    assert len(page.rows) == 10
    assert len(visits.asked("/search")) == 4  # two counts, a page, and whether the negation excludes anything
    assert len(visits.asked("/search/ids")) == 1
    everything = [row.session_id for row in visits.client.iterate(search_sessions, events=steps(CART, absent=[PAID]))]
    assert sorted(everything) == sorted(visits.id(n) for n in range(450) if n % 3)


@pytest.mark.parametrize("sort", ["start", "events", "length"])
def test_pages_of_what_was_not_done_hold_every_session_once(sort):
    visits = Visits(done(2))
    pages = [visits.run(events=steps(CART, absent=[PAID]), limit=75, page=page, sort=sort) for page in (1, 2, 3, 4)]
    rows = [row.session_id for page in pages for row in page.rows]
    assert sorted(rows) == sorted(visits.id(n) for n in range(450) if n % 2)
    assert [page.total for page in pages] == [225] * 4


def test_more_negations_than_can_be_counted_are_walked():
    absent = [PAID, FAILED, "search", "feedback"]
    events = [[], [(PAID, 1)], [("search", 1)], [("feedback", 0), (FAILED, 0)]]
    visits = Visits([(1000, events[n % 4]) for n in range(40)])
    page = visits.run(events=steps(absent=absent))
    assert page.total == 10
    assert {row.session_id for row in page.rows} == {visits.id(n) for n in range(0, 40, 4)}


def test_reading_on_and_on_for_one_page_is_refused():
    """Five thousand sessions have bought; the first that has not lies behind them."""
    visits = Visits([(1000, [(PAID, 0)])] * 5100 + [(1000, [])] * 10, apart=100)
    with pytest.raises(ArgumentsError, match=r"session by session: rows before this page 5000.*Narrow with since"):
        visits.run(events=steps(absent=[PAID]))


def test_too_many_to_be_checked_one_by_one_are_refused():
    visits = Visits([(1000, [(CART, 0), ("LOCATION", 0)])] * 5100, apart=20)
    either = {"events": steps(CART, PAID), "events_order": "any", "url_path": "/x"}
    with pytest.raises(ArgumentsError, match="5100 sessions, more than the 5000"):
        visits.run(**either)


def test_too_many_ids_between_a_few_sessions_are_refused():
    """What was done by two beside thousands who did what they must not have done."""
    visits = Visits([(1000, [(CART, 0)]), *[(1000, [(FAILED, 0)])] * 5100, (1000, [(PAID, 0)])], apart=20)
    with pytest.raises(ArgumentsError, match="one condition alone finds more than the 5000"):
        visits.run(events=steps(CART, PAID, absent=[FAILED]), events_order="any")


def test_either_of_two_that_was_not_done_otherwise():
    events = [[(CART, 0)], [(PAID, 0)], [(CART, 0), (FAILED, 0)], []]
    visits = Visits([(1000, events[n % 4]) for n in range(40)])
    page = visits.run(events=steps(CART, PAID, absent=[FAILED]), events_order="any")
    assert {row.session_id for row in page.rows} == {visits.id(n) for n in range(40) if n % 4 < 2}
    assert page.total == 20


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_the_longest_of_very_many_are_the_longest_of_all(order):
    lengths = [random.Random(n).randrange(1, 900_000) for n in range(6000)]
    visits = Visits([(length, []) for length in lengths], apart=20)
    pages = [visits.run(sort="length", order=order, limit=40, page=page) for page in (1, 2)]
    found = [row.duration_ms for page in pages for row in page.rows]
    assert found == sorted(lengths, reverse=order == "desc")[:80]
    assert [(page.total, page.sorted_among) for page in pages] == [(6000, 0)] * 2


def test_very_many_are_not_walked_by_length():
    visits = Visits([(n + 1, []) for n in range(2001)], apart=300)
    with pytest.raises(ArgumentsError, match="more than 2000 sessions match"):
        list(visits.client.iterate(search_sessions, sort="length"))


def test_lengths_that_cannot_be_told_apart_are_sorted_among_the_newest():
    visits = Visits([(60_000, [])] * 2300)
    page = visits.run(sort="length", limit=5)
    assert (page.total, page.sorted_among) == (2300, 2000)
    text = told(visits.client, search_sessions, sort="length", limit=5)
    assert "longest first among the newest 2,000" in text
    assert "The server cannot sort by length: narrow with since or min_duration" in text
    with pytest.raises(ArgumentsError, match="cannot sort by length"):
        list(visits.client.iterate(search_sessions, sort="length"))


def test_all_are_sorted_by_length_when_they_can_be_read():
    visits = Visits([(n * 7 % 900, []) for n in range(900)], apart=400)
    found = [row.duration_ms for row in visits.client.iterate(search_sessions, sort="length", order="asc")]
    assert found == sorted(n * 7 % 900 for n in range(900))


def test_what_was_not_done_is_walked_by_number_of_events():
    visits = Visits(done(3) + [(5, [(CART, n)] * n) for n in range(1, 9)])
    found = list(visits.client.iterate(search_sessions, events=steps(CART, absent=[PAID]), sort="events"))
    assert [row.events_count for row in found] == [*range(8, 1, -1), *[1] * 301]


def test_a_hint_that_would_take_too_much_reading_is_left_out():
    visits = Visits([(1000, [(CART, 0), ("LOCATION", 0)])] * 5100, apart=20)
    given = {"events": steps(PAID, FAILED), "events_order": "any", "url_path": "/x", "min_duration": "1h"}
    page = visits.run(**given)
    assert (page.total, page.diagnosis.in_window) == (0, 5100)
    assert [finding.without for finding in page.diagnosis.findings].count(None) == 1
    assert "Why: " in told(visits.client, search_sessions, **given)


def test_a_project_without_sessions_says_so():
    text = told(Visits([]).client, search_sessions)
    assert "Why: this project has no sessions at all" in text


def test_a_running_session_has_no_length_yet():
    visits = Visits([(None, [])])
    assert "running" in told(visits.client, search_sessions)
    assert visits.run(sort="length").total == 1


def term(name, **more):
    return Term({"name": name, "isEvent": True, **more}, Applied(kind="event", subject=name))


def test_groups_of_events_become_one_search_and_others_beside_it():
    either = Group((term("a"), term("b")), "or")
    sequence = Group((term("c"), term("d")), "then")
    page = Group((term("LOCATION"),), "and")
    alone = planned(Question(groups=(either,)))
    assert ([wire["name"] for wire in alone.base.filters], alone.base.order, alone.direct) == (["a", "b"], "or", True)
    both = planned(Question(groups=(either, sequence)))
    assert [wire["name"] for wire in both.base.filters] == ["a", "b"]
    assert [query.order for query in both.required] == ["then"]
    three = planned(Question(groups=(page, either, sequence)))
    assert [wire["name"] for wire in three.base.filters] == ["LOCATION", "c", "d"]
    assert [query.order for query in three.required] == ["or", "then"]
    assert not three.direct


def test_a_negation_is_narrowed_by_what_it_can_stand_beside():
    bought = term("purchase")
    beside = planned(Question(groups=(Group((term("a"),), "then"),), without=(bought,)))
    assert [wire["name"] for wire in beside.without[0].filters] == ["a", "purchase"]
    assert beside.countable
    either = planned(Question(groups=(Group((term("a"), term("b")), "or"),), without=(bought,)))
    assert [wire["name"] for wire in either.without[0].filters] == ["purchase"]
    assert not either.countable
