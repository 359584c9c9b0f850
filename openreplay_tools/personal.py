r"""What says something about a person: marks on result models, and the names that sites give such values.

A result model marks its own fields (`user_id: Annotated[str, Personal("user")]`); in what a site recorded freely, the
name beside a value tells (`"first_name": "Ann"`, `customerEmail=…`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind: TypeAlias = Literal["user", "email", "name", "phone", "ip"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Found: TypeAlias = "tuple[Kind, str]"

LONGEST = 256


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field of a result model as personal.

    Args:
        kind: what it is, which its aliases begin with.
    """

    kind: Kind


PersonId = Annotated[str, Personal("user")]
EmailAddress = Annotated[str, Personal("email")]
PersonName = Annotated[str, Personal("name")]
PhoneNumber = Annotated[str, Personal("phone")]

# Spelled without marks and in small letters: $user_id, userId and "user id" are all userid.
_BY_NAME: Final[tuple[tuple[Kind, str], ...]] = (
    ("email", (r"(?:.*email|mail|.*emailaddress|.*mailaddress)\Z")),
    ("phone", (r"(?:.*(?:phone|phonenumber|mobile|mobilenumber|mobileno|phoneno|telephone|telefon"
                         r"|telefonnummer|telefono)|tel|cell|fax|msisdn)\Z")),
    ("ip", (r"(?:ip|ipv4|ipv6|.*ipaddress|.*ipaddr|.*(?:client|remote|user|visitor|real)ip|remoteaddr"
                      r"|xforwardedfor)\Z")),
    ("user", (r".*(?:user|customer|member|person|patient|employee|subscriber|referen(?:ce|z)user)"
                        r"(?:id|identifier|login|handle|key)\Z|(?:.*username|uid|login|loginname|loginid|userlogin"
                        r"|referenceid)\Z")),
    ("name", (r"(?:.*(?:firstname|lastname|fullname|surname|givenname|familyname|middlename|maidenname"
                        r"|nickname|legalname|realname|vorname|nachname|prenom|apellido|cognome)|(?:.*(?:customer|client|contact|member|person"
                        r"|patient|employee|billing|shipping|recipient|cardholder|holder|author|sender|receiver|guest"
                        r"|passenger|owner)name)|cardholder|nameoncard|recipient|nom|prnom|assignee|contact)\Z")),
)  # fmt: skip
NOT_LETTERS = re.compile(r"[^a-z0-9]+")
# What stands where a value is missing or nobody in particular is meant.
NOBODY: Final = frozenset(
    "true false null none nil undefined nan unknown anonymous n/a na - – … [masked] string object test guest".split()
)
# Outcomes, ways to sign in and roles, which stand under such names too ("login": "success").
_ORDINARY: Final = frozenset(
    "success succeeded successful failure failed ok yes no error done pending active inactive on off enabled disabled "
    "new old email password google facebook apple github microsoft sso saml user users admin customer member".split()
)
# Words of browsers and servers: whoever is called so cannot be told from them, and is no less a stranger.
_THINGS: Final = frozenset(
    "chrome chromium safari firefox edge opera brave vivaldi samsung internet explorer mobile browser webview android "
    "ios ipados macos mac os x windows linux ubuntu debian fedora chromeos iphone ipad desktop tablet phone tv bot "
    "get post put patch delete head options trace connect http https graphql fetch xhr beacon websocket "
    "error crash click tap input page request issue custom location performance rage dead".split()
)
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,4}){1,3}\Z")
_ONE_PAGE = re.compile(r"/[a-z_-]{0,30}\Z")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind | None:
    """Return what kind of personal value stands under a name, None when the name does not tell."""
    if name == "$name":  # of OpenReplay's user records
        return "name"
    plain = NOT_LETTERS.sub("", name.lower())
    return next((kind for kind, pattern in _BY_NAME if re.match(pattern, plain)), None)


def is_thing(kind: Kind, value: str) -> bool:
    """Tell whether an id or a name is a word that things have: a browser, a method, a version, a page."""
    if kind not in {"user", "name"}:
        return False
    words = value.lower().split()
    return all(word in _THINGS for word in words) or bool(_VERSION.match(value) or _ONE_PAGE.match(value))


def is_personal(kind: Kind, value: str) -> bool:
    """Tell whether a value under a telling name is one: neither a placeholder nor of another form."""
    text = value.strip()
    if not text or len(text) > LONGEST or text.lower() in NOBODY or text.startswith(("[masked", "{", "[")):
        return False
    if kind == "email":
        return "@" in text or "%40" in text
    if kind == "phone":
        return len(_DIGIT.findall(text)) >= 5 and not _LETTER.search(text)
    if kind == "ip":
        return text.count(".") == 3 or text.count(":") >= 2
    if text.lower() in _ORDINARY or is_thing(kind, text):
        return False
    return bool(_LETTER.search(text)) if kind == "name" else text != "0"


def named(name: str, values: Iterable[Any]) -> Iterator[Found]:
    """Yield values that stand under a name, when the name makes them personal; for a model's own `persons`."""
    kind = kind_of(name)
    if kind is not None:
        yield from ((kind, value) for value in values if isinstance(value, str) and is_personal(kind, value))
