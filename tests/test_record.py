"""The live recorder, proven on the sandbox: what it writes replays, and holds nothing of the server it came from."""

import pytest
import yaml

from cassettes import record, replay
from cassettes.case import NOW
from cassettes.cases import CASES
from cassettes.cassette import clock_of, path_of, played
from openreplay_tools import Client
from openreplay_tools.errors import OpenReplayToolsError
from openreplay_tools.openreplay.scope import Project
from openreplay_tools.sandbox import Sandbox

RECORDED_PROJECT = "LbifiKjlu7VmVoyauxnK"
AT_ITS_TIME = ("--clock", NOW.isoformat())


@pytest.fixture
def live(monkeypatch):
    """A sandbox of one's own, for recording may change it, named by the environment."""
    with Sandbox() as server:
        monkeypatch.setenv("OPENREPLAY_API_KEY", server.api_key)
        monkeypatch.setenv("OPENREPLAY_BASE_URL", server.url)
        monkeypatch.setenv("OPENREPLAY_PROJECT", RECORDED_PROJECT)
        yield server


def replayed(case, path):
    with played(path) as cassette, Client(case.settings_at(clock_of(path))) as client:
        try:
            outcome = replay.result(client, case, clock_of(path))
        except OpenReplayToolsError as error:
            outcome = error
    assert cassette.all_played
    return outcome


def test_it_records_what_replays(live, tmp_path, capsys):
    assert record.main(["--to", str(tmp_path), "--writes", *AT_ITS_TIME]) == 0
    said = capsys.readouterr().out
    written = [case for case in CASES if path_of(case, tmp_path).exists()]
    assert len(written) > 50, said
    assert {case.operation for case in written} == {case.operation for case in CASES}
    for case in written:
        outcome = replayed(case, path_of(case, tmp_path))
        assert type(outcome) is case.raises or not isinstance(outcome, OpenReplayToolsError)


def test_nothing_of_the_server_is_kept(live, tmp_path):
    record.main(["--to", str(tmp_path), *AT_ITS_TIME])
    paths = list(tmp_path.glob("*/*.yaml"))
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in (live.api_key, live.url, str(live.port), "127.0.0.1", "Acme Recorded"))
        for interaction in yaml.safe_load(text)["interactions"]:
            assert interaction["request"]["headers"]["authorization"] == ["REDACTED"]
            assert interaction["request"]["uri"].startswith("https://openreplay.example.com/v2/api/public/")
    assert paths


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


def test_an_unknown_case_is_refused(capsys):
    with pytest.raises(SystemExit):
        record.main(["users/nobody"])
    assert "no such case: users/nobody" in capsys.readouterr().err


def test_people_and_projects_get_aliases():
    settings = record.Settings.make(api_key="very-secret-key", base_url="https://replay.acme-corp.io")
    own, other = Project(projectKey="A" * 20, name="Shop & Co"), Project(projectKey="B" * 20, name="Inner")
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
