"""The repository as a whole: no address of a package registry, no path of one machine, one version."""

import gzip
import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path

import openreplay_tools

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")
]

# In pieces, so that this file passes its own test.
REGISTRIES = re.compile(
    "|".join(
        re.escape("".join(pieces))
        for pieces in (
            ("py", "pi.org"),
            ("python", "hosted.org"),
            ("registry.", "npmjs"),
            ("crates", ".io"),
            ("proxy.", "golang.org"),
            ("repo1.", "maven.org"),
            ("deb.", "debian.org"),
        )
    ).encode()
)
MACHINE_PATHS = re.compile(
    rb"(?<![\w.~*?%&=:/<>\\-])/(?:" + b"|".join([b"wo" + b"rk", b"tm" + b"p", b"ro" + b"ot"]) + rb")/\w"
)


def repository_files():
    """Every file that is committed, or would be by `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def content(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def found(pattern):
    hits = ((path, pattern.search(content(path))) for path in repository_files())
    return [f"{path.relative_to(ROOT)}: {hit[0]!r}" for path, hit in hits if hit]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_file_names_a_package_registry():
    assert found(REGISTRIES) == []


def test_no_file_names_a_path_of_one_machine():
    assert found(MACHINE_PATHS) == []


def test_the_licence_is_there():
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")
    assert PROJECT["license"] == "MIT"


def test_the_core_needs_httpx_and_pydantic_only():
    assert PROJECT["dependencies"] == ["httpx>=0.27,<1", "pydantic>=2.7,<3"]


def test_the_version_stands_in_one_place():
    assert importlib.metadata.version("openreplay-tools") == PROJECT["version"]
    assert getattr(openreplay_tools, "__version__", PROJECT["version"]) == PROJECT["version"]


def test_a_constraint_is_a_name_and_a_version():
    form = re.compile(r"[a-z0-9._-]+==[\w.!+]+(?: ; [\w.<>=!'() ]+)?")
    assert [line for line in CONSTRAINTS if not form.fullmatch(line)] == []


def test_every_direct_dependency_is_constrained():
    pinned = {canonical(line.partition("==")[0]) for line in CONSTRAINTS}
    wanted = [
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    ]
    names = {canonical(re.match(r"[\w.-]+", line)[0]) for line in wanted} - {PROJECT["name"]}
    assert names - pinned == set(), "run `make constraints`"


def test_the_gate_can_be_started():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
