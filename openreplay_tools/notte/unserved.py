"""What agents that know other vendors ask of Notte, and its API does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openreplay_tools.unserved import unserved

if TYPE_CHECKING:
    from openreplay_tools.operation import Operation

UNSERVED: tuple[Operation[Any, Any], ...] = (
    unserved(
        "notte_list_session_events", "notte", "notte",
        "Notte records no events. notte_get_session lists a session's steps, notte_get_frames shows moments of it.",
    ),
    unserved(
        "notte_list_console_logs", "notte", "notte",
        "Notte has no API for console logs. notte_get_session shows a session's error and what came of its steps, "
        "notte_get_frames what was to be seen.",
    ),
    unserved(
        "notte_list_network_logs", "notte", "notte",
        "Notte's network logs are not read here. notte_get_session shows a session's error and what came of its steps, "
        "notte_get_frames what was to be seen.",
    ),
    unserved(
        "notte_search_sessions", "notte", "notte",
        "Notte has no API for searching sessions. notte_list_sessions lists them, also the ended ones.",
    ),
    unserved(
        "notte_search_users", "notte", "notte",
        "Notte's sessions are driven by agents: it tracks no users. notte_list_sessions lists the sessions.",
    ),
    unserved(
        "notte_summarize_session", "notte", "notte",
        "Notte has no API for summaries. Read the steps with notte_get_session, and look at moments with "
        "notte_get_frames.",
    ),
)  # fmt: skip
