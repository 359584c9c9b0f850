"""LangChain: the toolkit's operations as `BaseTool`s. Needs the extra `openreplay-tools[langchain]`."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr

from openreplay_tools.progress import areporting, reporting
from openreplay_tools.toolkit import Bound, Toolkit

try:
    from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
    from langchain_core.tools import BaseTool, BaseToolkit, ToolException
except ImportError as error:
    raise ImportError("The LangChain tools need langchain-core: pip install 'openreplay-tools[langchain]'.") from error

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from pydantic import BaseModel

    from openreplay_tools.catalogue import AnyOperation
    from openreplay_tools.flow import Progress
    from openreplay_tools.toolkit import Reply

PROGRESS = "openreplay_tools_progress"


class OpenReplayTool(BaseTool):
    """One operation: text and pictures are the content, the complete typed result the artifact.

    How far a long call has come is a custom event named `openreplay_tools_progress` (`on_custom_event`,
    `astream_events`), and in a LangGraph graph a part of `stream_mode="custom"`.
    """

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    _operation: AnyOperation = PrivateAttr()
    _toolkit: Toolkit = PrivateAttr()

    def __init__(self, operation: AnyOperation, toolkit: Toolkit, **fields: Any) -> None:
        """Bind an operation.

        Args:
            operation: what the tool does.
            toolkit: what runs it.
            **fields: fields of `BaseTool`, such as callbacks.
        """
        marks = {
            "group": operation.group,
            "read_only": operation.effect == "read",
            "destructive": operation.effect == "destroy",
        }
        known: dict[str, Any] = {
            "name": operation.tool_name,
            "description": operation.description,
            # As a dictionary LangChain shows it and leaves validating to the toolkit, with the same words everywhere.
            "args_schema": operation.schema,
            "metadata": marks,
        }
        super().__init__(**{**known, **fields})
        self._operation = operation
        self._toolkit = toolkit

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:  # noqa: ARG002
        """Return the argument model."""
        return self._operation.arguments

    def _parse_input(self, tool_input: str | dict[str, Any], tool_call_id: str | None) -> dict[str, Any]:  # noqa: ARG002
        """Leave arguments as they came: the toolkit validates them, with the same words in every framework."""
        if isinstance(tool_input, dict):
            return tool_input
        names = ", ".join(self._operation.arguments.model_fields)
        raise ToolException(f"Give the arguments of {self.name} by name: {names}.")

    # Without annotations, which LangChain would evaluate anew on every call.
    def _run(self, /, **arguments):  # type: ignore[no-untyped-def]  # noqa: ANN003, ANN202
        with reporting(self._report):
            return _told(self._toolkit.call(self.name, arguments))

    async def _arun(self, /, **arguments):  # type: ignore[no-untyped-def]  # noqa: ANN003, ANN202
        async with areporting(self._areport):
            return _told(await self._toolkit.acall(self.name, arguments))

    def _report(self, progress: Progress) -> None:
        told = {"type": PROGRESS, "tool": self.name, **asdict(progress)}
        _stream(told)
        with suppress(RuntimeError):  # `_run` was called by itself: there is no run whose event it would be
            dispatch_custom_event(PROGRESS, told)

    async def _areport(self, progress: Progress) -> None:
        told = {"type": PROGRESS, "tool": self.name, **asdict(progress)}
        _stream(told)
        with suppress(RuntimeError):
            await adispatch_custom_event(PROGRESS, told)


def _stream(told: dict[str, Any]) -> None:
    """Write to the custom stream of the graph the tool runs in; where no graph runs, LangGraph is not even loaded."""
    graphs = sys.modules.get("langgraph.config")
    if graphs is None:
        return
    try:
        write = graphs.get_stream_writer()
    except (RuntimeError, KeyError):  # loaded, but this call does not run in a graph
        return
    write(told)


def _told(reply: Reply) -> tuple[str | list[dict[str, str]], dict[str, Any]]:
    if reply.is_error:
        raise ToolException(reply.text)
    if not reply.pictures:
        return reply.text, reply.data
    shown = [{"type": "image", "base64": each.base64, "mime_type": each.media_type} for each in reply.pictures]
    return [{"type": "text", "text": reply.text}, *shown], reply.data


class OpenReplayToolkit(Bound, BaseToolkit):
    """Tools over recorded user sessions for a LangChain agent.

    >>> toolkit = OpenReplayToolkit.from_env()  # doctest: +SKIP
    >>> agent = create_agent(model, toolkit.get_tools())
    """

    model_config = {"arbitrary_types_allowed": True}

    core: Toolkit = Field(exclude=True, repr=False)

    def get_tools(self) -> list[BaseTool]:
        """Return the tools; sends nothing."""
        return [OpenReplayTool(operation, self.core) for operation in self.core.operations]
