"""Projects as the legacy service shows them (contract §4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.legacy_catalogue import metadata_slots
from openreplay_tools.sandbox.store import GENERATED_PROJECT, RECORDED_PROJECT
from openreplay_tools.sandbox.times import DAY

GDPR = {"maskEmails": True, "sampleRate": 33, "maskNumbers": False, "defaultInputMode": "obscured"}
if TYPE_CHECKING:
    from openreplay_tools.sandbox.legacy_call import Installation, LegacyCall

_AGE = 90 * DAY


def created_ms(installation: Installation, project: int) -> int:
    """When a project was made: those with data long before it, others since the server runs."""
    age = _AGE if project in {GENERATED_PROJECT, RECORDED_PROJECT} else 0
    return installation.opened_ms - age


def listed(installation: Installation) -> list[dict[str, Any]]:
    """What both project lists show of each project, by name."""
    return [
        {
            "projectId": project["projectId"],
            "name": project["name"],
            "projectKey": project["projectKey"],
            "saveRequestPayloads": project["saveRequestPayloads"],
            "createdAt": created_ms(installation, project["projectId"]),
            "sampleRate": project["sampleRate"],
            "platform": project["platform"],
            "conditionsCount": 0,
        }
        for project in sorted(installation.store.projects(), key=lambda project: str(project["name"]))
    ]


def list_projects(call: LegacyCall) -> object:
    """All projects by name."""
    return {
        "data": [
            {**project, "gdpr": GDPR, "recorded": bool(call.store.sessions(project["projectId"]))}
            for project in listed(call.installation)
        ]
    }


def get_project(call: LegacyCall) -> object:
    """One project by its number; the key is as unknown as any other text (observed A34)."""
    project = next(item for item in call.store.projects() if item["projectId"] == call.project)
    shown = {name: project[name] for name in ("projectId", "projectKey", "name", "saveRequestPayloads", "platform")}
    last = max((session["startTs"] for session in call.store.sessions(call.project)), default=None)
    return {"data": {**shown, "lastRecordedSessionAt": last, "gdpr": GDPR}}


def list_metadata(call: LegacyCall) -> object:
    """The names of the metadata slots in use."""
    return {"data": [{"key": key, "index": slot} for slot, key in metadata_slots(call)]}
