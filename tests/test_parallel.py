"""Two hundred calls at the same time with one login: nothing is lost, and the limiter is respected."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from openreplay_tools import AsyncClient, Client, list_notes
from openreplay_tools.errors import AuthenticationError
from openreplay_tools.login import Pace
from openreplay_tools.sandbox import Sandbox
from tests.servers import known

FASTER = 3  # the server's clock and ours


def quick():
    return time.monotonic() * FASTER


class QuickPace(Pace):
    def wait(self):
        return super().wait() / FASTER


@pytest.fixture
def server():
    with Sandbox(pulse=quick) as running:
        yield running


@pytest.fixture
def client(server):
    login = {"api_key": "", "email": server.email, "password": server.password}
    # Retries would hide a 429.
    with Client(base_url=server.url, retries=0, **known(**login)) as made:
        made.connection.login.pace = QuickPace(quick)
        yield made


def test_two_hundred_calls_share_one_login_and_all_arrive(server, client):
    async def tasks():
        async with AsyncClient(connection=client.connection) as other:
            return await asyncio.gather(*(other.run(list_notes, limit=1, page=1 + n % 3) for n in range(100)))

    with ThreadPoolExecutor(50) as pool:
        together = pool.submit(asyncio.run, tasks())
        alone = list(pool.map(lambda n: client.run(list_notes, limit=1, page=1 + n % 3), range(100)))
        found = [*alone, *together.result()]
    assert [page.rows[0].note_id for page in found] == [3 - n % 3 for n in range(100)] * 2
    assert server.accounts.logins == 1
    paths = [one.path for one in server.requests]
    assert (paths.count("/api/login"), paths.count("/v2/api/1/notes")) == (1, 200)


def test_a_person_who_signs_in_elsewhere_is_not_fought_with(server, client):
    """The dashboard's own window ends our login; we renew once, and stop when it happens again."""
    client.run(list_notes)
    server.accounts.supersede()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.run(list_notes).total, range(16)))
    assert found == [3] * 16
    assert server.accounts.logins == 2
    server.accounts.supersede()
    with pytest.raises(AuthenticationError, match="lost twice within ten minutes"):
        client.run(list_notes)
    assert server.accounts.logins == 2
