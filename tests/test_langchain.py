"""LangChain: the toolkit, what a tool shows and hands over, and a whole agent run."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, BaseToolkit
from langchain_core.utils.function_calling import convert_to_openai_tool

from openreplay_tools.errors import ConfigurationError
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.sandbox import Sandbox
from tests.doors import LOGIN, as_call, run
from tests.servers import toolkit_over

ANN = "ann@example.org"


class ScriptedChatModel(BaseChatModel):
    """Says what it is told to, step by step; a step may look at the messages."""

    script: list
    cursor: int = 0
    bound: list = []
    seen: list = []

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **more):
        self.bound[:] = [convert_to_openai_tool(tool)["function"]["name"] for tool in tools]
        return self

    def _generate(self, messages, stop=None, run_manager=None, **more):
        self.seen.append(list(messages))
        step = self.script[self.cursor]
        self.cursor += 1
        return ChatResult(generations=[ChatGeneration(message=step(messages) if callable(step) else step)])


def calling(*calls):
    named = [{"type": "tool_call", "id": str(n), "name": name, "args": args} for n, (name, args) in enumerate(calls)]
    return AIMessage("", tool_calls=named)


@pytest.fixture(scope="module")
def core(sandbox):
    with toolkit_over(sandbox, groups=None, effects=None) as toolkit:
        yield toolkit


@pytest.fixture(scope="module")
def tools(core):
    return {tool.name: tool for tool in OpenReplayToolkit(core=core).get_tools()}


def test_a_toolkit_is_langchains_and_its_tools_too(core):
    toolkit = OpenReplayToolkit(core=core)
    assert isinstance(toolkit, BaseToolkit)
    assert all(isinstance(tool, BaseTool) for tool in toolkit.get_tools())
    assert [tool.name for tool in toolkit.get_tools()] == [operation.tool_name for operation in core.operations]


def test_from_env_needs_the_key_and_sends_nothing(monkeypatch, sandbox):
    with pytest.raises(ConfigurationError, match="OPENREPLAY_API_KEY is not set"):
        OpenReplayToolkit.from_env()
    monkeypatch.setenv("OPENREPLAY_API_KEY", sandbox.api_key)
    monkeypatch.setenv("OPENREPLAY_BASE_URL", f"{sandbox.url}/api/")
    sandbox.requests.clear()
    toolkit = OpenReplayToolkit.from_env(groups=("projects",), project="Acme Shop")
    tools = toolkit.get_tools()
    names = ["openreplay_list_projects", "openreplay_get_project", "openreplay_check_access"]
    assert [tool.name for tool in tools] == names
    assert not sandbox.requests
    assert tools[1].invoke({}).startswith("Project Acme Shop")
    toolkit.close()


def test_the_sandbox_needs_no_credential():
    toolkit = OpenReplayToolkit.sandbox(tools=("openreplay_get_user",))
    try:
        (tool,) = toolkit.get_tools()
        assert tool.invoke({"user_id": ANN}).startswith(f"User {ANN} · Acme Shop")
        assert toolkit.probe() is toolkit
        assert toolkit.unavailable == {}
        assert run(toolkit.core, toolkit.aprobe()) is toolkit
    finally:
        toolkit.close()


def test_probing_narrows_the_offer():
    with Sandbox(edition="foss") as server, toolkit_over(server) as core:
        toolkit = OpenReplayToolkit(core=core).probe()
        live = {"openreplay_list_live_sessions", "openreplay_search_live_sessions"}
        assert {name for name, reason in toolkit.unavailable.items() if "Enterprise edition" in reason} == live
        assert not {tool.name for tool in toolkit.get_tools()} & set(toolkit.unavailable)


def test_a_tool_call_carries_text_and_artifact(tools):
    message = tools["openreplay_get_user"].invoke(as_call("openreplay_get_user", {"user_id": ANN}))
    assert isinstance(message, ToolMessage)
    assert message.status == "success"
    assert message.tool_call_id == "call-1"
    assert message.content.startswith(f"User {ANN}")
    assert message.artifact["user_id"] == ANN
    json.dumps(message.artifact)


def test_a_refusal_has_status_error_and_never_raises(tools):
    for arguments in ({"user_id": "nobody"}, {}, {"user_id": ANN, "surprise": 1}, {"user_id": [1]}):
        message = tools["openreplay_get_user"].invoke(as_call("openreplay_get_user", arguments))
        assert message.status == "error"
        assert "Error" not in message.content


def test_marks_tell_what_a_tool_may_do(sandbox):
    with toolkit_over(sandbox, **LOGIN) as core:
        marks = {tool.name: tool.metadata for tool in OpenReplayToolkit(core=core).get_tools()}
    destructive = {name for name, mark in marks.items() if mark["destructive"]}
    writing = {name for name, mark in marks.items() if not mark["read_only"]}
    assert destructive == {"openreplay_delete_user"}
    names = ("create_project", "create_note", "cancel_job", "send")
    assert writing == destructive | {f"openreplay_{name}" for name in names}
    assert marks["openreplay_get_user"]["group"] == "users"
    assert marks["openreplay_search_sessions"]["group"] == "sessions"


def test_a_login_brings_the_search_of_sessions(unpaced):
    with OpenReplayToolkit.sandbox(login=True) as toolkit:
        tools = {tool.name: tool for tool in toolkit.get_tools()}
        assert len(tools) == 12
        found = tools["openreplay_search_sessions"].invoke(as_call("openreplay_search_sessions", {"user_id": ANN}))
        assert found.status == "success"
        session = found.artifact["rows"][0]["session_id"]
        card = tools["openreplay_summarize_session"].invoke({"session": session})
        assert card.startswith(f"Session {session} · Acme Shop · {ANN}")
        refused = tools["openreplay_search_sessions"].invoke(
            as_call("openreplay_search_sessions", {"filters": [{"name": "browzer", "values": ["x"]}]})
        )
        assert refused.status == "error"
        assert "Nearest: browser" in refused.content
        for text in (repr(toolkit), toolkit.model_dump_json(), *map(repr, tools.values()), *map(dumps, tools.values())):
            assert Sandbox.password not in text


def test_the_key_stands_in_nothing_that_is_shown_or_kept(core, tools, sandbox):
    toolkit, tool = OpenReplayToolkit(core=core), tools["openreplay_get_user"]
    shown = [
        repr(toolkit),
        str(toolkit),
        toolkit.model_dump_json(),
        repr(tool),
        str(tool),
        dumps(tool),
        repr(core.client),
    ]
    assert not [text for text in shown if sandbox.api_key in text or sandbox.secret in text]


@pytest.mark.parametrize("what", ["toolkit", "tool", "core"])
def test_pickling_never_writes_the_key(core, tools, sandbox, what):
    thing = {"toolkit": OpenReplayToolkit(core=core), "tool": tools["openreplay_get_user"], "core": core}[what]
    try:
        written = pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    assert sandbox.api_key.encode() not in written


def test_callbacks_see_the_arguments_and_not_the_key(tools, sandbox):
    told = []

    class Listener(BaseCallbackHandler):
        def on_tool_start(self, serialized, input_str, **more):
            told.append(repr((serialized, input_str, more)))

        def on_tool_end(self, output, **more):
            told.append(repr((output, more)))

    tools["openreplay_get_user"].invoke(as_call("openreplay_get_user", {"user_id": ANN}), {"callbacks": [Listener()]})
    assert len(told) == 2
    assert ANN in told[0]
    assert sandbox.api_key not in "".join(told)


def test_tools_are_shared_between_threads(tools):
    tool = tools["openreplay_list_user_sessions"]
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: tool.invoke({"user_id": ANN}), range(40)))
    assert len(texts) == 1


def _script():
    def events(messages):
        session = messages[-2].artifact["rows"][0]["session_id"]
        return calling(("openreplay_list_session_events", {"session": session}))

    return [
        calling(("openreplay_search_users", {"query": ANN})),
        calling(
            ("openreplay_list_user_sessions", {"user_id": ANN, "since": "7d"}),
            ("openreplay_get_user", {"user_id": ANN}),
        ),
        events,
        calling(("openreplay_get_user", {"user_id": "nobody"}), ("openreplay_no_such", {})),
        lambda messages: AIMessage("\n".join(message.text for message in messages if message.type == "tool")),
    ]


def _agree(state, model, tools):
    messages = [message for message in state["messages"] if message.type == "tool"]
    assert model.bound == list(tools)
    assert [message.status for message in messages] == ["success"] * 4 + ["error"] * 2
    assert [message.name for message in messages[1:3]] == ["openreplay_list_user_sessions", "openreplay_get_user"]
    conclusion = state["messages"][-1].text
    assert "failed request: https://openreplay.example.com/1/session/" in conclusion
    assert "No user record nobody." in conclusion
    assert "not a valid tool" in conclusion


def test_an_agent_answers_a_question(tools):
    model = ScriptedChatModel(script=_script())
    state = create_agent(model, list(tools.values())).invoke({"messages": "Why could Ann not pay?"})
    _agree(state, model, tools)


async def test_an_agent_answers_a_question_async(core, tools):
    model = ScriptedChatModel(script=_script())
    state = await create_agent(model, list(tools.values())).ainvoke({"messages": "Why could Ann not pay?"})
    await core.async_client.aclose()
    _agree(state, model, tools)


@pytest.mark.parametrize("name", ["openreplay_get_user", "openreplay_search_users", "openreplay_list_projects"])
def test_a_bare_text_is_refused_with_the_names_of_the_arguments(sandbox, name):
    with toolkit_over(sandbox) as everything:
        tool = next(tool for tool in OpenReplayToolkit(core=everything).get_tools() if tool.name == name)
        assert tool.invoke("ann@example.org").startswith(f"Give the arguments of {name} by name: ")
