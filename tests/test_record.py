"""The live recorder, proven on the sandbox: what it writes replays, and holds nothing of the server it came from."""

import json
import re

import httpx
import pytest
import vcr
import yaml

from cassettes import record, replay
from cassettes.case import NOW
from cassettes.cases import CASES
from cassettes.cassette import clock_of, path_of, played
from openreplay_tools import Client, open_link
from openreplay_tools.errors import OpenReplayToolsError
from openreplay_tools.openreplay.directory import Project
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.failures import Failure

RECORDED_PROJECT = "LbifiKjlu7VmVoyauxnK"
AT_ITS_TIME = ("--clock", NOW.isoformat())


@pytest.fixture
def live(monkeypatch):
    """A sandbox of one's own, for recording may change it, named by the environment."""
    with Sandbox() as server:
        named(monkeypatch, server)
        yield server


@pytest.fixture
def old(monkeypatch):
    """One whose public API is v1 alone."""
    with Sandbox(version="1.26") as server:
        named(monkeypatch, server)
        yield server


def named(monkeypatch, server):
    monkeypatch.setenv("OPENREPLAY_BASE_URL", server.url)
    monkeypatch.setenv("OPENREPLAY_PROJECT", RECORDED_PROJECT)
    monkeypatch.setenv("OPENREPLAY_API_KEY", server.api_key)
    monkeypatch.setenv("OPENREPLAY_EMAIL", server.email)
    monkeypatch.setenv("OPENREPLAY_PASSWORD", server.password)


def replayed(case, path):
    with played(path) as cassette, replay.alone(Client(case.settings_at(clock_of(path)))) as client:
        try:
            outcome = replay.result(client, case, clock_of(path))
        except OpenReplayToolsError as error:
            outcome = error
    assert cassette.all_played
    return outcome


def assert_replays(directory, cases):
    for case in cases:
        outcome = replayed(case, path_of(case, directory))
        assert type(outcome) is case.raises or not isinstance(outcome, OpenReplayToolsError), (case.id, outcome)


def assert_scrubbed(directory, server):
    paths = list(directory.glob("*/*.yaml"))
    assert paths
    words = (server.api_key, server.email, server.password, server.url, "127.0.0.1", "Acme Recorded")
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], path
        assert not re.search(r"\beyJ[\w-]{10,}|(?i:set-cookie|refreshToken)", text), path
        assert not re.search(r'"(?:jwt|spotJwt|agentToken|apiKey|password)": ?"(?!REDACTED|nope")', text), path
        assert not re.search(r"X-Amz-Signature=(?!REDACTED)", text), path
        for interaction in yaml.safe_load(text)["interactions"]:
            assert interaction["response"]["status"]["code"] != 429, path
            assert interaction["request"]["headers"].get("authorization", ["REDACTED"]) == ["REDACTED"]
            assert interaction["request"]["uri"].startswith("https://openreplay.example.com/")


def test_it_records_what_replays_and_keeps_nothing_of_the_server(live, tmp_path, capsys):
    assert record.main(["--to", str(tmp_path), "--writes", *AT_ITS_TIME]) == 0
    said = capsys.readouterr().out
    written = [case for case in CASES if path_of(case, tmp_path).exists()]
    assert len(written) > 100, said
    # A pasted link names what was recorded elsewhere; nobody can record at the other vendors.
    ours = {case.operation for case in CASES if not case.is_siblings}
    assert {case.operation for case in written} == ours - {open_link}
    assert "left out: another vendor's, written from its documents" in said
    assert "left out: it needs a server without API v2" in said
    assert_replays(tmp_path, written)
    assert_scrubbed(tmp_path, live)


def test_where_api_v1_is_alone_its_cases_are_recorded(old, tmp_path, capsys):
    # The list of projects, which API v1 gives once in 20 seconds, was spent on finding out what is there.
    cases = [case for case in CASES if case.door == "v1" and "list_projects" not in case.operation.name]
    record.main([*(case.id for case in cases), "--to", str(tmp_path), "--writes", *AT_ITS_TIME])
    said = capsys.readouterr().out
    written = [case for case in cases if path_of(case, tmp_path).exists()]
    assert len(written) > 15, said
    assert_replays(tmp_path, written)
    assert_scrubbed(tmp_path, old)


def test_where_api_v2_is_missing_its_cases_are_left_out(old, tmp_path, capsys):
    assert record.main(["users/get-pipe", "--to", str(tmp_path), *AT_ITS_TIME]) == 1
    assert "left out: the server's v2 API does not answer (closed)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("case", "credential", "said"),
    [
        ("users/get-pipe", ["API_KEY"], "it needs an organization key (OPENREPLAY_API_KEY)"),
        ("sessions/search", ["EMAIL", "PASSWORD"], "it needs a dashboard login"),
        ("projects/check-both", ["EMAIL", "PASSWORD"], "it needs a dashboard login"),
    ],
)
@pytest.mark.usefixtures("live")
def test_what_the_credentials_cannot_do_is_left_out(monkeypatch, tmp_path, capsys, *, case, credential, said):
    for name in credential:
        monkeypatch.delenv(f"OPENREPLAY_{name}")
    assert record.main([case, "--to", str(tmp_path), *AT_ITS_TIME]) == 1
    assert f"left out: {said}" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_token_alone_signs_nobody_in(live, monkeypatch, tmp_path, capsys):
    token = httpx.post(f"{live.url}/api/login", json={"email": live.email, "password": live.password}).json()["jwt"]
    monkeypatch.delenv("OPENREPLAY_EMAIL")
    monkeypatch.delenv("OPENREPLAY_PASSWORD")
    monkeypatch.setenv("OPENREPLAY_TOKEN", token)
    assert record.main(["sessions/search", "--to", str(tmp_path), *AT_ITS_TIME]) == 1
    assert "left out: it needs a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)" in capsys.readouterr().out


def test_without_leave_it_only_reads(live, tmp_path, capsys):
    record.main(["--to", str(tmp_path), *AT_ITS_TIME])
    assert not any(path_of(case, tmp_path).exists() for case in CASES if case.operation.effect != "read")
    assert "left out: it may change the server (--writes)" in capsys.readouterr().out
    assert {request.method for request in live.requests} <= {"GET", "POST"}


def test_another_user_takes_the_place_of_the_cases_own(live, tmp_path):
    chosen = ["sessions/list", "--to", str(tmp_path), "--user", "carla@example.org", *AT_ITS_TIME]
    assert record.main(chosen) == 0
    case = next(case for case in CASES if case.id == "sessions/list")
    assert "carla" not in path_of(case, tmp_path).read_text(encoding="utf-8")
    assert replayed(case, path_of(case, tmp_path)).total == 1


def test_an_unexpected_answer_is_said_and_not_written(live, tmp_path, capsys):
    assert record.main(["live/search-open-source", "--to", str(tmp_path), *AT_ITS_TIME]) == 1
    assert "not written: UnavailableError is expected" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_without_a_key_it_says_what_is_missing(tmp_path, capsys):
    assert record.main(["--to", str(tmp_path)]) == 2
    assert "OPENREPLAY_API_KEY" in capsys.readouterr().err


def test_a_pause_that_the_server_asked_for_is_in_no_cassette(live, tmp_path, capsys):
    live.failures.add(Failure("status", path="lexicon/events", status=429, retry_after=1))
    assert record.main(["events/names", "--to", str(tmp_path), *AT_ITS_TIME]) == 1
    assert "not written: the server asked for a pause" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_an_unknown_case_is_refused(capsys):
    with pytest.raises(SystemExit):
        record.main(["users/nobody"])
    assert "no such case: users/nobody" in capsys.readouterr().err


def test_people_and_projects_get_aliases():
    own, other = Project(projectKey="A" * 20, name="Shop & Co"), Project(projectKey="B" * 20, name="Inner")
    settings = record.Settings.make(api_key="very-secret-key", base_url="https://replay.acme-corp.io")
    scrub = record.Scrub(settings, own, [own, other])
    text = scrub.text(
        '{"name":"Shop \\u0026 Co","key":"AAAAAAAAAAAAAAAAAAAA","tenantId":7,"of":"Ann.Lee@acme-corp.io"} '
        "bob%40acme-corp.io ann.lee@acme-corp.io carla@example.org "
        "https://replay.acme-corp.io/2/session/1 very-secret-key"
    )
    assert text == (
        '{"name":"Acme Shop","key":"LbifiKjlu7VmVoyauxnK","tenantId":0,"of":"user-1@example.org"} '
        "user-2%40example.org user-1@example.org carla@example.org https://openreplay.example.com/2/session/1 REDACTED"
    )


def test_cookies_are_not_kept():
    settings = record.Settings.make(api_key="very-secret-key", base_url="https://replay.acme-corp.io")
    scrub = record.Scrub(settings, Project(projectKey="A" * 20, name="Shop"), [])
    headers = {"Set-Cookie": ["session=1"], "Content-Type": ["application/json"], "X-Request-Id": ["4"]}
    kept = scrub.response({"status": {}, "headers": headers, "body": {"string": b"{}"}})
    assert kept["headers"] == {"Content-Type": ["application/json"]}


@pytest.fixture
def scrub():
    settings = record.Settings.make(
        api_key="very-secret-key", base_url="https://replay.acme-corp.io", email="ops@acme-corp.io", password='p"ä<s&w',
    )  # fmt: skip
    own, other = Project(projectId=7, projectKey="A" * 20, name="Shop"), Project(projectId=1, projectKey="B" * 20)
    return record.Scrub(settings, own, [own, other])


@pytest.mark.parametrize("written", [{"ensure_ascii": True}, {"ensure_ascii": False, "separators": (",", ":")}])
def test_a_login_becomes_the_recorded_one(scrub, written):
    body = json.dumps({"email": "ops@acme-corp.io", "password": 'p"ä<s&w'}, **written)
    request = vcr.request.Request("POST", "https://replay.acme-corp.io/api/login", body.encode(), {"Cookie": "a=b"})
    kept = scrub.request(request)
    assert json.loads(kept.body) == {"email": "admin@example.com", "password": "REDACTED_PASSWORD"}
    assert (kept.uri, kept.headers) == ("https://openreplay.example.com/api/login", {})


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ('{"jwt":"eyJhbGciOi.eyJ1c2Vy.c2ln","spotJwt":"x"}', '{"jwt":"REDACTED_JWT","spotJwt":"REDACTED_JWT"}'),
        ('{"jwt":"j","user":{"name":"Ann \\"Lee\\""}}', '{"jwt":"REDACTED_JWT","user":{"name":"Admin"}}'),
        ("Bearer eyJhbGciOi.eyJ1c2Vy.c2ln", "Bearer REDACTED_JWT"),
        ('{"apiKey":"k1","agentToken":"t1"}', '{"apiKey":"REDACTED_API_KEY","agentToken":"REDACTED"}'),
        ('{"fileKey":"f1"}', '{"fileKey":"REDACTED"}'),
        ('{"fileKey":null}', '{"fileKey":null}'),
        (
            "dom.mobs?X-Amz-Credential=AKIA%2F1\\u0026X-Amz-Expires=900\\u0026X-Amz-Signature=0af3",
            "dom.mobs?X-Amz-Credential=REDACTED\\u0026X-Amz-Expires=900\\u0026X-Amz-Signature=REDACTED",
        ),
        ("/assist/s3cret/sockets-live/x", "/assist/REDACTED_ASSIST_KEY/sockets-live/x"),
        ('{"userName":"Ann \\"Lee\\"","tenantName":"Acme"}', '{"userName":"Admin","tenantName":"Admin"}'),
    ],
)
def test_what_signs_in_or_opens_files_is_not_kept(scrub, told, kept):
    assert scrub.text(told) == kept


def test_the_live_project_changes_numbers_with_the_recorded_one(scrub):
    text = (
        '{"projectId":7},{"projectId":1},{"projectID":"7"},{"projectId":3} /v2/api/7/events /api/pa/7/filters /api/1/x'
    )
    swapped = (
        '{"projectId":1},{"projectId":7},{"projectID":"1"},{"projectId":3} /v2/api/1/events /api/pa/1/filters /api/7/x'
    )
    assert scrub.text(text) == swapped
