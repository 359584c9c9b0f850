"""What makes two failures the same: addresses and messages without the parts that differ from case to case.

All of it is recorded text and may be anything; every function takes any text, in linear time, and never raises.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from openreplay_tools.openreplay.timeline import number, parsed
from openreplay_tools.text import clean, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.openreplay.timeline import Event

_LOOK_AT: Final = 4_000  # characters of an address or message; what follows tells no failure from another
_MOST_URL: Final = 240
_MOST_MESSAGE: Final = 300
_MOST_SEGMENT: Final = 80
_FIXED: Final = 4

# --- one word of an address or a message ---

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{7,}\Z", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_TECHNICAL = re.compile(
    r"(?:v\d+|utf\d+|u?int\d+|float\d+|sha\d+|md\d|base\d+|es\d+|ipv[46]|h[1-6]|http[123]|oauth[12]|mp[34]|m[34][av]"
    r"|woff2|i18n|l10n|a11y|e2e|b2[bc]|s3|ec2|k8s|x86|x64|web[23]|2fa|3d|[45]g)\Z",
    re.IGNORECASE,
)
_WORDLIKE = re.compile(r"(?:[^\W\d]*\d{0,2}|\d+)\Z")
_MIXED_CASE = re.compile(r"(?=.*[a-z]).*[A-Z]", re.DOTALL)
_JOINED = re.compile(r"[-_]+")
_TOKEN_LENGTH: Final = 10
_LONG_ID: Final = 16
_MIXED_ID: Final = 8
_ANY_LONG: Final = 32


def _is_id(word: str) -> bool:
    """Tell whether a word of letters and digits is one that a machine made up."""
    if not _DIGITS.search(word):
        # Without a digit only what is long and wild: ordinary words, however composed, have few capitals.
        return len(word) >= _ANY_LONG and word.isalnum() and _swaps(word, str.isupper) > len(word) // 4
    if word.isdecimal() or _TECHNICAL.match(word):
        return False
    if _HEX.match(word):
        return True
    swaps = _swaps(word, str.isdecimal)
    return swaps > 2 or (len(word) >= _MIXED_ID and swaps > 1) or len(word) >= _LONG_ID


def _swaps(word: str, kind: Callable[[str], bool]) -> int:
    """Return how often the kind of character changes: 7f3a does so three times."""
    return sum(one != other for one, other in pairwise(map(kind, word)))


def _is_token(text: str) -> bool:
    """Tell whether a text whose words are joined by - and _ is one id that happens to hold these (nanoid, base64)."""
    if len(text) < _TOKEN_LENGTH or not _MIXED_CASE.match(text) or not _DIGITS.search(text):
        return False
    return any(not _WORDLIKE.match(word) and not _TECHNICAL.match(word) for word in _JOINED.split(text) if word)


# --- addresses ---

_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]{0,20}):", re.IGNORECASE)
_VERSION = re.compile(r"v\d+(?:\.\d+)*\Z", re.IGNORECASE)
_DATE = re.compile(r"(?:19|20)\d\d(?:-[01]\d(?:-[0-3]\d(?:[T_ ].*)?)?|[01]\d[0-3]\d)\Z", re.DOTALL)
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_MONTH_OR_DAY = re.compile(r"[0-3]?\d\Z")
_EXTENSION = re.compile(r"[a-z][a-z0-9]{0,4}\Z", re.IGNORECASE)
_OPAQUE = frozenset({"blob", "data", "javascript", "mailto", "tel", "sms"})
_STANDARD_PORT = re.compile(r":(?:80|443)?\Z")
_WORDS = re.compile(r"[\W_]+")
_AUTHORITY_ENDS = re.compile(r"[/?#\\]")
_PATH_ENDS = re.compile(r"[?#]")
_KEPT_DIGITS: Final = 2  # step-3, top-10-tips: numbers so short name a place, not a thing


def url_template(url: str, host: str = "") -> str:
    """Return an address without what differs from visit to visit: /orders/123?from=mail is /orders/:id.

    Args:
        url: as recorded, whole or a path.
        host: the site's own; it is left out, others are kept.
    """
    return _templated_url(url[:_LOOK_AT].strip(), host.strip().lower())


@lru_cache(maxsize=2048)
def _templated_url(text: str, host: str) -> str:
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if found and scheme in _OPAQUE:
        return f"{scheme}:"
    start, path = "", text
    if text.startswith("//", found.end() if found else 0):
        before, _, rest = text.partition("//")
        authority = _AUTHORITY_ENDS.split(rest, maxsplit=1)[0]
        path = rest[len(authority) :]
        site = _STANDARD_PORT.sub("", authority.rpartition("@")[2].lower())
        own = site == _STANDARD_PORT.sub("", host)
        start = "" if own else f"{before.lower()}//{shorten(site, _MOST_SEGMENT)}"
        path = path if path[:1] in {"/", "\\"} else "/"
    elif scheme:
        start, path = f"{scheme}:", text.partition(":")[2]
    path = _PATH_ENDS.split(path, maxsplit=1)[0].replace("\\", "/")
    return start + _path(path, _MOST_URL - len(start))


def _path(path: str, room: int) -> str:
    raw = [segment.strip() for segment in path.split("/") if segment and not segment.isspace()]
    told = ("/" if path.startswith("/") else "") + "/".join(_dates_joined([_segment(each) for each in raw], raw))
    if len(told) <= room:
        return told
    kept = told[: room - 2].rpartition("/")[0]
    return f"{kept}/…"


def _dates_joined(segments: list[str], raw: list[str]) -> list[str]:
    """Make /2026/11/20 one date; `segments` are templates already, so the numbers come from the path as recorded."""
    joined: list[str] = []
    at = 0
    while at < len(segments):
        size = 0
        if _YEAR.match(raw[at]) and at + 1 < len(raw) and _MONTH_OR_DAY.match(raw[at + 1]):
            size = 3 if at + 2 < len(raw) and _MONTH_OR_DAY.match(raw[at + 2]) else 2
        joined.append(":date" if size else segments[at])
        at += size or 1
    return joined


@lru_cache(maxsize=4096)  # the pages of a site are few, their visits many
def _segment(segment: str) -> str:
    segment = segment.partition(";")[0].strip() or segment  # /cart;jsessionid=…
    if segment.startswith(":") or _VERSION.match(segment):
        return segment
    plain = unquote(segment)
    if _DATE.match(plain):
        return ":date"
    if len(plain) > _MOST_SEGMENT or "@" in plain.strip("@"):
        return ":id"
    *stem, last = segment.split(".")
    if stem and any(stem) and _EXTENSION.match(last) and not _is_id(last):
        return ".".join([*(part if part.startswith(":") else _part(part) for part in stem), last])
    return _part(segment)


def _part(part: str) -> str:
    plain = unquote(part)
    if plain.isdecimal() or _UUID.match(plain) or (plain.endswith("=") and plain.strip("=").isalnum()):
        return ":id"
    if _DATE.match(plain):
        return ":date"
    made_up = _is_token(plain) or any(_is_id(word) or _tells_number(word) for word in _WORDS.split(plain))
    return ":id" if made_up else part


def _tells_number(word: str) -> bool:
    return not _TECHNICAL.match(word) and any(len(digits) > _KEPT_DIGITS for digits in _DIGITS.findall(word))


# --- messages ---

_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAYS = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_ZONE = r"(?: ?(?:Z|[AaPp][Mm]|UTC|GMT|[+-]\d\d:?\d\d)\b){0,3}"
_UNITS = (
    r"ms|msec|msecs|µs|us|ns|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|milliseconds?"
    r"|%|‰|px|em|rem|pt|bytes?|B|[kKMGT]i?[Bb]|kbps|[Mm]bps|fps|Hz|kHz|MHz|GHz|€|\$|£|°C?"
)
_TIME = "|".join((
    rf"\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK})?{_ZONE}",
    rf"\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}(?:,? {_CLOCK})?{_ZONE}",
    rf"{_DAYS}(?:\d{{1,2}}\.? {_MONTHS}|{_MONTHS} \d{{1,2}}),? \d{{4}}(?:,? {_CLOCK})?{_ZONE}",
    rf"\d{{1,2}}:\d\d:\d\d(?:[.,]\d{{1,9}})?{_ZONE}",
))  # fmt: skip
_STATUS = (
    r"(?:\b|[\"'])(?i:status(?:[ _-]?code)?|code|https?(?:/[123](?:\.[01])?)?|responded with|answered|error)"
    r"[\"']?(?: ?(?:is|was|of|with)\b| ?[=:#(])? ?[\"']?(?<!\d)[1-5]\d\d(?![\w.,]*\d)"
)
_CODE = (
    r"\b(?i:reading|setting|evaluating|property|method|function|attribute|variable|module|identifier|token)"
    r" (?:'[\w$.\[\]]{1,80}'|\"[\w$.\[\]]{1,80}\"|`[\w$.\[\]]{1,80}`)|\"[\w$.-]{1,40}\"(?= ?:)"
)
_QUOTED = (
    r"(?<!\w)(?:'[^']{0,400}'|`[^`]{0,400}`|\u2018[^\u2019]{0,400}\u2019)(?!\w)"
    r"|\"[^\"]{0,400}\"|\u201c[^\u201d]{0,400}\u201d|«[^»]{0,400}»"
)
_TOKEN = re.compile(
    "|".join((
        r"(?P<done><(?:n|id|url|email|time|value|address)>)",
        r"(?P<url>\b[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'`<>(){}\[\]|,\u2018-\u201d«»]+)",
        r"(?P<opaque>\b(?:data|blob):[^\s\"'`<>(){}\[\]]{8,})",
        r"(?P<email>(?<![\w.+@-])[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})",
        rf"(?P<time>(?<![\w-])(?:{_TIME})(?!\w))",
        r"(?P<address>\b0[xX][0-9A-Fa-f]+\b)",
        r"(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z]))",
        rf"(?P<status>{_STATUS})",  # tells one failure from another: it stays
        rf"(?P<code>{_CODE})",  # what engines quote is code: "reading 'total'" and "reading 'items'" are two faults
        rf"(?P<quoted>{_QUOTED})",
        rf"(?P<n>(?<!\w)[-+]?[$€£]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?: ?(?:{_UNITS})(?!\w))?(?!\w|-\w))",
        r"(?P<word>[\w-]+={0,2})",
    ))
)  # fmt: skip
_TRAILING = ".,;:!?"


def message_template(text: str) -> str:
    """Return a message without what differs from case to case: numbers, ids, addresses, quoted values, times.

    Words stay, and so do HTTP statuses after the word status or code. A template's template is itself.
    """
    told = _templated(clean(text[:_LOOK_AT]))  # hidden characters would split what is to be replaced
    for _ in range(_FIXED):
        again = _templated(told)
        if again == told:
            break
        told = again
    return told


def _templated(text: str) -> str:
    told = " ".join(_TOKEN.sub(_placeholder, " ".join(text.split())).split())
    if len(told) <= _MOST_MESSAGE:
        return told
    cut = told[: _MOST_MESSAGE - 2]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _placeholder(found: re.Match[str]) -> str:
    kind, text = str(found.lastgroup), found[0]
    if kind in {"done", "status", "code"}:
        return text
    if kind == "url":
        address = text.rstrip(_TRAILING)
        return url_template(address) + text[len(address) :]
    if kind == "word":
        return _word(text)
    return {"opaque": "<url>", "uuid": "<id>", "quoted": "<value>"}.get(kind, f"<{kind}>")


def _word(token: str) -> str:
    if not _DIGITS.search(token):
        return "<id>" if _is_id(token) else token
    if _is_token(token.rstrip("=")):
        return "<id>"
    return "".join(_piece(part) for part in re.split(r"([-_=]+)", token))


def _piece(piece: str) -> str:
    if _TECHNICAL.match(piece):
        return piece
    return "<id>" if _is_id(piece) else _DIGITS.sub("<n>", piece)


# --- events ---

_ON_CLICKS: Final = frozenset({"click_rage", "dead_click", "tap_rage"})
_NOT_ISSUES: Final = frozenset({"", "custom", "js_exception", "crash", "incident"})
REPEATS_REQUEST: Final = "bad_request"


def signature_of(event: Event, host: str = "") -> tuple[str, ...] | None:
    """Return what is equal for the same failure in every session; None for what is no failure.

    ("error" or "crash", name, message template, file) · ("request", method, URL template, status; "0" without an
    answer) · (issue type, what was clicked or at fault). An issue bad_request repeats a failed request (observed §A16):
    it is that request with method and status unknown, "".
    """
    if event.kind in {"ERROR", "CRASH"}:
        message = _said(event, "message") or _said(event, "reason")
        return event.kind.lower(), _said(event, "name")[:_MOST_SEGMENT], message_template(message), origin_file(event)
    if event.failed:
        status = number(event.recorded("status"))
        url = url_template(event.url or _said(event, "url"), host)
        return "request", _said(event, "method").upper()[:20], url, str(round(status or 0))
    return _issue_signature(event, host) if event.kind == "ISSUE" else None


def _issue_signature(event: Event, host: str) -> tuple[str, ...] | None:
    kind = event.issue_type or _said(event, "issue_type")
    context = _said(event, "context_string") or _said(event, "label")
    if kind in _NOT_ISSUES:
        return None
    if kind == REPEATS_REQUEST:
        return "request", "", url_template(context, host), ""
    if kind not in _ON_CLICKS and ("://" in context[:_MOST_SEGMENT] or context.startswith("/")):
        return kind, url_template(context, host)
    return kind, message_template(context)


def usually_harmless(message: str) -> bool:
    """Tell whether an error is what browsers report without anything being broken.

    They put off some work until the next frame (https://developer.mozilla.org/docs/Web/API/ResizeObserver).
    """
    return message.startswith("ResizeObserver loop")


def origin_file(event: Event) -> str:
    """Return the file an error was thrown in, without a build's hash; "" when its stack does not tell."""
    frames = parsed(event.recorded("payload"))
    top = frames[0] if isinstance(frames, list) and frames and isinstance(frames[0], dict) else {}
    address = str(top.get("fileName") or "")[:_LOOK_AT]
    return _segment(_PATH_ENDS.split(address, maxsplit=1)[0].rpartition("/")[2])[:_MOST_SEGMENT]


def _said(event: Event, key: str) -> str:
    value = event.recorded(key)
    return "" if value is None else str(value)
