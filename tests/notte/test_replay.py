"""Whether a replay can be had: every answer that Notte is known to give, waiting, and nothing said that opens it."""

import logging

import httpx
import pytest

from openreplay_tools import reporting
from openreplay_tools.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnavailableError,
    UnexpectedReplyError,
)
from openreplay_tools.notte.containers import NAMES
from openreplay_tools.notte.replay import notte_get_replay
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.notte_replays import media
from tests.notte.far_side import (
    KEY,
    ONE,
    REPLAY,
    SEGMENTS,
    SESSION,
    WHOLE,
    FarSide,
    Pieces,
    address,
    playlist,
    ready,
    refusal,
    say,
    session,
    without_secrets,
)

NOT_READY = refusal(404, message="Replay not ready")


def structured(status=404, /, **more):
    return refusal(status, **{"detail": "No", "message": "Not yet.", "status": 404, "error": "ReplayMissing", **more})


@pytest.mark.parametrize(
    ("session_id", "has", "kind"),
    [
        (planted.WITH_MP4, (True, True, None, True), "an MP4, or pieces (HLS); length 0:20."),
        (planted.INJECTED, (True, False, None, True), "an MP4; length 0:20."),
        (planted.TS_PLAYLIST, (False, True, 4, True), "4 pieces of a playlist (HLS); length 0:20."),
        (planted.FMP4_PLAYLIST, (False, True, 4, True), "4 pieces of a playlist (HLS); length 0:20."),
        (planted.NO_ENDLIST, (False, True, 4, False), "4 pieces of a playlist (HLS), whose end may be missing;"),
        (planted.INSECURE, (True, False, None, True), "an MP4; length 0:20."),
    ],
)
def test_what_can_be_had_is_told(client, session_id, has, kind):
    replay, text = say(client, notte_get_replay, session=session_id)
    assert (replay.state, replay.session_id, replay.problem) == ("ready", session_id, "")
    assert (replay.has_mp4, replay.has_playlist, replay.segments, replay.complete) == has
    assert (replay.media.duration_ms, replay.media.start_ms) == (20_000, 0)
    lines = text.splitlines()
    assert lines[0] == f"Replay of Notte session {session_id}: ready"
    assert lines[1].startswith(f"Video: {kind}")
    assert lines[2] == "Its address is good until 2026-11-20 19:15:00 UTC (60 min); the tools below ask anew."
    assert lines[-1] == "Next: notte_save_replay writes the file, notte_get_frames shows moments of it as pictures."


@pytest.mark.parametrize(
    ("session_id", "why"),
    [
        (planted.ENCRYPTED, "encrypted"),
        (planted.BYTE_RANGES, "byte ranges"),
        (planted.RELATIVE, "relative"),
        (planted.MASTER, "master"),
        (planted.DISCONTINUITY, "discontinuity"),
        (planted.NOT_A_PLAYLIST, "#EXTM3U"),
        (planted.NO_SEGMENTS, "no pieces"),
    ],
)
def test_a_playlist_that_cannot_be_joined_is_told_so_at_once(client, session_id, why):
    replay, text = say(client, notte_get_replay, session=session_id)
    assert (replay.state, replay.has_playlist, replay.segments) == ("ready", True, None)
    assert why in replay.problem
    assert replay.problem in text
    assert text.splitlines()[0] == f"Replay of Notte session {session_id}: there, but not to be used here"
    assert "Next: notte_save_replay" not in text


@pytest.mark.parametrize(
    ("session_id", "container", "then"),
    [
        (planted.RAW_MP4, "mp4", "notte_get_frames shows moments of it as pictures."),
        (planted.RAW_UNTYPED, "mp4", "notte_get_frames shows moments of it as pictures."),
        (planted.RAW_WEBP, "webp", "of a WebP no pictures are taken."),
    ],
)
def test_an_older_server_sends_the_video_itself(client, session_id, container, then):
    replay, text = say(client, notte_get_replay, session=session_id)
    assert (replay.state, replay.media.container, replay.media.url, replay.has_mp4) == ("ready", container, None, False)
    assert f"Video: {NAMES[container]}, which this server sends directly, without an address; unknown length." in text
    assert text.endswith(then)


def test_of_a_video_that_comes_at_once_only_the_beginning_is_fetched():
    body = Pieces(WHOLE * 50, size=500)
    far = FarSide({REPLAY: lambda _: httpx.Response(200, stream=body, headers={"content-type": "video/mp4"})})
    with far.client() as client:
        assert client.run(notte_get_replay, session=SESSION).media.container == "mp4"
    assert (body.taken, len(far.asked)) == (1, 1)
    body = Pieces(SEGMENTS[0], size=100)  # the beginning comes in pieces as well
    with far.client() as client:
        assert client.run(notte_get_replay, session=SESSION).media.container == "ts"
    assert body.taken == 4


@pytest.mark.parametrize(
    ("session_id", "kind", "said"),
    [
        (planted.ACTIVE, UnavailableError, "is still active: a replay is made when a session has ended. End it"),
        (planted.UNAVAILABLE, UnavailableError, r"\(unavailable\) and will not make one. It says: .*No action"),
        (planted.FAILED, UnavailableError, r"\(failed\) and will not make one.*notte_get_session shows its steps"),
        (planted.EMPTY, UnavailableError, "names neither an MP4 nor a playlist"),
        (planted.RAW_NOT_FOUND, NotFoundError, "^session: Notte has no replay of .*, or not yet"),
        (planted.DISGUISED_ERROR, ApiError, "Replay storage could not be read.*notte_get_session"),
        (planted.UNKNOWN, NotFoundError, "^session: Notte knows no session .*notte_list_sessions"),
        (planted.MALFORMED, BadRequestError, "^session: .*valid UUID"),
        (planted.REFUSED_AS_TEXT, BadRequestError, "^session: .*another workspace"),
        (planted.REFUSED_IN_MESSAGE, BadRequestError, "^session: .*uuid_parsing"),
        (planted.BAD_GATEWAY, ServerError, r"Notte failed \(502\).*Try again later"),
    ],
)
def test_a_refusal_says_what_it_means_and_is_not_waited_for(client, session_id, kind, said):
    heard = []
    with reporting(heard.append), pytest.raises(kind, match=said) as caught:
        client.run(notte_get_replay, session=session_id, wait=600)
    assert heard == []
    assert session_id in str(caught.value) or kind is ServerError


def test_a_pause_that_notte_asks_for_is_passed_on(client):
    with pytest.raises(RateLimitError, match="asks for a pause"):
        client.run(notte_get_replay, session=planted.RATE_LIMITED)
    assert client.run(notte_get_replay, session=planted.RATE_LIMITED).state == "ready"


@pytest.mark.parametrize("session_id", [planted.PROCESSING, planted.PROCESSING_STRUCTURED])
def test_a_replay_is_waited_for(client, session_id):
    replay, text = say(client, notte_get_replay, session=session_id, wait=0)
    assert (replay.state, replay.media) == ("processing", None)
    assert replay.waited_s == 0
    assert text.splitlines()[0] == f"Replay of Notte session {session_id}: being prepared"
    assert text.splitlines()[-1] == f'Call again in a minute: notte_get_replay(session="{session_id}").'
    heard = []
    with reporting(heard.append):
        replay = client.run(notte_get_replay, session=session_id)
    assert (replay.state, replay.has_mp4) == ("ready", True)
    assert replay.waited_s == 0, "whole seconds"
    assert [str(each) for each in heard] == ["waiting for the replay: 0 of 50"]


def test_a_session_that_is_waited_for_is_told_to_run_and_in_the_words_of_notte(client):
    replay, text = say(client, notte_get_replay, session=planted.WAITING, wait=0)
    assert (replay.state, replay.said) == ("processing", "waiting_for_session")
    assert text.splitlines() == [
        f"Replay of Notte session {planted.WAITING}: not there, for the session has not ended",
        "Not ready after 0 s of waiting.",
        "Notte says waiting_for_session.",
        f'Call again when it has ended: notte_get_replay(session="{planted.WAITING}").',
    ]


@pytest.mark.parametrize("word", ["processing", "waiting", "something newer"])
def test_of_other_words_for_waiting_none_says_that_the_session_runs(word):
    with FarSide({REPLAY: structured(replay_status=word, retryable=True)}).client() as client:
        text = say(client, notte_get_replay, session=SESSION, wait=0)[1]
    assert text.splitlines()[0] == f"Replay of Notte session {SESSION}: being prepared"
    assert word in text
    assert "has not ended" not in text


def test_a_session_that_ends_while_it_is_waited_for_has_its_replay(slept):
    runs = structured(replay_status="waiting_for_session", retryable=True)
    with FarSide({REPLAY: (runs, ready(address("a.mp4")))}).client() as client:
        replay, text = say(client, notte_get_replay, session=SESSION)
    assert (replay.state, replay.said, slept) == ("ready", "", [5])
    assert text.splitlines()[0] == f"Replay of Notte session {SESSION}: ready"


def test_an_address_that_has_expired_is_told(client):
    text = say(client, notte_get_replay, session=planted.EXPIRED)[1]
    assert "Its address has expired (2026-11-20 17:15:00 UTC); the tools below ask for a fresh one." in text


def test_the_pauses_are_those_of_the_settings_and_twice_as_long_after_half_a_minute(slept):
    far = FarSide({REPLAY: NOT_READY, ONE: session()})
    heard = []
    with far.client() as client, reporting(heard.append):
        replay, text = say(client, notte_get_replay, session=SESSION, wait=47)
    assert slept == [5, 5, 5, 5, 5, 5, 10, 7]
    assert (replay.state, replay.waited_s) == ("processing", 47)
    assert [(each.done, each.total) for each in heard] == [(at, 47) for at in (0, 5, 10, 15, 20, 25, 30, 40)]
    assert "Not ready after 47 s of waiting." in text
    assert far.places == [REPLAY, ONE, *[REPLAY] * 8]  # the session is asked for once


@pytest.mark.parametrize("status", ["active", "authenticating", ""])
def test_a_plain_refusal_of_a_session_that_runs_is_not_waited_for(status):
    far = FarSide({REPLAY: NOT_READY, ONE: session(status)})
    with far.client() as client, pytest.raises(UnavailableError, match="still active"):
        client.run(notte_get_replay, session=SESSION)
    assert far.places == [REPLAY, ONE]


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, message="Session is still active"),
        refusal(404, detail="any-id is still active", message="No"),
        httpx.Response(404, text="Session is still active"),
        structured(replay_status="unknown", message="still active"),
    ],
)
def test_the_words_still_active_end_the_waiting(answer):
    far = FarSide({REPLAY: answer})
    with far.client() as client, pytest.raises(UnavailableError, match="still active: a replay"):
        client.run(notte_get_replay, session=SESSION)
    assert far.places == [REPLAY]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            structured(replay_status="waiting_for_session", retryable=False, message="The session is still active"),
            "is still active: a replay is made when a session has ended. End it",
        ),
        (structured(replay_status="waiting_for_session", retryable=False), "is still active: a replay is made"),
        (structured(retryable=False, message="It is still active"), "is still active: a replay is made"),
        (structured(replay_status="processing", retryable=False), r"\. Notte says not to ask again \(processing\)\."),
        (structured(replay_status="unknown", retryable=False), r"Notte says not to ask again \(unknown\)\."),
        (httpx.Response(404, json={"retryable": False}), r"Notte says not to ask again\. "),
        (structured(replay_status="failed", retryable=False), r"\(failed\) and will not make one"),
    ],
)
def test_why_not_to_ask_again_is_told_as_notte_tells_it(answer, said):
    far = FarSide({REPLAY: answer})
    with far.client() as client, pytest.raises(UnavailableError, match=said) as caught:
        client.run(notte_get_replay, session=SESSION)
    assert ("will not make one" in str(caught.value)) == ("will not make one" in said)
    assert far.places == [REPLAY]


def test_pieces_that_are_shorter_than_notte_says_are_told():
    routes = {REPLAY: ready(text=playlist(["0.ts", "1.ts"]), video_duration_ms=20_000)}
    with FarSide(routes).client() as client:
        replay, text = say(client, notte_get_replay, session=SESSION)
    assert (replay.media.duration_ms, replay.told_ms, replay.complete) == (10_000, 20_000, False)
    assert "Video: 2 pieces of a playlist (HLS); length 0:10." in text
    assert "Notte tells another length than its playlist, 0:20: the recording may be incomplete." in text


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (structured(replay_status="processing"), True),
        (structured(replay_status="unknown"), True),
        (structured(replay_status="something newer"), True),
        (structured(replay_status="failed", retryable=True), True),
        (structured(retryable=True, message="the session is still active"), True),
        (structured(503, replay_status="processing", retryable=True), True),
        (structured(200, replay_status="processing"), True),
        (httpx.Response(200, json={"replay_status": "processing", "mp4_url": None}), True),
        (structured(replay_status="failed"), False),
        (structured(replay_status="unavailable"), False),
        (structured(replay_status="processing", retryable=False), False),
        (structured(retryable=False), False),
        (structured(409, replay_status="unavailable", retryable=False), False),
        (httpx.Response(200, json={"retryable": False}), False),
    ],
)
def test_a_structured_refusal_is_obeyed_whatever_its_status(answer, waits, slept):
    far = FarSide({REPLAY: (answer, ready(address("a.mp4")))})
    with far.client(retries=0) as client:
        if waits:
            assert client.run(notte_get_replay, session=SESSION).waited_s == 5
        else:
            with pytest.raises(UnavailableError, match=r"will not make one|says not to ask again"):
                client.run(notte_get_replay, session=SESSION)
    assert far.places == [REPLAY] * (2 if waits else 1)
    assert slept == [5] * waits


def test_an_overloaded_server_is_asked_again(slept):
    far = FarSide({REPLAY: (refusal(529, message="overloaded"), refusal(503), ready(address("a.mp4")))})
    with far.client() as client:
        assert client.run(notte_get_replay, session=SESSION).waited_s == 0
    assert [0 <= pause <= longest for pause, longest in zip(slept, (1, 2), strict=True)] == [True, True]


def test_a_refused_key_is_told_with_its_variable():
    far = FarSide({REPLAY: refusal(401, message=f"Invalid key {KEY}")})
    with far.client() as client, pytest.raises(AuthenticationError, match="NOTTE_API_KEY") as caught:
        client.run(notte_get_replay, session=SESSION)
    without_secrets(caught.value, caught.value.message, caught.value.told)


def test_a_refusal_keeps_no_address():
    told = {
        "detail": "No",
        "message": "No",
        **ready(address("a.mp4"), playlist(["a.ts"])),
        "mouse_manifest_url": address("m"),
    }
    with FarSide({REPLAY: told}).client() as client, pytest.raises(ApiError, match="No") as caught:
        client.run(notte_get_replay, session=SESSION)
    without_secrets(caught.value, caught.value.told)


def test_what_is_neither_data_nor_a_video_is_told_so():
    for body in (b"hello, I am a text", media("replay.mp4")[100:900]):
        with FarSide({REPLAY: body}).client() as client, pytest.raises(UnexpectedReplyError, match="no video"):
            client.run(notte_get_replay, session=SESSION)


def test_missing_and_odd_fields_do_no_harm():
    odd = {"mp4_url": 7, "playlist_content": f"\n{playlist(['a.ts', 'b.ts'])}\n", "expires_at": "later"}
    with FarSide({REPLAY: {**odd, "video_start_ms": 1500, "video_duration_ms": None}}).client() as client:
        replay, text = say(client, notte_get_replay, session=SESSION)
    assert (replay.has_mp4, replay.segments, replay.media.expires_at, replay.media.duration_ms) == (
        False,
        2,
        None,
        10_000,
    )
    assert "Notte's video_start_ms: 1,500 (relative to what is not documented)." in text
    assert "Its address" not in text


def test_times_are_told_in_the_zone_of_the_reader():
    with FarSide({REPLAY: ready(address("a.mp4"))}).client(timezone="Europe/Berlin") as client:
        assert (
            "good until 2026-11-20 20:15:00 Europe/Berlin (60 min)" in say(client, notte_get_replay, session=SESSION)[1]
        )


def test_addresses_and_playlists_stand_in_no_text_dump_or_record(caplog):
    caplog.set_level(logging.DEBUG)
    mouse = {"mouse_manifest_url": address("mouse.json"), "mouse_chunk_urls": [address("mouse-0")]}
    far = FarSide({REPLAY: ready(address("a.mp4"), playlist(["a.ts"]), **mouse)})
    with far.client() as client:
        replay, text = say(client, notte_get_replay, session=SESSION)
    without_secrets(replay, text, *(record.getMessage() for record in caplog.records))
    assert replay.media.url.get_secret_value() == address("a.mp4")
    assert replay.media.playlist.get_secret_value() == playlist(["a.ts"])


async def test_async_code_is_told_the_same(slept):
    routes = {REPLAY: (NOT_READY, NOT_READY, ready(text=playlist(["a.ts"]))), ONE: session()}
    async with FarSide(routes).async_client() as client:
        waited = await client.run(notte_get_replay, session=SESSION)
    assert slept == [5, 5]
    with FarSide(routes).client() as client:
        assert client.run(notte_get_replay, session=SESSION) == waited
    body = Pieces(WHOLE * 50, size=500)
    far = FarSide({REPLAY: lambda _: httpx.Response(200, stream=body, headers={"content-type": "video/mp4"})})
    async with far.async_client() as client:
        assert (await client.run(notte_get_replay, session=SESSION)).media.container == "mp4"
    assert body.taken == 1
