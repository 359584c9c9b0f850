"""What agents ask LogRocket for and its REST API does not have; each says what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openreplay_tools.unserved import unserved

if TYPE_CHECKING:
    from openreplay_tools.operation import Operation

# https://docs.logrocket.com/docs/mcp
_MCP = "LogRocket's own MCP server, https://mcp.logrocket.com/mcp"
_OF_USER = "logrocket_request_highlights tells of one user's most recent sessions"
_OF_FILE = "logrocket_list_exports and logrocket_read_export give the events of finished sessions, where enabled"

_INSTEAD = {
    "logrocket_search_sessions": f"LogRocket's REST API cannot search sessions. {_OF_USER}; {_MCP}, searches.",
    "logrocket_list_sessions": f"LogRocket's REST API does not list sessions. {_OF_USER}; {_OF_FILE}; {_MCP}, lists.",
    "logrocket_get_session": f"LogRocket's REST API does not give single sessions. {_OF_USER}, with links; {_OF_FILE}.",
    "logrocket_list_session_events": (
        f"LogRocket's REST API does not list a session's events. {_OF_FILE}; {_OF_USER} and the moments in them."
    ),
    "logrocket_get_replay": (
        f"LogRocket's REST API gives no video. {_OF_USER}, with links that open the replay at a moment."
    ),
    "logrocket_search_users": (
        f"LogRocket's REST API cannot search users: their id or email must be known. {_OF_USER}; {_MCP}, searches."
    ),
}
_INSTEAD["logrocket_find_sessions"] = _INSTEAD["logrocket_search_sessions"]
_INSTEAD["logrocket_summarize_session"] = _INSTEAD["logrocket_get_session"]
_INSTEAD["logrocket_list_console_logs"] = _INSTEAD["logrocket_list_session_events"]
_INSTEAD["logrocket_list_users"] = _INSTEAD["logrocket_search_users"]
_INSTEAD["logrocket_get_user"] = f"LogRocket's REST API does not tell what it keeps of a user. {_OF_USER}."

UNSERVED: tuple[Operation[..., Any], ...] = tuple(
    unserved(name, "logrocket", "logrocket", instead) for name, instead in _INSTEAD.items()
)
