"""The sandbox's LogRocket, with a directory for files."""

import pytest

from openreplay_tools.client import Client
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.settings import Settings


@pytest.fixture(scope="module")
def lr_server():
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def lr_settings(lr_server, tmp_path_factory):
    return Settings.of_sandbox(lr_server, siblings=True, downloads=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture(scope="module")
def lr(lr_settings):
    with Client(lr_settings) as client:
        yield client
