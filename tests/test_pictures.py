"""What there is to look at, through every adapter: beside the text, in the framework's own form, in no refusal."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from llama_index.core.llms import ImageBlock, TextBlock
from mcp import Client as McpClient

from openreplay_tools.answer import Answer, Picture
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.langchain import OpenReplayTool
from openreplay_tools.llama_index import OpenReplayTool as LlamaTool
from openreplay_tools.mcp import make_server
from openreplay_tools.notte.access import at_notte
from openreplay_tools.operation import Arguments, Record, operation
from openreplay_tools.settings import Settings
from openreplay_tools.text import own
from openreplay_tools.toolkit import Toolkit
from tests.doors import as_call, run
from tests.test_langchain import ScriptedChatModel, calling
from tests.vendors import NOTTE_KEY


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + _chunk(b"IEND", b"")
)
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
SHOWN = [("image/png", PNG), ("image/jpeg", JPEG)]
TEXT = "Two frames at 0:01 and 0:02"
NAME = "notte_show_frames"


class FrameArgs(Arguments):
    """Which frames."""

    refuse: bool = False
    count: int = 2


class Frames(Record):
    count: int = 0


def frames(result, args, _scope):
    pictures = (Picture(PNG, "image/png"), Picture(JPEG))
    return Answer(subject=own(TEXT), pictures=pictures[: args.count])


@operation(FrameArgs, group="sessions", prepare=at_notte, present=frames, needs="notte", provider="notte")
def notte_show_frames(args, _scope):
    """Show frames."""
    yield from ()
    if args.refuse:
        raise ArgumentsError("refuse: no such frame.")
    return Frames(count=args.count)


def toolkit_with(**given):
    bound = Toolkit(Settings.make(notte_api_key=NOTTE_KEY, secret="secret", **given))
    bound._chosen = (*bound._chosen, notte_show_frames)
    return bound


@pytest.fixture
def toolkit():
    with toolkit_with() as bound:
        yield bound


def decoded(pairs):
    return [(kind, base64.b64decode(text, validate=True)) for kind, text in pairs]


def both(toolkit, sync, asynchronous):
    """Return what the sync and the async way say."""
    return [sync(), run(toolkit, asynchronous())]


def test_a_reply_carries_the_pictures_beside_its_text(toolkit):
    for reply in both(toolkit, lambda: toolkit.call(NAME, {}), lambda: toolkit.acall(NAME, {})):
        assert reply.text == TEXT
        assert [(each.media_type, each.content) for each in reply.pictures] == SHOWN
        assert reply.data == {"count": 2}
        assert "PNG" not in repr(reply)


def test_langchain_gets_text_and_image_blocks_and_the_artifact(toolkit):
    tool = OpenReplayTool(notte_show_frames, toolkit)
    call = as_call(NAME, {})
    for message in both(toolkit, lambda: tool.invoke(call), lambda: tool.ainvoke(call)):
        first, *rest = message.content
        assert first == {"type": "text", "text": TEXT}
        assert {block["type"] for block in rest} == {"image"}
        assert decoded((block["mime_type"], block["base64"]) for block in rest) == SHOWN
        assert [block["type"] for block in message.content_blocks] == ["text", "image", "image"]
        assert (message.artifact, message.status) == ({"count": 2}, "success")
        assert message.text == TEXT


def test_without_pictures_langchain_gets_plain_text(toolkit):
    message = OpenReplayTool(notte_show_frames, toolkit).invoke(as_call(NAME, {"count": 0}))
    assert (message.content, message.artifact) == (TEXT, {"count": 0})


def test_a_langchain_agent_hands_the_pictures_to_its_model(toolkit):
    model = ScriptedChatModel(script=[calling((NAME, {})), AIMessage("seen")], bound=[], seen=[])
    agent = create_agent(model, [OpenReplayTool(notte_show_frames, toolkit)])
    agent.invoke({"messages": [HumanMessage("look")]})
    told = model.seen[-1][-1]
    assert [block["type"] for block in told.content_blocks] == ["text", "image", "image"]


def test_llama_index_gets_blocks(toolkit):
    tool = LlamaTool(notte_show_frames, toolkit)
    for output in both(toolkit, tool.call, tool.acall):
        first, *rest = output.blocks
        assert isinstance(first, TextBlock)
        assert (first.text, output.content) == (TEXT, TEXT)
        assert all(isinstance(block, ImageBlock) for block in rest)
        assert [(block.image_mimetype, block.resolve_image().read()) for block in rest] == SHOWN
        assert decoded((block.image_mimetype, block.resolve_image(as_base64=True).read()) for block in rest) == SHOWN
        assert (output.raw_output, output.is_error) == ({"count": 2}, False)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_mcp_gets_image_content(toolkit, mode):
    async def called(arguments):
        async with McpClient(make_server(toolkit), mode=mode) as client:
            return await client.call_tool(NAME, arguments)

    result = run(toolkit, called({}))
    first, *rest = result.content
    assert (first.type, first.text) == ("text", TEXT)
    assert {block.type for block in rest} == {"image"}
    assert decoded((block.mime_type, block.data) for block in rest) == SHOWN
    assert (result.structured_content, result.is_error) == ({"count": 2}, False)
    wire = json.loads(result.model_dump_json(by_alias=True))
    assert wire["content"][1] == {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"} | {
        key: value for key, value in wire["content"][1].items() if value is None
    }


def test_a_refusal_has_no_picture(toolkit):
    refused = {"refuse": True}
    reply = toolkit.call(NAME, refused)
    assert (reply.text, reply.pictures, reply.is_error) == ("refuse: no such frame.", (), True)
    message = OpenReplayTool(notte_show_frames, toolkit).invoke(as_call(NAME, refused))
    assert (message.content, message.status) == ("refuse: no such frame.", "error")
    output = LlamaTool(notte_show_frames, toolkit).call(**refused)
    assert ([block.block_type for block in output.blocks], output.is_error) == (["text"], True)

    async def called():
        async with McpClient(make_server(toolkit)) as client:
            return await client.call_tool(NAME, refused)

    result = run(toolkit, called())
    assert ([block.type for block in result.content], result.is_error) == (["text"], True)


def test_where_people_go_by_aliases_no_picture_shows_them():
    with toolkit_with(privacy="pseudonyms") as toolkit:
        for reply in both(toolkit, lambda: toolkit.call(NAME, {}), lambda: toolkit.acall(NAME, {})):
            assert reply.pictures == ()
            assert reply.text.startswith(TEXT)
            assert "The pictures are left out: they may show people" in reply.text
        without = toolkit.call(NAME, {"count": 0})
        assert (without.text, without.pictures) == (TEXT, ())


def test_a_picture_shows_no_bytes():
    assert repr(Picture(PNG, "image/png")) == "Picture(media_type='image/png')"
