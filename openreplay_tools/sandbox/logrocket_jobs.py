"""LogRocket's highlights: jobs that are asked for, looked at while they wait, and read when they are ready."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.logrocket_data import APP, FAILING, ORG, OTHER_SPELLING
from openreplay_tools.sandbox.logrocket_highlights import overall_text, session_text
from openreplay_tools.sandbox.logrocket_refusal import MALFORMED, RefusalError, read_json
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request

    from openreplay_tools.sandbox.logrocket_data import Shop, Visit

PENDING_LOOKS = 2
"""So many looks at a job find it pending."""

_MOST_SESSIONS = 10
_DEFAULT_DAYS = 30
_TEXTS = ("userEmail", "userID", "question", "webhookURL")


@dataclass
class _Job:
    id: str
    user_id: str
    who: str
    question: str
    start_ms: int
    end_ms: int
    looks: int = field(default=0)

    def state(self, status: str, result: Any = None) -> dict[str, Any]:
        return {"result": result, "status": status, "appID": f"{ORG}/{APP}", "requestID": self.id}


class Jobs:
    """Takes in questions about a user and answers them at the third look; each question is a job of its own."""

    def __init__(self, shop: Shop, now: Callable[[], datetime]) -> None:
        self._shop = shop
        self._now = now
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def create(self, _: Request, body: bytes) -> tuple[int, dict[str, Any]]:
        """Queue a job and answer at once; a `webhookURL` is taken and never called."""
        given = read_json(body)
        if not all(isinstance(given.get(name, ""), str) for name in _TEXTS):
            raise RefusalError(MALFORMED)
        user_id, email = given.get("userID", ""), given.get("userEmail", "")
        if not user_id and not email:
            raise RefusalError("userEmail or userID is required")
        start_ms, end_ms = self._period(given.get("timeRange"))
        with self._lock:
            digest = hashlib.sha256(f"job {len(self._jobs)} {user_id} {email} {start_ms} {end_ms}".encode())
            who = self._shop_id(user_id, email)
            job = _Job(digest.hexdigest(), who, user_id or email, given.get("question", ""), start_ms, end_ms)
            self._jobs[job.id] = job
        return (202, job.state("PENDING")) if who == OTHER_SPELLING else (200, {"id": job.id})

    def get(self, request: Request, _: bytes) -> tuple[int, dict[str, Any]]:
        """Answer with a job's state."""
        number = request.query_params.get("id", "")
        if not number:
            raise RefusalError("id is required")
        with self._lock:
            job = self._jobs.get(number)
            if job is None:
                return 404, {"detail": "Not found."}
            job.looks += 1
            if job.looks <= PENDING_LOOKS:
                return 200, job.state("PENDING")
        if job.user_id == FAILING:
            return 200, job.state("FAILED")
        is_other = job.user_id == OTHER_SPELLING
        return 200, job.state("COMPLETE" if is_other else "READY", self._result(job, is_other=is_other))

    def _period(self, given: Any) -> tuple[int, int]:
        now_ms = milliseconds(self._now())
        if given is None:
            return now_ms - _DEFAULT_DAYS * DAY, now_ms
        if not isinstance(given, dict):
            raise RefusalError(MALFORMED)
        start, end = given.get("startMs"), given.get("endMs")
        if type(start) is not int or type(end) is not int:
            raise RefusalError("timeRange needs startMs and endMs, both whole numbers")
        if start >= end:
            raise RefusalError("timeRange.startMs must be before timeRange.endMs")
        return start, end

    def _shop_id(self, user_id: str, email: str) -> str:
        """The id of the user meant; the email itself when nobody has it."""
        if user_id:
            return user_id
        known = self._shop.profiles.items()
        return next((name for name, profile in known if profile.email == email), email)

    def _result(self, job: _Job, *, is_other: bool) -> dict[str, Any]:
        visits = [
            visit
            for visit in reversed(self._shop.visits)
            if visit.user_id == job.user_id and job.start_ms <= visit.start_ms <= job.end_ms
        ][:_MOST_SESSIONS]
        return {
            "highlights": overall_text(self._shop, visits, job.who, job.question),
            "sessions": [
                {**_named(visit, is_other), "highlights": session_text(self._shop, visit)} for visit in visits
            ],
        }


def _named(visit: Visit, is_other: bool) -> dict[str, Any]:  # noqa: FBT001  private, one caller
    """A session's identity in one of the two spellings."""
    return {"sessionId": visit.path} if is_other else {"recordingID": visit.recording, "sessionID": visit.number}
