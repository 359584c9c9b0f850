"""How far a call has come: heard from Python, LangChain, LangGraph, LlamaIndex, MCP and the command line."""

import asyncio
import io
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.llms.mock import MockFunctionCallingLLM
from mcp import Client as McpClient

import openreplay_tools
from openreplay_tools import Progress, areporting, cli, print_progress, reporting
from openreplay_tools.answer import Answer
from openreplay_tools.flow import Batch, Request, ask
from openreplay_tools.langchain import PROGRESS
from openreplay_tools.llama_index import OpenReplayToolSpec, ProgressEvent, ToolProgressEvent
from openreplay_tools.mcp import make_server
from openreplay_tools.openreplay.directory import ProjectsReply, fetch_projects
from openreplay_tools.openreplay.scope import at_large
from openreplay_tools.operation import Arguments, Record, operation
from openreplay_tools.text import own
from tests.doors import LOGIN, OTHERS, as_call, direct, langchain_tool, llama_index_tool, run
from tests.servers import client_over, toolkit_over
from tests.test_langchain import ScriptedChatModel, calling

TOOL = "openreplay_count_slowly"
STEPS = [
    Progress(0, None, "looking"),
    Progress(1, 3, "counting"),
    Progress(2, 3, "counting"),
    Progress(3, 3, "counting"),
]
TOLD = [(step.done, step.total, step.what) for step in STEPS]


class CountArgs(Arguments):
    """Nothing to choose."""


class Counted(Record):
    """What was counted."""

    count: int = 0


def counted(result, _args, _scope):
    return Answer(subject=own(f"{result.count} counted"))


@operation(CountArgs, group="jobs", prepare=at_large, present=counted)
def count_slowly(_args, scope):
    """Count in three steps, and ask the server meanwhile."""
    answered = [(yield STEPS[0])]
    projects = yield from fetch_projects(scope)
    for step in STEPS[1:]:
        answered.append((yield step))
        request = Request("GET", ("public", "projects"), ProjectsReply)
        yield Batch((request, request))
        yield from ask(request)
    assert answered == [None] * 4
    return Counted(count=len(projects))


@pytest.fixture
def toolkit(sandbox):
    with toolkit_over(sandbox) as bound:
        bound._chosen = (*bound._chosen, count_slowly)
        yield bound


@pytest.fixture
def client(sandbox):
    with client_over(sandbox) as bound:
        yield bound


def shape(told):
    return [(each["done"], each["total"], each["what"]) for each in told]


# --- Python ---


def test_a_listener_hears_every_step_in_order(client):
    heard = []
    with reporting(heard.append):
        assert client.run(count_slowly).count == 2
    assert heard == STEPS
    client.run(count_slowly)
    assert heard == STEPS


def test_a_step_reads_as_a_line():
    assert str(STEPS[0]) == "looking: 0"
    assert str(STEPS[2]) == "counting: 2 of 3"


def test_listeners_may_be_nested(client):
    outer, inner = [], []
    with reporting(outer.append):
        with reporting(inner.append):
            client.run(count_slowly)
        client.run(count_slowly)
    assert (len(outer), len(inner)) == (8, 4)


def test_a_broken_listener_is_logged_and_breaks_nothing(client, caplog):
    heard = []

    def broken(_progress):
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR), reporting(broken), reporting(heard.append):
        assert client.run(count_slowly).count == 2
    assert heard == STEPS
    assert [record.name for record in caplog.records] == ["openreplay_tools.progress"] * 4


def test_a_listener_may_stop_the_call(client):
    def stop(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), reporting(stop):
        client.run(count_slowly)


def test_threads_hear_their_own_calls_only(client):
    def one(_number):
        heard = []
        with reporting(heard.append):
            client.run(count_slowly)
        return heard

    mine = []
    with reporting(mine.append), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [STEPS] * 8
    assert mine == []


async def test_tasks_hear_their_own_calls_only(toolkit):
    async def one():
        heard = []
        with reporting(heard.append):
            await toolkit.async_client.run(count_slowly)
        return heard

    try:
        assert await asyncio.gather(*(one() for _ in range(8))) == [STEPS] * 8
    finally:
        await toolkit.async_client.aclose()


async def test_an_async_listener_is_awaited_in_order_before_the_block_ends(toolkit, caplog):
    heard = []

    async def slow(progress):
        await asyncio.sleep(0.02 if not heard else 0)
        heard.append(progress)
        if progress.done == 1:
            raise ZeroDivisionError

    try:
        async with areporting(slow):
            await toolkit.async_client.run(count_slowly)
        assert heard == STEPS
        assert [record.name for record in caplog.records] == ["openreplay_tools.progress"]
    finally:
        await toolkit.async_client.aclose()


async def test_an_async_listener_hears_a_thread(client):
    heard = []

    async def listen(progress):
        heard.append(progress)

    async with areporting(listen):
        await asyncio.to_thread(client.run, count_slowly)
    assert heard == STEPS


async def test_a_cancelled_call_does_not_wait_for_its_listener(toolkit):
    entered, ended = asyncio.Event(), []

    async def endless(_progress):
        entered.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    async def call():
        async with areporting(endless):
            await toolkit.async_client.run(count_slowly)

    task = asyncio.create_task(call())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    await asyncio.sleep(0)
    assert ended == [True]
    await toolkit.async_client.aclose()


def test_progress_stands_in_no_answer_and_changes_none(toolkit):
    first = direct(toolkit, TOOL, {})
    assert first.text == "2 counted"
    assert first.data == {"count": 2}
    assert [other(toolkit, TOOL, {}) for other in OTHERS] == [first] * len(OTHERS)


def test_the_names_are_public():
    assert {"Progress", "areporting", "print_progress", "reporting"} <= set(openreplay_tools.__all__)


# --- LangChain ---


class Heard(BaseCallbackHandler):
    def __init__(self):
        self.told = []

    def on_custom_event(self, name, data, *, run_id, **more):
        self.told.append((name, data, run_id))


class HeardAsync(AsyncCallbackHandler):
    def __init__(self):
        self.told = []

    async def on_custom_event(self, name, data, *, run_id, **more):
        await asyncio.sleep(0.01 if not self.told else 0)
        self.told.append((name, data, run_id))


def test_langchain_callbacks_hear_a_tool_that_no_run_is_around(toolkit):
    heard = Heard()
    langchain_tool(toolkit, TOOL).invoke(as_call(TOOL, {}), {"callbacks": [heard]})
    assert {name for name, _, _ in heard.told} == {PROGRESS}
    assert shape(data for _, data, _ in heard.told) == TOLD
    assert {data["tool"] for _, data, _ in heard.told} == {TOOL}
    assert len({run_id for _, _, run_id in heard.told}) == 1


@pytest.mark.parametrize("handler", [Heard, HeardAsync])
def test_langchain_callbacks_hear_an_async_call(toolkit, handler):
    heard = handler()
    run(toolkit, langchain_tool(toolkit, TOOL).ainvoke(as_call(TOOL, {}), {"callbacks": [heard]}))
    assert shape(data for _, data, _ in heard.told) == TOLD


def test_langchain_tools_called_beneath_their_surface_work_too(toolkit, caplog):
    tool = langchain_tool(toolkit, TOOL)
    assert tool._run()[0] == "2 counted"
    assert run(toolkit, tool._arun())[0] == "2 counted"
    assert not caplog.records


async def test_langchain_event_streams_hear_it(toolkit):
    tool = langchain_tool(toolkit, TOOL)
    try:
        events = [event async for event in tool.astream_events(as_call(TOOL, {}), version="v2")]
    finally:
        await toolkit.async_client.aclose()
    assert shape(event["data"] for event in events if event["event"] == "on_custom_event") == TOLD


def _agent(toolkit):
    model = ScriptedChatModel(script=[calling((TOOL, {})), AIMessage("done")])
    return create_agent(model, [langchain_tool(toolkit, TOOL)])


def test_langgraph_streams_it_as_custom(toolkit):
    told = list(_agent(toolkit).stream({"messages": [("user", "count")]}, stream_mode="custom"))
    assert shape(told) == TOLD
    assert {(each["type"], each["tool"]) for each in told} == {(PROGRESS, TOOL)}


async def test_langgraph_streams_it_as_custom_async(toolkit):
    stream = _agent(toolkit).astream({"messages": [("user", "count")]}, stream_mode="custom")
    try:
        assert shape([each async for each in stream]) == TOLD
    finally:
        await toolkit.async_client.aclose()


# --- LlamaIndex ---


class Recorder(BaseEventHandler):
    seen: list = []

    def handle(self, event, **_more):
        if isinstance(event, ToolProgressEvent):
            self.seen.append(event)


@pytest.fixture
def recorder():
    root = get_dispatcher()
    handler = Recorder(seen=[])
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)


@pytest.mark.parametrize("is_async", [False, True])
def test_llama_index_instrumentation_hears_it(toolkit, recorder, is_async):
    tool = llama_index_tool(toolkit, TOOL)
    output = run(toolkit, tool.acall()) if is_async else tool.call()
    assert output.content == "2 counted"
    assert [(each.done, each.total, each.what) for each in recorder.seen] == TOLD
    assert {(each.tool, each.class_name()) for each in recorder.seen} == {(TOOL, "ToolProgressEvent")}


def _llm():
    steps = iter([
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name=TOOL, tool_kwargs={})]),
        ChatMessage(role="assistant", blocks=[TextBlock(text="done")]),
    ])  # fmt: skip
    return MockFunctionCallingLLM(response_generator=lambda *_args, **_more: next(steps))


def _reasoner():
    texts = iter([
        f"Thought: I count.\nAction: {TOOL}\nAction Input: {{}}\n",
        "Thought: I can answer without using any more tools.\nAnswer: done",
    ])  # fmt: skip

    def say(*_args, **_more):
        return ChatMessage(role="assistant", blocks=[TextBlock(text=next(texts))])

    return MockFunctionCallingLLM(response_generator=say)


@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")  # ReActAgent's own
@pytest.mark.parametrize(("kind", "llm"), [(FunctionAgent, _llm), (ReActAgent, _reasoner)])
async def test_llama_index_agents_stream_it(toolkit, kind, llm):
    agent = kind(tools=[llama_index_tool(toolkit, TOOL)], llm=llm(), streaming=False)
    try:
        handler = agent.run(user_msg="count")
        events = [event async for event in handler.stream_events() if isinstance(event, ProgressEvent)]
        await handler
    finally:
        await toolkit.async_client.aclose()
    assert [(event.done, event.total, event.what) for event in events] == TOLD
    assert {event.tool for event in events} == {TOOL}


def test_llama_index_raw_input_holds_no_context(toolkit):
    output = llama_index_tool(toolkit, TOOL).call(workflow_context="nothing a model could send")
    assert output.content == "2 counted"
    assert output.raw_input == {}


# --- MCP ---


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_mcp_hosts_hear_what_they_asked_for(toolkit, mode):
    heard = []

    async def listen(progress, total, message):
        heard.append((progress, total, message))

    try:
        async with McpClient(make_server(toolkit), mode=mode) as client:
            result = await client.call_tool(TOOL, {}, progress_callback=listen)
            assert result.content[0].text == "2 counted"
            await asyncio.sleep(0.05)
            assert heard == TOLD
            assert (await client.call_tool(TOOL, {})).content[0].text == "2 counted"
            await asyncio.sleep(0.05)
            assert heard == TOLD
    finally:
        await toolkit.async_client.aclose()


# --- the command line ---


class Terminal(io.StringIO):
    yes = True

    def isatty(self):
        return self.yes


class Pipe(Terminal):
    yes = False


@pytest.mark.parametrize("kind", [Terminal, Pipe])
def test_only_a_terminal_shows_progress(client, monkeypatch, kind):
    shown = kind()
    monkeypatch.setattr(sys, "stderr", shown)
    with reporting(print_progress):
        client.run(count_slowly)
    lines = ["looking: 0", "counting: 1 of 3", "counting: 2 of 3", "counting: 3 of 3"] if kind.yes else []
    assert shown.getvalue().splitlines() == lines


def test_the_command_line_listens(monkeypatch, capsys, toolkit):
    shown = Terminal()
    monkeypatch.setattr(cli, "_toolkit", lambda _args: toolkit)
    monkeypatch.setattr(sys, "stderr", shown)
    assert cli.main(["call", "count_slowly"]) == 0
    assert capsys.readouterr().out == "2 counted\n"
    assert shown.getvalue().splitlines()[-1] == "counting: 3 of 3"


async def test_a_call_cancelled_by_its_listener_ends(sandbox, unpaced):
    """Python 3.11's wait_for gives back what is there instead of cancelling."""
    with toolkit_over(sandbox, **LOGIN) as toolkit:
        task = None

        def stop(_progress):
            task.cancel()

        async def call():
            with reporting(stop):
                return await toolkit.acall("openreplay_find_issues", {"since": "3d"})

        for _ in range(3):
            task = asyncio.ensure_future(call())
            with pytest.raises(asyncio.CancelledError):
                await task
        await toolkit.async_client.aclose()


async def test_a_listener_that_hangs_does_not_keep_the_call(toolkit, monkeypatch):
    monkeypatch.setattr("openreplay_tools.progress._PATIENCE", 0.05)

    async def hang(_progress):
        await asyncio.sleep(3600)

    async with areporting(hang):
        reply = await toolkit.acall("openreplay_summarize_user", {"user_id": "ann@example.org", "limit": 1})
    assert not reply.is_error
    await toolkit.async_client.aclose()


def test_llama_index_agents_without_context_may_have_the_tools(toolkit):
    spec = OpenReplayToolSpec(toolkit)
    assert {tool.requires_context for tool in spec.to_tool_list()} == {True}
    assert {tool.requires_context for tool in spec.to_tool_list(progress=False)} == {False}


def test_llama_index_tools_ask_for_names(toolkit):
    tool = next(each for each in OpenReplayToolSpec(toolkit).to_tool_list() if "get_user" in each.metadata.name)
    output = tool("ann@example.org")
    assert output.is_error
    assert output.content == "Give the arguments of openreplay_get_user by name: project, user_id, detail."
