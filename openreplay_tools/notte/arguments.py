"""The arguments that several of Notte's operations take."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field


def _one_part(value: str) -> str:
    """Return an id without the space around it; UUIDs are usual, but nobody promises them."""
    value = value.strip()
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character, which no address can hold
        message = "should be text without broken characters"
        raise ValueError(message) from None
    # A proxy may take a backslash for a slash, and what stands between two of them for a step upwards.
    if not value or "/" in value or not {".", ".."}.isdisjoint(re.split(r"[/\\]", value)):
        message = "should be the session's id alone, such as notte_list_sessions shows it"
        raise ValueError(message)
    return value


SessionId = Annotated[
    str,
    AfterValidator(_one_part),
    Field(min_length=1, max_length=200, description="Session id, from notte_list_sessions."),
]
Wait = Annotated[int, Field(ge=0, le=600, description="Seconds to wait while the replay is being prepared, 0 to 600.")]
