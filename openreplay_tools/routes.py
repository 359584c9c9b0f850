"""The ways an operation can go, and what stands in them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openreplay_tools.doors import MEANS, OPENED_BY, OPENREPLAY, Access, Door
from openreplay_tools.errors import (
    AuthenticationError,
    ClosedError,
    ConfigurationError,
    OpenReplayToolsError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openreplay_tools.flow import Flow

R_co = TypeVar("R_co", covariant=True)
_NO_DIRECTORY = (
    "It writes a file, and nobody has named a directory: set OPENREPLAY_DOWNLOADS, or give downloads= (--downloads on "
    "the command line)."
)


@dataclass(frozen=True, slots=True)
class Route(Generic[R_co]):
    """One way to do it.

    Args:
        needs: the door it goes through.
        flow: what is asked there, given arguments and scope.
        lacks: what the result does not hold on this route, in product words.
        permission: what the login's role must allow (Enterprise edition).
        edition: "ee" where only the Enterprise edition has it.
        saves: whether it writes a file, for which somebody must have named a directory.
        library: a module of the extra `video` that it cannot do without.
    """

    needs: Door
    flow: Callable[[Any, Any], Flow[R_co]]
    lacks: tuple[str, ...] = ()
    permission: str = ""
    edition: str = ""
    saves: bool = False
    library: str = ""

    def obstacle(self, access: Access) -> OpenReplayToolsError | None:
        """Return why this route cannot be taken, None when nothing is known to forbid it."""
        if OPENED_BY[self.needs] not in access.credentials:
            return UnavailableError(f"It needs {MEANS[OPENED_BY[self.needs]]}.")
        if self.needs in access.closed:
            return access.closed[self.needs]
        return next((UnavailableError(reason) for missing, reason in self._wants(access) if missing), None)

    def _wants(self, access: Access) -> tuple[tuple[bool, str], ...]:
        """Return what it needs beside a credential: whether that is missing, and what to say then."""
        edition = bool(self.edition) and access.edition not in {"", self.edition}
        forbidden = bool(self.permission) and access.permissions is not None
        return (
            (edition, "It needs OpenReplay's Enterprise edition or its cloud."),
            (
                forbidden and self.permission not in (access.permissions or ()),
                f"The login's role lacks the permission {self.permission}.",
            ),
            (
                bool(self.library) and find_spec(self.library) is None,
                "It needs a further library: pip install 'openreplay-tools[video]'.",
            ),
            (
                self.saves and not access.downloads,
                _NO_DIRECTORY,
            ),
        )


class NoRoute(Route[Any]):
    """The way to what a vendor has no API for: there is none, whatever the credentials."""

    def obstacle(self, access: Access) -> OpenReplayToolsError:  # noqa: ARG002
        """Return what to use instead."""
        return UnavailableError(*self.lacks)


def hindrance(
    tool: str, routes: Sequence[Route[Any]], access: Access, *, always: bool = False
) -> OpenReplayToolsError | None:
    """Return why none of the ways can be gone and what would help, None when one may be open.

    Args:
        tool: whose ways they are.
        routes: in the order in which they are tried.
        access: what is known of the server and the credentials.
        always: whether it runs whatever is known to be closed, because it finds that out.
    """
    found = [(route, route.obstacle(access)) for route in routes]
    given = {route.needs: OPENED_BY[route.needs] in access.credentials for route in routes}
    if (always and any(given.values())) or any(reason is None for _, reason in found):
        return None
    if never := next((reason for route, reason in found if isinstance(route, NoRoute)), None):
        return never
    if not access.credentials:
        return _no_credential(routes)
    # What was tried and refused tells more than what is missing.
    tried = [reason for route, reason in found if reason and given[route.needs]]
    means = " or ".join(dict.fromkeys(MEANS[OPENED_BY[door]] for door, has in given.items() if not has))
    if not tried:
        return UnavailableError(f"{tool} needs {means}.")
    told = next((reason for reason in tried if not isinstance(reason, ClosedError)), tried[-1])
    nothing = len(tried) > 1 and isinstance(told, ClosedError)  # another credential would find nothing either
    if not means or nothing or not isinstance(told, UnavailableError | AuthenticationError):
        return told
    hinted = copy(told)  # the same kind of error, for those who catch it
    hinted.parts = (*told.parts, f" It would work with {means}.")
    return hinted


def _no_credential(routes: Sequence[Route[Any]]) -> ConfigurationError:
    siblings = [MEANS[OPENED_BY[route.needs]] for route in routes if OPENED_BY[route.needs] not in OPENREPLAY]
    if siblings:
        return ConfigurationError(f"No credential. It needs {' or '.join(siblings)}.")
    return ConfigurationError(
        "No credential. Set OPENREPLAY_API_KEY to the organization key (Preferences → Account), or "
        "OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD to a dashboard login, and OPENREPLAY_BASE_URL to the "
        "instance when it is self-hosted."
    )
