"""What the clients of one server share and needs no HTTP library: what is known, remembering, limits, retries."""

from __future__ import annotations

import json
import logging
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from openreplay_tools import wire
from openreplay_tools.confirmation import Confirmations
from openreplay_tools.downloads import Downloads
from openreplay_tools.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    OpenReplayToolsError,
    PermissionDeniedError,
    RateLimitError,
    ReplyTooLongError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.handles import Handles
from openreplay_tools.login import login_of, new_login
from openreplay_tools.operation import Scope
from openreplay_tools.replies import media_type
from openreplay_tools.services import ABOUT, root_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from openreplay_tools.doors import Access
    from openreplay_tools.flow import Request
    from openreplay_tools.login import Login
    from openreplay_tools.settings import Settings

_UNCERTAIN = " It may have been done all the same: look before trying again."
_KNOWN_FOR = 600.0
_SHORTEST_SECRET = 4  # a shorter one is in every text
_LONGEST_HOST = 120  # characters that may stand plain in a text (product.md, "Fenced")
_AUDIT = logging.getLogger("openreplay_tools.audit")


class Connection:
    """What a sync and an async client share: settings, deadlines, memory, retries, bounds, one TLS context."""

    def __init__(self, settings: Settings, transport: Any = None, of: Connection | None = None) -> None:
        """Hold the settings; nothing is opened yet.

        Args:
            settings: credentials, address, limits.
            transport: replaces the network, for tests (an httpx transport).
            of: another connection to the same server, which shares login and memory and is told what this one learns.
        """
        self.settings = settings
        self.transport = transport
        self.tls: ssl.SSLContext | None = None
        self.lock = threading.Lock()
        # A test's own network has its own accounts.
        self.login: Login | None = of.login if of else login_of(settings) if transport is None else new_login(settings)
        self._of = of
        self._access, self._known_until = settings.access, 0.0
        self._memory: dict[tuple[object, ...], tuple[float, Any]] = of._memory if of else {}  # noqa: SLF001 - its own kind
        self._handles: Handles = of._handles if of else Handles()  # noqa: SLF001
        self._confirmations = Confirmations(settings.secret.get_secret_value())

    def scope(self) -> Scope:
        """Return the surroundings of one call; project, session and window are resolved by the operation."""
        settings = self.settings
        return Scope(
            now=settings.clock().astimezone(settings.zone),
            zone=settings.zone,
            dashboard=settings.dashboard,
            host=settings.host,
            default_project=settings.project,
            access=self.access,
            confirmations=self._confirmations,
            app=settings.logrocket,
            downloads=Downloads(settings.downloads, settings.max_download_bytes, settings.download_deadline),
            handles=self._handles,
            poll_seconds=settings.poll_seconds,
        )

    @property
    def access(self) -> Access:
        """What is known of the server and the credentials so far."""
        with self.lock:
            if time.monotonic() > self._known_until:
                self._access = self.settings.access
            known, login = self._access, self.login
        if login is None or not login.edition:
            return known
        return replace(known, permissions=login.permissions, edition=known.edition or login.edition)

    def learn(self, access: Access) -> Access:
        """Keep what a flow has found out, for a while: a page for people may have been a passing one.

        Returns:
            the same with what the login has told meanwhile.
        """
        with self.lock:
            self._access, self._known_until = access, time.monotonic() + _KNOWN_FOR
        if self._of is not None:
            self._of.learn(access)
        return self.access

    def deadline(self) -> float:
        """Return when a call that begins now has to be over, on the monotonic clock."""
        return time.monotonic() + self.settings.deadline

    def phases(self, deadline: float, request: Request[Any] | None = None) -> dict[str, float]:
        """Return the limits of one request: each phase has its own, none outlives the call's deadline.

        Raises:
            RequestTimeoutError: the deadline has passed.
        """
        left = self.left(deadline, request)
        download = request is not None and request.into is not None  # whose time may begin with its first byte
        connect, read = min(left, self.settings.connect_timeout), self.settings.read_timeout
        read = read if download else min(left, read)
        return {"connect": connect, "read": read, "write": read, "pool": connect}

    def left(self, deadline: float, request: Request[Any] | None = None) -> float:
        """Return the seconds until the deadline; `request` is the one that may be late.

        Raises:
            RequestTimeoutError: it has passed.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise self.late(request)
        return left

    def late(self, request: Request[Any] | None = None, *, download: bool = False) -> RequestTimeoutError:
        """Return the error for a call that took too long, or for one download."""
        if download or (request is not None and request.via == "storage"):
            seconds = self.settings.download_deadline
            return RequestTimeoutError(f"The download took longer than {seconds:g} s (the setting download_deadline).")
        host, seconds = self.host_of(request), self.settings.deadline
        return RequestTimeoutError(f"{host} did not answer within {seconds:g} s. Try again, or narrow the request.")

    def host_of(self, request: Request[Any] | None) -> str:
        """Return the host a request goes to, for the texts of errors; nothing else of a pre-signed address."""
        if request is None:
            return self.settings.host
        host = urlsplit(request.address or root_of(request.via, self.settings)).netloc
        return host if len(host) <= _LONGEST_HOST else "the storage"

    def until(self, request: Request[Any], deadline: float) -> float:
        """Return when a request has to be over, its repetitions included: a download has a time of its own."""
        return time.monotonic() + self.settings.download_deadline if request.via == "storage" else deadline

    def too_long(self) -> ReplyTooLongError:
        """Return the error for a reply beyond the bound."""
        size = self.settings.max_reply_bytes // 1024
        return ReplyTooLongError(
            f"The reply is longer than {size} KiB. Ask for less: a smaller limit, a shorter window."
        )

    @property
    def account(self) -> Login:
        """The dashboard login.

        Raises:
            ConfigurationError: there is none.
        """
        if self.login is None:
            raise ConfigurationError("There is no dashboard login. Set OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD.")
        return self.login

    def needs_login(self, request: Request[Any]) -> bool:
        """Tell whether a request goes out with the login's token."""
        return request.via in {"dashboard", "legacy"}

    def turn(self, request: Request[Any], deadline: float) -> float:
        """Return 0 when a request may be sent, else the seconds after which to ask again.

        Raises:
            RequestTimeoutError: that would be after the deadline.
        """
        if request.via != "dashboard" or self.login is None:
            return 0.0
        wait = self.login.pace.wait()
        if wait and wait >= self.left(deadline):
            raise self.late()
        return wait

    def stale(self, request: Request[Any], error: OpenReplayToolsError) -> bool:
        """Tell whether an error may mean that the login's token is no longer good."""
        return (
            self.login is not None
            and request.via in {"dashboard", "legacy"}
            and isinstance(error, AuthenticationError | PermissionDeniedError)
            and error.status in {401, 403}
        )

    def remember(self, request: Request[Any], reply: Any) -> None:
        """Keep a reply that may be asked for again."""
        if request.cache_seconds:
            with self.lock:
                self._memory[_place(request)] = (time.monotonic() + request.cache_seconds, reply)

    def forget(self, request: Request[Any]) -> None:
        """Drop everything kept when a request may change something, whether it seems to succeed or not."""
        if not request.reads:
            with self.lock:
                self._memory.clear()

    def audit(self, request: Request[Any], message: wire.Message, result: str) -> None:
        """Leave a line in the log `openreplay_tools.audit` for everything that changes something on a server.

        Args:
            request: reads leave none.
            message: what was sent; its address holds no secret.
            result: "done", or the name of the error.
        """
        if not request.reads:
            _AUDIT.info("%s %s: %s", message.method, message.url, result)

    def sent(self, request: Request[Any], message: wire.Message, result: str) -> None:
        """Note the end of a try: a write is logged, and what was read while it was under way is forgotten."""
        self.forget(request)
        self.audit(request, message, result)

    @contextmanager
    def noted(self, request: Request[Any], message: wire.Message) -> Iterator[None]:
        """Note how a try ends; one that is interrupted or cancelled may have been done."""
        result = "done"
        try:
            yield
        except BaseException as error:
            result = type(error).__name__
            raise
        finally:
            if request.via == "dashboard" and self.login is not None:
                self.login.pace.done()
            self.sent(request, message, result)

    def recall(self, request: Request[Any]) -> Any:
        """Return a kept reply, or None."""
        if not request.cache_seconds:
            return None
        with self.lock:
            until, reply = self._memory.get(_place(request), (0.0, None))
        return reply if time.monotonic() < until else None

    def heard(self, request: Request[Any], headers: Mapping[str, str]) -> None:
        """Let the login keep what its own requests brought beside the body."""
        if request.via == "open" and self.login is not None:
            self.login.heard(headers)

    def pause(self, request: Request[Any], attempt: int, error: OpenReplayToolsError, deadline: float) -> float:
        """Return the seconds to wait before the next try.

        Args:
            request: only what may be repeated is sent again.
            attempt: 0 after the first failure.
            error: only broken connections and the server's passing troubles are worth it.
            deadline: a wait beyond it is not worth it.

        Raises:
            OpenReplayToolsError: the error itself, when it is not to be tried again.
        """
        if isinstance(error, RateLimitError) and request.via == "dashboard" and self.login is not None:
            self.login.pace.drained()
        patience = ABOUT[request.via].patience
        worth = isinstance(error, TransportError) and not isinstance(error, RequestTimeoutError | ReplyTooLongError)
        worth = worth or (isinstance(error, ApiError) and error.status in patience.statuses)
        if request.again and worth and attempt < patience.tries(self.settings.retries):
            wait = patience.wait(attempt, error, deadline - time.monotonic())
            if wait is not None:
                return wait
        uncertain = not request.reads and not request.again  # what may be sent again does no harm when it is
        if uncertain and isinstance(error, TransportError | ServerError | UnexpectedReplyError):
            error.parts = (*error.parts, _UNCERTAIN)
        raise error

    def decoded(self, request: Request[Any], status: int, headers: Mapping[str, str], body: bytes) -> Any:
        """Return the typed reply or raise what the answer means; a key that a server repeats gets into no error."""
        if not (ABOUT[request.via].strict and status == 200 and media_type(headers) == "application/json"):
            hidden = self._secrets()
            headers = {name.lower(): _without(value, hidden) for name, value in headers.items()}
            body = _without_bytes(body, hidden)
        try:
            reply = wire.decode(request, status, headers, body, self.host_of(request))
        except UnexpectedReplyError as error:
            hidden = self._secrets()
            if not any(secret in repr(error.parts) for secret in hidden):
                raise
            return wire.decode(request, status, headers, _without_bytes(body, hidden), self.host_of(request))
        self.heard(request, headers)
        return reply

    def _secrets(self) -> tuple[str, ...]:
        settings = self.settings
        keys = (settings.api_key, settings.logrocket_api_key, settings.notte_api_key)
        known = [*(key.get_secret_value() for key in keys), *(self.login.secrets if self.login is not None else ())]
        known.append(settings.logrocket_api_key.get_secret_value().rpartition(":")[2])  # the secret of org:app:secret
        long = [each for each in known if len(each) >= _SHORTEST_SECRET]
        written = [form for each in long for form in (json.dumps(each)[1:-1], quote(each, safe=""), _base64(each))]
        return tuple(sorted({*long, *written}, key=len, reverse=True))  # what holds another goes first


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii").rstrip("=")


def _place(request: Request[Any]) -> tuple[object, ...]:
    """Return what tells a remembered request from others; only those without a body are remembered."""
    return (request.via, request.path, *request.query.items())


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[masked]")
    return text


def _without_bytes(body: bytes, secrets: tuple[str, ...]) -> bytes:
    for secret in secrets:
        body = body.replace(secret.encode(), b"[masked]")
    return body
