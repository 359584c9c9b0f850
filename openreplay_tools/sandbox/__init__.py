"""An embedded OpenReplay server for demos, notebooks and tests."""

try:
    import starlette
    import uvicorn
except ImportError as error:
    raise ImportError("The sandbox needs starlette and uvicorn: pip install 'openreplay-tools[sandbox]'.") from error

from openreplay_tools.sandbox.failures import Failure, Failures
from openreplay_tools.sandbox.front import Received
from openreplay_tools.sandbox.server import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.versions import Version

_ = starlette, uvicorn  # looked for above all the others, for a message that says what to install

__all__ = ["FIXED_NOW", "Failure", "Failures", "Received", "Sandbox", "Version"]
