"""Object storage with pre-signed addresses, in S3's manners: the files that the sibling services point at.

An address carries its own permission: it works without a key, for one method and file, until it expires. Refusals are
S3's, down to one that catches leaks: an address that is signed must not be asked with an `Authorization` header
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.datastructures import QueryParams
    from starlette.types import Receive, Scope, Send

_ALGORITHM = "AWS4-HMAC-SHA256"
_STAMP = "%Y%m%dT%H%M%SZ"
_LONGEST = 7 * 24 * 3600  # S3 signs for a week at most
_SIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
_QUERY = (*_SIGNED, "X-Amz-Signature")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TWICE = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or"
    " the Authorization header should be specified"
)
_INCOMPLETE = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature,"
    " X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


@dataclass(frozen=True)
class _Stored:
    content: bytes | Callable[[], bytes]
    media_type: str
    encoding: str


class Storage:
    """Files behind pre-signed addresses, as object storage keeps them (S3's manners). An ASGI application.

    It answers 200 to a GET with a right signature in time (206 and 416 for a `Range`), 403 with S3's XML to a wrong,
    missing or expired one and to any other method, HEAD included, 404 to a file that is not there, and 400 to an
    `Authorization` header.

    Args:
        origin: where the application is mounted, such as "http://127.0.0.1:8000/storage"; asked when needed, since the
            port is known late.
        now: the clock that addresses expire by.
        secret: what addresses are signed with.
    """

    def __init__(self, origin: Callable[[], str], now: Callable[[], datetime], secret: str) -> None:
        self._origin = origin
        self._now = now
        self._secret = secret.encode()
        self._files: dict[str, _Stored] = {}
        self._ahead = timedelta()

    def wait(self, seconds: int) -> None:
        """Let time pass for addresses, while the server's clock stands: those that were signed before may expire."""
        self._ahead += timedelta(seconds=seconds)

    def put(
        self,
        key: str,
        content: bytes | Callable[[], bytes],
        media_type: str = "application/octet-stream",
        encoding: str = "",
    ) -> None:
        """Keep a file, in the place of an older one of that key.

        Args:
            key: its name, without a slash before it; any characters.
            content: the bytes as they travel; a function is called at the first request, and what it gives is kept.
            media_type: its Content-Type.
            encoding: its Content-Encoding, such as "gzip" when the bytes are compressed; none when empty.
        """
        self._files[key] = _Stored(content, media_type, encoding)

    def sign(self, key: str, seconds: int = 3600, *, starting: datetime | None = None) -> str:
        """Write the whole address of a file, good for a GET within so many seconds; the file may come later.

        Args:
            key: the file's name.
            seconds: how long the address works, one week at most.
            starting: when it was signed, with a time zone; a past one gives an address that may have expired. The
                clock's present when not given.
        """
        if not 0 < seconds <= _LONGEST:
            raise ValueError(f"seconds must be 1 to {_LONGEST}, not {seconds}")
        stamp = (starting or self._clock()).astimezone(UTC).strftime(_STAMP)
        credential = f"SANDBOX/{stamp[:8]}/us-east-1/s3/aws4_request"
        values = (_ALGORITHM, credential, stamp, str(seconds), "host")
        query = dict(zip(_SIGNED, values, strict=True))
        origin = self._origin()
        query["X-Amz-Signature"] = self._signature("GET", urlsplit(origin).netloc, key, query)
        return f"{origin}/{quote(key)}?{urlencode(query)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; `scope["root_path"]` is what stands before the file's key in the path as sent."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("latin-1").removeprefix(scope.get("root_path", ""))
        key = unquote(path.removeprefix("/"))
        response = self._refusal(request, key) or await self._file(request, key)
        await response(scope, receive, send)

    def _clock(self) -> datetime:
        return self._now() + self._ahead

    def _signature(self, method: str, host: str, key: str, query: Mapping[str, str]) -> str:
        signed = "\n".join([method, host, key, *(f"{name}={query[name]}" for name in _SIGNED)])
        return hmac.new(self._secret, signed.encode(), hashlib.sha256).hexdigest()

    def _refusal(self, request: Request, key: str) -> Response | None:
        """Why the request is refused, in S3's order of looks; None when its address is good."""
        query = request.query_params
        header = request.headers.get("authorization")
        given = [name for name in _QUERY if name in query]
        if header is not None:
            message = _TWICE if given else "Unsupported Authorization Type"
            return _error(400, "InvalidArgument", message, ArgumentName="Authorization", ArgumentValue=header)
        if not given:
            return _error(403, "AccessDenied", "Access Denied")
        if len(given) < len(_QUERY) or (period := _period(query)) is None:
            return _error(400, "AuthorizationQueryParametersError", _INCOMPLETE)
        if untimely := self._untimely(period, query["X-Amz-Expires"]):
            return untimely
        right = self._signature(request.method, request.headers.get("host", ""), key, query)
        if not hmac.compare_digest(right.encode(), query["X-Amz-Signature"].encode()):
            return _error(403, "SignatureDoesNotMatch", _MISMATCH)
        return None

    def _untimely(self, period: tuple[datetime, datetime], expires: str) -> Response | None:
        starting, ending = period
        # The stamp in an address has whole seconds, so it never lies after the moment of signing.
        now = self._clock()
        if now < starting:
            return _error(403, "AccessDenied", "Request is not yet valid", ServerTime=_iso(now))
        if now > ending:
            times = {"X-Amz-Expires": expires, "Expires": _iso(ending), "ServerTime": _iso(now)}
            return _error(403, "AccessDenied", "Request has expired", **times)
        return None

    async def _file(self, request: Request, key: str) -> Response:
        found = self._files.get(key)
        if found is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        content = found.content
        if not isinstance(content, bytes):
            content = await run_in_threadpool(content)
            self._files[key] = _Stored(content, found.media_type, found.encoding)
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'}
        if found.encoding:
            headers["Content-Encoding"] = found.encoding
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        response = _part(content, wanted, headers) if wanted and any(wanted.groups()) else None
        if response is None:
            response = Response(content, 200, headers)
        # Set by hand: Starlette would add a charset to text.
        response.headers.setdefault("Content-Type", found.media_type)
        return response


def _part(content: bytes, wanted: re.Match[str], headers: dict[str, str]) -> Response:
    """Answer a range of bytes: `a-b`, `a-` or the last `-n`."""
    size = len(content)
    first, last = wanted.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return _error(416, "InvalidRange", "The requested range is not satisfiable", ActualObjectSize=str(size))
    headers = {**headers, "Content-Range": f"bytes {start}-{end}/{size}"}
    return Response(content[start : end + 1], 206, headers)


def _period(query: QueryParams) -> tuple[datetime, datetime] | None:
    """From when to when an address works; None when its query does not tell."""
    try:
        starting = datetime.strptime(query["X-Amz-Date"], _STAMP).replace(tzinfo=UTC)
        return starting, starting + timedelta(seconds=int(query["X-Amz-Expires"]))
    except (KeyError, ValueError, OverflowError):
        return None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, code: str, message: str, **more: str) -> Response:
    fields = {"Code": code, "Message": message, **more, "RequestId": "SANDBOX000000000"}
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'
    response = Response(body, status)
    response.headers["Content-Type"] = "application/xml"
    return response
