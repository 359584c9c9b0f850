"""LlamaIndex: the operations as `FunctionTool`s that validate. Needs the extra `openreplay-tools[llama-index]`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from openreplay_tools.progress import reporting
from openreplay_tools.toolkit import Bound, Reply, Toolkit

try:
    from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
    from llama_index.core.instrumentation.events import BaseEvent
    from llama_index.core.llms import ImageBlock, TextBlock
    from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
    from llama_index.core.tools.tool_spec.base import BaseToolSpec
    from llama_index.core.workflow import Context, Event
except ImportError as error:
    raise ImportError(
        "The LlamaIndex tools need llama-index-core: pip install 'openreplay-tools[llama-index]'."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.catalogue import AnyOperation
    from openreplay_tools.flow import Progress

_CONTEXT = "workflow_context"  # under this name an agent hands its context over; no operation has such an argument
_dispatcher = get_dispatcher(__name__)


class ProgressEvent(Event):
    """How far a call has come, in the stream of the agent's workflow: `handler.stream_events()`."""

    tool: str
    done: int
    total: int | None
    what: str


class ToolProgressEvent(BaseEvent):
    """The same for LlamaIndex's instrumentation, agent or not: handlers of the root dispatcher receive it."""

    tool: str
    done: int
    total: int | None
    what: str

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the event."""
        return "ToolProgressEvent"


@dataclass
class OpenReplayToolMetadata(ToolMetadata):
    """Metadata whose schema is made once, the same for every framework."""

    parameters: dict[str, Any] = field(default_factory=dict)

    def get_parameters_dict(self) -> dict[str, Any]:
        """Return the arguments' JSON schema."""
        return self.parameters


class OpenReplayTool(FunctionTool):
    """One operation: the text is the content, the complete typed result the raw output."""

    def __init__(self, operation: AnyOperation, toolkit: Toolkit, *, progress: bool = True) -> None:
        """Bind an operation to what runs it; `progress` tells whether the workflow's context is asked for."""
        name = operation.tool_name

        def fn(*unnamed: Any, **arguments: Any) -> Reply:
            return self._unnamed() if unnamed else toolkit.call(name, arguments)

        async def async_fn(*unnamed: Any, **arguments: Any) -> Reply:
            return self._unnamed() if unnamed else await toolkit.acall(name, arguments)

        known = OpenReplayToolMetadata(operation.description, name, operation.arguments, parameters=operation.schema)
        super().__init__(fn=fn, async_fn=async_fn, metadata=known)
        self.requires_context, self.ctx_param_name = progress, _CONTEXT

    def call(self, /, *args: Any, **arguments: Any) -> ToolOutput:
        """Call the operation; a refusal is an output with `is_error`."""
        with self._reporting(arguments.pop(_CONTEXT, None)):
            return self._output(self.fn(*args, **arguments), arguments)

    async def acall(self, /, *args: Any, **arguments: Any) -> ToolOutput:
        """Call the operation from async code."""
        with self._reporting(arguments.pop(_CONTEXT, None)):
            return self._output(await self.async_fn(*args, **arguments), arguments)

    def __call__(self, /, *args: Any, **arguments: Any) -> ToolOutput:
        """Call the operation."""
        return self.call(*args, **arguments)

    def _unnamed(self) -> Reply:
        names = ", ".join(self.metadata.get_parameters_dict()["properties"])
        return Reply(f"Give the arguments of {self.metadata.get_name()} by name: {names}.", {}, is_error=True)

    @contextmanager
    def _reporting(self, context: Any) -> Iterator[None]:
        def tell(progress: Progress) -> None:
            told = {"tool": self.metadata.get_name(), **asdict(progress)}
            _dispatcher.event(ToolProgressEvent(**told))
            if isinstance(context, Context):
                context.write_event_to_stream(ProgressEvent(**told))

        with reporting(tell):
            yield

    def _output(self, reply: Reply, arguments: dict[str, Any]) -> ToolOutput:
        shown = [ImageBlock(image=each.content, image_mimetype=each.media_type) for each in reply.pictures]
        return ToolOutput(
            tool_name=self.metadata.get_name(),
            blocks=[TextBlock(text=reply.text), *shown],
            raw_input=arguments,
            raw_output=reply.data,
            is_error=reply.is_error,
        )


class OpenReplayToolSpec(Bound, BaseToolSpec):
    """Tools over recorded user sessions for a LlamaIndex agent.

    >>> spec = OpenReplayToolSpec.from_env()  # doctest: +SKIP
    >>> agent = FunctionAgent(tools=spec.to_tool_list(), llm=llm)
    """

    def __init__(self, core: Toolkit) -> None:
        """Wrap a toolkit; use `from_env` or `sandbox`."""
        self.core = core

    @property
    def spec_functions(self) -> list[str]:  # type: ignore[override]
        """The names of the tools, as LlamaIndex asks for them."""
        return [operation.tool_name for operation in self.core.operations]

    def to_tool_list(self, *_: Any, progress: bool = True, **__: Any) -> list[FunctionTool]:
        """Return the tools; sends nothing. The toolkit's own choice replaces LlamaIndex's arguments.

        Args:
            progress: tell it in the workflow's stream; False for agents that take no tool with a context, such as
                `CodeActAgent`.
        """
        return [OpenReplayTool(operation, self.core, progress=progress) for operation in self.core.operations]
