"""Which services an installation of each version has (contract §5)."""

from __future__ import annotations

from typing import Literal, get_args

Version = Literal["1.22", "1.26", "1.27", "1.27.0"]
"""1.22 has no Go service, 1.26 one for logins only, 1.27 the public API v2 too. 1.27.0 is the installation of the
recordings: a 1.27 beside the Python service of 1.26, which still has API v1."""

VERSIONS: tuple[Version, ...] = get_args(Version)


def has_api_v1(version: Version) -> bool:
    """Whether an installation has API v1 unless told otherwise: all but those with a Python service from 1.27.7 on."""
    return version != "1.27"


def has_go(version: Version) -> bool:
    """Whether anything answers under `/v2/api`."""
    return version != "1.22"


def schema(version: Version) -> str:
    """The version an account shows: the schema's, so that 1.27.8 shows v1.27.0 (recorded)."""
    return f"v{version[:4]}.0"
