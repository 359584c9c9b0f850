"""LogRocket's fake: what its documentation promises, and what it leaves open in several ways at once."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.testclient import TestClient

from openreplay_tools.sandbox import FIXED_NOW, Failure, Sandbox
from openreplay_tools.sandbox import logrocket_data as planted
from openreplay_tools.sandbox.logrocket import build_logrocket
from openreplay_tools.sandbox.logrocket_files import BROKEN_FILE, INJECTION, LARGE_COUNT, LARGE_FILE, SECRET
from openreplay_tools.sandbox.logrocket_highlights import FOREIGN_HOST, ORDER, session_text

NOW_MS = int(FIXED_NOW.timestamp() * 1000)
DAY = 24 * 3600 * 1000
PATH = "/v1/orgs/acme/apps/shop/"
LINK = re.compile(r"https://([^/\s)]+)/acme/shop/s/(\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(\d+)\?t=(\d{13})")


@pytest.fixture(scope="module")
def whole():
    """A sandbox with the real world."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def api(whole):
    headers = {"Authorization": f"token {whole.logrocket_api_key}"}
    with httpx.Client(base_url=whole.logrocket_url + PATH, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def bare(whole):
    with httpx.Client(base_url=whole.logrocket_url + PATH) as client:
        yield client


@pytest.fixture(scope="module")
def fetch():
    """Get a file as it travels, without any key."""
    with httpx.Client() as client:
        yield client.get


@pytest.fixture(scope="module")
def addresses(api):
    """The address of every file, page by page as a client must go."""
    found, cursor = [], None
    while True:
        page = api.get("data-export/", params={"limit": 100, **({} if cursor is None else {"cursor": cursor})}).json()
        found += [entry["url"] for entry in page["sessions"]]
        if page["cursor"] == cursor:
            assert page["sessions"] == []
            return found
        cursor = page["cursor"]


# -- who may come in


@pytest.mark.parametrize("form", ["token {}", "Token {}", "TOKEN  {}", "token pat:{}"])
def test_key_opens_in_each_known_form(bare, whole, form):
    header = {"Authorization": form.format(whole.logrocket_api_key)}
    assert bare.get("data-export/", headers=header).status_code == 200


@pytest.mark.parametrize("header", ["Bearer acme:shop:sandbox-logrocket", "acme:shop:sandbox-logrocket", "Basic x"])
def test_other_schemes_are_refused(bare, header):
    assert bare.get("data-export/", headers={"Authorization": header}).status_code == 401


def test_wrong_key_and_no_key_are_refused(bare):
    wrong = bare.get("highlights?id=1", headers={"Authorization": "token acme:shop:other"})
    assert (wrong.status_code, bare.get("data-export/").status_code) == (403, 401)


@pytest.mark.parametrize("path", ["orgs/acme/apps/other", "orgs/other/apps/shop", "orgs/acme/apps/shop%2Fx"])
def test_other_organizations_and_applications_are_not_found(api, whole, path):
    assert api.get(f"{whole.logrocket_url}/v1/{path}/data-export/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "users/ann", 405),
        ("PUT", "users/a/b", 404),
        ("PUT", "users/a/", 404),
        ("POST", "data-export/", 405),
        ("POST", "highlights", 405),
        ("GET", "sessions/", 404),
    ],
)
def test_what_is_not_documented_is_not_there(api, method, path, status):
    assert api.request(method, path, json={"userID": "ann"}).status_code == status


def test_graphql_is_not_there(api, whole):
    assert api.post(f"{whole.logrocket_url}/graphql", json={}).status_code == 404


# -- users


def test_sent_traits_overwrite_missing_ones_stay_and_blank_ones_go(api):
    def put(**body):
        return api.put("users/new-one", json=body).json()

    sent = {"name": "Nia", "email": "nia@example.org", "traits": {"age": 43, "vip": True, "plan": "pro", "rate": 1.5}}
    texts = {"age": "43", "vip": "true", "plan": "pro", "rate": "1.5"}
    first = put(**sent, timestamp=NOW_MS)
    assert first == {"userID": "new-one", "name": "Nia", "email": "nia@example.org", "traits": texts}
    second = put(name="", traits={"age": 44, "plan": " ", "rate": ""})
    assert second == {"userID": "new-one", "email": "nia@example.org", "traits": {"age": "44", "vip": "true"}}
    assert put() == second


def test_user_of_the_shop_is_known_and_an_id_may_hold_a_slash(api, whole):
    reply = api.put("users/team%2Feve", json={"traits": {"seen": "yes"}}).json()
    assert (reply["userID"], reply["name"], reply["traits"]["seen"]) == ("team/eve", "Eve Lang", "yes")
    assert whole.requests[-1].path == f"/logrocket{PATH}users/team%2Feve"


LONG = "x" * 1025


@pytest.mark.parametrize(
    ("user_id", "content", "message"),
    [
        ("u", "", "Missing request body"),
        ("u", "{", "Malformed request"),
        ("u", "[1]", "Malformed request"),
        ("u", '{"traits": [1]}', "Malformed request"),
        ("u", '{"traits": {"a": {}}}', "Malformed request"),
        ("u", '{"name": 1}', "Malformed request"),
        ("u", '{"timestamp": "now"}', "Malformed request"),
        (LONG, "{}", "userID too large (max 1024 characters)"),
        ("u", f'{{"name": "{LONG}"}}', "name too large (max 1024 characters)"),
        ("u", f'{{"email": "{LONG}"}}', "email too large (max 1024 characters)"),
        ("u", f'{{"traits": {{"a": "{LONG}"}}}}', "trait value too large (max 1024 characters)"),
    ],
)
def test_documented_refusals(api, user_id, content, message):
    reply = api.put(f"users/{user_id}", content=content)
    assert (reply.status_code, reply.json()) == (400, {"error": message})


def test_one_refusal_is_plain_text_and_one_user_breaks_the_server(api):
    reply = api.put("users/u", json={"traits": {LONG: "a"}})
    assert (reply.status_code, reply.text) == (400, "user trait key too large")
    reply = api.put(f"users/{planted.REFUSED}", json={"name": "x"})
    assert (reply.status_code, reply.json()) == (500, {"error": "Error processing user data"})
    assert api.put("users/u", json={"name": "x" * 1024}).status_code == 200


# -- the export


def test_list_has_more_than_a_page_and_no_file_twice(addresses):
    assert 200 < len(addresses) == len(set(addresses))
    names = [httpx.URL(address).path for address in addresses]
    assert all(re.fullmatch(r"/storage/exports/[0-9a-f]{32}\.jsonl", name) for name in names)


def test_entry_is_an_address_and_nothing_else(api):
    page = api.get("data-export/").json()
    assert set(page) == {"cursor", "sessions"}
    assert type(page["cursor"]) is int
    assert [set(entry) for entry in page["sessions"]] == [{"url"}] * 10


def test_small_pages_and_large_ones_hold_the_same(api, addresses):
    found, cursor, sizes = [], 0, set()
    while len(found) < 60:
        page = api.get("data-export/", params={"limit": 7, "cursor": cursor}).json()
        found += [entry["url"] for entry in page["sessions"]]
        sizes.add(len(page["sessions"]))
        cursor = page["cursor"]
    assert found == addresses[: len(found)]
    assert sizes == {6, 7}, "one page is short without being the last"
    assert len(api.get("data-export/", params={"limit": 5000}).json()["sessions"]) <= 100


def test_date_is_where_the_list_starts(api, addresses, fetch):
    last_week = api.get("data-export/", params={"date": NOW_MS - 7 * DAY, "limit": 1}).json()["sessions"][0]["url"]
    assert 0 < addresses.index(last_week) < len(addresses)
    begins = read(fetch(last_week).content)[0]
    assert NOW_MS - 7 * DAY <= (begins.get("timestamp") or begins["time"]) < NOW_MS - 6 * DAY
    future = api.get("data-export/", params={"date": NOW_MS}).json()
    assert future == {"cursor": NOW_MS, "sessions": []}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=next", "date=today", "cursor="])
def test_odd_questions_are_refused(api, query):
    assert api.get(f"data-export/?{query}").status_code == 400


def test_without_its_slash_the_list_redirects(api):
    reply = api.get("data-export?limit=1&date=5")
    location = f"/logrocket{PATH}data-export/?limit=1&date=5"
    assert (reply.status_code, reply.headers["Location"]) == (301, location)
    assert len(api.get("data-export?limit=1", follow_redirects=True).json()["sessions"]) == 1


def test_session_is_listed_an_hour_after_its_last_event(whole):
    hour = timedelta(hours=1)
    visit = max((v for v in planted.Shop(whole.store).visits if v.end_ms < NOW_MS - 4 * DAY), key=lambda v: v.end_ms)
    end = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=visit.end_ms)
    clock = [end + hour]
    app = build_logrocket(whole.storage, "acme:shop:x", lambda: clock[0], whole.store)
    client = TestClient(app, headers={"Authorization": "token acme:shop:x"})

    def count():
        query = {"date": visit.start_ms, "limit": 100}
        return len(client.get(PATH + "data-export/", params=query).json()["sessions"])

    assert count() == 1
    clock[0] -= timedelta(milliseconds=1)
    assert count() == 0


def read(content):
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return [json.loads(line) for line in content.decode().splitlines()]


def test_files_come_compressed_in_three_ways(addresses, fetch):
    replies = [fetch(address) for address in addresses[:5]]
    assert [reply.headers.get("Content-Encoding") for reply in replies] == [None, "gzip", None, None, None]
    assert [reply.content[:2] == b"\x1f\x8b" for reply in replies] == [False, False, False, True, False]
    assert {reply.headers["Content-Type"] for reply in replies} == {"application/x-ndjson"}


def test_every_file_is_a_session_with_events_of_known_names(addresses, fetch):
    spellings = set()
    for place in (0, 1, 3, 5, 6):
        lines = read(fetch(addresses[place]).content)
        kind = next(name for name in ("type", "eventType", "event_type") if name in lines[0])
        time = "timestamp" if "timestamp" in lines[0] else "time"
        spellings.add((kind, time))
        assert lines[0][kind] == "lr.Metadata"
        assert all(line[kind].startswith("lr.") for line in lines)
        assert [line[time] for line in lines] == sorted(line[time] for line in lines)
        assert SECRET in json.dumps(lines)
    assert spellings == {("type", "timestamp"), ("eventType", "timestamp"), ("event_type", "time")}


def test_one_file_has_a_broken_line_and_a_blank_one(addresses, fetch):
    lines = fetch(addresses[BROKEN_FILE]).text.splitlines()
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(lines[3])
    assert lines[4] == ""
    assert all(json.loads(line) for place, line in enumerate(lines) if place not in {3, 4})


def test_one_file_is_large(addresses, fetch):
    lines = read(fetch(addresses[LARGE_FILE]).content)
    assert LARGE_COUNT < len(lines) < LARGE_COUNT + 500


def test_files_hold_the_shops_incidents_and_orders_to_the_reader(addresses, fetch):
    texts = []
    for address in addresses[-60:]:
        content = fetch(address).content
        texts.append((gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode())
    assert sum(INJECTION in text for text in texts) == 2
    assert any('"lr.core.Exception"' in text and "payment_gateway_unreachable" in text for text in texts)


def test_address_refuses_the_key_and_expires(api, whole, fetch):
    url = api.get("data-export/", params={"limit": 1}).json()["sessions"][0]["url"]
    assert api.get(url).status_code == 400
    assert url.startswith(f"{whole.url}/storage/exports/")
    whole.storage.wait(901)
    assert fetch(url).status_code == 403
    again = api.get("data-export/", params={"limit": 1}).json()["sessions"][0]["url"]
    assert fetch(again).status_code == 200
    whole.storage.wait(-901)


# -- highlights


def ask(api, **body):
    reply = api.post("highlights/", json=body).json()
    return reply.get("id") or reply["requestID"]


def finished(api, **body):
    number = ask(api, **body)
    for _ in range(2):
        assert api.get(f"highlights?id={number}").json()["status"] == "PENDING"
    return api.get(f"highlights?id={number}").json()


def test_job_is_pending_twice_and_then_ready(api):
    number = ask(api, userEmail=planted.TROUBLED)
    assert re.fullmatch("[0-9a-f]{64}", number)
    waiting = {"result": None, "status": "PENDING", "appID": "acme/shop", "requestID": number}
    assert [api.get(path, params={"id": number}).json() for path in ("highlights", "highlights/")] == [waiting] * 2
    done = api.get("highlights", params={"id": number}).json()
    assert {**done, "result": None} == {**waiting, "status": "READY"}
    assert set(done["result"]) == {"highlights", "sessions"}
    assert [set(entry) for entry in done["result"]["sessions"]] == [{"recordingID", "sessionID", "highlights"}] * 6


def test_each_question_is_a_job_of_its_own(api):
    assert ask(api, userID="ann@example.org") != ask(api, userID="ann@example.org")


def test_highlights_tell_the_incident_with_links_to_its_moments(api, whole):
    result = finished(api, userID=planted.TROUBLED, question="Why did she leave?")["result"]
    assert result["highlights"].startswith("You asked: Why did she leave?\n\n**2 of the 6 most recent sessions")
    assert "payment_gateway_unreachable" in result["highlights"]
    known = {(entry["recordingID"], entry["sessionID"]) for entry in result["sessions"]}
    links = LINK.findall(result["highlights"])
    assert links
    assert {(recording, int(number)) for _, recording, number, _ in links} <= known
    assert {host for host, *_ in links} == {"app.logrocket.com"}
    failed = [row for row in whole.store.sessions(1) if row["userId"] == planted.TROUBLED][-1]
    assert all(failed["startTs"] <= int(t) <= failed["startTs"] + failed["duration"] for *_, t in links[:3])
    assert "You asked" not in finished(api, userID=planted.TROUBLED, question=" ")["result"]["highlights"]


def test_highlights_tell_slow_pages(whole):
    shop = planted.Shop(whole.store)
    texts = [session_text(shop, visit) for visit in shop.visits if visit.seen["userOs"] == "Android"]
    assert any(re.search(r"- \[Waited \d\.\d s for /category/outdoor\]\(https://", text) for text in texts)


def test_at_most_ten_sessions_newest_first_within_the_range(api):
    many = finished(api, userID=planted.SLASHED)["result"]["sessions"]
    numbers = [entry["sessionID"] for entry in many]
    assert (len(numbers), numbers) == (10, sorted(numbers, reverse=True))
    period = {"startMs": NOW_MS - 8 * DAY, "endMs": NOW_MS - 2 * DAY}
    some = finished(api, userID=planted.TROUBLED, timeRange=period)["result"]
    assert len(some["sessions"]) == 1
    moments = [int(t) for *_, t in LINK.findall(json.dumps(some))]
    assert all(period["startMs"] <= moment <= period["endMs"] for moment in moments)
    none = finished(api, userID=planted.TROUBLED, timeRange={"startMs": 0, "endMs": 1})
    assert (none["status"], none["result"]["sessions"]) == ("READY", [])


def test_one_users_jobs_answer_in_the_other_spelling(api):
    reply = api.post("highlights/", json={"userID": planted.OTHER_SPELLING})
    assert reply.status_code == 202
    assert {**reply.json(), "requestID": ""} == {
        "requestID": "",
        "appID": "acme/shop",
        "status": "PENDING",
        "result": None,
    }
    done = finished(api, userID=planted.OTHER_SPELLING)
    assert done["status"] == "COMPLETE"
    assert all(set(entry) == {"sessionId", "highlights"} for entry in done["result"]["sessions"])


def test_failing_jobs_and_users_without_sessions(api):
    failed = finished(api, userID=planted.FAILING)
    assert (failed["status"], failed["result"]) == ("FAILED", None)
    nobody = finished(api, userEmail=planted.WITHOUT_SESSIONS)
    assert (nobody["status"], nobody["result"]["sessions"]) == ("READY", [])


def test_highlights_may_give_orders_and_link_elsewhere(api):
    text = finished(api, userEmail=planted.GIVING_ORDERS)["result"]["highlights"]
    assert ORDER in text
    assert {host for host, *_ in LINK.findall(text)} == {"app.logrocket.com", FOREIGN_HOST}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": "who?"},
        {"userID": 5},
        {"userID": "a", "question": None},
        {"userID": "a", "timeRange": {"startMs": 1}},
        {"userID": "a", "timeRange": {"endMs": 1}},
        {"userID": "a", "timeRange": {"startMs": 2, "endMs": 2}},
        {"userID": "a", "timeRange": {"startMs": "1", "endMs": "2"}},
        {"userID": "a", "timeRange": {"startMs": 1.5, "endMs": 2.5}},
        {"userID": "a", "timeRange": "yesterday"},
    ],
)
def test_unclear_questions_are_refused(api, body):
    assert api.post("highlights/", json=body).status_code == 400


def test_unknown_jobs(api):
    assert api.get("highlights?id=" + "0" * 64).status_code == 404
    assert api.get("highlights").status_code == 400


# -- the whole


def test_same_clock_gives_the_same_answers(api, addresses):
    with Sandbox() as other:
        headers = {"Authorization": f"token {other.logrocket_api_key}"}
        with httpx.Client(base_url=other.logrocket_url + PATH, headers=headers) as client:
            page = client.get("data-export/").json()
            done = finished(client, userID=planted.STOPPED)["result"]
    assert page["cursor"] == api.get("data-export/").json()["cursor"]
    names = [httpx.URL(url).path for url in addresses[:10]]
    assert [httpx.URL(entry["url"]).path for entry in page["sessions"]] == names
    assert done == finished(api, userID=planted.STOPPED)["result"]
    assert "reading 'invoice'" in done["highlights"]


def test_planted_failures_meet_the_siblings_too(api, whole, addresses, fetch):
    whole.failures.add(Failure("status", "^/logrocket/", status=429, retry_after=3))
    whole.failures.add(Failure("truncate", "^/storage/"))
    whole.failures.add(Failure("status", "^/notte/", status=503))
    reply = api.get("data-export/")
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(addresses[0])
    assert [fetch(f"{whole.notte_url}/health").status_code for _ in range(2)] == [503, 200]
    assert (api.get("data-export/").status_code, fetch(addresses[0]).status_code) == (200, 200)


def test_notte_shares_the_port_and_the_storage(whole, fetch):
    key = {"Authorization": f"Bearer {whole.notte_api_key}"}
    assert fetch(f"{whole.notte_url}/sessions").status_code == 401
    assert fetch(f"{whole.notte_url}/sessions", headers=key).json()["page"] == 1
    assert whole.requests[-1].path == "/notte/sessions"
