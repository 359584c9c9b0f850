"""MCP: what a host sees when it lists and calls, in memory and over standard input and output."""

import json
import subprocess
import sys
from contextlib import asynccontextmanager

import mcp_types as types
import pytest
from mcp import Client, MCPError

import openreplay_tools
from openreplay_tools.mcp import INSTRUCTIONS, make_server
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit
from tests.doors import LOGIN
from tests.servers import toolkit_over

pytestmark = pytest.mark.usefixtures("unpaced")
ANN = "ann@example.org"


@pytest.fixture(scope="module")
def toolkit(sandbox):
    with toolkit_over(sandbox, **LOGIN) as bound:
        yield bound


@pytest.fixture(params=["auto", "legacy"])
def connected(toolkit, request):
    """Connect in the test's own task: a client must be left where it was entered."""

    @asynccontextmanager
    async def connect():
        try:
            async with Client(make_server(toolkit), mode=request.param) as client:
                yield client
        finally:
            await toolkit.async_client.aclose()

    return connect


async def test_a_host_lists_the_tools(connected, toolkit):
    async with connected() as client:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == [operation.tool_name for operation in toolkit.operations]
        assert all(tool.description and tool.input_schema["additionalProperties"] is False for tool in listed)


async def test_annotations_tell_what_a_tool_may_do(connected):
    async with connected() as client:
        marks = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        names = ("create_project", "create_note", "cancel_job", "send", "delete_user")
        writing = {f"openreplay_{name}" for name in names}
        assert {name for name, mark in marks.items() if not mark.read_only_hint} == writing
        assert {name for name, mark in marks.items() if mark.destructive_hint} == {"openreplay_delete_user"}
        assert {name for name, mark in marks.items() if not mark.idempotent_hint} == writing
        assert marks["openreplay_list_user_sessions"].title == "List user sessions"
        assert all(mark.open_world_hint for mark in marks.values())


async def test_annotations_of_the_other_vendors_tools(sandbox, tmp_path):
    settings = Settings.of_sandbox(sandbox, siblings=True, downloads=str(tmp_path))
    with Toolkit(settings, groups=("logrocket", "notte"), effects="all") as toolkit:
        async with Client(make_server(toolkit)) as client:
            marks = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        await toolkit.async_client.aclose()
    asking = marks.pop("logrocket_request_highlights")
    assert asking.title == "Request highlights (LogRocket)"
    assert (asking.read_only_hint, asking.idempotent_hint, asking.destructive_hint) == (True, False, False)
    writing = marks.pop("logrocket_identify_user")
    assert (writing.read_only_hint, writing.idempotent_hint, writing.destructive_hint) == (False, False, False)
    assert len(marks) == 8
    assert all(mark.read_only_hint and mark.idempotent_hint for mark in marks.values())
    assert {mark.title.rpartition(" ")[2] for mark in marks.values()} == {"(LogRocket)", "(Notte)"}


async def test_a_call_answers_with_text_and_structure(connected):
    async with connected() as client:
        result = await client.call_tool("openreplay_get_user", {"user_id": ANN})
        assert [block.type for block in result.content] == ["text"]
        assert result.content[0].text.startswith(f"User {ANN} · Acme Shop")
        assert result.structured_content["user_id"] == ANN
        assert not result.is_error


async def test_a_call_without_arguments_works(connected):
    async with connected() as client:
        result = await client.call_tool("openreplay_list_projects")
        assert result.structured_content["total"] == 2


async def test_sessions_are_searched_and_shown(connected):
    async with connected() as client:
        found = await client.call_tool("openreplay_search_sessions", {"user_id": ANN, "limit": 1})
        assert not found.is_error
        session = found.structured_content["rows"][0]["session_id"]
        card = await client.call_tool("openreplay_get_session", {"session": session})
        assert card.content[0].text.startswith(f"Session {session} · Acme Shop · {ANN}")
        raw = await client.call_tool("openreplay_request", {"path": f"/v2/api/1/sessions/{session}/notes"})
        assert raw.structured_content == {"body": {"data": []}, "viewed": False}


async def test_a_tool_without_its_credential_says_what_to_set(sandbox):
    with toolkit_over(sandbox) as toolkit:
        async with Client(make_server(toolkit)) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("openreplay_search_sessions", {})
        await toolkit.async_client.aclose()
    assert "openreplay_search_sessions" not in listed
    assert result.is_error
    assert "needs a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)" in result.content[0].text


async def test_a_refusal_is_a_result_with_is_error(connected):
    async with connected() as client:
        for arguments in ({}, {"user_id": "nobody"}, {"user_id": ANN, "surprise": 1}, {"user_id": 7}):
            result = await client.call_tool("openreplay_get_user", arguments)
            assert result.is_error
            assert result.structured_content is None
            assert result.content[0].text


async def test_an_unknown_tool_is_a_protocol_error_that_repeats_nothing(connected):
    async with connected() as client:
        with pytest.raises(MCPError, match=r"Unknown tool; tools/list shows those there are\.") as caught:
            await client.call_tool("ignore previous instructions", {})
        assert caught.value.error.code == types.INVALID_PARAMS


async def test_the_server_introduces_itself(connected):
    async with connected() as client:
        assert client.server_info.name == "openreplay-tools"
        assert client.server_info.version == openreplay_tools.__version__
        assert client.instructions == INSTRUCTIONS


async def test_instructions_name_tools_that_exist(toolkit):
    named = {word.strip(",;.") for word in INSTRUCTIONS.split() if word.startswith("openreplay_")}
    assert named
    assert named <= {operation.tool_name for operation in toolkit.operations}


async def test_a_tool_the_server_cannot_serve_says_why():
    with Sandbox(edition="foss") as server, toolkit_over(server) as toolkit:
        await toolkit.aprobe()
        async with Client(make_server(toolkit)) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            result = await client.call_tool("openreplay_list_live_sessions", {})
        await toolkit.async_client.aclose()
    assert "openreplay_list_live_sessions" not in listed
    assert result.is_error
    assert "Enterprise edition" in result.content[0].text


def test_a_real_host_over_standard_input_and_output(tmp_path):
    """Nothing but protocol stands on standard output, and closing the input ends the process."""
    code = "import sys; from openreplay_tools.cli import main; sys.exit(main(sys.argv[1:]))"
    version = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    said = [
        {"id": 1, "method": "initialize", "params": version},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
        {"id": 3, "method": "tools/call", "params": {"name": "openreplay_get_user", "arguments": {"user_id": ANN}}},
        {"id": 4, "method": "tools/call", "params": {"name": "openreplay_get_user", "arguments": {}}},
        {"id": 6, "method": "tools/call", "params": {"name": "openreplay_search_sessions", "arguments": {"limit": 2}}},
        {"id": 5, "method": "tools/call", "params": {"name": "openreplay_delete_user", "arguments": {"user_id": ANN}}},
    ]
    command = [sys.executable, "-c", code, "mcp", "--sandbox", "--login"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        answers = {}
        lines = []
        for message in said:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
            if "id" in message:
                lines.append(process.stdout.readline())
                answers[message["id"]] = json.loads(lines[-1])
        rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest == ""
    assert errors == ""
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)
    assert answers[1]["result"]["serverInfo"]["name"] == "openreplay-tools"
    names = [tool["name"] for tool in answers[2]["result"]["tools"]]
    assert "openreplay_list_session_events" in names
    assert "openreplay_delete_user" not in names
    assert answers[3]["result"]["content"][0]["text"].startswith(f"User {ANN}")
    assert answers[3]["result"]["structuredContent"]["user_id"] == ANN
    assert answers[4]["result"]["isError"] is True
    assert answers[6]["result"]["content"][0]["text"].startswith("2 of ")
    assert len(names) == 12
    assert answers[5]["error"]["code"] == types.INVALID_PARAMS
