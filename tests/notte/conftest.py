"""A sandbox for each module of these tests, and no waiting."""

import asyncio
import threading
import time

import pytest

from openreplay_tools import Client, Settings
from openreplay_tools.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as server:
        yield server


@pytest.fixture
def client(sandbox, tmp_path):
    """A client of the sandbox that may write files and repeats nothing."""
    settings = Settings.of_sandbox(sandbox, siblings=True, downloads=str(tmp_path / "files"), retries=0)
    with Client(settings) as made:
        yield made


@pytest.fixture
def slept(monkeypatch):
    """The seconds that the test's own thread waited, without waiting them."""
    seconds, ours, sleep, asleep_for = [], threading.get_ident(), time.sleep, asyncio.sleep

    def counted(wanted):
        mine = threading.get_ident() == ours
        seconds.extend([wanted] * mine)
        return 0 if mine else wanted

    async def asleep(wanted, *_):
        await asleep_for(counted(wanted))

    monkeypatch.setattr(time, "sleep", lambda wanted: sleep(counted(wanted)))
    monkeypatch.setattr(asyncio, "sleep", asleep)
    return seconds
