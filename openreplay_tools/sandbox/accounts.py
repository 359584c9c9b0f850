"""Who may sign in to the sandbox's dashboard, and which of their tokens are still good (contract §4.1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

PERMISSIONS = (
    "SESSION_REPLAY",
    "SESSION_EXPORT",
    "DEV_TOOLS",
    "METRICS",
    "ASSIST_LIVE",
    "ASSIST_CALL",
    "SPOT",
    "SPOT_PUBLIC",
    "DATA_MANAGEMENT",
)
PASSWORD = "sandbox-password"  # noqa: S105  a fixed text, so that examples can name it
TENANT = 1
_TOKEN_SECONDS = 86400
_REFRESH_SECONDS = 7 * 86400
_LEEWAY_SECONDS = 300
_ISSUER = "OpenReplay-sandbox"
_FRONT, _SPOT, _REFRESH = "front:OpenReplay", "spot:OpenReplay", "refresh:OpenReplay"
_SIGNING_KEY = b"sandbox-signing-key"


@dataclass(frozen=True)
class Person:
    """Somebody with an account; what the role allows counts on the Enterprise edition only."""

    user_id: int
    email: str
    name: str
    role: str
    permissions: tuple[str, ...]


OWNER = Person(1, "demo@openreplay.example.com", "Demo", "owner", PERMISSIONS)
MEMBER = Person(2, "member@openreplay.example.com", "Member", "member", ("SESSION_REPLAY", "ASSIST_LIVE"))
PEOPLE = {person.user_id: person for person in (OWNER, MEMBER)}


@dataclass(frozen=True)
class Tokens:
    """What a login or a refresh gives, and how many seconds its refresh cookies live."""

    jwt: str
    spot_jwt: str
    refresh: str
    spot_refresh: str
    refresh_seconds: int


class InvalidTokenError(Exception):
    """The dashboard's token is not, or no longer, good."""


class InvalidRefreshError(Exception):
    """The refresh cookie is not, or no longer, good."""


class Accounts:
    """The dashboard's people and their tokens: one of each kind per person is good at a time.

    Args:
        now: the server's clock, which tokens are dated by.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        # When the good tokens of a person were issued, and until when the refresh cookie may be used.
        self._issued: dict[int, int] = {}
        self._refresh_until: dict[int, int] = {}
        self._expired: set[int] = set()
        self.logins = 0
        self.refreshes = 0
        self.token_seconds = _TOKEN_SECONDS
        """How long the next tokens last; 0 makes tokens that are over at once and can be refreshed."""

    def login(self, email: str, password: str) -> tuple[Person, Tokens] | None:
        """Sign somebody in; the tokens they had are no longer good. None for a wrong address or password."""
        person = next((person for person in PEOPLE.values() if person.email == email.strip().lower()), None)
        if person is None or password != PASSWORD:
            return None
        self.logins += 1
        self._refresh_until[person.user_id] = self._seconds() + _REFRESH_SECONDS
        return person, self._issue(person.user_id)

    def refresh(self, cookie: str, bearer: str) -> Tokens:
        """Give new tokens for a refresh cookie and the last token, which may have expired a moment ago.

        Raises:
            InvalidRefreshError: the cookie is missing, forged, over or superseded.
            InvalidTokenError: the token is not one of the same person, or expired too long ago.
        """
        claims = _claims(cookie, _REFRESH)
        if claims is None or claims["exp"] <= self._seconds() or claims["iat"] != self._issued.get(claims["userId"]):
            raise InvalidRefreshError
        old = _claims(bearer, _FRONT)
        if old is None or old["exp"] + _LEEWAY_SECONDS <= self._seconds() or old["userId"] != claims["userId"]:
            raise InvalidTokenError
        self.refreshes += 1
        return self._issue(claims["userId"])

    def logout(self, user: int) -> None:
        """Make all tokens of a person worthless."""
        self._issued.pop(user, None)

    def holder(self, token: str) -> Person:
        """Return the person whose token this is.

        Raises:
            InvalidTokenError: forged, expired, superseded, or not a dashboard token.
        """
        claims = _claims(token, _FRONT)
        # The server lets a token pass that is up to a second older than the last one. Here times are never equal
        # and compared exactly, so that a second login in the same second is noticed too.
        if claims is None or claims["exp"] <= self._seconds() or claims["iat"] != self._issued.get(claims["userId"]):
            raise InvalidTokenError
        if claims["userId"] in self._expired:
            raise InvalidTokenError
        return PEOPLE[claims["userId"]]

    def user_of(self, header: str) -> int | None:
        """Return the number of the person whose current token an `Authorization` header holds, None for no token."""
        # Split on exactly this, case and single space, into exactly two parts (contract §1.2).
        _, *tokens = header.split("Bearer ")
        if len(tokens) != 1:
            return None
        try:
            return self.holder(tokens[0]).user_id
        except InvalidTokenError:
            return None

    def supersede(self, user: int = OWNER.user_id) -> None:
        """Let a person sign in elsewhere, as in a browser: what was given out before is no longer good."""
        self._issue(user)

    def expire(self, user: int = OWNER.user_id) -> None:
        """Let a person's token run out before its time; a refresh, within the server's 300 seconds, still works."""
        self._expired.add(user)

    def _seconds(self) -> int:
        return int(self._now().timestamp())

    def _issue(self, user: int) -> Tokens:
        issued = max(self._seconds(), self._issued.get(user, 0) + 1)
        self._issued[user] = issued
        self._expired.discard(user)
        until = self._refresh_until.get(user, self._seconds() + _REFRESH_SECONDS)
        front, spot = ({"exp": issued + self.token_seconds, "aud": audience} for audience in (_FRONT, _SPOT))
        renewal = {"exp": until, "aud": _REFRESH}
        jwt, spot_jwt, refresh, spot_refresh = (
            _signed({"userId": user, "tenantId": TENANT, "iat": issued, "iss": _ISSUER, **claims})
            for claims in (front, spot, renewal, {**renewal, "aud": f"spot:{_REFRESH}"})
        )
        return Tokens(jwt, spot_jwt, refresh, spot_refresh, until - self._seconds())


def _signed(claims: dict[str, Any]) -> str:
    """Write a JWT, signed with HS512."""
    head, payload = (_packed(json.dumps(part).encode()) for part in ({"alg": "HS512", "typ": "JWT"}, claims))
    return f"{head}.{payload}.{_signature(f'{head}.{payload}')}"


def _claims(token: str, audience: str) -> dict[str, Any] | None:
    """Read a JWT of ours for this audience; None for anything else."""
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(content).encode()):
        return None
    payload = content.partition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims if claims["aud"] == audience else None


def _signature(content: str) -> str:
    return _packed(hmac.new(_SIGNING_KEY, content.encode(), hashlib.sha512).digest())


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
