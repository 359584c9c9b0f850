"""Names for the files of the data export: where in the listing one stands, and which it is; never its address.

A handle survives the process that made it: the listing is asked again from the place it names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from openreplay_tools.errors import ArgumentsError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_CURSOR: Final = 2000  # characters; a longer one would be multiplied into every handle
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_FINGERPRINT_BYTES: Final = 6
_HANDLE = re.compile(r"(?P<place>start|[ncbd][A-Za-z0-9_-]{1,12000})\.(?P<mark>[0-9a-f]{12})\Z", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}\Z", re.ASCII)
_NUMBER = re.compile(r"(?:0|[1-9]\d{0,30})\Z", re.ASCII)
_SHORT = re.compile(r"[0-9a-z]{1,30}\Z", re.ASCII)
# What signs an address, at Amazon, Google, Azure and CloudFront: it differs at every listing.
_SIGNING = re.compile(
    r"x-(?:amz|goog)-.*|response-.*|awsaccesskeyid|googleaccessid|signature|expires|policy|key-pair-id|token|sig"
    r"|s[eiprtv]|sr|ss|srt|spr|sk[a-z]{1,4}|s(?:dd|aoid|uoid|cid)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[/?&%=]|:\S|\Awww\.", re.IGNORECASE)


class Place(NamedTuple):
    """Where a page of the listing begins: at a cursor, else at a time, else at the first file there is."""

    cursor: str = ""
    date_ms: int | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """What asks for the page."""
        if self.cursor:
            return {"cursor": self.cursor}
        return {} if self.date_ms is None else {"date": str(self.date_ms)}

    @property
    def text(self) -> str:
        """The place in harmless letters; cursors are opaque, so it holds any of them."""
        if not self.cursor:
            return "start" if self.date_ms is None else f"d{_short(self.date_ms)}"
        if _NUMBER.match(self.cursor):
            return f"n{_short(int(self.cursor))}"
        if _PLAIN.match(self.cursor):
            return f"c{self.cursor}"
        return "b" + base64.urlsafe_b64encode(self.cursor.encode("utf-8", "replace")).decode().rstrip("=")


def handle_of(place: Place, address: str) -> str:
    """Return the name of a file that a page lists."""
    return handle(place.text, fingerprint(address))


def handle(place: str, mark: str) -> str:
    """Return the name of a file by the text of its place and its fingerprint."""
    return f"{place}.{mark}"


def fingerprint(address: str) -> str:
    """Return what tells a file from others: its path, and of the query what does not sign."""
    try:
        parts = urlsplit(address)
        rest = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNING.fullmatch(pair[0])]
        what = f"{parts.path}{sorted(rest) if rest else ''}"
    except ValueError:  # it is no address, or its query has too many fields; neither is fetched
        what = address
    return hashlib.blake2b(what.encode("utf-8", "replace"), digest_size=_FINGERPRINT_BYTES).hexdigest()


def place_of(handle: str) -> Place:
    """Return where in the listing the file of a handle stands.

    Raises:
        ArgumentsError: it is no handle; what it is instead is not repeated, for it may be an address with a signature.
    """
    found = _HANDLE.match(handle)
    place = _read(found["place"]) if found else None
    if place is not None:
        return place
    if _ADDRESS.search(handle):
        raise ArgumentsError("export: pass a handle from logrocket_list_exports, never an address.")
    raise ArgumentsError(
        "export: this is no handle. Pass one from logrocket_list_exports as it stands there, such as "
        "start.0f1e2d3c4b5a."
    )


def _read(text: str) -> Place | None:
    kind, rest = text[0], text[1:]
    if text == "start":
        return Place()
    if kind in "nd":
        number = int(rest, 36) if _SHORT.match(rest) else None
        return None if number is None else Place(str(number)) if kind == "n" else Place(date_ms=number)
    if kind == "c":
        return Place(rest)
    try:
        return Place(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)).decode() or "")
    except (binascii.Error, ValueError):
        return None


def _short(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text
