"""The arguments that several of Notte's operations take."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _one_part(value: str) -> str:
    """Return an id without the space around it; UUIDs are usual, but nobody promises them."""
    value = value.strip()
    if not value or "/" in value or value in {".", ".."}:
        message = "should be the session's id alone, such as notte_list_sessions shows it"
        raise ValueError(message)
    return value


SessionId = Annotated[
    str,
    AfterValidator(_one_part),
    Field(min_length=1, max_length=200, description="Session id, from notte_list_sessions."),
]
Wait = Annotated[int, Field(ge=0, le=600, description="Seconds to wait while the replay is being prepared, 0 to 600.")]
