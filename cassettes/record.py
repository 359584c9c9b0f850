r"""Record the cassettes anew from a live server: `make record`.

    OPENREPLAY_BASE_URL=… OPENREPLAY_PROJECT=… OPENREPLAY_API_KEY=… OPENREPLAY_EMAIL=… OPENREPLAY_PASSWORD=… \
        python cassettes/record.py [CASE …]

Runs the operation of each case, such as users/get-pipe, and keeps what was exchanged, scrubbed: no credential, token,
cookie, signature or address of the server, e-mail addresses under aliases, projects as placeholders. Names and texts of
visitors stay as they are, so read the files before you commit them; then `python cassettes/make.py --snapshots`.

A case whose credential or API is not there is left out. Each case of a login signs in anew, which ends the account's
other logins: give it an account of its own.

The cassettes of LogRocket and Notte are left out too: they are written from documents, and what those servers say has
never been looked at for what must not be kept.
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
from cassettes.case import PROJECT_ID, PROJECT_KEY, ROOT, SECRET, Case
from cassettes.cases import CASES
from cassettes.cassette import LIVE, Format, comment, path_of
from cassettes.scrub import Scrub
from openreplay_tools import Client, Settings, check_access, get_project, list_projects
from openreplay_tools.doors import MEANS
from openreplay_tools.errors import OpenReplayToolsError
from openreplay_tools.login import Pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openreplay_tools.doors import Credential, Door
    from openreplay_tools.openreplay.directory import Project

_COLUMN, _PAUSE = 40, 429
_BLANK: dict[Credential, dict[str, str]] = {
    "key": {"api_key": ""},
    "login": {"email": "", "password": ""},
    "logrocket": {"logrocket_api_key": ""},
    "notte": {"notte_api_key": ""},
}


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
        project: the one that the cases are about.
        credentials: what the environment holds.
        doors: which of the server's APIs answer.
        writes: whether cases that change the server may run.
        others: a user id and a session id to use where a case is about any.
        pace: at which the dashboard's limiter lets all cases pass.
    """

    target: Path
    now: datetime
    scrub: Scrub
    project: Project
    credentials: frozenset[Credential]
    doors: Mapping[Door, str]
    writes: bool
    others: dict[str, str]
    pace: Pace

    def record(self, case: Case) -> tuple[bool, str]:
        """Run a case and write its cassette; return whether it was written and what to say."""
        if reason := self._left_out(case):
            return False, f"left out: {reason}"
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
        if any(response["status"]["code"] == _PAUSE for response in cassette.responses):
            return False, "not written: the server asked for a pause; record it by itself"
        self._write(case, {"requests": cassette.requests, "responses": cassette.responses})
        return True, f"recorded; {scrub.text(problem)}: adapt the case" if problem else "recorded"

    def _left_out(self, case: Case) -> str:
        """Return why a case cannot be recorded here, "" when it can."""
        if case.is_siblings:
            return "another vendor's, written from its documents"
        if case.staged:
            return "belongs to the recorded server, or to one in trouble"
        if case.operation.effect != "read" and not self.writes:
            return "it may change the server (--writes)"
        if lacking := sorted(case.credentials - self.credentials):
            return f"it needs {' and '.join(MEANS[each] for each in lacking)}"
        if case.door == "v1" and self.doors["v2"] == "open":
            return "it needs a server without API v2, where API v1 takes its place"
        closed = self.doors[case.door] != "open"
        return f"the server's {case.door} API does not answer ({self.doors[case.door]})" if closed else ""

    def _run(self, case: Case, others: dict[str, str]) -> Any:
        key = self.project.project_key
        # Only the case's own credential: with another one it would take another way.
        absent = {name: text for each in _BLANK.keys() - case.credentials for name, text in _BLANK[each].items()}
        usual = {"secret": SECRET, "clock": lambda: self.now, "project": key, "token": ""}
        given = {**usual, **absent, **case.settings}
        try:
            with replay.alone(Client.from_env(**given), self.pace) as client:
                return replay.result(client, case, self.now, project_key=key, **self._here(case), **others)
        except OpenReplayToolsError as error:
            return error

    def _here(self, case: Case) -> dict[str, str]:
        """Return arguments that name the recorded project, naming this server's instead; the scrub undoes it."""
        own, found = str(self.project.project_id), {}
        if path := str(case.arguments.get("path", "")):
            path = path.replace(PROJECT_KEY, self.project.project_key)
            found["path"] = path.replace(f"/{PROJECT_ID}/", f"/{own}/", 1)
        if (number := case.arguments.get("project", "")) in {own, str(PROJECT_ID)}:
            found["project"] = own if number == str(PROJECT_ID) else str(PROJECT_ID)
        return found

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
        access = client.run(check_access)
        own, projects = client.run(get_project), client.run(list_projects).rows
        login = client.connection.login
    doors = {door.door: door.state for door in access.doors}
    told = ", ".join(f"{door} {state}" for door, state in doors.items())
    print(f"{settings.host} ({told}), project {own.name} (id {own.project_id}), into {options.to}")
    others = {name: value for name, value in (("user_id", options.user), ("session", options.session)) if value}
    scrub = Scrub(settings, own, projects)
    # A token signs nobody in, as replays do.
    credentials = settings.credentials if settings.email else settings.credentials - {"login"}
    pace = login.pace if login else Pace()
    return Session(options.to, options.clock, scrub, own, credentials, doors, options.writes, others, pace)


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
