"""Dashboard links, made and pasted; what a session id tells by itself."""

from types import SimpleNamespace

import pytest

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.links import (
    live_link,
    read_session,
    session_link,
    started_ms,
    trusted_start_ms,
)
from tests.openreplay.starts import STARTS

ID = "4113715799632532494"
SCOPE = SimpleNamespace(
    dashboard="https://openreplay.example.com", host="api.example.com:8443", project=SimpleNamespace(id=7)
)


def test_an_id_holds_its_start():
    assert {session: started_ms(session) for session in STARTS} == STARTS


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        (ID, (ID, "", None)),
        (f"  {ID}\n", (ID, "", None)),
        (f"000{ID}"[-20:], (ID, "", None)),
        (f"https://openreplay.example.com/2/session/{ID}", (ID, "2", None)),
        (f"https://OpenReplay.Example.com/2/session/{ID}/?jumpto=4056", (ID, "2", 4056)),
        (f"http://openreplay.example.com/2/session/{ID}?a=b&jumpto=0#x", (ID, "2", 0)),
        (f"openreplay.example.com/2/session/{ID}", (ID, "2", None)),
        (f"openreplay.example.com:443/2/session/{ID}", (ID, "2", None)),
        (f"https://OpenReplay.example.com:443/2/session/{ID}", (ID, "2", None)),
        (f"http://openreplay.example.com:80/2/session/{ID}", (ID, "2", None)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto=", (ID, "2", None)),
        (f"/2/session/{ID}", (ID, "2", None)),
        (f"https://api.example.com:8443/2/session/{ID}", (ID, "2", None)),
        (f"https://openreplay.example.com/2/assist/{ID}", (ID, "2", None)),
        (f"https://openreplay.example.com/sub/path/2/session/{ID}", (ID, "2", None)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto=1795196573000", (ID, "2", 4056)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto=1", (ID, "2", 1)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto=-5", (ID, "2", None)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto=soon", (ID, "2", None)),
        (f"https://openreplay.example.com/2/session/{ID}?jumpto={'9' * 40}", (ID, "2", None)),
    ],
)
def test_what_people_paste_is_understood(pasted, expected):
    assert tuple(read_session(pasted, SCOPE)) == expected


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "abc",
        "0",
        "-5",
        "+5",
        "1e5",
        "0x10",
        "9" * 19,
        "9" * 30,
        "\uff19" * 5,
        ID + "a",
        f"session {ID}",
        "https://openreplay.example.com/",
        f"https://openreplay.example.com/session/{ID}",
        f"https://openreplay.example.com/x/session/{ID}",
        "https://openreplay.example.com/1/session/../5",
        f"https://openreplay.example.com/1/session/{ID}/extra",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//",
        "?x=1#y",
        "../../projects",
    ],
)
def test_what_is_no_session_is_refused(pasted):
    with pytest.raises(ArgumentsError) as refused:
        read_session(pasted, SCOPE)
    assert str(refused.value).startswith("session: ")


@pytest.mark.parametrize("pasted", [f"[{ID}]", "http://[", f"https://[::1/1/session/{ID}", "http://a]b/1/session/5"])
def test_broken_brackets_are_refused(pasted):
    with pytest.raises(ArgumentsError):
        read_session(pasted, SCOPE)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "openreplay.example.com.evil.example",
        "openreplay.example.com@evil.example",
        "x.openreplay.example.com",
        "openreplay.example.com:80",
        "openreplay.example.com:443:443",
        "openreplay.example.com:8443",
        "x@openreplay.example.com:443",
    ],
)
def test_a_link_to_another_host_is_refused(host):
    with pytest.raises(ArgumentsError, match=r"this toolkit reads openreplay\.example\.com only"):
        read_session(f"https://{host}/2/session/{ID}", SCOPE)


def test_links_are_made():
    assert session_link(SCOPE, ID) == f"https://openreplay.example.com/7/session/{ID}"
    assert session_link(SCOPE, ID, 4056.4).endswith(f"/{ID}?jumpto=4056")
    assert session_link(SCOPE, ID, -1).endswith("?jumpto=0")
    assert live_link(SCOPE, "a/../b?c") == "https://openreplay.example.com/7/assist/a%2F..%2Fb%3Fc"


def test_a_made_link_is_understood_again():
    pasted = read_session(session_link(SCOPE, ID, 4056), SCOPE)
    assert tuple(pasted) == (ID, "7", 4056)


def test_an_id_that_is_no_clock_is_not_trusted():
    start = STARTS[ID]
    assert trusted_start_ms(ID, start // 1000 * 1000) == start
    assert trusted_start_ms(ID, 0) == start
    assert trusted_start_ms(ID, start + 3_600_000) == start
    assert trusted_start_ms(ID, start + 90_000_000) == start + 90_000_000
    assert trusted_start_ms(ID, start - 10_000) == start - 10_000
    assert trusted_start_ms("abc", 5000) == 5000
    assert trusted_start_ms("\uff11\uff12", 5000) == 5000
