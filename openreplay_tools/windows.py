"""What people call a time, read into an absolute window with its zone.

A text is read in four steps: a zone at its end, a clock time at its end, then what is left as an instant, a day or a
longer period. A period has two edges; `since` takes its start and `until` its (exclusive) end.
"""

from __future__ import annotations

import difflib
import re
from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from openreplay_tools.errors import ArgumentsError, ConfigurationError
from openreplay_tools.text import Given

Edge: TypeAlias = Literal["start", "end"]
_Span: TypeAlias = tuple[datetime, datetime]  # twice the same: an instant

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)  # the server's minimum: 946684800000
LAST_YEAR: Final = 2999
_LONGEST: Final = 100  # characters of a text worth reading
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
_CLOCK_SKEW: Final = _DAY  # how far all time reaches past now: recording devices have wrong clocks


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time [start, end), aware datetimes in the reader's zone."""

    start: datetime
    end: datetime
    everything: bool = False  # nobody narrowed it: all time, to a day after now

    @property
    def start_ms(self) -> int:
        """The start in epoch milliseconds."""
        return (self.start - _EPOCH) // _MILLISECOND

    @property
    def end_ms(self) -> int:
        """The exclusive end in epoch milliseconds."""
        return (self.end - _EPOCH) // _MILLISECOND

    def text(self) -> str:
        """How an answer names this window, for example `2026-11-19 00:00 – 2026-11-20 18:15 UTC`."""
        if self.everything:
            return f"all time (to {format_moment(_shifted(self.end, -_CLOCK_SKEW), seconds=False)} {self.end.tzinfo})"
        seconds = bool(self.start.second or self.end.second)
        bounds = [format_moment(bound, seconds=seconds) for bound in (self.start, self.end)]
        return f"{' – '.join(bounds)} {self.end.tzinfo}"


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The reader's present: everything relative is counted from here."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        return self.now.date()

    def at(self, day: date, clock: time = time.min) -> datetime:
        """A wall-clock time: one that does not exist moves forward, of an ambiguous one the first is taken."""
        if day.year < EARLIEST.year - 1:
            return EARLIEST
        return datetime.combine(day, clock, self.zone).astimezone(UTC).astimezone(self.zone)

    def days(self, first: date, after: date) -> _Span:
        """From the midnight that opens `first` to the midnight that opens `after`."""
        return self.at(first), self.at(after)


def zone(name: str) -> ZoneInfo:
    """Find a time zone by its IANA name; an empty name is UTC, an unknown one a ConfigurationError."""
    wanted = name.strip() or "UTC"
    try:
        return ZoneInfo(wanted)
    except (KeyError, ValueError, OSError):
        known = {each.casefold(): each for each in available_timezones()}
    if wanted.casefold() in known:
        return ZoneInfo(known[wanted.casefold()])
    if not known:
        raise ConfigurationError("This system has no time zone database. Install the Python package tzdata.")
    near = [known[each] for each in difflib.get_close_matches(wanted.casefold()[:_LONGEST], sorted(known))]
    nearest = f" Nearest: {', '.join(near)}." if near else ""
    raise ConfigurationError(
        f"OPENREPLAY_TIMEZONE {_given(name)} is not an IANA time zone such as Europe/Berlin or UTC.{nearest}"
    )


def moment(text: str, *, now: datetime, zone: ZoneInfo, field: str, edge: Edge) -> datetime:
    """Read one bound of a window as people say it: `24h`, `yesterday 14:00`, `last week`, `2026-11-03` and more.

    Days and clock times are those of `zone`; `edge` picks the end of a named period; ArgumentsError names `field`.
    """
    spoken = " ".join(text.split())
    _refuse_lookalikes(spoken, field)
    try:
        span = _span(spoken, now, zone) if 0 < len(spoken) <= _LONGEST else None
    except ValueError:
        span = None  # no such month, day or hour
    except OverflowError:
        span = (datetime.max.replace(tzinfo=UTC),) * 2
    if span is None:
        raise ArgumentsError(
            "Unclear time ", _given(text), f" in {field}. Use forms such as 24h, 7d, yesterday, last week, 2026-11-03, "
            f"2026-11-03 14:00, or epoch milliseconds; the zone is {zone.key}."
        )  # fmt: skip
    if span[0].year > LAST_YEAR:
        raise ArgumentsError(_given(text), f" in {field} is after the year {LAST_YEAR}. Give an earlier time.")
    return max(span[0 if edge == "start" else 1], EARLIEST).astimezone(zone)


def window(  # noqa: PLR0913
    since: str, until: str, *, now: datetime, zone: ZoneInfo, default: timedelta | None, prefix: str = ""
) -> Window:
    """Read both bounds, or raise ArgumentsError when one is unclear or nothing lies between them.

    An omitted `since` is `default` before now or an earlier `until` (None: all time), an omitted `until` now.
    A period named by `until` belongs to the window. `prefix` goes before both names in errors.
    """
    since, until, here = since.strip(), until.strip(), now.astimezone(zone)
    everything = not since and not until and default is None
    if until:
        end = moment(until, now=now, zone=zone, field=f"{prefix}until", edge="end")
    else:
        end = _shifted(here, _CLOCK_SKEW) if everything else here
    if since:
        start = moment(since, now=now, zone=zone, field=f"{prefix}since", edge="start")
    elif default is None:
        start = EARLIEST
    else:
        # Two datetimes of one zone would compare by their wall clocks.
        start = max(_before(min(end.astimezone(UTC), here.astimezone(UTC)).astimezone(zone), default), EARLIEST)
    read = Window(start.astimezone(zone), end, everything)
    if read.start_ms >= read.end_ms:
        said = f"{prefix}since {_given(since or 'omitted')} {prefix}until {_given(until or 'now')}"
        raise ArgumentsError(f"Nothing lies in the window {said}: {read.text()}. Give a since that is before until.")
    return read


def format_moment(value: datetime, *, seconds: bool = True) -> str:
    """A moment in its own zone, for example `2026-11-20 17:42:48`."""
    return value.isoformat(" ")[: 19 if seconds else 16]


def format_offset(ms: int, *, millis: bool = False) -> str:
    """A distance from a start, for example `0:04`, `1:02:03`, or `0:04.056` with `millis`."""
    seconds, rest = divmod(abs(ms), 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    clock = f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
    sign = "-" if ms < 0 and (millis or seconds) else ""
    return f"{sign}{clock}.{rest:03}" if millis else f"{sign}{clock}"


_CLOCK_OFFSET = re.compile(r"(?:(\d{1,4}):(?=[0-5]\d:))?(\d{1,6}):([0-5]\d)(?:\.(\d{1,9}))?", re.ASCII)
_SPOKEN_OFFSET = re.compile(
    r"(?=\d)(?:(\d{1,4}) ?h)? ?(?:(\d{1,6}) ?m(?:in)?)? ?(?:(\d{1,9})(?:\.(\d{1,9}))? ?(?:s|sec)?)?", re.ASCII
)


def parse_offset(text: str, *, field: str) -> int:
    """Read a distance from a start (`4:10`, `1m30s`; a plain number is seconds) into milliseconds."""
    spoken = " ".join(text.split()).lower()
    found = _CLOCK_OFFSET.fullmatch(spoken) or _SPOKEN_OFFSET.fullmatch(spoken)
    if not found:
        raise ArgumentsError(
            "Unclear offset ", _given(text), f" in {field}. Use minutes:seconds such as 4:10 or 1:02:03, or 90s, 1m30s."
        )
    hours, minutes, seconds = (int(part or 0) for part in found.group(1, 2, 3))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((found[4] or "").ljust(3, "0")[:3])


_OFFSET_AT_END = re.compile(r"(.*\d:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(?:z|([+-])(\d\d)(?::?([0-5]\d))?)", re.ASCII)
_CLOCK_AT_END = re.compile(
    r"(?:(?P<day>.*?)(?:, | at | |(?<=\d)t))??(?:at )?"
    r"(?:(?P<h24>\d{1,2}):(?P<m24>\d\d)(?::(?P<s24>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"|(?P<h12>\d{1,2})(?::(?P<m12>\d\d))? ?(?P<half>[ap])\.?m\.?"
    r"|(?<=at )(?P<hour>\d{1,2})|(?P<named>noon|midnight))",
    re.ASCII,
)


def _span(spoken: str, now: datetime, reader_zone: ZoneInfo) -> _Span | None:
    """Read a whole text; None when no form fits."""
    spoken, read_zone = _split_zone(spoken.lower(), reader_zone)
    calendar = _Calendar(now.astimezone(read_zone), read_zone)
    if found := _CLOCK_AT_END.fullmatch(spoken):
        day = _day(found["day"] or "today", calendar)
        return (calendar.at(day, _clock(found)),) * 2 if day else None
    if day := _day(spoken, calendar):
        return calendar.days(day, day + _DAY)
    if spoken == "now":
        return calendar.now, calendar.now
    if re.fullmatch(r"[0-9]{12,13}", spoken):
        return (_EPOCH + int(spoken) * _MILLISECOND,) * 2
    return _named_period(spoken, calendar) or _distance(spoken, calendar) or _calendar_period(spoken, calendar)


def _split_zone(spoken: str, reader_zone: ZoneInfo) -> tuple[str, tzinfo]:
    """Take an offset or zone name off the end; without one the reader's zone holds."""
    if found := _OFFSET_AT_END.fullmatch(spoken):
        size = timedelta(hours=int(found[3] or 0), minutes=int(found[4] or 0))
        return found[1], timezone(-size if found[2] == "-" else size)
    rest, _, name = spoken.rpartition(" ")
    try:
        if rest and (name in {"utc", "gmt", "z", reader_zone.key.lower()} or "/" in name):
            return rest, zone("UTC" if name == "z" else name)
    except ConfigurationError:
        pass  # then it is no zone
    return spoken, reader_zone


def _clock(found: re.Match[str]) -> time:
    """The clock time in a match of `_CLOCK_AT_END`; ValueError when there is no such time."""
    if found["named"]:
        return time(12 if found["named"] == "noon" else 0)
    if found["half"]:
        # 12 am is midnight and 12 pm noon; 13 pm is refused with month 13.
        return time(date(1, int(found["h12"]), 1).month % 12 + 12 * (found["half"] == "p"), int(found["m12"] or 0))
    micros = int((found["fraction"] or "").ljust(6, "0")[:6])
    return time(int(found["h24"] or found["hour"]), int(found["m24"] or 0), int(found["s24"] or 0), micros)


_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY = re.compile(r"(?:(last|past|previous) )?(mon|tues?|wed|wednes|thu|thurs?|fri|sat|satur|sun)(?:day)?")
_ISO_DAY = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})|((?:19|2\d)\d\d)(\d\d)(\d\d)", re.ASCII)
_MONTH_NAME = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_SPOKEN_DAY = re.compile(
    rf"(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th|\.)? )?{_MONTH_NAME}"
    r"(?(before)| (?P<after>\d{1,2})(?:st|nd|rd|th)?)(?:,? (?P<year>\d{4}))?",
    re.ASCII,
)


def _day(spoken: str, calendar: _Calendar) -> date | None:
    """Read a text that names one day."""
    if spoken in {"today", "yesterday"}:
        return calendar.today - timedelta(days=spoken == "yesterday")
    if found := _WEEKDAY.fullmatch(spoken):
        back = (calendar.today.weekday() - _WEEKDAYS.index(found[2][:3])) % 7
        return calendar.today - timedelta(days=back or (7 if found[1] else 0))
    if found := _ISO_DAY.fullmatch(spoken):
        year, month, day = (int(part) for part in (found.group(1, 3, 4) if found[1] else found.group(5, 6, 7)))
        return date(year, month, day)
    if found := _SPOKEN_DAY.fullmatch(spoken):
        month, day = _MONTHS.index(found["month"][:3]) + 1, int(found["before"] or found["after"])
        return date(int(found["year"]), month, day) if found["year"] else _latest(month, day, calendar.today)
    return None


def _latest(month: int, day: int, today: date) -> date:
    """The most recent past day with this month and day; ValueError when there is none."""
    years = (year for year in range(today.year, today.year - 9, -1) if (month, day) != (2, 29) or isleap(year))
    return next(found for year in years if (found := date(year, month, day)) <= today)


_WORDS: Final = (
    "an",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBERS: Final = {"a": 1, "an": 1} | {word: number for number, word in enumerate(_WORDS) if number}
_DISTANCE = re.compile(
    r"(?:(?P<back>(?:the )?(?:last|past|previous) )|now ?-|-)? ?"
    rf"(?:(?P<count>\d{{1,12}}) ?|(?P<word>{'|'.join(_NUMBERS)}) )?"
    r"(?P<unit>s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:(?:ee)?ks?)?"
    r"|mo(?:nth)?s?|quarters?|y(?:(?:ea)?rs?)?)(?: ago)?",
    re.ASCII,
)
_SECONDS_IN: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MONTHS_IN: Final = {"mo": 1, "month": 1, "q": 3, "quarter": 3, "y": 12, "year": 12}
_NAMED_PERIOD = re.compile(r"(?P<which>this|last|previous) (?P<unit>week|month|quarter|year)")
_CALENDAR_PERIOD = re.compile(
    rf"(?P<year>\d{{4}})-?(?:w(?P<week>\d{{1,2}})|q(?P<quarter>[1-4])|(?<=-)(?P<number>\d{{1,2}}))"
    rf"|{_MONTH_NAME},? (?P<later>\d{{4}})|(?P<whole>(?:19|2\d)\d\d)",
    re.ASCII,
)


def _named_period(spoken: str, calendar: _Calendar) -> _Span | None:
    """`this week`, `last month`, `previous quarter`: whole calendar periods."""
    found = _NAMED_PERIOD.fullmatch(spoken)
    if not found:
        return None
    back = 0 if found["which"] == "this" else 1
    if found["unit"] == "week":
        monday = calendar.today - timedelta(days=calendar.today.weekday() + 7 * back)
        return calendar.days(monday, monday + 7 * _DAY)
    size = _MONTHS_IN[found["unit"]]
    return _months(calendar.today.year, (calendar.today.month - 1) // size * size + 1 - back * size, size, calendar)


def _distance(spoken: str, calendar: _Calendar) -> _Span | None:
    """`24h`, `two weeks ago`, `3 months`: a point back from now; `last 24 hours` reaches from there to now."""
    found = _DISTANCE.fullmatch(spoken)
    if not found or not (found["count"] or found["word"] or found["back"]):
        return None
    count = int(found["count"] or _NUMBERS[found["word"] or "one"])
    unit = "mo" if found["unit"].startswith("mo") else found["unit"][0]
    now = calendar.now
    try:
        if unit in _SECONDS_IN:
            start = _before(now, timedelta(seconds=count * _SECONDS_IN[unit]), keep_clock=unit in "dw")
        else:
            start = calendar.at(_months_before(now.date(), count * _MONTHS_IN[unit]), now.time()) if count else now
    except (OverflowError, ValueError):
        start = EARLIEST
    return start, now if found["back"] else start


def _calendar_period(spoken: str, calendar: _Calendar) -> _Span | None:
    """`2026-11`, `November 2026`, `2026-Q4`, `2026-W45`, `2026`."""
    found = _CALENDAR_PERIOD.fullmatch(spoken)
    if not found:
        return None
    year = int(found["year"] or found["later"] or found["whole"])
    if found["week"]:
        monday = date.fromisocalendar(year, int(found["week"]), 1)
        return calendar.days(monday, monday + 7 * _DAY)
    if found["quarter"]:
        return _months(year, int(found["quarter"]) * 3 - 2, 3, calendar)
    if found["whole"]:
        return _months(year, 1, 12, calendar)
    month = _MONTHS.index(found["month"][:3]) + 1 if found["month"] else int(found["number"])
    return _months(year, date(1, month, 1).month, 1, calendar)


def _months(year: int, month: int, size: int, calendar: _Calendar) -> _Span:
    """`size` months from a month on, which may lie outside 1 to 12."""
    return calendar.days(_first_of(year * 12 + month - 1), _first_of(year * 12 + month - 1 + size))


def _first_of(months: int) -> date:
    """The first day of a month counted from year 0."""
    return date(months // 12, months % 12 + 1, 1)


def _months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last day of a shorter month."""
    total = day.year * 12 + day.month - 1 - months
    last = _first_of(total + 1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def _before(now: datetime, back: timedelta, *, keep_clock: bool = True) -> datetime:
    """So much earlier: whole days keep the wall-clock time unless told otherwise, anything else is exact."""
    if not back or back % _DAY or not keep_clock:
        return _shifted(now, -back)
    return _Calendar(now, now.tzinfo or UTC).at(now.date() - back, now.time())


def _shifted(value: datetime, by: timedelta) -> datetime:
    """Move along real time: adding to an aware datetime directly would move its wall clock."""
    return (value.astimezone(UTC) + by).astimezone(value.tzinfo)


_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})\b.*", re.ASCII)


def _refuse_lookalikes(spoken: str, field: str) -> None:
    """Refuse what has two readings, and say how to write each."""
    if re.fullmatch(r"[0-9]{10}", spoken):
        raise ArgumentsError(
            f'Unclear time "{spoken}" in {field}: it looks like epoch seconds. Use epoch milliseconds: {spoken}000.'
        )
    if found := _SLASHED.fullmatch(spoken):
        orders = sorted({(int(found[1]), int(found[3])), (int(found[3]), int(found[1]))})
        forms = [f"{found[4]}-{month:02}-{day:02}" for month, day in orders if month in range(1, 13)] or ["2026-11-03"]
        raise ArgumentsError(
            "Unclear time ", _given(spoken), f" in {field}: day or month first? Use {' or '.join(forms)}."
        )


def _given(text: str) -> Given:
    """What was given, to be shown printable, on one line, at most 80 characters, in quotes."""
    return Given(text[: 4 * _LONGEST])
