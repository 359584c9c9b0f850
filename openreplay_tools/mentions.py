"""Known people in prose: the forms in which a value may be written, and where they stand in a text."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, quote_plus

from openreplay_tools.openreplay.signatures import message_template
from openreplay_tools.shapes import cut_emails_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.personal import Kind

SOMEBODY: Final = "<user>"  # what is left of an id in a message's template

_WORD = re.compile(r"%[0-9A-Fa-f]{2}|\\[nrt](?=\w)|\\u[0-9A-Fa-f]{4}|\w+")
_FIRST_WORD = re.compile(r"\w+")
_FREE_BEFORE = re.compile(r"(?:\A|\W|%[0-9A-Fa-f]{2}|\\[nrt]|u00[0-9A-Fa-f]{2})\Z")
_DELIMITED_BEFORE = re.compile(r"(?:\A|[\"'=>(\[{]|&#34;|&quot;|%22|%3D|: ?|, ?|· )\Z", re.IGNORECASE)
_DELIMITED_AFTER = re.compile(r"\Z|[\"'&<>)\]},;]|\\|%22|%26| ·", re.IGNORECASE)
_NUMBER_BEFORE = re.compile(
    r"(?:[/#|]|%2F|\b(?:id|uid|user|users|kunde|customer|account|member|visitor|client) ?[:#=]?[ ]?)\Z", re.IGNORECASE
)
_NUMBER_AFTER = re.compile(r"(?![\w%]|[.,]\d)|%(?:2F|26|3F|22)", re.IGNORECASE)
# An address goes on with a further label, but not with the ending of a file that is called after it.
_ADDRESS_AFTER = re.compile(r"(?!\.(?:mp4|ts|web[pm]|jpg|jsonl?|ndjson)(?:\.gz)?(?![\w-]|\.\w))[.-]?\w", re.IGNORECASE)
_CUT = re.compile("…")
_LEAST_BEGUN, _LONGEST_BEGUN, _MOST_CUT = 4, 120, 5_000
_LOOK_BACK = 16
SHORT_NUMBER = re.compile(r"\d{1,4}\Z")
# Words that name people and things alike: replaced where they stand alone, not in prose.
_ORDINARY: Final = frozenset(
    "user users admin administrator guest test tester demo customer customers client member visitor support sales info "
    "account name email mail phone login root owner team office default sample example page home checkout cart order "
    "mister miss madam none null true false click error request session event price mark grant will power rose art max "
    "may april june august summer autumn winter sky star sun moon river rain snow dawn hope faith grace joy bill "
    "rich frank ray dale drew chase chance hunter mason cooper carter baker cook fisher taylor "
    "king queen prince bishop knight abbot pope church temple hall field fields wood woods forest stone brook "
    "brown black white green gray grey gold silver short long small little strong young old new best good love light "
    "day market store shop product products item items list search filter menu link button form input label "
    "total rows count value values amount payment delivery address street city country language settings profile help "
    "contact about back next save send open close cancel delete edit view add remove start stop play print share sign "
    "lane drive way case cross ford park mint ruby pearl amber olive ivy violet lily daisy iris jade sage reed cliff "
    "glen heath marsh banks rivers waters wells hill ham bean berry rice salt pepper ginger basil crystal sterling "
    "major general earl duke noble sage wise sharp swift bond cash marc penny dollar franc euro paris london".split()
)
_TO_ASCII: Final = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe"}
)
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_PLACEHOLDER = re.compile(r"<\w+>")
_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST_LETTERS, _MOST_NAMES = 4, 4


@dataclass(frozen=True, slots=True)
class _Known:
    """A form in which a value may stand in prose.

    Args:
        exact: the form, None where its case does not matter.
        delimited: only between marks or commas, for it is short or an ordinary word.
        number: only between marks, in a path or after a word such as user.
    """

    alias: str
    exact: str | None
    delimited: bool
    address: bool
    number: bool


# First word -> characters before it and length of the whole -> the forms in small letters.
_Places: TypeAlias = "dict[tuple[int, int], dict[str, _Known]]"
_NOTHING: Final[_Places] = {}


class Mentions:
    """The forms of known values, to be found in any text in linear time."""

    def __init__(self) -> None:
        self._index: dict[str, _Places] = {}
        self._sorted: list[tuple[str, str]] = []  # forms and their aliases, for those that were cut

    def learn(self, form: str, alias: str) -> None:
        """Let a form be found in prose; of two values that are written alike the first one stays.

        Args:
            form: as it may be written.
            alias: what to say instead.
        """
        first = _FIRST_WORD.search(form)
        if first is None or SHORT_NUMBER.match(form):
            return
        number = form.isdigit()
        distinctive = (len(form) > 3 or not form.isalpha()) and form.lower() not in _ORDINARY and not number
        exact = form if form.isalpha() else None
        known = _Known(alias, exact, not distinctive, "@" in form, number)
        word, place = first[0].lower(), (first.start(), len(form))
        places = self._index.get(word, _NOTHING)
        if place not in places:  # other threads may be going through it
            self._index[word] = places = {**places, place: {}}
        places[place].setdefault(form.lower(), known)
        if distinctive and len(form) > _LEAST_BEGUN and alias != SOMEBODY:
            insort(self._sorted, (form.lower(), alias))

    def known_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where known values stand."""
        for word in _WORD.finditer(text):
            for (lead, length), forms in self._index.get(word[0].lower(), _NOTHING).items():
                start = word.start() - lead
                known = forms.get(text[start : start + length].lower()) if start >= 0 else None
                if known and _stands(known, text, start, start + length):
                    yield start, start + length, known.alias

    def cut_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where only the beginning of a value is left, before a …."""
        done = 0
        for end in (found.start() for found in islice(_CUT.finditer(text), _MOST_CUT)):
            for word in _WORD.finditer(text, max(done, end - _LONGEST_BEGUN), end):
                begun = text[word.start() : end].lower()
                if len(begun) < _LEAST_BEGUN:
                    break
                place = bisect_left(self._sorted, (begun,))
                if place < len(self._sorted) and self._sorted[place][0].startswith(begun):
                    yield word.start(), end, self._sorted[place][1]
                    break
            done = end + 1
        yield from ((start, end, "email") for start, end in cut_emails_in(text))  # of nobody that is known


def _stands(known: _Known, text: str, start: int, end: int) -> bool:
    """Tell whether a form found in a text is the value, not a part of another word."""
    if known.exact is not None and text[start:end] not in {known.exact, known.exact.upper()}:
        return False
    before = text[max(0, start - _LOOK_BACK) : start]
    if known.number and _NUMBER_BEFORE.search(before) and _NUMBER_AFTER.match(text, end):
        return True
    if known.delimited:
        return bool(_DELIMITED_BEFORE.search(before) and _DELIMITED_AFTER.match(text, end))
    if known.address and (_ADDRESS_AFTER.match(text, end) or before.endswith((".", "+", "-"))):
        return False
    return bool(_FREE_BEFORE.search(before)) and not text[end : end + 1].replace("_", "a").isalnum()


def forms_of(value: str) -> list[str]:
    """Return a value as it may stand in addresses, pages and JSON."""
    encoded = quote(value, safe="")
    forms = [value, encoded, quote_plus(value), html.escape(value), json.dumps(value)[1:-1]]
    if "@" in value:
        forms.append(encoded.replace(".", "%2E"))
    return list(dict.fromkeys(forms))


def other_forms(kind: Kind, value: str) -> Iterator[tuple[str, bool]]:
    """Yield how else somebody may be written, each with whether it stands for nobody in particular.

    Args:
        kind: what it is.
        value: an id or a name.
    """
    words = value.split()
    if kind == "name" and 1 < len(words) <= _MOST_NAMES:
        first, last = words[0], words[-1]
        for each in (f"{last} {first}", f"{last}, {first}", f"{first[0]}. {last}"):
            yield each, False
        for plain in dict.fromkeys((" ".join(words), _ascii(value), _ascii(value.translate(_GERMAN)))):
            for joint in " -_.+":
                yield plain.replace(" ", joint), False
    elif kind == "user":
        template = message_template(value)
        told = _LETTERS.findall(_PLACEHOLDER.sub(" ", template)) if template != value else []
        if sum(map(len, told)) >= _LEAST_LETTERS and any(word.lower() not in _ORDINARY for word in told):
            yield template, True


def _ascii(text: str) -> str:
    told = unicodedata.normalize("NFKD", text.translate(_TO_ASCII)).encode("ascii", "ignore").decode()
    return " ".join(told.split()) if len(told) >= len(text) else text
