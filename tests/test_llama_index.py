"""LlamaIndex: the tool spec, what a tool shows and hands over, and a whole agent run."""

import json

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.tools.tool_spec.base import BaseToolSpec

from openreplay_tools.errors import ConfigurationError
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.sandbox import Sandbox
from tests.doors import run
from tests.servers import toolkit_over

ANN = "ann@example.org"


@pytest.fixture(scope="module")
def core(sandbox):
    with toolkit_over(sandbox, groups=None, effects=None) as toolkit:
        yield toolkit


@pytest.fixture(scope="module")
def tools(core):
    return {tool.metadata.name: tool for tool in OpenReplayToolSpec(core).to_tool_list()}


def test_a_tool_spec_is_llama_indexs_and_its_tools_too(core, tools):
    spec = OpenReplayToolSpec(core)
    assert isinstance(spec, BaseToolSpec)
    assert all(isinstance(tool, FunctionTool) for tool in tools.values())
    assert spec.spec_functions == list(tools) == [operation.tool_name for operation in core.operations]


def test_from_env_needs_the_key_and_sends_nothing(monkeypatch, sandbox):
    with pytest.raises(ConfigurationError, match="OPENREPLAY_API_KEY is not set"):
        OpenReplayToolSpec.from_env()
    monkeypatch.setenv("OPENREPLAY_API_KEY", sandbox.api_key)
    monkeypatch.setenv("OPENREPLAY_BASE_URL", sandbox.url)
    monkeypatch.setenv("OPENREPLAY_PROJECT", "1")
    sandbox.requests.clear()
    spec = OpenReplayToolSpec.from_env(groups=("projects",))
    tools = spec.to_tool_list()
    assert not sandbox.requests
    assert tools[1].call().content.startswith("Project Acme Shop")
    spec.close()


def test_the_sandbox_needs_no_credential():
    spec = OpenReplayToolSpec.sandbox(tools=("openreplay_get_user",))
    try:
        (tool,) = spec.to_tool_list()
        assert tool(user_id=ANN).content.startswith(f"User {ANN} · Acme Shop")
        assert run(spec.core, spec.aprobe()) is spec
        assert spec.unavailable == {}
    finally:
        spec.close()


def test_probing_narrows_the_offer():
    with Sandbox(edition="foss") as server, toolkit_over(server) as core:
        spec = OpenReplayToolSpec(core).probe()
        live = {"openreplay_list_live_sessions", "openreplay_search_live_sessions"}
        assert {name for name, reason in spec.unavailable.items() if "Enterprise edition" in reason} == live
        offered = {tool.metadata.name for tool in spec.to_tool_list()}
        assert not offered & set(spec.unavailable)


def test_spec_functions_follow_the_probe():
    with Sandbox(edition="foss") as server, toolkit_over(server) as core:
        spec = OpenReplayToolSpec(core).probe()
        assert spec.spec_functions == [tool.metadata.name for tool in spec.to_tool_list()]


def test_a_login_brings_the_search_of_sessions(unpaced):
    with OpenReplayToolSpec.sandbox(login=True) as spec:
        tools = {tool.metadata.name: tool for tool in spec.to_tool_list()}
        assert len(tools) == 12
        found = tools["openreplay_search_sessions"].call(user_id=ANN)
        assert not found.is_error
        session = found.raw_output["rows"][0]["session_id"]
        assert tools["openreplay_summarize_session"](session=session).content.startswith(f"Session {session} · Acme")
        refused = tools["openreplay_search_sessions"].call(filters=[{"name": "browzer", "values": ["x"]}])
        assert refused.is_error
        assert "browser" in refused.content
        assert not [tool for tool in tools.values() if Sandbox.password in repr(tool)]


def test_an_output_carries_text_and_data(tools):
    output = tools["openreplay_get_user"].call(user_id=ANN)
    assert isinstance(output, ToolOutput)
    assert output.content.startswith(f"User {ANN}")
    assert output.raw_output["user_id"] == ANN
    assert output.raw_input == {"user_id": ANN}
    assert output.tool_name == "openreplay_get_user"
    assert not output.is_error
    json.dumps(output.raw_output)


def test_tools_validate(tools):
    for arguments in ({}, {"user_id": [1]}, {"user_id": ANN, "surprise": 1}):
        output = tools["openreplay_get_user"].call(**arguments)
        assert output.is_error
        assert output.raw_output == {}


@pytest.fixture(scope="module")
def projects(sandbox):
    with toolkit_over(sandbox, groups=("projects", "users"), effects=None) as toolkit:
        yield toolkit


def test_llama_indexs_own_callers_work(projects):
    """`call_tool` first passes a single argument by position, then by name."""
    tools = {tool.metadata.name: tool for tool in OpenReplayToolSpec(projects).to_tool_list()}
    for name, arguments in (("openreplay_get_project", {"project": "2"}), ("openreplay_get_user", {"user_id": ANN})):
        expected = tools[name].call(**arguments).content
        assert call_tool(tools[name], arguments).content == expected
        assert run(projects, _acall(tools[name], arguments)) == expected
    refused = call_tool(tools["openreplay_get_project"], {"project": "nope"})
    assert refused.is_error
    assert refused.content.startswith('No project "nope"')


async def _acall(tool, arguments):
    output = await acall_tool(tool, arguments)
    return output.content


def test_the_key_stands_in_nothing_that_is_shown(core, tools, sandbox):
    tool = tools["openreplay_get_user"]
    shown = [repr(OpenReplayToolSpec(core)), repr(tool), str(tool), repr(tool.metadata), str(tool.call(user_id=ANN))]
    assert not [text for text in shown if sandbox.api_key in text or sandbox.secret in text]


def wants(*calls):
    blocks = [
        ToolCallBlock(tool_call_id=f"{n}", tool_name=name, tool_kwargs=args) for n, (name, args) in enumerate(calls)
    ]
    return ChatMessage(role="assistant", blocks=blocks)


class Script:
    """Answers step by step, and keeps the tools it was offered."""

    def __init__(self):
        self.step = 0
        self.offered = []

    def __call__(self, messages, **more):
        self.offered = [tool.metadata.name for tool in more.get("tools", [])]
        self.step += 1
        if self.step == 1:
            return wants(
                ("openreplay_list_user_sessions", {"user_id": ANN, "since": "7d"}),
                ("openreplay_get_user", {"user_id": ANN}),
                ("openreplay_get_user", {"user_id": "nobody"}),
            )
        if self.step == 2:
            listed = next(m.content for m in messages if m.role == "tool" and "sessions of" in m.content)
            session = listed.split("\n")[2].split()[-1]
            return wants(("openreplay_list_session_events", {"session": session}), ("openreplay_no_such", {}))
        told = "\n".join(message.content or "" for message in messages if message.role == "tool")
        return ChatMessage(role="assistant", blocks=[TextBlock(text=told)])


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_answers_a_question(core, tools, streaming):
    script = Script()
    llm = MockFunctionCallingLLM(response_generator=script)
    handler = FunctionAgent(tools=list(tools.values()), llm=llm, streaming=streaming).run(
        user_msg="Why could Ann not pay?"
    )
    results = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    conclusion = str(await handler)
    await core.async_client.aclose()
    assert script.offered == list(tools)
    errors = {event.tool_name: event.tool_output.is_error for event in results}
    assert len(results) == 5
    assert errors["openreplay_list_user_sessions"] is False
    assert errors["openreplay_list_session_events"] is False
    assert errors["openreplay_no_such"] is True
    assert "failed request: https://openreplay.example.com/1/session/" in conclusion
    assert "No user record nobody." in conclusion
