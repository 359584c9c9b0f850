"""What each framework tells a model about the tools: the same names, descriptions and schemas, fit for any provider."""

import asyncio
import json

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from mcp import Client

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.mcp import make_server
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit
from tests import siblings
from tests.doors import LOGIN
from tests.servers import known

BY_NAME = {operation.tool_name: operation for operation in OPERATIONS}


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    given = siblings.keys("http://127.0.0.1:1", tmp_path_factory.mktemp("downloads"))
    with Toolkit(Settings.make(**known(**LOGIN, **given)), groups="all", effects="all") as bound:
        yield bound


async def _listed(toolkit):
    async with Client(make_server(toolkit)) as client:
        return (await client.list_tools()).tools


def definitions(toolkit):
    """Return what each framework tells a model about the tools: name, description, schema."""
    openai = [convert_to_openai_tool(tool)["function"] for tool in OpenReplayToolkit(core=toolkit).get_tools()]
    llama = [tool.metadata for tool in OpenReplayToolSpec(toolkit).to_tool_list()]
    llama_openai = [metadata.to_openai_tool()["function"] for metadata in llama]
    return {
        "core": [(op.tool_name, op.description, op.schema) for op in toolkit.operations],
        "langchain": [(one["name"], one["description"], one["parameters"]) for one in openai],
        "llama_index": [(one.name, one.description, one.get_parameters_dict()) for one in llama],
        "llama_index for openai": [(one["name"], one["description"], one["parameters"]) for one in llama_openai],
        "mcp": [(one.name, one.description, one.input_schema) for one in asyncio.run(_listed(toolkit))],
    }


def test_every_framework_shows_the_same_definitions(toolkit):
    shown = {
        framework: json.dumps(tools, ensure_ascii=False, sort_keys=True)
        for framework, tools in definitions(toolkit).items()
    }
    assert {framework for framework, text in shown.items() if text != shown["core"]} == set()
    assert len(json.loads(shown["core"])) == len(OPERATIONS)


def test_definitions_are_the_same_to_the_byte(toolkit):
    shown = {framework: json.dumps(tools, ensure_ascii=False) for framework, tools in definitions(toolkit).items()}
    assert {framework for framework, text in shown.items() if text != shown["core"]} == set()


def test_the_order_of_tools_is_the_catalogues(toolkit):
    assert [name for name, _, _ in definitions(toolkit)["mcp"]] == list(BY_NAME)


def walk(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


FORBIDDEN = {
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "nullable",
    "const",
    "prefixItems",
    "patternProperties",
    "discriminator",
    "title",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_schemas_pass_every_providers_converter(name):
    """OpenAI strict, Anthropic strict and Gemini refuse unions, nulls, references, bounds and free-form objects."""
    schema = BY_NAME[name].schema
    for node in walk(schema):
        if not isinstance(node, dict) or "type" not in node:
            continue
        assert isinstance(node["type"], str)
        assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}
        assert not FORBIDDEN & set(node)
        assert node.get("default", "") is not None
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert "properties" in node
        if node["type"] == "array":
            assert node["items"]["type"]
        assert all(isinstance(value, str) for value in node.get("enum", []))
    assert schema["type"] == "object"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_models_that_gemini_reads_hold_nothing_it_refuses(name):
    """LlamaIndex's Gemini client reads the pydantic model itself, not the stored schema (framework notes §1.3)."""
    for node in walk(BY_NAME[name].arguments.model_json_schema()):
        if isinstance(node, dict):
            assert not {"anyOf", "oneOf", "prefixItems", "const", "discriminator", "patternProperties"} & set(node)
            assert node.get("type") != "null"
            assert node.get("type") != "object" or "properties" in node
            assert all(isinstance(value, str) for value in node.get("enum", []))
