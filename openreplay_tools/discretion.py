"""What the HTTP library must neither keep nor log."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_COOKIE = re.compile(r"refreshToken=[^;'\"\s]+", re.IGNORECASE)
# Of an address what follows its host; of a relative one, as redirects have it, everything.
_ADDRESS = re.compile(r"(https?://[^/?#\s'\"]*)[^\s'\"]*", re.IGNORECASE)
_LOCATION = re.compile(r"(b'location', b')[^']*|\?[^\s'\"]+", re.IGNORECASE)
_Secret: TypeAlias = Literal["", "headers", "address"]
_secretive: ContextVar[_Secret] = ContextVar("openreplay_tools_secretive", default="")


class EmptyJar(CookieJar):
    """Keeps no cookie: none is ever sent, and the one that renews a login is no matter of the HTTP library."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take nothing."""


@contextmanager
def secretive(what: _Secret) -> Iterator[None]:
    """Let the HTTP library log less meanwhile.

    Args:
        what: "headers" for a server whose replies' headers may hold pre-signed addresses; "address" where the address
            asked for is such a one, of which only the host is logged.
    """
    token = _secretive.set(what)
    try:
        yield
    finally:
        _secretive.reset(token)


class _NoCookies(logging.Filter):
    """Masks the cookie that renews a login where the HTTP library logs the headers of replies."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if "refreshToken=" in str(record.msg):
            record.msg = _COOKIE.sub("refreshToken=[masked]", str(record.msg))
        return True


class _NoAddresses(logging.Filter):
    """Masks the addresses that the HTTP library logs while it fetches from a secret one; others' stay as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        what = _secretive.get()
        if what and "receive_response_headers" in (text := record.getMessage()):
            record.msg, record.args = text.partition("return_value=")[0], ()
        elif what == "address":
            text = _LOCATION.sub(r"\1[masked]", record.getMessage())
            record.msg, record.args = _ADDRESS.sub(r"\1/[masked]", text), ()
        return True


for _name in ("http11", "http2"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_NoCookies())
for _name in ("httpx", "httpcore.http11", "httpcore.http2", "httpcore.connection", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(_NoAddresses())
