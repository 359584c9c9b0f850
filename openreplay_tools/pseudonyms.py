"""Stable aliases for people: `user-7` for a user id, `email-2`, `name-4`, `phone-1`, `ip-3`, and the way back.

One `Pseudonyms` serves all toolkits of the process that ask the same server, so a person has one alias everywhere.
Numbers follow the order of first meeting. The mapping is kept in memory only.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, quote_plus

from openreplay_tools.personal import KINDS, Kind, kind_of
from openreplay_tools.persons import persons, persons_told
from openreplay_tools.shapes import cut_emails_in, shapes_in
from openreplay_tools.text import Given, Own, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

_NO_ALIAS: Final = (
    "No alias {} is known in this process, so it was taken literally. Aliases are given by answers: search anew."
)
_ROOMY: Final = 10**9
LEGEND: Final = "Aliases such as user-7 stand for people's data; pass them back as they are."

_BEFORE: Final = r"(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt])|(?<=u00[0-9A-Fa-f]{2}))"
_ALIAS = re.compile(rf"{_BEFORE}(?:{'|'.join(KINDS)})-[1-9][0-9]{{0,8}}(?![A-Za-z0-9_])", re.IGNORECASE)
# Of the dashboard, made here: nothing but names of pages, numbers and ids.
_LINK = re.compile(r"https?://[\w.:-]+(?:/[\w.-]+)?/\d+/[a-z]+(?:/\d+)?(?:\?[\w=&-]*)?\Z", re.ASCII)
_HALF = re.compile(rf"(?:{'|'.join(KINDS)})-\d*\Z")
_MOST_RESERVED = 100_000
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 4096, 1000

# --- Known values in prose ---

_WORD = re.compile(r"%[0-9A-Fa-f]{2}|\\[nrt](?=\w)|\\u[0-9A-Fa-f]{4}|\w+")
_FIRST_WORD = re.compile(r"\w+")
_FREE_BEFORE = re.compile(r"(?:\A|\W|%[0-9A-Fa-f]{2}|\\[nrt]|u00[0-9A-Fa-f]{2})\Z")
_DELIMITED_BEFORE = re.compile(r"(?:\A|[\"'=>(\[{]|&#34;|&quot;|%22|%3D|: ?|, ?|· )\Z", re.IGNORECASE)
_DELIMITED_AFTER = re.compile(r"\Z|[\"'&<>)\]},;]|\\|%22|%26| ·", re.IGNORECASE)
_ADDRESS_AFTER = re.compile(r"[.-]?\w")
_CUT = re.compile("…")
_LEAST_BEGUN, _LONGEST_BEGUN = 4, 120
_LOOK_BACK = 6
_SHORT_NUMBER = re.compile(r"\d{1,4}\Z")
# Words that name people and things alike: replaced where they stand alone, not in prose.
_ORDINARY: Final = frozenset(
    "user users admin administrator guest test tester demo customer customers client member visitor support sales info "
    "account name email mail phone login root owner team office default sample example page home checkout cart order "
    "mister miss madam none null true false click error request session event".split()
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A form in which a value may stand in prose.

    Args:
        exact: the form, None where its case does not matter.
        delimited: only between marks or commas, for it is short or an ordinary word.
    """

    alias: str
    exact: str | None
    delimited: bool
    address: bool


# First word -> characters before it and length of the whole -> the forms in small letters.
_Places: TypeAlias = "dict[tuple[int, int], dict[str, _Known]]"
_Index: TypeAlias = "dict[str, _Places]"
_NOTHING: Final[_Places] = {}


class Pseudonyms:
    """Aliases of one server's people; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._aliases: dict[str, str] = {}  # value -> alias
        self._written: dict[str, str] = {}  # how it may be written in addresses, pages and JSON -> alias
        self._folded: dict[str, str] = {}  # e-mail addresses in small letters, digits of phone numbers -> alias
        self._real: dict[str, str] = {}  # alias -> value
        self._last = dict.fromkeys(KINDS, 0)
        self._reserved: set[str] = set()  # what looks like an alias and was recorded as such
        self._index: _Index = {}
        self._sorted: list[tuple[str, str]] = []  # forms and their aliases, for those that were cut
        self._said: dict[tuple[str, bool, bool], str] = {}

    def __repr__(self) -> str:
        """Return the number of aliases only."""
        return f"<pseudonyms of {len(self._real)} values>"

    @classmethod
    def of(cls, secret: str, host: str) -> Pseudonyms:
        """Return the one of a process and server.

        Args:
            secret: the process's, or one given in the settings.
            host: whose people they are.
        """
        key = hmac.new(secret.encode(), host.encode(), hashlib.sha256).hexdigest()
        with _LOCK:
            return _SHARED.setdefault(key, cls())

    def alias(self, kind: Kind, value: str, *, prose: bool = False) -> str:
        """Return the alias of a personal value; a value has one, whatever it is called later.

        Args:
            kind: what its alias begins with, when it is new.
            value: exact.
            prose: whether it stood in prose, where an address or phone number may be spelled in another way.
        """
        known = self._aliases.get(value)
        if known is not None:
            return known
        with self._lock:
            if value in self._aliases:
                return self._aliases[value]
            if _ALIAS.fullmatch(value):
                self._reserved.add(value.lower())
            folded = _folded(kind, value)
            if prose and folded in self._folded:
                return self._folded[folded]
            alias = self._next(kind)
            self._real[alias] = value
            if folded:
                self._folded.setdefault(folded, alias)
            for form in _forms(value):
                self._written.setdefault(form, alias)
                self._remember(form, alias)
            self._aliases[value] = alias
            self._said = {}
            return alias

    def _next(self, kind: Kind) -> str:
        while True:
            self._last[kind] += 1
            alias = f"{kind}-{self._last[kind]}"
            if alias not in self._reserved:
                return alias

    def _remember(self, form: str, alias: str) -> None:
        """Let a form be found in prose."""
        first = _FIRST_WORD.search(form)
        if first is None or _SHORT_NUMBER.match(form):
            return
        distinctive = (len(form) > 3 or not form.isalpha()) and form.lower() not in _ORDINARY
        exact = form if form.replace("_", "").isalpha() else None
        known = _Known(alias, exact, not distinctive, "@" in form)
        word, place = first[0].lower(), (first.start(), len(form))
        places = self._index.get(word, _NOTHING)
        if place not in places:  # other threads may be going through it
            self._index[word] = places = {**places, place: {}}
        places[place].setdefault(form.lower(), known)
        if distinctive and len(form) > _LEAST_BEGUN:
            insort(self._sorted, (form.lower(), alias))

    def meet(self, result: BaseModel) -> None:
        """Get to know the people a result tells of, so that they are recognised wherever it mentions them."""
        found = list(persons(result))
        for kind, value in sorted(found, key=lambda one: one[0] != "user"):
            if not value:
                continue
            self.alias(kind, value)
            if kind == "name":
                self._parts(value)

    def _parts(self, name: str) -> None:
        words = name.split()
        for word in words if 1 < len(words) <= 4 else ():
            if len(word) > 3 and word.isalpha() and word.lower() not in _ORDINARY:
                self.alias("name", word)

    def text(self, text: str, *, identifier: bool = False, exact: bool = False) -> str:
        """Return a recorded text with aliases in place of people.

        Args:
            text: as recorded.
            identifier: whether it is an identifier as a whole, be it a short number.
            exact: whether another spelling is somebody else: ids are case-sensitive.
        """
        if not text or (text.isdigit() and text not in self._aliases):
            return text
        remembered = self._said  # another one takes its place when somebody becomes known
        said = remembered.get((text, identifier, exact))
        if said is None:
            said = self._rewritten(text, identifier=identifier, exact=exact or identifier)
            if len(remembered) < _MOST_REMEMBERED and len(text) <= _LONGEST_REMEMBERED:
                remembered[text, identifier, exact] = said
        return said

    def part(self, part: Any) -> Any:
        """Return a part of an answer or error with aliases in place of people; our own words stay."""
        if isinstance(part, Recorded):
            said = self.text(part.text, identifier=part.identifier)
            return (
                part if said == part.text else replace(part, text=said if part.identifier else _cut(said, part.limit))
            )
        if isinstance(part, Given) or (isinstance(part, Own) and not part.ours):
            return replace(part, text=self.text(part.text, exact=True))
        return part

    def _rewritten(self, text: str, *, identifier: bool, exact: bool) -> str:
        whole = self._aliases.get(text) or self._another(text, exact=exact)
        if whole and (identifier or not _SHORT_NUMBER.match(text)):
            return whole
        if not identifier:
            for kind, value in persons_told(text):
                if not self._is_ours(value):
                    self.alias(kind, value)
        taken = [found.span() for found in _ALIAS.finditer(text) if self._is_ours(found[0])]
        kept: list[str] = []
        done = 0
        for start, end, alias in self._spans(text):
            if start < done or any(first <= start and end <= last for first, last in taken):
                continue
            kept += (text[done:start], alias)
            done = end
        return "".join(kept) + text[done:] if kept else text

    def _another(self, text: str, *, exact: bool) -> str:
        """Return the alias of a known value that is spelled otherwise, or of its own where that makes a difference."""
        alias = self._written.get(text) or self._folded.get(text.strip().lower(), "")
        if not alias and exact:
            alias = next((alias for start, end, alias in self._known_in(text) if end - start == len(text)), "")
        kind = next((kind for kind in KINDS if alias.startswith(kind)), None)
        return self.alias(kind, text) if exact and kind else alias

    def _is_ours(self, token: str) -> bool:
        """Tell whether a token is an alias; one that only looks so will never be given."""
        alias = token.lower()
        if alias in self._real:
            return alias not in self._reserved
        if len(self._reserved) < _MOST_RESERVED:
            with self._lock:
                if alias not in self._real:
                    self._reserved.add(alias)
        return False

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return where people stand in a text, in order; of two that overlap the first, then the longer one."""
        spans = list(self._known_in(text))
        spans += [(start, end, self.alias(kind, value, prose=True)) for kind, value, start, end in shapes_in(text)]
        if "…" in text:
            spans += self._cut_in(text)
        return sorted(spans, key=lambda span: (span[0], -span[1]))

    def _known_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        for word in _WORD.finditer(text):
            for (lead, length), forms in self._index.get(word[0].lower(), _NOTHING).items():
                start = word.start() - lead
                known = forms.get(text[start : start + length].lower()) if start >= 0 else None
                if known and _stands(known, text, start, start + length):
                    yield start, start + length, known.alias

    def _cut_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where only the beginning of a value is left, before a …."""
        for end in (found.start() for found in _CUT.finditer(text)):
            for word in _WORD.finditer(text, max(0, end - _LONGEST_BEGUN), end):
                begun = text[word.start() : end].lower()
                place = bisect_left(self._sorted, (begun,))
                if (
                    len(begun) >= _LEAST_BEGUN
                    and place < len(self._sorted)
                    and self._sorted[place][0].startswith(begun)
                ):
                    yield word.start(), end, self._sorted[place][1]
                    break
        yield from ((start, end, "email") for start, end in cut_emails_in(text))  # of nobody that is known

    def tree(self, value: Any) -> Any:
        """Return a JSON value with aliases in place of people, keys of objects included; links of ours stay."""
        root: list[Any] = [value]
        pending: list[tuple[Any, str]] = [(root, "")]
        while pending:
            holder, under = pending.pop()
            members = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
            if isinstance(holder, dict):
                holder.clear()
            for place, each in members:
                name = str(place) if isinstance(holder, dict) else under
                shown = self.text(str(place)) if isinstance(holder, dict) else place
                holder[shown] = told = self._told(name, each)
                if isinstance(told, dict | list):
                    pending.append((told, name))
        return root[0]

    def _told(self, name: str, each: Any) -> Any:
        if isinstance(each, str):
            ours = name == "link" and _LINK.match(each)
            return each if ours else self.text(each, identifier=kind_of(name) is not None)
        if isinstance(each, dict | list):
            return each.copy()
        if isinstance(each, int) and not isinstance(each, bool) and kind_of(name) is not None:
            return self._aliases.get(str(each), each)
        return each

    def reveal(self, text: str) -> str:
        """Return a text with every alias there is translated back: alone, in prose, in a path, in JSON."""
        if not _ALIAS.search(text):
            return text
        whole = self._real.get(text.strip().lower())
        if whole is not None:
            return whole
        if text.lstrip().startswith(("{", "[")):
            try:
                return json.dumps(self._revealed(json.loads(text)), ensure_ascii=False)
            except (ValueError, RecursionError):
                pass
        encoded = text.startswith("/") or "://" in text
        return _ALIAS.sub(lambda found: self._back(found[0], encoded=encoded), text)

    def _revealed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.reveal(key): self._revealed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._revealed(each) for each in value]
        return self.reveal(value) if isinstance(value, str) else value

    def _back(self, alias: str, *, encoded: bool) -> str:
        real = self._real.get(alias.lower(), alias)
        return quote(real, safe="@:+,;=!$'()*~|") if encoded else real

    def unknown(self, text: str) -> bool:
        """Tell whether a text is of the form of an alias, but none that was given."""
        return bool(_ALIAS.fullmatch(text)) and text.lower() not in self._real

    def explained(self, text: str, given: Iterable[object], room: int = _ROOMY) -> str:
        """Return what a model reads with a line about aliases: those that it passed and nobody has, else what they are.

        Args:
            text: an answer or a refusal.
            given: what the model passed, or the parts of an error that may repeat it.
            room: characters there are in all.
        """
        unknown = self._unknown(given)
        known = any(one[0].lower() in self._real for one in _ALIAS.finditer(text))
        line = _NO_ALIAS.format(", ".join(unknown[:3])) if unknown else LEGEND if known else ""
        if not line or len(text) + len(line) >= room:
            return text
        first, end, rest = text.partition("\n")  # the last line may be what to do next
        return f"{first}\n{line}{end}{rest}"

    def room(self, given: Iterable[object]) -> int:
        """Return how many characters `explained` may add."""
        return 1 + max(len(LEGEND), len(_NO_ALIAS) + 60 if self._unknown(given) else 0)

    def _unknown(self, given: Iterable[object]) -> list[str]:
        texts = [one if isinstance(one, str) else getattr(one, "text", "") for one in given]
        return [text for text in texts if self.unknown(text)]


def _stands(known: _Known, text: str, start: int, end: int) -> bool:
    """Tell whether a form found in a text is the value, not a part of another word."""
    if known.exact is not None and text[start:end] not in {known.exact, known.exact.upper()}:
        return False
    before = text[max(0, start - _LOOK_BACK) : start]
    if known.delimited:
        return bool(_DELIMITED_BEFORE.search(before) and _DELIMITED_AFTER.match(text, end))
    if known.address and (_ADDRESS_AFTER.match(text, end) or before.endswith((".", "+", "-"))):
        return False
    return bool(_FREE_BEFORE.search(before)) and not text[end : end + 1].replace("_", "a").isalnum()


def _cut(text: str, limit: int) -> str:
    """Return a text within a limit, without the half of an alias: user-1 of user-12 is somebody else."""
    return text if len(text) <= limit else f"{_HALF.sub('', text[: limit - 1])}…"


def _folded(kind: Kind, value: str) -> str:
    if "@" in value:
        return value.lower()
    return f"+{re.sub(r'[^0-9]', '', value)}" if kind == "phone" and value.strip().startswith("+") else ""


def _forms(value: str) -> list[str]:
    """Return a value as it may stand in addresses, pages and JSON."""
    forms = (value, quote(value, safe=""), quote_plus(value), html.escape(value), json.dumps(value)[1:-1])
    return list(dict.fromkeys(forms))


_SHARED: dict[str, Pseudonyms] = {}
_LOCK = RLock()
