r"""Secrets in recorded text, masked before a model sees it: passwords, tokens, keys, card and account numbers.

A value is a secret because of the name it stands under (`token=…`, `"password": …`, `Authorization: …`) or because of
its own shape (a JWT, a card number). `RULES` lists both kinds in the order in which they are applied. Whatever a
visitor wrote, a text is read in linear time, and masking twice changes nothing more. Recorded JSON is often nested in
JSON or HTML, so a quotation mark may be `"`, `\"`, `\\\"`, `&#34;`, `\u0026#34;` or `%22`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeAlias

from openreplay_tools.secret_shapes import (
    CREDENTIAL,
    DIGITS_SIGN,
    DOOR_SIGN,
    KEY_SIGN,
    MASK,
    MASKED_CARD,
    OPAQUE,
    SHAPES,
    Rule,
    is_card,
    is_short_card,
)

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

_FLAGS: Final = re.ASCII | re.IGNORECASE
_CARD_NUMBERS: Final = range(10**12, 10**19)  # other numbers have too few or too many digits
_MASKED = re.compile(r"\[masked(?: [a-z]{2,7}){0,2}\](?!\w)", re.ASCII)

# --- What a name says ---


def _after(words: str, gap: str, name: str) -> str:
    """Return the pattern of a name behind one of these words, letters first, so that a search can skip others."""
    return f"{name}(?:" + "|".join(rf"(?<={word}{name})|(?<={word}{gap}{name})" for word in words.split()) + ")"


_CONFIRMED: Final = r"[_-]?(?:confirm(?:ation|ed)?|repeat(?:ed)?|again|check)"
_OWNERS: Final = "new old current user admin root db login smtp ftp mail"
_PASSWORDS: Final = (
    rf"(?:passwd|password|passwort|kennwort|pwd|contrase(?:ñ|n|%c3%b1|\\*u00f1)a|senha(?<!desenha)|[Пп]ароль"
    rf"|wachtwoord|passe(?:(?<=mot.de.passe)|(?<=motdepasse)))(?:{_CONFIRMED}|[_-]?(?:new|old|hash|salt|\d))?"
    rf"|pass{_CONFIRMED}|{_after(_OWNERS, '[_-]', 'pass')}"
)
_CODE_USES: Final = (
    "verification recovery access backup security activation authorization authentication auth time login sms mfa"
)
_SESSIONS: Final = r"jsessionid|phpsessid|connect\.sid|session(?:(?<=laravel_session)|(?<=ci_session))"
# A postcard or a scorecard has numbers too.
_CARDS: Final = (
    r"card(?<!postcard)(?<!scorecard)(?<!wildcard)(?<!flashcard)(?<!discard)[_-]?(?:number|num|no|code)"
    r"|cc[_-]?(?:number|num|no)"
)
# A name that ends so is secret whatever stands before: access_token, csrfToken, X-Amz-Security-Token, user[password].
_ENDINGS: Final = (
    rf"token|{_PASSWORDS}|passphrase|secret|seed[ _-]?phrase|mnemonic|{_SESSIONS}|{_CARDS}|passcode"
    rf"|{_after(_CODE_USES, '[_ -]', 'code')}"
    r"|(?:api|access|secret|private|signing|encryption|auth)[_-]?key|signature|amz-credential|authorization|cookies?"
    r"|social[_-]?security(?:[_-]?(?:number|no))?|saml[_-]?response|goog-credential|cv[vcn]2?|tax(?<!syntax)[_-]?id|card"
)
# These are secret as a word of their own: user_pin and smsOtp, not shipping or laptop.
_WORDS: Final = r"[cx]srf|sig|t?otp|pin|ssn|iban|jwt"
# These are secret in a query or fragment, some also elsewhere when the value looks like one: see `_is_secret`.
_QUERY_WORDS: Final = r"key|pass|sid|session(?:[_-]?id)?|code|state|auth"
# No name begins with another letter, which the search sees sooner than that no name fits.
_FIRST_LETTER: Final = "(?-i:(?=[acegijkmopstwxACEGIJKMOPSTWXпП]))"
# Pieces of which every name above contains one.
_NAME_SIGN = re.compile(
    "token|pass|pwd|secret|key|sig|credential|auth|cookie|sess|card|cc|cv|code|otp|pin|ssn|social|iban|jwt|sid|state"
    "|saml|srf|kennwort|contrase|senha|пароль|wachtwoord|phrase|mnemonic|tax"
)
_NAME: Final = rf"(?:(?P<ending>{_ENDINGS})|(?P<word>{_WORDS})|(?P<query>{_QUERY_WORDS}))"

_NAME_AT_END = re.compile(rf"{_NAME}\]*\Z", _FLAGS)
_WORD_BEFORE = re.compile(r"(?:^|[^a-z0-9]|%(?:25)?(?:3f|26|23|5b|22)|u0026|u003f|\\[nrt])\Z", _FLAGS)
_QUERY_BEFORE = re.compile(r"(?:[?&#;]|%(?:25)?(?:3f|26|23)|u0026|u003f)\Z", _FLAGS)
_LONGEST_BEFORE: Final = 5
_LABEL_BEFORE = re.compile(r"\[masked (?:private )?\Z")  # `[masked jwt]=…`: our own words are no name
_LONGEST_LABEL: Final = len("[masked private ")

_ORDINARY = re.compile(r"(?:true|false|null|none|nil|undefined|nan|\{|\[|\$\{.*|=.*)?\Z", _FLAGS | re.DOTALL)
_OPENREPLAY_SESSION = re.compile(r"\d{17,20}\Z", re.ASCII)
_STATUS_CODE = re.compile(r"\d{1,5}\Z|[A-Z][A-Z_]+\Z", re.ASCII)
_OUTCOME = re.compile(r"\d{1,3}\Z|(?:yes|no|ok|pass(?:ed)?|fail(?:ed)?|skip(?:ped)?)\Z", _FLAGS)


def _may_be_secret(name: re.Match[str]) -> bool:
    """Tell whether the name is a secret's, as far as what stands before it tells."""
    text, start = name.string, name.start()
    before = text[max(0, start - _LONGEST_BEFORE) : start]
    if _LABEL_BEFORE.search(text[max(0, start - _LONGEST_LABEL) : start]):
        return False
    if name["ending"] or _WORD_BEFORE.search(before):
        return not name["query"] or not before or before[-1] not in "_-."
    return bool(name["word"]) and text[start].isupper() and text[start - 1].islower()


def _is_secret(name: re.Match[str], value: str, place: str = "") -> bool:
    """Tell whether what stands under a secret's name is a secret.

    Args:
        name: as found by `_NAME`.
        value: or its beginning.
        place: "query", "callback" (a query that also holds a state), "quoted", "assigned", or "" for any other.
    """
    if _ORDINARY.match(value):
        return False
    if not name["query"]:
        return (name["ending"] or "").lower() != "card" or is_short_card(value)
    word, in_query, opaque = name["query"].lower(), place in {"query", "callback"}, bool(OPAQUE.match(value))
    if word in {"code", "state", "auth"}:
        exchanged = word == "code" and place == "callback" and not _STATUS_CODE.match(value)
        return in_query and (opaque or exchanged)
    if word == "pass":
        return opaque or ((in_query or place == "quoted") and not _OUTCOME.match(value))
    # A session's number alone opens nothing.
    named = word.endswith("id") and word != "sid" and place == "assigned" and not value.isdigit()
    elsewhere = named or (opaque and word not in {"sid", "session"})
    return (in_query or elsewhere) and not _OPENREPLAY_SESSION.match(value)


# --- Values under a name ---

_QUOTE: Final = r"\\*+(?:[\"']|&#34;|&#39;|&quot;|%22|(?<=\\)u0026#34;|(?<=\\)u0022)"
_FIELD = re.compile(
    # token=  "token":  \"token\":  token%3D  user[token]=  "name":"token","value":  name="token" value=
    rf"{_FIRST_LETTER}{_NAME}(?:\]|%5d){{0,3}}(?P<mark>{_QUOTE})?(?(mark)(?:[\s,]{{1,8}}(?:{_QUOTE})?value(?:{_QUOTE})?)?|(?P<attribute>\s{{1,8}}value(?==))?)"
    r"(?P<sign>\s{0,8}(?:=>|[:=]|%(?:25)?3[ad])\s{0,8})",
    _FLAGS,
)
_OPENING = re.compile(r"(\\*+)([\"']|&#34;|&#39;|&quot;|%22|(?<=\\)u0026#34;|(?<=\\)u0022)", _FLAGS)
_PARAMETER_SIGNS: Final = frozenset({"=", "%3d", "%253d"})
_NAMED = re.compile(r"(?:name|type|id|key)=[\w.\[-]{0,60}\Z", _FLAGS)
_LONGEST_NAMED: Final = 65
# `#token:nth-child(2)` and `label.password:hover` are places in a page.
_COUNTED = re.compile(r"nth-(?:last-)?(?:child|of-type)\(|(?:first|last|only)-(?:child|of-type)(?!\w)", re.ASCII)
_PSEUDO_CLASS = re.compile(
    r":?(?:(?:not|is|where|has)\(|(?:before|after|hover|focus|active|visited|checked|disabled|enabled)\d*(?![\w-]))",
    re.ASCII,
)
_SELECTOR = re.compile(r"[.#][a-z_-]{0,30}\Z", _FLAGS)
_BODY_BEFORE: Final = frozenset(' \t\r\n"')
_STATE = re.compile(r"(?:^|[?&#;\s\"]|%(?:25)?(?:3f|26|23)|u0026|u003f)state(?:=|%(?:25)?3d)", _FLAGS)
_BLOCK = re.compile(r"(?!\[masked)(?:\[[^\[\]]*+\]|\{[^{}]*+\})")
_PARAMETER = re.compile(r"[^\s&#\"<>\\]*+")
# Groups are repeated without a possessive mark: before 3.11.5 Python loses characters there.
_ENCODED_PARAMETER = re.compile(r"(?:[^\s&#\"<>\\%]|%(?!(?:25){0,3}(?:26|23|22)))*")
_SCALAR = re.compile(r"[^\s,;}\]&\"'\\<>]*+")
_PHRASE = re.compile(r"(?:[a-z]{3,10}[ ,]{1,2}){11,23}[a-z]{3,10}", re.ASCII)
_CHECK_CODE = re.compile(r"\d{3,4}(?!\w)", re.ASCII)
_COOKIES = re.compile(r"[^\s=;,\"\\]{1,100}=[^\r\n\"\\]*+")
_AUTHORIZATION = re.compile(
    r"(?:digest|aws4-hmac-sha256) [^\r\n\"\\]*+"
    r"|(?:(?:bearer|basic|token|apikey|negotiate|ntlm|hawk) +)?[^\s,;&#\"'\\<>]*+",
    _FLAGS,
)
_FIRST_LOOK: Final = 100  # characters of a value that tell whether it is secret, where the name alone does not


def _mask_fields(text: str) -> str:
    """Mask what stands under a secret name: parameters, form and JSON fields, headers."""
    kept: list[str] = []
    done = position = 0
    query = "callback" if "state" in text and _STATE.search(text) else "query"
    while field := _FIELD.search(text, position):
        position = field.end()
        if not _may_be_secret(field) or _is_place_in_page(text, field):
            continue
        doubtful = field["query"] or field["ending"] in {"card", "Card", "CARD"}
        start, end = _value(text, field, position + _FIRST_LOOK if doubtful else len(text))
        if start == end or not _is_secret(field, text[start:end], _place(text, field, start, end, query)):
            continue
        start, end = _value(text, field, len(text))
        if not _MASKED.fullmatch(text, start, end):
            # A number or a list becomes a string, in the quotation marks of its name.
            marks = field["mark"] if field["mark"] and not _OPENING.match(text, field.end()) else ""
            kept += (text[done:start], marks, MASK, marks)
            done = end
        position = end
    return "".join(kept) + text[done:] if kept else text


def _is_place_in_page(text: str, field: re.Match[str]) -> bool:
    """Tell whether this is a piece of a CSS selector, or a `value=` that belongs to no name before it."""
    start = field.start()
    if field["attribute"]:
        return not _NAMED.search(text[max(0, start - _LONGEST_NAMED) : start])
    if field["sign"] != ":" or field["mark"]:
        return False
    if _COUNTED.match(text, field.end()):
        return True
    return bool(
        _PSEUDO_CLASS.match(text, field.end()) and _SELECTOR.search(text[max(0, start - _LONGEST_NAMED) : start])
    )


def _place(text: str, field: re.Match[str], start: int, end: int, query: str) -> str:
    """Where a value stands, in the words of `_is_secret`; `query` is what a query of this text is called."""
    assigned = field["sign"].lower() in _PARAMETER_SIGNS
    before = text[max(0, field.start() - _LONGEST_BEFORE) : field.start()]
    if assigned and _QUERY_BEFORE.search(before):
        return query
    # The first field of a form's body, which has no mark before it.
    if field["sign"] == "=" and text[end : end + 1] == "&" and (not before or before[-1] in _BODY_BEFORE):
        return query
    return "quoted" if start > field.end() else "assigned" if assigned else ""


def _value(text: str, field: re.Match[str], limit: int) -> tuple[int, int]:
    """Where the value of a field stands; an empty place when it is not one that may be masked."""
    start, sign, name = field.end(), field["sign"].lower(), (field["ending"] or "").lower()
    if opening := _OPENING.match(text, start):
        return opening.end(), _closing(text, opening, limit)
    if found := _MASKED.match(text, start):
        return start, found.end()
    if name == "authorization":
        found = _AUTHORIZATION.match(text, start, limit)
    elif sign in _PARAMETER_SIGNS:
        found = (_PARAMETER if sign == "=" else _ENCODED_PARAMETER).match(text, start, limit)
    elif field["mark"]:
        found = _BLOCK.match(text, start, limit) or _SCALAR.match(text, start, limit)
    elif name.startswith("cookie"):
        found = _COOKIES.match(text, start, limit)
    else:
        found = _SCALAR.match(text, start, limit)
        # Prose has such colons too: "Invalid token: expired".
        if found and not CREDENTIAL.match(found[0]) and not (name[:2] == "cv" and _CHECK_CODE.match(found[0])):
            found = _PHRASE.match(text, start, limit) if name.startswith(("seed", "mnem")) else None
    return start, found.end() if found else start


def _closing(text: str, opening: re.Match[str], limit: int) -> int:
    """Where a quoted value ends: before the quotation mark of the same or an outer level, or with a text cut short."""
    slashes, mark = len(opening[1]), opening[2].lower()
    for found in _CLOSINGS[mark].finditer(text, opening.end(), limit):
        more = len(found[1]) - slashes
        if more <= 0:
            return found.start()
        # At nesting level n a mark carries 2**n - 1 backslashes, and a backslash before it 2**(n + 1) more.
        if more % (2 * (slashes + 1)) == 0:
            return found.start() + more
    return max(opening.end(), min(limit, len(text)))


_CLOSINGS: Final = {
    mark: re.compile(rf"(?<!\\)(\\*+){re.escape(mark)}", _FLAGS)
    for mark in ('"', "'", "&#34;", "&#39;", "&quot;", "%22", "u0026#34;", "u0022")
}

RULES: Final = (
    Rule(
        "values under a secret name",
        "parameters, form fields, JSON, headers and cookies, however deep they are nested in each other",
        '/pay?token=abc&step=2 {"password": "hunter2"}',
        f'/pay?token={MASK}&step=2 {{"password": "{MASK}"}}',
        _NAME_SIGN,
        _mask_fields,
    ),
    *SHAPES,
)

# Looked for before any rule is applied, for every recorded string passes here and most hold nothing. Each alternative
# begins with a plain character, so that the search skips all others quickly; those of the services' keys with a mark
# inside, for few texts have that. A colon after two digits belongs to a time: no secret's name ends so.
_TRIGGER = re.compile(
    rf"=|%|:(?<!\d\d:)|bearer|basic|eyj|-----begin|hooks\.slack|webhook|{DOOR_SIGN}|{KEY_SIGN}|{DIGITS_SIGN}", re.ASCII
)
_ACCOUNT = re.compile(r"[A-Z]{2}\d\d ?[A-Z0-9]", re.ASCII)


def mask(text: str) -> str:
    """Mask the secrets in a recorded text, keeping their names; any other text is returned as it is."""
    lowered = text.lower()
    if not _TRIGGER.search(lowered) and not _ACCOUNT.search(text):
        return text
    for rule in RULES:
        if rule.sign.search(lowered):
            text = rule.apply(text)
    return text


def mask_tree(value: JSON) -> JSON:
    """Mask every string of a JSON value, and as a whole what stands under a secret name, however deep it is."""
    root: list[JSON] = [value]
    pending: list[Any] = [root]
    masked: dict[str, str] = {}  # rows repeat their values
    while pending:
        holder = pending.pop()
        named = isinstance(holder, dict)
        telling = _telling_names(tuple(holder)) if named else ()
        members: Any = holder.items() if named else enumerate(holder)
        for place, each in members:
            if not each and each != 0:
                continue  # there is nothing in it
            if place in telling and _is_secret_item(holder, place, each):
                holder[place] = MASK
            elif isinstance(each, str):
                if each not in masked:
                    masked[each] = mask(each)
                holder[place] = masked[each]
            elif isinstance(each, dict | list):
                holder[place] = copy = each.copy()
                pending.append(copy)
            elif isinstance(each, int) and each in _CARD_NUMBERS and is_card(str(each)):
                holder[place] = MASKED_CARD
    return root[0]


@lru_cache(maxsize=2048)
def _telling_names(names: tuple[str, ...]) -> frozenset[str]:
    """Return those of an object's names that may make their value secret; rows repeat their names."""
    return frozenset(name for name in names if name == "value" or _secret_name(name))


@lru_cache(maxsize=2048)
def _secret_name(name: str) -> re.Match[str] | None:
    """Return how a name is a secret's, None when it is not; rows repeat their names."""
    found = _NAME_AT_END.search(name)
    return found if found and _may_be_secret(found) else None


def _is_secret_item(item: dict[str, JSON], name: str, value: JSON) -> bool:
    """Tell whether a member is secret by its own name, or by the name beside it: `{"name": "token", "value": …}`."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    if name == "value":
        beside = (item.get(key) for key in ("name", "key", "field", "label"))
        names = [each for each in beside if isinstance(each, str)]
    else:
        names = [name]
    shown = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else "…"
    place = "quoted" if isinstance(value, str) else ""
    return any((found := _secret_name(each)) and _is_secret(found, shown, place) for each in names)
