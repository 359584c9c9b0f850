"""What an answer says beside its data: its media type, the server's own words, the pause it asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openreplay_tools.text import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_LIMIT = 300
_READ, _MOST = 2000, 20  # characters and messages that are looked at, for these may be endless


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a reply, "" when it has none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_web_page(kind: str, body: bytes) -> bool:
    """Tell whether a reply is a page for people, whatever it says it is."""
    return kind in {"text/html", "application/xhtml+xml"} or body[:30].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def server_message(headers: Mapping[str, str], body: bytes) -> str:
    """Return the server's own words, bounded; "" for web pages and empty bodies."""
    kind = media_type(headers)
    if not body or is_web_page(kind, body):
        return ""
    if kind != "application/json":
        return shorten(clean(body[:1000].decode("utf-8", "replace")), MESSAGE_LIMIT)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    # {"error": "…"} up to 1.27; {"errors": ["…"]} after it and in the Python service; {"detail": …} (contract §1.3).
    return said_in(said, ("error", "errors", "detail"))


def said_in(said: Any, keys: tuple[str, ...]) -> str:
    """Return the first message that stands in a JSON object under one of the keys, bounded; "" when none does."""
    found = [said.get(key) for key in keys] if isinstance(said, dict) else []
    told = next((each for each in found if each), "")
    text = "; ".join(_told(each)[:_READ] for each in (told[:_MOST] if isinstance(told, list) else [told]))
    return shorten(clean(text), MESSAGE_LIMIT)


def object_in(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is, whatever media type it has; {} when it is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _told(said: Any) -> str:
    """Return one of the server's messages; FastAPI's name the field they are about."""
    if isinstance(said, dict):
        place = said.get("loc") or ()
        where = ".".join(str(step) for step in (place if isinstance(place, list | tuple) else [place]))
        text = str(said.get("msg") or said.get("message") or "")
        return f"{where}: {text}" if where and text else text or where
    return str(said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the server asks to wait, None when it does not say (dates are not understood)."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
