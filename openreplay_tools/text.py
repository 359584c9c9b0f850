"""Text and where it comes from: our own words, or something recorded from a visitor or sent by a server.

Recorded text is data. `clean` makes it one harmless line; `escape` does the same for identifiers without losing a
character, and `unescape` takes an escaped identifier back.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

# One token that cannot carry an instruction or markup: ids, paths, event names, codes (product.md, "Fenced").
HARMLESS = re.compile(r"[A-Za-z0-9_.@:+/~-]{1,120}\Z").match

# Brackets that look like our fence's marks.
_BRACKETS = str.maketrans({**dict.fromkeys("⟦〚⦗⟬⦋⦍⦏【〔〖〘", "["), **dict.fromkeys("⟧〛⦘⟭⦌⦎⦐】〕〗〙", "]")})
_ORDINARY = re.compile(r"[ -~]*\Z").match
_SPACES = re.compile(r"\s+")
# In an identifier: what would be read as an escape, and spaces that a reader would not see.
_MISREAD = re.compile(r"\\(?=u\{)|\A |(?<= ) | \Z")
_ESCAPED = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_ODD_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_MAX_MARKS = 2  # combining marks that may follow one letter; more is decoration that hides what lies below


@dataclass(slots=True)
class Own:
    """Our own words, or a name that stands plain among them.

    Args:
        text: the words.
        ours: False for a name that somebody gave.
    """

    text: str
    ours: bool = field(default=True, compare=False, repr=False)

    def __str__(self) -> str:
        """Return the words."""
        return self.text


@dataclass(slots=True)
class Recorded:
    """A text that a visitor typed, a page contained or a server sent.

    Args:
        text: the text as recorded.
        identifier: True for what must be passed back exactly (ids, names to filter by): never cut.
        limit: characters after which prose is cut.
    """

    text: str
    identifier: bool = False
    limit: int = 160

    def __str__(self) -> str:
        """Return the text as it may stand in an error message: harmless as it is, otherwise quoted."""
        if HARMLESS(self.text):
            return self.text
        return f'"{escape(self.text) if self.identifier else shorten(clean(self.text), self.limit)}"'


@dataclass(slots=True)
class Given:
    """What the caller passed, repeated: cleaned, cut and quoted, but not fenced, for the caller knows it."""

    text: str
    limit: int = 80

    def __str__(self) -> str:
        """Return the text quoted."""
        return f'"{shorten(clean(self.text), self.limit)}"'


Part: TypeAlias = Own | Recorded | Given
Line: TypeAlias = tuple[Part, ...]


def own(text: str) -> Line:
    """Return a line that is entirely ours."""
    return (Own(text),)


def identifier(text: str) -> Recorded:
    """Return a recorded identifier."""
    return Recorded(text, identifier=True)


def name(text: str) -> Part:
    """Return the name of something the account's owner set up: plain when it is one or two ordinary words."""
    words = text.split(" ")
    ordinary = len(text) <= 40 and len(words) <= 2 and all(re.fullmatch(r"[\w&'.-]+", word) for word in words)
    return Own(text, ours=False) if ordinary and text.isascii() else Recorded(text, limit=60)


def clean(text: str) -> str:
    """Return the text as one line without control, invisible and bidirectional characters or fence marks."""
    if not _ORDINARY(text):
        text = "".join(map(_shown, _few_marks(text)))
    return _SPACES.sub(" ", text).strip()


def escape(text: str) -> str:
    r"""Return an identifier with every odd character as `\u{hex}`, so that it can be read and passed back."""
    return "".join(map(_exact, _MISREAD.sub(lambda match: _written(match[0]), text)))


def unescape(text: str) -> str:
    r"""Return an identifier as recorded: the inverse of `escape`; text without `\u{` is returned unchanged."""
    return _ESCAPED.sub(_character, text) if "\\u{" in text else text


def shorten(text: str, limit: int) -> str:
    """Return the text cut to a number of characters, with … where something is missing."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= 0x10FFFF else match[0]


def _few_marks(text: str) -> str:
    """Return the text without the combining marks that are too many."""
    if not any(map(_is_mark, set(text))):
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if _is_mark(char) else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


_kept = lru_cache(maxsize=1 << 14)  # what is said of one character, for texts repeat few of them


@_kept
def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Me"}


@_kept
def _shown(char: str) -> str:
    """Return what a line shows of one character."""
    if char.isspace() or unicodedata.category(char) in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if _odd(char) else char.translate(_BRACKETS)


@_kept
def _exact(char: str) -> str:
    """Return one character as it stands in an identifier."""
    odd = _odd(char) or (char.isspace() and char != " ") or char != char.translate(_BRACKETS)
    return _written(char) if odd else char


def _written(char: str) -> str:
    return f"\\u{{{ord(char):x}}}"


def _odd(char: str) -> bool:
    return unicodedata.category(char) in _ODD_CATEGORIES or _invisible(char)


def _invisible(char: str) -> bool:
    """Tell whether a character of a visible category shows nothing (fillers, variation selectors)."""
    code = ord(char)
    return (
        code in {0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2800, 0x034F}
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
    )
