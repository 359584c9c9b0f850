"""The cases of LogRocket. Nobody could record there: the replies are written from its documents, and say from which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cassettes.case import STORAGE, Case, Written
from cassettes.cases.people import ANN, NO_RETRIES, PLAIN
from openreplay_tools.catalogue import (
    logrocket_get_highlights,
    logrocket_identify_user,
    logrocket_list_exports,
    logrocket_read_export,
    logrocket_request_highlights,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UnavailableError,
)
from openreplay_tools.logrocket.export_handles import Place, handle_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIGHLIGHTS = "docs.logrocket.com/docs/session-highlights-api"
_USERS = "docs.logrocket.com/docs/user-identification-api"
_EXPORTS = "docs.logrocket.com/docs/data-export as others cite it (the index of the docs no longer lists it)"
_LINES = f"{_EXPORTS}: one JSON Lines file for each session; what a line holds is documented nowhere"
_OTHERS = "the specification that others made of LogRocket's API (api-evangelist/logrocket)"
_UNTOLD = "the body of this status is documented nowhere"
_SIGNED_OUT = f"{_EXPORTS}: the addresses are signed; that storages answer 403 when one has expired is assumed"

_ID = "3f786850e387550fdab836ed7e6dc881de23001b8b1f2c9a6d0e4f5a7b9c1d2e"
_RECORDING = "5-0f3c1f60-5a1e-4a7e-9d0b-2f6f2a9c1b11"
_LINK = f"https://app.logrocket.com/acme/shop/s/{_RECORDING}/0?t=1795196573056"
_SUMMARY = f"Ann could not pay: the [payment provider timed out]({_LINK}) twice, then she left."
_VISIT = f'- Opened /cart\n- [Payment failed]({_LINK}): "Payment provider timeout"'
_WAITING = {"result": None, "status": "PENDING", "appID": "acme/shop", "requestID": _ID}
_FAILED = {**_WAITING, "status": "FAILED"}
_READY = {
    **_WAITING,
    "status": "READY",
    "result": {
        "highlights": _SUMMARY,
        "sessions": [{"recordingID": _RECORDING, "sessionID": 0, "highlights": _VISIT}],
    },
}
_COMPLETE = {
    **_WAITING,
    "status": "COMPLETE",
    "result": {"highlights": _SUMMARY, "sessions": [{"sessionId": f"{_RECORDING}/0", "highlights": _VISIT}]},
}


def _json(source: str, data: Any, status: int = 200) -> Written:
    return Written(source, status, json.dumps(data))


def _key_refused(source: str) -> Written:
    return _json(f"{source}; {_UNTOLD}", {"message": "Invalid API key"}, 401)


_BEGUN, _PENDING, _DONE = (_json(_HIGHLIGHTS, data) for data in ({"id": _ID}, _WAITING, _READY))
_ANN: Mapping[str, Any] = {"email": ANN}
_THIS: Mapping[str, Any] = {"request_id": _ID}
_FOUND = {
    "state": "ready", "summary.text": _SUMMARY, "sessions.0.session.session_id": f"{_RECORDING}/0",
    "sessions.0.moments.0.link": _LINK,
}  # fmt: skip

HIGHLIGHTS = (
    Case(
        logrocket_request_highlights, "request-highlights", (_BEGUN, _PENDING, _PENDING, _DONE),
        {**_ANN, "question": "Why did paying fail?", "since": "2026-10-01", "until": "2026-11-20"}, _FOUND,
        door="logrocket",
    ),
    Case(
        logrocket_request_highlights, "request-highlights-complete",
        (_json(_OTHERS, {**_WAITING, "status": "PENDING"}), _json(_OTHERS, _COMPLETE)), {"user_id": "ann"}, _FOUND,
        door="logrocket", note="READY is COMPLETE there, id requestID, recordingID and sessionID sessionId.",
    ),
    Case(
        logrocket_request_highlights, "request-highlights-failed", (_BEGUN, _json(_HIGHLIGHTS, _FAILED)), _ANN,
        {"state": "failed", "request_id": _ID, "summary": None}, door="logrocket",
    ),
    Case(
        logrocket_request_highlights, "request-highlights-later", (_BEGUN,), {**_ANN, "wait": 0},
        {"state": "pending", "request_id": _ID}, door="logrocket",
    ),
    Case(
        logrocket_request_highlights, "request-highlights-refused",
        (_json(f"{_OTHERS}: 400; {_UNTOLD}", {"error": "timeRange is not valid"}, 400),), {**_ANN, "since": "-1d"},
        door="logrocket", raises=BadRequestError,
    ),
    Case(
        logrocket_request_highlights, "request-highlights-not-enabled",
        (Written(f"{_OTHERS}: 404; {_UNTOLD}", 404, "Not Found", PLAIN),), _ANN, door="logrocket",
        raises=UnavailableError, note="They need the plan Pro or Enterprise.",
    ),
    Case(
        logrocket_request_highlights, "request-highlights-broken",
        (Written(f"{_HIGHLIGHTS}; {_UNTOLD}", 502, "Bad Gateway", PLAIN),), _ANN, door="logrocket",
        raises=ServerError, note="It is not sent again: each request begins anew.",
    ),
    Case(logrocket_request_highlights, "request-highlights-nobody", door="logrocket", raises=ArgumentsError),
    Case(logrocket_get_highlights, "get-highlights", (_PENDING, _DONE), _THIS, _FOUND, door="logrocket"),
    Case(
        logrocket_get_highlights, "get-highlights-complete", (_json(_OTHERS, _COMPLETE),), _THIS, _FOUND,
        door="logrocket",
    ),
    Case(
        logrocket_get_highlights, "get-highlights-pending", (_PENDING,), {**_THIS, "wait": 0}, {"state": "pending"},
        door="logrocket",
    ),
    Case(
        logrocket_get_highlights, "get-highlights-failed", (_json(_HIGHLIGHTS, _FAILED),), _THIS, {"state": "failed"},
        door="logrocket",
    ),
    Case(
        logrocket_get_highlights, "get-highlights-unknown",
        (_json(f"{_OTHERS}: 404; {_UNTOLD}", {"message": "Not found"}, 404),), _THIS, door="logrocket",
        raises=NotFoundError,
    ),
    Case(
        logrocket_get_highlights, "get-highlights-wrong-key", (_key_refused(_OTHERS),), _THIS, door="logrocket",
        raises=AuthenticationError,
    ),
)  # fmt: skip


def _address(number: int, hour: int = 17) -> str:
    signed = f"X-Amz-Date=20261120T{hour}0000Z&X-Amz-Signature=REDACTED"
    return f"{STORAGE}/exports/acme/shop/{number}.jsonl?{signed}"


def _page(cursor: int, *addresses: str) -> Written:
    return _json(_EXPORTS, {"cursor": cursor, "sessions": [{"url": each} for each in addresses]})


_EVENTS = (
    {"type": "lr.Metadata", "timestamp": 1795196560000, "recordingID": _RECORDING, "sessionID": 0},
    {"type": "lr.Identify", "timestamp": 1795196560000, "userID": "ann", "name": "Ann Archer", "email": ANN},
    {"type": "lr.network.RequestEvent", "timestamp": 1795196572800, "reqId": "1", "method": "POST",
     "url": "https://shop.example.test/api/payments"},
    {"type": "lr.network.ResponseEvent", "timestamp": 1795196573000, "reqId": "1", "method": "POST", "status": 504},
    {"type": "lr.core.Exception", "timestamp": 1795196573056, "message": "Payment provider timeout"},
)  # fmt: skip
_FILE = Written(
    _LINES, 200, "".join(f"{line}\n" for line in [*map(json.dumps, _EVENTS), '{"type": "lr.core.Exc', ""]),
    "application/x-ndjson",
)  # fmt: skip
_HANDLE = handle_of(Place(), _address(1))
_FIRST = _page(1795111200000, _address(1))
_AGAIN = _page(1795111200000, _address(1, hour=18))
_EXPIRED = Written(
    _SIGNED_OUT, 403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
    "application/xml",
)  # fmt: skip
_COUNTS = {"events": 5, "unreadable": 1, "counts": {event["type"]: 1 for event in _EVENTS}}

EXPORTS = (
    Case(
        logrocket_list_exports, "list-exports",
        (_page(1795111200000, _address(1), _address(2)), _page(1795114800000, _address(2), _address(3)),
         _page(1795114800000, _address(3, hour=18))),
        {}, {"rows.0.handle": _HANDLE, "rows.2.position": 3, "cursor": "1795114800000", "why": "repeated_cursor"},
        door="logrocket", note="A cursor is a number, and a file that two pages list is listed once.",
    ),
    Case(
        logrocket_list_exports, "list-exports-since", (_page(1795111200000, _address(1), _address(2)),),
        {"since": "2026-11-19", "limit": 2}, {"cursor": "1795111200000", "ended": False}, door="logrocket",
    ),
    Case(
        logrocket_list_exports, "list-exports-nothing-new", (_page(1795114800000),), {"cursor": "1795114800000"},
        {"rows": [], "why": "empty_page", "cursor": "1795114800000"}, door="logrocket",
    ),
    Case(
        logrocket_list_exports, "list-exports-all",
        (_page(1795111200000, _address(1)), _page(1795114800000, _address(2)), _page(1795114800000)), {},
        {"1.position": 2}, every=True, door="logrocket",
    ),
    Case(
        logrocket_list_exports, "list-exports-not-enabled",
        (_json(f"{_EXPORTS}; {_UNTOLD}", {"error": "Data export is not enabled"}, 403),), door="logrocket",
        raises=UnavailableError,
    ),
    Case(
        logrocket_list_exports, "list-exports-wrong-key", (_key_refused(_EXPORTS),), door="logrocket",
        raises=AuthenticationError,
    ),
    Case(
        logrocket_read_export, "read-export", (_FIRST, _FILE), {"export": _HANDLE},
        {**_COUNTS, "rows.4.data.message": "Payment provider timeout", "first_unreadable_lines": [6]},
        door="logrocket",
    ),
    Case(
        logrocket_read_export, "read-export-types", (_FIRST, _FILE),
        {"export": _HANDLE, "types": ["network"], "limit": 1}, {"total": 2, "rows.0.data.reqId": "1"},
        door="logrocket",
    ),
    Case(
        logrocket_read_export, "read-export-expired", (_FIRST, _EXPIRED, _AGAIN, _FILE),
        {"export": _HANDLE, "limit": 0}, _COUNTS, door="logrocket", before=((logrocket_list_exports, {"limit": 1}),),
        note="The address that was listed first has expired, so that it is listed anew.",
    ),
    Case(
        logrocket_read_export, "read-export-save", (_FIRST, _FILE),
        {"export": _HANDLE, "limit": 0, "save_as": "checkout.jsonl"}, {**_COUNTS, "size": len(_FILE.body)},
        door="logrocket", saves=True,
    ),
    Case(
        logrocket_read_export, "read-export-all", (_FIRST, _FILE), {"export": _HANDLE},
        {"4.type": "lr.core.Exception", "5": "nothing there"}, every=True, door="logrocket",
    ),
    Case(
        logrocket_read_export, "read-export-expired-twice", (_AGAIN, _EXPIRED), {"export": _HANDLE}, door="logrocket",
        raises=PermissionDeniedError,
    ),
    Case(
        logrocket_read_export, "read-export-gone", (_page(1795114800000, _address(2)),), {"export": _HANDLE},
        door="logrocket", raises=NotFoundError,
    ),
    Case(
        logrocket_read_export, "read-export-address", (), {"export": _address(1)}, door="logrocket",
        raises=ArgumentsError,
    ),
)  # fmt: skip

_ANN_ARCHER: Mapping[str, Any] = {
    "user_id": "google-oauth2|ann", "name": "Ann Archer", "email": ANN,
    "traits": [{"name": "plan", "value": "pro"}, {"name": "age", "value": "43"}], "seen_at": "2026-11-20 12:00",
}  # fmt: skip
_KEPT = {"name": "Ann Archer", "email": ANN, "traits": {"plan": "pro", "age": "43", "company": "Acme"}}

IDENTIFY = (
    Case(
        logrocket_identify_user, "identify", (_json(_USERS, {"userID": "google-oauth2|ann", **_KEPT}),), _ANN_ARCHER,
        {"user_id": "google-oauth2|ann", "traits.company": "Acme"}, door="logrocket",
    ),
    Case(
        logrocket_identify_user, "identify-other-spelling", (_json(_OTHERS, {"userId": "ann", **_KEPT}),),
        {"user_id": "ann", "name": "Ann Archer"}, {"user_id": "ann", "traits.plan": "pro"}, door="logrocket",
    ),
    Case(
        logrocket_identify_user, "identify-refused",
        (Written(f"{_USERS}; how a message is wrapped is not documented", 400, "Malformed request", PLAIN),),
        _ANN_ARCHER, door="logrocket", raises=BadRequestError,
    ),
    Case(
        logrocket_identify_user, "identify-fails",
        (_json(f"{_USERS}; how a message is wrapped is not documented", {"error": "Error processing user data"}, 500),),
        _ANN_ARCHER, door="logrocket", settings=NO_RETRIES, raises=ServerError,
    ),
    Case(
        logrocket_identify_user, "identify-unknown-app",
        (Written(f"{_OTHERS}: 404; {_UNTOLD}", 404, "Not Found", PLAIN),), _ANN_ARCHER, door="logrocket",
        raises=NotFoundError,
    ),
    Case(
        logrocket_identify_user, "identify-nothing", (), {"user_id": "ann"}, door="logrocket", raises=ArgumentsError,
    ),
)  # fmt: skip

LOGROCKET_CASES = (*HIGHLIGHTS, *EXPORTS, *IDENTIFY)
