"""What people call a time becomes one absolute moment, or is refused with the forms that work."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openreplay_tools import windows
from openreplay_tools.errors import ArgumentsError, ConfigurationError

NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)  # a Friday
Z = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def read(text, edge="start", zone=Z, now=NOW):
    value = windows.moment(text, now=now, zone=zone, field="since", edge=edge)
    assert value.tzinfo is zone
    return value.isoformat(" ").removesuffix("+00:00").removesuffix(":00")


def refusal(text, zone=Z):
    with pytest.raises(ArgumentsError) as caught:
        windows.moment(text, now=NOW, zone=zone, field="since", edge="start")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-20 18:15"),
        ("24h", "2026-11-19 18:15"),
        ("  24 H ", "2026-11-19 18:15"),
        ("-24h", "2026-11-19 18:15"),
        ("now-24h", "2026-11-19 18:15"),
        ("7d", "2026-11-13 18:15"),
        ("30m", "2026-11-20 17:45"),
        ("45 min", "2026-11-20 17:30"),
        ("90s", "2026-11-20 18:13:30"),
        ("2w", "2026-11-06 18:15"),
        ("3 months", "2026-08-20 18:15"),
        ("9 months", "2026-02-20 18:15"),
        ("12 mo", "2025-11-20 18:15"),
        ("1y", "2025-11-20 18:15"),
        ("1 year", "2025-11-20 18:15"),
        ("0d", "2026-11-20 18:15"),
        ("24h ago", "2026-11-19 18:15"),
        ("an hour ago", "2026-11-20 17:15"),
        ("a day ago", "2026-11-19 18:15"),
        ("two weeks ago", "2026-11-06 18:15"),
        ("twelve months", "2025-11-20 18:15"),
        ("14:00", "2026-11-20 14:00"),
        ("9am", "2026-11-20 09:00"),
        ("5:30 pm", "2026-11-20 17:30"),
        ("12 a.m.", "2026-11-20 00:00"),
        ("12pm", "2026-11-20 12:00"),
        ("yesterday 14:00", "2026-11-19 14:00"),
        ("Yesterday at noon", "2026-11-19 12:00"),
        ("today midnight", "2026-11-20 00:00"),
        ("monday 9:00", "2026-11-16 09:00"),
        ("Monday at 9", "2026-11-16 09:00"),
        ("last friday 9:00", "2026-11-13 09:00"),
        ("friday, 9am", "2026-11-20 09:00"),
        ("2026-11-03 14:00", "2026-11-03 14:00"),
        ("2026-11-03 14:00:05", "2026-11-03 14:00:05"),
        ("2026-11-03 14:00:05.25", "2026-11-03 14:00:05.250000"),
        ("2026-11-03T14:00:05.123456789Z", "2026-11-03 14:00:05.123456"),
        ("2026-11-03T14:00+01:00", "2026-11-03 13:00"),
        ("2026-11-03t14:00:00-0530", "2026-11-03 19:30"),
        ("2026-11-03 14:00 +02", "2026-11-03 12:00"),
        ("2026-11-03 14:00 UTC", "2026-11-03 14:00"),
        ("2026-11-03 14:00 Europe/Berlin", "2026-11-03 13:00"),
        ("3 Nov 2026 14:00", "2026-11-03 14:00"),
        ("1795082406000", "2026-11-19 10:00:06"),
        ("1795082406056", "2026-11-19 10:00:06.056000"),
        ("946684800000", "2000-01-01 00:00"),
    ],
)
def test_an_instant_is_the_same_at_both_edges(text, expected):
    assert read(text) == read(text, "end") == expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "2026-11-20", "2026-11-21"),
        ("YESTERDAY", "2026-11-19", "2026-11-20"),
        ("friday", "2026-11-20", "2026-11-21"),
        ("last friday", "2026-11-13", "2026-11-14"),
        ("monday", "2026-11-16", "2026-11-17"),
        ("last monday", "2026-11-16", "2026-11-17"),
        ("saturday", "2026-11-14", "2026-11-15"),
        ("tue", "2026-11-17", "2026-11-18"),
        ("this week", "2026-11-16", "2026-11-23"),
        ("last week", "2026-11-09", "2026-11-16"),
        ("previous week", "2026-11-09", "2026-11-16"),
        ("this month", "2026-11-01", "2026-12-01"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("this quarter", "2026-10-01", "2027-01-01"),
        ("last quarter", "2026-07-01", "2026-10-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("2026-11-03", "2026-11-03", "2026-11-04"),
        ("2026/11/3", "2026-11-03", "2026-11-04"),
        ("20261103", "2026-11-03", "2026-11-04"),
        ("2026-11-03 UTC", "2026-11-03", "2026-11-04"),
        ("2026-11", "2026-11-01", "2026-12-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("November 2026", "2026-11-01", "2026-12-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-W45", "2026-11-02", "2026-11-09"),
        ("2026w01", "2025-12-29", "2026-01-05"),
        ("3 Nov 2026", "2026-11-03", "2026-11-04"),
        ("3rd november 2026", "2026-11-03", "2026-11-04"),
        ("November 3, 2026", "2026-11-03", "2026-11-04"),
        ("Nov 3", "2026-11-03", "2026-11-04"),
        ("Sept 1", "2026-09-01", "2026-09-02"),
        ("21 Nov", "2025-11-21", "2025-11-22"),
        ("Feb 29", "2024-02-29", "2024-03-01"),
        ("2999", "2999-01-01", "3000-01-01"),
    ],
)
def test_a_period_has_two_edges(text, start, end):
    assert (read(text), read(text, "end")) == (f"{start} 00:00", f"{end} 00:00")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("last 24 hours", "2026-11-19 18:15"),
        ("past 7 days", "2026-11-13 18:15"),
        ("last 2 weeks", "2026-11-06 18:15"),
        ("the last three months", "2026-08-20 18:15"),
        ("last hour", "2026-11-20 17:15"),
        ("past week", "2026-11-13 18:15"),
        ("past month", "2026-10-20 18:15"),
    ],
)
def test_the_last_units_reach_to_now(text, start):
    assert (read(text), read(text, "end")) == (start, "2026-11-20 18:15")


@pytest.mark.parametrize(
    ("text", "zone", "now", "start", "end"),
    [
        # In Berlin it is 19:15; midnight there is 23:00 UTC.
        ("today", BERLIN, NOW, "2026-11-20 00:00:00+01", "2026-11-21 00:00:00+01"),
        ("yesterday 14:00", BERLIN, NOW, "2026-11-19 14:00:00+01", "2026-11-19 14:00:00+01"),
        ("2026-07-01", BERLIN, NOW, "2026-07-01 00:00:00+02", "2026-07-02 00:00:00+02"),
        ("2026-10", BERLIN, NOW, "2026-10-01 00:00:00+02", "2026-11-01 00:00:00+01"),
        ("2026-11-03T14:00Z", BERLIN, NOW, "2026-11-03 15:00:00+01", "2026-11-03 15:00:00+01"),
        ("2026-11-03 14:00 Europe/Berlin", BERLIN, NOW, "2026-11-03 14:00:00+01", "2026-11-03 14:00:00+01"),
        # Late on the 20th in New York is already the 21st in UTC.
        ("today", NEW_YORK, NOW + timedelta(hours=9), "2026-11-20 00:00:00-05", "2026-11-21 00:00:00-05"),
        # Clocks go forward on 2026-03-08 at 2:00 and back on 2026-11-01 at 2:00.
        ("2026-03-08", NEW_YORK, NOW, "2026-03-08 00:00:00-05", "2026-03-09 00:00:00-04"),
        ("2026-03-08 02:30", NEW_YORK, NOW, "2026-03-08 03:30:00-04", "2026-03-08 03:30:00-04"),
        ("2026-11-01", NEW_YORK, NOW, "2026-11-01 00:00:00-04", "2026-11-02 00:00:00-05"),
        ("2026-11-01 01:30", NEW_YORK, NOW, "2026-11-01 01:30:00-04", "2026-11-01 01:30:00-04"),
        ("2026-11-01 01:30-05:00", NEW_YORK, NOW, "2026-11-01 01:30:00-05", "2026-11-01 01:30:00-05"),
        # A calendar day back keeps the clock; 24 hours do not.
        ("1d", NEW_YORK, datetime(2026, 11, 1, 17, tzinfo=UTC), "2026-10-31 12:00:00-04", "2026-10-31 12:00:00-04"),
        ("24h", NEW_YORK, datetime(2026, 11, 1, 17, tzinfo=UTC), "2026-10-31 13:00:00-04", "2026-10-31 13:00:00-04"),
        ("48h", NEW_YORK, datetime(2026, 11, 2, 17, tzinfo=UTC), "2026-10-31 13:00:00-04", "2026-10-31 13:00:00-04"),
        (
            "1 month",
            NEW_YORK,
            datetime(2026, 3, 31, 12, tzinfo=UTC),
            "2026-02-28 08:00:00-05",
            "2026-02-28 08:00:00-05",
        ),
        # Midnight did not exist in Cairo on 2026-04-24.
        ("2026-04-24", ZoneInfo("Africa/Cairo"), NOW, "2026-04-24 01:00:00+03", "2026-04-25 00:00:00+03"),
    ],
)
def test_days_and_clocks_are_the_zones(text, zone, now, start, end):
    assert (read(text, "start", zone, now), read(text, "end", zone, now)) == (start, end)


@pytest.mark.parametrize(
    "text", ["1999-12-31", "0001-01-01", "1995", "100 years", "99999y", "999999999999d", "Nov 3, 1990"]
)
def test_nothing_is_earlier_than_the_server_keeps(text):
    for zone in (Z, BERLIN, NEW_YORK):
        value = windows.moment(text, now=NOW, zone=zone, field="since", edge="start")
        assert windows.Window(value, value).start_ms == 946684800000


@pytest.mark.parametrize("text", ["3000-01-01", "9999-12-31", "9998-12", "3 Nov 4000"])
def test_nothing_is_later_than_the_year_2999(text):
    assert refusal(text) == f'"{text}" in since is after the year 2999. Give an earlier time.'


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "last summer",
            "tomorrow",
            "next week",
            "soon",
            "h",
            "-",
            "ago",
            "a",
            "am",
            "ad",
            "as",
            "1.5h",
            "5",
        ),
        *("2026-13-01", "2026-02-30", "2026-13", "2026-W54", "2026-00", "25:00", "12:60", "13pm", "0am", "24:00", "9"),
        *("yesterday tomorrow", "last week 9:00", "2026-11 9:00", "24h 9:00", "now 9:00", "31 Feb", "Feb 30, 2026"),
        *("2026-11-03 14:00 Mars/Olympus", "2026-11-03 14:00+99:00", "2026-11-03 14:00 ../x", "٢٤h", "0000", "1400"),
        *(
            "4113715799632532494",
            "1795082406000000",
            "monday week",
            "moonday",
            "9" * 5000,
            "24h\x00",
            "\ud800",
            "1h" * 99,
        ),
    ],
)
def test_unclear_times_are_refused(text):
    message = refusal(text, BERLIN)
    assert message.startswith('Unclear time "')
    assert message.endswith(
        " in since. Use forms such as 24h, 7d, yesterday, last week, 2026-11-03, 2026-11-03 14:00, "
        "or epoch milliseconds; the zone is Europe/Berlin."
    )


def test_what_was_given_is_shown_cleaned_and_cut():
    assert refusal("last\u202e \x1b[31msummer\n").startswith('Unclear time "last [31msummer" in since. ')
    assert refusal("x" * 200).startswith(f'Unclear time "{"x" * 79}…" in since. ')


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1795082406", "it looks like epoch seconds. Use epoch milliseconds: 1795082406000."),
        ("03/11/2026", "day or month first? Use 2026-03-11 or 2026-11-03."),
        ("25/11/2026 14:00", "day or month first? Use 2026-11-25."),
        ("3.11.2026", "day or month first? Use 2026-03-11 or 2026-11-03."),
        ("99/99/2026", "day or month first? Use 2026-11-03."),
    ],
)
def test_two_readings_are_refused_with_both(text, hint):
    assert refusal(text) == f'Unclear time "{text}" in since: {hint}'


@given(st.text(), st.sampled_from(["start", "end"]), st.sampled_from([Z, BERLIN, NEW_YORK]))
def test_any_text_gives_a_moment_or_is_refused(text, edge, zone):
    try:
        value = windows.moment(text, now=NOW, zone=zone, field="since", edge=edge)
    except ArgumentsError:
        return
    assert value.tzinfo is zone


WORDS = (
    "now today yesterday monday last past this week month quarter year ago at a two 24 7 d h mo y : - / t z am pm "
    "2026 11 03 14:00 00 w q 45 nov 29 feb utc europe/berlin + . , 9999 0001 noon 99999999"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=6), st.sampled_from(["", " "]), st.sampled_from([Z, BERLIN]))
@example(["9999", "-", "w", "52"], "", BERLIN)
def test_near_misses_give_a_moment_or_are_refused(words, glue, zone):
    for edge in ("start", "end"):
        try:
            value = windows.moment(glue.join(words), now=NOW, zone=zone, field="since", edge=edge)
        except ArgumentsError:
            continue
        assert 946684800000 <= windows.Window(value, value).start_ms <= 32503680000000


# --- Windows ---


def between(since, until, default=timedelta(days=7), zone=Z, now=NOW):
    return windows.window(since, until, now=now, zone=zone, default=default)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("", "", "2026-11-13 18:15 – 2026-11-20 18:15 UTC"),
        ("yesterday", "", "2026-11-19 00:00 – 2026-11-20 18:15 UTC"),
        ("yesterday", "yesterday", "2026-11-19 00:00 – 2026-11-20 00:00 UTC"),
        ("last week", "last week", "2026-11-09 00:00 – 2026-11-16 00:00 UTC"),
        ("2026-11", "2026-11-03", "2026-11-01 00:00 – 2026-11-04 00:00 UTC"),
        ("90s", " ", "2026-11-20 18:13:30 – 2026-11-20 18:15:00 UTC"),
        ("", "2026-11-03", "2026-10-28 00:00 – 2026-11-04 00:00 UTC"),
        ("", "today", "2026-11-13 18:15 – 2026-11-21 00:00 UTC"),
        ("1990", "2001", "2000-01-01 00:00 – 2002-01-01 00:00 UTC"),
    ],
)
def test_a_window_names_its_bounds(since, until, expected):
    read = between(since, until)
    assert read.text() == expected
    assert not read.everything


def test_a_window_is_in_the_readers_zone():
    read = between("2026-11-03", "2026-11-03 14:00", zone=BERLIN)
    assert read.text() == "2026-11-03 00:00 – 2026-11-03 14:00 Europe/Berlin"
    assert read.start_ms == 1793660400000
    assert read.end_ms - read.start_ms == 14 * 3600 * 1000


def test_what_was_shown_can_be_passed_back():
    start, end = between("yesterday", "", zone=BERLIN).text().removesuffix(" Europe/Berlin").split(" – ")
    assert between(start, f"{end} Europe/Berlin", zone=BERLIN) == between("yesterday", "", zone=BERLIN)


def test_unbounded_is_everything_to_a_day_after_now():
    read = between("", "", default=None)
    assert read.everything
    assert (read.start_ms, read.end) == (946684800000, NOW + timedelta(days=1))
    assert read.text() == "all time (to 2026-11-20 18:15 UTC)"


def test_one_bound_is_not_everything():
    assert between("", "2026-11-03", default=None).text() == "2000-01-01 00:00 – 2026-11-04 00:00 UTC"
    assert between("2026", "", default=None).text() == "2026-01-01 00:00 – 2026-11-20 18:15 UTC"


def test_the_default_keeps_the_clock_over_a_change():
    noon = datetime(2026, 11, 3, 17, tzinfo=UTC)
    assert between("", "", zone=NEW_YORK, now=noon).text() == "2026-10-27 12:00 – 2026-11-03 12:00 America/New_York"
    day = between("", "", timedelta(hours=50), NEW_YORK, noon - timedelta(days=2))
    assert day.text() == "2026-10-30 11:00 – 2026-11-01 12:00 America/New_York"


def test_an_empty_window_shows_both_readings():
    with pytest.raises(ArgumentsError) as caught:
        between("yesterday", "2026-11-01")
    assert str(caught.value) == (
        'Nothing lies in the window since "yesterday" until "2026-11-01": '
        "2026-11-19 00:00 – 2026-11-02 00:00 UTC. Give a since that is before until."
    )
    with pytest.raises(ArgumentsError, match='until "now"'):
        between("now", "")
    with pytest.raises(ArgumentsError, match='since "omitted"'):
        between("", "1999", default=None)


def test_the_repeated_hour_has_a_length():
    read = between("2026-11-01 01:30-04:00", "2026-11-01 01:10-05:00", zone=NEW_YORK)
    assert read.end_ms - read.start_ms == 40 * 60 * 1000


# --- Zones ---


def test_zones_are_found_by_name():
    assert windows.zone("").key == "UTC"
    assert windows.zone(" Europe/Berlin ").key == "Europe/Berlin"
    assert windows.zone("europe/berlin").key == "Europe/Berlin"


@pytest.mark.parametrize(
    "name", ["Europe/Berln", "Europe", "../etc/passwd", "/etc/passwd", "x\x00", "\ud800", "x" * 5000, "+02:00"]
)
def test_unknown_zones_name_the_setting(name):
    with pytest.raises(ConfigurationError) as caught:
        windows.zone(name)
    assert str(caught.value).startswith('OPENREPLAY_TIMEZONE "')
    assert " is not an IANA time zone such as Europe/Berlin or UTC." in str(caught.value)
    if name == "Europe/Berln":
        assert str(caught.value).split(" Nearest: ")[1].startswith("Europe/Berlin")


def test_a_system_without_zones_says_what_to_install(monkeypatch):
    monkeypatch.setattr(windows, "available_timezones", set)
    with pytest.raises(ConfigurationError, match="Install the Python package tzdata"):
        windows.zone("Nowhere")


# --- Offsets ---


@pytest.mark.parametrize(
    ("ms", "plain", "exact"),
    [
        (0, "0:00", "0:00.000"),
        (4056, "0:04", "0:04.056"),
        (59999, "0:59", "0:59.999"),
        (725000, "12:05", "12:05.000"),
        (3723000, "1:02:03", "1:02:03.000"),
        (360000000, "100:00:00", "100:00:00.000"),
        (-4056, "-0:04", "-0:04.056"),
        (-56, "0:00", "-0:00.056"),
    ],
)
def test_offsets_are_written(ms, plain, exact):
    assert windows.format_offset(ms) == plain
    assert windows.format_offset(ms, millis=True) == exact


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("4:10", 250000),
        ("1:02:03", 3723000),
        ("0:04.5", 4500),
        ("0:04.056", 4056),
        ("75:10", 4510000),
        ("250", 250000),
        ("4.5", 4500),
        ("90s", 90000),
        ("2m", 120000),
        ("1m30s", 90000),
        (" 1H 2min 3 sec ", 3723000),
        ("0", 0),
    ],
)
def test_offsets_are_read(text, ms):
    assert windows.parse_offset(text, field="at") == ms


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "-4", "4:1", "4:60", "1:60:00", "1:2:3:4", "4:", "s", "m", "9" * 5000, "٤"]
)
def test_unclear_offsets_are_refused(text):
    with pytest.raises(ArgumentsError, match=r"^Unclear offset .* in at\. Use minutes:seconds such as 4:10"):
        windows.parse_offset(text, field="at")


@given(st.integers(0, 10**10))
def test_offsets_survive_a_round_trip(ms):
    assert windows.parse_offset(windows.format_offset(ms, millis=True), field="at") == ms


@given(st.text())
def test_any_text_gives_an_offset_or_is_refused(text):
    with suppress(ArgumentsError):
        assert windows.parse_offset(text, field="at") >= 0


def test_moments_are_written_to_the_second():
    assert windows.format_moment(datetime(2026, 11, 20, 17, 42, 48, 999999, tzinfo=UTC)) == "2026-11-20 17:42:48"
