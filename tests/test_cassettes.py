"""Every cassette replayed through both clients and a toolkit; nothing else answers."""

import re
import shutil

import httpx
import pytest
import yaml

from cassettes import make, replay
from cassettes.case import ADDRESS, KEY, LOGROCKET, NOTTE, PASSWORD, PROJECT_KEY, RECORDINGS, ROOT, STORAGE
from cassettes.cases import CASES
from cassettes.cassette import LIVE, clock_of, head, path_of, played
from openreplay_tools import AsyncClient, Client, check_access
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.errors import OpenReplayToolsError

KNOWN_ADDRESSES = re.compile(
    r"https?://(openreplay\.example\.com|storage\.example\.com|shop\.example\.test)(?=[/\"'\s\\:]|$)"
    r"|https://(api\.logrocket\.com|app\.logrocket\.com|api\.notte\.cc)(?=[/\"'\s\\:]|$)"
    r"|https?://[a-z0-9.-]+\.(example|test|invalid|internal)(?=[/\"'\s\\:]|$)"
)
RESERVED_MAIL = re.compile(r"[@.](example\.(com|net|org)|example|test|invalid)$", re.IGNORECASE)
ASKED = {  # whose requests a cassette may hold, and where they lead there
    ADDRESS: ("/v2/api/", "/api/"),
    LOGROCKET: ("/v1/orgs/acme/apps/shop/",),
    NOTTE: ("/sessions",),
    STORAGE: ("/exports/acme/shop/", "/replays/"),
}
ORIGINS = {  # what a cassette's head says, and one of another vendor's: nobody could record there
    False: rf"recorded against OpenReplay \d|written from the contract §|refused before anything is asked|{LIVE}",
    True: r"written from (docs\.(logrocket\.com|notte\.cc)\b|notte_sdk \d|the specification that others made)"
    r"|refused before anything is asked",
}
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
each_answered_by_a_tool = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.every], ids=lambda case: case.id
)


@pytest.fixture(autouse=True, scope="module")
def one_tls_context():
    """Reading the certificates takes longer than a replay, and nothing is encrypted here."""
    context = httpx.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "create_ssl_context", lambda: context)
        yield


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """For the files of the cases that save some: the same for all, so that their results are, and empty for each."""
    return tmp_path_factory.mktemp("cassettes") / "downloads"


def settings(case, path, directory):
    shutil.rmtree(directory, ignore_errors=True)
    return case.settings_at(clock_of(path), directory)


def run(case, path, directory):
    with played(path) as cassette, replay.alone(Client(settings(case, path, directory))) as client:
        try:
            outcome = replay.result(client, case, clock_of(path))
        except OpenReplayToolsError as error:
            outcome = error
    return outcome, cassette


async def run_async(case, path, directory):
    with played(path) as cassette:
        async with replay.alone(AsyncClient(settings(case, path, directory))) as client:
            try:
                outcome = await replay.result_async(client, case, clock_of(path))
            except OpenReplayToolsError as error:
                outcome = error
    return outcome, cassette


def assert_all_played(cassette):
    unplayed = [request for index, request in enumerate(cassette.requests) if not cassette.play_counts[index]]
    assert not unplayed
    assert cassette.play_count == len(cassette)


@each_case
async def test_replay_gives_what_the_case_expects_sync_and_async(case, directory):
    outcome, cassette = run(case, path_of(case), directory)
    assert_all_played(cassette)
    assert replay.problem(case, outcome) == ""
    same, cassette = await run_async(case, path_of(case), directory)
    assert_all_played(cassette)
    assert (type(same), str(same)) == (type(outcome), str(outcome))
    if not isinstance(outcome, OpenReplayToolsError):
        assert same == outcome


@each_answered_by_a_tool
async def test_a_tool_says_what_the_snapshot_shows(case, directory):
    """Renew with `python cassettes/make.py --snapshots`, and read what changed."""
    path = path_of(case)
    shutil.rmtree(directory, ignore_errors=True)
    with played(path) as cassette, replay.toolkit(case, path, directory) as tools:
        reply = replay.answer(tools, case, clock_of(path))
    assert_all_played(cassette)
    assert replay.snapshot(case, reply, directory) == replay.snapshot_path(case).read_text(encoding="utf-8")
    assert reply.is_error == (case.raises is not None)
    shutil.rmtree(directory, ignore_errors=True)
    with played(path), replay.toolkit(case, path, directory) as tools:
        assert await replay.answer_async(tools, case, clock_of(path)) == reply
        await tools.async_client.aclose()


def test_a_recorded_card_number_is_masked_in_what_a_tool_gives(directory):
    case = next(case for case in CASES if case.id == "events/list-card-number")
    path, number = path_of(case), "4111111111111111"
    with played(path), replay.toolkit(case, path, directory) as tools:
        reply = tools.call(case.operation.tool_name, case.arguments_at(clock_of(path)))
    assert number in path.read_text(encoding="utf-8")
    assert number not in f"{reply.text}{reply.data}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_operation_has_a_success_and_a_refusal(operation):
    outcomes = {case.raises is None for case in CASES if case.operation is operation}
    assert outcomes == {True, False}


def test_each_file_belongs_to_a_case():
    assert {path_of(case) for case in CASES} == set(ROOT.glob("*/*.yaml"))
    answered = {replay.snapshot_path(case) for case in CASES if not case.every}
    assert answered == set(replay.SNAPSHOTS.glob("*/*.txt"))
    assert len({case.id for case in CASES}) == len(CASES)


def test_cassettes_are_what_make_makes(tmp_path):
    """Renew with `python cassettes/make.py`; what `record.py` recorded is left alone."""
    for path in make.make(tmp_path, RECORDINGS):
        kept = ROOT / path.relative_to(tmp_path)
        if not any(line.startswith(f"# {LIVE}") for line in head(kept)):
            assert path.read_bytes() == kept.read_bytes(), f"{kept} is stale"


@each_case
def test_cassette_names_its_origin(case):
    origin = "\n".join(head(path_of(case)))
    assert re.search(ORIGINS[case.is_siblings], origin)
    assert not (case.is_siblings and "recorded" in origin)


@each_case
def test_cassette_holds_no_secret(case):
    text = path_of(case).read_text(encoding="utf-8")
    for interaction in yaml.safe_load(text)["interactions"]:
        request = interaction["request"]
        server = next(each for each in ASKED if request["uri"].startswith(f"{each}/"))
        path = request["uri"].removeprefix(server)
        open_to_all = path in {"/api/login", "/api/signup"} or server == STORAGE
        assert request["headers"].get("authorization") == (None if open_to_all else ["REDACTED"])
        assert "cookie" not in request["headers"]
        assert path.startswith(ASKED[server])
        assert "set-cookie" not in {name.lower() for name in interaction["response"]["headers"]}
    assert KEY not in text
    plain = text.replace(f'"password":"{PASSWORD}"', "").replace('"password":"nope"', "").replace('"password":"x"', "")
    # What the server says of a wrong one, the names of cases, and the address API v1 gives for every page's.
    plain = plain.replace("invalid Email or Password", "").replace('"host":"127.0.0.1"', "")
    plain = re.sub(r"^#.*wrong-password\b", "", plain, flags=re.MULTILINE)
    assert not re.search(r"\beyJ[\w-]{10,}|(?i:bearer [\w.-]+|password|secret|localhost|127\.0\.0\.1)", plain)
    assert not re.search(r'"(?:jwt|spotJwt|agentToken|apiKey|fileKey)": ?"(?!REDACTED)', text)
    assert not re.search(r"X-Amz-(?:Credential|Signature)=(?!REDACTED)", text)
    assert not re.search(r"/(home|root|tmp|Users)/", text)
    # Escapes of JSON and HTML end a word too.
    plain = re.sub(r"\\u[0-9a-f]{4}|\\n|&\w+;|&#\d+;|%40", lambda hit: "@" if hit[0] == "%40" else " ", text)
    assert not [mail for mail in re.findall(r"[\w.+-]+@[\w.-]+\.\w+", plain) if not RESERVED_MAIL.search(mail)]
    hosts = re.findall(r"https?://[^/\"'\s\\:)]+", plain)
    assert not [host for host in hosts if not KNOWN_ADDRESSES.match(host)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_route_has_a_success_and_a_refusal(operation):
    for door in dict.fromkeys(route.needs for route in operation.routes):
        cases = [case for case in CASES if case.operation is operation and case.door == door]
        outcomes = {case.raises is None for case in cases}
        assert outcomes == {True, False} or operation is check_access, (operation.name, door)
        assert True in outcomes


@pytest.mark.parametrize("vendor", ["logrocket", "notte"])
def test_the_storage_is_shown_nothing_but_its_own_addresses(vendor):
    cassettes = [yaml.safe_load(path_of(case).read_text(encoding="utf-8")) for case in CASES if case.door == vendor]
    asked = [each["request"] for cassette in cassettes for each in cassette["interactions"]]
    files = [each for each in asked if each["uri"].startswith(STORAGE)]
    assert len(files) > 5
    for request in files:
        assert (request["method"], request["body"]) == ("GET", "")
        assert not {"authorization", "cookie"} & {name.lower() for name in request["headers"]}
    shown = [
        replay.snapshot_path(case).read_text(encoding="utf-8")
        for case in CASES
        if case.door == vendor and not case.every
    ]
    assert not [text for text in shown if "X-Amz" in text.partition("\n")[2] or "#EXTM3U" in text]


def test_the_project_key_of_the_cases_is_the_recorded_one():
    assert PROJECT_KEY in path_of(CASES[0]).read_text(encoding="utf-8")
