"""Files that are written: below one directory, whole or not at all, never over another unasked."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.downloads import Downloads, Draft, plain_name
from openreplay_tools.errors import ArgumentsError, ConfigurationError, ReplyTooLongError, UnavailableError
from openreplay_tools.flow import Pause, fetch, work
from tests.vendors import NOW, SIGNED, Broken, Driven, Far, raw, settings

FULL = Path("/dev/full")


@pytest.fixture
def downloads(tmp_path):
    return Downloads(str(tmp_path / "files"), 1000)


@pytest.fixture
def there(downloads):
    """What stands in the directory, hidden files too."""

    def names():
        folder = Path(downloads.directory)
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []

    return names


def saved(downloads, name, content=b"whole", **more):
    with downloads.drafting() as draft:
        draft.take(content)
        return downloads.keep(draft, name, **more)


def full_draft(at_most=1000):
    """A draft on a disk that takes nothing."""
    return Draft(FULL.open("w+b"), at_most)


needs_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


# --- Names ---


@pytest.mark.parametrize(
    "name",
    ["a.mp4", "replay 2026-11-20 1", "a_b-c.d+e@f=g~h", "x" * 120, "com.txt", "console.log", "-a", "~"],
)
def test_a_plain_name_is_taken(downloads, name):
    assert downloads.check(name) == Path(downloads.directory) / name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/b", "../a", "/etc/passwd", "a\\b", "..\\a", "C:\\a", "C:a", "a:stream", "//host/a"),
        *(".hidden", ".ssh", "a.", "a ", "a.mp4.", "a.mp4 ", "a\n", "a\nb", "a\0b", "\ta", "a|b", "a*b", "a?b", "<a>"),
        *("con", "CON", "nul.mp4", "Aux.txt", "com1", "LPT9.json", "prn", "nul .txt", "con  "),
        *("ä.mp4", "é.mp4", "\u0430.mp4", "a\u202egpj.mp4", "a\u200b.mp4", "\u2215etc", "\uff0e\uff0e", "com¹"),
        *("x" * 121, "$HOME", "`id`", "a;b", "a&b", "%2e%2e", "a'b", 'a"b'),
    ],
)  # fmt: skip
def test_what_is_no_plain_name_is_refused(downloads, there, name):
    with pytest.raises(ArgumentsError) as caught:
        downloads.check(name)
    assert "is not a plain file name. Write letters, digits, . _ - without any directory" in str(caught.value)
    with pytest.raises(ArgumentsError):
        saved(downloads, name)
    assert there() == []


def test_without_a_directory_nothing_is_written():
    with pytest.raises(UnavailableError, match="Nobody has named a directory for files: set OPENREPLAY_DOWNLOADS"):
        Downloads("", 1000).check("a.mp4")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2-abc/7", "2-abc-7"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "file"),
        ("", "file"),
        ("Ünï", "n"),
        (f"{'x' * 79}.y", "x" * 79),
        ("a" * 200, "a" * 80),
    ],
)
def test_any_text_has_something_for_a_file_name(downloads, text, name):
    assert plain_name(text) == name
    assert downloads.check(plain_name(text)).name == name


# --- Nothing is overwritten unasked ---


def test_what_is_there_stays_unless_it_may_be_replaced(downloads, there):
    path = saved(downloads, "a.mp4", b"first")
    with pytest.raises(ArgumentsError, match=r'already holds "a.mp4". Choose another name, or pass overwrite=true'):
        downloads.check("a.mp4")
    with pytest.raises(ArgumentsError, match="already holds"):
        saved(downloads, "a.mp4", b"second")
    assert path.read_bytes() == b"first"
    assert saved(downloads, "a.mp4", b"third", overwrite=True).read_bytes() == b"third"
    assert there() == ["a.mp4"]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_stays(downloads, there, monkeypatch, links):
    if not links:
        _without_hard_links(monkeypatch)
    with pytest.raises(ArgumentsError, match="already holds"), downloads.drafting() as draft:  # noqa: PT012
        draft.take(b"ours")
        # Behind the back of the check that `keep` begins with: what the operating system says must be enough.
        monkeypatch.setattr(os.path, "lexists", lambda path: (Path(path).write_bytes(b"theirs"), False)[1])
        downloads.keep(draft, "a.mp4")
    assert (Path(downloads.directory) / "a.mp4").read_bytes() == b"theirs"
    assert there() == ["a.mp4"]


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_not_followed(downloads, tmp_path, target):
    outside = tmp_path / "outside"
    if target == "there":
        outside.write_bytes(b"precious")
    Path(downloads.directory).mkdir()
    link = Path(downloads.directory) / "a.mp4"
    link.symlink_to(outside)
    with pytest.raises(ArgumentsError, match="already holds"):
        saved(downloads, "a.mp4")
    saved(downloads, "a.mp4", b"ours", overwrite=True)
    assert (link.is_symlink(), link.read_bytes()) == (False, b"ours")
    assert outside.exists() == (target == "there")
    assert not outside.exists() or outside.read_bytes() == b"precious"


def test_a_directory_of_that_name_is_not_replaced(downloads, there):
    (Path(downloads.directory) / "a.mp4").mkdir(parents=True)
    with pytest.raises(ArgumentsError):
        saved(downloads, "a.mp4")
    with pytest.raises(UnavailableError, match="The file cannot be written"):
        saved(downloads, "a.mp4", overwrite=True)
    assert there() == ["a.mp4"]


# --- Whole or not at all ---


def _without_hard_links(monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_there_when_it_is_whole(downloads, there, monkeypatch, links):
    if not links:
        _without_hard_links(monkeypatch)
    with downloads.drafting() as draft:
        draft.take(b"ab")
        (hidden,) = there()
        assert hidden.startswith(".")
        assert hidden.endswith(".part")
        draft.take(b"cd")
        path = downloads.keep(draft, "a.mp4")
        assert path.read_bytes() == b"abcd"
    assert there() == ["a.mp4"]
    assert draft.size == 4


def test_without_hard_links_a_failed_rename_leaves_no_empty_file(downloads, there, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EIO, "Input/output error")

    _without_hard_links(monkeypatch)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UnavailableError, match="Input/output error"):
        saved(downloads, "a.mp4")
    assert there() == []


@pytest.mark.parametrize("error", [ValueError("bug"), ReplyTooLongError("long"), KeyboardInterrupt()])
def test_after_an_error_nothing_is_left(downloads, there, error):
    with pytest.raises(type(error)), downloads.drafting() as draft:  # noqa: PT012
        draft.take(b"half")
        raise error
    assert there() == []


def test_what_is_not_kept_vanishes(downloads, there):
    with downloads.drafting() as draft:
        draft.take(b"half")
    assert there() == []


def test_a_directory_that_vanishes_meanwhile_is_no_crash(downloads):
    with pytest.raises(UnavailableError, match="cannot be written"), downloads.drafting() as draft:  # noqa: PT012
        draft.take(b"half")
        for each in Path(downloads.directory).iterdir():
            each.unlink()
        Path(downloads.directory).rmdir()
        downloads.keep(draft, "a.mp4")


def test_only_what_is_drafted_can_be_kept(downloads):
    with downloads.aside() as draft, pytest.raises(TypeError):
        downloads.keep(draft, "a.mp4")


def save(scope, name="a.mp4"):
    """Download into a file, as operations do."""
    with scope.downloads.drafting() as draft:
        yield from fetch(SIGNED, draft)
        return (yield from work(lambda: scope.downloads.keep(draft, name)))


def test_a_download_that_breaks_off_and_comes_again_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("random.random", lambda: 0.0)  # the shortest wait before the second try
    far = Far(Broken(b"half of ", b"it"), raw(b"the whole"))
    driven = Driven("sync", far, downloads=str(tmp_path), deadline=0.3)  # which is not the download's time
    path = driven.run(save)
    driven.close()
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (b"the whole", ["a.mp4"])
    assert len(far.requests) == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    "answer", [raw(b"x" * 2000), raw(b"", 403), raw(b"gone", 404)], ids=["too long", "expired", "gone"]
)
def test_a_download_that_fails_leaves_nothing(kind, tmp_path, answer):
    driven = Driven(kind, Far(answer), downloads=str(tmp_path), max_download_bytes=1500)
    with pytest.raises(Exception, match=r"longer than|has expired|no longer has"):
        driven.run(save)
    driven.close()
    assert list(tmp_path.iterdir()) == []
    assert len(driven.requests) == 1


async def test_a_cancelled_download_leaves_nothing_even_while_its_error_is_kept(tmp_path):
    def slow(scope):
        with scope.downloads.drafting() as draft:
            draft.take(b"half")
            yield Pause(60)

    client = AsyncClient(settings(downloads=str(tmp_path)))
    task = asyncio.ensure_future(client.find_out(lambda _, scope: slow(scope), None))
    while not list(tmp_path.iterdir()):  # noqa: ASYNC110 - the flow knows nothing of this test
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert list(tmp_path.iterdir()) == [], f"the flow is still held by {caught.tb}"


# --- Bounds ---


def test_a_file_may_be_as_long_as_the_bound_and_no_longer(downloads):
    with downloads.drafting() as draft:
        draft.take(b"x" * 600)
        draft.take(b"x" * 400)
        with pytest.raises(ReplyTooLongError, match=r"longer than 0.000953674 MiB.*max_download_bytes"):
            draft.take(b"x")


def test_the_bound_is_for_the_whole_file_not_for_each_request():
    draft = Draft(BytesIO(), 1000)
    draft.take(b"x" * 900)
    draft.mark()
    draft.begin()
    with pytest.raises(ReplyTooLongError):
        draft.take(b"x" * 101)


# --- Tries ---


def content(draft):
    return draft.head(10_000)


def test_a_new_try_forgets_what_the_last_one_brought():
    draft = Draft(BytesIO(), 1000)
    draft.take(b"half")
    draft.begin()
    draft.take(b"all")
    assert (content(draft), draft.size) == (b"all", 3)


def test_what_is_marked_stays():
    draft = Draft(BytesIO(), 1000)
    draft.begin()
    draft.take(b"one,")
    draft.mark()
    draft.begin()
    draft.take(b"tw")
    draft.begin()
    draft.take(b"two")
    assert (content(draft), draft.size) == (b"one,two", 7)
    draft.restart()
    assert (content(draft), draft.size) == (b"", 0)
    draft.take(b"new")
    draft.begin()
    assert content(draft) == b""


def test_looking_at_the_head_changes_nothing():
    draft = Draft(BytesIO(), 5000)
    draft.take(b"a" * 2000)
    assert draft.head() == b"a" * 1024
    draft.take(b"b")
    assert content(draft) == b"a" * 2000 + b"b"


# --- The directory ---


def test_the_directory_is_made_when_the_first_file_is_written(tmp_path):
    deep = tmp_path / "a" / "b"
    downloads = Downloads(str(deep), 1000)
    downloads.check("a.mp4")
    assert not deep.exists()
    assert saved(downloads, "a.mp4") == deep / "a.mp4"


def test_files_are_for_their_owner_only(downloads, monkeypatch):
    for name, links in (("a.mp4", True), ("b.mp4", False)):
        if not links:
            _without_hard_links(monkeypatch)
        assert stat.S_IMODE(saved(downloads, name).stat().st_mode) == 0o600
    assert stat.S_IMODE(saved(downloads, "a.mp4", overwrite=True).stat().st_mode) == 0o600


def test_a_directory_that_is_a_file_is_a_matter_of_configuration(tmp_path):
    (tmp_path / "files").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"cannot be written to \(.+\). Check OPENREPLAY_DOWNLOADS"):
        saved(Downloads(str(tmp_path / "files"), 1000), "a.mp4")


def test_a_directory_that_cannot_be_written_to_is_a_matter_of_configuration(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir(mode=0o500)
    with suppress(OSError):
        (folder / "probe").touch()
        pytest.skip("this user may write everywhere")
    with pytest.raises(ConfigurationError, match="Check OPENREPLAY_DOWNLOADS"):
        saved(Downloads(str(folder), 1000), "a.mp4")


# --- Full disks ---


@needs_a_full_disk
def test_a_full_disk_is_told_wherever_it_shows():
    draft = full_draft(10**6)
    with pytest.raises(UnavailableError, match=r"The file cannot be written \(No space left on device\)"):
        draft.take(b"x" * 100_000)
    with suppress(OSError):
        draft.file.close()
    draft = full_draft()
    draft.take(b"few")  # waits in a buffer
    with pytest.raises(UnavailableError, match="No space left"):
        draft.head()
    with pytest.raises(UnavailableError, match="No space left"):
        draft.begin()
    with suppress(OSError):
        draft.file.close()


def test_a_full_disk_is_not_told_twice(downloads, there):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = Downloads(downloads.directory, 10**6)
    try:
        with pytest.raises(UnavailableError, match="cannot be written"), large.drafting() as draft:  # noqa: PT012
            resource.setrlimit(resource.RLIMIT_FSIZE, (50, before[1]))
            draft.take(b"x" * 20)  # still in the buffer, which closing the file would write once more
            draft.take(b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert there() == []


# --- Aside ---


def test_what_is_put_aside_leaves_nothing(downloads, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    large = Downloads(downloads.directory, 10**7)
    with large.aside() as draft:
        draft.take(b"x" * 3_000_000)  # more than is kept in memory
        assert (draft.path, draft.head(2), draft.size) == (None, b"xx", 3_000_000)
        draft.begin()
        draft.take(b"again")
        assert content(draft) == b"again"
    assert draft.file.closed
    assert list(tmp_path.iterdir()) == []


def test_what_is_put_aside_has_the_same_bound(downloads):
    with downloads.aside() as draft, pytest.raises(ReplyTooLongError):
        draft.take(b"x" * 1001)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_nothing_needs_a_directory_to_be_read_aside(kind):
    def read(scope):
        with scope.downloads.aside() as draft:
            yield from fetch(SIGNED, draft)
            return draft.head()

    driven = Driven(kind, Far(raw(b"busy", 503, **NOW), raw(b"content")))
    assert driven.run(read) == b"content"
    driven.close()
