"""Stable aliases for people: `user-7` for a user id, `email-2`, `name-4`, `phone-1`, `ip-3`, and the way back.

One `Pseudonyms` serves all toolkits of the process that ask the same server, so a person has one alias everywhere.
Numbers follow the order of first meeting. The mapping is kept in memory only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import BaseModel

from openreplay_tools.aliases import ALIAS, context, cut, substituted, visible
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.masking import mask
from openreplay_tools.mentions import SHORT_NUMBER, SOMEBODY, Mentions, forms_of, other_forms
from openreplay_tools.personal import KINDS, Kind, is_thing, kind_of
from openreplay_tools.persons import persons, persons_told
from openreplay_tools.shapes import shapes_in
from openreplay_tools.text import Given, Own, Recorded, clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_ALIAS: Final = (
    "No alias {} is known in this process, so it was taken literally. Aliases are given by answers: search anew."
)
_TWO_MEANINGS: Final = (
    "{} was an alias here and is also a real id on this site, so it is not clear who is meant, and nothing was asked "
    "or changed. Search anew (openreplay_search_users) and give the alias that this answer shows."
)
_ROOMY: Final = 10**9
LEGEND: Final = "Aliases such as user-7 stand for people's data; pass them back as they are."

# Of the dashboard, made here: nothing but names of pages, numbers and ids.
_LINK = re.compile(r"https?://[\w.:-]+(?:/[\w.-]+)?/\d+/[a-z]+(?:/\d+)?(?:\?[\w=&-]*)?\Z", re.ASCII)
# Fields of our models that hold no person: a whole value there is what it says, though somebody is called so.
_THINGS: Final = frozenset(
    "browser browsers browser_version os os_version device device_type platform country city state method status kind "
    "release version pages column operator".split()
)
_MOST_RESERVED = 100_000
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 4096, 1000


class Pseudonyms:
    """Aliases of one server's people; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._aliases: dict[str, str] = {}  # value -> alias
        self._written: dict[str, str] = {}  # how it may be written in addresses, pages and JSON -> alias
        self._folded: dict[str, str] = {}  # e-mail addresses in small letters, digits of phone numbers -> alias
        self._real: dict[str, str] = {}  # alias -> value
        self._last = dict.fromkeys(KINDS, 0)
        self._reserved: set[str] = set()  # what looks like an alias and was recorded or passed as such
        self._resembling: set[str] = set()  # kinds whose aliases the site's own ids look like
        self._renamed: dict[str, str] = {}  # aliases that turned out to be real ids as well -> those given instead
        self._mentions = Mentions()
        self._shown: set[str] = set()  # aliases within words and addresses, as they were told
        self._said: dict[tuple[str, bool, bool, bool], str] = {}

    def __repr__(self) -> str:
        """Return the number of aliases only."""
        return f"<pseudonyms of {len(self._aliases)} values>"

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

    def alias(self, kind: Kind, value: str, *, prose: bool = False, literal: bool = False) -> str:
        """Return the alias of a personal value; a value has one, whatever it is called later.

        Args:
            kind: what its alias begins with, when it is new.
            value: exact.
            prose: whether it stood in prose, where an address or phone number may be spelled in another way.
            literal: whether it is nobody's, but a recorded text that must not be taken for the alias it looks like.
        """
        known = self._aliases.get(value)
        if known is not None:
            return known
        with self._lock:
            if value in self._aliases:
                return self._aliases[value]
            if not literal and ALIAS.fullmatch(value):
                self._reserve(value)
            folded = _folded(kind, value)
            if prose and folded in self._folded:
                return self._now(self._folded[folded])
            alias = self._next(kind)
            self._real[alias] = value
            if folded:
                self._folded.setdefault(folded, alias)
            for form in forms_of(value):
                self._written.setdefault(form, alias)
                self._mentions.learn(form, alias)
            for form, nobody in other_forms(kind, value):
                self._mentions.learn(form, SOMEBODY if nobody else alias)
            self._aliases[value] = alias
            self._said = {}
            return alias

    def _next(self, kind: Kind) -> str:
        while True:
            self._last[kind] += 1
            alias = f"{kind}-{'x' if kind in self._resembling else ''}{self._last[kind]}"
            if alias not in self._reserved:
                return alias

    def _reserve(self, value: str) -> None:
        """Never give what a real value looks like; whoever has it as an alias already gets another one."""
        token = value.lower()
        kind = next(kind for kind in KINDS if token.startswith(f"{kind}-"))
        with self._lock:
            self._resembling.add(kind)
            self._reserved.add(token)
            if token in self._real and token not in self._renamed:
                real = self._real[token]
                self._renamed[token] = alias = self._next(kind)
                self._real[alias] = real
                self._aliases[real] = alias
                self._said = {}

    def _now(self, alias: str) -> str:
        """Return an alias, or the one that took its place."""
        while alias in self._renamed:
            alias = self._renamed[alias]
        return alias

    def meet(self, result: BaseModel) -> None:
        """Get to know the people a result tells of, so that they are recognised wherever it mentions them."""
        found = [(kind, value) for kind, value in persons(result) if value and not is_thing(kind, value)]
        for _, value in found:
            if ALIAS.fullmatch(value):
                self._reserve(value)  # before any number is given
        for kind, value in sorted(found, key=lambda one: one[0] != "user"):
            self.alias(kind, value)

    def text(self, text: str, *, identifier: bool = False, exact: bool = False, given: bool = False) -> str:
        """Return a recorded text with aliases in place of people.

        Args:
            text: as recorded.
            identifier: whether it is an identifier as a whole, be it a short number.
            exact: whether another spelling is somebody else: ids are case-sensitive.
            given: whether the caller wrote it, who means an alias by what looks like one.
        """
        if not text or (text.isdigit() and text not in self._aliases):
            return text
        remembered = self._said  # another one takes its place when somebody becomes known
        said = remembered.get((text, identifier, exact, given))
        if said is None:
            said = self._rewritten(text, identifier=identifier, exact=exact or identifier, given=given)
            if len(remembered) < _MOST_REMEMBERED and len(text) <= _LONGEST_REMEMBERED:
                remembered[text, identifier, exact, given] = said
        return said

    def part(self, part: Any) -> Any:
        """Return a part of an answer or error with aliases in place of people; our own words stay."""
        if isinstance(part, Recorded) and part.identifier:
            return replace(part, text=self.text(part.text, identifier=True))
        if isinstance(part, Recorded):
            plain = clean(mask(part.text))  # as it will be shown, so that nobody hides behind what is dropped then
            said = self.text(plain)
            return part if said == plain else replace(part, text=cut(said, part.limit))
        if isinstance(part, Given) or (isinstance(part, Own) and not part.ours):
            plain = clean(part.text)
            said = self.text(plain, exact=True, given=isinstance(part, Given))
            return part if said == plain else replace(part, text=said)
        return part

    def _rewritten(self, text: str, *, identifier: bool, exact: bool, given: bool) -> str:
        whole = self._aliases.get(text) or self._another(text, exact=exact)
        if whole and (identifier or not SHORT_NUMBER.match(text)):
            return whole
        seen = visible(text)
        if seen != text:
            said = self.text(seen, identifier=identifier, exact=exact, given=given)
            kind = next((kind for kind in KINDS if said != seen and f"{kind}-" in said), None)
            return self.alias(kind, text) if identifier and kind else text if said == seen else said
        if not identifier:
            for kind, value in persons_told(text):
                if not self._is_ours(value):
                    self.alias(kind, value)
        kept: list[str] = []
        done = 0
        for start, end, alias in self._spans(text, given=given):
            if start < done:
                continue
            kept += (text[done:start], alias)
            if len(self._shown) < _MOST_RESERVED:
                self._shown.add(context("".join(kept[-3:-1])[-99:], alias))
            done = end
        return "".join(kept) + text[done:] if kept else text

    def _another(self, text: str, *, exact: bool) -> str:
        """Return the alias of a known value that is spelled otherwise, or of its own where that makes a difference."""
        alias = self._written.get(text) or self._folded.get(text.strip().lower(), "")
        if not alias and exact:
            known = self._mentions.known_in(text)
            alias = next((alias for start, end, alias in known if end - start == len(text)), "")
        kind = next((kind for kind in KINDS if alias.startswith(f"{kind}-")), None)
        return self.alias(kind, text) if exact and kind else "" if exact else self._now(alias)

    def _is_ours(self, token: str) -> bool:
        """Tell whether a token is an alias; one that only looks so will never be given."""
        alias = token.lower()
        if alias in self._real:
            return alias not in self._renamed
        if len(self._reserved) < _MOST_RESERVED and ALIAS.fullmatch(token):
            with self._lock:
                if alias not in self._real:
                    self._reserved.add(alias)
        return False

    def _spans(self, text: str, *, given: bool) -> list[tuple[int, int, str]]:
        """Return where people stand in a text, in order; of two that overlap the first, then the longer one."""
        spans = [(start, end, self._now(alias)) for start, end, alias in self._mentions.known_in(text)]
        spans += [(start, end, self.alias(kind, value, prose=True)) for kind, value, start, end in shapes_in(text)]
        if "…" in text:
            spans += [(start, end, self._now(alias)) for start, end, alias in self._mentions.cut_in(text)]
        for found in ALIAS.finditer(text):
            if self._is_ours(found[0]) and not given:  # a site's own text that looks like one of ours
                kind = next(kind for kind in KINDS if found[0].lower().startswith(f"{kind}-"))
                spans.append((*found.span(), self.alias(kind, found[0], literal=True)))
        return sorted(spans, key=lambda span: (span[0], -span[1]))

    def tree(self, value: Any, result: Any = None, dashboard: str = "") -> Any:
        """Return a JSON value with aliases in place of people, and of the keys of recorded objects.

        Args:
            value: a result as JSON data.
            result: the models it was made of: the names of their fields stay.
            dashboard: where links of ours begin, which stay as well.
        """
        root: list[Any] = [value]
        pending: list[tuple[Any, Any, str]] = [(root, [result], "")]
        while pending:
            holder, model, under = pending.pop()
            members = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
            fields = type(model).model_fields if isinstance(model, BaseModel) else {}
            if isinstance(holder, dict):
                holder.clear()
            for place, each in members:
                name = str(place) if isinstance(holder, dict) else under
                ours = place in fields
                shown = place if ours or not isinstance(holder, dict) else self._key(str(place), holder)
                holder[shown] = told = each if ours and self._stays(name, each, dashboard) else self._told(name, each)
                if isinstance(told, dict | list):
                    pending.append((told, _inner(model, place), name))
        return root[0]

    def _key(self, key: str, holder: Mapping[str, Any]) -> str:
        """Return what a recorded name is called in an object, a different one for each."""
        shown = self.text(key, exact=True)
        while shown in holder:
            shown = f"{shown} (again)"
        return shown

    def _stays(self, name: str, each: Any, dashboard: str) -> bool:
        """Tell whether the value of a field of ours stays: what names a thing as a whole, a link of ours."""
        if not isinstance(each, str):
            return False
        if name in _THINGS:
            return each in self._aliases and not any(True for _ in shapes_in(each))
        return "link" in name and bool(dashboard) and each.startswith(f"{dashboard}/") and bool(_LINK.match(each))

    def _told(self, name: str, each: Any) -> Any:
        if isinstance(each, str):
            return self.text(each, identifier=kind_of(name) is not None)
        if isinstance(each, dict | list):
            return each.copy()
        if isinstance(each, int) and not isinstance(each, bool) and kind_of(name) is not None:
            return self._aliases.get(str(each), each)
        return each

    def reveal(self, text: str) -> str:
        """Return a text with every alias there is translated back: alone, in prose, in a path, in JSON.

        Args:
            text: as a model passes it.

        Raises:
            ArgumentsError: an alias that is a real id as well.
        """
        if not ALIAS.search(text):
            return text
        if ALIAS.fullmatch(text.strip()):
            real = self._back(text.strip())
            return text if real == text.strip() else real
        encoded = text.startswith("/") or "://" in text
        return substituted(text, lambda alias: self._back(alias, encoded=encoded), self._shown)

    def _back(self, alias: str, *, encoded: bool = False) -> str:
        if alias.lower() in self._renamed:
            raise ArgumentsError(_TWO_MEANINGS.format(alias))
        if not self._is_ours(alias):
            return alias
        real = self._real[alias.lower()]
        return quote(real, safe="@:+,;=!$'()*~|") if encoded else real

    def unknown(self, text: str) -> bool:
        """Tell whether a text is of the form of an alias, but none that was given, nor anybody's id."""
        return bool(ALIAS.fullmatch(text)) and text.lower() not in self._real and text not in self._aliases

    def explained(self, text: str, sent: object, room: int = _ROOMY) -> str:
        """Return what a model reads with a line about aliases: those that it passed and nobody has, else what they are.

        Args:
            text: an answer or a refusal.
            sent: what the model passed, as it passed it.
            room: characters there are in all.
        """
        unknown = self._unknown(sent)
        known = any(one[0].lower() in self._real for one in ALIAS.finditer(text))
        line = _NO_ALIAS.format(", ".join(unknown[:3])) if unknown else LEGEND if known else ""
        if not line or len(text) + len(line) >= room:
            return text
        first, end, rest = text.partition("\n")  # the last line may be what to do next
        return f"{first}\n{line}{end}{rest}"

    def room(self, sent: object) -> int:
        """Return how many characters `explained` may add."""
        return 1 + max(len(LEGEND), len(_NO_ALIAS) + 60 if self._unknown(sent) else 0)

    def _unknown(self, sent: object) -> list[str]:
        return [text for text in _texts(sent) if self.unknown(text)]


def _texts(sent: object) -> Iterator[str]:
    pending = [sent]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, BaseModel):
            pending += vars(one).values()
        elif isinstance(one, dict | list | tuple):
            pending += one.values() if isinstance(one, dict) else one


def _inner(model: Any, place: Any) -> Any:
    """Return what a part of a result as JSON was made of, None where it is not known."""
    if isinstance(model, BaseModel):
        return getattr(model, place, None) if place in type(model).model_fields else None
    if isinstance(model, list | tuple):
        return model[place] if isinstance(place, int) and place < len(model) else None
    return model.get(place) if isinstance(model, dict) else None


def _folded(kind: Kind, value: str) -> str:
    if "@" in value:
        return value.lower()
    return f"+{re.sub(r'[^0-9]', '', value)}" if kind == "phone" and value.strip().startswith("+") else ""


_SHARED: dict[str, Pseudonyms] = {}
_LOCK = RLock()
