"""Moments in what LogRocket's model writes: understood, and never its addresses passed on."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.logrocket.moments import moments_in, session_link

DASHBOARD = "https://app.logrocket.com"
RECORDING = "5-0f3c1f60-5a1e-4a7e-9d0b-2f6f2a9c1b11"
HOME = f"{DASHBOARD}/acme/shop/s/{RECORDING}/0"
AT = 1_795_196_573_056
WHEN = datetime(2026, 11, 20, 17, 42, 53, 56_000, tzinfo=UTC)


def found(markdown, *, org="acme", app="shop", dashboard=DASHBOARD):
    return moments_in(markdown, org=org, app=app, dashboard=dashboard)


def test_a_link_is_a_moment():
    (moment,) = found(f"The user [hit an error]({HOME}?t={AT}) at checkout.")
    assert moment.session_id == f"{RECORDING}/0"
    assert moment.at == WHEN
    assert moment.offset_ms is None
    assert moment.link == f"{HOME}?t={AT}"
    assert moment.label == "hit an error"


def test_moments_stand_once_and_in_order():
    text = (
        f"[b]({HOME}?t={AT + 1}), [a]({HOME}?t={AT}), again [c]({HOME}?t={AT + 1}), whole: {HOME}, other {HOME}7?t={AT}"
    )
    assert [(moment.label, moment.link.removeprefix(HOME)) for moment in found(text)] == [
        ("b", f"?t={AT + 1}"),
        ("a", f"?t={AT}"),
        ("", ""),
        ("", f"7?t={AT}"),
    ]


def test_there_are_at_most_a_hundred():
    text = "\n".join(f"* [step {number}]({HOME}?t={AT + number})" for number in range(150))
    moments = found(text)
    assert len(moments) == 100
    assert moments[-1].label == "step 99"


@pytest.mark.parametrize(
    ("markdown", "label"),
    [
        (f"{HOME}?t={AT}", ""),
        (f"<{HOME}?t={AT}>", ""),
        (f"See {HOME}?t={AT}.", ""),
        (f"**{HOME}?t={AT}**", ""),
        (f"({HOME}?t={AT})", ""),
        (f"[a [b] c]({HOME}?t={AT})", "a [b] c"),
        (f"[a \\[b\\] c](<{HOME}?t={AT}>)", "a \\[b\\] c"),
        (f'[a]( {HOME}?t={AT} "title")', "a"),
        (f"[{HOME}?t={AT}]({HOME}?t={AT})", f"{HOME}?t={AT}"),
        (f"[first] and [second]({HOME}?t={AT})", "second"),
        (f"[a\nb]({HOME}?t={AT})", ""),
        (f"[{'x' * 400}]({HOME}?t={AT})", ""),
        (f"[a]({HOME}/?t={AT})", "a"),
        (f"[a]({HOME}?x=1&t={AT}&y=2#z)", "a"),
        (f"[a]({HOME}?x=1&amp;t={AT})", "a"),
        (f"[a]({HOME.replace('https', 'HTTPS').replace('app.', 'App.')}?t={AT})", "a"),
        (f"[a]({HOME.replace('.com', '.com:443')}?t={AT})", "a"),
    ],
)
def test_links_are_found_however_they_are_written(markdown, label):
    (moment,) = found(markdown)
    assert (moment.label, moment.at, moment.link) == (label, WHEN, f"{HOME}?t={AT}")


@pytest.mark.parametrize(
    "address",
    [
        f"https://app.logrocket.com.evil.example/acme/shop/s/{RECORDING}/0?t={AT}",
        f"https://evil.example/acme/shop/s/{RECORDING}/0?t={AT}",
        f"https://app.logrocket.com@evil.example/acme/shop/s/{RECORDING}/0?t={AT}",
        f"https://evil@app.logrocket.com/acme/shop/s/{RECORDING}/0?t={AT}",
        f"https://app.logrocket.com:8443/acme/shop/s/{RECORDING}/0?t={AT}",
        f"{DASHBOARD}/other/shop/s/{RECORDING}/0?t={AT}",
        f"{DASHBOARD}/acme/other/s/{RECORDING}/0?t={AT}",
        f"{DASHBOARD}/ACME/shop/s/{RECORDING}/0?t={AT}",
    ],
)
def test_an_address_elsewhere_is_not_passed_on(address):
    (moment,) = found(f"[look here]({address})")
    assert (moment.link, moment.session_id, moment.at) == ("", f"{RECORDING}/0", WHEN)


@pytest.mark.parametrize(
    "address",
    [
        DASHBOARD,
        f"{DASHBOARD}/acme/shop/s/{RECORDING}",
        f"{DASHBOARD}/acme/shop/s/{RECORDING}/zero",
        f"{DASHBOARD}/acme/shop/s/../0?t={AT}",
        f"{DASHBOARD}/acme/shop/s/./0?t={AT}",
        f"{DASHBOARD}/acme/shop/s/5-%2e%2e%2f/0?t={AT}",
        f"{DASHBOARD}/acme/shop/s/{'5' * 101}/0?t={AT}",
        f"{DASHBOARD}/acme/shop/s/{RECORDING}/{'1' * 21}?t={AT}",
        f"{DASHBOARD}/acme/shop/s/{RECORDING}/0/edit?t={AT}",
        f"{DASHBOARD}/acme/shop/sessions/{RECORDING}/0?t={AT}",
        f"ftp://app.logrocket.com/acme/shop/s/{RECORDING}/0?t={AT}",
        f"javascript:alert(1)//app.logrocket.com/acme/shop/s/{RECORDING}/0",
        f"//app.logrocket.com/acme/shop/s/{RECORDING}/0?t={AT}",
        f"https://app.logrocket.com:port/acme/shop/s/{RECORDING}/0?t={AT}",
    ],
)
def test_other_addresses_are_no_moments(address):
    assert found(f"[look here]({address})") == []


@pytest.mark.parametrize("time", ["", "0", "4056", "99999999999999", "9" * 40, f"-{AT}", f"{AT}x", "soon"])
def test_a_time_that_is_none_opens_the_session_at_its_start(time):
    (moment,) = found(f"[a]({HOME}?t={time})")
    assert (moment.at, moment.link) == (None, HOME)


def test_a_private_cloud_may_have_a_path():
    home = "https://replay.example.org:8443/logrocket"
    (moment,) = found(f"[a]({home}/acme/shop/s/{RECORDING}/2?t={AT})", dashboard=home)
    assert moment.link == f"{home}/acme/shop/s/{RECORDING}/2?t={AT}"


def test_names_are_compared_unescaped_and_links_escaped():
    (moment,) = found(f"{DASHBOARD}/acme%20inc/shop/s/{RECORDING}/0", org="acme inc")
    assert moment.link == f"{DASHBOARD}/acme%20inc/shop/s/{RECORDING}/0"


def test_a_link_is_made_of_escaped_parts():
    link = session_link(f"{RECORDING}/3", AT, org="a/b", app="c#d", dashboard=DASHBOARD)
    assert link == f"{DASHBOARD}/a%2Fb/c%23d/s/{RECORDING}/3?t={AT}"


@pytest.mark.parametrize(
    "session_id", ["", "5-abc", "5-abc/", "/0", "../0", "./0", "5-abc/0/1", "5-a?b/0", "5-abc/0\n"]
)
def test_there_is_no_link_to_a_malformed_id(session_id):
    assert session_link(session_id, AT, org="acme", app="shop", dashboard=DASHBOARD) == ""


@pytest.mark.parametrize("unknown", ["org", "app", "dashboard"])
def test_there_is_no_link_to_an_unknown_place(unknown):
    known = {"org": "acme", "app": "shop", "dashboard": DASHBOARD} | {unknown: ""}
    assert session_link(f"{RECORDING}/0", **known) == ""


PIECES = [
    "[",
    "]",
    "](",
    ")",
    "<",
    "\\",
    "https://",
    "@",
    ":",
    "/",
    "/s/",
    "?t=",
    "&t=",
    str(AT),
    HOME,
    "acme/shop",
    "[[",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join))
def test_whatever_is_written_links_lead_home(markdown):
    for moment in found(markdown):
        assert urlsplit(moment.link).netloc in {"", "app.logrocket.com"}
        assert not moment.link or moment.link.startswith(f"{DASHBOARD}/acme/shop/s/")


@pytest.mark.parametrize("unit", ["[", "[a", "[[", "[a]", "[a](", "[\\", "https://", "[https://a/", "[[a](http://"])
def test_hostile_texts_take_no_time(unit):
    # Quadratic time would take minutes here.
    assert found(unit * (200_000 // len(unit))) == []
