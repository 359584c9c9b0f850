"""The sandbox's data: users and events in SQLite, projects and jobs beside them.

Building takes a moment (60,000 events), so the finished database is kept as bytes per process and end of the data;
every further sandbox starts from a copy of them.
"""

from __future__ import annotations

import hashlib
import sqlite3
import string
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from openreplay_tools.sandbox import recorded, session_rows
from openreplay_tools.sandbox.filters import QueryError
from openreplay_tools.sandbox.functions import register
from openreplay_tools.sandbox.lexicon import Found, Lexicon
from openreplay_tools.sandbox.marks import Marks, SavedSearches
from openreplay_tools.sandbox.notes import Notes
from openreplay_tools.sandbox.segments import planted_searches
from openreplay_tools.sandbox.tables import EVENTS, USERS
from openreplay_tools.sandbox.tags import Tags
from openreplay_tools.sandbox.user_edits import UserEdits

Row = Mapping[str, Any]
JobStatus = Literal["scheduled", "running", "completed", "failed", "cancelled"]

GENERATED_PROJECT = 1
RECORDED_PROJECT = 2
_PROJECTS = (
    (GENERATED_PROJECT, "Acme Shop", "7X2WHE68QaUo3L1nD60m"),
    (RECORDED_PROJECT, "Acme Recorded", "LbifiKjlu7VmVoyauxnK"),
)
_METADATA = ("plan", "company", "experiment", "release")
_SLOTS = 10
_ALPHABET = string.ascii_letters + string.digits
_KEY_LENGTH = 20
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class _Image:
    """A finished database, and the sessions that belong to it: live ones, stored ones, and those recorded whole."""

    database: bytes
    live: Mapping[int, Sequence[Row]]
    sessions: Mapping[int, Mapping[str, Row]]
    whole: Mapping[str, Row]
    properties: dict[int, dict[str, Found]] = field(default_factory=dict)


_images: dict[int, _Image] = {}
_building = threading.Lock()


def _image(end_ms: int) -> _Image:
    with _building:
        if end_ms not in _images:
            _images[end_ms] = _build(end_ms)
        return _images[end_ms]


def _build(end_ms: int) -> _Image:
    # Imported here: generating the world is the expensive part, and only a server needs it.
    from openreplay_tools.sandbox import world

    generated = world.build(end_ms)
    seen = recorded.load()
    connection = sqlite3.connect(":memory:")
    for table in (USERS, EVENTS):
        table.create(connection)
    for project, rows in ((GENERATED_PROJECT, generated), (RECORDED_PROJECT, seen)):
        USERS.insert(connection, project, rows.users)
        EVENTS.insert(connection, project, rows.events)
    connection.executescript(_INDICES)
    connection.commit()
    database = connection.serialize()
    connection.close()
    # The tests' small worlds have no sessions.
    visits = session_rows.generated(generated.sessions, generated.events, _METADATA)
    known = [session_rows.from_recording(session, _METADATA) for session in seen.sessions]
    return _Image(
        database,
        live={GENERATED_PROJECT: generated.live, RECORDED_PROJECT: seen.live},
        sessions={
            GENERATED_PROJECT: {row["sessionId"]: row for row in visits},
            RECORDED_PROJECT: {row["sessionId"]: row for row in known},
        },
        whole={session["search_row"]["sessionId"]: session for session in seen.sessions},
    )


_INDICES = """
CREATE INDEX event_sessions ON events (session_id, project);
CREATE INDEX event_names ON events ("$event_name", project);
CREATE INDEX event_users ON events ("$user_id", project, "$event_name");
CREATE UNIQUE INDEX user_ids ON users (project, "$user_id");
ANALYZE;
"""


class Store:
    """One server's data and what requests have changed in it. Safe to use from several threads."""

    def __init__(self, end_ms: int) -> None:
        image = _image(end_ms)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.deserialize(image.database)
        register(self._connection)
        self.live = image.live
        self._sessions = image.sessions
        self._whole = image.whole
        self.marks = Marks()
        self.saved = SavedSearches()
        for saved in planted_searches(end_ms):
            self.saved.add(saved)
        self.assist_down = False
        self._projects = [_project(number, name, key, _METADATA) for number, name, key in _PROJECTS]
        self._jobs: list[dict[str, Any]] = []
        self.notes = Notes()
        self.tags = Tags()
        self.user_edits = UserEdits()
        self.lexicon = Lexicon(image.properties)

    def close(self) -> None:
        """Forget the data."""
        with self._lock:
            self._connection.close()

    def select(self, statement: str, parameters: Sequence[str | int | float]) -> list[tuple[Any, ...]]:
        """Run one query; what the database refuses while running is a `QueryError`."""
        with self._lock:
            try:
                return self._connection.execute(statement, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if "user-defined function" in str(error):
                    raise QueryError from error
                raise

    # -- projects

    def projects(self) -> list[dict[str, Any]]:
        """All projects by their number."""
        with self._lock:
            return [dict(item) for item in self._projects]

    def project(self, key: str) -> dict[str, Any] | None:
        """The project with this key, or None."""
        with self._lock:
            return next((dict(item) for item in self._projects if item["projectKey"] == key), None)

    def create_project(self, name: str, platform: str) -> dict[str, Any] | None:
        """The new project, or None when the name is taken (whatever its case)."""
        with self._lock:
            if any(item["name"].lower() == name.lower() for item in self._projects):
                return None
            number = max((item["projectId"] for item in self._projects), default=0) + 1
            created = _project(number, name, _project_key(number, name), (), platform)
            created["saveRequestPayloads"] = False
            self._projects.append(created)
            return dict(created)

    # -- sessions

    def sessions(self, project_id: int) -> list[dict[str, Any]]:
        """What session search and replay know of each session, oldest first; `startTs` in exact milliseconds."""
        return [dict(row) for row in self._sessions.get(project_id, {}).values()]

    def session(self, project_id: int, session_id: str) -> Row | None:
        """One session of the project, or None."""
        return self._sessions.get(project_id, {}).get(session_id)

    def kept_session(self, project_id: int, session_id: str) -> Row | None:
        """Return a session unless its user was deleted: the search still finds it, replay does not (observed A9)."""
        row = self.session(project_id, session_id)
        if row is None or not row["userId"]:
            return row
        done = {job["referenceId"] for job in self.jobs(project_id) if job["status"] == "completed"}
        return None if row["userId"] in done else row

    def recorded_session(self, session_id: str) -> Row | None:
        """What was recorded of one session (search_row, replay, app_events); None for a generated or unknown one."""
        return self._whole.get(session_id)

    # -- jobs

    def jobs(self, project: int) -> list[dict[str, Any]]:
        """The project's jobs, newest first."""
        with self._lock:
            return [dict(job) for job in reversed(self._jobs) if job["projectId"] == project]

    def job(self, project: int, number: int) -> dict[str, Any] | None:
        """One job of the project, or None."""
        return next((job for job in self.jobs(project) if job["jobId"] == number), None)

    def schedule_deletion(
        self, project: int, user_id: str, now: datetime, *, again: bool = False
    ) -> dict[str, Any] | None:
        """The new job, or None while another one for this user is scheduled or running; API v1 makes one `again`."""
        with self._lock:
            waiting = (job for job in self.jobs(project) if job["status"] in {"scheduled", "running"})
            if not again and any(job["referenceId"] == user_id for job in waiting):
                return None
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            job = {
                "jobId": len(self._jobs) + 1,
                "description": f"Delete user sessions of userId = {user_id}",
                "status": "scheduled",
                "projectId": project,
                "action": "delete_user_data",
                "referenceId": user_id,
                "createdAt": milliseconds(now),
                "updatedAt": milliseconds(now),
                "startAt": milliseconds(midnight),
                "errors": None,
            }
            self._jobs.append(job)
            return dict(job)

    def set_job_status(
        self, number: int, status: JobStatus, *, errors: str | None = None, now: datetime | None = None
    ) -> dict[str, Any]:
        """Move a job on, as the server's nightly run (or a test) does; `errors` stays when not given."""
        with self._lock:
            job = self._jobs[number - 1]
            job["status"] = status
            if errors is not None:
                job["errors"] = errors
            if now is not None:
                job["updatedAt"] = milliseconds(now)
            return dict(job)


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds, without the rounding of floats."""
    return (moment - datetime.fromtimestamp(0, moment.tzinfo)) // _MILLISECOND


def _project(number: int, name: str, key: str, metadata: Sequence[str], platform: str = "web") -> dict[str, Any]:
    slots = [*metadata, *[None] * (_SLOTS - len(metadata))]
    return {
        "projectId": number,
        "name": name,
        "projectKey": key,
        "tenantId": 0,  # the Enterprise edition shows the real one; the routes put it in
        "maxSessionDuration": 7200000,
        "sampleRate": 100,
        "saveRequestPayloads": True,
        "beaconSize": 0,
        "platform": platform,
        **{f"metadata{slot}": label for slot, label in enumerate(slots, 1)},
    }


def _project_key(number: int, name: str) -> str:
    digest = hashlib.blake2b(f"{number} {name}".encode(), digest_size=_KEY_LENGTH).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)
