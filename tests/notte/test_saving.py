"""Saving a replay: the right bytes under the right name, whole or not at all, and the key stays with its host."""

import asyncio
import gc
import hashlib
import logging
from pathlib import Path

import httpx
import pytest

from openreplay_tools import reporting
from openreplay_tools.errors import (
    ApiError,
    ArgumentsError,
    ConfigurationError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ReplyTooLongError,
    ServerError,
    TransportError,
    UnavailableError,
    UnexpectedReplyError,
)
from openreplay_tools.notte.saving import file_name, notte_save_replay
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.notte_replays import FRAGMENTS, SEGMENTS, media
from tests.fixtures import make_media
from tests.notte.far_side import (
    API,
    KEY,
    NAMES,
    ONE,
    PARTS,
    REPLAY,
    SECRETS,
    SESSION,
    STORAGE,
    WHOLE,
    FarSide,
    Pieces,
    address,
    joined,
    outcome,
    playlist,
    pressed,
    ready,
    refusal,
    say,
    session,
    streamed,
    told,
    without_secrets,
)

JOINED_TS = b"".join(map(media, SEGMENTS))
JOINED_MP4 = media("init.mp4") + b"".join(map(media, FRAGMENTS))
PICTURES = list(range(make_media.FRAMES))
FORBIDDEN = refusal(403, message="Request has expired")
MP4 = f"{STORAGE}/a.mp4"


def files(directory):
    """What lies in a directory: names and contents, temporary files too."""
    return {each.name: each.read_bytes() for each in Path(directory).iterdir()} if Path(directory).exists() else {}


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "files"


@pytest.mark.parametrize(
    ("session_id", "ending", "content", "segments", "complete", "what"),
    [
        (planted.WITH_MP4, "mp4", WHOLE, None, True, "MP4; 7,427 bytes; length 0:20."),
        (planted.TS_PLAYLIST, "ts", JOINED_TS, 4, True, "MPEG transport stream, joined of 4 pieces; 12,784 bytes;"),
        (planted.FMP4_PLAYLIST, "mp4", JOINED_MP4, 4, True, "MP4, joined of 4 pieces; 8,160 bytes; length 0:20."),
        (planted.NO_ENDLIST, "ts", JOINED_TS, 4, False, "MPEG transport stream, joined of 4 pieces;"),
        (planted.RAW_MP4, "mp4", WHOLE, None, True, "MP4; 7,427 bytes; length unknown."),
        (planted.RAW_UNTYPED, "mp4", WHOLE, None, True, "MP4; 7,427 bytes; length unknown."),
        (planted.RAW_WEBP, "webp", media("replay.webp"), None, True, "animated WebP; 15,790 bytes;"),
        (planted.EXPIRED, "mp4", WHOLE, None, True, "MP4; 7,427 bytes; length 0:20."),
        (planted.EXPIRED_SEGMENTS, "ts", JOINED_TS, 4, True, "MPEG transport stream, joined of 4 pieces;"),
        (planted.PROCESSING, "mp4", WHOLE, None, True, "MP4; 7,427 bytes; length 0:20."),
    ],
)
def test_a_replay_is_saved_as_it_is(client, session_id, ending, content, segments, complete, what):  # noqa: PLR0917
    saved, text = say(client, notte_save_replay, session=session_id)
    directory = Path(client.connection.settings.downloads)
    assert files(directory) == {f"{session_id}.{ending}": content}
    assert Path(saved.path) == directory / f"{session_id}.{ending}"
    assert (saved.size, saved.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (saved.segments, saved.complete) == (segments, complete)
    lines = text.splitlines()
    assert lines[:2] == [f"Saved the replay of Notte session {session_id}", f"File: {saved.path}"]
    assert lines[2].startswith(what)
    assert ("may be incomplete" in text) != complete
    assert lines[-1].startswith("Next: ")


@pytest.mark.parametrize("session_id", [planted.WITH_MP4, planted.TS_PLAYLIST, planted.FMP4_PLAYLIST])
def test_what_was_saved_plays_with_every_picture_in_its_place(client, session_id):
    saved = client.run(notte_save_replay, session=session_id)
    assert make_media.numbers(Path(saved.path).read_bytes()) == PICTURES


@pytest.mark.parametrize(
    ("session_id", "kind", "said"),
    [
        (planted.ALWAYS_EXPIRED, PermissionDeniedError, "fresh ones too.*Try again later"),
        (planted.INSECURE, UnexpectedReplyError, "not https"),
        (planted.ENCRYPTED, UnavailableError, "encrypted"),
        (planted.BYTE_RANGES, UnavailableError, "byte ranges"),
        (planted.RELATIVE, UnavailableError, "relative"),
        (planted.MASTER, UnavailableError, "master"),
        (planted.DISCONTINUITY, UnavailableError, "discontinuity"),
        (planted.NOT_A_PLAYLIST, UnavailableError, "#EXTM3U"),
        (planted.NO_SEGMENTS, UnavailableError, "no pieces"),
        (planted.EMPTY, UnavailableError, "neither an MP4 nor a playlist"),
        (planted.ACTIVE, UnavailableError, "still active"),
        (planted.UNAVAILABLE, UnavailableError, "will not make one"),
        (planted.WAITING, UnavailableError, "is still active: a replay is made when a session has ended. End it"),
        (planted.PROCESSING_STRUCTURED, UnavailableError, r"not ready after 0 s \(Notte says processing\). Call again"),
        (planted.RAW_NOT_FOUND, NotFoundError, "^session: .*or not yet"),
        (planted.UNKNOWN, NotFoundError, "^session: .*notte_list_sessions"),
        (planted.DISGUISED_ERROR, ApiError, "could not be read"),
        (planted.BAD_GATEWAY, ServerError, "502"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing_behind(client, directory, session_id, kind, said):
    with pytest.raises(kind, match=said) as caught:
        client.run(notte_save_replay, session=session_id, wait=0)
    assert files(directory) == {}
    without_secrets(caught.value, caught.value.__context__, secrets=("X-Amz", "/storage/", "#EXTINF"))


def test_a_replay_that_is_not_made_yet_is_told_with_what_to_do(directory):
    far = FarSide({REPLAY: refusal(404, message="Replay not ready"), ONE: session()})
    said = rf"replay of session {SESSION} is not ready after 0 s\. Call again in a minute, or with a longer wait\."
    with far.client(downloads=str(directory)) as client, pytest.raises(UnavailableError, match=said):
        client.run(notte_save_replay, session=SESSION, wait=0)
    assert files(directory) == {}


@pytest.mark.parametrize(
    ("save_as", "container", "name"),
    [
        ("", "mp4", f"{SESSION}.mp4"),
        ("clip.mp4", "mp4", "clip.mp4"),
        ("clip.MP4", "mp4", "clip.MP4"),
        ("clip.mp4", "ts", "clip.ts"),
        ("clip.mov", "mp4", "clip.mp4"),
        ("clip", "webp", "clip.webp"),
        ("v1.2", "mp4", "v1.2.mp4"),
        (" clip ", "ts", "clip.ts"),
        (".mp4", "ts", ".mp4.ts"),
        ("clip.ts", "webm", "clip.webm"),
    ],
)
def test_the_ending_follows_from_the_bytes(save_as, container, name):
    assert file_name(save_as, SESSION, container) == name


def test_a_name_with_another_ending_is_mended_and_told(client, directory):
    saved, text = say(client, notte_save_replay, session=planted.TS_PLAYLIST, save_as="clip.mp4")
    assert list(files(directory)) == ["clip.ts"]
    assert 'Named otherwise than "clip.mp4": by its bytes it is ts.' in text
    saved, text = say(client, notte_save_replay, session=planted.TS_PLAYLIST, save_as="clip2.ts")
    assert Path(saved.path).name == "clip2.ts"
    assert "Named otherwise" not in text


@pytest.mark.parametrize(
    "name", ["../a.mp4", "/var/a.mp4", "a/b", ".hidden.mp4", "ä.mp4", "con.mp4", "a\n.mp4", "x" * 116]
)
def test_what_is_no_plain_name_is_refused_before_anything_is_sent(name, directory):
    far = FarSide(joined())
    with far.client(downloads=str(directory)) as client, pytest.raises(ArgumentsError, match=r"^save_as: "):
        client.run(notte_save_replay, session=SESSION, save_as=name)
    assert (far.asked, files(directory)) == ([], {})


def test_a_file_that_appears_meanwhile_is_not_replaced(directory):
    def meanwhile(request):
        (directory / "clip.mp4").write_bytes(b"of somebody else")
        return httpx.Response(200, content=WHOLE)

    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: meanwhile})
    with far.client(downloads=str(directory)) as client, pytest.raises(ArgumentsError, match=r"clip\.mp4"):
        client.run(notte_save_replay, session=SESSION, save_as="clip.mp4")
    assert files(directory) == {"clip.mp4": b"of somebody else"}


def test_a_name_whose_mended_form_is_taken_is_refused_before_anything_is_fetched(directory):
    directory.mkdir()
    (directory / "clip.mp4").write_bytes(b"older")
    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: WHOLE})
    with far.client(downloads=str(directory)) as client, pytest.raises(ArgumentsError, match=r"clip\.mp4"):
        client.run(notte_save_replay, session=SESSION, save_as="clip.ts")
    assert (far.places, files(directory)) == ([REPLAY], {"clip.mp4": b"older"})


def test_a_file_is_replaced_only_when_asked_and_that_is_looked_at_before_anything_is_fetched(directory):
    far = FarSide({REPLAY: ready(text=playlist(NAMES)), **PARTS})
    directory.mkdir()
    (directory / "kept.mp4").write_bytes(b"older")
    (directory / f"{SESSION}.ts").write_bytes(b"older")
    with far.client(downloads=str(directory)) as client:
        with pytest.raises(ArgumentsError, match=r"^save_as: .*kept.mp4.*overwrite=true"):
            client.run(notte_save_replay, session=SESSION, save_as="kept.mp4")
        assert far.places == []
        with pytest.raises(ArgumentsError, match=f"{SESSION}.ts.*overwrite=true"):  # that it is a stream is told later
            client.run(notte_save_replay, session=SESSION)
        assert far.places == [REPLAY]
        assert set(files(directory).values()) == {b"older"}
        client.run(notte_save_replay, session=SESSION, overwrite=True)
    assert files(directory) == {"kept.mp4": b"older", f"{SESSION}.ts": JOINED_TS}


def test_without_a_directory_nothing_is_sent():
    far = FarSide(joined())
    with far.client() as client, pytest.raises(UnavailableError, match="OPENREPLAY_DOWNLOADS"):
        client.run(notte_save_replay, session=SESSION)
    assert far.asked == []


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    far = FarSide(joined())
    with far.client(downloads=str(tmp_path / "file" / "below")) as client, pytest.raises(ConfigurationError):
        client.run(notte_save_replay, session=SESSION)
    assert far.asked == []


def test_the_key_and_the_addresses_are_seen_by_nobody_else(directory, caplog):
    caplog.set_level(logging.DEBUG)
    far = FarSide({REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: refusal(500), **PARTS})
    with far.client(downloads=str(directory), retries=0) as client:
        saved, text = say(client, notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}  # the MP4 failed
    assert far.places == [REPLAY, MP4, *PARTS]
    for request in far.asked:
        if request.url.host == API:
            assert request.headers["authorization"] == f"Bearer {KEY}"
        else:
            headers = {name.lower(): value for name, value in request.headers.items()}
            assert headers.keys() <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
            assert all(KEY not in value for value in headers.values())
    records = [f"{record.getMessage()} {record.args!r}" for record in caplog.records]
    without_secrets(saved, text, *records, secrets=tuple(set(SECRETS) - {f"https://{STORAGE}/"}))


def test_each_piece_is_told_of(directory):
    heard = []
    with FarSide(joined()).client(downloads=str(directory)) as client, reporting(heard.append):
        client.run(notte_save_replay, session=SESSION)
    assert [str(each) for each in heard] == [f"fetching the video: {done} of 4" for done in range(4)]


def test_pieces_may_travel_compressed_and_break_off_and_fail_for_a_while(directory, slept):
    routes = joined()
    content = {place: answer for place, answer in routes.items() if place.startswith(STORAGE)}
    first, second, third, _ = content
    routes[first] = pressed(content[first])
    routes[second] = (streamed(content[second], broken_after=2), streamed(content[second]))
    routes[third] = (refusal(503), refusal(500), content[third])
    with FarSide(routes).client(downloads=str(directory)) as client:
        saved = client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}
    assert make_media.numbers(Path(saved.path).read_bytes()) == PICTURES
    assert len(slept) == 3


def test_a_video_that_comes_at_once_and_breaks_off_is_asked_for_again(directory, slept):
    far = FarSide({REPLAY: (refusal(529), streamed(WHOLE, broken_after=3), streamed(WHOLE))})
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.mp4": WHOLE}
    assert far.places == [REPLAY] * 3


def test_a_server_that_begins_to_send_a_video_and_then_names_addresses_is_believed_the_latter(directory, slept):
    far = FarSide({**joined(), REPLAY: (streamed(WHOLE, broken_after=3), joined()[REPLAY])})
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}


def test_a_video_that_breaks_off_and_is_then_not_ready_is_not_taken_for_one(directory, slept):
    not_ready = refusal(404, message="Replay not ready")
    far = FarSide(
        {REPLAY: (streamed(WHOLE, broken_after=3), not_ready, {"replay_status": "processing"}), ONE: session()}
    )
    told_so = pytest.raises(UnavailableError, match="not ready after 5 s")
    with far.client(downloads=str(directory)) as client, told_so:
        client.run(notte_save_replay, session=SESSION, wait=5)
    assert files(directory) == {}


def test_an_empty_piece_is_no_piece(directory):
    mp4 = b"some text" * 99
    for empty in NAMES[:2]:
        far = FarSide({REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: mp4, **PARTS, f"{STORAGE}/{empty}": b""})
        with far.client(downloads=str(directory)) as client, pytest.raises(UnexpectedReplyError, match="empty"):
            client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}


def test_an_mp4_that_breaks_off_for_good_leaves_nothing_of_itself_in_the_joined_file(directory, slept):
    far = FarSide({**joined(), REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: streamed(WHOLE, broken_after=4)})
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}


MAPPED = f'#EXT-X-MAP:URI="{address("init.mp4")}"'
XML = b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>"
TS, M4S, INIT = media(SEGMENTS[0]), media(FRAGMENTS[0]), media("init.mp4")


@pytest.mark.parametrize(
    ("init", "contents", "which"),
    [
        (None, [TS, XML, TS], "Piece 2 of 3"),
        (None, [TS, b'{"error": "x"}', TS], "Piece 2 of 3"),
        (None, [TS, TS, XML], "Piece 3 of 3"),
        (None, [TS, M4S], "Piece 2 of 2"),
        (None, [M4S, M4S], "Piece 1 of 2"),
        (None, [M4S], "Piece 1 of 1"),
        (None, [WHOLE, WHOLE], "Piece 1 of 2"),
        (None, [media("replay.webp")] * 2, "Piece 1 of 2"),
        (INIT, [M4S, XML], "Piece 3 of 3"),
        (INIT, [M4S, INIT + M4S], "Piece 3 of 3"),
        (INIT, [TS], "Piece 2 of 2"),
        (TS, [TS], "Piece 1 of 2"),
        (b'{"error": "x"}', [M4S], "Piece 1 of 2"),
    ],
)
def test_a_piece_that_belongs_to_no_one_video_is_refused_as_it_comes(init, contents, which, directory):
    names = [f"{place}.bin" for place in range(len(contents))]
    routes = {f"{STORAGE}/{name}": content for name, content in zip(names, contents, strict=True)}
    text = playlist(names, lines=[MAPPED] if init else ())
    far = FarSide({REPLAY: ready(text=text), **routes, **({f"{STORAGE}/init.mp4": init} if init else {})})
    told_so = pytest.raises(UnexpectedReplyError, match=f"{which} .* nothing of it was kept. Try again later, or watch")
    with far.client(downloads=str(directory)) as client, told_so:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}
    assert len(far.places) == 1 + int(which.split()[1])  # what comes behind it is not sent for


@pytest.mark.parametrize(("content", "ending"), [(WHOLE, "mp4"), (media("replay.webp"), "webp"), (TS, "ts")])
def test_a_playlist_of_one_whole_video_is_that_video(content, ending, directory):
    far = FarSide({REPLAY: ready(text=playlist(["a"])), f"{STORAGE}/a": content})
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.{ending}": content}


CUT = WHOLE[:3000]


@pytest.mark.parametrize("routes", [{REPLAY: ready(address("a.mp4")), MP4: CUT}, {REPLAY: CUT}], ids=["mp4", "at once"])
def test_an_mp4_that_was_cut_is_not_kept(routes, directory):
    told_so = pytest.raises(UnexpectedReplyError, match="cut off or damaged; nothing of it was kept")
    with FarSide(routes).client(downloads=str(directory)) as client, told_so:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}


def test_the_last_piece_of_an_mp4_that_was_cut_is_not_kept(directory):
    text = playlist(["0.m4s"], lines=[MAPPED])
    far = FarSide({REPLAY: ready(text=text), f"{STORAGE}/init.mp4": INIT, f"{STORAGE}/0.m4s": M4S[:-1]})
    with far.client(downloads=str(directory)) as client, pytest.raises(UnexpectedReplyError, match="cut off"):
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}


@pytest.mark.parametrize(("mp4", "looks"), [(CUT, 1), (FORBIDDEN, 2)], ids=["cut", "refused afresh"])
def test_a_playlist_beside_an_mp4_that_cannot_be_had_is_used(mp4, looks, directory):
    far = FarSide({**joined(), REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: mp4})
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}
    assert far.places == [*[REPLAY, MP4] * looks, *PARTS]


def test_where_the_pieces_are_refused_as_well_notte_is_asked_twice_only(directory):
    routes = {REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: FORBIDDEN, **dict.fromkeys(PARTS, FORBIDDEN)}
    far = FarSide(routes)
    with far.client(downloads=str(directory)) as client, pytest.raises(PermissionDeniedError, match="fresh ones too"):
        client.run(notte_save_replay, session=SESSION)
    assert far.places == [REPLAY, MP4, REPLAY, MP4, next(iter(PARTS))]
    assert files(directory) == {}


@pytest.mark.parametrize(("told_ms", "complete"), [(20_000, False), (11_000, True)])
def test_pieces_that_are_shorter_than_notte_says_are_told(told_ms, complete, directory):
    far = FarSide({**joined(), REPLAY: ready(text=playlist(NAMES[:2]), video_duration_ms=told_ms)})
    with far.client(downloads=str(directory)) as client:
        saved, text = say(client, notte_save_replay, session=SESSION)
    assert saved.complete is complete
    assert (saved.duration_ms, saved.told_ms) == ((11_000, None) if complete else (10_000, 20_000))
    note = "Notte tells another length than its playlist, 0:20: the recording may be incomplete."
    assert (note in text) is not complete


def test_what_is_no_video_is_not_kept(directory):
    page = b"<html>Not here any more</html>"
    for routes in ({REPLAY: ready(address("a.mp4")), MP4: page}, joined(**dict.fromkeys(PARTS, page))):
        with FarSide(routes).client(downloads=str(directory)) as client, pytest.raises(OpenReplayToolsError):
            client.run(notte_save_replay, session=SESSION)
        assert files(directory) == {}
    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: b"some text" * 99})
    told_so = pytest.raises(UnexpectedReplyError, match="no video; nothing of it was kept")
    with far.client(downloads=str(directory)) as client, told_so:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}


@pytest.mark.parametrize(
    "routes",
    [
        {REPLAY: ready(address("a.mp4"), playlist(NAMES)), MP4: streamed(WHOLE * 9), **PARTS},
        joined(),
        {REPLAY: streamed(WHOLE * 9)},
    ],
    ids=["mp4", "pieces", "at once"],
)
def test_what_is_too_long_is_broken_off_and_not_tried_another_way(routes, directory):
    far = FarSide(routes)
    told_so = pytest.raises(ReplyTooLongError, match="max_download_bytes")
    with far.client(downloads=str(directory), max_download_bytes=9000) as client, told_so:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {}
    assert len(far.asked) < 5


@pytest.mark.parametrize(
    "text",
    [
        playlist(NAMES, base="http://videos.elsewhere.example"),
        playlist(NAMES, base="http://127.0.0.1:1"),
        playlist(NAMES, base="http://169.254.169.254"),
    ],
)
def test_pieces_over_http_are_not_fetched(text, directory):
    far = FarSide({REPLAY: ready(text=text)})
    with far.client(downloads=str(directory)) as client, pytest.raises(UnexpectedReplyError, match="not https"):
        client.run(notte_save_replay, session=SESSION)
    assert (far.places, files(directory)) == ([REPLAY], {})


def test_a_piece_that_expired_on_the_way_begins_the_whole_anew_once(directory):
    routes = joined()
    last = list(PARTS)[3]
    routes[last] = (FORBIDDEN, PARTS[last])
    far = FarSide(routes)
    with far.client(downloads=str(directory)) as client:
        client.run(notte_save_replay, session=SESSION)
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}
    assert far.places == [REPLAY, *PARTS, REPLAY, *PARTS]
    routes[last] = FORBIDDEN
    far = FarSide(routes)
    with far.client(downloads=str(directory)) as client, pytest.raises(PermissionDeniedError, match="fresh ones too"):
        client.run(notte_save_replay, session=SESSION, overwrite=True)
    assert far.places.count(REPLAY) == 2
    assert files(directory) == {f"{SESSION}.ts": JOINED_TS}  # the older one


def test_a_forbidden_session_is_not_taken_for_an_expired_address(directory):
    far = FarSide({REPLAY: refusal(403, message="Not yours")})
    with far.client(downloads=str(directory)) as client, pytest.raises(PermissionDeniedError, match="Not yours"):
        client.run(notte_save_replay, session=SESSION)
    assert far.places == [REPLAY]


def test_the_storage_is_not_followed_elsewhere(directory):
    moved = httpx.Response(302, headers={"location": address("b.mp4")})
    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: moved})
    with far.client(downloads=str(directory)) as client, pytest.raises(OpenReplayToolsError) as caught:
        client.run(notte_save_replay, session=SESSION)
    without_secrets(caught.value)
    assert (far.places, files(directory)) == ([REPLAY, MP4], {})


def test_a_broken_line_is_told_without_the_address(directory, slept):
    for answer in (streamed(WHOLE, broken_after=0), refusal(404), refusal(500)):
        far = FarSide({REPLAY: ready(address("a.mp4")), MP4: answer})
        with far.client(downloads=str(directory)) as client, pytest.raises((TransportError, ApiError)) as caught:
            client.run(notte_save_replay, session=SESSION)
        without_secrets(caught.value, caught.value.__context__)
        assert STORAGE in str(caught.value)
    assert files(directory) == {}


async def test_async_code_saves_the_same(directory, slept):
    routes = joined()
    second = list(PARTS)[1]
    routes[second] = (streamed(PARTS[second], broken_after=2), streamed(PARTS[second]))
    routes[REPLAY] = (refusal(404, message="Replay not ready"), routes[REPLAY])
    async with FarSide({**routes, ONE: session()}).async_client(downloads=str(directory / "a")) as client:
        found = await client.outcome(notte_save_replay, notte_save_replay.parse({"session": SESSION}))
    with FarSide({**routes, ONE: session()}).client(downloads=str(directory / "b")) as client:
        same = outcome(client, notte_save_replay, session=SESSION)
    assert files(directory / "a") == files(directory / "b") == {f"{SESSION}.ts": JOINED_TS}
    one, other = (told(notte_save_replay, each, session=SESSION) for each in (found, same))
    assert one.replace(str(directory / "a"), "") == other.replace(str(directory / "b"), "")


async def test_a_cancelled_save_leaves_nothing_behind(directory):
    reached = asyncio.Event()

    class Stalling(Pieces):
        async def __aiter__(self):
            yield self.pieces[0]
            reached.set()
            await asyncio.Event().wait()

    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: lambda _: httpx.Response(200, stream=Stalling(WHOLE))})
    async with far.async_client(downloads=str(directory)) as client:
        task = asyncio.ensure_future(client.run(notte_save_replay, session=SESSION))
        await reached.wait()
        assert [name.endswith(".part") for name in files(directory)] == [True]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()
    assert files(directory) == {}


def test_an_interrupted_save_leaves_nothing_behind(directory):
    def interrupt(request):
        raise KeyboardInterrupt

    far = FarSide({REPLAY: ready(address("a.mp4")), MP4: interrupt})
    with far.client(downloads=str(directory)) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            client.run(notte_save_replay, session=SESSION)
        del caught
        gc.collect()
    assert files(directory) == {}
