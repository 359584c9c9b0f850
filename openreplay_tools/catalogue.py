"""Every operation, in reading order."""

from __future__ import annotations

from typing import Any, TypeAlias

from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.jobs import cancel_job, delete_user, get_job, list_jobs
from openreplay_tools.openreplay.live import list_live_sessions, search_live_sessions
from openreplay_tools.openreplay.projects import create_project, get_project, list_projects
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.users import get_user, search_users
from openreplay_tools.operation import Operation

__all__: list[str] = [
    "OPERATIONS",
    "cancel_job",
    "create_project",
    "delete_user",
    "get_job",
    "get_project",
    "get_user",
    "list_jobs",
    "list_live_sessions",
    "list_projects",
    "list_session_events",
    "list_user_sessions",
    "search_live_sessions",
    "search_users",
]

AnyOperation: TypeAlias = Operation[Any, Any]

OPERATIONS: tuple[AnyOperation, ...] = (
    list_projects,
    get_project,
    create_project,
    search_users,
    get_user,
    delete_user,
    list_user_sessions,
    list_session_events,
    list_live_sessions,
    search_live_sessions,
    list_jobs,
    get_job,
    cancel_job,
)
