"""Credentials, addresses, zone and limits: every form people paste is understood, nothing secret is ever shown."""

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.errors import ConfigurationError
from openreplay_tools.settings import Settings, demo_question, model_name

CLOUD = ("https://api.openreplay.com", "https://api.openreplay.com/v2", "https://app.openreplay.com")
SUFFIXES = [
    "",
    "/",
    "//",
    "/api",
    "/api/",
    "/api/v1",
    "/api/v2",
    "/api/v2/",
    "/v2/api",
    "/v2/api//",
    "/v2",
    "/v2/",
    "/v1",
]
KEY = "sekretsekretsekretse"


def refusal(**given):
    with pytest.raises(ConfigurationError) as caught:
        Settings.make(**given)
    return str(caught.value)


# --- Addresses (contract §5) ---


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("pasted", "instance"),
    [
        ("https://openreplay.example.com", "https://openreplay.example.com"),
        ("http://openreplay.example.com", "http://openreplay.example.com"),
        ("openreplay.example.com", "https://openreplay.example.com"),
        ("HTTPS://OpenReplay.Example.COM", "https://openreplay.example.com"),
        ("https://openreplay.example.com:8443", "https://openreplay.example.com:8443"),
        ("openreplay.example.com:8443", "https://openreplay.example.com:8443"),
        ("https://example.com/tools/Replay", "https://example.com/tools/Replay"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("  https://openreplay.example.com", "https://openreplay.example.com"),
    ],
)
def test_every_form_of_an_instances_address_means_the_instance(pasted, suffix, instance):
    settings = Settings.make(base_url=f"{pasted}{suffix}")
    assert settings.base_url == settings.dashboard == instance
    assert settings.go == f"{instance}/v2/api"
    assert settings.host == instance.partition("//")[2].partition("/")[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "pasted",
    [
        "https://api.openreplay.com",
        "api.openreplay.com",
        "https://app.openreplay.com",
        "app.openreplay.com",
        "APP.OPENREPLAY.COM",
    ],
)
def test_every_form_of_the_clouds_address_means_the_cloud(pasted, suffix):
    settings = Settings.make(base_url=f"{pasted}{suffix}")
    assert (settings.base_url, settings.go, settings.dashboard) == CLOUD


@pytest.mark.parametrize(
    "pasted",
    [
        "http://api.openreplay.com",
        "http://app.openreplay.com/api",
        "https://api.openreplay.com:443",
        "http://app.openreplay.com:80",
    ],
)
def test_the_key_of_the_cloud_never_travels_unencrypted(pasted):
    settings = Settings.make(base_url=pasted)
    assert (settings.base_url, settings.go, settings.dashboard) == CLOUD


@pytest.mark.parametrize("empty", ["", "  "])
def test_no_address_means_the_cloud(empty):
    settings = Settings.make(base_url=empty, dashboard_url=empty)
    assert (settings.base_url, settings.go, settings.dashboard) == CLOUD
    assert settings == Settings.make()


def test_query_and_fragment_of_a_pasted_address_are_dropped():
    assert Settings.make(base_url="https://h.example/api?x=1#y").base_url == "https://h.example"


def test_links_can_point_elsewhere():
    settings = Settings.make(base_url="https://internal.example:8443", dashboard_url="replay.example.com/")
    assert settings.dashboard == "https://replay.example.com"
    assert settings.go == "https://internal.example:8443/v2/api"


@pytest.mark.parametrize("pasted", ["ftp://h.example", "https://", "https:///api", "//h.example", "file:///etc/passwd"])
def test_what_is_no_address_is_refused_with_an_example(pasted):
    assert refusal(base_url=pasted) == (
        "OPENREPLAY_BASE_URL is not an address. Write the instance's address, such as https://openreplay.example.com."
    )


@pytest.mark.parametrize(
    "pasted",
    [
        f"https://user:{KEY}@h.example",
        f"https://{KEY}@h.example/api",
        f"{KEY}:@h.example",
        f"https://:{KEY}@h.example",
        f"https://h.example\\@{KEY}@evil.example",
        "https://@h.example",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(pasted):
    text = refusal(base_url=pasted)
    assert text.startswith("OPENREPLAY_BASE_URL must not hold a user name or password")
    assert KEY not in text


@pytest.mark.parametrize(
    "pasted",
    ["https://exa mple", "https://h.example /api", "https://h:99999", "https://h:abc", "https:h.example",
     "https://h..example", f"https://{'a' * 64}.example", "https://h.example/a b"],
)  # fmt: skip
def test_an_address_that_cannot_be_reached_by_its_form_is_refused_before_any_request(pasted):
    assert refusal(base_url=pasted).startswith("OPENREPLAY_BASE_URL is not an address.")


@pytest.mark.parametrize("pasted", ["https://[::1", "https://[x]", "https://[127.0.0.1]", "https://::1", "[::1"])
def test_a_broken_ip_address_is_refused_in_our_words(pasted):
    assert refusal(base_url=pasted).startswith("OPENREPLAY_BASE_URL is not an address.")


def test_a_wrong_dashboard_address_is_named_as_such():
    assert refusal(dashboard_url="ftp://h.example").startswith("OPENREPLAY_DASHBOARD_URL is not an address.")
    assert refusal(dashboard_url=f"https://{KEY}@h.example").startswith("OPENREPLAY_DASHBOARD_URL must not hold")


# --- The key ---


@pytest.mark.parametrize(
    "pasted",
    [KEY, f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY}\n", f" {KEY} ", f"\t{KEY}\r\n", f"\nBearer\t{KEY}"],
)
def test_a_key_is_understood_as_people_paste_it(pasted):
    assert Settings.make(api_key=pasted).api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    "pasted", [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}ä", f"{KEY}\u200b", f"\ufeff{KEY}", f"{KEY}\x7f\x00"]
)
def test_a_key_no_server_could_have_made_is_refused_without_repeating_it(pasted):
    text = refusal(api_key=pasted)
    assert text == (
        "OPENREPLAY_API_KEY: the key holds a space, a line break or a character no key has; "
        "copy it again from Preferences → Account."
    )


@pytest.mark.parametrize("wrong", [5, None, ["sekretsekretsekretse"], {"key": KEY}])
def test_a_key_that_is_no_text_is_refused_without_repeating_it(wrong):
    text = refusal(api_key=wrong)
    assert text.startswith("OPENREPLAY_API_KEY: ")
    assert KEY not in text


SHOWN = {
    "repr": repr,
    "str": str,
    "dump": lambda thing: str(thing.model_dump()),
    "JSON": lambda thing: thing.model_dump_json(),
    "vars": lambda thing: repr(vars(thing)),
    "client": lambda thing: repr(Client(thing)) + str(Client(thing)),
    "async client": lambda thing: repr(AsyncClient(thing)),
    "scope": lambda thing: repr(Client(thing).connection.scope()),
}


@pytest.mark.parametrize("way", SHOWN)
def test_neither_key_nor_secret_is_ever_shown(way):
    settings = Settings.make(api_key=KEY, secret="inmostinmostinmost", base_url="https://h.example")
    _ = settings.zone, settings.host, settings.dashboard, settings.go
    shown = SHOWN[way](settings)
    assert KEY not in shown
    assert "inmost" not in shown


def test_a_client_shows_its_address():
    assert repr(Client(base_url="h.example")) == "Client('https://h.example')"
    assert repr(AsyncClient(base_url="h.example")) == "AsyncClient('https://h.example')"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_key_is_in_no_pickle(protocol):
    with pytest.raises(TypeError, match="Settings hold a key and are not pickled") as caught:
        pickle.dumps(Settings.make(api_key=KEY), protocol)
    assert KEY not in str(caught.value)


def test_settings_can_be_copied():
    settings = Settings.make(api_key=KEY, project="Acme")
    assert copy.copy(settings) == copy.deepcopy(settings) == settings.model_copy() == settings


def test_an_error_chain_shows_no_secret():
    with pytest.raises(ConfigurationError) as caught:
        Settings.make(api_key=KEY, deadline="soon")
    assert caught.value.__suppress_context__
    assert KEY not in str(caught.value.__context__)


# --- Environment ---


def test_the_environment_is_read(monkeypatch):
    for name, value in {
        "OPENREPLAY_API_KEY": f"Bearer {KEY}",
        "OPENREPLAY_BASE_URL": "h.example/api",
        "OPENREPLAY_DASHBOARD_URL": "https://d.example",
        "OPENREPLAY_PROJECT": "Acme Shop",
        "OPENREPLAY_TIMEZONE": "Europe/Berlin",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_env()
    assert settings.api_key.get_secret_value() == KEY
    assert (settings.go, settings.dashboard) == ("https://h.example/v2/api", "https://d.example")
    assert (settings.project, settings.zone.key) == ("Acme Shop", "Europe/Berlin")


def test_what_is_given_in_code_wins(monkeypatch):
    monkeypatch.setenv("OPENREPLAY_PROJECT", "Acme Shop")
    monkeypatch.setenv("OPENREPLAY_BASE_URL", "h.example")
    settings = Settings.from_env(project="Blog", deadline=5)
    assert (settings.project, settings.base_url, settings.deadline) == ("Blog", "https://h.example", 5)
    assert Settings.make().project == ""
    assert Client.from_env(project="Blog").connection.settings.base_url == "https://h.example"


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    for name in ("API_KEY", "BASE_URL", "DASHBOARD_URL", "PROJECT", "TIMEZONE"):
        monkeypatch.setenv(f"OPENREPLAY_{name}", "")
    assert Settings.from_env() == Settings.make()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPENREPLAY_TIMEZONE", "Mars/Olympus"), ("OPENREPLAY_BASE_URL", "ftp://h"), ("OPENREPLAY_API_KEY", "a b")],
)
def test_a_wrong_variable_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        Settings.from_env()


def test_the_model_of_the_demo_is_provider_and_model(monkeypatch):
    assert model_name() == ""
    monkeypatch.setenv("OPENREPLAY_TOOLS_MODEL", " openai:gpt-5-mini ")
    assert model_name() == "openai:gpt-5-mini"


@pytest.mark.parametrize("value", ["gpt-5-mini", "openai:", ":gpt-5-mini", ":"])
def test_a_model_without_its_provider_is_refused_with_the_form(monkeypatch, value):
    monkeypatch.setenv("OPENREPLAY_TOOLS_MODEL", value)
    with pytest.raises(ConfigurationError, match="OPENREPLAY_TOOLS_MODEL: write provider:model, such as"):
        model_name()


def test_the_demo_asks_its_own_question_unless_told_another(monkeypatch):
    assert demo_question() == ""
    monkeypatch.setenv("OPENREPLAY_DEMO_QUESTION", " Why? ")
    assert demo_question() == "Why?"


def test_settings_of_an_embedded_server_make_outputs_repeat(sandbox):
    settings = Settings.of_sandbox(sandbox, project="Acme Recorded")
    assert (settings.base_url, settings.api_key.get_secret_value()) == (sandbox.url, sandbox.api_key)
    assert settings.clock() == settings.clock() == sandbox.now()
    assert settings.dashboard == "https://openreplay.example.com"
    assert settings.project == "Acme Recorded"
    assert Settings.of_sandbox(sandbox).secret == Settings.of_sandbox(sandbox).secret


# --- Zone, clock, limits ---


def test_the_zone_is_utc_unless_named():
    assert Settings.make().zone.key == "UTC"
    assert Settings.make(timezone="America/New_York").zone.key == "America/New_York"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "UTC+1", "/etc/localtime"])
def test_an_unknown_zone_is_refused_with_examples(zone):
    assert "is not an IANA time zone such as Europe/Berlin or UTC." in refusal(timezone=zone)


def test_the_clock_tells_the_present_with_its_zone():
    before = datetime.now(UTC)
    assert before <= Settings.make().clock() <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [("deadline", 0), ("deadline", -1), ("deadline", "soon"), ("deadline", float("nan")), ("connect_timeout", 0),
     ("read_timeout", 0), ("max_reply_bytes", 0), ("retries", -1), ("retries", 11), ("budget", 499), ("clock", 3)],
)  # fmt: skip
def test_a_limit_out_of_range_is_refused_by_name(field, value):
    assert refusal(**{field: value}).startswith(f"{field}: ")


@pytest.mark.parametrize("field", ["deadline", "connect_timeout", "read_timeout"])
@pytest.mark.parametrize("value", [float("inf"), 1e20])
def test_a_limit_that_no_clock_reaches_is_refused_by_name(field, value):
    assert refusal(**{field: value}).startswith(f"{field}: ")


def test_an_unknown_setting_is_refused_by_name():
    assert refusal(apikey=KEY).startswith("apikey: ")
    assert KEY not in refusal(apikey=KEY)


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings.make().deadline = 3


@given(st.text(max_size=40) | st.text("https:/@[].?#\\%api v2", max_size=20))
def test_no_address_is_more_than_understood_or_refused(pasted):
    try:
        settings = Settings.make(base_url=pasted)
    except ConfigurationError:
        return
    assert settings.base_url.startswith(("https://", "http://"))
    assert not settings.base_url.endswith(("/", "/api", "/v2"))
    assert Settings.make(base_url=settings.base_url).base_url == settings.base_url


@given(st.text(max_size=30))
def test_no_key_is_more_than_understood_or_refused(pasted):
    try:
        key = Settings.make(api_key=pasted).api_key.get_secret_value()
    except ConfigurationError:
        return
    assert key.isascii()
    assert not set(key) & set(" \r\n\t")
