"""The sandbox's Notte: its sessions, what is planted among their replays, and the videos behind the addresses."""

from __future__ import annotations

import ast
import re
from datetime import datetime, timedelta

import httpx
import m3u8
import pytest

from openreplay_tools.sandbox import FIXED_NOW, notte_data, notte_replays
from openreplay_tools.sandbox.notte import build_notte
from openreplay_tools.sandbox.notte_data import MALFORMED, REFUSED_AS_TEXT, REFUSED_IN_MESSAGE, UNKNOWN, make_sessions
from openreplay_tools.sandbox.storage import Storage
from tests.fixtures import make_media

ORIGIN = "http://sandbox.test"
KEY = "notte-sandbox-key"
ALL = {"only_active": "false", "page_size": "100"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IDS = {name: value for name, value in vars(notte_data).items() if name.isupper() and UUID.fullmatch(str(value))}
PICTURES = list(range(make_media.FRAMES))


class Server:
    """One Notte and its storage on one port, as the sandbox has them, under a clock that a test may turn."""

    def __init__(self):
        self.now = FIXED_NOW
        self.storage = Storage(lambda: f"{ORIGIN}/storage", lambda: self.now, "secret")
        self.notte = build_notte(self.storage, KEY, lambda: self.now)
        self.bearer = {"Authorization": f"Bearer {KEY}"}
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self), base_url=ORIGIN)

    async def __call__(self, scope, receive, send):
        if scope["path"].startswith("/storage/"):
            await self.storage({**scope, "root_path": "/storage"}, receive, send)
        else:
            await self.notte({**scope, "path": scope["path"].removeprefix("/notte")}, receive, send)

    async def get(self, path, **query):
        return await self.client.get(f"/notte{path}", headers=self.bearer, params=query)

    async def replay(self, session):
        return await self.get(f"/sessions/{session}/replay")

    async def sessions(self, **query):
        return (await self.get("/sessions", **(ALL | query))).json()["items"]

    async def fetch(self, address):
        return await self.client.get(address)


@pytest.fixture
async def server():
    found = Server()
    async with found.client:
        yield found


async def test_running_sessions_only_unless_asked_otherwise(server):
    reply = await server.get("/sessions")
    body = reply.json()
    assert {item["status"] for item in body["items"]} == {"active", "authenticating"}
    assert {name: value for name, value in body.items() if name != "items"} == {
        "page": 1,
        "page_size": 10,
        "has_next": False,
        "has_previous": False,
    }
    statuses = {item["status"] for item in await server.sessions()}
    assert statuses == {"active", "authenticating", "closed", "error", "timed_out"}


async def test_pages_hold_every_session_once_newest_first(server):
    found, page = [], 1
    while True:
        body = (await server.get("/sessions", only_active="false", page=page, page_size=7)).json()
        assert (body["page"], body["page_size"], body["has_previous"]) == (page, 7, page > 1)
        found += body["items"]
        if not body["has_next"]:
            break
        assert len(body["items"]) == 7
        page += 1
    assert found == await server.sessions()
    assert len({item["session_id"] for item in found}) == len(found) == 38
    started = [datetime.fromisoformat(item["created_at"]) for item in found]
    assert started == sorted(started, reverse=True)
    assert FIXED_NOW - timedelta(days=5) < started[-1] < started[0] < FIXED_NOW
    beyond = (await server.get("/sessions", page=99)).json()
    assert (beyond["items"], beyond["has_next"], beyond["has_previous"]) == ([], False, True)


async def test_own_sessions_and_those_without_the_systems(server):
    everything = await server.sessions()
    own = await server.sessions(only_current_token="true")
    visible = await server.sessions(include_system="0")
    assert (len(everything) - len(own), len(everything) - len(visible)) == (3, 2)
    assert not any(item.get("system_hidden") for item in visible)


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ({"page_size": "101"}, "less_than_equal", "less than or equal to 100"),
        ({"page_size": "0"}, "greater_than_equal", "greater than or equal to 1"),
        ({"page": "0"}, "greater_than_equal", "greater than or equal to 1"),
        ({"page": "two"}, "int_parsing", "valid integer"),
        ({"only_active": "perhaps"}, "bool_parsing", "valid boolean"),
    ],
)
async def test_a_query_out_of_bounds_is_refused_with_fastapis_list(server, query, kind, message):
    reply = await server.get("/sessions", **query)
    (name, given), (detail,) = *query.items(), reply.json()["detail"]
    assert reply.status_code == 422
    assert (detail["type"], detail["loc"], detail["input"]) == (kind, ["query", name], given)
    assert message in detail["msg"]


async def test_a_slash_too_many_is_redirected_to_plain_http(server):
    reply = await server.client.get("https://sandbox.test/notte/sessions/?page=2")
    assert (reply.status_code, reply.headers["location"]) == (307, "http://sandbox.test/notte/sessions?page=2")
    reply = await server.get(f"/sessions/{notte_data.ACTIVE}/")
    assert reply.headers["location"] == f"{ORIGIN}/notte/sessions/{notte_data.ACTIVE}"


@pytest.mark.parametrize("header", ["", KEY, f"token {KEY}", "Bearer", "Bearer other", f"Bearer  {KEY}", "Bearer ké"])
@pytest.mark.parametrize("path", ["/sessions", f"/sessions/{MALFORMED}", f"/sessions/{notte_data.ACTIVE}/replay"])
async def test_without_the_key_nothing_is_told(server, header, path):
    server.bearer = {"Authorization": header.encode()} if header else {}
    reply = await server.get(path)
    assert (reply.status_code, list(reply.json())) == (401, ["message"])


async def test_health_needs_no_key_and_tells_the_rate(server):
    server.bearer = {}
    left = []
    for seconds in (0, 1, 60):
        server.now = FIXED_NOW + timedelta(seconds=seconds)
        reply = await server.get("/health")
        assert (reply.status_code, reply.headers["x-ratelimit-limit"]) == (200, "1000")
        assert 0 < int(reply.headers["x-ratelimit-reset"]) - server.now.timestamp() <= 60
        left.append(int(reply.headers["x-ratelimit-remaining"]))
    assert left == [999, 998, 999]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/sessions", 405),
        ("HEAD", f"/sessions/{notte_data.WITH_MP4}/replay", 405),
        ("GET", "/agents", 404),
        ("GET", "/sessions//replay", 404),
        ("DELETE", f"/sessions/{notte_data.ACTIVE}/stop", 501),
        ("GET", f"/sessions/{notte_data.ACTIVE}/network/logs", 501),
    ],
)
async def test_other_routes_and_methods_are_refused(server, method, path, status):
    reply = await server.client.request(method, f"/notte{path}", headers=server.bearer)
    assert reply.status_code == status


async def test_sessions_are_told_as_documented(server):
    for item in await server.sessions():
        times = [item[name] and datetime.fromisoformat(item[name]) for name in ("created_at", "closed_at")]
        used = datetime.fromisoformat(item["last_accessed_at"])
        assert times[0] <= used <= FIXED_NOW
        assert (await server.get(f"/sessions/{item['session_id']}")).json() == item
        assert f"{notte_data.CDP_SECRET}-{item['session_id'][:8]}" in item["cdp_url"]
        if item["status"] in {"active", "authenticating"}:
            assert (item["closed_at"], item["duration"], item["close_reason"]) == (None, None, None)
            continue
        seconds = float(re.fullmatch(r"PT([\d.]+)S", item["duration"])[1])
        assert times[1] - times[0] == timedelta(seconds=seconds)
        assert used <= times[1] < FIXED_NOW
        assert seconds * 1000 > notte_replays.DURATION_MS


async def test_sessions_end_in_every_documented_way_and_old_ones_lack_newer_fields(server):
    sessions = {item["session_id"]: item for item in await server.sessions()}
    reasons = {item.get("close_reason", "absent") for item in sessions.values()}
    assert reasons == {None, "manual", "idle_timeout", "max_duration", "error", "unknown", "absent"}
    old, new = sessions[notte_data.RAW_WEBP], sessions[notte_data.WITH_MP4]
    assert {"steps", "close_reason", "idle_timeout_minutes", "viewer_url"} <= new.keys() - old.keys()
    assert notte_data.VIEWER_SECRET in new["viewer_url"]
    assert sessions[notte_data.INJECTED]["error"] == notte_data.INJECTED_ERROR
    assert notte_data.INJECTED_STEP in str(sessions[notte_data.INJECTED_STEPS]["steps"])


def test_the_same_clock_gives_the_same_sessions():
    shown = [made.shown for made in make_sessions(FIXED_NOW).values()]
    assert shown == [made.shown for made in make_sessions(FIXED_NOW).values()]
    later = [made.shown for made in make_sessions(FIXED_NOW + timedelta(days=1)).values()]
    assert [item["session_id"] for item in later] == [item["session_id"] for item in shown]
    assert all(after["created_at"] > before["created_at"] for after, before in zip(later, shown, strict=True))


def test_nothing_is_read_before_somebody_asks():
    notte_replays.media.cache_clear()
    Server()
    assert notte_replays.media.cache_info().currsize == 0


def test_the_list_of_what_is_planted_is_whole():
    documented = set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", notte_data.__doc__)) & IDS.keys()
    assert documented == IDS.keys()
    listed = make_sessions(FIXED_NOW).keys()
    outside = {REFUSED_AS_TEXT, REFUSED_IN_MESSAGE, UNKNOWN}
    assert set(IDS.values()) - listed == outside


NEVER = [404, 404, 404]


@pytest.mark.parametrize(
    ("name", "statuses", "says"),
    [
        ("PROCESSING", [404, 404, 200], {"message": "Replay not ready"}),
        ("PROCESSING_STRUCTURED", [404, 404, 200], {"replay_status": "processing", "retryable": True, "status": 404}),
        ("UNAVAILABLE", NEVER, {"replay_status": "unavailable", "retryable": False}),
        ("FAILED", NEVER, {"replay_status": "failed", "session_id": notte_data.FAILED}),
        ("WAITING", NEVER, {"replay_status": "waiting_for_session", "retryable": True}),
        ("ACTIVE", NEVER, {"detail": f"Session {notte_data.ACTIVE} is still active"}),
        ("OVERLOADED", [529, 200, 200], {"message": "Cluster overloaded"}),
        ("RATE_LIMITED", [429, 200, 200], {"message": "Too many requests"}),
        ("DISGUISED_ERROR", [200, 200, 200], {"detail": "Replay storage could not be read"}),
        ("UNKNOWN", NEVER, {"message": "Session not found"}),
    ],
)
async def test_a_replay_that_is_not_there_says_so_as_often_as_planned(server, name, statuses, says):
    replies = [await server.replay(IDS[name]) for _ in range(3)]
    assert [reply.status_code for reply in replies] == statuses
    body = replies[0].json()
    assert body.items() >= says.items()
    assert ("retryable" in body) == ("retryable" in says)
    if statuses[-1] == 200 and "detail" not in says:
        assert make_media.numbers((await server.fetch(replies[-1].json()["mp4_url"])).content) == PICTURES


async def test_only_the_plainest_404_has_no_detail(server):
    assert (await server.replay(notte_data.PROCESSING)).json() == {"message": "Replay not ready"}
    assert "retryable" not in (await server.replay(notte_data.FAILED)).json()


async def test_looks_are_counted_per_server_and_only_at_the_replay(server):
    await server.get(f"/sessions/{notte_data.OVERLOADED}")
    assert [(await server.replay(notte_data.OVERLOADED)).status_code for _ in range(2)] == [529, 200]
    other = Server()
    async with other.client:
        assert (await other.replay(notte_data.OVERLOADED)).status_code == 529


async def test_a_pace_that_was_too_fast_is_told_in_the_headers(server):
    left = [(await server.replay(notte_data.RATE_LIMITED)).headers["x-ratelimit-remaining"] for _ in range(2)]
    assert left == ["0", "998"]


async def test_a_page_of_another_server_is_plain_text(server):
    reply = await server.replay(notte_data.BAD_GATEWAY)
    assert (reply.status_code, reply.text) == (502, "502 Bad Gateway\n")
    assert reply.headers["content-type"].startswith("text/plain")
    assert "x-ratelimit-limit" not in reply.headers


@pytest.mark.parametrize("ending", ["", "/replay"])
async def test_an_id_is_refused_in_three_ways(server, ending):
    malformed, text, message = [
        await server.get(f"/sessions/{session}{ending}") for session in (MALFORMED, REFUSED_AS_TEXT, REFUSED_IN_MESSAGE)
    ]
    assert {reply.status_code for reply in (malformed, text, message)} == {422}
    assert malformed.json()["detail"][0]["loc"] == ["path", "session_id"]
    assert malformed.json()["detail"][0]["input"] == MALFORMED
    assert isinstance(text.json()["detail"], str)
    assert ast.literal_eval(message.json()["message"])[0]["input"] == REFUSED_IN_MESSAGE
    assert "detail" not in message.json()


async def test_a_ready_replay_has_the_documented_fields(server):
    body = (await server.replay(notte_data.WITH_MP4)).json()
    assert {name: body.pop(name) for name in ("expires_at", "video_start_ms", "video_duration_ms")} == {
        "expires_at": "2026-11-20T19:15:00+00:00",
        "video_start_ms": 0,
        "video_duration_ms": 20000,
    }
    assert body.keys() == {
        *("mp4_url", "playlist_content"),
        *("mouse_manifest_url", "mouse_chunk_urls", "mouse_next_offset"),
    }
    newest = next(item for item in await server.sessions() if item["closed_at"])
    assert newest["session_id"] == notte_data.WITH_MP4
    assert "mouse_manifest_url" not in (await server.replay(notte_data.TS_PLAYLIST)).json()
    for address in (body["mp4_url"], body["mouse_manifest_url"], *body["mouse_chunk_urls"]):
        assert (await server.fetch(address)).status_code == 200


async def joined(server, playlist):
    heads = [section.uri for section in playlist.segment_map]
    replies = [await server.fetch(address) for address in (*heads, *(item.uri for item in playlist.segments))]
    assert {reply.status_code for reply in replies} == {200}
    return b"".join(reply.content for reply in replies)


async def playlist_of(server, session):
    body = (await server.replay(session)).json()
    assert body["mp4_url"] is None or session == notte_data.WITH_MP4
    return m3u8.loads(body["playlist_content"])


@pytest.mark.parametrize(
    ("session", "begins"),
    [
        (notte_data.WITH_MP4, (0, b"G")),
        (notte_data.TS_PLAYLIST, (0, b"G")),
        (notte_data.FMP4_PLAYLIST, (4, b"ftyp")),
        (notte_data.NO_ENDLIST, (0, b"G")),
    ],
)
async def test_joined_segments_play(server, session, begins):
    playlist = await playlist_of(server, session)
    assert [item.duration for item in playlist.segments] == [5.0] * 4
    assert playlist.is_endlist == (session != notte_data.NO_ENDLIST)
    video = await joined(server, playlist)
    place, sign = begins
    assert video[place : place + len(sign)] == sign
    assert make_media.numbers(video) == PICTURES


async def test_a_playlist_may_have_dos_lines_and_say_that_nothing_is_encrypted(server):
    text = (await server.replay(notte_data.FMP4_PLAYLIST)).json()["playlist_content"]
    assert text.count("\r\n") == text.count("\n") == 16
    assert "#EXT-X-KEY:METHOD=NONE" in text


async def test_playlists_that_cannot_be_joined(server):
    found = {
        name: await playlist_of(server, IDS[name])
        for name in ("ENCRYPTED", "BYTE_RANGES", "RELATIVE", "MASTER", "DISCONTINUITY", "NO_SEGMENTS")
    }
    assert found["ENCRYPTED"].segments[0].key.method == "AES-128"
    assert (await server.fetch(found["ENCRYPTED"].segments[0].key.uri)).content == bytes(range(16))
    assert [item.uri for item in found["RELATIVE"].segments] == list(notte_replays.SEGMENTS)
    assert found["MASTER"].is_variant
    listed = m3u8.loads((await server.fetch(found["MASTER"].playlists[0].uri)).text)
    assert make_media.numbers(await joined(server, listed)) == PICTURES
    assert [item.discontinuity for item in found["DISCONTINUITY"].segments] == [False, False, True, False]
    assert (len(found["NO_SEGMENTS"].segments), found["NO_SEGMENTS"].is_endlist) == (0, True)
    text = (await server.replay(notte_data.NOT_A_PLAYLIST)).json()["playlist_content"]
    assert not text.startswith("#EXTM3U")


async def test_byte_ranges_are_those_of_the_whole_file(server):
    segments = (await playlist_of(server, notte_data.BYTE_RANGES)).segments
    whole = (await server.fetch(segments[0].uri)).content
    parts = []
    for item in segments:
        size, start = (int(number) for number in item.byterange.split("@"))
        parts.append(whole[start : start + size])
    assert b"".join(parts) == whole
    assert make_media.numbers(whole) == PICTURES


async def test_expired_addresses_are_good_at_the_next_look(server):
    first, second = [(await server.replay(notte_data.EXPIRED)).json() for _ in range(2)]
    assert datetime.fromisoformat(first["expires_at"]) == server.now - timedelta(hours=1)
    assert datetime.fromisoformat(second["expires_at"]) == server.now + timedelta(hours=1)
    assert [(await server.fetch(body["mp4_url"])).status_code for body in (first, second)] == [403, 200]
    server.now += timedelta(hours=1, seconds=1)
    assert (await server.fetch(second["mp4_url"])).status_code == 403


async def test_expired_segments_are_good_at_the_next_look(server):
    for status in (403, 200):
        body = (await server.replay(notte_data.EXPIRED_SEGMENTS)).json()
        assert datetime.fromisoformat(body["expires_at"]) > server.now
        assert [
            (await server.fetch(item.uri)).status_code for item in m3u8.loads(body["playlist_content"]).segments
        ] == [status] * 4


async def test_some_addresses_never_work(server):
    for _ in range(3):
        body = (await server.replay(notte_data.ALWAYS_EXPIRED)).json()
        assert (await server.fetch(body["mp4_url"])).status_code == 403
    assert (await server.replay(notte_data.INSECURE)).json()["mp4_url"].startswith("http://media.notte.example/")
    empty = (await server.replay(notte_data.EMPTY)).json()
    assert (empty["mp4_url"], empty["playlist_content"]) == (None, None)


@pytest.mark.parametrize(
    ("session", "media_type", "begins"),
    [
        (notte_data.RAW_MP4, "video/mp4", rb"....ftyp"),
        (notte_data.RAW_UNTYPED, "application/octet-stream", rb"....ftyp"),
        (notte_data.RAW_WEBP, "image/webp", rb"RIFF....WEBP"),
        (notte_data.RAW_NOT_FOUND, "application/octet-stream", rb"not found\Z"),
    ],
)
async def test_older_deployments_answer_with_the_video_itself(server, session, media_type, begins):
    reply = await server.replay(session)
    assert (reply.status_code, reply.headers["content-type"]) == (200, media_type)
    assert re.match(begins, reply.content, re.DOTALL)
    if b"ftyp" in begins:
        assert make_media.numbers(reply.content) == PICTURES


async def test_the_old_animation_has_every_picture(server):
    content = (await server.replay(notte_data.RAW_WEBP)).content
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    assert content.count(b"ANMF") == make_media.FRAMES


def test_pictures_lie_half_a_second_apart():
    with make_media.av.open(str(make_media.MEDIA / "replay.mp4")) as container:
        seen = [(frame.time, make_media.number_of(frame)) for frame in container.decode(video=0)]
    assert seen == [(number / 2, number) for number in PICTURES]


def test_the_committed_files_are_small():
    assert sum(path.stat().st_size for path in make_media.MEDIA.iterdir()) < 120_000


async def test_every_ordinary_closed_session_has_a_video(server):
    for item in await server.sessions():
        session = item["session_id"]
        if session in IDS.values():
            continue
        reply = await server.replay(session)
        if item["closed_at"]:
            assert (await server.fetch(reply.json()["mp4_url"])).headers["content-type"] == "video/mp4"
        else:
            assert "is still active" in reply.json()["detail"]


def test_the_sandbox_has_it_on_its_port(sandbox):
    with httpx.Client(
        base_url=sandbox.notte_url, headers={"Authorization": f"Bearer {sandbox.notte_api_key}"}
    ) as notte:
        reply = notte.get("/sessions/", params=ALL, follow_redirects=True)
        assert (len(reply.json()["items"]), reply.history[0].status_code) == (38, 307)
        assert notte.get("/sessions/a%2Fb").status_code == 404
        body = notte.get(f"/sessions/{notte_data.WITH_MP4}/replay").json()
        # A key that is sent to the storage is told there.
        assert notte.get(body["mp4_url"]).status_code == 400
    addresses = [item.uri for item in m3u8.loads(body["playlist_content"]).segments]
    with httpx.Client() as client:
        assert make_media.numbers(b"".join(client.get(address).content for address in addresses)) == PICTURES
        assert make_media.numbers(client.get(body["mp4_url"]).content) == PICTURES
