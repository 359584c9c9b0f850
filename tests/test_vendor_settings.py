"""The other vendors' credentials and addresses, and the directory for files: given in code or by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.doors import AppRef
from openreplay_tools.errors import ConfigurationError
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit
from tests.vendors import LOGROCKET_KEY, NOTTE_KEY

APP = "https://app.logrocket.com"


def refusal(**given):
    with pytest.raises(ConfigurationError) as caught:
        Settings.make(**given)
    return str(caught.value)


def app(key, **given):
    found = Settings.make(logrocket_api_key=key, **given).logrocket
    return found.org, found.app


# --- LogRocket's key ---


@pytest.mark.parametrize(
    ("key", "given", "found"),
    [
        ("acme:shop:s3", {}, ("acme", "shop")),
        ("pat:acme:shop:s3", {}, ("acme", "shop")),
        ("token acme:shop:s3", {}, ("acme", "shop")),
        ("Bearer pat:acme:shop:s3\n", {}, ("acme", "shop")),
        ("acme:shop:s3", {"logrocket_org_id": "other"}, ("other", "shop")),
        ("acme:shop:s3", {"logrocket_app_id": "blog"}, ("acme", "blog")),
        ("acme:shop:s3", {"logrocket_app_id": "other/blog"}, ("other", "blog")),
        ("acme:shop:s3", {"logrocket_app_id": "/other/blog/"}, ("other", "blog")),
        ("acme:shop:s3", {"logrocket_org_id": " third ", "logrocket_app_id": "other/blog"}, ("third", "blog")),
        ("opaque", {"logrocket_org_id": "acme", "logrocket_app_id": "shop"}, ("acme", "shop")),
        ("opaque", {"logrocket_app_id": "acme/shop"}, ("acme", "shop")),
        ("a:b:c:d:e", {"logrocket_app_id": "acme/shop"}, ("acme", "shop")),
        ("xyz:acme:shop:s3", {"logrocket_app_id": "acme/shop"}, ("acme", "shop")),
    ],
)
def test_organization_and_application_are_the_given_ones_else_the_keys(key, given, found):
    assert app(key, **given) == found


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("sekretopaque", {}),
        ("sekretopaque", {"logrocket_org_id": "acme"}),
        ("sekretopaque", {"logrocket_app_id": "shop"}),
        ("sekret:only", {}),
        ("sekret::empty", {}),
        ("xyz:acme:shop:sekret", {}),
        ("a:b:c:d:sekret", {}),
    ],
)
def test_a_key_that_tells_no_application_wants_it_told_and_closes_logrockets_door_only(key, given):
    settings = Settings.make(logrocket_api_key=key, notte_api_key=NOTTE_KEY, **given)
    assert set(settings.access.closed) == {"logrocket"}
    with Toolkit(settings, groups="all") as toolkit:
        assert {operation.provider for operation in toolkit.operations} == {"notte"}
        text = toolkit.unavailable["logrocket_list_exports"]
        assert toolkit.call("logrocket_list_exports", {}).text.endswith(text)
    assert text.startswith("LOGROCKET_API_KEY does not name organization and application as org:app:secret does.")
    assert "LOGROCKET_ORG_ID and LOGROCKET_APP_ID" in text
    assert "sekret" not in text


@pytest.mark.parametrize("kind", [Toolkit, OpenReplayToolkit, OpenReplayToolSpec])
def test_a_toolkit_of_nothing_but_a_key_that_cannot_be_used_is_refused_with_the_reason(monkeypatch, kind):
    put(monkeypatch, LOGROCKET_API_KEY="sekretopaque")
    for choice in ({}, {"groups": "all"}, {"tools": ("logrocket_list_exports",)}):
        with pytest.raises(ConfigurationError, match="does not name organization and application") as refused:
            kind.from_env(**choice)
        assert "LOGROCKET_ORG_ID and LOGROCKET_APP_ID" in str(refused.value)
        assert "sekret" not in str(refused.value)


@pytest.mark.parametrize(
    "further",
    [{"NOTTE_API_KEY": NOTTE_KEY}, {"OPENREPLAY_API_KEY": "k"}, {"LOGROCKET_APP_ID": "acme/shop"}],
    ids=lambda further: next(iter(further)),
)
def test_with_another_credential_or_the_application_such_a_key_does_not_stop_the_rest(monkeypatch, further):
    put(monkeypatch, LOGROCKET_API_KEY="sekretopaque", **further)
    with Toolkit.from_env() as toolkit:
        assert toolkit.operations


def test_without_a_key_no_application_is_wanted():
    assert Settings.make().logrocket == AppRef("", "", APP)
    assert Settings.make(logrocket_app_id="acme/shop").credentials == frozenset()


@pytest.mark.parametrize("field", ["logrocket_api_key", "notte_api_key"])
@pytest.mark.parametrize("key", ["sekret with space", "sekret\nline", "sekrét", "sekret\0"])
def test_a_key_no_vendor_could_have_made_is_refused_without_repeating_it(field, key):
    text = refusal(**{field: key})
    assert text.startswith(field.upper())
    assert text.endswith("copy it again.")
    assert "sekr" not in text


def test_ids_are_one_part_of_a_path_each():
    known = Settings.make(logrocket_api_key="a?b:s/h#:s3")
    assert known.logrocket_api == "https://api.logrocket.com/v1/orgs/a%3Fb/apps/s%2Fh%23"


# --- Addresses ---


@pytest.mark.parametrize("given", [{}, {"logrocket_base_url": ""}, {"logrocket_base_url": " "}])
def test_logrockets_address_is_its_cloud_unless_told(given):
    known = Settings.make(logrocket_api_key="acme:shop:s3", **given)
    assert known.logrocket_api == "https://api.logrocket.com/v1/orgs/acme/apps/shop"
    assert known.logrocket.dashboard == APP


@pytest.mark.parametrize("pasted", ["https://lr.example/v1/", "lr.example", "https://LR.example/v1"])
def test_a_private_cloud_has_no_dashboard_unless_told(pasted):
    known = Settings.make(logrocket_api_key="acme:shop:s3", logrocket_base_url=pasted)
    assert known.logrocket_api == "https://lr.example/v1/orgs/acme/apps/shop"
    assert known.logrocket.dashboard == ""
    told = {"logrocket_base_url": pasted, "logrocket_dashboard_url": "app.lr.example/"}
    assert Settings.make(logrocket_api_key="acme:shop:s3", **told).logrocket.dashboard == "https://app.lr.example"


@pytest.mark.parametrize(
    "pasted", ["api.logrocket.com", "http://api.logrocket.com/v1/", "https://API.LogRocket.com:443"]
)
def test_the_cloud_pasted_in_any_form_has_its_dashboard(pasted):
    known = Settings.make(logrocket_api_key="acme:shop:s3", logrocket_base_url=pasted)
    assert (known.logrocket_base_url, known.logrocket.dashboard) == ("https://api.logrocket.com", APP)


def test_nottes_address():
    assert Settings.make().notte_api_url == Settings.make(notte_api_url="").notte_api_url == "https://api.notte.cc"
    assert Settings.make(notte_api_url="http://localhost:8000/").notte_api_url == "http://localhost:8000"


@pytest.mark.parametrize(
    ("field", "variable"),
    [
        ("logrocket_base_url", "LOGROCKET_BASE_URL"),
        ("logrocket_dashboard_url", "LOGROCKET_DASHBOARD_URL"),
        ("notte_api_url", "NOTTE_API_URL"),
    ],
)
def test_a_wrong_address_is_named(field, variable):
    assert refusal(**{field: "ftp://h"}).startswith(f"{variable} is not an address.")
    text = refusal(**{field: "https://me:sekret@h.example"})
    assert text.startswith(f"{variable} must not hold a user name or password")
    assert "sekret" not in text


# --- Environment ---

ENVIRONMENT = {
    "LOGROCKET_API_KEY": f"token {LOGROCKET_KEY}",
    "LOGROCKET_ORG_ID": "acme",
    "LOGROCKET_APP_ID": "blog",
    "LOGROCKET_BASE_URL": "lr.example/v1",
    "LOGROCKET_DASHBOARD_URL": "https://app.lr.example/",
    "NOTTE_API_KEY": f"Bearer {NOTTE_KEY}",
    "NOTTE_API_URL": "https://notte.example/",
    "OPENREPLAY_DOWNLOADS": "~/files",
}


def put(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_environment_is_read(monkeypatch):
    put(monkeypatch, **ENVIRONMENT, HOME="/home/ann")
    known = Settings.from_env()
    assert known.credentials == {"logrocket", "notte"}
    assert known.logrocket == AppRef("acme", "blog", "https://app.lr.example")
    assert (known.logrocket_base_url, known.notte_api_url) == ("https://lr.example", "https://notte.example")
    assert known.notte_api_key.get_secret_value() == NOTTE_KEY
    assert known.downloads == str(Path("/home/ann/files"))
    assert known.access.downloads


def test_the_names_that_logrockets_own_tools_read_are_understood_too(monkeypatch):
    put(monkeypatch, LOGROCKET_APIKEY="opaque", LOGROCKET_PROJECT_ID="acme/shop")
    assert Settings.from_env().logrocket == AppRef("acme", "shop", APP)
    put(monkeypatch, LOGROCKET_API_KEY="other:blog:s3", LOGROCKET_APP_ID="other/blog")
    assert Settings.from_env().logrocket == AppRef("other", "blog", APP)
    assert Settings.from_env().logrocket_api_key.get_secret_value() == "other:blog:s3"
    put(monkeypatch, LOGROCKET_API_KEY="", LOGROCKET_APP_ID="")
    assert Settings.from_env().logrocket == AppRef("acme", "shop", APP)


def test_what_is_given_in_code_wins(monkeypatch):
    put(monkeypatch, **ENVIRONMENT)
    known = Settings.from_env(notte_api_key="other", logrocket_app_id="shop", downloads="")
    assert known.notte_api_key.get_secret_value() == "other"
    assert (known.logrocket.app, known.downloads, known.access.downloads) == ("shop", "", False)


# --- The directory for files ---


@pytest.mark.parametrize(("given", "path"), [("", ""), ("  ", ""), ("files", "files"), ("/var/files/", "/var/files")])
def test_a_directory_is_taken_as_it_is(given, path):
    assert Settings.make(downloads=given).downloads == (str(Path(path)) if path else "")


def test_a_home_is_resolved(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert Settings.make(downloads="~").downloads == str(Path("/home/ann"))
    text = "OPENREPLAY_DOWNLOADS: ~ cannot be resolved here; write the whole path."
    assert refusal(downloads="~nobody-of-that-name/x") == text


# --- What is shown ---

SHOWN = {
    "repr": repr,
    "dump": lambda known: str(known.model_dump()),
    "JSON": lambda known: known.model_dump_json(),
    "JSON mode": lambda known: str(known.model_dump(mode="json")),
    "vars": lambda known: repr(vars(known)),
    "client": lambda known: repr(Client(known)),
    "async client": lambda known: repr(AsyncClient(known)),
    "scope": lambda known: repr(Client(known).connection.scope()),
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_key_is_ever_shown(way):
    known = Settings.make(logrocket_api_key=LOGROCKET_KEY, notte_api_key=NOTTE_KEY, downloads="files")
    _ = known.logrocket_api, known.credentials, known.is_local
    shown = SHOWN[way](known)
    assert not [key for key in (LOGROCKET_KEY, NOTTE_KEY, "sekret") if key in shown]


# --- Whether the vendors are this machine's own ---

HERE, AWAY = "http://127.0.0.1:1", "https://h.example"


@pytest.mark.parametrize(
    ("given", "local"),
    [
        ({}, False),
        ({"notte_api_url": HERE}, False),
        ({"notte_api_url": HERE, "notte_api_key": "k"}, True),
        ({"notte_api_url": "http://[::1]:1", "notte_api_key": "k"}, True),
        ({"notte_api_url": AWAY, "notte_api_key": "k", "logrocket_base_url": HERE}, False),
        ({"notte_api_url": HERE, "notte_api_key": "k", "logrocket_base_url": AWAY}, True),
        ({"notte_api_url": HERE, "notte_api_key": "k", "logrocket_api_key": "a:b:c"}, False),
        ({"base_url": HERE, "api_key": "k"}, False),
    ],
)
def test_vendors_are_local_when_every_key_goes_to_this_machine(given, local):
    assert Settings.make(**given).is_local is local
