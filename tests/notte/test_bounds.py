"""What an answer may cost at most: rows, steps, texts, seconds, pixels; and what of it passes nobody on."""

import io
import json
import time
from itertools import count
from pathlib import Path

import av
import httpx
import pytest

from openreplay_tools import Client
from openreplay_tools.errors import (
    ApiError,
    ArgumentsError,
    BadRequestError,
    RequestTimeoutError,
    UnavailableError,
)
from openreplay_tools.notte import frames, session_record
from openreplay_tools.notte.frames import pictures_at
from openreplay_tools.notte.moments import notte_get_frames
from openreplay_tools.notte.playlist import read_playlist
from openreplay_tools.notte.replay import notte_get_replay
from openreplay_tools.notte.saving import notte_save_replay
from openreplay_tools.notte.sessions import notte_get_session, notte_list_sessions
from tests.notte.far_side import (
    API,
    NAMES,
    ONE,
    PARTS,
    REPLAY,
    SESSION,
    STORAGE,
    WHOLE,
    FarSide,
    address,
    joined,
    playlist,
    ready,
    refusal,
    say,
    session,
    without_secrets,
)

LIST = f"{API}/sessions"
NOT_READY = refusal(404, replay_status="processing", retryable=True)


def many(number):
    return [session(session_id=f"s{each}") for each in range(number)]


# Rows and steps.


@pytest.mark.parametrize("body", [many(250), {"items": many(250), "has_next": False}])
@pytest.mark.parametrize("limit", [1, 30, 100])
def test_there_are_never_more_rows_than_asked_for_and_the_rest_is_told(body, limit):
    with FarSide({LIST: body}).client() as client:
        page, text = say(client, notte_list_sessions, limit=limit)
    assert [row.session_id for row in page.rows] == [f"s{each}" for each in range(limit)]
    assert page.has_next
    assert "\nMore: page=2." in text


def test_of_a_list_that_is_too_long_only_a_page_is_read():
    told = {"items": [*many(100), *["no session"] * 900]}  # the rest of which nobody looks at
    far, client = fake({LIST: told})
    assert [row.session_id for row in client.iterate(notte_list_sessions)] == [f"s{each}" for each in range(100)]
    assert len(far.asked) == 2, "the second page is the first one again"


@pytest.mark.parametrize("status", ["any", "ended"])
def test_nulls_beside_sessions_do_no_harm(status):
    with FarSide({LIST: {"items": [None, session(), None], "has_next": None}}).client() as client:
        page, text = say(client, notte_list_sessions, status=status)
        assert [row.session_id for row in client.iterate(notte_list_sessions)] == [SESSION]
    assert [row.session_id for row in page.rows] == [SESSION]
    assert (page.has_next, text.startswith("1 of 1 session")) == (False, True)
    with FarSide({LIST: [None, session()]}).client() as client:
        assert client.run(notte_list_sessions, limit=2).has_next, "a full page, of whatever"


def test_all_steps_are_counted_and_the_first_ones_read(monkeypatch):
    monkeypatch.setattr(session_record, "_MOST_STEPS", 3)
    told = session(steps=[{"type": "goto"}, None, {"type": "click"}, "text", *[{}] * 40, None])
    with FarSide({ONE: told, LIST: [told]}).client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
        (row,) = client.run(notte_list_sessions).rows
    assert (found.steps_count, [(each.type, each.message) for each in found.steps]) == (
        43,
        [("goto", ""), ("click", ""), ("", "text")],
    )
    assert "Only the first 3 of its 43 steps are read here." in text
    assert text.startswith("3 of 43 steps of Notte session")
    assert (row.steps_count, row.steps) == (43, [])


def test_ten_thousand_steps_are_enough():
    with FarSide({ONE: session(steps=[1] * 10_001)}).client() as client:
        found = client.run(notte_get_session, session=SESSION)
    assert (found.steps_count, len(found.steps)) == (10_001, 10_000)


@pytest.mark.parametrize("steps", [None, {}, "many", 7, [None]])
def test_what_are_no_steps_are_none(steps):
    with FarSide({ONE: session(steps=steps, steps_told=9)}).client() as client:
        found = client.run(notte_get_session, session=SESSION)
    assert (found.steps_count, found.steps) == (0, [])


# Texts.


def test_long_texts_of_steps_are_cut_before_they_are_searched():
    step = {"type": "goto", "url": "é token=a " * 100_000, "more": {"x" * 30_000: ["y" * 30_000]}}
    with FarSide({ONE: session(steps=[step])}).client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
    (kept,) = found.model_dump()["steps"]
    assert kept["url"] == step["url"][:20_000]
    assert kept["more"] == {"x" * 20_000: ["y" * 20_000]}
    assert len(json.dumps(kept, ensure_ascii=False)) < 60_100
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(200, detail="No. " + "x" * 100_000), ApiError),
        (refusal(422, detail="No. " + "x" * 100_000), BadRequestError),
        (refusal(404, retryable=False, replay_status="y" * 90_000, message="No. " + "x" * 100_000), UnavailableError),
        (refusal(404, retryable=False, message="No. " + "x" * 100_000, detail="z" * 100_000), UnavailableError),
    ],
)
def test_long_texts_of_errors_are_cut(answer, kind):
    with FarSide({REPLAY: answer, ONE: session()}).client() as client, pytest.raises(kind, match=r"No\. x") as caught:
        client.run(notte_get_replay, session=SESSION, wait=0)
    assert all(len(getattr(part, "text", str(part))) <= 20_000 for part in caught.value.parts)


# Addresses that open a session.

SOCKET = "wss://cdp.example/sekret"


@pytest.mark.parametrize(
    "door",
    [
        {"webSocketDebuggerUrl": "https://sekret"},
        {"debugger_url": "https://sekret"},
        {"viewer": "https://sekret"},
        {"liveViewer": ["sekret"]},
        {"devtools": SOCKET},
        {"where": "  WS://sekret"},
        {"ends": [SOCKET, "ws://sekret"]},
        {SOCKET: 1},
        {"message": SOCKET},
        {"type": SOCKET},
    ],
)
def test_no_address_of_the_browser_passes_wherever_it_stands(door):
    steps = [
        door,
        {"a": [{"b": door}]},
        [[door]],
        SOCKET,
        {"type": "kept", "viewers": 3, "url": "https://shop.example"},
    ]
    with FarSide({ONE: session(steps=steps)}).client() as client:
        found, text = say(client, notte_get_session, session=SESSION)
    without_secrets(found, text, secrets=("sekret",))
    kept = found.steps[-1].model_dump()
    assert (kept["type"], kept["viewers"], kept["url"]) == ("kept", 3, "https://shop.example")
    assert found.steps_count == 5


# Seconds.


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when a test says so; pauses move it as well."""

    class Clock:
        now = time.monotonic()
        slept = []

        def passing(self, seconds, answer):
            def respond(request):
                self.now += seconds
                return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

            return respond

        def sleep(self, seconds):
            self.now += seconds
            self.slept.append(seconds)

    made = Clock()
    made.slept = []
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def fake(routes, **given):
    far = FarSide(routes)
    return far, Client(far.settings(**{"retries": 0, **given}), transport=httpx.MockTransport(far))


@pytest.mark.parametrize(
    ("wait", "look", "slept", "waited"),
    [
        (0, 3.0, [], 3.0),
        (2, 3.0, [], 3.0),
        (2, 1.75, [0.25], 4),
        (14, 2.0, [5, 5], 16.0),
        (13, 2.0, [5, 4], 15.0),
        (12, 0.0, [5, 5, 2], 12.0),
    ],
)
def test_a_look_that_takes_long_is_a_part_of_the_wait(clock, wait, look, slept, waited):
    far, client = fake({REPLAY: clock.passing(look, NOT_READY)})
    replay = client.run(notte_get_replay, session=SESSION, wait=wait)
    assert (replay.state, replay.waited_s, clock.slept) == ("processing", waited, slept)
    assert len(far.asked) == len(slept) + 1


def test_what_was_waited_is_not_waited_again_for_fresh_addresses(clock, tmp_path):
    answers = (NOT_READY, NOT_READY, ready(address("a.mp4")), NOT_READY)
    client = fake({REPLAY: answers, f"{STORAGE}/a.mp4": refusal(403)}, downloads=str(tmp_path))[1]
    with pytest.raises(UnavailableError, match="not ready after 2 s"):
        client.run(notte_save_replay, session=SESSION, wait=12)
    assert clock.slept == [5, 5, 2]


def test_all_pieces_together_have_one_deadline(clock, tmp_path):
    slow = {place: clock.passing(1.5, httpx.Response(200, content=content)) for place, content in PARTS.items()}
    far, client = fake({**joined(), **slow}, download_deadline=4, downloads=str(tmp_path))
    said = r"^The 4 pieces of this replay took longer than 4 s to come \(the setting download_deadline\).*raise that"
    with pytest.raises(RequestTimeoutError, match=said):
        client.run(notte_save_replay, session=SESSION)
    assert len(far.asked) == 1 + 3, "one after another, until it was too late"
    assert list(Path(tmp_path).iterdir()) == []
    far, client = fake({**joined(), **slow}, download_deadline=6.5, downloads=str(tmp_path))
    assert client.run(notte_save_replay, session=SESSION).segments == 4


def test_a_piece_that_drips_is_broken_off(clock, tmp_path):
    class Dripping(httpx.SyncByteStream):
        def __iter__(self):
            for _ in range(100):
                clock.now += 1
                yield PARTS[f"{STORAGE}/{NAMES[0]}"][:188]

    drips = {f"{STORAGE}/{NAMES[1]}": lambda _: httpx.Response(200, stream=Dripping())}
    far, client = fake({**joined(), **drips}, download_deadline=9, downloads=str(tmp_path))
    began = clock.now
    with pytest.raises(RequestTimeoutError, match="took longer than 9 s"):
        client.run(notte_save_replay, session=SESSION)
    assert (len(far.asked), clock.now - began) == (3, pytest.approx(10))


# Moments and ids.


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (10**400, 'Unclear offset "1e400" in at'),
        (-(10**5000), 'Unclear offset "-1e5000" in at'),
        (10**12, 'Unclear offset "1e12" in at'),
        (1e308, r'Unclear offset "1e\+308" in at'),
        (float("inf"), 'Unclear offset "inf" in at'),
        (float("-inf"), 'Unclear offset "-inf" in at'),
        (float("nan"), 'Unclear offset "nan" in at'),
        (True, r'at\.0 should be text \(given "True"\)'),
        ("99999999999999999999", 'Unclear offset "99999999999999999999" in at'),
        (604_801, r'at: "604801" is later than any recording lasts \(7 days\)\. Pass a moment such as 0:12'),
        ("9999:59:59", 'at: "9999:59:59" is later than any'),
        ("999999999ms", 'at: "999999999ms" is later than any'),
    ],
    ids=lambda _: "",  # some are too long for one
)
def test_an_impossible_moment_is_told_before_anything_is_sent(given, said):
    for at in ([given], [1, given], given):
        far, client = fake({})
        with pytest.raises(ArgumentsError, match=said.replace(r"at\.0", r"at\.[01]")):
            client.run(notte_get_frames, session=SESSION, at=at)
        assert far.asked == []


@pytest.mark.parametrize("operation", [notte_get_session, notte_get_replay, notte_save_replay])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("\ud800", "^session should be text without broken characters"),
        ("a\udfffb", "^session should be text without broken characters"),
        ("..\\x", "^session should be the session's id alone"),
        ("a\\..\\b", "^session should be the session's id alone"),
        ("a\\.", "^session should be the session's id alone"),
        ("a/./b", "^session should be the session's id alone"),
    ],
)
def test_an_id_that_may_lead_elsewhere_is_not_sent(operation, given, said):
    far, client = fake({})
    with pytest.raises(ArgumentsError, match=said):
        client.run(operation, session=given)
    assert far.asked == []


def test_dots_and_backslashes_inside_an_id_are_just_characters():
    far, client = fake({f"{API}/.*": session()})
    for given in ("a..b", "a\\b", "...", "v1."):
        client.run(notte_get_session, session=given)
    assert [each.url.raw_path for each in far.asked] == [
        b"/sessions/a..b", b"/sessions/a%5Cb", b"/sessions/...", b"/sessions/v1.",
    ]  # fmt: skip


# Playlists.


def lines(*more, pieces=1):
    return playlist([f"{number}.ts" for number in range(pieces)], lines=more)


@pytest.mark.parametrize("line_break", "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_a_playlist_of_far_too_many_lines_is_refused_unread(monkeypatch, line_break):
    monkeypatch.setattr("m3u8.loads", lambda _: pytest.fail("m3u8 sees it"))
    for text in (lines(line_break.join(["#"] * 1100)), lines(f"#{line_break}" * 1100)):
        with pytest.raises(UnavailableError, match="has far more lines than pieces"):
            read_playlist(text)


def test_a_playlist_with_a_very_long_line_is_refused_unread(monkeypatch):
    monkeypatch.setattr("m3u8.loads", lambda _: pytest.fail("m3u8 sees it"))
    for line in ("#EXT-X-MAP:" + "'a," * 3000, "https://a.example/" + "a" * 8200):
        with pytest.raises(UnavailableError, match=r"has lines of more than 8,192 characters\."):
            read_playlist(lines(line))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_playlist_may_say_much_of_each_piece(ending):
    text = ["#EXTM3U", *["#"] * 900]
    for number in range(500):
        text += ["#EXT-X-PROGRAM-DATE-TIME:2026-11-20T18:15:00Z", "", "#EXTINF:4,", f"https://a.example/{number}"]
    assert read_playlist(ending.join(text)).segments == 500
    with pytest.raises(UnavailableError, match="lines"):
        read_playlist(ending.join([*text, *["#"] * 101]))
    assert read_playlist(lines("#" + "x" * 8191)).segments == 1


# Pictures.


def film(codec, size, kind="mov", pix_fmt="rgb24"):
    """A video of one picture."""
    target = io.BytesIO()
    with av.open(target, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=5)
        (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
        frame = av.VideoFrame(*size, pix_fmt)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return target


@pytest.mark.parametrize(
    ("codec", "kind", "pix_fmt"),
    [("png", "mov", "rgb24"), ("rawvideo", "mov", "rgb24"), ("ffv1", "matroska", "yuv420p")],
)
def test_an_encoding_that_no_recording_has_is_not_decoded(codec, kind, pix_fmt):
    with pytest.raises(UnavailableError, match="encoding is not decoded here"):
        pictures_at(film(codec, (64, 48), kind, pix_fmt), [0], 64)


def test_a_picture_of_absurd_size_is_refused_by_what_the_file_says(monkeypatch):
    video = film("libx264", (128, 96), pix_fmt="yuv420p")
    assert pictures_at(video, [0], 64)[0].width == 64
    monkeypatch.setattr(frames, "_MOST_AT_ONCE", 128 * 96 - 1)
    with pytest.raises(UnavailableError, match="pictures have more than 12,287 pixels"):
        pictures_at(video, [0], 64)


@pytest.mark.parametrize("kind", ["mov", "mpegts"])
def test_a_picture_that_is_larger_than_the_file_says_is_not_decoded(kind, monkeypatch):
    video = film("libx264", (128, 96), kind=kind, pix_fmt="yuv420p").getvalue()
    # The sample entry of an MP4 (ISO/IEC 14496-12) tells width and height 24 bytes behind its name.
    at = video.find(b"avc1") + 28
    small = video[:at] + bytes([0, 16, 0, 16]) + video[at + 4 :] if kind == "mov" else video
    assert pictures_at(io.BytesIO(small), [0], 64)[0].height == 48
    monkeypatch.setattr(frames, "_MOST_AT_ONCE", 128 * 96 - 1)
    with pytest.raises(UnavailableError, match="more than 12,287 pixels"):
        pictures_at(io.BytesIO(small), [0], 64)


@pytest.mark.parametrize("kind", ["mov", "mpegts"])
def test_opening_a_file_decodes_no_such_picture_either(kind, monkeypatch):
    video = film("mpeg4", (128, 96), kind, "yuv420p")
    assert pictures_at(video, [0], 64)[0].height == 48
    monkeypatch.setattr(frames, "_MOST_AT_ONCE", 128 * 96 - 1)
    with pytest.raises(UnavailableError, match=r"^The video is broken, or its pictures have more than 12,287 pixels"):
        pictures_at(video, [0], 64)


# Words.


def test_an_ending_that_was_only_added_needs_no_word(tmp_path):
    client = fake({REPLAY: ready(address("a.mp4")), f"{STORAGE}/a.mp4": WHOLE}, downloads=str(tmp_path))[1]
    for name, file, told in (
        ("checkout", "checkout.mp4", False),
        (" v1.2 ", "v1.2.mp4", False),
        ("a.MP4", "a.MP4", False),
        ("", f"{SESSION}.mp4", False),
        ("clip.ts", "clip.mp4", True),
        ("clip2.MOV", "clip2.mp4", True),
    ):
        saved, text = say(client, notte_save_replay, session=SESSION, save_as=name)
        assert (Path(saved.path).name, "Named otherwise than" in text) == (file, told)


def test_one_piece_is_one(tmp_path):
    numbers = count()
    routes = {
        REPLAY: lambda _: httpx.Response(200, json=ready(text=playlist(NAMES[: 1 + next(numbers) // 2]))),
        **PARTS,
    }
    client = fake(routes, downloads=str(tmp_path))[1]
    assert ", joined of 1 piece; " in say(client, notte_save_replay, session=SESSION)[1]
    assert "Video: 1 piece of a playlist" in say(client, notte_get_replay, session=SESSION)[1]
    assert "Video: 2 pieces of a playlist" in say(client, notte_get_replay, session=SESSION)[1]
    assert ", joined of 2 pieces; " in say(client, notte_save_replay, session=SESSION, save_as="b")[1]
