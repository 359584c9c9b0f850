"""Which paths of the server's APIs a caller may write down, where they lead, and what they change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

if TYPE_CHECKING:
    from openreplay_tools.doors import Door, Service

_FORMS = (
    "Paths begin with /v2/api/<project id>/, /v2/api/public/, /api/<project id>/, /api/projects, /api/pa/<project id>/ "
    "or /api/v1/."
)

# What stands for one part of a path: `*` is any, `#` a number.
_PLACES: tuple[tuple[str, Service, Door, int], ...] = (
    ("v2/api/public/*", "v2", "v2", 2),
    ("v2/api/#/*", "dashboard", "login", 2),
    ("v2/public/*", "v2", "v2", 1),  # the cloud's own form (contract §1.1)
    ("v2/#/*", "dashboard", "login", 1),
    ("api/v1/projects", "v1", "v1", 1),
    ("api/v1/*/*", "v1", "v1", 1),
    ("api/projects", "legacy", "login", 1),
    ("api/pa/#/*", "legacy", "login", 1),
    ("api/#/*", "legacy", "login", 1),
)

# POSTs that only search (contract §2, §3.9, §4.4 to §4.9).
_SEARCHES: dict[Service, tuple[str, ...]] = {
    "v2": (
        "public/*/users",
        "public/*/users/*/sessions",
        "public/*/sessions/*/events",
        "public/*/assist/sessions",
    ),
    "v1": ("v1/*/assist/sessions",),
    "dashboard": (
        "#/sessions/search",
        "#/sessions/search/ids",
        "#/events",
        "#/users",
        "#/users/*/activity",
        "#/cards/try",
        "#/cards/#/chart",
        "#/sessions/*/clickmaps",
        "#/notes",
        "#/assist/sessions",
    ),
    "legacy": ("#/assist/sessions", "#/sessions/search"),
}

# GETs that change something (contract §4.6).
_TOGGLES: dict[Service, tuple[str, ...]] = {"dashboard": ("#/sessions/*/favorite",)}

# Of the Python service's GETs only these are known to change nothing (contract §4.2, §4.3, §4.5, §4.7).
_READS: dict[Service, tuple[str, ...]] = {
    "legacy": (
        "projects",
        "projects/*",
        "#/metadata",
        "pa/#/filters",
        "pa/#/properties/search",
        "pa/#/properties/autocomplete",
        "pa/#/events/autocomplete",
        "pa/#/events/names",
        "pa/#/lexicon/events",
        "pa/#/lexicon/properties",
        "#/errors/*",
        "#/sessions/*/errors/*/sourcemaps",
        "#/assist/sessions",
    ),
}

# What may be deleted here: no recordings, no people, no projects.
_DELETABLE: dict[Service, tuple[str, ...]] = {
    "v2": ("public/*/jobs/#",),
    "v1": ("v1/*/jobs/#",),
    "dashboard": (
        "#/notes/#",
        "#/sessions/search/saved/*",
        "#/tags/#",
        "#/cards/#",
    ),
}

# Where the server escapes HTML in its answer (observed §D).
_ESCAPED: dict[Service, tuple[str, ...]] = {
    "v2": ("public/*/users", "public/*/users/*", "public/*/sessions/*/events"),
    "dashboard": ("#/users", "#/users/*", "#/users/*/activity", "#/events", "#/events/*"),
}

# Parts of paths that return or change credentials, sign people in or out, or belong to another product.
_CLOSED = frozenset({
    "account", "api-key", "api_key", "apikey", "client", "credentials", "integration", "integrations", "login",
    "logout", "mcp", "members", "new_api_key", "notifications", "oauth", "password", "refresh", "reset-password",
    "roles", "saml", "scim", "signup", "spot", "sso", "token", "tokens", "webhook", "webhooks",
})  # fmt: skip
_NAMING = frozenset({"users", "sessions", "events", "errors"})  # what follows is an id that strangers chose

_ODD = re.compile(r"[\x00-\x1f\x7f\\\u2028\u2029]")
_ENCODED_AGAIN = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)
_BROKEN_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Args:
        parts: below the service's base, decoded.
        via: the service that answers.
        door: whose credential it wants.
    """

    parts: tuple[str, ...]
    via: Service
    door: Door

    @property
    def escaped(self) -> bool:
        """Whether the server escapes HTML in its answer."""
        return self._among(_ESCAPED)

    @property
    def marks_viewed(self) -> bool:
        """Whether reading marks a session as viewed (contract §4.5)."""
        return self.via in {"dashboard", "legacy"} and _fits(self.parts, "#/sessions/*/replay")

    @property
    def project_key(self) -> str:
        """The project key in a path of API v2, "" when there is none."""
        if self.via != "v2" or len(self.parts) < 3:
            return ""
        return self.parts[2] if self.parts[1] == "projects" else self.parts[1]

    def check_open(self, path: str) -> None:
        """Refuse what has to do with credentials.

        Args:
            path: as it was given.

        Raises:
            ArgumentsError: it has.
        """
        for before, part in zip(("", *self.parts), self.parts, strict=False):
            names = before in _NAMING and self.via != "legacy"
            if not names and part.casefold() in _CLOSED:
                raise _refused(path, "Sign-in, accounts, keys, integrations and Spot are out of reach of tools.")

    def check_reads(self, method: str) -> None:
        """Refuse what may change something.

        Raises:
            ArgumentsError: it does, or it is not known not to.
        """
        if self._only_reads(method):
            return
        if method == "GET":
            known = f" Those known not to: {_spelled(_READS[self.via])}." if self.via in _READS else ""
            raise ArgumentsError(f"path: a GET of this path may change something.{known} {_WRITES}")
        known = _spelled(_SEARCHES[self.via])
        raise ArgumentsError(
            f"method: a POST to this path may change something. POSTs that only search: {known}. {_WRITES}"
        )

    def check_changes(self, method: str) -> None:
        """Refuse what only reads, and deletions that cannot be undone.

        Raises:
            ArgumentsError: it is for another tool.
        """
        if self._only_reads(method):
            raise ArgumentsError("method: this only reads; use openreplay_request.")
        if method == "DELETE" and not self._among(_DELETABLE):
            raise ArgumentsError(
                "method: DELETE is for notes, saved searches, tags, cards and jobs only. A user's recordings go with "
                "openreplay_delete_user, everything else in the dashboard."
            )

    def _only_reads(self, method: str) -> bool:
        if method == "GET":
            return self._among(_READS) if self.via in _READS else not self._among(_TOGGLES)
        return method == "POST" and self._among(_SEARCHES)

    def _among(self, patterns: dict[Service, tuple[str, ...]]) -> bool:
        return any(_fits(self.parts, pattern) for pattern in patterns.get(self.via, ()))


_WRITES = "openreplay_send sends it, where a toolkit allows writes."


def _spelled(patterns: tuple[str, ...]) -> str:
    return ", ".join(pattern.replace("*", "…").replace("#", "<id>") for pattern in patterns)


def read_path(path: str) -> Place:
    """Understand the path of an API.

    Args:
        path: percent-encoded where a part holds odd characters.

    Raises:
        ArgumentsError: it could lead to another host or endpoint, is no API's, or has to do with credentials.
    """
    text = path.strip()
    if "://" in text or "//" in text or _ODD.search(text):
        raise _refused(path, "Write the path only, without host, double slashes, backslashes or control characters.")
    if "?" in text or "#" in text:
        raise _refused(
            path, 'What follows ? belongs into query, as ["name=value"]; write a ? or # in an id as %3F, %23.'
        )
    parts = tuple(_part(each, path) for each in text.removeprefix("/").split("/"))
    for pattern, via, door, base in _PLACES:
        if _fits(parts[: pattern.count("/") + 1], pattern):
            place = Place(parts[base:], via, door)
            place.check_open(path)
            return place
    raise _refused(path, _FORMS)


def read_query(given: list[str]) -> dict[str, str]:
    """Return query parameters by name.

    Args:
        given: "name=value", not encoded.

    Raises:
        ArgumentsError: one is malformed, or a name comes twice.
    """
    query: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise ArgumentsError("query: ", Given(each), ' is not of the form "name=value".')
        if name in query:
            raise ArgumentsError("query: ", Given(name), " is given twice.")
        query[name] = value
    return query


def _part(text: str, path: str) -> str:
    """Return one part decoded; refused when a server or its proxy might take it for more than one."""
    try:
        part = unquote(text, errors="strict")
    except UnicodeDecodeError:
        part = ""
    plain = part and not _BROKEN_PERCENT.search(text) and not _ENCODED_AGAIN.search(part)
    if not plain or part in {".", ".."} or "/" in part or _ODD.search(part):
        raise _refused(path, "No part of it may be empty, . or .., or hide a slash, dot or control character.")
    return part


def _fits(parts: tuple[str, ...], pattern: str) -> bool:
    wanted = pattern.split("/")
    return len(parts) == len(wanted) and all(
        want == "*" or (part.isascii() and part.isdigit() if want == "#" else part == want)
        for part, want in zip(parts, wanted, strict=True)
    )


def _refused(path: str, why: str) -> ArgumentsError:
    return ArgumentsError("path: ", Given(path), f" is refused. {why}")
