"""A session and its replay as Notte tells them; and a session as we pass it on: no address that opens its browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, SecretStr, TypeAdapter, ValidationError, model_validator

from openreplay_tools.notte.access import NotteReply, excerpt
from openreplay_tools.operation import Record
from openreplay_tools.recordings import Session, Vendor

OPEN = frozenset({"active", "authenticating"})
"""The states of a session that still runs (docs.notte.cc; the second one is newer than the page about it)."""
_ENDED = frozenset({"closed", "error", "timed_out"})
# Whoever has one of these addresses sees the session's browser, or drives it: by their names, or by their beginning.
_DOOR = re.compile(r"((cdp|viewer|debug|debugger|ws)_?url|viewer)\Z", re.IGNORECASE)
_SOCKET = re.compile(r"\s*wss?://", re.IGNORECASE)
_MOST_STEPS = 10_000  # that are looked at; all are counted
_YEARS = range(1990, 2200)  # others cannot be moved to every zone
_LONGEST_TEXT = 4000
_LENGTH: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def _moment(value: Any) -> datetime | None:
    """Return a time; Notte's have an offset or none, which then is UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.year not in _YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _length(value: Any) -> int | None:
    """Return a duration in milliseconds; how Notte writes it is not documented."""
    try:
        return round(_LENGTH.validate_python(value) / timedelta(milliseconds=1)) if isinstance(value, str) else None
    except (ValidationError, OverflowError):
        return None


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_LONGEST_TEXT]


def _count(value: Any) -> int | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**63
    return int(value) if fits else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _secret(value: Any) -> Any:
    return value if isinstance(value, str) and value.strip() else None


def _is_door(key: Any, value: Any) -> bool:
    named = isinstance(key, str) and (_DOOR.search(key) or _SOCKET.match(key))
    return bool(named or (isinstance(value, str) and _SOCKET.match(value)))


def _without_doors(value: Any) -> Any:
    if isinstance(value, dict):
        return {excerpt(key): _without_doors(each) for key, each in value.items() if not _is_door(key, each)}
    if isinstance(value, list):
        return [_without_doors(each) for each in value if not _is_door("", each)]
    return excerpt(value) if isinstance(value, str) else value


def good(values: list[Any], at_most: int) -> list[Any]:
    """Return the first entries of a list that tell something: null tells nothing."""
    return list(islice((each for each in values if each is not None), at_most))


When = Annotated[datetime | None, BeforeValidator(_moment)]
Text = Annotated[str, BeforeValidator(_text)]
Count = Annotated[int | None, BeforeValidator(_count)]
Truth = Annotated[bool | None, BeforeValidator(_truth)]


class Step(Record):
    """Something an agent did in a session; what else Notte tells of it is kept as it came.

    Attributes:
        type: what was done, such as goto or click.
        message: what came of it, recorded text.
        success: None where Notte does not tell.
    """

    type: Text = ""
    message: Text = ""
    success: Truth = None


class NotteSession(Session):
    """A browser session at Notte.

    Attributes:
        close_reason: manual, idle_timeout, max_duration, error or unknown; "" while it runs and at older servers.
        error: what went wrong, recorded text.
        last_used_at: when somebody last did something in it.
        steps_count: how many steps it has.
        steps: the first 10,000 of them, long texts cut; a list of sessions leaves them out.
        request_bytes: what the pages sent.
        response_bytes: what they loaded.
    """

    vendor: Vendor = "notte"
    close_reason: str = ""
    error: str = ""
    browser_type: str = ""
    last_used_at: datetime | None = None
    steps_count: int = 0
    steps: list[Step] = []
    request_bytes: int | None = None
    response_bytes: int | None = None
    viewport_width: int | None = None
    viewport_height: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.status in OPEN or (self.status not in _ENDED and self.ended_at is None)


class SessionReply(NotteReply):
    """A session as Notte tells it."""

    model_config = ConfigDict(extra="ignore")

    session_id: Text = ""
    status: Text = ""
    close_reason: Text = ""
    created_at: When = None
    closed_at: When = None
    last_accessed_at: When = None
    duration: Annotated[int | None, BeforeValidator(_length)] = None
    steps: list[Any] = []
    steps_told: int = 0
    error: Text = ""
    browser_type: Text = ""
    network_request_bytes: Count = None
    network_response_bytes: Count = None
    viewport_width: Count = None
    viewport_height: Count = None

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, told: Any) -> Any:
        """Count the steps, and look at the first ones only: a small body may hold millions."""
        if not isinstance(told, dict):
            return told
        steps = told.get("steps")
        steps = steps if isinstance(steps, list) else []
        return {**told, "steps": good(steps, _MOST_STEPS), "steps_told": len(steps) - steps.count(None)}

    def to_session(self, asked: str = "", *, steps: bool = False) -> NotteSession:
        """Return what may be passed on.

        Args:
            asked: the id asked for, where the reply does not repeat it.
            steps: whether to keep the steps.
        """
        span = self.closed_at - self.created_at if self.closed_at and self.created_at else None
        length = None if span is None else round(span / timedelta(milliseconds=1))
        # Documentation shows them as objects without saying what is in them.
        told = [each if isinstance(each, dict) else {"message": each} for each in self.steps] if steps else []
        return NotteSession(
            session_id=self.session_id or asked,
            status=self.status,
            started_at=self.created_at,
            ended_at=self.closed_at,
            duration_ms=length if self.duration is None else self.duration,
            close_reason=self.close_reason,
            error=self.error,
            browser_type=self.browser_type,
            last_used_at=self.last_accessed_at,
            steps_count=self.steps_told,
            steps=[Step.model_validate(_without_doors(each)) for each in told],
            request_bytes=self.network_request_bytes,
            response_bytes=self.network_response_bytes,
            viewport_width=self.viewport_width,
            viewport_height=self.viewport_height,
        )


class ReplayReply(NotteReply):
    """A replay, or why there is none; the newer addresses of mouse movements are dropped: they are secrets."""

    model_config = ConfigDict(extra="ignore")

    mp4_url: Annotated[SecretStr | None, BeforeValidator(_secret)] = None
    playlist_content: Annotated[SecretStr | None, BeforeValidator(_secret)] = None
    expires_at: When = None
    video_start_ms: Count = None
    video_duration_ms: Count = None
    replay_status: Text = ""
    retryable: Truth = None
