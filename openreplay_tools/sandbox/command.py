"""The sandbox from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.errors import ConfigurationError
from openreplay_tools.sandbox.server import Sandbox

if TYPE_CHECKING:
    from openreplay_tools.sandbox.routes import Edition
    from openreplay_tools.sandbox.versions import Version


def serve(*, port: int, version: Version, edition: Edition) -> None:
    """Run the server until it is interrupted, its data ending now, and print what reaches it as variables.

    Raises:
        ConfigurationError: the port cannot be used.
    """
    server = Sandbox(version=version, edition=edition, port=port, live_clock=True)
    try:
        server.start()
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from None
    print(
        f"OPENREPLAY_BASE_URL={server.url} OPENREPLAY_API_KEY={server.api_key} OPENREPLAY_PROJECT='Acme Shop' "
        f"OPENREPLAY_EMAIL={server.email} OPENREPLAY_PASSWORD={server.password} "
        f"LOGROCKET_BASE_URL={server.logrocket_url} LOGROCKET_API_KEY={server.logrocket_api_key} "
        f"NOTTE_API_URL={server.notte_url} NOTTE_API_KEY={server.notte_api_key}",
        flush=True,
    )
    server.serve_forever()
