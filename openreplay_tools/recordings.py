"""What vendors of session recordings have in common: sessions, moments in them, highlights, and their videos.

LogRocket and Notte answer with these, so that whoever reads one vendor's answer can go on with another's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, SecretStr

from openreplay_tools.operation import Record
from openreplay_tools.personal import Personal

Vendor = Literal["logrocket", "notte"]
Container = Literal["mp4", "ts", "webp", "webm"]


class Moment(Record):
    """A point in a recorded session.

    Attributes:
        session_id: the session's id as its vendor takes it.
        at: absolute time; None where only the offset is known.
        offset_ms: from the session's start; None where only the absolute time is known.
        link: opens the replay there; "" where nothing is known to.
        label: what the source called it, recorded text.
    """

    session_id: str = ""
    at: datetime | None = None
    offset_ms: int | None = None
    link: str = ""
    label: str = ""


class Session(Record):
    """A recorded session.

    Attributes:
        vendor: whose it is.
        session_id: as the vendor takes it: LogRocket's is `recordingID/sessionID`.
        status: the vendor's own word, such as closed or active; "" where it tells none.
        started_at: None where the vendor does not tell.
        ended_at: None while it runs, and where the vendor does not tell.
        duration_ms: None likewise.
        link: opens the replay in the vendor's dashboard; "" where nothing is known to.
    """

    vendor: Vendor
    session_id: str
    status: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    link: str = ""


class Highlight(Record):
    """What a vendor's model wrote about sessions: recorded text, not instructions.

    Attributes:
        text: markdown.
        session: which session; None for what is said of all of them.
        moments: the points in sessions that the text links to, in its order.
    """

    text: str = ""
    session: Session | None = None
    moments: list[Moment] = []


class Media(Record):
    """A session's video.

    Attributes:
        session_id: whose.
        container: mp4, ts, webp, webm; None while only its playlist is known.
        url: pre-signed address of the whole video, a secret; `get_secret_value()` shows it.
        playlist: text of an HLS playlist whose lines are pre-signed addresses, a secret as well.
        expires_at: when addresses stop working; None where the vendor does not tell.
        start_ms: where the video begins, as the vendor says it; relative to what is not documented.
        duration_ms: None where the vendor does not tell.
    """

    session_id: str = ""
    container: Container | None = None
    url: SecretStr | None = None
    playlist: SecretStr | None = None
    expires_at: datetime | None = None
    start_ms: int | None = None
    duration_ms: int | None = None


class Person(Record):
    """A tracked user as a vendor keeps it.

    Attributes:
        user_id: the id the site gave.
        name: "" where none is kept.
        email: "" where none is kept.
        traits: further properties; vendors return numbers and truth values as text.
    """

    user_id: Annotated[str, Personal("user")] = ""
    name: Annotated[str, Personal("name")] = ""
    email: Annotated[str, Personal("email")] = ""
    traits: dict[str, str] = {}


def with_session_ids(data: Any, result: BaseModel) -> Any:
    """Return a result's masked data with its session ids, which look like the secrets of a visitor's own session.

    Args:
        data: what masking has left; changed in place.
        result: whose data; only fields that its models declare are ours, whatever a payload calls its own.
    """
    pending: list[tuple[BaseModel, Any]] = [(result, data)]
    while pending:
        model, told = pending.pop()
        for name in type(model).model_fields:
            value = getattr(model, name)
            if name == "session_id" and isinstance(value, str):
                told[name] = value
            elif isinstance(value, BaseModel):
                pending.append((value, told[name]))
            elif isinstance(value, list):
                rows = zip(value, told[name], strict=True) if name in told else ()
                pending += [(each, row) for each, row in rows if isinstance(each, BaseModel)]
    return data
