"""Addresses: whatever people paste becomes one form, and nothing else becomes an address."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openreplay_tools.addresses import (
    CLOUD,
    LOGROCKET,
    NOTTE,
    api,
    host_of,
    instance,
    is_fetchable,
    is_loopback,
    sibling,
)
from openreplay_tools.errors import ConfigurationError

SECRET = "sekretsekretsekretse"


def refusal(pasted):
    with pytest.raises(ConfigurationError) as caught:
        instance(pasted, "THE_VARIABLE")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


# --- An instance ---


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("h.example", "https://h.example"),
        ("h", "https://h"),
        ("http://h.example", "http://h.example"),
        (" https://h.example\n", "https://h.example"),
        ("HTTPS://H.Example/V2/API/", "https://h.example"),
        ("https://h.example/v2/api/v2/api", "https://h.example"),
        ("https://h.example/api/api/v1/", "https://h.example"),
        ("https://h.example/apis", "https://h.example/apis"),
        ("https://h.example/v2/apix", "https://h.example/v2/apix"),
        ("https://h.example/Tools/replay/v2/api", "https://h.example/Tools/replay"),
        ("https://h.example/api/sub", "https://h.example/api/sub"),
        ("https://h.example?x=/api#y", "https://h.example"),
        ("https://h.example:1", "https://h.example:1"),
        ("h.example:65535/api", "https://h.example:65535"),
        ("https://h.example.", "https://h.example."),
        ("my_host", "https://my_host"),
        ("http://192.0.2.7", "http://192.0.2.7"),
        ("http://[::1]:9000/api", "http://[::1]:9000"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://bücher.example"),
        (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example"),
    ],
)
def test_what_people_paste_is_understood(pasted, address):
    assert instance(pasted, "X") == address
    assert instance(address, "X") == address


@pytest.mark.parametrize(
    "pasted",
    [
        "", " ", "://", "http://", "https:///", "https://:443", "https://?x", "https://#", "ftp://h", "file:///etc",
        "javascript:alert(1)", "//h.example", "mailto:a", "https:h.example",
        "https://h:0", "https://h:65536", "https://h:-1", "https://h:x", "https://h:1:2", "https://h:٣",
        "https://[::1", "https://::1", "https://[127.0.0.1]", "https://[h]", "https://[]",
        "https://h..example", "https://.example", "https://-h.example", "https://h-.example", "https://h.example..",
        f"https://{'a' * 64}.example", f"https://{'a.' * 127}a", "https://h,example", "https://h<b>", "https://h%20x",
        "https://h\\evil.example", "https://h_\u2100.example", "https://h\x00.example",
        "https://ex ample", "https://h.example/a b", "https://h.ex\nample", "https://h.exam\tple", "https://h\u00a0x",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(pasted):
    assert refusal(pasted) == (
        "THE_VARIABLE is not an address. Write the instance's address, such as https://openreplay.example.com."
    )


@pytest.mark.parametrize(
    "pasted",
    [f"https://{SECRET}@h.example", f"https://u:{SECRET}@h.example/api", f"{SECRET}@h.example", f"{SECRET}:@h:1",
     f"https://:{SECRET}@h", "https://@h.example", f"https://h.example\\@{SECRET}@h", f"ftp://u:{SECRET}@h.example",
     f"https://{SECRET}@"],
)  # fmt: skip
def test_a_user_name_or_password_is_refused_and_not_repeated(pasted):
    assert refusal(pasted) == "THE_VARIABLE must not hold a user name or password; keys have variables of their own."


def test_an_at_sign_in_the_path_is_no_user_name():
    assert instance("https://h.example/@team", "X") == "https://h.example/@team"


@pytest.mark.parametrize("pasted", ["https://h.example/a\x00b", "https://h.example/\x1b[31m", "https://h.example/\x7f"])
def test_control_characters_are_refused(pasted):
    assert refusal(pasted).startswith("THE_VARIABLE is not an address.")


@pytest.mark.parametrize(
    "pasted", ["https://https://h.example", "https:/h.example", "http:/h.example", "h.example:/api"]
)
def test_a_scheme_too_many_or_half_a_scheme_is_no_host(pasted):
    assert refusal(pasted).startswith("THE_VARIABLE is not an address.")


@given(st.text(max_size=40) | st.text("htps:/@[].?#\\%api v2:0", max_size=24))
@example("https://h/v2/api/?")
@example("h/api//api")
def test_no_text_is_more_than_understood_or_refused(pasted):
    try:
        address = instance(pasted, "X")
    except ConfigurationError:
        return
    assert address.startswith(("https://", "http://"))
    assert not address.partition("://")[2].endswith(("/", "/api", "/v1", "/v2"))
    assert "@" not in address.split("/")[2]
    assert not set("?# \n\t") & set(address)
    assert instance(address, "X") == address


# --- The cloud ---


@pytest.mark.parametrize("host", ["api.openreplay.com", "app.openreplay.com"])
@pytest.mark.parametrize("form", ["https://{}", "http://{}", "https://{}:443", "http://{}:80", "https://{}/x"])
def test_the_cloud_is_always_the_same_address(host, form):
    assert api(form.format(host)) == CLOUD == "https://api.openreplay.com"


def test_no_address_is_the_cloud():
    assert api("") == CLOUD


@pytest.mark.parametrize(
    "url",
    ["https://openreplay.com", "https://evil.example/api.openreplay.com", "https://api.openreplay.com.evil.example",
     "https://xapi.openreplay.com", "http://127.0.0.1:9000"],
)  # fmt: skip
def test_another_host_stays_what_it_is(url):
    assert api(url) == url


@pytest.mark.parametrize("url", ["http://api.openreplay.com.", "https://app.openreplay.com.:443"])
def test_the_cloud_is_known_with_the_dot_of_a_full_name_too(url):
    assert api(instance(url, "X")) == CLOUD


# --- This machine ---


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1", "http://127.0.0.1:9000/x", "http://127.8.9.10", "http://[::1]", "http://[::1]:9000",
     "http://localhost", "http://LOCALHOST:1", "https://localhost/api"],
)  # fmt: skip
def test_this_machine_is_known_by_all_its_names(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    ["https://h.example", "http://128.0.0.1", "http://10.0.0.1", "http://127.0.0.1.evil.example", "http://[::2]",
     "http://localhost.evil.example", "http://notlocalhost", "http://0.0.0.0", ""],
)  # fmt: skip
def test_other_machines_are_not(url):
    assert not is_loopback(url)


# --- Where a redirect leads ---


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://other.example/x?token=1", "other.example"),
        ("https://Other.Example:8443", "other.example"),
        (f"https://user:{SECRET}@other.example/", "other.example"),
        ("//other.example/x", "other.example"),
        ("http://[::1]:1/", "::1"),
        ("/login", ""),
        ("login", ""),
        ("", ""),
        ("https://[::1", ""),
        ("https://[x]/", ""),
        ("//[", ""),
        ("https://a\u2100.example", ""),
        ("mailto:a@b.example", ""),
    ],
)
def test_the_host_of_a_foreign_address_is_told_alone(location, host):
    assert host_of(location) == host


@given(st.text(max_size=40) | st.text("htps:/@[].?#\\%", max_size=24))
def test_no_foreign_address_does_harm(location):
    assert "@" not in host_of(location)


# --- A sibling vendor ---


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("https://logs.example", "https://logs.example"),
        ("logs.example", "https://logs.example"),
        ("  https://logs.example/v1/  ", "https://logs.example"),
        ("https://LOGS.example//", "https://logs.example"),
        ("http://10.0.0.7:8080/logrocket/v1", "http://10.0.0.7:8080/logrocket"),
        ("https://logs.example/v1?x=1#y", "https://logs.example"),
        ("https://logs.example/v10", "https://logs.example/v10"),
        ("http://127.0.0.1:9/notte", "http://127.0.0.1:9/notte"),
    ],
)
def test_what_people_paste_for_another_vendor_is_understood(pasted, address):
    assert sibling(pasted, "THE_VARIABLE") == address


@pytest.mark.parametrize("vendor", [LOGROCKET, NOTTE])
@pytest.mark.parametrize("form", ["{}", "{}/", "{}/v1", "{}/v1/", "{}:443", " {} ", "{}./"])
@pytest.mark.parametrize("scheme", ["https://", "http://", ""])
def test_the_key_of_a_vendors_cloud_never_travels_unencrypted(vendor, form, scheme):
    assert sibling(form.format(vendor.replace("https://", scheme)), "THE_VARIABLE") == vendor
    assert sibling(form.format(vendor.replace("https://", scheme).upper()), "THE_VARIABLE") == vendor


@pytest.mark.parametrize("pasted", ["ftp://logs.example", "https://", "https://a b", "https://h:0", "https://[x"])
def test_what_is_no_vendors_address_is_refused(pasted):
    with pytest.raises(ConfigurationError, match="THE_VARIABLE is not an address"):
        sibling(pasted, "THE_VARIABLE")


def test_a_password_in_a_vendors_address_is_refused_and_not_repeated():
    with pytest.raises(ConfigurationError, match="must not hold a user name or password") as caught:
        sibling(f"https://me:{SECRET}@logs.example", "THE_VARIABLE")
    assert SECRET not in str(caught.value)


# --- What may be fetched ---


@given(st.text(max_size=40) | st.text("htps:/@[].?#\\%l0", max_size=24))
@example("https://a\t@b/")
def test_no_text_is_more_than_fetched_over_https_or_not(address):
    if is_fetchable(address):
        assert address.strip("".join(map(chr, range(33)))).lower().startswith("https:")
    if is_fetchable(address, local=True) and not is_fetchable(address):
        assert is_loopback(address)
