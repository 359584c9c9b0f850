"""An embedded OpenReplay server for demos, notebooks and tests."""

from openreplay_tools.sandbox.failures import Failure, Failures
from openreplay_tools.sandbox.front import Received
from openreplay_tools.sandbox.server import FIXED_NOW, Sandbox

__all__ = ["FIXED_NOW", "Failure", "Failures", "Received", "Sandbox"]
