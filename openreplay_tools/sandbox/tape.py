"""One session while it is being recorded: a clock, a page, and the rows that the server would keep of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote

from openreplay_tools.sandbox.shop import HOST, ORIGIN, TITLES
from openreplay_tools.sandbox.times import SECOND, session_id

if TYPE_CHECKING:
    from random import Random

    from openreplay_tools.sandbox.people import Device, Person
    from openreplay_tools.sandbox.times import Row

OLD_TRACKER = "18.0.6"
_PERFORMANCE_EVERY_MS = 40 * SECOND
_FIRST_FAILURE = 400
"""The lowest status that counts as failed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a session starts with, besides the visitor."""

    start_ms: int
    release: str
    experiment: str
    tracker: str
    referrer: str
    size: int


@cache
def fingerprint(*parts: str) -> str:
    """An issue's or error's id: 33 characters, the same wherever the same thing happens."""
    return "1" + blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def recorded_body(body: object, headers: dict[str, str] | None = None) -> str:
    """A request's or reply's payload in the form the tracker records it: JSON text with the body as text inside."""
    shown = {"content-type": "application/json", **(headers or {})}
    return _compact({"headers": shown, "body": _compact(body)})


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Tape:
    """Writes one session's rows.

    Rows are kept by event name and second: of several events with the same name in the same second only one survives
    on the server (observed A3). All times are whole seconds (observed A2).
    """

    def __init__(self, rng: Random, person: Person, device: Device, device_id: str, setting: Setting) -> None:
        """Start recording; nothing is written until the first event."""
        self.rng = rng
        self.person = person
        self.device = device
        self.setting = setting
        self.clock = setting.start_ms
        self.id = session_id(setting.start_ms, rng.getrandbits(24))
        self.rows: dict[tuple[str, int], Row] = {}
        self.path = self.url = ""
        self.cart: list[float] = []
        self.marks: set[str] = set()
        self._device_id = device_id
        self._next_performance = self.clock + 5 * SECOND
        self._heap = 17_000_000 + int(rng.random() * 40) * 500_000
        self._common: Row = {"user_device_type": device.kind}
        if device.model:
            self._common["user_device"] = device.model
        self._where: Row = {}
        self._template = self._new_template()

    def _new_template(self) -> Row:
        person, device, place = self.person, self.device, self.person.place
        return {
            "event_id": "",
            "$event_name": "",
            "created_at": 0,
            "distinct_id": person.user_id or self._device_id,
            "session_id": self.id,
            "$user_id": person.user_id,
            "$device_id": self._device_id,
            "$duration_s": 0,
            "properties": {},
            "$properties": {},
            "$auto_captured": True,
            "$os": device.os,
            "$os_version": device.os_version,
            "$browser": device.browser,
            "$device": device.platform,
            "$screen_height": device.height,
            "$screen_width": device.width,
            "$current_url": "",
            "$current_path": "",
            "$referrer": self.setting.referrer,
            "$country": place.country,
            "$state": place.state,
            "$city": place.city,
            "issue_type": "",
            "issue_id": "",
            "error_id": "",
        }

    @property
    def size(self) -> int:
        """How many rows there are so far."""
        return len(self.rows)

    def chance(self, probability: float) -> bool:
        """Whether something happens that happens this often."""
        return self.rng.random() < probability

    def wait(self, least_ms: int, most_ms: int) -> None:
        """Let time pass; the tracker reports its measurements on the way."""
        self.clock += least_ms + int(self.rng.random() * (most_ms - least_ms))
        if self.clock >= self._next_performance and self.device.platform == "web":
            self.performance()
            self._next_performance = self.clock + _PERFORMANCE_EVERY_MS

    def write(self, name: str, captured: Row, *, url: str = "", path: str = "", at_ms: int = 0) -> Row:
        """Write one row; a row of the same name in the same second is replaced."""
        second = (at_ms or self.clock) // SECOND * SECOND
        row = self._template.copy()
        text = f"{self.rng.getrandbits(128):032x}"
        row["event_id"] = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        row["$event_name"] = name
        row["created_at"] = second
        row["properties"] = {}
        row["$properties"] = {**captured, **self._common}
        row["$current_url"] = url
        row["$current_path"] = path
        self.rows[name, second] = row
        return row

    def unidentified(self, row: Row) -> None:
        """Take the id off a row that reached the server before the identification did (observed A8)."""
        row["$user_id"] = ""
        row["distinct_id"] = self._device_id

    def page(self, path: str, paint_ms: float, *, query: str = "") -> Row:
        """Open a page; `paint_ms` is when its largest part is painted (0: left before anything was measured)."""
        self.path = path
        self.url = f"{ORIGIN}{path}{'?' + query if query else ''}"
        shown = f"{path}?{query}".lower() if query else path
        self._where = {"url": self.url, "url_host": HOST, "url_path": shown, "url_hostpath": HOST + path}
        captured = {**self._where, **_timings(self.rng, paint_ms)} if paint_ms else self._where
        row = self.write("LOCATION", captured, url=self.url, path=path)
        if self.setting.tracker == OLD_TRACKER:  # observed A19: the new one sends no titles
            row["$properties"]["page_title"] = TITLES.get(path, "Acme Shop")
        return row

    def click(self, label: str, selector: str) -> Row:
        """Click something on the page."""
        random = self.rng.random
        captured = {
            "label": label,
            "selector": selector,
            "hesitation_time": 150 + int(random() * 2200),
            "normalized_x": int(random() * 10_000) / 100,
            "normalized_y": int(random() * 10_000) / 100,
            **self._where,
        }
        return self.write("CLICK", captured, url=self.url, path=self.path)

    def type_into(self, label: str, seconds: int) -> None:
        """Type into a field; what was typed is not stored."""
        captured = {"label": label, "hesitation_time": 200 + int(self.rng.random() * 2500)}
        self.write("INPUT", captured, url=self.url, path=self.path)["$duration_s"] = seconds

    def request(self, method: str, path: str, status: int = 200, *, sent: str = "", got: str = "") -> Row:
        """Send a request of the page; its row's address is that of the request, not of the page (observed A16)."""
        url, bare = ORIGIN + path, path.partition("?")[0]
        captured: Row = {
            "method": method,
            "status": status,
            "success": status < _FIRST_FAILURE,
            "transfer_size": 180 + int(self.rng.random() * 9000),
            "url": url,
            "url_host": HOST,
            "url_path": path.lower(),
            "url_hostpath": HOST + bare,
        }
        if sent:
            captured["request_body"] = sent
        if got:
            captured["response_body"] = got
        row = self.write("REQUEST", captured, url=url, path=bare)
        if status >= _FIRST_FAILURE:
            self.issue("bad_request", url, placed=False)
        return row

    def graphql(self, name: str, variables: Row, data: Row) -> None:
        """Send a GraphQL operation."""
        captured = {
            "name": name,
            "request_body": _compact({"variables": variables}),
            "response_body": _compact({"data": data}),
        }
        self.write("GRAPHQL", captured, url=self.url, path=self.path)

    def custom(self, name: str, payload: Row | str) -> None:
        """Send an event of the shop's own; it also writes its twin, an issue of type custom (observed A4)."""
        row = self.write(name, {}, url=self.url, path=self.path)
        row["$auto_captured"] = False
        row["properties"] = {"payload": payload} if isinstance(payload, str) else payload
        text = payload if isinstance(payload, str) else _compact(payload)
        self.issue("custom", name, payload=text)

    def issue(self, kind: str, context: str, *, payload: str = "", placed: bool = True, at_ms: int = 0) -> None:
        """Report an issue; a custom one hides any other of the same second (observed A4)."""
        second = (at_ms or self.clock) // SECOND * SECOND
        earlier = self.rows.get(("ISSUE", second))
        if earlier is not None and earlier["issue_type"] == "custom":
            return
        captured: Row = {"issue_type": kind, "context_string": context}
        if payload:
            captured["payload"] = payload
        if placed:
            captured.update(self._where)
        row = self.write(
            "ISSUE", captured, url=self.url if placed else "", path=self.path if placed else "", at_ms=second
        )
        row["issue_type"] = kind
        row["issue_id"] = fingerprint(kind, context)

    def incident(self, label: str, seconds: int) -> None:
        """Report an incident that lasted some time."""
        self.issue("incident", "")
        row = self.rows.get(("ISSUE", self.clock // SECOND * SECOND))
        if row is not None and row["issue_type"] == "incident":
            del row["$properties"]["context_string"]
            times = {"start_time": self.clock - seconds * SECOND, "end_time": self.clock}
            row["$properties"].update({"label": label, **times})

    def error(self, name: str, message: str, *frames: tuple[str, int, int]) -> None:
        """Throw an error; frames are (function, line, column), innermost first."""
        captured = {"source": "js_exception", "name": name, "message": message, "payload": _stack(frames)}
        row = self.write("ERROR", captured, url=self.url, path=self.path)
        row["error_id"] = fingerprint(name, message)

    def performance(self, *, busy: bool = False) -> None:
        """Report frames and memory; such a row has no address (observed A16)."""
        random = self.rng.random
        self._heap += int(random() * 6) * 500_000
        used = self._heap * (4 if busy else 1)
        captured = {
            "min_fps": 4 + int(random() * 6) if busy else 24 + int(random() * 30),
            "avg_fps": 14 if busy else 57 + int(random() * 3),
            "max_fps": 60 + int(random() * 2),
            "min_total_js_heap_size": used + 2_000_000,
            "avg_total_js_heap_size": used + 2_250_000,
            "max_total_js_heap_size": used + 2_500_000,
            "min_used_js_heap_size": used - 500_000,
            "avg_used_js_heap_size": used,
            "max_used_js_heap_size": used + 500_000,
        }
        if self.device.os == "Android":
            captured.update(min_cpu=8, avg_cpu=92 if busy else 31, max_cpu=100 if busy else 63)
        self.write("PERFORMANCE", captured)

    def finished(self) -> list[Row]:
        """All rows, oldest first."""
        rows = list(self.rows.values())
        rows.sort(key=_second_of)
        return rows


def _second_of(row: Row) -> int:
    second: int = row["created_at"]
    return second


@cache
def _stack(frames: tuple[tuple[str, int, int], ...]) -> str:
    return _compact(
        [
            {
                "functionName": function,
                "fileName": f"{ORIGIN}/app.js",
                "lineNumber": line,
                "columnNumber": column,
                "source": f"    at {function} ({ORIGIN}/app.js:{line}:{column})",
            }
            for function, line, column in frames
        ]
    )


def _timings(rng: Random, paint_ms: float) -> Row:
    """How a page loaded. Web vitals are strings, the rest numbers (observed A17)."""
    random = rng.random
    lcp = int(paint_ms)
    request = 8 + int(random() * 40)
    response = request + 40 + int(random() * 90)
    done = response + 20 + int(random() * 40)
    first = response + int((lcp - response) * 0.6)
    ready = first + 60 + int(random() * 120)
    loaded = max(lcp, ready) + 40 + int(random() * 200)
    vitals = {
        "lcp": str(lcp),
        "fcp": str(first),
        "ttfb": f"{response + int(random() * 10) / 10}",
        "cls": f"{int(random() * 90) / 1000}",
        "inp": str(40 + int(random() * 90)),
    }
    raw = ",".join(f'"{name.upper()}":"{value}"' for name, value in vitals.items())
    return {
        "request_start": request,
        "response_start": response,
        "response_end": done,
        "response_time": done,
        "ttlb": done - response,
        "dom_building_time": ready - done,
        "dom_content_loaded_event_start": ready,
        "dom_content_loaded_event_end": ready + 8,
        "dom_content_loaded_event_time": 8,
        "load_event_start": loaded,
        "load_event_end": loaded + 5,
        "load_event_time": 5,
        "first_paint": first - 10,
        "first_contentful_paint_time": first,
        "speed_index": (first + lcp) // 2,
        "visually_complete": lcp + 60,
        "time_to_interactive": loaded + 90,
        "web_vitals": "{" + raw + "}",
        **vitals,
    }


def encoded(text: str) -> str:
    """Text as it stands in a query."""
    return quote(text, safe="")
