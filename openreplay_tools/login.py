"""A dashboard login: signing in once per process, renewing only what is really stale, and keeping the server's pace.

A login ends the same person's earlier one (contract §4.1), so a process has one for each account and shares it; and a
token is given up only after the server has refused it where no permission is needed. No I/O in here: clients drive
the flows.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from pydantic import Field

from openreplay_tools.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    OpenReplayToolsError,
    PermissionDeniedError,
    TransportError,
    UnavailableError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Request, ask
from openreplay_tools.operation import Record
from openreplay_tools.text import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openreplay_tools.flow import Flow
    from openreplay_tools.settings import Settings

_LOST_WITHIN = 600.0  # seconds: a login lost twice in them is being used by another process
_REFUSED_FOR = 60.0  # a wrong password is not tried again before
_SKEW = 60.0
_COOKIE = re.compile(r"(?:^|[,\s])refreshToken=([^;,\s]+)")
_STALE = frozenset({401, 403})


class Pace:
    """Spaces requests so that the dashboard's limiter lets all of them pass (contract §1.4, observed §B).

    The server allows 30 at once, and gives 10 more for each whole second in which none arrives. So after the first ones
    there is a silence, then come ten more, and so on. When a request arrived is not known, but it is between its start
    and its answer; one that has been under way for long has arrived at the beginning.
    """

    burst, refill, silence = 28, 10, 1.1  # two of the burst may have gone to the login and to a browser
    on_its_way = 1.0  # seconds after which a request without an answer has arrived
    look_again = 0.1

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full bucket."""
        self._clock = clock
        self._lock = threading.Lock()
        self._left = self.burst
        self._under_way: deque[float] = deque()
        self._last = clock()

    def wait(self) -> float:
        """Take a turn; returns 0, or the seconds after which to ask again. Every turn taken ends with `done`."""
        with self._lock:
            now = self._clock()
            quiet = now - max([self._last, *(min(now, sent + self.on_its_way) for sent in self._under_way)])
            if quiet >= self.silence:
                self._left = min(self.burst, self._left + self.refill * int(quiet - self.silence + 1))
            if self._left > 0:
                self._left -= 1
                self._under_way.append(now)
                self._last = now
                return 0.0
            return max(self.look_again, self.silence - quiet)

    def done(self) -> None:
        """End a turn: the answer is here, or nobody waits for it any more."""
        with self._lock:
            self._under_way.popleft()
            self._last = self._clock()

    def drained(self) -> None:
        """Note that the server asked for a pause: everybody is silent for a while."""
        with self._lock:
            self._left, self._last = 0, self._clock()


class _User(Record):
    permissions: list[str] | None = None


class _LoginData(Record):
    user: _User = Field(default_factory=_User)


class _LoginReply(Record):
    jwt: str
    data: _LoginData = Field(default_factory=_LoginData)


class _RefreshReply(Record):
    jwt: str


class _Anything(Record):
    """Any JSON object."""


class Login:
    """One person's login at one instance, shared by all threads and tasks of the process."""

    def __init__(self, email: str, password: str, token: str = "", clock: Callable[[], datetime] | None = None) -> None:
        """Hold the credential; nothing is sent until a token is needed.

        Args:
            email: with a password: signs in; else "".
            password: with an e-mail address; else "".
            token: a token that somebody else got; it cannot be renewed.
            clock: tells the present, by which a token expires.
        """
        self.pace = Pace()
        self.permissions: frozenset[str] | None = None
        self.edition = ""
        self._email = email
        self._password = password
        self._token = token
        self._cookie = ""
        self._lock = threading.Lock()
        self._pending: Future[str] | None = None
        self._owner, self._until = 0, math.inf
        self._clock = clock or (lambda: datetime.now(UTC))
        self._lost: dict[str, float] = {}
        self._refused: tuple[float, OpenReplayToolsError] | None = None

    def claim(self, stale: str = "", until: float = math.inf, *, blocking: bool = False) -> tuple[Future[str], bool]:
        """Return where the current token will be, and whether the caller has to get it (with `obtain`).

        Args:
            stale: a token that the server has refused.
            until: when the caller gives up, on the monotonic clock.
            blocking: whether the caller's thread does nothing else while it waits.
        """
        with self._lock:
            if self._token and self._token != stale:
                ready: Future[str] = Future()
                ready.set_result(self._token)
                return ready, False
            here = threading.get_ident()
            # Nobody else will end what this very thread has begun in its event loop, nor what is past its time.
            dead = (blocking and self._owner == here) or time.monotonic() > self._until
            if self._pending is not None and not dead:
                return self._pending, False
            self._pending, self._owner, self._until = Future(), here, until
            return self._pending, True

    @contextmanager
    def settling(self, future: Future[str]) -> Iterator[list[str]]:
        """Give the token that is put into the list, or what went wrong, to everybody who waits for it."""
        token: list[str] = []
        try:
            yield token
        except BaseException as error:
            self._settle(future, "")
            if isinstance(error, OpenReplayToolsError) and not isinstance(error, TransportError):
                future.set_exception(copy(error))
            else:  # interrupted, or out of its own time: the next one who waits tries
                future.cancel()
            raise
        self._settle(future, token[0])
        future.set_result(token[0])

    def _settle(self, future: Future[str], token: str) -> None:
        with self._lock:
            if self._pending is future:  # else another has taken over
                self._pending = None
                self._token = token or self._token

    def obtain(self, stale: str = "") -> Flow[str]:
        """Return a token that works.

        Args:
            stale: the token that was refused, if any.

        Raises:
            PermissionDeniedError: the refused token is good: what was asked for is not allowed.
            AuthenticationError: the server refuses the login, or another process is using the account.
        """
        if stale:
            yield from self._make_sure(stale)
            if not _expired(stale, self._clock()):
                self._count_loss(stale)
            if not self._password:
                raise AuthenticationError(
                    "The dashboard no longer accepts OPENREPLAY_TOKEN: it lasts a day, and a later login of the same "
                    "person ends it. Set a new one, or OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD.",
                    status=401,
                )
            if self._cookie and (token := (yield from self._refreshed(stale))):
                return token
        return (yield from self._signed_in())

    def heard(self, headers: Mapping[str, str]) -> None:
        """Keep the cookie that renews a token."""
        if found := _COOKIE.search(headers.get("set-cookie", "")):
            self._cookie = found[1]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand in no text."""
        return tuple(each for each in (self._password, self._token, self._cookie) if each)

    def _make_sure(self, stale: str) -> Flow[None]:
        """Ask where no permission is needed, so that a missing permission logs nobody out."""
        headers = {"Authorization": f"Bearer {stale}"}
        try:
            yield from ask(Request("GET", ("projects",), _Anything, via="open", headers=headers))
        except ApiError as error:
            if error.status not in _STALE:
                raise
        else:
            raise PermissionDeniedError(
                "The login works, but its role may not do this. Ask an administrator of the instance for the "
                "permission.",
                status=401,
            )

    def _count_loss(self, stale: str) -> None:
        now = time.monotonic()
        self._lost = {token: moment for token, moment in self._lost.items() if now - moment < _LOST_WITHIN}
        self._lost.setdefault(stale, now)  # asked again after a failed renewal it is the same loss
        if len(self._lost) > 1:
            raise AuthenticationError(
                "The login was lost twice within ten minutes: another process or person signs in with the same "
                "account, and each login ends the other's. Give this one an account of its own.",
                status=401,
            )

    def _refreshed(self, stale: str) -> Flow[str]:
        """Renew with the cookie, which works for a while after a token has expired; "" when it does not."""
        headers = {"Authorization": f"Bearer {stale}", "Cookie": f"refreshToken={self._cookie}"}
        try:
            reply = yield from ask(Request("GET", ("refresh",), _RefreshReply, via="open", headers=headers))
        except (ApiError, UnexpectedReplyError):
            self._cookie = ""
            return ""
        return reply.jwt

    def _signed_in(self) -> Flow[str]:
        if self._refused and time.monotonic() - self._refused[0] < _REFUSED_FOR:
            raise copy(self._refused[1])
        body = {"email": self._email, "password": self._password}
        try:
            reply = yield from ask(Request("POST", ("login",), _LoginReply, body=body, via="open"))
        except ApiError as error:
            refused = _refusal(error)
            if refused is not error:
                self._refused = (time.monotonic(), copy(refused))
            raise refused from None
        allowed = reply.data.user.permissions
        self.permissions = None if allowed is None else frozenset(allowed)
        self.edition = "foss" if allowed is None else "ee"
        return reply.jwt


def _refusal(error: ApiError) -> OpenReplayToolsError:
    """Return what a refused login means for whoever set it up."""
    said = (" The server says: ", Recorded(error.message)) if error.message else ()
    if isinstance(error, BadRequestError):
        return BadRequestError(
            "The server finds OPENREPLAY_EMAIL or OPENREPLAY_PASSWORD malformed.", *said, status=error.status
        )
    if error.status not in _STALE:
        return error
    if "SSO" in error.message or "captcha" in error.message:
        return UnavailableError(
            "This instance wants another kind of login than e-mail and password.", *said, " Sign in with a browser "
            "and set OPENREPLAY_TOKEN to its token, or use an account with a password.",
        )  # fmt: skip
    return AuthenticationError(
        "The server refused the login. Check OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD.", *said, status=error.status
    )


def _expired(token: str, now: datetime) -> bool:
    """Tell whether a token's own time is over; what cannot be read has not expired."""
    try:
        middle = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"]) - _SKEW < now.timestamp()
    except (ValueError, LookupError, TypeError):
        return False


_shared: WeakValueDictionary[tuple[str, ...], Login] = WeakValueDictionary()
_sharing = threading.Lock()


def login_of(settings: Settings) -> Login | None:
    """Return the process's one login of these settings' account, None when none is set."""
    # With e-mail and password a token is not looked at; addresses of people have no case.
    secrets = [settings.password] if settings.email else [settings.token]
    hashes = [hashlib.sha256(each.get_secret_value().encode()).hexdigest() for each in secrets]
    key = (settings.base_url, settings.email.casefold(), *hashes)
    with _sharing:
        found = _shared.get(key) or new_login(settings)
        if found is not None:
            _shared[key] = found
        return found


def new_login(settings: Settings) -> Login | None:
    """Return a login of its own, None when none is set."""
    if "login" not in settings.credentials:
        return None
    password, token = settings.password.get_secret_value(), settings.token.get_secret_value()
    return Login(settings.email, password, "" if settings.email else token, settings.clock)
