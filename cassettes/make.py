"""Make the cassettes, of recorded exchanges and of replies that are written from documents.

    python cassettes/make.py [RECORDINGS]                  the cassettes, from RECORDINGS (default: the tests' fixtures)
    python cassettes/make.py --snapshots                   also the answers in tests/snapshots/cassettes
    python cassettes/make.py --copy RECORDINGS             the session rows that the cases need, into the fixtures

Each case's operation runs through the public `Client`; a transport answers each of its requests with the reply that the
case names, and request and reply become the cassette. The same recordings give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, this folder is no package

import httpx
from vcr.request import Request
from vcr.serialize import serialize

from cassettes import replay
from cassettes.case import KEY, NOW, RECORDINGS, ROOT, Case, Rows
from cassettes.cases import CASES
from cassettes.cassette import Format, comment, path_of
from cassettes.exchanges import Answer, Recordings, reason
from openreplay_tools import Client
from openreplay_tools.errors import OpenReplayToolsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT_HEADERS = ("accept", "authorization", "content-type")


def make(directory: Path, recordings: Path) -> list[Path]:
    """Write every cassette and return the paths.

    Args:
        directory: where the resources' folders go.
        recordings: a directory of recorded exchanges.

    Raises:
        ValueError: a case's outcome is not what it says, or its replies would be a lie.
    """
    source = Recordings(recordings)
    return [_write(case, directory, source) for case in CASES]


def copy(recordings: Path, fixtures: Path) -> None:
    """Copy the event rows of the sessions that the cases name; the exchanges beside them are copied whole."""
    sessions = {source.session for case in CASES for source in case.sources if isinstance(source, Rows)}
    (fixtures / "sessions").mkdir(parents=True, exist_ok=True)
    for session in sorted(sessions):
        found = json.loads((recordings / "sessions" / f"{session}.json").read_text(encoding="utf-8"))
        rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in found["v2_events"])
        text = f'{{"v2_events": [\n{rows}\n]}}\n'
        (fixtures / "sessions" / f"{session}.json").write_text(text, encoding="utf-8")


def _write(case: Case, directory: Path, recordings: Recordings) -> Path:
    exchanged = _exchanged(case, recordings)
    requests = [_request(request) for request, _ in exchanged]
    responses = [_response(answer) for _, answer in exchanged]
    form = Format(comment(case, _origin(case, exchanged), NOW))
    text = serialize({"requests": requests, "responses": responses}, form)
    path = path_of(case, directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _exchanged(case: Case, recordings: Recordings) -> list[tuple[httpx.Request, Answer]]:
    """Run a case and return what was asked and answered."""
    sources, found = iter(case.replies), []

    def answer(request: httpx.Request) -> httpx.Response:
        source = next(sources, None)
        if source is None:
            raise ValueError(f"{case.id}: more requests than replies: {request.method} {request.url}")
        found.append((request, recordings.answer(source, request)))
        told = found[-1][1]
        headers = [(name, value) for name, values in told.headers.items() for value in values]
        return httpx.Response(told.status, headers=headers, content=told.content)

    with TemporaryDirectory() as directory:
        settings = case.settings_at(NOW, Path(directory))
        try:
            with Client(settings, transport=httpx.MockTransport(answer)) as client:
                outcome: Any = replay.result(client, case, NOW)
        except OpenReplayToolsError as error:
            outcome = error
    problem = replay.problem(case, outcome) or ("replies are left over" if next(sources, None) else "")
    if problem:
        raise ValueError(f"{case.id}: {problem}")
    return found


def _request(request: httpx.Request) -> Request:
    shown = [value for name, value in request.headers.items() if name.lower() != "authorization"]
    if any(KEY in value for value in (*shown, str(request.url))):
        raise ValueError(f"the key leaves in the wrong place: {request.method} {request.url.host}")
    headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
    hidden = {"authorization": "REDACTED"} if "authorization" in headers else {}  # signing in has none
    return Request(request.method, str(request.url), request.content, {**headers, **hidden})


def _response(answer: Answer) -> dict[str, Any]:
    status = {"code": answer.status, "message": reason(answer.status)}
    return {"status": status, "headers": answer.headers, "body": {"string": answer.content}}


def _origin(case: Case, exchanged: list[tuple[httpx.Request, Answer]]) -> Iterator[str]:
    for _, answer in exchanged:
        yield answer.origin
        yield from (f"  {remark}" for remark in answer.remarks)
    if not exchanged:
        yield "refused before anything is asked"
    if case.note:
        yield case.note


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="Make the cassettes of recorded exchanges.")
    parser.add_argument("recordings", nargs="?", type=Path, default=RECORDINGS, help="default: the tests' fixtures")
    parser.add_argument("--snapshots", action="store_true", help="also renew the answers in tests/snapshots/cassettes")
    parser.add_argument("--copy", action="store_true", help="first copy the session rows needed into the fixtures")
    options = parser.parse_args()
    if options.copy:
        copy(options.recordings, RECORDINGS)
    written = make(ROOT, options.recordings)
    print(f"{len(written)} cassettes in {ROOT}")
    if options.snapshots:
        print(f"{replay.write_snapshots(CASES)} snapshots in {replay.SNAPSHOTS}")


if __name__ == "__main__":
    main()
