"""Every way to call a tool, made comparable: the same call must say the same whichever door it goes through."""

import asyncio
from dataclasses import dataclass
from typing import Any

from mcp import Client

from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.mcp import make_server
from openreplay_tools.sandbox import Sandbox

LOGIN = {"email": Sandbox.email, "password": Sandbox.password}
"""Settings for a dashboard login at a sandbox, beside its key."""


@dataclass(frozen=True)
class Said:
    """What a call said: text for the model, data beside it ({} for a refusal), whether it was refused, pictures."""

    text: str
    data: dict[str, Any]
    is_error: bool
    pictures: tuple[tuple[str, str], ...] = ()


def told(reply):
    return Said(reply.text, reply.data, reply.is_error, tuple((one.media_type, one.base64) for one in reply.pictures))


def from_message(message):
    plain = isinstance(message.content, str)
    (text, *rest) = [{"type": "text", "text": message.content}] if plain else message.content
    assert text["type"] == "text"
    assert all(block["type"] == "image" for block in rest)
    shown = tuple((block["mime_type"], block["base64"]) for block in rest)
    return Said(text["text"], message.artifact or {}, message.status == "error", shown)


def from_output(output):
    text, *rest = output.blocks
    shown = tuple((block.image_mimetype, block.image.decode()) for block in rest)
    return Said(text.text, output.raw_output, output.is_error, shown)


def from_result(result):
    text, *rest = result.content
    assert [text.type, *(block.type for block in rest)] == ["text", *["image"] * len(rest)]
    shown = tuple((block.mime_type, block.data) for block in rest)
    return Said(text.text, result.structured_content or {}, result.is_error, shown)


def langchain_tool(toolkit, name):
    return next(tool for tool in OpenReplayToolkit(core=toolkit).get_tools() if tool.name == name)


def llama_index_tool(toolkit, name):
    return next(tool for tool in OpenReplayToolSpec(toolkit).to_tool_list() if tool.metadata.name == name)


def as_call(name, arguments):
    return {"type": "tool_call", "id": "call-1", "name": name, "args": arguments}


def run(toolkit, coroutine):
    """Run in a loop of its own, and leave no connection of that loop open."""

    async def main():
        try:
            return await coroutine
        finally:
            await toolkit.async_client.aclose()

    return asyncio.run(main())


def direct(toolkit, name, arguments):
    return told(toolkit.call(name, arguments))


def direct_async(toolkit, name, arguments):
    return told(run(toolkit, toolkit.acall(name, arguments)))


def langchain(toolkit, name, arguments):
    return from_message(langchain_tool(toolkit, name).invoke(as_call(name, arguments)))


def langchain_async(toolkit, name, arguments):
    return from_message(run(toolkit, langchain_tool(toolkit, name).ainvoke(as_call(name, arguments))))


def llama_index(toolkit, name, arguments):
    return from_output(llama_index_tool(toolkit, name).call(**arguments))


def llama_index_async(toolkit, name, arguments):
    return from_output(run(toolkit, llama_index_tool(toolkit, name).acall(**arguments)))


async def _over_mcp(toolkit, name, arguments, mode):
    async with Client(make_server(toolkit), mode=mode) as client:
        return await client.call_tool(name, arguments)


def mcp(toolkit, name, arguments):
    return from_result(run(toolkit, _over_mcp(toolkit, name, arguments, "auto")))


def mcp_legacy(toolkit, name, arguments):
    return from_result(run(toolkit, _over_mcp(toolkit, name, arguments, "legacy")))


OTHERS = (direct_async, langchain, langchain_async, llama_index, llama_index_async, mcp)
