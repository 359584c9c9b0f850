"""Short sessions written down for tests: what happened at which second, as the server would tell it."""

import json
from datetime import UTC, datetime, timedelta
from zlib import crc32

from openreplay_tools.openreplay.digest import digest
from openreplay_tools.openreplay.timeline import Event, arranged, without_twins

ORIGIN = "https://shop.example"
BEGUN = datetime(2026, 11, 20, 12, tzinfo=UTC)
_KINDS = {"page": "LOCATION", "click": "CLICK", "tap": "TAP", "typed": "INPUT", "request": "REQUEST", "error": "ERROR",
          "crash": "CRASH", "issue": "ISSUE", "sample": "PERFORMANCE"}  # fmt: skip


class Story:
    """Takes what happens; the url of a click is that of the page that is open."""

    def __init__(self):
        self.events = []
        self._page = ""

    def _add(self, second, kind, url="", properties=None, duration=0, **captured):
        issue = captured.get("issue_type", "")
        self.events.append(
            Event.model_validate(
                {
                    "event_id": f"{len(self.events):06}",
                    "kind": _KINDS.get(kind, kind),
                    "at": BEGUN + timedelta(seconds=second),
                    "offset_ms": second * 1000,
                    "url": url,
                    "captured": captured,
                    "properties": properties,
                    "duration_s": duration,
                    "issue_type": issue,
                }
            )
        )
        return self

    def page(self, second, path, **timings):
        self._page = f"{ORIGIN}{path}"
        return self._add(second, "page", self._page, **{key: str(value) for key, value in timings.items()})

    def click(self, second, label, kind="click"):
        return self._add(second, kind, self._page, label=label, selector=f"#{label}")

    def typed(self, second, label):
        return self._add(second, "typed", self._page, label=label)

    def request(self, second, path, status=200, method="GET", body=None, *, duration=0):
        url = path if "://" in path else f"{ORIGIN}{path}"
        saved = {} if body is None else {"response_body": json.dumps({"headers": {}, "body": json.dumps(body)})}
        ok = bool(status) and status < 400
        return self._add(second, "request", url, None, duration, method=method, status=status, success=ok, **saved)

    def graphql(self, second, name, body=None):
        saved = {} if body is None else {"response_body": json.dumps(body)}
        return self._add(second, "GRAPHQL", "", name=name, **saved)

    def on(self, path):
        """Go back to another tab."""
        self._page = f"{ORIGIN}{path}"
        return self

    def error(self, second, message, name="TypeError", kind="error"):
        return self._add(second, kind, self._page, name=name, message=message)

    def issue(self, second, kind, about="", **payload):
        more = {"payload": json.dumps(payload)} if payload else {}
        return self._add(second, "issue", issue_type=kind, context_string=about, **more)

    def own(self, second, name, **data):
        return self._add(second, name, self._page, properties=data)

    def sample(self, second):
        return self._add(second, "sample", avg_fps=60)

    def told(self):
        """Return the digest, from the events in the order of a server that has none."""
        shuffled = sorted(self.events, key=lambda event: crc32(event.event_id.encode()) % 7)
        return digest(without_twins(arranged(shuffled)), lambda ms: f"link?jumpto={ms}")
