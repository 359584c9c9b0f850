"""Files that are written: below one directory that somebody named, whole or not at all, never over another unasked."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from openreplay_tools.errors import ArgumentsError, ConfigurationError, ReplyTooLongError, UnavailableError
from openreplay_tools.text import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._ +@=~-]{1,120}(?<![. ])\Z")
# Names of devices on Windows, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *(\.|\Z)", re.IGNORECASE)
_IN_MEMORY = 1024 * 1024


class Draft:
    """Bytes that arrive piece by piece: kept in a temporary file, in memory while they are few."""

    def __init__(self, file: IO[bytes], at_most: int, path: Path | None = None) -> None:
        """Begin empty.

        Args:
            file: where they go.
            at_most: bytes; more is refused.
            path: where that file is; None when it has no name.
        """
        self.file = file
        self.path = path
        self._at_most = at_most
        self._start = 0
        self.size = 0

    def mark(self) -> None:
        """Keep what is here: what the next request brings comes behind it."""
        self._start = self.size

    def begin(self) -> None:
        """Forget what an earlier try of the same request has brought.

        Raises:
            UnavailableError: the disk does not take what was there before.
        """
        with _writing():
            self.file.seek(self._start)
            self.file.truncate()
        self.size = self._start

    def restart(self) -> None:
        """Forget everything."""
        self._start = 0
        self.begin()

    def take(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            ReplyTooLongError: it would be more than may be taken.
            UnavailableError: the disk does not take it.
        """
        self.size += len(chunk)
        if self.size > self._at_most:
            raise ReplyTooLongError(
                f"The file is longer than {self._at_most / 1024**2:g} MiB, the most that is downloaded here "
                "(the setting max_download_bytes)."
            )
        with _writing():
            self.file.write(chunk)

    def head(self, size: int = 1024) -> bytes:
        """Return the first bytes.

        Raises:
            UnavailableError: the disk does not take what came last.
        """
        return self.head_at(0, size)

    def head_at(self, position: int, size: int = 1024) -> bytes:
        """Return the first bytes from a position on.

        Raises:
            UnavailableError: the disk does not take what came last.
        """
        with _writing():
            self.file.seek(position)
            head = self.file.read(size)
            self.file.seek(0, os.SEEK_END)
        return head


@dataclass(frozen=True, slots=True)
class Downloads:
    """Where files may be written, and how long they may get.

    Args:
        directory: the one that was named; "" for none. It is made when the first file is written.
        at_most: bytes of one file.
        download_deadline: seconds that one file may take to come, all its pieces together.
    """

    directory: str = ""
    at_most: int = 1024**3
    download_deadline: float = 900.0

    @contextmanager
    def aside(self) -> Iterator[Draft]:
        """Give a place for bytes that are only read here: without a name, gone afterwards."""
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        try:
            yield Draft(file, self.at_most)
        finally:
            with suppress(OSError):  # on a full disk closing tries once more to write what is not wanted any longer
                file.close()

    def check(self, name: str, *, overwrite: bool = False) -> Path:
        """Return the path of a file in the directory, before anything is sent for.

        Args:
            name: a file name, without any directory.
            overwrite: whether a file of that name may be replaced.

        Raises:
            ArgumentsError: it is no plain name, or there is such a file.
            UnavailableError: nobody has named a directory.
        """
        if not self.directory:
            raise UnavailableError(
                "Nobody has named a directory for files: set OPENREPLAY_DOWNLOADS, or give downloads= (--downloads on "
                "the command line)."
            )
        if not _NAME.match(name) or _DEVICES.match(name):
            raise ArgumentsError(
                "save_as: ", Given(name), " is not a plain file name. Write letters, digits, . _ - without any "
                "directory, such as replay.mp4.",
            )  # fmt: skip
        path = Path(self.directory) / name
        if not overwrite and os.path.lexists(path):
            raise _there_already(name)
        return path

    @contextmanager
    def drafting(self) -> Iterator[Draft]:
        """Give a place for bytes that become a file of the directory when `keep` says so, and vanish otherwise.

        Raises:
            ConfigurationError: the directory cannot be made or written to.
        """
        try:
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=self.directory)
        except OSError as error:
            raise ConfigurationError(
                f"The directory for downloads cannot be written to ({error.strerror}). Check OPENREPLAY_DOWNLOADS."
            ) from None
        file = os.fdopen(handle, "w+b")
        try:
            yield Draft(file, self.at_most, Path(temporary))
        finally:
            with suppress(OSError):  # as above
                file.close()
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)

    def keep(self, draft: Draft, name: str, *, overwrite: bool = False) -> Path:
        """Give the finished bytes their name, whole or not at all, and close them.

        Args:
            draft: from `drafting`.
            name: see `check`.
            overwrite: see `check`.

        Raises:
            ArgumentsError: meanwhile there is a file of that name.
            UnavailableError: the disk does not take it.
        """
        path = self.check(name, overwrite=overwrite)
        if draft.path is None:
            raise TypeError("what was put aside has no file to give a name to")
        try:
            draft.file.flush()
            os.fsync(draft.file.fileno())
            draft.file.close()  # an open file cannot be renamed everywhere
            if overwrite:
                draft.path.replace(path)
            else:
                _link(draft.path, path)
        except FileExistsError:
            raise _there_already(name) from None
        except OSError as error:
            raise _cannot_write(error) from None
        return path


def _link(temporary: Path, path: Path) -> None:
    """Rename unless there is such a file; a file system without hard links gets an empty one to replace first."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        with path.open("xb"):
            pass
        try:
            temporary.replace(path)
        except OSError:
            path.unlink()
            raise


def plain_name(text: str) -> str:
    """Return what of a text may stand in a file name."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80].rstrip(".-")
    return kept or "file"


@contextmanager
def _writing() -> Iterator[None]:
    """Turn what the disk says into our error."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(error) from None


def _there_already(name: str) -> ArgumentsError:
    return ArgumentsError(
        "save_as: the directory for downloads already holds ", Given(name), ". Choose another name, or pass "
        "overwrite=true to replace it.",
    )  # fmt: skip


def _cannot_write(error: OSError) -> UnavailableError:
    return UnavailableError(f"The file cannot be written ({error.strerror}). Check the disk of the downloads.")
