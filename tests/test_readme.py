"""Every code block of README.md and CONTRIBUTING.md is executed; what it prints is what the document says.

`python tests/test_readme.py` writes the outputs anew.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.docs import VARIABLES
from openreplay_tools.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
LONGEST_README = 640
LOG = "audit"  # openreplay_tools.audit is a log, not a module

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
COMMAND_LINE = "import sys; from openreplay_tools.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    section: str
    language: str
    text: str
    start: int  # where the text begins in the document
    line: int


def blocks(document):
    """The blocks of a document, in order."""
    whole = (ROOT / document).read_text("utf-8")
    code = [(found.start(), found.end()) for found in BLOCK.finditer(whole)]
    titles = [
        (found.start(), found[1])
        for found in SECTION.finditer(whole)
        if not any(start < found.start() < end for start, end in code)
    ]
    for found in BLOCK.finditer(whole):
        section = next((title for at, title in reversed(titles) if at < found.start()), "first screen")
        at = found.start("text")
        yield Block(document, section, found["language"], found["text"], at, whole.count("\n", 0, at) + 1)


def sections():
    """The blocks of all documents by document and section."""
    found = {}
    for document in DOCUMENTS:
        for block in blocks(document):
            found.setdefault((document, block.section), []).append(block)
    return found


def chat_model():
    """A LangChain model that calls the first tool with a required user id once, then answers."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class ScriptedModel(BaseChatModel):
        _llm_type = "scripted"

        def bind_tools(self, tools, **kwargs):
            return self

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            if isinstance(messages[-1], ToolMessage):
                assert messages[-1].status == "success", messages[-1].content
                said = AIMessage(content="done")
            else:
                wanted = {
                    "name": "openreplay_list_user_sessions",
                    "args": {"user_id": "vip@bigcorp.example"},
                    "id": "1",
                }
                said = AIMessage(content="", tool_calls=[wanted])
            return ChatResult(generations=[ChatGeneration(message=said)])

    return ScriptedModel()


def names(section):
    """What a section's Python blocks find already there: the reader's own model."""
    text = "".join(block.text for block in section)
    given = {"__name__": "readme"}
    if re.search(r"\bmodel\b", text):
        given["model"] = chat_model()
    if re.search(r"\bllm\b", text):
        from llama_index.core.llms.mock import MockFunctionCallingLLM

        given["llm"] = MockFunctionCallingLLM()
    return given


def run_python(block, namespace):
    """Execute a block and return what it prints."""
    # The line numbers of a traceback are those of the document.
    code = compile("\n" * (block.line - 1) + block.text, block.document, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def run_shell(block):
    """Execute the lines of a block and return what they print."""
    return "".join(run_line(line) for line in block.text.replace("\\\n", " ").splitlines() if line.strip())


def run_line(line):
    """Execute one command, or check it where executing it would be another test's work."""
    command, *words = shlex.split(line, comments=True)
    if command == "make":
        assert words, "plain `make` only lists the commands"
        assert set(words) <= TARGETS, f"{line}: there is no such target"
        return ""
    if command == "pip":
        assert words[0] == "install"
        for word in words[1:]:
            named = re.fullmatch(r"openreplay-tools(?:\[([\w,-]+)\])?", word)
            assert named, f"{line}: {word} is not this package"
            assert set((named[1] or "mcp").split(",")) <= set(EXTRAS), f"{line}: no such extra"
        return ""
    if command == "openreplay-tools":
        assert PROJECT["scripts"][command] == "openreplay_tools.cli:main"
        return run_sandbox(words) if words[0] == "sandbox" else run([sys.executable, "-c", COMMAND_LINE, *words])
    assert command == "python", f"{line}: the test does not know how to execute it"
    return run([sys.executable, *words])


def environment():
    """The environment of a command: this one, and the package where it is not installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def run(command):
    """Run a command that ends, and return its output."""
    done = subprocess.run(
        command, env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
    return done.stdout


def run_sandbox(words):
    """Start the server of the command line on a free port, see that it answers, and return its first line."""
    wanted = words[words.index("--port") + 1]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-c", COMMAND_LINE, *(port if word == wanted else word for word in words)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline()
        variables = dict(word.split("=", 1) for word in shlex.split(said))
        assert set(variables) <= set(VARIABLES.values())
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port)), timeout=1):
                break
            assert process.poll() is None, "the sandbox ended"
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    return said.replace(port, wanted)


async def tools_of_host(text):
    """Start each server of an MCP host's configuration as the host would, and return the names of its tools."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    found = []
    for server in json.loads(text)["mcpServers"].values():
        assert PROJECT["scripts"][server["command"]] == "openreplay_tools.cli:main"
        assert set(server["env"]) <= set(VARIABLES.values())
        given = {**environment(), **server["env"]}
        given |= {name: os.environ[name] for name in ("OPENREPLAY_BASE_URL", "OPENREPLAY_API_KEY")}
        how = StdioServerParameters(command=sys.executable, args=["-c", COMMAND_LINE, *server["args"]], env=given)
        async with stdio_client(how) as streams, ClientSession(*streams) as session:
            await session.initialize()
            found += [tool.name for tool in (await session.list_tools()).tools]
    return found


def run_json(block):
    """Check a configuration."""
    assert "openreplay_search_users" in asyncio.run(tools_of_host(block.text))


def executed(section):
    """Execute a section's blocks; yield each block of output with what was really printed."""
    namespace, closing, printed = names(section), {}, None
    try:
        for block in section:
            if block.language == "text":
                assert printed is not None, f"{block.document}:{block.line}: output of nothing"
                yield block, "".join(line.rstrip() + "\n" for line in printed.splitlines())
                printed = None
                continue
            if block.language == "python":
                printed = run_python(block, namespace)
            else:
                printed = {"bash": run_shell, "json": run_json}[block.language](block)
            closing |= {id(value): value for value in namespace.values() if is_toolkit(value)}
    finally:
        for toolkit in closing.values():
            toolkit.close()


def is_toolkit(value):
    """Whether this is something of ours that a reader keeps open until the end of the program."""
    return type(value).__module__.startswith("openreplay_tools.") and hasattr(value, "close")


@contextlib.contextmanager
def around(server):
    """The environment that the documents tell a reader to set."""
    given = {
        "OPENREPLAY_BASE_URL": server.url,
        "OPENREPLAY_API_KEY": server.api_key,
        "OPENREPLAY_PROJECT": "Acme Shop",
        "OPENREPLAY_DASHBOARD_URL": "https://openreplay.example.com",
    }
    with mock.patch.dict(os.environ, given):
        yield


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("where", sections(), ids=" / ".join)
def test_every_example_does_what_the_document_says(where, sandbox):
    with around(sandbox):
        for block, printed in executed(sections()[where]):
            assert block.text == printed, f"{block.document}:{block.line} (python tests/test_readme.py renews outputs)"


def test_every_block_says_its_language():
    assert {block.language for section in sections().values() for block in section} <= {
        "python",
        "bash",
        "json",
        "text",
    }


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_names_in_a_document_exist(document):
    text = (ROOT / document).read_text("utf-8")
    tools = {operation.tool_name for operation in OPERATIONS}
    modules = {path.stem for path in (ROOT / "openreplay_tools").iterdir()} | {"openreplay_tools", LOG}
    assert set(re.findall(r"OPENREPLAY_\w+", text)) <= set(VARIABLES.values())
    assert set(re.findall(r"`(openreplay_\w+)`", text)) <= tools | {"openreplay_tools"}
    assert {name.partition(".")[0] for name in re.findall(r"`openreplay_tools\.(\w+)", text)} <= modules
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= TARGETS


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_within_the_repository_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)]+)\)", (ROOT / document).read_text("utf-8"))
    titles = {f"#{title.lower().replace(' ', '-')}" for title in SECTION.findall((ROOT / document).read_text("utf-8"))}
    assert [each for each in targets if "://" not in each and each not in titles and not (ROOT / each).exists()] == []


def test_contributing_links_nothing_outside():
    assert not re.search(r"\]\(\w+://", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))


def test_every_extra_is_in_the_readme():
    text = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \| ", text, re.MULTILINE)) == set(EXTRAS) - {"dev"}


def renew():
    """Write what the examples print into the documents."""
    with Sandbox() as server, around(server):
        found = [pair for section in sections().values() for pair in executed(section)]
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        for block, printed in sorted(found, key=lambda pair: -pair[0].start):
            if block.document == document:
                text = text[: block.start] + printed + text[block.start + len(block.text) :]
        (ROOT / document).write_text(text, "utf-8")


if __name__ == "__main__":
    renew()
