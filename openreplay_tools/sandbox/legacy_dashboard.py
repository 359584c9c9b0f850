"""The dashboard's routes at the legacy service (contract §4.2, §4.5, §4.7)."""

from __future__ import annotations

from openreplay_tools.sandbox.legacy_call import LegacyCall, LegacyRoute, refused
from openreplay_tools.sandbox.legacy_errors import get_error, get_sources
from openreplay_tools.sandbox.legacy_live import list_live, search_live_sessions
from openreplay_tools.sandbox.legacy_projects import get_project, list_metadata, list_projects


def lexicon(_: LegacyCall) -> object:
    """Broken on the recorded server (observed A34)."""
    raise refused(500, "Internal server error.")


def before_go(call: LegacyCall) -> object:
    """Session search, replay and the like, which the Go service took over in 1.27: the sandbox has them only there."""
    message = f"sandbox: not in the recordings or the contract: dashboard route {call.path['rest']} before 1.27"
    raise refused(501, message)


DASHBOARD = {
    "/projects": LegacyRoute({"GET": list_projects}),
    "/projects/{projectId}": LegacyRoute({"GET": get_project}),
    "/pa/{projectId}/lexicon/events": LegacyRoute({"GET": lexicon}),
    "/pa/{projectId}/lexicon/properties": LegacyRoute({"GET": lexicon}),
    "/{projectId}/metadata": LegacyRoute({"GET": list_metadata}),
    "/{projectId}/errors/{errorId}": LegacyRoute({"GET": get_error}, permission="DEV_TOOLS"),
    "/{projectId}/sessions/{sessionId}/errors/{errorId}/sourcemaps": LegacyRoute(
        {"GET": get_sources}, permission="DEV_TOOLS"
    ),
    "/{projectId}/assist/sessions": LegacyRoute(
        {"GET": list_live, "POST": search_live_sessions}, permission="ASSIST_LIVE"
    ),
}
BEFORE_GO = {
    "/{projectId:int}/{rest:path}": LegacyRoute(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), before_go))
}
