"""What a cassette's case is: an operation, its arguments, where each reply comes from, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from openreplay_tools import Settings
from openreplay_tools.confirmation import Confirmations
from openreplay_tools.doors import OPENED_BY, OPENREPLAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openreplay_tools.catalogue import AnyOperation
    from openreplay_tools.doors import Credential, Door
    from openreplay_tools.errors import OpenReplayToolsError

ROOT = Path(__file__).parent
SNAPSHOTS = ROOT.parent / "tests" / "snapshots" / "cassettes"
RECORDINGS = ROOT.parent / "tests" / "fixtures" / "recordings"

SERVER = "OpenReplay 1.27.8"
ADDRESS = "https://openreplay.example.com"
NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)  # a quarter of an hour after the last recording
SECRET = "cassettes-secret-for-fence-and-confirmation"  # noqa: S105 - a fixed text, so that answers repeat
KEY = "not-a-real-key"
LOGROCKET, NOTTE = "https://api.logrocket.com", "https://api.notte.cc"
STORAGE = "https://storage.example.com"  # whoever keeps the files of the two
POLL_SECONDS = 0.001  # nothing is being prepared while a cassette plays
EMAIL, PASSWORD = "admin@example.com", "REDACTED_PASSWORD"  # as recorded, so that the login's body matches
PROJECT, PROJECT_KEY, PROJECT_ID = "Acme Shop", "LbifiKjlu7VmVoyauxnK", 1
OTHER_PROJECT, OTHER_PROJECT_KEY = "Acme Blog", "7X2WHE68QaUo3L1nD60m"

CONFIRM = "<the preview's token>"
"""Stands in a case's arguments for the token that the preview returns."""


@dataclass(frozen=True)
class Recorded:
    """A recorded exchange whose reply answers the next request.

    Attributes:
        id: of the exchange.
        edit: changes the reply's data; its docstring, in the words of a cassette's origin, says how.
        moved: why the reply may stand for a request to another path or method; "" forbids it.
    """

    id: str
    edit: Callable[[Any, Callable[[str], Any]], Any] | None = None
    moved: str = ""


@dataclass(frozen=True)
class Rows:
    """Event rows of a recorded session, filtered, ordered, paged and cut to columns as the request asks."""

    session: str


@dataclass(frozen=True)
class Written:
    """A reply that was not recorded.

    Attributes:
        source: the document that says so.
        status: HTTP status.
        body: of the reply; bytes for what is no text.
        kind: its Content-Type; "" for none.
    """

    source: str
    status: int
    body: str | bytes = ""
    kind: str = "application/json"


Source: TypeAlias = Recorded | Rows | Written
THE_PROJECTS = Recorded("public_projects-list")
SIGN_IN = Recorded("app_auth-login")
NO_V2 = Recorded("detect-v1only-v2-projects")
ENTRANCES: Mapping[Door, tuple[Source, ...]] = {
    "v2": (THE_PROJECTS,),
    "login": (SIGN_IN, Recorded("app_projects-list")),
    "v1": (NO_V2, Recorded("v1-project")),
    "logrocket": (),
    "notte": (),
}
"""What is asked before anything else: which door is open, and what the project is."""

CREDENTIALS: Mapping[Credential, Mapping[str, str]] = {
    "key": {"api_key": KEY},
    "login": {"email": EMAIL, "password": PASSWORD},
    "logrocket": {"logrocket_api_key": f"acme:shop:{KEY}"},
    "notte": {"notte_api_key": KEY},
}


@dataclass(frozen=True)
class Case:
    """One cassette.

    Attributes:
        operation: what is run.
        name: of the file.
        sources: replies to the requests, in order, after the entrance.
        arguments: of the operation.
        expects: attributes of the result (dotted; numbers index lists) and their values.
        raises: the error expected instead of a result.
        note: why the replies are true for our requests, where that is not plain.
        door: the way in that the case takes, and so its credential.
        both: whether OpenReplay's other credential is there too.
        enters: whether the door's usual requests come first (`ENTRANCES`).
        settings: fields of `Settings` other than usual.
        every: iterate over the rows of all pages instead of running once.
        staged: another server cannot be brought to this answer, so `make record` leaves the case out.
        known: the case is about any user or session there is, so `make record` may take another one.
        saves: a directory for files is named.
        before: what the same client is asked first, each with its arguments; its replies come first as well.
    """

    operation: AnyOperation
    name: str
    sources: tuple[Source, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    expects: Mapping[str, Any] = field(default_factory=dict)
    raises: type[OpenReplayToolsError] | None = None
    note: str = ""
    door: Door = "v2"
    both: bool = False
    enters: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    every: bool = False
    staged: bool = False
    known: bool = False
    saves: bool = False
    before: tuple[tuple[AnyOperation, Mapping[str, Any]], ...] = ()

    @property
    def id(self) -> str:
        """The path of its files, without suffix."""
        return f"{self.operation.group}/{self.name}"

    @property
    def replies(self) -> tuple[Source, ...]:
        """Where the replies come from, the entrance included."""
        return (*ENTRANCES[self.door], *self.sources) if self.enters else self.sources

    @property
    def credentials(self) -> frozenset[Credential]:
        """The kinds of credential that it has."""
        return OPENREPLAY if self.both else frozenset({OPENED_BY[self.door]})

    @property
    def is_siblings(self) -> bool:
        """Whether it is another vendor's: nobody could record there."""
        return not self.credentials <= OPENREPLAY

    @property
    def project(self) -> str:
        """What the default project is set to: at API v1 the key, which spares the list that it gives too seldom."""
        return PROJECT_KEY if self.door == "v1" else PROJECT

    def settings_at(self, clock: datetime, directory: Path | str = "") -> Settings:
        """Return the settings for a replay.

        Args:
            clock: the cassette's own time.
            directory: where a case that saves files puts them.
        """
        usual = {"base_url": ADDRESS, "project": self.project, "secret": SECRET, "clock": lambda: clock}
        given = {field: value for each in self.credentials for field, value in CREDENTIALS[each].items()}
        if self.saves:
            given["downloads"] = str(directory)
        return Settings.make(**{**usual, "poll_seconds": POLL_SECONDS, **given, **self.settings})

    def arguments_at(self, clock: datetime, project_key: str = PROJECT_KEY) -> dict[str, Any]:
        """Return the arguments, with a token where one is needed."""
        given = dict(self.arguments)
        if given.get("confirm") == CONFIRM:
            what = (self.operation.name, project_key, given["user_id"])
            given["confirm"] = Confirmations(SECRET).token(what, clock)
        return given
