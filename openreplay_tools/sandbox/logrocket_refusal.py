"""How LogRocket's fake refuses a request."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

MALFORMED = "Malformed request"


class RefusalError(Exception):
    """A refusal; the message stands under `error`, or is the whole body when `plain`."""

    def __init__(self, message: str, status: int = 400, *, plain: bool = False) -> None:
        super().__init__(message)
        self._message = message
        self._status = status
        self._plain = plain

    @property
    def response(self) -> Response:
        """The answer that says so."""
        if self._plain:
            return PlainTextResponse(self._message, self._status)
        return JSONResponse({"error": self._message}, self._status)


def read_json(body: bytes) -> dict[str, Any]:
    """The body's object; anything else is refused."""
    if not body.strip():
        raise RefusalError("Missing request body")
    try:
        value = json.loads(body)
    except ValueError:
        raise RefusalError(MALFORMED) from None
    if not isinstance(value, dict):
        raise RefusalError(MALFORMED)
    return value
