"""Every operation, in reading order."""

from __future__ import annotations

from typing import Any, TypeAlias

from openreplay_tools.logrocket.export_reading import logrocket_read_export
from openreplay_tools.logrocket.exports import logrocket_list_exports
from openreplay_tools.logrocket.highlights import logrocket_get_highlights, logrocket_request_highlights
from openreplay_tools.logrocket.unserved import UNSERVED as NOT_AT_LOGROCKET
from openreplay_tools.logrocket.users import logrocket_identify_user
from openreplay_tools.notte.moments import notte_get_frames
from openreplay_tools.notte.replay import notte_get_replay
from openreplay_tools.notte.saving import notte_save_replay
from openreplay_tools.notte.sessions import notte_get_session, notte_list_sessions
from openreplay_tools.notte.unserved import UNSERVED as NOT_AT_NOTTE
from openreplay_tools.openreplay.access import check_access
from openreplay_tools.openreplay.event_search import search_events
from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.issues import find_issues
from openreplay_tools.openreplay.jobs import cancel_job, delete_user, get_job, list_jobs
from openreplay_tools.openreplay.live import list_live_sessions, search_live_sessions
from openreplay_tools.openreplay.notes import create_note, list_notes
from openreplay_tools.openreplay.open_link import open_link
from openreplay_tools.openreplay.projects import create_project, get_project, list_projects
from openreplay_tools.openreplay.raw import request, send
from openreplay_tools.openreplay.saved_searches import list_saved_searches
from openreplay_tools.openreplay.session_details import get_session
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.session_summary import summarize_session
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.suggestions import suggest_values
from openreplay_tools.openreplay.user_search import search_users
from openreplay_tools.openreplay.user_summary import summarize_user
from openreplay_tools.openreplay.users import get_user
from openreplay_tools.openreplay.vocabulary import list_event_names, list_event_properties, list_filters
from openreplay_tools.operation import Operation

__all__: list[str] = [
    "OPERATIONS",
    "cancel_job",
    "check_access",
    "create_note",
    "create_project",
    "delete_user",
    "find_issues",
    "get_job",
    "get_project",
    "get_session",
    "get_user",
    "list_event_names",
    "list_event_properties",
    "list_filters",
    "list_jobs",
    "list_live_sessions",
    "list_notes",
    "list_projects",
    "list_saved_searches",
    "list_session_events",
    "list_user_sessions",
    "logrocket_get_highlights",
    "logrocket_identify_user",
    "logrocket_list_exports",
    "logrocket_read_export",
    "logrocket_request_highlights",
    "notte_get_frames",
    "notte_get_replay",
    "notte_get_session",
    "notte_list_sessions",
    "notte_save_replay",
    "open_link",
    "request",
    "search_events",
    "search_live_sessions",
    "search_sessions",
    "search_users",
    "send",
    "suggest_values",
    "summarize_session",
    "summarize_user",
]

AnyOperation: TypeAlias = Operation[Any, Any]

OPERATIONS: tuple[AnyOperation, ...] = (
    list_projects,
    get_project,
    create_project,
    check_access,
    search_users,
    get_user,
    delete_user,
    list_user_sessions,
    search_sessions,
    get_session,
    summarize_session,
    summarize_user,
    open_link,
    list_filters,
    suggest_values,
    list_saved_searches,
    list_session_events,
    search_events,
    list_event_names,
    list_event_properties,
    list_notes,
    create_note,
    find_issues,
    list_live_sessions,
    search_live_sessions,
    list_jobs,
    get_job,
    cancel_job,
    request,
    send,
    logrocket_request_highlights,
    logrocket_get_highlights,
    logrocket_list_exports,
    logrocket_read_export,
    logrocket_identify_user,
    notte_list_sessions,
    notte_get_session,
    notte_get_replay,
    notte_save_replay,
    notte_get_frames,
)

# Whose operations there are; the first part of every tool's name.
VENDORS = ("openreplay", "logrocket", "notte")

# What agents ask a vendor for that has no API for it: never offered, each says what to use instead.
UNSERVED: tuple[AnyOperation, ...] = (*NOT_AT_LOGROCKET, *NOT_AT_NOTTE)

# What a toolkit offers when nobody chooses, as far as the credentials allow: what answers most questions. An agent does
# worse with many tools than with few.
CURATED: tuple[AnyOperation, ...] = (
    list_projects,
    check_access,
    search_users,
    get_user,
    list_user_sessions,
    search_sessions,
    summarize_session,
    summarize_user,
    open_link,
    list_filters,
    list_session_events,
    find_issues,
    logrocket_request_highlights,
    logrocket_get_highlights,
    logrocket_list_exports,
    logrocket_read_export,
    notte_list_sessions,
    notte_get_session,
    notte_get_replay,
    notte_save_replay,
    notte_get_frames,
)
# Of these, what is offered with a dashboard login only: with a key alone it reads a few users' newest sessions.
CURATED_WITH_LOGIN: tuple[AnyOperation, ...] = (find_issues,)
# Of these, what is left where OpenReplay and another vendor share the offer, so that it stays as small.
CURATED_TOGETHER: tuple[AnyOperation, ...] = (
    search_users,
    list_user_sessions,
    search_sessions,
    summarize_session,
    summarize_user,
    open_link,
    list_session_events,
    find_issues,
    logrocket_request_highlights,
    logrocket_get_highlights,
    notte_list_sessions,
    notte_get_session,
    notte_get_frames,
)
# Of those, what a session search makes dispensable.
CURATED_WITHOUT_LOGIN: tuple[AnyOperation, ...] = (list_user_sessions,)
