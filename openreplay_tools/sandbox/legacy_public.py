"""API v1: the public API of the legacy service, with the organization's key as it is (contract §3)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.legacy_call import LegacyCall, LegacyRoute, refused, text_field, unprocessable
from openreplay_tools.sandbox.legacy_live import credentials, list_live, search_live_sessions
from openreplay_tools.sandbox.legacy_projects import GDPR, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

_CACHED_SECONDS = 20
_MOST_SESSIONS = 50
_PLATFORMS = ("web", "ios")
_NAME = r"^[a-z,A-Z,0-9,\-,é,è,à,ç, ,|,&,\/,\\,_,.,#,']*$"
_LOCATION_TIMES = {
    "fcpTime": "first_contentful_paint_time",
    "loadTime": ("load_event_start", "load_event_end"),
    "domContentLoadedTime": ("dom_content_loaded_event_start", "dom_content_loaded_event_end"),
    "domBuildingTime": "dom_building_time",
    "speedIndex": "speed_index",
    "visuallyComplete": "visually_complete",
    "timeToInteractive": "time_to_interactive",
    "firstContentfulPaintTime": "first_contentful_paint_time",
    "firstPaintTime": "first_paint",
}


class ProjectList:
    """The list of projects, which works once in twenty seconds (contract §3.1).

    The handler takes the project's number out of a list that it keeps for twenty seconds; the next time there is none
    to take out.
    """

    def __init__(self) -> None:
        self._until: float | None = None
        self.routes = {"/v1/projects": LegacyRoute({"GET": self.show, "POST": create_project}, "key")}

    def show(self, call: LegacyCall) -> object:
        """All projects by name."""
        now = call.installation.clock()
        if self._until is not None and now < self._until:
            raise refused(500, "Internal server error.")
        self._until = now + _CACHED_SECONDS
        return {"data": [_shown(project) for project in listed(call.installation)]}


def _shown(project: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": project["name"],
        "projectKey": project["projectKey"],
        "saveRequestPayloads": project["saveRequestPayloads"],
        "firstRecordedSessionAt": None,  # so in the recordings, although there were sessions
        "createdAt": project["createdAt"],
        "sampleRate": project["sampleRate"],
        "platform": project["platform"],
        "conditionsCount": project["conditionsCount"],
    }


def create_project(call: LegacyCall) -> object:
    """Contract §3.2."""
    fields = call.fields()
    name = " ".join(text_field(fields, "name", "my first project").split())
    platform = fields.get("platform", "web")
    if not re.fullmatch(_NAME[1:-1], name):
        detail = {"type": "string_pattern_mismatch", "loc": ["body", "name"]}
        message = f"String should match pattern '{_NAME}'"
        raise unprocessable({**detail, "msg": message, "input": name, "ctx": {"pattern": _NAME}})
    if platform not in _PLATFORMS:
        expected = "'web' or 'ios'"
        detail = {"type": "literal_error", "loc": ["body", "platform"], "msg": f"Input should be {expected}"}
        raise unprocessable({**detail, "input": platform, "ctx": {"expected": expected}})
    created = call.store.create_project(name, platform)
    if created is None:
        raise refused(400, "name already exists.")
    shown = {key: created[key] for key in ("projectKey", "name", "saveRequestPayloads", "platform")}
    return {"data": {**shown, "gdpr": GDPR}}


def get_project(call: LegacyCall) -> object:
    """Contract §3.3."""
    project = call.store.project(call.path["projectKey"]) or {}
    return {"data": {key: project[key] for key in ("projectId", "projectKey", "platform", "name")}}


def list_user_sessions(call: LegacyCall) -> object:
    """The user's first fifty sessions from a date on; more are found by moving that date (contract §3.4)."""
    start, end = call.number("start_date"), call.number("end_date")
    found = [
        session
        for session in _sessions_of(call)
        if (start is None or session["startTs"] >= start) and (end is None or session["startTs"] <= end)
    ]
    found.sort(key=lambda session: int(session["sessionId"]))
    return {"data": [_session(call, session) for session in found[:_MOST_SESSIONS]]}


def _sessions_of(call: LegacyCall) -> list[dict[str, Any]]:
    user = call.path["userId"]
    return [session for session in call.store.sessions(call.project) if session["userId"] == user]


def _session(call: LegacyCall, session: Mapping[str, Any]) -> dict[str, Any]:
    names = ("userUuid", "userId", "userOs", "userBrowser")
    # This and the replay count in PostgreSQL, where the recorded sessions have one event more than in the search.
    replay = (call.store.recorded_session(session["sessionId"]) or {}).get("replay", session)
    return {
        "projectId": call.project,
        "sessionId": session["sessionId"],
        **{name: session[name] for name in names},
        "userDevice": session["userDevice"] or "",
        **{name: session[name] for name in ("userCountry", "startTs", "duration")},
        "eventsCount": replay["eventsCount"],
        **{name: session[name] for name in ("pagesCount", "errorsCount")},
    }


def get_user(call: LegacyCall) -> object:
    """What a user's sessions tell; null for an unknown one (contract §3.6)."""
    starts = [session["startTs"] for session in _sessions_of(call)]
    if not starts:
        return {"data": None}
    seen = {"sessionCount": len(starts), "lastSeen": max(starts), "firstSeen": min(starts)}
    return {"data": {"userId": call.path["userId"], **seen}}


def delete_user(call: LegacyCall) -> object:
    """Schedules a job each time, also while another one for the user waits (contract §3.7)."""
    now = call.installation.now()
    return {"data": call.store.schedule_deletion(call.project, call.path["userId"], now, again=True)}


def list_events(call: LegacyCall) -> object:
    """Clicks, inputs and pages of a session, in the form of 1.23 to 1.26 (contract §3.5).

    The session's number is all that is looked at. What earlier servers sent is not established.
    """
    session = call.number("sessionId", place="path")
    rows = call.store.select(
        'SELECT "$event_name", created_at, "$current_url", "$referrer", "$duration_s", "$properties" FROM events '
        """WHERE session_id = ? AND "$event_name" IN ('CLICK', 'INPUT', 'LOCATION', 'TAP') ORDER BY created_at, tie""",
        [str(session)],
    )
    return {"data": [_event(row) for row in rows]}


def _event(row: tuple[Any, ...]) -> dict[str, Any]:
    name, at, url, referrer, seconds, captured = row
    known = json.loads(captured)
    event: dict[str, Any] = {"createdAt": f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%S}", "type": name}
    if name == "LOCATION":
        event |= {"url": known.get("url") or url, "referrer": referrer}
    if name == "INPUT":
        event["duration"] = seconds * 1000
    event["label"] = known.get("label")
    if name == "CLICK":
        event |= {"hesitation": known.get("hesitation_time"), "selector": known.get("selector")}
    elif name == "INPUT":
        event |= {"value": known.get("value"), "hesitation": known.get("hesitation_time")}
    elif name == "LOCATION":
        event |= {"host": known.get("url_host"), "pageLoad": None, **_timings(known)}
    return {**event, "timestamp": at}


def _timings(known: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, source in _LOCATION_TIMES.items():
        if isinstance(source, str):
            found[name] = known.get(source)
        else:
            start, end = (known.get(moment) for moment in source)
            found[name] = None if start is None or end is None else end - start
    return found


def list_jobs(call: LegacyCall) -> object:
    """All jobs; the recorded order is that of their numbers (contract §3.8)."""
    return {"data": sorted(call.store.jobs(call.project), key=lambda job: int(job["jobId"]))}


def get_job(call: LegacyCall) -> object:
    """One job, an empty object for an unknown one."""
    return {"data": _job(call) or {}}


def cancel_job(call: LegacyCall) -> object:
    """Cancel what is not over."""
    job = _job(call)
    if job is None:
        raise refused(404, "Job not found.")
    if job["status"] in {"completed", "cancelled"}:
        raise refused(400, "The request job has already been canceled/completed.")
    return {"data": call.store.set_job_status(job["jobId"], "cancelled", now=call.installation.now())}


def _job(call: LegacyCall) -> dict[str, Any] | None:
    number = call.number("jobId", place="path")
    return None if number is None else call.store.job(call.project, number)


V1 = {
    "/v1/projects/{projectKey}": LegacyRoute({"GET": get_project}, "key"),
    "/v1/{projectKey}/users/{userId}/sessions": LegacyRoute({"GET": list_user_sessions}, "key"),
    "/v1/{projectKey}/users/{userId}": LegacyRoute({"GET": get_user, "DELETE": delete_user}, "key"),
    "/v1/{projectKey}/sessions/{sessionId}/events": LegacyRoute({"GET": list_events}, "key"),
    "/v1/{projectKey}/jobs": LegacyRoute({"GET": list_jobs}, "key"),
    "/v1/{projectKey}/jobs/{jobId}": LegacyRoute({"GET": get_job, "DELETE": cancel_job}, "key"),
}
ENTERPRISE_V1 = {
    "/v1/assist/credentials": LegacyRoute({"GET": credentials}, "key"),
    "/v1/{projectKey}/assist/sessions": LegacyRoute({"GET": list_live, "POST": search_live_sessions}, "key"),
}
