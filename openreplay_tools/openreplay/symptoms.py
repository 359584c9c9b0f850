"""What tells of a failure where no status does: an error inside a successful answer, an own event's name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from openreplay_tools.openreplay.timeline import number, parsed, payload
from openreplay_tools.text import shorten

if TYPE_CHECKING:
    from openreplay_tools.openreplay.timeline import Event

_LOOK_AT: Final = 20_000  # characters of a saved answer
_HINT = re.compile(r"error|\"(?:success|ok)\\*\"\s*:\s*false|fail|exception|\"(?:status)?code\\*\"", re.IGNORECASE)
_FAILED_WORDS: Final = frozenset({"error", "fail", "failed", "failure", "exception", "rejected", "declined"})
_NOTHING: Final = frozenset({
    "", "none", "null", "nil", "undefined", "nan", "no", "false", "0", "0.0", "ok", "success", "no error", "no errors",
    "[]", "{}", "-", "n/a",
})  # fmt: skip
_COMPLAINT = re.compile(
    r"error|fail|invalid|unknown|expired|missing|required|denied|declin|reject|refus|forbid|unauth|not |unable|cannot|"
    r"exceed|limit|wrong|timeout|unavailable|too ",
    re.IGNORECASE,
)
_LOWEST_ERROR_CODE: Final = 400
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_FAILED: Final = frozenset(
    "fail fails failed failing failure failures error errors exception exceptions declined rejected denied crash "
    "crashed timeout aborted abort".split()
)
_REFUSED: Final = frozenset({"declined", "rejected", "denied"})
# What visitors refuse themselves.
_CHOICES: Final = frozenset("consent cookie cookies offer offers invite invitation permission tracking gdpr".split())
_SHOWN: Final = frozenset("event shown occurred displayed message modal toast page".split())
_SAID = ("message", "error", "error_description", "detail", "reason", "title", "code")
_ASSET = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|js|mjs|map|woff2?|ttf|otf|eot|mp4|webm|mp3|pdf)\Z", re.IGNORECASE
)


def error_inside(event: Event) -> str:
    """Return what a successful answer says went wrong, "" when it says nothing of the kind.

    Answers are there only where the project saves payloads: JSON text of headers and body.
    """
    text = event.recorded("response_body")
    if not isinstance(text, str) or not text or not _HINT.search(text, 0, _LOOK_AT):
        return ""
    body = answer_body(text)
    told = parsed(body) if isinstance(body, str) else body
    return _told(told) if isinstance(told, dict) else ""


def answer_body(text: str) -> Any:
    """Return the body of a saved answer, text or JSON data."""
    saved = parsed(text)
    if not isinstance(saved, dict):
        return text
    return saved["body"] if "body" in saved and ("headers" in saved or len(saved) == 1) else saved


def answer_text(event: Event) -> str:
    """Return the body of a saved answer as text, "" where none is saved."""
    text = event.recorded("response_body")
    body = answer_body(text) if isinstance(text, str) and text else ""
    return body if isinstance(body, str) else "" if body is None else json.dumps(body, ensure_ascii=False)


def _told(body: dict[str, Any]) -> str:
    for key in ("errors", "error", "exception"):
        value = body.get(key)
        if _tells(value):
            return _said(value)
    status = body.get("status")
    code = number(body.get("code", body.get("statusCode")))
    if (
        body.get("success") is False
        or body.get("ok") is False
        or (isinstance(status, str) and status.casefold() in _FAILED_WORDS)
        or (code is not None and _LOWEST_ERROR_CODE <= code < 600 and _COMPLAINT.search(str(body.get("message", ""))))
    ):
        return _said(body)
    return ""


def _tells(value: Any) -> bool:
    """Tell whether there is anything in what stands where an error would."""
    if isinstance(value, dict | list):
        return any(map(_tells, value.values() if isinstance(value, dict) else value))
    return bool(value) and str(value).strip().casefold() not in _NOTHING


def _said(value: Any) -> str:
    """Return the telling words of an error."""
    if isinstance(value, list):
        value = next((each for each in value if each), "")
    if isinstance(value, dict):
        value = next((value[key] for key in _SAID if _tells(value.get(key))), value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shorten(text, 300)


def tells_failure(event: Event) -> bool:
    """Tell whether an event of the site's own reports that something failed, by its name or its data."""
    if failing_name(event.kind):
        return True
    data = payload(event)
    return data.get("success") is False or data.get("ok") is False or _tells(data.get("error"))


def failing_name(name: str) -> bool:
    """Tell whether a name says that something failed: checkout_failed, PaymentError, not crash_course or no_errors."""
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1] in _SHOWN:
        words.pop()
    if words[-2:] == ["timed", "out"]:
        return True
    if not words or words[-1] not in _FAILED:
        return False
    before = words[-2] if len(words) > 1 else ""
    return before not in {"no", "without", "zero", "not"} and not (words[-1] in _REFUSED and before in _CHOICES)


def is_asset(url: str) -> bool:
    """Tell whether an address is that of a picture, a script or the like, by its ending."""
    return _ASSET.search(url.partition("?")[0].partition("#")[0]) is not None
