"""Record the cassettes anew from a live server: `make record`.

    OPENREPLAY_API_KEY=… OPENREPLAY_BASE_URL=… OPENREPLAY_PROJECT=… python cassettes/record.py [CASE …]

Runs the operation of each case, such as users/get-pipe, and keeps what was exchanged, scrubbed: no credential, cookie
or address of the server, e-mail addresses under aliases, project keys and names as placeholders. Names and texts of
visitors stay as they are, so read the files before you commit them; then `python cassettes/make.py --snapshots`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, this folder is no package

import vcr
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.serialize import serialize

from cassettes import replay
from cassettes.case import PROJECT_KEY, ROOT, SECRET, Case
from cassettes.cases import CASES
from cassettes.cassette import LIVE, Format, comment, path_of
from cassettes.scrub import Scrub
from openreplay_tools import Client, Settings, get_project, list_projects
from openreplay_tools.errors import OpenReplayToolsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMN = 32


class Memory:
    """vcrpy's persister that keeps nothing: what a cassette holds is written after it was looked at."""

    @staticmethod
    def load_cassette(path: str, serializer: Any) -> Any:  # noqa: ARG004 - vcrpy's interface
        """Find nothing."""
        raise CassetteNotFoundError

    @staticmethod
    def save_cassette(path: str, cassette: Any, serializer: Any) -> None:
        """Write nothing."""


@dataclass(frozen=True)
class Session:
    """One run against a live server.

    Attributes:
        target: directory for the cassettes.
        now: the present, fixed for the whole run; replays need the same.
        scrub: takes out what must not be kept.
        project_key: of the project that the cases are about.
        writes: whether cases that change the server may run.
        others: a user id and a session id to use where a case is about any.
    """

    target: Path
    now: datetime
    scrub: Scrub
    project_key: str
    writes: bool
    others: dict[str, str]

    def record(self, case: Case) -> tuple[bool, str]:
        """Run a case and write its cassette; return whether it was written and what to say."""
        if case.staged:
            return False, "left out: belongs to the recorded server, or to one in trouble"
        if case.operation.effect != "read" and not self.writes:
            return False, "left out: it may change the server (--writes)"
        others = {name: value for name, value in self.others.items() if case.known and name in case.arguments}
        scrub = self.scrub.also({value: case.arguments[name] for name, value in others.items()})
        tape = vcr.VCR(
            before_record_request=scrub.request, before_record_response=scrub.response, decode_compressed_response=True
        )
        tape.register_persister(Memory)
        with tape.use_cassette(case.id, record_mode="all") as cassette:
            outcome = self._run(case, others)
        problem = replay.problem(case, outcome)
        another_kind = problem and (isinstance(outcome, Exception) or case.raises is not None)
        if another_kind or not cassette.requests:
            return False, f"not written: {scrub.text(problem) or 'nothing was asked'}"
        self._write(case, {"requests": cassette.requests, "responses": cassette.responses})
        return True, f"recorded; {scrub.text(problem)}: adapt cassettes/cases.py" if problem else "recorded"

    def _run(self, case: Case, others: dict[str, str]) -> Any:
        given = {"secret": SECRET, "clock": lambda: self.now, "project": self.project_key, **case.settings}
        try:
            with Client.from_env(**given) as client:
                return replay.result(client, case, self.now, project_key=self.project_key, **others)
        except OpenReplayToolsError as error:
            return error

    def _write(self, case: Case, exchanged: dict[str, Any]) -> None:
        origin = (f"{LIVE} on {datetime.now(UTC):%Y-%m-%d}, scrubbed",)
        path = path_of(case, self.target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(serialize(exchanged, Format(comment(case, origin, self.now))), encoding="utf-8")


def begin(options: argparse.Namespace) -> Session:
    """Look at the server's projects and begin a run.

    Raises:
        OpenReplayToolsError: the environment names no server, key or project that answers.
    """
    settings = Settings.from_env()
    with Client(settings) as client:
        own, projects = client.run(get_project), client.run(list_projects).rows
    print(f"{settings.host}, project {own.name} (id {own.project_id}), into {options.to}")
    others = {name: value for name, value in (("user_id", options.user), ("session", options.session)) if value}
    scrub = Scrub(settings, own, projects)
    return Session(options.to, options.clock, scrub, own.project_key or PROJECT_KEY, options.writes, others)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Record the cassettes anew from the live server in the environment.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="such as users/get-pipe; default: all")
    parser.add_argument("--to", type=Path, default=ROOT, help="directory for the cassettes; default: cassettes")
    parser.add_argument("--writes", action="store_true", help="also run what creates, cancels and deletes")
    parser.add_argument("--user", default="", help="a user with sessions, for cases about any user")
    parser.add_argument("--session", default="", help="a session, for cases about any session")
    now = datetime.now(UTC).replace(microsecond=0)
    parser.add_argument("--clock", type=_moment, default=now, help="the present, ISO, UTC unless it says else")
    options = parser.parse_args(given)
    if unknown := set(options.cases) - {case.id for case in CASES}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return options


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main(given: Sequence[str] | None = None) -> int:
    """Record what the command line asks for; return the exit code."""
    options = arguments(given)
    try:
        session = begin(options)
    except OpenReplayToolsError as error:
        print(f"Nothing is recorded: {error}", file=sys.stderr)
        return 2
    written = 0
    for case in CASES:
        if not options.cases or case.id in options.cases:
            done, said = session.record(case)
            written += done
            print(f"{case.id:{_COLUMN}}{said}")
    print(f"{written} cassettes are recorded. Visitors' names and texts are in them: read them before you commit.")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
