"""Tokens that make destruction take two calls: the first shows what would go, the second must bring the token."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openreplay_tools.errors import ArgumentsError

if TYPE_CHECKING:
    from datetime import datetime

LIFETIME_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Makes and checks tokens: signed by this process, short-lived, for one use, bound to what they confirm."""

    secret: str = field(repr=False)
    spent: set[str] = field(default_factory=set, repr=False)

    def token(self, what: tuple[str, ...], now: datetime) -> str:
        """Return a token for exactly this, valid for ten minutes.

        Args:
            what: operation, project and subject; compared as a whole.
            now: the present.
        """
        expiry = int(now.timestamp()) + LIFETIME_SECONDS
        while (token := self._token(what, expiry)) in self.spent:  # used within this second, or the clock stands still
            expiry += 1
        return token

    def check(self, token: str, what: tuple[str, ...], now: datetime) -> None:
        """Accept the token or say why not.

        Args:
            token: what the second call brought.
            what: operation, project and subject of the second call.
            now: the present.

        Raises:
            ArgumentsError: the token is foreign, is for something else, was used, or is too old.
        """
        expiry = token.partition("-")[0]
        genuine = (
            expiry.isascii()
            and expiry.isdigit()
            and len(expiry) <= 12
            and hmac.compare_digest(self._token(what, int(expiry)).encode(), token.encode("utf-8", "replace"))
        )
        if not genuine:
            raise ArgumentsError(
                "confirm: this token was not made for these arguments. Call again without confirm for a preview "
                "and a new token."
            )
        if token in self.spent:
            raise ArgumentsError(
                "confirm: this token has been used. Call again without confirm for a preview and a new token."
            )
        if int(expiry) < now.timestamp():
            raise ArgumentsError(
                "confirm: this token has expired. Call again without confirm for a preview and a new token."
            )

        self.spent.add(token)

    def _token(self, what: tuple[str, ...], expiry: int) -> str:
        message = json.dumps([*what, expiry]).encode()  # ASCII, and one way to read it
        return f"{expiry}-{hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()[:20]}"
