"""The generic passthrough: which paths it reaches, what it refuses, what its answers withhold."""

import json
import re

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    ClosedError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from openreplay_tools.openreplay.raw import request, send
from openreplay_tools.openreplay.raw_paths import read_path
from openreplay_tools.render import Fence, render
from openreplay_tools.toolkit import mask_tree
from tests.servers import SHOP, Scripted, client_over, known, project

LOGIN = {"email": "ann@example.org", "password": "secret-word"}
ACCOUNT = {"POST /api/login": {"jwt": "t", "data": {"user": {}}}}
SESSION = "4113712955676316674"
ANY = {"": {"data": "reached"}}


def scripted(routes=ANY, **given):
    return Scripted({**ACCOUNT, **routes}, **{**LOGIN, **given})


def reached(server):
    """Return the last request as it went over the wire: method, raw path, credential."""
    last = server.requests[-1]
    return last.method, last.url.raw_path.decode(), last.headers["authorization"]


def told(client, op=request, *, budget=6000, **arguments):
    parsed = op.parse(arguments)
    outcome = client.outcome(op, parsed)
    return render(op.present(outcome.result, parsed, outcome.scope), budget=budget, fence=Fence("7f3a"))


@pytest.fixture(scope="module")
def client(sandbox):
    with client_over(sandbox, email=sandbox.email, password=sandbox.password) as bound:
        yield bound


@pytest.fixture
def own_client(own_sandbox):
    with client_over(own_sandbox, email=own_sandbox.email, password=own_sandbox.password) as bound:
        yield bound


@pytest.mark.parametrize(
    ("path", "wire", "credential"),
    [
        ("/v2/api/1/lexicon/events", "/v2/api/1/lexicon/events", "Bearer t"),
        ("v2/api/1/tags", "/v2/api/1/tags", "Bearer t"),
        ("/v2/1/tags", "/v2/api/1/tags", "Bearer t"),
        ("/api/1/metadata", "/api/1/metadata", "Bearer t"),
        ("/api/projects/1", "/api/projects/1", "Bearer t"),
        ("/api/pa/1/filters", "/api/pa/1/filters", "Bearer t"),
        ("/v2/api/public/projects", "/v2/api/public/projects", "Bearer sandboxsandboxsandbx"),
        (f"/v2/public/{SHOP}/users/ann", f"/v2/api/public/{SHOP}/users/ann", "Bearer sandboxsandboxsandbx"),
        ("/v2/api/public/k/users/a%20b%3F", "/v2/api/public/k/users/a%20b%3F", "Bearer sandboxsandboxsandbx"),
        (f"/v2/api/public/{SHOP}/users/login", f"/v2/api/public/{SHOP}/users/login", "Bearer sandboxsandboxsandbx"),
        ("/api/v1/projects", "/api/v1/projects", "sandboxsandboxsandbx"),
        (f"/api/v1/{SHOP}/users/ann%40x/sessions", f"/api/v1/{SHOP}/users/ann%40x/sessions", "sandboxsandboxsandbx"),
    ],
)  # fmt: skip
def test_a_path_leads_through_its_own_door(path, wire, credential):
    server = scripted()
    assert server.client.run(request, path=path).body["data"]
    assert reached(server) == ("GET", wire, credential)


def test_query_and_body_are_sent_as_given():
    server = scripted()
    server.client.run(
        request, path="/v2/api/1/sessions/search", method="POST", query=["a=b c&d", "e=", "f=g=h"], body='{"limit": 5}'
    )
    assert dict(server.requests[-1].url.params) == {"a": "b c&d", "e": "", "f": "g=h"}
    assert json.loads(server.requests[-1].content) == {"limit": 5}
    server.client.run(request, path="/v2/api/1/sessions/search", method="POST")
    assert json.loads(server.requests[-1].content) == {}
    server.client.run(request, path="/v2/api/1/tags")
    assert not server.requests[-1].content


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/v2/api/1/tags", "//evil.example/v2/api/1/tags", "/v2/api//1/tags", "/v2/api/1/tags/",
        "/v2/api/1/../public/projects", "/v2/api/1/./tags", "/v2/api/1/%2e%2e/tags", "/v2/api/1/%2E/tags",
        "/v2/api/1/%252e%252e/tags", "/v2/api/1/a%2Fb", "/v2/api/1/a%252fb", "/v2/api/1/a%5Cb", "/v2/api/1/a\\b",
        "/v2/api/1/a%00b", "/v2/api/1/a%2500b", "/v2/api/1/a%0D%0Ab", "/v2/api/1/a\nb", "/v2/api/1/a\u2028b",
        "/v2/api/1/%zz", "/v2/api/1/%ff", "/v2/api/1/tags?limit=1", "/v2/api/1/tags#x", "/", " ", "/v2/api", "/v2/api/",
        "/v2/api/abc/tags", "/v2/api/1", "/v2/api/public", "/api/1", "/api/nope", "/mobs/1/dom.mobs", "/API/1/metadata",
        "/replay-exporter/1/session-videos", "/v1/projects", "/api/v1", "/api/v1/x", "/api/v2/public/projects",
        "/v2/api/\u0661/tags",
        "evil.example/v2/api/1/tags", "/v2/api@evil.example/1/tags", "http:/v2/api/1/tags",
    ],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_refused_before_anything_is_sent(path):
    server = scripted()
    for operation, more in ((request, {}), (send, {"method": "POST"})):
        with pytest.raises(ArgumentsError, match="path"):
            server.client.run(operation, path=path, **more)
    assert not server.requests


@pytest.mark.parametrize(
    "path",
    [
        "/api/account", "/api/client", "/api/client/new_api_key", "/api/login", "/api/logout", "/api/refresh",
        "/api/signup", "/api/spot/refresh", "/api/v1/mcp/auth-status", "/v2/api/public/assist/credentials",
        "/api/v1/assist/credentials", "/v2/api/1/spot/3", "/api/1/integrations/slack", "/api/1/Integrations",
        "/api/projects/1/webhooks", "/v2/api/1/LOGOUT", "/api/projects/api%5Fkey", "/api/1/password",
        "/api/1/users/password",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_credentials_are_out_of_reach(path, method):
    server = scripted()
    with pytest.raises(ArgumentsError, match="path"):
        server.client.run(send, path=path, method=method)
    if method in {"GET", "POST"}:
        with pytest.raises(ArgumentsError, match="path"):
            server.client.run(request, path=path, method=method)
    assert not server.requests


SEARCHES = (
    "/v2/api/1/sessions/search", "/v2/api/1/sessions/search/ids", "/v2/api/1/events", "/v2/api/1/users",
    "/v2/api/1/users/ann/activity", "/v2/api/1/cards/try", "/v2/api/1/cards/3/chart",
    f"/v2/api/1/sessions/{SESSION}/clickmaps", "/v2/api/1/notes", "/v2/api/1/assist/sessions",
    f"/v2/api/public/{SHOP}/users", f"/v2/api/public/{SHOP}/users/ann/sessions",
    f"/v2/api/public/{SHOP}/sessions/{SESSION}/events", f"/v2/api/public/{SHOP}/assist/sessions",
    f"/api/v1/{SHOP}/assist/sessions", "/api/1/assist/sessions", "/api/1/sessions/search",
)  # fmt: skip
CHANGES = (
    ("POST", "/v2/api/public/projects"), ("POST", "/v2/api/1/sessions/search/save"), ("POST", "/v2/api/1/notes/1"),
    ("POST", f"/v2/api/1/sessions/{SESSION}/notes"), ("POST", "/v2/api/1/cards"), ("POST", "/v2/api/1/tags"),
    ("POST", "/v2/api/1/users/ann"), ("POST", "/api/projects"), ("POST", "/api/v1/projects"),
    ("GET", f"/v2/api/1/sessions/{SESSION}/favorite"), ("GET", f"/api/1/sessions/{SESSION}/favorite"),
    ("GET", "/api/1/errors/5/solve"), ("GET", "/api/1/unheard-of"),
)  # fmt: skip


@pytest.mark.parametrize("path", SEARCHES)
def test_a_search_reads_and_is_not_sent_as_a_change(path):
    server = scripted()
    assert server.client.run(request, path=path, method="POST").body == {"data": "reached"}
    assert server.requests[-1].method == "POST"
    with pytest.raises(ArgumentsError, match="use openreplay_request"):
        server.client.run(send, path=path, method="POST")


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_change_is_refused_as_a_reading_and_sent_as_a_change(method, path):
    server = scripted()
    with pytest.raises(ArgumentsError, match="openreplay_send sends it, where a toolkit allows writes"):
        server.client.run(request, path=path, method=method)
    assert not server.requests
    assert server.client.run(send, path=path, method=method, query=["a=1"]).body == {"data": "reached"}
    assert server.requests[-1].method == method


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/api/1/notes/1", True), ("/v2/api/1/sessions/search/saved/bc812150", True), ("/v2/api/1/tags/1", True),
        ("/v2/api/1/cards/3", True), (f"/v2/api/public/{SHOP}/jobs/4", True), (f"/api/v1/{SHOP}/jobs/4", True),
        (f"/v2/api/public/{SHOP}/users/ann", False), (f"/api/v1/{SHOP}/users/ann", False),
        ("/v2/api/1/users/ann", False), ("/api/projects/1", False), (f"/v2/api/1/sessions/{SESSION}", False),
    ],
)  # fmt: skip
def test_only_what_can_be_made_again_is_deleted(path, allowed):
    server = scripted()
    if allowed:
        server.client.run(send, path=path, method="DELETE")
        assert server.requests[-1].method == "DELETE"
        assert not server.requests[-1].content
    else:
        with pytest.raises(ArgumentsError, match="openreplay_delete_user"):
            server.client.run(send, path=path, method="DELETE")
        assert not server.requests


def test_effects_and_methods_are_what_toolkits_select_by():
    assert (request.effect, send.effect) == ("read", "write")
    assert {request.group, send.group} == {"raw"}
    assert (request.tool_name, send.tool_name) == ("openreplay_request", "openreplay_send")
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        with pytest.raises(ArgumentsError, match="method"):
            request.parse({"path": "/v2/api/1/tags", "method": method})


def test_changes_are_sent_once_and_logged(caplog):
    caplog.set_level("INFO", "openreplay_tools.audit")
    server = scripted({"POST /v2/api/1/tags": httpx.Response(503)}, retries=3)
    with pytest.raises(Exception, match="may have been done"):
        server.client.run(send, path="/v2/api/1/tags", method="POST", body='{"name": "x"}')
    assert sum(one.url.path == "/v2/api/1/tags" for one in server.requests) == 1
    assert [record.getMessage() for record in caplog.records if "/tags" in record.getMessage()]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"query": ["limit"]}, "name=value"), ({"query": ["=5"]}, "name=value"), ({"query": ["a=1", "a=2"]}, "twice"),
        ({"body": "{}"}, "a GET has none"), ({"method": "POST", "body": "{"}, "is not JSON"),
        ({"method": "POST", "body": "[1]"}, "not a JSON object"),
        ({"method": "POST", "body": '{"a": NaN}'}, "is not JSON"),
        ({"method": "POST", "body": "[" * 90_000}, "is not JSON"),
    ],
)  # fmt: skip
def test_a_malformed_query_or_body_is_refused(given, refusal):
    server = scripted()
    with pytest.raises(ArgumentsError, match=refusal):
        server.client.run(request, path="/v2/api/1/events", **given)
    assert not server.requests


def test_the_path_decides_which_credential_is_missing():
    with pytest.raises(UnavailableError, match="needs a dashboard login"):
        Scripted(ANY).client.run(request, path="/v2/api/1/tags")
    for path in ("/v2/api/public/projects", "/api/v1/projects"):
        with pytest.raises(UnavailableError, match="needs an organization key"):
            scripted(api_key="").client.run(request, path=path)
    assert scripted(api_key="").client.run(request, path="/v2/api/1/tags").body == {"data": "reached"}


def test_a_door_known_to_be_closed_is_not_tried():
    server = scripted()
    connection = server.client.connection
    connection.learn(connection.access.without("v1", ClosedError("no API v1")))
    with pytest.raises(ClosedError, match="no API v1"):
        server.client.run(request, path="/api/v1/projects")
    assert not server.requests


def test_a_refused_key_is_told_from_an_unknown_project():
    refused = {r"\w+ /v2/api/public/(?!projects\Z)": httpx.Response(401)}
    for path in ("/v2/api/public/AAAAAAAAAAAAAAAAAAAA/jobs", "/v2/api/public/projects/AAAAAAAAAAAAAAAAAAAA"):
        with pytest.raises(NotFoundError, match="Projects here: Acme Shop"):
            scripted(refused).client.run(request, path=path)
    with pytest.raises(AuthenticationError, match="refused the key"):
        scripted(refused).client.run(request, path=f"/v2/api/public/{SHOP}/jobs")


def test_errors_stay_errors():
    missing = {"GET /v2/api/1/unprocessed": {"errors": ["Replay file not found"]}}
    with pytest.raises(NotFoundError, match="Replay file not found"):
        scripted(missing).client.run(request, path=f"/v2/api/1/unprocessed/{SESSION}/dom.mob")
    with pytest.raises(NotFoundError, match="gone"):
        scripted({"GET /v2/api/1/x": {"errors": "gone"}}).client.run(request, path="/v2/api/1/x")
    both = {"GET /v2/api/1/x": {"errors": ["e"], "data": 1}}
    assert scripted(both).client.run(request, path="/v2/api/1/x").body == both["GET /v2/api/1/x"]
    none = {"GET /v2/api/1/x": {"errors": []}}
    assert scripted(none).client.run(request, path="/v2/api/1/x").body == {"errors": []}


SIGNED = (
    f"https://openreplay.example.com/mobs/{SESSION}/dom.mobs?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=CREDENTIAL%2F20261120&X-Amz-Signature=SIGNATURE0123456789abcdef"
)
SECRETS = {
    "apiKey": "orgorgorgorgorgorgor",
    "jwt": "secretjwtsecretjwt",
    "spotJwt": "spotsecretspotsecret",
    "agentToken": "agentagentagentagent",
    "fileKey": "00112233445566778899aabbccddeeff",
    "domURL": [SIGNED],
    "password": {"old": "hunter2hunter2", "new": "hunter3hunter3"},
    "refreshToken": "refreshrefresh",
}


@pytest.mark.parametrize(("operation", "method"), [(request, "GET"), (send, "POST")])
def test_no_credential_is_in_text_or_data(operation, method):
    server = scripted({"\\w+ /v2/api/1/x": {"data": {"filler": "x" * 400, "deep": [{"deeper": SECRETS}]}}})
    parsed = operation.parse({"path": "/v2/api/1/x", "method": method})
    outcome = server.client.outcome(operation, parsed)
    text = render(operation.present(outcome.result, parsed, outcome.scope), budget=20_000, fence=Fence("7f3a"))
    data = json.dumps(mask_tree(outcome.result.model_dump(mode="json")))  # what a toolkit does with every result
    shown = data + text
    for secret in ("orgorg", "secretjwt", "spotsecret", "agentagent", "00112233", "hunter", "refreshrefresh"):
        assert secret not in shown
    assert "CREDENTIAL%2F" not in shown
    assert "SIGNATURE01" not in shown
    assert text.count("[masked") >= len(SECRETS)
    assert "apiKey" in text


def test_an_address_that_a_visitor_saw_is_kept_but_for_its_secrets():
    seen = "https://shop.example/pay?step=2&sig=abcdef0123456789"
    server = scripted({"GET /v2/api/1/x": {"data": {"url": seen}}})
    text = told(server.client, path="/v2/api/1/x")
    assert "https://shop.example/pay?step=2&sig=[masked]" in text
    assert server.client.run(request, path="/v2/api/1/x").body == {"data": {"url": seen}}


def test_an_empty_file_key_is_left():
    server = scripted({"GET /v2/api/1/x": {"data": {"fileKey": None, "link": "https://a.example/?page=1"}}})
    body = server.client.run(request, path="/v2/api/1/x").body
    assert body == {"data": {"fileKey": None, "link": "https://a.example/?page=1"}}


def read_back(text):
    """Return the JSON that an answer shows, without fences."""
    lines = [line for line in text.splitlines()[1:] if "never instructions" not in line]
    return json.loads(re.sub(r"⟦7f3a (.*?) 7f3a⟧", r"\1", "\n".join(lines)))


def test_what_is_shown_is_the_json_line_by_line():
    rows = [{"name": "CLICK", "label": f"Pay {n} ⟦7f3a", "odd": "x" * 200} for n in range(2)]
    value = {"data": rows, "none": None, "total": 2}
    text = told(scripted({"GET /v2/api/1/x": value}).client, path="/v2/api/1/x")
    head, _, *lines = text.splitlines()
    assert head == '13 of 13 lines of the reply to GET "/v2/api/1/x" · openreplay.example.com'
    assert lines[:4] == [
        "{",
        '  ⟦7f3a "data": [ 7f3a⟧',
        "    {",
        '      ⟦7f3a "name": "CLICK", "label": "Pay 0 [7f3a", 7f3a⟧',
    ]
    assert read_back(text) == {**value, "data": [{**row, "label": row["label"].replace("⟦", "[")} for row in rows]}


@pytest.mark.parametrize("value", [None, True, 5, "text", [], {}, {"data": []}, [1, [2, {"a": "b" * 300}], 3]])
def test_every_json_is_shown(value):
    reply = httpx.Response(200, content=json.dumps(value), headers={"content-type": "application/json"})
    assert read_back(told(scripted({"GET /v2/api/1/x": reply}).client, path="/v2/api/1/x")) == value


def test_a_long_answer_is_bounded_and_says_so():
    server = scripted({"GET /v2/api/1/x": {"data": [{"n": n, "text": "y" * 1000} for n in range(500)]}})
    text = told(server.client, path="/v2/api/1/x")
    assert len(text) <= 6000
    assert "Shown " in text
    assert 'detail="full" widens' in text
    assert len(server.client.run(request, path="/v2/api/1/x").body["data"]) == 500
    wide = told(server.client, path="/v2/api/1/x", detail="full", budget=24_000)
    assert "y" * 1000 in wide
    assert "y" * 1000 not in text


def test_deeply_nested_json_is_shown():
    nested = "[" * 120 + "1" + "]" * 120
    reply = httpx.Response(200, content=nested, headers={"content-type": "application/json"})
    assert "1" in told(scripted({"GET /v2/api/1/x": reply}).client, path="/v2/api/1/x")


def test_text_that_the_server_escaped_is_restored_where_it_does_so():
    users = {"data": {"total": 1, "users": [{"$name": "Tom &amp; Co"}]}}
    server = scripted({"POST /v2/api/1/(users|notes)": users})
    assert (
        server.client.run(request, path="/v2/api/1/users", method="POST").body["data"]["users"][0]["$name"]
        == "Tom & Co"
    )
    assert server.client.run(request, path="/v2/api/1/notes", method="POST").body == users, "not escaped (observed §D)"
    assert read_path(f"/v2/api/public/{SHOP}/users/ann").escaped
    assert not read_path(f"/v2/api/public/{SHOP}/jobs").escaped
    assert not read_path("/api/1/metadata").escaped


def test_reading_a_replay_says_that_it_counts_as_viewed(client):
    session = client.run(request, path="/v2/api/1/notes", method="POST").body["data"]["notes"][0]["sessionId"]
    text = told(client, path=f"/v2/api/1/sessions/{session}/replay")
    assert "now counts this session as viewed" in text
    assert "[masked signed address]" in text
    assert "Signature" not in text
    assert "viewed by the login" not in told(client, path=f"/v2/api/1/sessions/{session}/notes")


def test_the_sandbox_answers_what_its_doors_have(client, world):
    body = client.run(request, path=f"/v2/api/public/{SHOP}/users", method="POST", body='{"limit": 1}').body
    assert body["data"]["total"] == len(world.users)
    listed = client.run(request, path="/api/projects").body["data"]
    assert {one["projectKey"] for one in listed} >= {SHOP}
    slots = client.run(request, path="/api/1/metadata").body["data"]
    assert [one["key"] for one in slots] == ["plan", "company", "experiment", "release"]
    limited = client.run(request, path="/v2/api/1/sessions/search/saved", query=["limit=1"]).body
    assert len(limited["data"]) == limited["limit"] == 1


async def test_async_gives_the_same(client, sandbox):
    account = {"email": sandbox.email, "password": sandbox.password}
    async with AsyncClient(base_url=sandbox.url, **known(**account)) as other:
        assert await other.run(request, path="/api/1/metadata") == client.run(request, path="/api/1/metadata")


def test_a_change_arrives(own_client, own_sandbox):
    (note, *_) = own_client.run(request, path="/v2/api/1/notes", method="POST").body["data"]["notes"]
    own_client.run(send, path=f"/v2/api/1/notes/{note['noteId']}", method="DELETE")
    assert own_sandbox.store.notes.find(1, note["noteId"], 1) is None
    path = f"/v2/api/1/sessions/{note['sessionId']}/favorite"
    assert own_client.run(send, path=path, method="GET").body == {"data": {"sessionId": note["sessionId"]}}


def test_what_a_role_may_not_do_is_told(sandbox):
    with client_over(sandbox, email=sandbox.member_email, password=sandbox.password) as member:
        with pytest.raises(PermissionDeniedError):
            member.run(request, path="/v2/api/1/lexicon/events")
        assert member.run(request, path="/v2/api/1/sessions/search/saved").body["total"] >= 1


def test_an_old_server_has_the_v1_door_alone():
    server = Scripted({r"GET /api/v1/projects\Z": {"data": [project()]}})
    connection = server.client.connection
    connection.learn(connection.access.without("v2", ClosedError("no API v2")))
    assert server.client.run(request, path="/api/v1/projects").body == {"data": [project()]}
