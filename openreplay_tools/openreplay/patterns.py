"""Regular expressions as the server reads them (RE2): one that it does not take it skips, silently (contract §4.4)."""

from __future__ import annotations

import re
import warnings
from math import prod

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

_LONGEST = 256
_MOST_REPEATS = 1000
_SCRIPTS = "Arabic|Armenian|Bengali|Cyrillic|Devanagari|Georgian|Greek|Han|Hangul|Hebrew|Hiragana|Katakana|Latin|Thai"
_CLASSES = "alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit"
# What RE2 has and Python has not: classes by name, the end of the text.
_ONLY_RE2 = re.compile(rf"\\[pP](?:\{{\^?(?:[LMNPSZC][a-z]?|{_SCRIPTS})\}}|[LMNPSZC])|\\z|\[:\^?(?:{_CLASSES}):\]")
# What Python has and RE2 has not: look-around, references, conditions, possessive quantifiers, further flags, names of
# groups beyond ASCII, escapes of characters, classes by other names.
_NOT_RE2 = re.compile(
    r"\(\?(?:[=!>(#]|<[=!]|P=|P<[^>]*[^\w>]|[imsU]*-?[imsU]*[^imsU\-:)P<])|\\[1-9ZguUNpP]|\\[^\x00-\x7f]|[*+?}]\+",
    re.ASCII,
)
_IN_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_NOT_IN_CLASS = re.compile(r"\\[bzBAuUNpP]|\\[^\x00-\x7f]|\[:")
_LITERALS = re.compile(r"\\[\x00-\x7f](?<!\\[1-9ZguUNpP])|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATS = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def check_pattern(pattern: str, field: str) -> None:
    """Make sure that the server takes a regular expression.

    Args:
        pattern: as the caller gave it.
        field: the argument, for the refusal.

    Raises:
        ArgumentsError: it is too long, or not one of RE2.
    """
    if len(pattern) > _LONGEST:
        raise ArgumentsError(f"{field}: a regular expression may have {_LONGEST} characters at most.")
    if not _is_re2(pattern):
        raise ArgumentsError(
            f"{field}: ", Given(pattern), " is no regular expression of RE2, which has no look-around and no "
            "references. The server would skip it."
        )  # fmt: skip


def _is_re2(pattern: str) -> bool:
    common = _ONLY_RE2.sub("a", pattern)
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(common)
    except (re.error, OverflowError):
        return False
    bare = _LITERALS.sub("", common)
    if any("\\z" in each for each in _IN_CLASS.findall(pattern)):
        return False
    if _NOT_RE2.search(bare) or any(_NOT_IN_CLASS.search(each) for each in _IN_CLASS.findall(common)):
        return False
    # RE2 counts repeats of repeats; whether they are nested is not looked at here, only what they could come to.
    most = [max(int(number) for number in found.groups() if number) for found in _REPEATS.finditer(bare)]
    return prod(most) <= _MOST_REPEATS if "){" in bare else max(most, default=0) <= _MOST_REPEATS
