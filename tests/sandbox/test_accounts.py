"""Signing in to the sandbox, what a token is worth and for how long, and how often its holder may ask."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.accounts import (
    MEMBER,
    OWNER,
    PASSWORD,
    Accounts,
    InvalidRefreshError,
    InvalidTokenError,
)
from openreplay_tools.sandbox.limiter import Limiter

TAGS = "/v2/api/1/tags"


@pytest.fixture
def time():
    return [FIXED_NOW]


@pytest.fixture
def accounts(time):
    return Accounts(lambda: time[0])


def log_in(accounts, email=OWNER.email):
    person, tokens = accounts.login(email, PASSWORD)
    assert person.email == email
    return tokens


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_a_token_says_whose_it_is_and_how_long_it_lasts(accounts):
    tokens = log_in(accounts)
    found = claims(tokens.jwt)
    issued = int(FIXED_NOW.timestamp())
    assert (found["userId"], found["tenantId"], found["iat"], found["exp"]) == (1, 1, issued, issued + 86400)
    assert (found["aud"], claims(tokens.spot_jwt)["aud"]) == ("front:OpenReplay", "spot:OpenReplay")
    assert json.loads(base64.urlsafe_b64decode(tokens.jwt.split(".")[0] + "==")) == {"alg": "HS512", "typ": "JWT"}
    assert accounts.holder(tokens.jwt) is OWNER


@pytest.mark.parametrize(("email", "password"), [(OWNER.email, "x"), ("nobody@example.com", PASSWORD), ("", "")])
def test_wrong_words_give_no_token(accounts, email, password):
    assert accounts.login(email, password) is None
    assert accounts.logins == 0


def test_each_login_makes_the_last_token_worthless_even_in_the_same_second(accounts):
    first, second = log_in(accounts).jwt, log_in(accounts).jwt
    assert accounts.user_of(f"Bearer {first}") is None
    assert accounts.user_of(f"Bearer {second}") == 1
    assert accounts.logins == 2


def test_people_do_not_end_each_others_sessions(accounts):
    owner, member = log_in(accounts).jwt, log_in(accounts, MEMBER.email).jwt
    assert (accounts.holder(owner), accounts.holder(member)) == (OWNER, MEMBER)


@pytest.mark.parametrize("header", ["", "x", "bearer {}", "Bearer  {}", "Bearer {} Bearer ", "{}", "Bearer {}x"])
def test_headers_of_another_form_open_nothing(accounts, header):
    assert accounts.user_of(header.format(log_in(accounts).jwt)) is None


def test_only_the_dashboards_own_token_opens_it(accounts):
    tokens = log_in(accounts)
    for other in (tokens.spot_jwt, tokens.refresh, tokens.spot_refresh):
        with pytest.raises(InvalidTokenError):
            accounts.holder(other)


def test_a_forged_token_is_worthless(accounts):
    head, _, signature = log_in(accounts).jwt.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"userId": 1, "iat": 0, "exp": 2**40}).encode()).decode()
    with pytest.raises(InvalidTokenError):
        accounts.holder(f"{head}.{forged}.{signature}")


def test_a_refresh_gives_a_new_token_for_the_old_one(accounts, time):
    old = log_in(accounts)
    time[0] += timedelta(seconds=2)
    new = accounts.refresh(old.refresh, old.jwt)
    assert accounts.holder(new.jwt) is OWNER
    assert new.refresh_seconds == old.refresh_seconds - 2
    with pytest.raises(InvalidTokenError):
        accounts.holder(old.jwt)
    with pytest.raises(InvalidRefreshError):
        accounts.refresh(old.refresh, old.jwt)
    assert (accounts.logins, accounts.refreshes) == (1, 1)


def test_a_token_can_be_refreshed_until_five_minutes_after_its_end(accounts, time):
    tokens = log_in(accounts)
    time[0] += timedelta(seconds=86400)
    with pytest.raises(InvalidTokenError):
        accounts.holder(tokens.jwt)
    time[0] += timedelta(seconds=299)
    again = accounts.refresh(tokens.refresh, tokens.jwt)
    time[0] += timedelta(seconds=86400 + 300)
    with pytest.raises(InvalidTokenError):
        accounts.refresh(again.refresh, again.jwt)


def test_a_refresh_cookie_lasts_a_week(accounts, time):
    tokens = log_in(accounts)
    time[0] += timedelta(days=7)
    with pytest.raises(InvalidRefreshError):
        accounts.refresh(tokens.refresh, tokens.jwt)


def test_a_refresh_needs_both_of_the_same_person(accounts):
    owner, member = log_in(accounts), log_in(accounts, MEMBER.email)
    with pytest.raises(InvalidTokenError):
        accounts.refresh(owner.refresh, member.jwt)
    with pytest.raises(InvalidRefreshError):
        accounts.refresh("", owner.jwt)


def test_logging_out_ends_everything(accounts):
    tokens = log_in(accounts)
    accounts.logout(1)
    assert accounts.user_of(f"Bearer {tokens.jwt}") is None
    with pytest.raises(InvalidRefreshError):
        accounts.refresh(tokens.refresh, tokens.jwt)


def test_somebody_else_with_the_same_account_supersedes_a_token(accounts):
    tokens = log_in(accounts)
    accounts.supersede()
    assert accounts.user_of(f"Bearer {tokens.jwt}") is None
    assert accounts.logins == 1
    with pytest.raises(InvalidRefreshError):
        accounts.refresh(tokens.refresh, tokens.jwt)


def test_an_expired_token_can_still_be_refreshed(accounts):
    tokens = log_in(accounts)
    accounts.expire()
    assert accounts.user_of(f"Bearer {tokens.jwt}") is None
    assert accounts.holder(accounts.refresh(tokens.refresh, tokens.jwt).jwt) is OWNER


def test_tokens_can_be_made_to_end_at_once(accounts):
    accounts.token_seconds = 0
    tokens = log_in(accounts)
    assert claims(tokens.jwt)["exp"] == claims(tokens.jwt)["iat"]
    assert accounts.user_of(f"Bearer {tokens.jwt}") is None
    accounts.token_seconds = 86400
    assert accounts.holder(accounts.refresh(tokens.refresh, tokens.jwt).jwt) is OWNER


def test_the_limiter_gives_back_whole_seconds_since_the_last_request_only():
    seconds = [0.0]
    limiter = Limiter(lambda: seconds[0])

    def asked(count, pause=0.0):
        found = []
        for _ in range(count):
            seconds[0] += pause
            found.append(limiter.allows(1))
        return found

    assert asked(31) == [True] * 30 + [False]
    assert asked(5, 0.9) == [False] * 5
    assert asked(1, 1.0) == [True]
    assert asked(10) == [True] * 9 + [False]
    assert asked(31, 60)[0]
    assert limiter.allows(2)


@pytest.fixture(scope="module")
def clock():
    return [0.0]


@pytest.fixture(scope="module")
def office(small_world, clock):
    with Sandbox(pulse=lambda: clock[0]) as sandbox:
        yield sandbox


@pytest.fixture
def person(office, clock):
    clock[0] += 10

    def ask(method, path, email=office.email, **more):
        if email not in tokens:
            tokens[email] = httpx.post(f"{office.url}/api/login", json={"email": email, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {tokens[email].json()['jwt']}", **more.pop("headers", {})}
        return httpx.request(method, office.url + path, headers=headers, **more)

    tokens = {}
    return ask


def test_a_login_on_the_enterprise_edition_tells_what_the_role_may_do(person, office):
    reply = httpx.post(f"{office.url}/api/login", json={"email": office.member_email, "password": office.password})
    user = reply.json()["data"]["user"]
    assert (user["role"], user["member"], user["superAdmin"]) == ("member", True, False)
    assert user["permissions"] == ["SESSION_REPLAY", "ASSIST_LIVE"]
    assert user["serviceAccount"] is False


@pytest.mark.parametrize("path", ["/v2/api/1/cards/try", "/v2/api/1/events", "/v2/api/1/users", "/v2/api/1/dashboards"])
def test_go_answers_a_missing_permission_with_an_empty_401(person, office, path):
    reply = person("POST", path, office.member_email, json={})
    assert (reply.status_code, reply.content, reply.headers.get("content-type")) == (401, b"", None)
    assert person("POST", path, json={}).status_code != 401


def test_python_says_what_is_missing(person, office):
    reply = person("GET", "/api/1/errors/nope", office.member_email)
    assert (reply.status_code, reply.json()) == (401, {"errors": ["Not enough permissions"]})
    assert person("GET", "/api/1/errors/nope").status_code == 404


def test_a_role_that_may_watch_sessions_may_search_them(person, office):
    body = {"startTimestamp": 1, "endTimestamp": 2, "limit": 1, "page": 1}
    reply = person("POST", "/v2/api/1/sessions/search", office.member_email, json=body)
    assert reply.status_code not in {401, 403}


def test_go_forbids_projects_that_are_not_there_but_leaves_text_to_the_handler(person):
    reply = person("POST", "/v2/api/99/events", json={})
    assert (reply.status_code, reply.content) == (403, b"")
    assert person("POST", "/v2/api/abc/events", json={}).status_code == 400


def test_a_role_is_looked_at_before_the_limit_and_the_limit_before_the_request(person, office, clock):
    for _ in range(30):
        assert person("POST", "/v2/api/1/sessions/search", office.member_email, content=b"{").status_code == 400
    reply = person("POST", "/v2/api/1/sessions/search", office.member_email, content=b"{")
    assert (reply.status_code, reply.text) == (429, "Too Many Requests\n")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert person("POST", "/v2/api/1/events", office.member_email).status_code == 401
    assert person("POST", "/v2/api/1/sessions/search", content=b"{").status_code == 400
    key = {"Authorization": f"Bearer {office.api_key}"}
    assert httpx.get(f"{office.url}/v2/api/public/projects", headers=key).status_code == 200


def test_a_superseded_token_is_an_empty_401_here_and_a_403_there(person, office):
    assert person("GET", "/api/account").status_code == 200
    office.accounts.supersede()
    assert person("GET", "/api/account").json() == {"errors": ["Invalid token or expired token."]}
    assert person("GET", TAGS).status_code == 401


def test_the_cookie_and_the_old_token_give_a_new_one(person, office):
    signed = httpx.post(f"{office.url}/api/login", json={"email": f" {office.email.upper()}", "password": PASSWORD})
    assert signed.status_code == 200
    cookie = {"Cookie": f"refreshToken={signed.cookies['refreshToken']}"}
    office.accounts.expire()

    def refresh(**headers):
        return httpx.get(f"{office.url}/api/refresh", headers={**cookie, **headers}).json()

    assert refresh() == {"errors": ["Not authenticated"]}
    assert refresh(authorization="Bearer x") == {"errors": ["Invalid token or expired token."]}
    fresh = refresh(authorization=f"Bearer {signed.json()['jwt']}")["jwt"]
    account = httpx.get(f"{office.url}/api/account", headers={"Authorization": f"Bearer {fresh}"}).json()["data"]
    assert (account["apiKey"], account["edition"], account["versionNumber"]) == (office.api_key, "ee", "v1.27.0")


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        (b"", "missing", ["body"]),
        (b"[]", "model_attributes_type", ["body"]),
        (b'{"email": 1, "password": "x"}', "string_type", ["body", "email"]),
        (b'{"password": "x"}', "missing", ["body", "email"]),
    ],
)
def test_a_malformed_login_is_refused_as_fastapi_does(office, body, kind, place):
    reply = httpx.post(f"{office.url}/api/login", content=body)
    detail = reply.json()["detail"][0]
    assert (reply.status_code, detail["type"], detail["loc"]) == (422, kind, place)


def test_a_body_that_is_no_text_is_refused(office):
    assert httpx.post(f"{office.url}/api/login", content=b'"\xff').status_code == 400


def test_tokens_follow_a_running_clock():
    before = datetime.now(UTC)
    sandbox = Sandbox(live_clock=True)
    issued = claims(log_in(sandbox.accounts).jwt)["iat"]
    assert int(before.timestamp()) <= issued <= before.timestamp() + 60
