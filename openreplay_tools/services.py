"""What is known of each service beside its endpoints: what it is called, where it is set, what is sent to it again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from openreplay_tools.errors import ApiError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.doors import Service
    from openreplay_tools.settings import Settings


@dataclass(frozen=True, slots=True)
class Patience:
    """After which failures a request that may be repeated is sent again, and how long is waited before.

    Args:
        statuses: of answers that may be passing troubles; broken connections always may.
        first: seconds before the first repetition.
        factor: by which each further wait is longer.
        longest: seconds; a computed wait is not longer.
        obeyed: the longest wait the server may ask for; with a longer one nothing is sent again.
        spread: "added": up to a second more by chance; "full": anything between none and all of it.
        least: repetitions, even where the settings ask for fewer, unless they ask for none.
    """

    statuses: frozenset[int]
    first: float
    factor: float
    longest: float = 30.0
    obeyed: float = 30.0
    spread: Literal["", "added", "full"] = ""
    least: int = 0

    def tries(self, wanted: int) -> int:
        """Return how often a request is repeated, given what the settings want."""
        return max(wanted, self.least) if wanted else 0

    def wait(self, attempt: int, error: BaseException | None, left: float) -> float | None:
        """Return the seconds before the next try, None when it is not worth it.

        Args:
            attempt: 0 after the first failure.
            error: may carry the server's wish.
            left: seconds until the call's deadline.
        """
        wish = error.retry_after if isinstance(error, ApiError) else None
        if wish is not None:
            return wish if wish < left and wish <= self.obeyed else None
        wait = min(self._first(error) * self.factor**attempt, self.longest)
        if self.spread == "added":
            wait += random.random()  # noqa: S311 - so that many clients do not come back together
        elif self.spread == "full":
            wait *= random.random()  # noqa: S311
        return wait if wait < left else None

    def _first(self, error: BaseException | None) -> float:
        # OpenReplay's limiter lets nothing pass until a whole second was silent (contract §1.4).
        return max(self.first, 1.25) if isinstance(error, RateLimitError) else self.first


@dataclass(frozen=True, slots=True)
class About:
    """A service, as errors tell of it.

    Args:
        vendor: its name.
        address: the variable that says where it is.
        key: the variable that holds its credential; "" for none.
        patience: what is sent again.
        secretive: what of an exchange with it the HTTP library must not log; see `discretion.secretive`.
        strict: whether an answer must be a 200 with a JSON media type, as OpenReplay's always is.
    """

    vendor: str
    address: str
    key: str
    patience: Patience
    secretive: Literal["", "headers", "address"] = "headers"
    strict: bool = False


_OPENREPLAY = About(
    "OpenReplay",
    "OPENREPLAY_BASE_URL",
    "OPENREPLAY_API_KEY",
    Patience(frozenset({429, 502, 503, 504}), first=0.25, factor=4),
    secretive="",
    strict=True,
)
ABOUT: Mapping[Service, About] = {
    "v2": _OPENREPLAY,
    "v1": _OPENREPLAY,
    "dashboard": _OPENREPLAY,
    "legacy": _OPENREPLAY,
    "open": _OPENREPLAY,
    # No rule is published; these are those of LogRocket's own command line (logrocket-cli, src/apiClient.js).
    "logrocket": About(
        "LogRocket",
        "LOGROCKET_BASE_URL",
        "LOGROCKET_API_KEY",
        Patience(frozenset({429, 500, 502, 503, 504}), first=1, factor=2, spread="added"),
    ),
    # Those of Notte's own client (notte_sdk, endpoints/base.py); it does not repeat a 429.
    "notte": About(
        "Notte",
        "NOTTE_API_URL",
        "NOTTE_API_KEY",
        Patience(frozenset({502, 503, 504, 529}), first=1, factor=2, longest=10, obeyed=20, spread="full", least=3),
    ),
    "storage": About(
        "The storage",
        "",
        "",
        Patience(frozenset({429, 500, 502, 503, 504}), first=0.5, factor=2, longest=10, spread="added"),
        secretive="address",
    ),
}


def base_of(service: Service, settings: Settings) -> str:
    """Return the address that a service's paths begin with; "" for the storage, whose addresses are whole."""
    if service in {"v2", "dashboard"}:
        return settings.go
    if service in {"v1", "legacy", "open"}:
        return settings.legacy
    return {"logrocket": settings.logrocket_api, "notte": settings.notte_api_url}.get(service, "")


def root_of(service: Service, settings: Settings) -> str:
    """Return the address that a service was set up with."""
    return {"logrocket": settings.logrocket_base_url, "notte": settings.notte_api_url}.get(service, settings.base_url)
