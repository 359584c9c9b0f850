"""The form of a cassette file: vcrpy's, version 1, below a comment that says where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import vcr
import yaml

from cassettes.case import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cassettes.case import Case

MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "body")
LIVE = "recorded by cassettes/record.py"
_CLOCK = "# clock: "
_WIDTH = 112


class Format:
    """vcrpy's serializer for files that people read: names in their order, text as it is, a comment on top."""

    def __init__(self, comment: str = "") -> None:
        """Keep the comment for the file to be written."""
        self._comment = comment

    def serialize(self, data: dict[str, Any]) -> str:
        """Return the file's text; always by the pure Python emitter, which folds alike everywhere."""
        text = yaml.dump(data, Dumper=yaml.SafeDumper, allow_unicode=True, sort_keys=False, width=_WIDTH)
        return f"{self._comment}{text}"

    @staticmethod
    def deserialize(text: str) -> Any:
        """Return what a file holds."""
        return yaml.safe_load(text)


def comment(case: Case, origin: Iterable[str], clock: datetime) -> str:
    """Return the lines above the interactions.

    Args:
        case: whose cassette.
        origin: where the replies come from and what to know about them.
        clock: the present of the run, which a replay needs again: it stands in some requests.
    """
    lines = [f"# {case.operation.name}: {case.name}", *(f"# {line}" for line in origin), f"{_CLOCK}{clock.isoformat()}"]
    return "".join(f"{line}\n" for line in lines)


def path_of(case: Case, directory: Path = ROOT) -> Path:
    """Return where a case's cassette lies."""
    return directory / f"{case.id}.yaml"


def head(path: Path) -> list[str]:
    """Return a cassette's comment lines."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]


def clock_of(path: Path) -> datetime:
    """Return the present of the run that made a cassette."""
    line = next(line for line in head(path) if line.startswith(_CLOCK))
    return datetime.fromisoformat(line.removeprefix(_CLOCK)).astimezone(UTC)


def played(path: Path) -> AbstractContextManager[Any]:
    """Return vcrpy's context in which a cassette answers, and nothing else does."""
    return vcr.use_cassette(str(path), record_mode="none", match_on=MATCH_ON)
