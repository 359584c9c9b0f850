"""The dashboard login: one for a process, renewed when it is really stale, never a loop, at the server's pace."""

import asyncio
import base64
import contextlib
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from random import Random

import httpx
import pytest

from openreplay_tools import AsyncClient, Client, Settings
from openreplay_tools import login as login_module
from openreplay_tools.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnavailableError,
)
from openreplay_tools.flow import Request, ask
from openreplay_tools.login import Login, Pace, login_of
from openreplay_tools.operation import Record

EMAIL, PASSWORD = "ann@example.org", "correct horse"
LATER = 4_000_000_000


class Anything(Record):
    """Any JSON object."""


LOOK = Request("GET", ("1", "lexicon", "events"), Anything, via="dashboard")
PROJECTS = Request("GET", ("projects",), Anything, via="legacy")


def look(request, scope):
    return (yield from ask(request))


class Dashboard:
    """A dashboard with one account: each login ends the one before; counts what it is asked."""

    def __init__(self):
        self.logins = self.refreshes = self.checks = self.served = 0
        self.token = ""
        self.exp = LATER
        self.permitted = True
        self.delay = 0.0
        self.refuse = None
        self.refreshable = False
        self.busy = 0
        self.lock = threading.Lock()

    def issue(self):
        self.logins += 1
        claims = base64.urlsafe_b64encode(json.dumps({"exp": self.exp, "n": self.logins}).encode()).decode().rstrip("=")
        self.token = f"head.{claims}.tail"
        return self.token

    def answer(self, request):
        path, bearer = request.url.path, request.headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            if path == "/api/login":
                return self._login(request)
            if path == "/api/refresh":
                self.refreshes += 1
                good = self.refreshable and request.headers.get("cookie") == "refreshToken=cookie-1"
                told = (
                    {"jwt": self.issue()} if good else {"errors": ["Invalid refresh-token or expired refresh-token."]}
                )
                return httpx.Response(200 if good else 403, json=told)
            if path == "/api/projects":
                self.checks += 1
                told = {"data": []} if bearer == self.token else {"errors": ["Invalid token or expired token."]}
                return httpx.Response(200 if bearer == self.token else 403, json=told)
            if self.busy:
                self.busy -= 1
                return httpx.Response(429, text="Too Many Requests\n")
            if bearer != self.token or not self.permitted:
                return httpx.Response(401)
            self.served += 1
            return httpx.Response(200, json={"data": {}})

    def _login(self, request):
        if self.refuse is not None:
            self.logins += 1
            return self.refuse
        sent = json.loads(request.content)
        if sent != {"email": EMAIL, "password": PASSWORD}:
            self.logins += 1
            return httpx.Response(401, json={"errors": ["You've entered invalid Email or Password."]})
        time.sleep(self.delay)
        cookie = {"set-cookie": "refreshToken=cookie-1; HttpOnly; Path=/api/refresh; Secure"}
        return httpx.Response(200, json={"jwt": self.issue(), "data": {"user": {}}}, headers=cookie)

    def evict(self):
        """Sign in elsewhere."""
        with self.lock:
            self.token = "of somebody else"


@pytest.fixture
def far():
    return Dashboard()


def settings(**given):
    return Settings.make(**{"base_url": "http://127.0.0.1:1", "email": EMAIL, "password": PASSWORD, **given})


@pytest.fixture
def client(far):
    with Client(settings(), transport=httpx.MockTransport(far.answer)) as made:
        yield made


def test_the_first_request_signs_in_and_later_ones_share_the_token(client, far):
    for _ in range(3):
        client.find_out(look, LOOK)
        client.find_out(look, PROJECTS)
    assert (far.logins, far.served) == (1, 3)


def test_threads_and_tasks_share_one_login(far):
    far.delay = 0.05
    transport = httpx.MockTransport(far.answer)
    client = Client(settings(), transport=transport)

    async def tasks():
        async with AsyncClient(connection=client.connection) as other:
            await asyncio.gather(*(other.find_out(look, PROJECTS) for _ in range(50)))

    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(client.find_out, look, PROJECTS) for _ in range(50)]
        calls += [pool.submit(asyncio.run, tasks()) for _ in range(2)]
        for call in calls:
            call.result(30)
    assert (far.logins, far.checks) == (1, 150)


def test_clients_of_one_account_share_one_login_in_a_process():
    first, second = login_of(settings()), login_of(settings(timezone="Europe/Berlin"))
    assert first is second
    assert login_of(settings(email=EMAIL.upper())) is first, "addresses of people have no case"
    assert login_of(settings(token="a-token")) is first
    assert login_of(settings(password="another one")) is not first
    assert login_of(settings(base_url="http://127.0.0.1:2")) is not first
    assert login_of(Settings.make(base_url="http://127.0.0.1:1")) is None


def test_a_token_that_somebody_ended_is_renewed_once_for_all(client, far):
    client.find_out(look, LOOK)
    far.evict()
    with ThreadPoolExecutor(10) as pool:
        for call in [pool.submit(client.find_out, look, LOOK) for _ in range(20)]:
            call.result(30)
    assert (far.logins, far.checks) == (2, 1), "one looked whether the token is stale, one login followed"


def test_a_login_lost_twice_is_not_fought_for(client, far):
    client.find_out(look, LOOK)
    far.evict()
    client.find_out(look, LOOK)
    far.evict()
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="lost twice within ten minutes: another process or person"):
            client.find_out(look, LOOK)
    assert far.logins == 2


def test_after_ten_minutes_a_loss_counts_anew(client, far, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(login_module.time, "monotonic", lambda: now[0])
    login = Login(EMAIL, PASSWORD)
    login._count_loss("first")
    login._count_loss("first")  # the renewal failed: the same loss
    now[0] += 601
    login._count_loss("second")
    now[0] += 599
    with pytest.raises(AuthenticationError):
        login._count_loss("third")


def test_a_missing_permission_logs_nobody_out(client, far):
    client.find_out(look, LOOK)
    far.permitted = False
    for _ in range(2):
        with pytest.raises(PermissionDeniedError, match="The login works, but its role may not do this"):
            client.find_out(look, LOOK)
    assert far.logins == 1
    far.permitted = True
    client.find_out(look, LOOK)


@pytest.mark.parametrize("refreshable", [True, False])
def test_an_expired_token_is_renewed_and_counts_as_no_loss(client, far, refreshable):
    far.exp, far.refreshable = 1_000_000_000, refreshable
    for _ in range(4):
        client.find_out(look, LOOK)
        far.evict()
    assert far.refreshes == 3, "asked first, whether it works or not"
    assert far.logins == 4


def test_a_given_token_cannot_be_renewed(far):
    token = far.issue()
    with Client(
        settings(email="", password="", token=f"Bearer {token}\n"), transport=httpx.MockTransport(far.answer)
    ) as c:
        c.find_out(look, LOOK)
        far.evict()
        with pytest.raises(AuthenticationError, match="no longer accepts OPENREPLAY_TOKEN"):
            c.find_out(look, LOOK)
    assert far.logins == 1


REFUSALS = {
    "wrong": (httpx.Response(401, json={"errors": ["You've entered invalid Email or Password."]}), AuthenticationError),
    "sso": (httpx.Response(401, json={"errors": ["must sign-in with SSO"]}), UnavailableError),
    "captcha": (httpx.Response(401, json={"errors": ["Invalid captcha."]}), UnavailableError),
    "malformed": (httpx.Response(422, json={"detail": [{"loc": ["body", "email"], "msg": "no"}]}), BadRequestError),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_login_is_told_and_not_tried_again_at_once(client, far, case):
    far.refuse, kind = REFUSALS[case]
    for _ in range(3):
        with pytest.raises(kind, match=r"OPENREPLAY_EMAIL|OPENREPLAY_TOKEN"):
            client.find_out(look, LOOK)
    assert far.logins == 1


def test_a_failing_login_service_is_tried_again(client, far):
    far.refuse = httpx.Response(500, json={"errors": ["Internal server error."]})
    for _ in range(2):
        with pytest.raises(ServerError):
            client.find_out(look, LOOK)
    far.refuse = None
    client.find_out(look, LOOK)
    assert far.logins == 3


def test_trouble_while_looking_whether_a_token_is_stale_is_told(client, far):
    client.find_out(look, LOOK)
    far.evict()
    honest = far.answer

    def troubled(request):
        return httpx.Response(500) if request.url.path == "/api/projects" else honest(request)

    with Client(connection=client.connection) as other:
        other.connection.transport = httpx.MockTransport(troubled)
        with pytest.raises(ServerError):
            other.find_out(look, LOOK)
    assert far.logins == 1


def test_a_request_that_needs_a_login_says_so():
    with (
        Client(base_url="http://127.0.0.1:1", api_key="key") as client,
        pytest.raises(ConfigurationError, match="EMAIL"),
    ):
        client.find_out(look, LOOK)


@pytest.mark.parametrize(("given", "missing"), [({"email": EMAIL}, "PASSWORD"), ({"password": PASSWORD}, "EMAIL")])
def test_half_a_login_is_refused(given, missing):
    with pytest.raises(ConfigurationError, match=f"set OPENREPLAY_{missing} too"):
        Settings.make(**given)


def test_no_secret_stands_in_texts_and_logs(far, caplog):
    caplog.set_level(logging.DEBUG)

    def chatty(request):
        return httpx.Response(400, json={"error": f"{request.headers.get('authorization')} {request.content.decode()}"})

    with Client(settings(), transport=httpx.MockTransport(far.answer)) as client:
        client.find_out(look, LOOK)
        token = far.token
        client.connection.transport = httpx.MockTransport(chatty)
        client.close()
        with pytest.raises(BadRequestError) as caught:
            client.find_out(look, LOOK)
        said = f"{caught.value!r} {caught.value} {client!r} {client.connection.settings!r} {caplog.text}"
    assert "[masked]" in said
    assert not any(secret in said for secret in (token, PASSWORD, "cookie-1"))


async def test_a_cancelled_caller_does_not_take_the_login_from_the_others(far):
    async def slow(request):
        await asyncio.sleep(0.1)
        return far.answer(request)

    async with AsyncClient(settings(), transport=httpx.MockTransport(slow)) as client:
        first = asyncio.create_task(client.find_out(look, PROJECTS))
        await asyncio.sleep(0.02)
        others = [asyncio.create_task(client.find_out(look, PROJECTS)) for _ in range(3)]
        await asyncio.sleep(0.02)
        first.cancel()
        others[0].cancel()
        done = await asyncio.gather(first, *others, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in done] == [True, True, False, False]
    assert far.logins == 1


def test_waiting_for_a_login_keeps_the_deadline(far):
    with Client(settings(deadline=0.3), transport=httpx.MockTransport(far.answer)) as client:
        other = threading.Thread(target=client.connection.login.claim)  # somebody who does not come back
        other.start()
        other.join()
        with pytest.raises(RequestTimeoutError):
            client.find_out(look, LOOK)


async def test_a_blocking_call_does_not_wait_for_its_own_loop(far):
    async def slow(request):
        await asyncio.sleep(0.3)
        return far.answer(request)

    async with AsyncClient(settings(deadline=5), transport=httpx.MockTransport(slow)) as client:
        task = asyncio.create_task(client.find_out(look, PROJECTS))
        await asyncio.sleep(0.05)
        blocking = Client(settings(deadline=5), transport=httpx.MockTransport(far.answer))
        blocking.connection.login = client.connection.login
        begun = time.monotonic()
        blocking.find_out(look, PROJECTS)
        assert time.monotonic() - begun < 1
        with contextlib.suppress(AuthenticationError):  # its token may have been ended by the other login
            await task


def test_a_renewal_that_fails_is_no_second_loss(client, far):
    client.find_out(look, LOOK)
    far.evict()
    far.refuse = httpx.Response(503, text="later")
    for _ in range(2):
        with pytest.raises(ServerError):
            client.find_out(look, LOOK)
    far.refuse = None
    client.find_out(look, LOOK)
    assert far.served == 2


def test_a_page_instead_of_a_refresh_leads_to_the_login(far):
    honest = far.answer
    page = httpx.Response(200, html="<html></html>")
    answer = lambda request: page if request.url.path == "/api/refresh" else honest(request)  # noqa: E731
    with Client(settings(), transport=httpx.MockTransport(answer)) as client:
        client.find_out(look, LOOK)
        far.evict()
        client.find_out(look, LOOK)
    assert far.logins == 2


def test_a_stale_token_of_a_role_without_permission_is_told_as_that(client, far):
    client.find_out(look, LOOK)
    far.evict()
    far.permitted = False
    with pytest.raises(PermissionDeniedError):
        client.find_out(look, LOOK)
    assert far.logins == 2


def test_the_cookie_stands_in_no_log_of_the_http_library(caplog):
    caplog.set_level(logging.DEBUG, "httpcore")
    headers = "receive_response_headers.complete return_value=(b'Set-Cookie', b'refreshToken=secret-cookie; Path=/')"
    logging.getLogger("httpcore.http11").debug(headers)
    assert "secret-cookie" not in caplog.text
    assert "refreshToken=[masked]" in caplog.text


async def test_waiting_for_a_login_keeps_the_deadline_in_tasks_too(far):
    login = Login(EMAIL, PASSWORD)
    login.claim()  # somebody who does not come back
    async with AsyncClient(settings(deadline=0.2), transport=httpx.MockTransport(far.answer)) as client:
        client.connection.login = login
        with pytest.raises(RequestTimeoutError):
            await client.find_out(look, LOOK)


# --- The server's pace ---


class Limiter:
    """The server's bucket (contract §1.4): whole seconds since the previous request refill it."""

    def __init__(self):
        self.left, self.last = 30, 0.0

    def passes(self, now):
        self.left = min(30, self.left + 10 * int(now - self.last))
        self.last = now
        self.left -= 1
        return self.left >= 0


def simulate(workers, calls, delays, seed=7):
    """Let workers make calls over a network of such delays; returns when they arrived, and when all was over."""
    chance, now = Random(seed), 0.0
    pace = Pace(lambda: now)
    events = [(0.001 * worker, worker, "ask") for worker in range(workers)]
    arrivals, begun = [], 0
    while events:
        now, worker, what = heappop(events)
        if what == "answer":
            pace.done()
        if what == "answer" or begun < calls:
            if wait := pace.wait():
                heappush(events, (now + wait, worker, "ask"))
            elif begun < calls:
                begun += 1
                arrivals.append(now + chance.uniform(*delays))
                heappush(events, (arrivals[-1] + 0.02, worker, "answer"))
            else:
                pace.done()
    return arrivals, now


@pytest.mark.parametrize("delays", [(0.0, 0.001), (0.05, 0.2), (0.0, 0.9)])
@pytest.mark.parametrize("workers", [1, 7, 40, 200])
def test_paced_requests_all_pass_the_limiter(workers, delays):
    arrivals, _ = simulate(workers, 300, delays)
    limiter = Limiter()
    assert len(arrivals) == 300
    assert all(limiter.passes(each) for each in sorted(arrivals))


def test_pacing_wastes_little_time():
    _, end = simulate(200, 200, (0.01, 0.05))
    assert end < 25


def test_a_request_that_hangs_does_not_hold_up_the_others():
    now = 0.0
    pace = Pace(lambda: now)
    assert not any(pace.wait() for _ in range(Pace.burst))
    for _ in range(Pace.burst - 1):
        pace.done()
    assert pace.wait()
    now = Pace.on_its_way + Pace.silence + 0.01
    assert not any(pace.wait() for _ in range(Pace.refill))
    assert pace.wait()


async def test_after_a_429_everybody_is_silent_for_more_than_a_second(far):
    async with AsyncClient(settings(), transport=httpx.MockTransport(far.answer)) as client:
        await client.find_out(look, LOOK)
        far.busy = 1
        begun = time.monotonic()
        await client.find_out(look, LOOK)
        assert time.monotonic() - begun > 1.2
        far.busy = 1
        with pytest.raises(RateLimitError):
            await AsyncClient(connection=client.hurried().connection).find_out(look, LOOK)


def test_a_turn_beyond_the_deadline_is_not_waited_for(far):
    with Client(settings(deadline=0.5), transport=httpx.MockTransport(far.answer)) as client:
        client.find_out(look, LOOK)
        client.connection.login.pace.drained()
        begun = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            client.find_out(look, LOOK)
        assert time.monotonic() - begun < 0.4
