"""Recorded exchanges as answers to our client's own requests, with what must be said about each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from cassettes.case import SERVER, Recorded, Rows, Source, Written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

_BASE_EVENT_COLUMNS = ("event_id", "$event_name", "created_at", "distinct_id", "session_id")
_USER_COLUMNS = ("$user_id", "$email", "$name", "$first_name", "$last_name", "$created_at", "$last_seen")
_OMITTED_WHEN_EMPTY = frozenset({"$tags", *(f"group_id{n}" for n in range(1, 7))})
_FILTERED = frozenset({"$event_name", "session_id"})
_KEPT_HEADERS = frozenset({"content-type", "date", "server"})
_SHORT = 90
_DEFAULTS = {"limit": 50, "page": 1}
# The one is called otherwise by newer Pythons, the other is not registered.
_WORDS = {422: "Unprocessable Entity", 529: "Overloaded"}


@dataclass(frozen=True)
class Answer:
    """A reply, and where it comes from."""

    status: int
    headers: dict[str, list[str]]
    body: str | bytes
    origin: str
    remarks: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()


@dataclass
class Recordings:
    """The recorded exchanges and session rows of a directory.

    Attributes:
        directory: holds `*.jsonl` and `sessions/*.json`, as the recordings and the fixtures of the tests do.
    """

    directory: Path
    _exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)

    def exchange(self, name: str) -> dict[str, Any]:
        """Return an exchange by id."""
        if not self._exchanges:
            for path in sorted(self.directory.glob("*.jsonl")):
                lines = path.read_text(encoding="utf-8").splitlines()
                self._exchanges |= {one["id"]: one for one in map(json.loads, lines)}
        return self._exchanges[name]

    def data(self, name: str) -> Any:
        """Return the data of an exchange's reply."""
        return json.loads(self.exchange(name)["response_body"])["data"]

    def answer(self, source: Source, request: httpx.Request) -> Answer:
        """Return the reply that a source gives to a request.

        Raises:
            ValueError: the recorded reply would not be true for this request.
        """
        if isinstance(source, Written):
            headers = {"Content-Type": [source.kind]} if source.kind else {}
            return Answer(source.status, headers, source.body, f"written from {source.source}")
        if isinstance(source, Rows):
            return self._rows(source, request)
        return self._recorded(source, request)

    def _rows(self, source: Rows, request: httpx.Request) -> Answer:
        found = json.loads((self.directory / "sessions" / f"{source.session}.json").read_text(encoding="utf-8"))
        data = _selected(found["v2_events"], json.loads(request.content))
        where = f"assembled from rows recorded against {SERVER} (sessions/{source.session}.json, v2_events)"
        order = json.loads(request.content)["sortBy"]
        remark = f"the rows by {order}, narrowed and cut to columns as the request says"
        return Answer(200, {"Content-Type": ["application/json"]}, go_json({"data": data}), where, (remark,))

    def _recorded(self, source: Recorded, request: httpx.Request) -> Answer:
        exchange = self.exchange(source.id)
        _check(exchange, request, source)
        headers: dict[str, list[str]] = {}
        for name, value in exchange["response_headers"]:
            if name.lower() in _KEPT_HEADERS:
                headers.setdefault(name, []).append(value)
        body, remarks = exchange["response_body"] or "", _differences(exchange, request)
        if source.edit:
            body = go_json({"data": source.edit(json.loads(body)["data"], self.data)})
            remarks.append(_lower(source.edit.__doc__ or ""))
        body, cut = _cut_to_columns(body, request)
        remarks += cut + ([source.moved] if source.moved else [])
        # The server's own Python service has no API v1 any more; that of an older release stood beside it.
        older = (
            " with the Python service of 1.26"
            if "/api/v1/" in exchange["url"] and "no v1" not in exchange["door"]
            else ""
        )
        origin = f"recorded against {SERVER}{older} ({source.id})"
        return Answer(exchange["status"], headers, body, origin, tuple(remarks))


def go_json(value: Any) -> str:
    """Return JSON as the server's language writes it: compact, < > and & escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def reason(status: int) -> str:
    """Return the words that go with a status."""
    return _WORDS.get(status) or HTTPStatus(status).phrase


def _selected(rows: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    """Return what the server answers of these rows: filters, the window in whole seconds, one page, columns."""
    if body["sortBy"] not in {"event_id", "created_at"}:
        raise ValueError("rows are only assembled in the order of event_id or created_at")
    wanted = [(one["name"], set(one["value"])) for one in body.get("filters", ()) if one["operator"] == "is"]
    if len(wanted) != len(body.get("filters", ())) or not {name for name, _ in wanted} <= _FILTERED:
        raise ValueError(f"rows are only filtered by {' and '.join(sorted(_FILTERED))}")
    first, last = body["startTimestamp"] // 1000, body["endTimestamp"] // 1000
    found = [
        row
        for row in sorted(rows, key=_place(body["sortBy"]), reverse=body["sortOrder"] == "desc")
        if all(row[name] in values for name, values in wanted) and first <= row["created_at"] // 1000 <= last
    ]
    start = (body["page"] - 1) * body["limit"]
    page = found[start : start + body["limit"]]
    columns = dict.fromkeys((*_BASE_EVENT_COLUMNS, *body["columns"]))
    events = [{name: row[name] for name in columns if row.get(name) or name not in _OMITTED_WHEN_EMPTY} for row in page]
    return {"total": len(found) if page else 0, "events": events}


def _place(sort_by: str) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Return the key by which rows are sorted; the server itself leaves events of one second in any order."""
    return lambda row: (row[sort_by], row["event_id"])


def _check(exchange: dict[str, Any], request: httpx.Request, source: Recorded) -> None:
    """Refuse a recorded reply that would be a lie here."""
    asked, recorded = urlsplit(str(request.url)), urlsplit(exchange["url"])
    same = exchange["method"] == request.method and unquote(asked.path) == unquote(recorded.path)
    if not same and not source.moved:
        raise ValueError(f"{source.id}: recorded for {exchange['method']} {recorded.path}, asked {asked.path}")
    ours, theirs = _body(request.content), _body(exchange["request_body"])
    data = json.loads(exchange["response_body"])["data"] if exchange["status"] == 200 and ours else None
    rows = next(
        (data[name] for name in ("users", "sessions", "events") if isinstance(data, dict) and data.get(name)), None
    )
    if source.edit or not rows:
        return
    for name, usual in _DEFAULTS.items():
        mine, recorded_value = ours.get(name, usual), theirs.get(name, usual)
        all_fit = name == "limit" and data["total"] == len(rows) <= mine
        if mine != recorded_value and not all_fit:
            raise ValueError(f"{source.id}: {name} {recorded_value} was recorded, {mine} is asked")


def _differences(exchange: dict[str, Any], request: httpx.Request) -> list[str]:
    """Return how the request's body and query differ from the recorded ones."""
    ours, theirs = _body(request.content), _body(exchange["request_body"])
    ours, theirs = {**ours, **dict(request.url.params)}, {**theirs, **_query(exchange["url"])}
    added = [f"{name} {_short(value)}" for name, value in ours.items() if name not in theirs]
    changed = [
        f"{name} {_short(value)} instead of {_short(theirs[name])}"
        for name, value in ours.items()
        if name in theirs and value != theirs[name]
    ]
    dropped = [name for name in theirs if name not in ours]
    told = (("adds", added), ("says", changed), ("leaves out", dropped))
    return [f"our request {verb} {', '.join(items)}" for verb, items in told if items]


def _cut_to_columns(body: str, request: httpx.Request) -> tuple[str, list[str]]:
    """Return the reply without columns of users that were not asked for now, and what was not asked for then."""
    columns = _body(request.content).get("columns")
    users = (json.loads(body).get("data") or {}).get("users") if columns and body.startswith('{"data":{') else None
    if not users:
        return body, []
    asked, given = {*_USER_COLUMNS, *columns}, set(users[0])
    lacking = ", ".join(column for column in columns if column not in given)
    remarks = [f"columns not recorded: {lacking}"] if lacking else []
    if not given - asked:
        return body, remarks
    data = json.loads(body)
    data["data"]["users"] = [{name: value for name, value in user.items() if name in asked} for user in users]
    return go_json(data), [*remarks, "the rows are cut to the columns asked for"]


def _body(content: bytes | str | None) -> dict[str, Any]:
    found = json.loads(content) if content else {}
    return found if isinstance(found, dict) else {}


def _query(url: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in urlsplit(url).query.split("&") if part)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _lower(sentence: str) -> str:
    text = sentence.strip().rstrip(".")
    return text[:1].lower() + text[1:]
