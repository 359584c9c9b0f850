"""The LlamaIndex half of the demo: `FunctionAgent` with a real model or the scripted one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM

from openreplay_tools.demo.script import Call, next_move
from openreplay_tools.demo.show import Seen
from openreplay_tools.errors import ConfigurationError
from openreplay_tools.llama_index import OpenReplayToolSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from openreplay_tools.toolkit import Toolkit


def scripted_llm() -> FunctionCallingLLM:
    """Return a model that follows `script.py`: it needs no key, and reads the tools' answers as a model would."""
    return MockFunctionCallingLLM(response_generator=_next_message)


def _next_message(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    asked = max(index for index, message in enumerate(messages) if message.role == MessageRole.USER)
    answers = [message.content or "" for message in messages[asked:] if message.role == MessageRole.TOOL]
    move = next_move(messages[asked].content or "", answers)
    if isinstance(move, Call):
        call = ToolCallBlock(
            tool_call_id=f"call-{len(answers) + 1}", tool_name=move.tool, tool_kwargs={**move.arguments}
        )
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=[call])
    return ChatMessage(role=MessageRole.ASSISTANT, content=move)


def chat_model(name: str) -> FunctionCallingLLM:
    """Return the model of that name (provider:model), the scripted one for "".

    Raises:
        ConfigurationError: LlamaIndex's package for this provider is not installed.
    """
    if not name:
        return scripted_llm()
    provider, _, model = name.partition(":")
    module = f"llama_index.llms.{provider.replace('-', '_')}"
    try:
        classes = [kind for kind in vars(import_module(module)).values() if _is_model(kind)]
    except ImportError:
        package = f"llama-index-llms-{provider.replace('_', '-')}"
        raise ConfigurationError(
            f"LlamaIndex has no models of {provider} here. Install its package: pip install {package}."
        ) from None
    plain = provider.replace("_", "").replace("-", "").lower()
    # A package may offer variants (OpenAI, OpenAIResponses): the one named like the provider is the usual one.
    ranked = sorted(classes, key=lambda kind: (kind.__name__.lower() != plain, len(kind.__name__)))
    if not ranked:
        raise ConfigurationError(f"{module} offers no model that can call tools.")
    llm: FunctionCallingLLM = ranked[0](model=model)
    return llm


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, FunctionCallingLLM) and kind is not FunctionCallingLLM


async def ask(toolkit: Toolkit, model: FunctionCallingLLM, prompt: str, question: str) -> AsyncIterator[Seen | str]:
    """Let an agent answer; yield each tool call with its answer, then the conclusion."""
    tools: Any = OpenReplayToolSpec(toolkit).to_tool_list()
    agent = FunctionAgent(tools=tools, llm=model, system_prompt=prompt)
    handler = agent.run(user_msg=question)
    async for event in handler.stream_events():
        if isinstance(event, ToolCallResult):
            output = event.tool_output
            yield Seen(event.tool_name, event.tool_kwargs, output.content, output.is_error)
    result: Any = await handler
    yield result.response.content or ""
