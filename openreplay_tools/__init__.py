"""Tools over recorded user sessions for LangChain agents, LlamaIndex agents, MCP hosts, notebooks and people.

>>> from openreplay_tools import Client, search_users  # doctest: +SKIP
>>> with Client.from_env() as client:
...     page = client.run(search_users, query="ann")
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openreplay_tools import catalogue
    from openreplay_tools.catalogue import *  # noqa: F403 - every operation, by its name
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
    from openreplay_tools.flow import Progress
    from openreplay_tools.openreplay.filters import EventCondition, Filter
    from openreplay_tools.openreplay.live import LiveFilter
    from openreplay_tools.progress import areporting, print_progress, reporting
    from openreplay_tools.recordings import Highlight, Media, Moment, Session
    from openreplay_tools.settings import Settings
    from openreplay_tools.toolkit import Reply, Toolkit

    __version__: str
    __all__ = [
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
        "Highlight",
        "LiveFilter",
        "Media",
        "Moment",
        "NotFoundError",
        "OpenReplayToolsError",
        "PermissionDeniedError",
        "Progress",
        "RateLimitError",
        "Reply",
        "RequestTimeoutError",
        "ServerError",
        "Session",
        "Settings",
        "Toolkit",
        "TransportError",
        "UnavailableError",
        "UnexpectedReplyError",
        "__version__",
        "areporting",
        "print_progress",
        "reporting",
    ]
    __all__ += catalogue.__all__

# The module each public name is loaded from when it is first used, so that importing the package costs next to nothing.
# Operations are not listed: the catalogue knows them.
_HOMES = {
    "AsyncClient": "client",
    "Client": "client",
    "EventCondition": "openreplay.filters",
    "Filter": "openreplay.filters",
    "Highlight": "recordings",
    "LiveFilter": "openreplay.live",
    "Media": "recordings",
    "Moment": "recordings",
    "Progress": "flow",
    "Reply": "toolkit",
    "Session": "recordings",
    "Settings": "settings",
    "Toolkit": "toolkit",
    "areporting": "progress",
    "print_progress": "progress",
    "reporting": "progress",
}
_CATALOGUE = "catalogue"
_ERRORS = "errors"


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("openreplay-tools")
    if name == "__all__":
        return __dir__()
    home = _HOMES.get(name) or (_ERRORS if name.endswith("Error") else _CATALOGUE)
    # Python asks here before it imports a module of ours: `from openreplay_tools import windows`.
    if name.startswith("_") or find_spec(f"{__name__}.{name}") or name not in {*_HOMES, *_public(home)}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted({*_HOMES, *_public(_ERRORS), *_public(_CATALOGUE), "__version__"})


def _public(home: str) -> list[str]:
    module = import_module(f"{__name__}.{home}")
    return getattr(module, "__all__", None) or [name for name in vars(module) if name.endswith("Error")]
