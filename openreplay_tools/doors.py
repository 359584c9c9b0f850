"""The ways into a server: which of them the credentials at hand open, and why the others stay closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.errors import OpenReplayToolsError

Credential = Literal["key", "login", "logrocket", "notte"]
Door = Literal["v2", "v1", "login", "logrocket", "notte"]
Service = Literal["v2", "v1", "dashboard", "legacy", "open", "logrocket", "notte", "storage"]
"""Who answers and with which credential: API v2 and v1 with the key; the dashboard's Go and Python services with the
login's token; `open` is the Python service without any. The sibling vendors have a key each; `storage` is whoever keeps
the files behind their pre-signed addresses, and is shown no credential at all."""

OPENED_BY: Mapping[Door, Credential] = {
    "v2": "key",
    "v1": "key",
    "login": "login",
    "logrocket": "logrocket",
    "notte": "notte",
}
MEANS: Mapping[Credential, str] = {
    "key": "an organization key (OPENREPLAY_API_KEY)",
    "login": "a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)",
    "logrocket": "a LogRocket key (LOGROCKET_API_KEY)",
    "notte": "a Notte key (NOTTE_API_KEY)",
}
OPENREPLAY: frozenset[Credential] = frozenset({"key", "login"})
"""The credentials of an OpenReplay server; the others are its siblings'."""


@dataclass(frozen=True, slots=True)
class AppRef:
    """An application at LogRocket, and where its dashboard is; "" where links to it cannot be known."""

    org: str = ""
    app: str = ""
    dashboard: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What is known of an address and its credentials. Nothing is known to be closed until it has been tried.

    Args:
        credentials: what was given.
        closed: doors that cannot be used, each with the reason.
        edition: "foss", "ee", or "" while unknown.
        permissions: what the login's role may do; None where the server does not tell (its open-source edition
            refuses nothing).
        downloads: whether a directory was named in which files may be written.
    """

    credentials: frozenset[Credential] = frozenset()
    closed: Mapping[Door, OpenReplayToolsError] = field(default_factory=dict)
    edition: str = ""
    permissions: frozenset[str] | None = None
    downloads: bool = False

    def has(self, door: Door) -> bool:
        """Tell whether the credential for a door is there and the door is not known to be closed."""
        return OPENED_BY[door] in self.credentials and door not in self.closed

    def without(self, door: Door, reason: OpenReplayToolsError) -> Access:
        """Return the same with one more door closed."""
        return replace(self, closed={**self.closed, door: reason})

    def refused(self, door: Door, reason: OpenReplayToolsError) -> Access:
        """Return the same without any door that the credential for this one would open."""
        same = [other for other, opener in OPENED_BY.items() if opener == OPENED_BY[door] and other not in self.closed]
        return replace(self, closed={**self.closed, **dict.fromkeys(same, reason)})
