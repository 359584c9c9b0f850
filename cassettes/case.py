"""What a cassette's case is: an operation, its arguments, where each reply comes from, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from openreplay_tools import Settings
from openreplay_tools.confirmation import Confirmations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openreplay_tools.catalogue import AnyOperation
    from openreplay_tools.errors import OpenReplayToolsError

ROOT = Path(__file__).parent
SNAPSHOTS = ROOT.parent / "tests" / "snapshots" / "cassettes"
RECORDINGS = ROOT.parent / "tests" / "fixtures" / "recordings"

SERVER = "OpenReplay 1.27.8"
ADDRESS = "https://openreplay.example.com"
NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)  # a quarter of an hour after the last recording
SECRET = "cassettes-secret-for-fence-and-confirmation"  # noqa: S105 - a fixed text, so that answers repeat
KEY = "not-a-real-key"
PROJECT, PROJECT_KEY = "Acme Shop", "LbifiKjlu7VmVoyauxnK"
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
        body: text of the reply.
        kind: its Content-Type; "" for none.
    """

    source: str
    status: int
    body: str = ""
    kind: str = "application/json"


Source: TypeAlias = Recorded | Rows | Written
THE_PROJECTS = Recorded("public_projects-list")


@dataclass(frozen=True)
class Case:
    """One cassette.

    Attributes:
        operation: what is run.
        name: of the file.
        sources: replies to the requests, in order, after the project list.
        arguments: of the operation.
        expects: attributes of the result (dotted; numbers index lists) and their values.
        raises: the error expected instead of a result.
        note: why the replies are true for our requests, where that is not plain.
        lists_projects: whether the project list is asked for first.
        settings: fields of `Settings` other than usual.
        every: iterate over the rows of all pages instead of running once.
        staged: another server cannot be brought to this answer, so `make record` leaves the case out.
        known: the case is about any user or session there is, so `make record` may take another one.
    """

    operation: AnyOperation
    name: str
    sources: tuple[Source, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    expects: Mapping[str, Any] = field(default_factory=dict)
    raises: type[OpenReplayToolsError] | None = None
    note: str = ""
    lists_projects: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    every: bool = False
    staged: bool = False
    known: bool = False

    @property
    def id(self) -> str:
        """The path of its files, without suffix."""
        return f"{self.operation.group}/{self.name}"

    @property
    def replies(self) -> tuple[Source, ...]:
        """Where the replies come from, the project list included."""
        return (THE_PROJECTS, *self.sources) if self.lists_projects else self.sources

    def settings_at(self, clock: datetime) -> Settings:
        """Return the settings for a replay at the cassette's own time."""
        usual = {"api_key": KEY, "base_url": ADDRESS, "project": PROJECT, "secret": SECRET, "clock": lambda: clock}
        return Settings.make(**{**usual, **self.settings})

    def arguments_at(self, clock: datetime, project_key: str = PROJECT_KEY) -> dict[str, Any]:
        """Return the arguments, with a token where one is needed."""
        given = dict(self.arguments)
        if given.get("confirm") == CONFIRM:
            what = (self.operation.name, project_key, given["user_id"])
            given["confirm"] = Confirmations(SECRET).token(what, clock)
        return given
