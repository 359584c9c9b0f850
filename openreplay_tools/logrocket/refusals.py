"""What LogRocket's refusals mean, where the documentation says more than the status does, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.errors import ApiError, NotFoundError, UnavailableError
from openreplay_tools.text import Own, Recorded, name

if TYPE_CHECKING:
    from openreplay_tools.operation import Scope

_LONGEST_MESSAGE = 300


def unknown_app(error: ApiError, scope: Scope) -> NotFoundError:
    """Return the error for a 404 about nothing that was asked for: the address itself is wrong."""
    return NotFoundError(
        "LogRocket knows no application ",
        name(f"{scope.app.org}/{scope.app.app}"),
        f" ({error.status})",
        *_said(error),
        ". Check LOGROCKET_ORG_ID and LOGROCKET_APP_ID (Settings in LogRocket's dashboard show them as org/app).",
        status=error.status,
        message=error.message,
    )


def not_enabled(error: ApiError, scope: Scope, what: str, instead: str) -> UnavailableError:
    """Return the error for a product that not every account has.

    Args:
        error: the refusal.
        scope: the application.
        what: the product, plural.
        instead: what may work all the same.
    """
    return UnavailableError(
        f"LogRocket gives no {what} of ",
        name(f"{scope.app.org}/{scope.app.app}"),
        f" to this key ({error.status})",
        *_said(error),
        f". Not every account has them: they may not be enabled for this one or its plan; or check LOGROCKET_API_KEY, "
        f"LOGROCKET_ORG_ID and LOGROCKET_APP_ID. {instead}",
    )


def _said(error: ApiError) -> tuple[object, ...]:
    return (Own(": "), Recorded(error.message, limit=_LONGEST_MESSAGE)) if error.message else ()
