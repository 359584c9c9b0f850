"""Exports: whatever stands in a file, what can be read is, the rest is counted, and memory stays bounded."""

import gzip
import io
import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.errors import ReplyTooLongError
from openreplay_tools.logrocket import export_file
from openreplay_tools.logrocket.export_file import ExportCounts, ExportedEvent, read_events

AT = 1_795_196_573_056
WHEN = datetime(2026, 11, 20, 17, 42, 53, 56_000, tzinfo=UTC)
PLENTY = 10**7


def read(content, *, at_most_bytes=PLENTY, **more):
    counts = ExportCounts()
    events = list(read_events(io.BytesIO(content), at_most_bytes=at_most_bytes, counts=counts, **more))
    assert counts.total == len(events)
    return events, counts


def lines(*values, ending="\n"):
    return "".join((value if isinstance(value, str) else json.dumps(value)) + ending for value in values).encode()


def test_an_event_is_its_line():
    data = {
        "eventType": "lr.network.RequestEvent",
        "timestamp": AT,
        "type": "other",
        "network": {"url": "/a"},
        "x": None,
    }
    (event,), counts = read(lines(data))
    assert event == ExportedEvent(type="lr.network.RequestEvent", at=WHEN, line=1, data=data)
    assert (counts.earliest, counts.latest, counts.broken_off) == (WHEN, WHEN, False)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"eventType": "a", "event_type": "b", "type": "c", "name": "d"}, "a"),
        ({"event_type": "b", "type": "c", "name": "d"}, "b"),
        ({"eventType": 7, "event_type": None, "type": "", "name": "d"}, "d"),
        ({"eventType": " ", "name": True}, ""),
        ({"eventType": "x" * 500}, "x" * 119 + "…"),
        ({}, ""),
        ([{"type": "a"}], ""),
    ],
)
def test_the_type_is_the_first_text_of_four_names(data, kind):
    assert read(lines(data))[0][0].type == kind


@pytest.mark.parametrize(
    ("data", "at"),
    [
        ({"timestamp": AT, "time": 0, "session_time": 0}, WHEN),
        ({"timestamp": None, "time": AT}, WHEN),
        ({"timestamp": "soon", "session_time": AT}, WHEN),
        ({"time": AT / 1000}, WHEN),
        ({"time": float(AT)}, WHEN),
        ({"time": 1_795_196_573}, WHEN.replace(microsecond=0)),
        ({"time": str(AT)}, WHEN),
        ({"time": "1795196573.056"}, WHEN),
        ({"time": "2026-11-20T17:42:53.056Z"}, WHEN),
        ({"time": "2026-11-20 17:42:53.056"}, WHEN),
        ({"time": "2026-11-20T18:42:53.056+01:00"}, WHEN),
        ({"timestamp": True}, None),
        ({"timestamp": 4056}, None),  # an offset from the start, perhaps
        ({"timestamp": -AT}, None),
        ({"timestamp": AT * 1000}, None),
        ({"timestamp": 10**400}, None),
        ({"timestamp": float("nan")}, None),
        ({"timestamp": float("inf")}, None),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, None),
        ({"timestamp": "9999-12-31T23:59:59-23:59"}, None),
        ({"timestamp": "1" * 5000}, None),
        ({"timestamp": {"ms": AT}}, None),
    ],
)
def test_the_time_is_the_first_absolute_one_of_three_names(data, at):
    (event,), counts = read(lines(data))
    assert event.at == at
    assert event.at is None or event.at.utcoffset().total_seconds() == 0
    assert counts.earliest == counts.latest == at


@pytest.mark.parametrize("value", [None, 7, "text", [1, [2]], True])
def test_a_line_that_is_no_object_is_kept(value):
    assert read(json.dumps(value).encode())[0] == [ExportedEvent(line=1, data={"value": value})]


def test_lines_keep_their_numbers_and_the_unreadable_are_counted():
    bad = ["{", "nothing", '{"a": }', "[" * 100_000, '{"type": "cut', "1" * 5000, '"' + "x" * 9000]
    content = lines({"type": "a"}, "", "   ", {"type": "b"}, *bad, {"type": "c"})
    events, counts = read(content, longest_line=8000)
    assert [(event.type, event.line) for event in events] == [("a", 1), ("b", 4), ("c", 12)]
    assert (counts.unreadable, counts.first_unreadable_lines) == (7, [5, 6, 7, 8, 9])


@pytest.mark.parametrize(("depth", "readable"), [(90, True), (150, False), (900, False), (100_000, False)])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_nested_too_deeply_is_unreadable(depth, readable, opening, closing):
    events, counts = read(lines(opening * depth + "0" + closing * depth))
    assert (len(events), counts.unreadable) == (readable, not readable)
    for event in events:
        assert event.model_dump_json()


def test_many_brackets_are_not_depth():
    (event,), _ = read(lines({"type": "a", "rows": [[number] for number in range(500)]}))
    assert len(event.data["rows"]) == 500


def test_marks_line_ends_and_odd_bytes_are_tolerated():
    content = b'\xef\xbb\xbf{"type":"a"}\r\n\r\n{"type":"b","v":"\xff\xfe"}\r\n{"type":"c"}'
    events, counts = read(content)
    assert [(event.type, event.line) for event in events] == [("a", 1), ("b", 3), ("c", 4)]
    assert events[1].data["v"] == "\ufffd\ufffd"
    assert counts.unreadable == 0


def test_half_a_surrogate_pair_can_be_written_again():
    (event,), _ = read(b'{"type": "\\ud800a", "\\uDC00": "\\ud83d\\ude00"}')
    assert event.type == "?a"
    assert json.loads(event.model_dump_json())["data"] == {"type": "?a", "?": "\U0001f600"}


def test_gzip_is_unpacked():
    content = lines(*({"type": "a", "n": number} for number in range(20_000)))
    assert read(gzip.compress(content)) == read(content)


def test_gzip_files_behind_each_other_are_one_and_padding_is_none():
    packed = gzip.compress(lines({"type": "a"})) + gzip.compress(lines({"type": "b"}))
    for content in (packed, packed + bytes(100)):
        events, counts = read(content)
        assert [event.type for event in events] == ["a", "b"]
        assert not counts.broken_off


@pytest.mark.parametrize("damage", ["cut", "flipped", "checksum"])
def test_of_a_damaged_gzip_what_was_read_counts(damage):
    noise = random.Random(8)
    texts = [json.dumps({"type": "a", "noise": noise.random()}) for _ in range(20_000)]
    packed = bytearray(gzip.compress(lines(*texts)))
    if damage == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[-8 if damage == "checksum" else len(packed) // 2] ^= 0xFF
    events, counts = read(bytes(packed))
    assert counts.broken_off
    assert len(events) > 5000


def test_a_file_may_be_too_long():
    content = lines(*({"type": "a", "n": number} for number in range(20_000)))
    assert read(content, at_most_bytes=len(content))[1].total == 20_000
    for packed in (content, gzip.compress(content)):
        counts = ExportCounts()
        with pytest.raises(ReplyTooLongError, match=r"more than 300,000 bytes .* allow more"):
            list(read_events(io.BytesIO(packed), at_most_bytes=300_000, counts=counts))
        assert 0 < counts.total < 20_000


@pytest.mark.parametrize("line", [b"\n", b"1\n", b"{\n", b" \r\n"], ids=["blank", "number", "broken", "blanks"])
def test_a_file_may_have_too_many_lines(monkeypatch, line):
    monkeypatch.setattr(export_file, "MOST_LINES", 500)
    assert read(line * 500)[1].bytes > 0 or line == b"\n"
    counts = ExportCounts()
    with pytest.raises(ReplyTooLongError, match="500 lines"):
        list(read_events(io.BytesIO(gzip.compress(line * 501)), at_most_bytes=PLENTY, counts=counts))
    assert counts.total + counts.unreadable in {0, 500}


@pytest.mark.parametrize(
    ("line", "read_until"),
    [(b"1\n", range(3000, 5000)), (b'"%s"\n' % (b"x" * 70_000), range(3, 5))],
    ids=["short", "long"],
)
def test_reading_takes_only_so_long(line, read_until, monkeypatch):
    ticks = iter(range(0, 10**6, 20))  # seconds between two looks at the clock
    monkeypatch.setattr(export_file.time, "monotonic", lambda: next(ticks))
    counts = ExportCounts()
    events = read_events(io.BytesIO(line * 6000), at_most_bytes=10**9, counts=counts)
    with pytest.raises(ReplyTooLongError, match="60 s"):
        list(events)
    assert counts.total in read_until


def test_with_patience_only_lines_without_events_are_bounded(monkeypatch):
    monkeypatch.setattr(export_file, "LONGEST_READING_S", -1.0)
    monkeypatch.setattr(export_file, "MOST_LINES", 500)
    assert len(list(read_events(io.BytesIO(b"1\n" * 3000), at_most_bytes=PLENTY, patient=True))) == 3000
    gaps = (b"1\n" + b"\n" * 499) * 3
    assert len(list(read_events(io.BytesIO(gaps), at_most_bytes=PLENTY, patient=True))) == 3
    with pytest.raises(ReplyTooLongError, match="500 lines"):
        list(read_events(io.BytesIO(b"1\n" + b"\n" * 501), at_most_bytes=PLENTY, patient=True))


def test_a_line_of_more_than_two_mib_is_unreadable():
    events, counts = read(b'"' + b"x" * (2 * 2**20 - 2) + b'"\n"' + b"x" * (2 * 2**20 - 1) + b'"\n')
    assert ([event.line for event in events], counts.first_unreadable_lines) == ([1], [2])


def test_a_bomb_is_not_unpacked():
    class Watched(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            self.taken += size
            return super().read(size)

    bomb = gzip.compress(bytes(30_000_000))
    file = Watched(bomb + bomb * 20)
    with pytest.raises(ReplyTooLongError):
        list(read_events(file, at_most_bytes=1_000_000))
    assert file.taken <= 2 * 2**16


def test_a_line_is_kept_only_as_long_as_it_may_be():
    content = b"x" * 300_000 + b"\n" + lines({"type": "a"}) + b"y" * 300_000
    events, counts = read(content, longest_line=1000)
    assert [(event.type, event.line) for event in events] == [("a", 2)]
    assert counts.first_unreadable_lines == [1, 3]


def test_events_come_one_by_one_and_counts_keep_up():
    counts = ExportCounts()
    events = read_events(io.BytesIO(lines({"type": "a"}, "bad", {"type": "b"})), at_most_bytes=PLENTY, counts=counts)
    assert (next(events).type, counts.total, counts.unreadable) == ("a", 1, 0)
    assert (next(events).type, counts.total, counts.unreadable) == ("b", 2, 1)
    assert next(events, None) is None


def test_a_file_is_read_from_its_beginning():
    file = io.BytesIO(lines({"type": "a"}))
    file.seek(0, io.SEEK_END)
    assert [event.type for event in read_events(file, at_most_bytes=PLENTY)] == ["a"]


def test_types_are_counted_the_most_frequent_first():
    _, counts = read(lines(*({"type": kind, "time": AT + place * 1000} for place, kind in enumerate("bcacab"))))
    assert list(counts.by_type.items()) == [("a", 2), ("b", 2), ("c", 2)]
    _, counts = read(lines(*({"type": kind} for kind in "abbccc"), {}))
    assert list(counts.by_type.items()) == [("c", 3), ("b", 2), ("", 1), ("a", 1)]


def test_the_first_and_last_times_are_told_whatever_the_order():
    _, counts = read(lines({"time": AT}, {"time": AT - 1000}, {}, {"time": AT + 1000}))
    assert ((WHEN - counts.earliest).seconds, (counts.latest - WHEN).seconds) == (1, 1)


def test_the_number_of_types_is_bounded():
    _, counts = read(lines(*({"type": str(number)} for number in range(1200)), {"type": "0"}))
    assert (len(counts.by_type), counts.uncounted, counts.total) == (1000, 200, 1201)
    assert sum(counts.by_type.values()) + counts.uncounted == counts.total


PIECES = [b"\n", b"\r\n", b"{", b"}", b"[", b'"type":', b'"a"', b'{"time":1795196573056}', b"\\ud800", b"1e999", b"NaN"]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=25).map(b"".join), st.booleans())
def test_nothing_in_a_file_raises(content, packed):
    events, counts = read(b"\x1f\x8b" + content if packed else content, longest_line=40)
    numbers = [event.line for event in events] + counts.first_unreadable_lines
    assert len(set(numbers)) == len(numbers)
    assert all(1 <= number <= content.count(b"\n") + 1 for number in numbers)
    for event in events:
        event.model_dump_json()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=6), st.booleans())
def test_every_object_comes_back_as_it_was_written(values, packed):
    content = lines(*values)
    events, counts = read(gzip.compress(content) if packed else content)
    assert [event.data for event in events] == values
    assert (counts.total, counts.unreadable) == (len(values), 0)
