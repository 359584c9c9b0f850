"""Tools over recorded user sessions for LangChain agents, LlamaIndex agents, MCP hosts, notebooks and people.

>>> from openreplay_tools import Client, search_users  # doctest: +SKIP
>>> with Client.from_env() as client:
...     page = client.run(search_users, query="ann")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openreplay_tools.catalogue import OPERATIONS
    from openreplay_tools.client import AsyncClient, Client
    from openreplay_tools.errors import (
        ApiError,
        ArgumentsError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        NotFoundError,
        OpenReplayToolsError,
        PermissionDeniedError,
        RateLimitError,
        RequestTimeoutError,
        ServerError,
        TransportError,
        UnavailableError,
        UnexpectedReplyError,
    )
    from openreplay_tools.openreplay.events import list_session_events
    from openreplay_tools.openreplay.filters import EventCondition, Filter
    from openreplay_tools.openreplay.jobs import cancel_job, delete_user, get_job, list_jobs
    from openreplay_tools.openreplay.live import LiveFilter, list_live_sessions, search_live_sessions
    from openreplay_tools.openreplay.projects import create_project, get_project, list_projects
    from openreplay_tools.openreplay.sessions import list_user_sessions
    from openreplay_tools.openreplay.users import get_user, search_users
    from openreplay_tools.settings import Settings
    from openreplay_tools.toolkit import Reply, Toolkit

# Each public name and the module it is loaded from when it is first used, so that importing the package is cheap.
_HOMES = {
    "OPERATIONS": "catalogue",
    "AsyncClient": "client",
    "Client": "client",
    **dict.fromkeys(
        (
            "ApiError", "ArgumentsError", "AuthenticationError", "BadRequestError", "ConfigurationError",
            "ConflictError", "NotFoundError", "OpenReplayToolsError", "PermissionDeniedError", "RateLimitError",
            "RequestTimeoutError", "ServerError", "TransportError", "UnavailableError", "UnexpectedReplyError",
        ),
        "errors",
    ),
    "list_session_events": "openreplay.events",
    "EventCondition": "openreplay.filters",
    "Filter": "openreplay.filters",
    **dict.fromkeys(("cancel_job", "delete_user", "get_job", "list_jobs"), "openreplay.jobs"),
    **dict.fromkeys(("LiveFilter", "list_live_sessions", "search_live_sessions"), "openreplay.live"),
    **dict.fromkeys(("create_project", "get_project", "list_projects"), "openreplay.projects"),
    "list_user_sessions": "openreplay.sessions",
    **dict.fromkeys(("get_user", "search_users"), "openreplay.users"),
    "Settings": "settings",
    "Reply": "toolkit",
    "Toolkit": "toolkit",
}  # fmt: skip

__all__ = [
    "OPERATIONS",
    "ApiError",
    "ArgumentsError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "EventCondition",
    "Filter",
    "LiveFilter",
    "NotFoundError",
    "OpenReplayToolsError",
    "PermissionDeniedError",
    "RateLimitError",
    "Reply",
    "RequestTimeoutError",
    "ServerError",
    "Settings",
    "Toolkit",
    "TransportError",
    "UnavailableError",
    "UnexpectedReplyError",
    "__version__",
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


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("openreplay-tools")
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
