"""Which session an export is, and whose, as far as its lines say so: their schema is not documented.

LogRocket's own replies spell the ids `recordingID`, `sessionID` and `userID`; other writings of them end in `Id`
(https://docs.logrocket.com/docs/session-highlights-api). Where lines differ, what most of them say counts: one may name
an earlier session, or who somebody was before signing in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from openreplay_tools.logrocket.moments import is_session_id, session_link
from openreplay_tools.personal import NOBODY
from openreplay_tools.recordings import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.logrocket.export_file import ExportedEvent
    from openreplay_tools.operation import Scope

_HEARD = 200  # events; the first of a file tell, if any do
_LONGEST_ID = 1024  # characters, which is LogRocket's own bound


class Whose:
    """Hears a file's first events, and knows whose session they are."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._heard = 0
        self._sessions: Counter[str] = Counter()
        self._users: Counter[str] = Counter()

    def hear(self, event: ExportedEvent) -> None:
        """Take note of what an event says at its top level."""
        if self._heard == _HEARD:
            return
        self._heard += 1
        if session_id := _session_id(event.data):
            self._sessions[session_id] += 1
        user_id = _told(event.data, "userID", "userId")
        if user_id and len(user_id) <= _LONGEST_ID and user_id.lower() not in NOBODY:
            self._users[user_id] += 1

    def session(self, scope: Scope) -> Session | None:
        """Return the session with the link to its replay; None where no line names it."""
        if not self._sessions:
            return None
        ((session_id, _),) = self._sessions.most_common(1)
        link = session_link(session_id, org=scope.app.org, app=scope.app.app, dashboard=scope.app.dashboard)
        return Session(vendor="logrocket", session_id=session_id, link=link)

    @property
    def user_id(self) -> str:
        """The user's id; "" where no line names one."""
        return next((user_id for user_id, _ in self._users.most_common(1)), "")


def _session_id(data: Mapping[str, Any]) -> str:
    """Return the id as links have it, "" where the line does not tell all of it."""
    session = _told(data, "sessionID", "sessionId")
    recording = _told(data, "recordingID", "recordingId")
    whole = session if "/" in session or not recording else f"{recording}/{session}"
    return whole if is_session_id(whole) else ""


def _told(data: Mapping[str, Any], *names: str) -> str:
    """Return the first text or whole number under these names."""
    values = (data.get(name) for name in names)
    texts = (str(value).strip() for value in values if isinstance(value, str | int) and not isinstance(value, bool))
    return next((text for text in texts if text), "")
