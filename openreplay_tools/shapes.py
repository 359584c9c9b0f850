"""Personal values that are known by their shape: e-mail addresses, international phone numbers, IP addresses."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.personal import Kind

_AT: Final = r"(?:@|%(?:25){0,3}40|&#64;|&#x40;|&commat;|\\{1,4}u0040)"
_SIGN = re.compile(_AT, re.IGNORECASE)
_EMAIL = re.compile(
    r"(?:(?<![\w.+%\\-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt])|(?<=u00[0-9A-Fa-f]{2}))"
    rf"(?P<local>\w(?:[\w.+'-]|%(?:25){{0,3}}2B){{0,255}})(?P<at>{_AT})"
    r"(?P<host>(?:[\w-]{1,63}(?:\.|%2E)){1,8}[^\W\d_][\w-]{1,62}+)",
    re.IGNORECASE,
)
_MAY_HOLD_EMAIL = re.compile(r"@|%40|%2540|&#64;|&#x40;|&commat;|u0040", re.IGNORECASE)
_CUT_EMAIL = re.compile(rf"(?<![\w.+%-])[\w.+'-]{{1,255}}+{_AT}[\w.-]{{0,255}}…", re.IGNORECASE)
_FILES: Final = frozenset(
    "png jpg jpeg gif svg webp avif js mjs css json html htm php map ico woff woff2 mp4 pdf".split()
)
_USER_INFO = re.compile(r"://[^\s/@]{0,80}:\Z")
_PHONE = re.compile(
    r"(?:(?<![\w.+%-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))(?:\+|%2B|\\u002b)[1-9]\d{0,2}"
    r"(?:(?:[ ./\xa0-]|%20)?\(\d{1,4}\))?(?:(?:[ ./\xa0-]|%20)?\d{1,4}){2,6}(?![\w:])"
    r"|(?<![\w)])\(\d{3}\)[ \xa0]?\d{3}[-. \xa0]\d{4}(?![\w-])",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.-])(?:{_BYTE}\.){{3}}{_BYTE}(?![\w-]|\.\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]|\.\d)", re.IGNORECASE | re.ASCII)
# A number with three dots after one of these, or after `Chrome/`, is a version.
_VERSION = re.compile(
    r"(?:[a-z]/v?|\bv|\b(?:version|ver|release|build|rev|chrome|chromium|safari|firefox|edge|edg|opera|android|ios"
    r"|windows|macos|linux|mobile|samsung|internet|browser|sdk|tracker|app)[\"' :=/]{1,3}v?)\Z",
    re.IGNORECASE,
)
_VERSION_BEFORE = 16


def shapes_in(text: str) -> Iterator[tuple[Kind, str, int, int]]:
    """Yield what a text holds: its kind, the value without the text's encoding, and where it stands."""
    if _MAY_HOLD_EMAIL.search(text):
        yield from _emails_in(text)
    if "+" in text or "(" in text or "%2" in text or "u002" in text:
        yield from _phones_in(text)
    if text.count(".") >= 3 or text.count(":") >= 2:
        yield from _addresses_in(text)


def cut_emails_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield where e-mail addresses stand of which … has taken the end."""
    if "…" in text and _MAY_HOLD_EMAIL.search(text):
        yield from ((cut.start(), cut.end() - 1) for cut in _CUT_EMAIL.finditer(text))


def plain_email(written: str) -> str:
    """Return an address without the encoding of the text it stands in."""
    local, host = _SIGN.split(written, maxsplit=1)
    for _ in range(4):
        local = unquote_plus(local.replace("+", "%2B"))
    return f"{local}@{unquote_plus(host)}"


def _emails_in(text: str) -> Iterator[tuple[Kind, str, int, int]]:
    for found in _EMAIL.finditer(text):
        if found["host"].rpartition(".")[2].lower() in _FILES:
            continue
        if not _USER_INFO.search(text[max(0, found.start() - 84) : found.start()]):  # the password of an address
            yield "email", plain_email(found[0]), *found.span()


def _phones_in(text: str) -> Iterator[tuple[Kind, str, int, int]]:
    for found in _PHONE.finditer(text):
        written = unquote_plus(found[0].replace("+", "%2B").replace("\\u002b", "%2B"))
        if 7 <= sum(char.isdigit() for char in written) <= 15 and not _DATE.search(written):
            yield "phone", written, *found.span()


def _addresses_in(text: str) -> Iterator[tuple[Kind, str, int, int]]:
    """Yield IP addresses that may be a visitor's: no versions, no networks, no addresses of the machine itself."""
    for found in (*_IPV4.finditer(text), *_IPV6.finditer(text)):
        try:
            address = ip_address(found[0])
        except ValueError:
            continue
        before = text[max(0, found.start() - _VERSION_BEFORE) : found.start()]
        version = address.version == 4 and (found[0].endswith(".0") or _VERSION.search(before))
        if not (address.is_loopback or address.is_unspecified or version):
            yield "ip", found[0], *found.span()
