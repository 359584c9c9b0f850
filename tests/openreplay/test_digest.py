"""What a session's events mean: what led to a failure, what followed, and what a visitor put up with besides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openreplay_tools.openreplay.digest import digest
from openreplay_tools.openreplay.finding_lines import what, when
from openreplay_tools.openreplay.findings import Finding
from openreplay_tools.openreplay.paths import folded
from openreplay_tools.openreplay.timeline import arranged, without_twins
from tests.openreplay.stories import ORIGIN, Story


def only(story):
    (found,) = story.told().findings
    return found


def kinds(story):
    return [finding.kind for finding in story.told().findings]


def text(finding):
    return "".join(str(getattr(part, "text", part)) for part in what(finding))


# --- chains -----------------------------------------------------------------------------------------------------------


def a_failed_payment():
    return (
        Story()
        .page(0, "/cart")
        .click(2, "Checkout")
        .page(3, "/checkout")
        .click(8, "Pay")
        .request(8, "/api/checkout?x=1", 500, "POST", {"error": "gateway"}, duration=2)
        .error(10, "Payment provider timeout after 3000ms", "Error")
        .own(10, "checkout_failed", reason="gateway")
    )


def test_a_failure_is_told_from_the_click_to_what_followed():
    found = only(a_failed_payment())
    assert (found.kind, found.method, found.url, found.status) == ("failed_request", "POST", "/api/checkout", 500)
    assert (found.action_kind, found.action, found.action_offset_ms) == ("click", "Pay", 8000)
    assert found.page == "/checkout"
    assert found.said == '{"error": "gateway"}'
    assert [(seen.name, seen.message) for seen in found.errors] == [("Error", "Payment provider timeout after 3000ms")]
    assert [(report.name, report.data) for report in found.reports] == [("checkout_failed", {"reason": "gateway"})]
    assert found.link == "link?jumpto=8000"
    assert text(found) == (
        'click Pay → POST /api/checkout → 500 after 2 s, said {"error": "gateway"}; Error Payment provider timeout '
        "after 3000ms; event checkout_failed reason=gateway; nothing was done more than 2 s after it"
    )


def test_equal_failures_are_one_with_the_last_reaction():
    story = a_failed_payment().click(13, "Pay").request(13, "/api/checkout?x=2", 500, "POST").click(15, "Help")
    found = only(story)
    assert (found.count, found.offsets, found.last_offset_ms) == (2, [8000, 13000], 13000)
    assert (found.reaction, found.reaction_label, found.reaction_after_ms) == ("went_on", "Help", 2000)
    assert "".join(part.text for part in when(found)) == "0:08 and 0:13"
    assert text(found).endswith("; then used Help 2 s later; never worked afterwards")


def test_a_failure_that_is_followed_by_the_same_click_was_tried_again():
    found = only(a_failed_payment().click(14, "Pay").request(14, "/api/checkout", 200, "POST"))
    assert (found.reaction, found.reaction_after_ms) == ("tried_again", 6000)
    assert found.good_after_ms == 14000
    assert text(found).endswith("; tried again 6 s later; worked at 0:14")


@pytest.mark.parametrize(("path", "reaction"), [("/checkout", "reloaded"), ("/help", "left")])
def test_a_failure_can_be_left_by_the_page(path, reaction):
    found = only(a_failed_payment().page(12, path))
    assert (found.reaction, found.reaction_page) == (reaction, path)


def test_an_error_of_a_click_is_the_finding_when_no_request_failed():
    found = only(
        Story().page(0, "/account").click(4, "Invoices").error(4, "x is null").issue(4, "dead_click", "Invoices")
    )
    assert (found.kind, found.action, found.dead) == ("error", "Invoices", True)
    assert text(found) == ("click Invoices → TypeError x is null; the page did not react; nothing was done after it")


def test_errors_that_differ_in_numbers_only_are_one():
    story = Story().page(0, "/a").error(3, "timeout after 300ms").error(9, "timeout after 417ms").error(12, "null")
    assert sorted(finding.count for finding in story.told().findings) == [1, 2]


def test_what_fails_when_a_page_opens_is_told_so():
    found = only(Story().page(0, "/").click(3, "Orders").page(4, "/orders").request(5, "/api/orders", 503))
    assert (found.action_kind, found.page) == ("open", "/orders")
    assert text(found).startswith("opening /orders → GET /api/orders → 503")


def test_what_fails_by_itself_weighs_less_than_what_a_click_brought_about():
    story = Story().page(0, "/a").request(30, "/api/poll", 404).click(40, "Save").request(40, "/api/save", 404, "PUT")
    first, second = story.told().findings
    assert (first.url, second.url) == ("/api/save", "/api/poll")
    assert text(second).startswith("on /a: GET /api/poll → 404")


def test_a_missing_picture_weighs_least_of_the_failures():
    story = Story().page(0, "/a").request(1, "/img/old.png", 404).click(4, "Size").issue(4, "dead_click", "Size")
    assert kinds(story) == ["dead_click", "failed_request"]


def test_a_request_without_an_answer_failed():
    found = only(Story().page(0, "/a").click(2, "Save").request(2, "/api/save", 0, "PUT"))
    assert found.status is None
    assert "PUT /api/save → no answer" in text(found)


def test_an_issue_repeats_the_request_it_is_about():
    story = (
        Story().page(0, "/a").click(2, "Go").request(2, "/api/x", 500).issue(3, "bad_request", f"{ORIGIN}/api/x?a=1")
    )
    assert only(story).count == 1


def test_an_issue_stands_for_the_request_that_was_lost():
    found = only(Story().page(0, "/a").click(2, "Go").issue(2, "bad_request", f"{ORIGIN}/api/x?a=1"))
    assert (found.kind, found.url, found.method, found.status) == ("failed_request", "/api/x", "", None)
    assert text(found).startswith("click Go → request /api/x → failed")


def test_an_own_event_that_was_lost_is_known_from_its_issue():
    told = Story().page(0, "/a").issue(4, "custom", "checkout_failed", reason="card").told()
    assert told.own_counts == {"checkout_failed": 1}
    (found,) = told.findings
    assert (found.kind, found.reports[0].data) == ("failure_event", {"reason": "card"})


# --- what no status tells ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "no stock"}, "no stock"),
        ({"errors": [{"message": "not allowed"}], "data": None}, "not allowed"),
        ({"success": False, "message": "try later"}, "try later"),
        ({"ok": False, "reason": "limit"}, "limit"),
        ({"status": "error", "detail": "expired"}, "expired"),
        ({"code": 422, "message": "unknown voucher"}, "unknown voucher"),
    ],
)
def test_a_success_with_an_error_inside_is_found(body, said):
    found = only(Story().page(0, "/a").click(2, "Buy").request(2, "/api/buy", 200, "POST", body))
    assert (found.kind, found.status, found.said) == ("hidden_error", 200, said)
    assert text(found).startswith(f"click Buy → POST /api/buy → 200, its answer tells of an error: {said}")


@pytest.mark.parametrize(
    "body",
    [
        {"error": None},
        {"error": ""},
        {"errors": []},
        {"error": False, "items": 3},
        {"success": True, "note": "error free"},
        {"status": "ok", "message": "no error"},
        {"items": [{"error": "of one item"}]},
        "an error in plain text",
        [1, 2],
        {"code": 200, "message": "failsafe"},
        {"error": {"code": 0, "message": ""}},
        {"errors": {"email": []}},
        {"errors": {"total": 0}},
        {"errors": "[]"},
        {"error": "nil"},
        {"code": 500, "message": "500 points"},
        {"code": 404, "message": "ok"},
    ],
)
def test_a_success_that_only_mentions_errors_is_none(body):
    assert kinds(Story().page(0, "/a").click(2, "Buy").request(2, "/api/buy", 200, "POST", body)) == []


@pytest.mark.parametrize(
    "name",
    [
        "checkout_failed",
        "PaymentError",
        "card-declined",
        "loginFailure",
        "request timeout",
        "api_timed_out",
        "error_shown",
    ],
)
def test_own_events_that_say_so_tell_of_a_failure(name):
    assert kinds(Story().page(0, "/a").own(2, name)) == ["failure_event"]


@pytest.mark.parametrize(
    "name",
    [
        "purchase",
        "failover_ready",
        "terror_movie_opened",
        "add_to_cart",
        "derailed",
        "consent_declined",
        "cookies_rejected",
        "crash_course_started",
        "no_errors",
        "error_count_reset",
        "timeout_extended",
    ],
)
def test_other_own_events_are_milestones_only(name):
    told = Story().page(0, "/a").own(2, name).own(3, name).told()
    assert told.findings == []
    assert [(one.name, one.count, one.failed) for one in told.milestones] == [(name, 2, False)]


# --- what a visitor puts up with --------------------------------------------------------------------------------------


def test_rage_and_dead_clicks_on_the_same_thing_are_one():
    story = Story().page(0, "/cart").click(2, "Apply").issue(2, "click_rage", "Apply", Count=7)
    found = only(story.issue(3, "dead_click", "Apply"))
    assert (found.kind, found.clicks, found.dead) == ("rage_click", 7, True)
    assert text(found).startswith("rage clicks on Apply (7 clicks) on /cart; no effect")


def test_reloads_in_a_row_are_trouble_one_is_not():
    once = Story().page(0, "/a").page(8, "/a")
    assert kinds(once) == []
    found = only(once.page(14, "/a"))
    assert (found.kind, found.count, found.page) == ("reloads", 2, "/a")
    assert text(found) == "reloaded /a 2 times in a row"


def test_coming_back_after_a_click_is_no_reload():
    assert kinds(Story().page(0, "/a").click(1, "x").page(2, "/a").click(3, "x").page(4, "/a")) == []


def test_a_form_left_without_sending_is_trouble():
    story = Story().page(0, "/signup").request(1, "/api/me").typed(3, "Name").typed(8, "Street").page(30, "/")
    found = only(story)
    assert (found.kind, found.fields, found.reaction_page) == ("abandoned_form", ["Name", "Street"], "/")
    assert text(found) == "form left after typing into Name, Street on /signup: nothing was sent, went on to /"


@pytest.mark.parametrize(
    "sent",
    [
        lambda story: story.click(9, "Save").request(9, "/api/signup", 201, "POST").page(20, "/"),
        lambda story: story.click(9, "Next").page(20, "/signup/2"),
        lambda story: story.page(10, "/search"),  # the return key
        lambda story: story.own(9, "signup_done").page(30, "/"),
        lambda story: story.graphql(9, "Signup").click(20, "x").page(40, "/"),
        lambda story: story.click(9, "Search").request(9, "/api/found").click(20, "x").page(40, "/"),
        lambda story: story.page(20, "/terms").on("/signup").typed(25, "City").request(28, "/api/signup", 201, "POST"),
        lambda story: story.typed(9, "City").click(12, "Save").request(12, "/api/signup", 201, "POST"),
    ],
)
def test_a_form_that_may_have_been_sent_is_none(sent):
    assert kinds(sent(Story().page(0, "/signup").request(1, "/api/me").typed(3, "Name").typed(8, "Street"))) == []


def test_a_form_that_could_not_be_sent_is_told_by_the_failure_alone():
    story = Story().page(0, "/signup").typed(3, "Name").typed(4, "Street").click(9, "Save")
    assert kinds(story.request(9, "/api/signup", 500, "POST")) == ["failed_request"]


def test_where_no_request_is_told_nobody_knows_whether_a_form_was_sent():
    story = Story().page(0, "/signup").typed(3, "Name").page(30, "/")
    assert digest(story.events, str, requests_told=False).findings == []
    assert kinds(Story().page(0, "/signup").typed(3, "Name").click(9, "Save")) == []


def test_of_a_form_that_saves_by_itself_only_the_rest_is_told():
    story = Story().page(0, "/a").typed(2, "A").request(12, "/api/save", 200, "POST").typed(20, "B").page(60, "/")
    assert only(story).fields == ["B"]


def test_slow_pages_and_requests_are_told_with_the_longest_time():
    story = Story().page(0, "/a", lcp=6200).click(9, "x").page(10, "/a", load_event_end=4100).click(20, "y")
    found = {one.kind: one.duration_ms for one in story.request(20, "/api/slow", duration=9).told().findings}
    assert found == {"slow_page": 6200, "slow_request": 9000}


def test_a_long_pause_is_told_with_its_page_whatever_the_tracker_samples():
    found = only(Story().page(0, "/a").sample(40).sample(80).click(130, "x"))
    assert (found.kind, found.page, found.duration_ms, found.offset_ms) == ("pause", "/a", 130_000, 0)


def test_other_issues_stand_for_themselves():
    found = only(Story().page(0, "/a").issue(3, "memory", "/a"))
    assert (found.kind, found.issue) == ("issue", "memory")
    assert text(found) == "high memory: /a"


def test_a_script_error_issue_repeats_its_error():
    assert kinds(Story().page(0, "/a").error(4, "x").issue(4, "js_exception", "x")) == ["error"]
    assert kinds(Story().page(0, "/a").issue(4, "js_exception", "x")) == ["issue"]


# --- what is told of it is true ---------------------------------------------------------------------------------------


def test_another_page_of_the_same_template_is_no_reload():
    story = Story().page(0, "/product/8").click(2, "Size").issue(2, "dead_click", "Size").page(5, "/product/10")
    assert only(story).reaction == "left"


def test_another_part_of_the_same_page_is_no_page():
    told = Story().page(0, "/b").error(2, "x").page(4, "/b#tab2").told()
    assert [visit.page for visit in told.path] == ["/b"]
    assert told.findings[0].reaction == "ended"


def test_reloads_are_counted_in_a_row():
    story = Story().page(0, "/a").page(5, "/a").page(10, "/a").page(15, "/a").click(16, "x").page(20, "/b")
    found = only(story.click(21, "y").page(25, "/a").page(30, "/a").page(35, "/a"))
    assert found.count == 3


def test_what_a_page_asks_again_and_again_is_not_blamed_on_a_click():
    story = Story().page(0, "/a")
    for second in range(2, 16, 5):
        story.request(second, "/api/poll")
    story.request(20, "/api/poll").click(22, "Save").request(25, "/api/poll", 503).request(30, "/api/poll", 503)
    assert only(story).action_kind == ""


def test_a_success_with_an_error_inside_is_no_success():
    story = Story().page(0, "/a").click(2, "Pay").request(2, "/api/pay", 500, "POST").click(8, "Pay")
    told = story.request(8, "/api/pay", 200, "POST", {"error": "declined"}).told()
    assert [(one.kind, one.good_after_ms) for one in told.findings] == [
        ("failed_request", None),
        ("hidden_error", None),
    ]
    assert told.requests[0].last_good_ms is None


def test_what_worked_in_the_same_second_is_left_open():
    story = Story().page(0, "/a").request(2, "/api/x", 500).request(3, "/api/x", 500).request(3, "/api/x")
    found = only(story)
    assert found.recovered is None
    assert "never worked" not in text(found)


def test_the_first_success_after_a_failure_is_told_whatever_follows():
    story = (
        Story().page(0, "/a").request(4, "/api/x").request(9, "/api/x", 500).request(20, "/api/x").request(99, "/api/x")
    )
    told = story.told()
    found = next(one for one in told.findings if one.kind == "failed_request")
    assert (found.good_after_ms, found.recovered) == (20_000, True)
    (kind,) = told.requests
    assert (kind.good_before_ms, kind.good_after_ms, kind.last_good_ms) == (4_000, 20_000, 99_000)


def test_a_graphql_answer_may_tell_of_an_error():
    found = only(Story().page(0, "/a").click(2, "Pay").graphql(2, "PayOrder", {"errors": [{"message": "declined"}]}))
    assert (found.kind, found.method, found.url) == ("hidden_error", "GraphQL", "PayOrder")
    assert text(found).startswith("click Pay → GraphQL PayOrder → answered, its answer tells of an error: declined")


def test_where_kinds_of_events_are_left_out_neither_pauses_nor_the_end_are_told():
    story = Story().page(0, "/a").error(5, "x").click(200, "y").error(210, "z")
    told = digest(story.events, str, complete=False)
    assert {one.kind for one in told.findings} == {"error"}
    assert all(one.reaction != "ended" for one in told.findings)


def test_own_events_of_a_phone_app_have_their_names():
    told = Story().page(0, "/a")._add(3, "CUSTOM", name="purchase").told()
    assert told.own_counts == {"purchase": 1}
    assert told.counts == {"LOCATION": 1, "own": 1}


def test_an_own_failure_after_an_error_that_came_by_itself_is_told_apart():
    story = Story().page(0, "/a").error(60, "widget").own(63, "payment_failed")
    assert sorted(one.kind for one in story.told().findings if one.kind != "pause") == ["error", "failure_event"]


def test_a_very_long_path_keeps_its_order():
    story = Story()
    for number in range(170):
        story.page(number * 2, f"/{'abc'[min(2, number // 60)]}").click(number * 2, str(number))
    told = story.told()
    line = "".join(part.text for part in folded(told.path, told.pages_total, 20))
    assert line.index("/a") < line.index("more …") < line.rindex("/c")


# --- where it led -----------------------------------------------------------------------------------------------------


def test_pages_stand_as_templates_with_how_long_they_were_open():
    told = Story().page(0, "/").page(4, "/orders/17").page(9, "/orders/18?tab=2").click(21, "x").told()
    assert [(visit.page, visit.offset_ms, visit.stay_ms) for visit in told.path] == [
        ("/", 0, 4000), ("/orders/:id", 4000, 5000), ("/orders/:id", 9000, 12000),
    ]  # fmt: skip
    assert [(kind.page, kind.visits, kind.last_ms) for kind in told.pages] == [("/", 1, 0), ("/orders/:id", 2, 9000)]


def test_requests_are_counted_by_method_and_template():
    told = (
        Story()
        .page(0, "/")
        .request(1, "/api/o/1")
        .request(2, "/api/o/2", 404)
        .request(3, "/api/o/3", 200, "PUT")
        .told()
    )
    assert [(one.method, one.url, one.count, one.failed, one.last_good_ms) for one in told.requests] == [
        ("GET", "/api/o/:id", 2, 1, 1000), ("PUT", "/api/o/:id", 1, 0, 3000),
    ]  # fmt: skip


def test_another_host_is_named():
    found = only(Story().page(0, "/a").click(1, "Pay").request(1, "https://pay.example/v1/charges/99", 502, "POST"))
    assert found.url == "https://pay.example/v1/charges/:id"


# --- whatever comes ---------------------------------------------------------------------------------------------------

_TEXT = st.text(max_size=40) | st.sampled_from(["Pay", "", "null", '{"error": 1}', "⟦7f3a", "https://[", "/a/1", "%00"])
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["page", "click", "typed", "request", "error", "issue", "own", "crash", "tap", "sample"]),
        st.integers(0, 400),
        _TEXT,
        st.sampled_from([0, 200, 301, 404, 500]),
    ),
    max_size=40,
)


def written(steps):
    story = Story()
    for kind, second, words, status in steps:
        if kind == "request":
            story.request(second, words, status, "POST", {"error": words})
        elif kind == "issue":
            story.issue(second, ("click_rage", "dead_click", "custom", "bad_request", "cpu")[status % 5], words)
        elif kind in {"crash", "error"}:
            story.error(second, words, kind=kind)
        elif kind == "tap":
            story.click(second, words, kind)
        elif kind == "sample":
            story.sample(second)
        elif kind == "own":
            story.own(second, words or "x", said=words)
        else:
            getattr(story, kind)(second, words)
    return story


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(_STEPS)
def test_whatever_comes_is_told_in_order_of_worth_with_moments_inside_the_session(steps):
    story = written(steps)
    told = story.told()
    assert [one.worth for one in told.findings] == sorted((one.worth for one in told.findings), reverse=True)
    end = max((event.offset_ms for event in story.events), default=0)
    for found in told.findings:
        assert 0 <= found.offset_ms <= found.last_offset_ms <= end
        assert found.count >= 1
        assert found.link == f"link?jumpto={found.offset_ms}"
        assert when(found)
        assert what(found)
    assert sum(told.counts.values()) == len(without_twins(arranged(story.events)))
    assert story.told() == told


def test_memory_is_bounded_by_what_is_distinct_not_by_how_much_there_is():
    """Fed from a generator; every page, request, error and own event differs from all others."""

    def events():
        for number in range(10_000):
            story = Story().page(number, f"/p{number:x}x").request(number, f"/api/r{number:x}x", 500)
            yield from (
                story.error(number, f"message {number:x}x", f"E{number:x}x").own(number, f"own {number:x}x").events
            )

    told = digest(events(), lambda _: "")
    assert len(told.findings) == 300
    assert told.findings_left_out > 0
    assert len(told.path) == 90
    assert told.pages_total == 10_000
    assert len(told.requests) == len(told.pages) == 300
    assert len(told.milestones) <= 60
    assert len(told.own_counts) <= 301


def test_every_kind_of_finding_has_words():
    for kind in Finding.model_fields["kind"].annotation.__args__:
        assert what(
            Finding(kind=kind, page="/a", offsets=[0], errors=[], said="x", issue="cpu", method="GET", url="/u")
        )
