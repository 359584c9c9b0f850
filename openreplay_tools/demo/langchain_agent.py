"""The LangChain half of the demo: `create_agent` with a real model or the scripted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from openreplay_tools.demo.script import Call, next_move
from openreplay_tools.demo.show import Seen
from openreplay_tools.langchain import OpenReplayToolkit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openreplay_tools.toolkit import Toolkit


class ScriptedChatModel(BaseChatModel):
    """A chat model that follows `script.py`: it needs no key, and reads the tools' answers as a model would."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """Accept the tools; the script knows their names."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: Any = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        asked = max(index for index, message in enumerate(messages) if isinstance(message, HumanMessage))
        answers = [message.text for message in messages[asked:] if isinstance(message, ToolMessage)]
        move = next_move(messages[asked].text, answers)
        if isinstance(move, Call):
            call = {"name": move.tool, "args": move.arguments, "id": f"call-{len(answers) + 1}", "type": "tool_call"}
            message = AIMessage(content="", tool_calls=[call])
        else:
            message = AIMessage(content=move)
        return ChatResult(generations=[ChatGeneration(message=message)])


def chat_model(name: str) -> BaseChatModel:
    """Return the model of that name (provider:model), the scripted one for ""."""
    if not name:
        return ScriptedChatModel()
    model: BaseChatModel = init_chat_model(name)
    return model


def ask(toolkit: Toolkit, model: BaseChatModel, prompt: str, question: str) -> Iterator[Seen | str]:
    """Let an agent answer; yield each tool call with its answer, then the conclusion."""
    agent = create_agent(model, OpenReplayToolkit(core=toolkit).get_tools(), system_prompt=prompt)
    calls: dict[str | None, Any] = {}
    conclusion = ""
    asked: Any = {"messages": [HumanMessage(question)]}
    for update in agent.stream(asked, stream_mode="updates"):
        for message in (message for node in update.values() for message in node["messages"]):
            if isinstance(message, AIMessage):
                calls |= {call["id"]: call["args"] for call in message.tool_calls}
                conclusion = message.text
            elif isinstance(message, ToolMessage):
                arguments = calls.get(message.tool_call_id, {})
                yield Seen(message.name or "", arguments, message.text, message.status == "error")
    yield conclusion
