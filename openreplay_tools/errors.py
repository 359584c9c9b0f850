"""Everything this package raises on purpose.

OpenReplayToolsError
├── ConfigurationError        operator: a credential, address or project is missing or malformed; before any request
│   └── MovedError           … or the server wants the same path in its other form
├── ArgumentsError            model: arguments refused; which, by what rule, what is valid
│   └── TooMuchError         … because more would have to be read than is read at once
├── UnavailableError          operator: this server, edition or credential cannot do it; says what could
│   └── ClosedError          … because the server has no such API at all
├── TransportError            operator: no answer came
│   └── RequestTimeoutError  ReplyTooLongError
├── ApiError                  the server answered with an error: status, operation, its message, retry_after
│   ├── BadRequestError  AuthenticationError  PermissionDeniedError  NotFoundError
│   └── ConflictError  RateLimitError  ServerError
└── UnexpectedReplyError      us: a success whose body is not what the operation says
    └── WebPageError         operator: a page for people: another server, or one without this API

A message is made of parts: plain strings are our own words, `Recorded` parts came from a server or a visitor and are
quoted wherever the message is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenReplayToolsError(Exception):
    """The root: catch this to catch everything the package raises on purpose."""

    def __init__(self, *parts: object) -> None:
        """Keep the parts, so that an adapter can fence what is recorded.

        Args:
            *parts: strings (our own words) and `Recorded` texts, in reading order.
        """
        super().__init__(*parts)
        self.parts = parts
        self.operation = ""

    def __str__(self) -> str:
        """Return the whole message on one line, recorded parts quoted."""
        return "".join(str(part) for part in self.parts)


class ConfigurationError(OpenReplayToolsError):
    """A credential, an address or a default is missing or malformed; nothing was sent."""


class MovedError(ConfigurationError):
    """The server knows the path with a slash at its end only, or without one only."""


class ArgumentsError(OpenReplayToolsError):
    """The arguments were refused; nothing was changed."""


class TooMuchError(ArgumentsError):
    """What was asked for is more than is read at once; the text says how to narrow it."""


class UnavailableError(OpenReplayToolsError):
    """This server, edition or credential cannot do it; the text says what could."""


class ClosedError(UnavailableError):
    """The server has no such API; another way in may exist."""


class TransportError(OpenReplayToolsError):
    """No answer came: the host is unknown, refused, closed the connection, or sent too much."""


class RequestTimeoutError(TransportError):
    """No answer came in time."""


class ReplyTooLongError(TransportError):
    """The reply is longer than the bound; asking again would not help."""


class ApiError(OpenReplayToolsError):
    """The server answered with an error status."""

    def __init__(
        self,
        *parts: object,
        status: int = 0,
        message: str = "",
        retry_after: float | None = None,
        told: Mapping[str, object] | None = None,
    ) -> None:
        """Keep the status and what the server said.

        Args:
            *parts: the text for the reader.
            status: the HTTP status.
            message: the server's own words, bounded; "" when it gave none.
            retry_after: seconds the server asks to wait, None when it did not say.
            told: the JSON object a sibling vendor said it with.
        """
        super().__init__(*parts)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.told = told or {}


class BadRequestError(ApiError):
    """The server found the request malformed (400, 413, 422)."""


class AuthenticationError(ApiError):
    """The server refused the credential (401)."""


class PermissionDeniedError(ApiError):
    """The credential is valid but may not do this (403)."""


class NotFoundError(ApiError):
    """The server knows no such thing (404)."""


class ConflictError(ApiError):
    """The server is already doing it, or its state forbids it (409)."""


class RateLimitError(ApiError):
    """The server asks for a pause (429)."""


class ServerError(ApiError):
    """The server failed (5xx)."""


class UnexpectedReplyError(OpenReplayToolsError):
    """The server answered with success, but not with what this operation returns."""


class WebPageError(UnexpectedReplyError):
    """A page for people came instead of data: another server, or one without this API."""
