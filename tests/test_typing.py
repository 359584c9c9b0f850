"""`client.run(operation, …)` and `client.iterate` are typed end to end: a type checker finds what would be refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parent.parent

# Each line that a type checker remarks on says in a comment what the remark begins with.
SNIPPETS = {
    "sync": """
        from openreplay_tools import Client, Filter, Settings, create_note, get_session, get_user, list_jobs
        from openreplay_tools import list_notes, list_projects, request, search_sessions, search_users

        client = Client(Settings.make(api_key="k"))
        reveal_type(client.run(search_users, query="ann", limit=5))  # note: openreplay_tools.openreplay.users.UserPage
        reveal_type(client.run(get_user, user_id="ann").email)  # note: str
        reveal_type(client.run(list_projects).rows)  # note: list[openreplay_tools.openreplay.directory.Project]
        reveal_type(client.iterate(search_users, query="ann"))  # note: Iterator[openreplay_tools.openreplay.users.User]
        reveal_type(next(client.iterate(list_jobs)))  # note: openreplay_tools.openreplay.jobs.Job
        reveal_type(client.run(search_sessions, browser="Safari").sorted_among)  # note: int
        reveal_type(next(client.iterate(search_sessions)))  # note: openreplay_tools.openreplay.sessions.Session
        reveal_type(client.run(get_session, session="1").live)  # note: bool
        reveal_type(next(client.iterate(list_notes)))  # note: openreplay_tools.openreplay.notes.Note
        reveal_type(client.run(request, path="/v2/api/1/tags", query=["limit=5"]).viewed)  # note: bool
        client.run(create_note, session="1")  # error: call-arg: Missing named argument "message"
        client.run(search_sessions, events_order="then")  # error: arg-type: "events_order"
        client.iterate(get_session, session="1")  # error: arg-type: "Operation[
        with Client.from_env(api_key="k") as other:
            reveal_type(other)  # note: openreplay_tools.client.Client
        client.run(search_users, filters=[Filter(name="country", values=["DE"])], sort="created", order="asc")
        client.run(search_users, querry="ann")  # error: call-arg: "querry"
        client.run(search_users, limit="five")  # error: arg-type: "limit"
        client.run(search_users, sort="age")  # error: arg-type: "sort"
        client.run(search_users, filters=["country"])  # error: list-item: List item 0
        client.run(get_user)  # error: call-arg: Missing named argument "user_id"
        client.run(get_user, user_id=3)  # error: arg-type: "user_id"
        client.iterate(search_users, querry="ann")  # error: call-arg: "querry"
        client.iterate(get_user, user_id="ann")  # error: arg-type: "Operation[
        page: list[str] = client.run(search_users)  # error: arg-type: UserPage]
    """,
    "async": """
        from openreplay_tools import AsyncClient, get_user, list_projects, search_users

        client = AsyncClient(api_key="k")
        async def main() -> None:
            reveal_type(await client.run(search_users, query="ann"))  # note: openreplay_tools.openreplay.users.UserPage
            reveal_type((await client.run(get_user, user_id="ann")).email)  # note: str
            async for project in client.iterate(list_projects):
                reveal_type(project)  # note: openreplay_tools.openreplay.directory.Project
            async with AsyncClient.from_env(api_key="k") as other:
                reveal_type(other)  # note: openreplay_tools.client.AsyncClient
            await client.run(search_users, querry="ann")  # error: call-arg: "querry"
            await client.run(search_users, limit="five")  # error: arg-type: "limit"
            await client.run(get_user)  # error: call-arg: Missing named argument "user_id"
            client.iterate(get_user, user_id="ann")  # error: arg-type: "Operation[
            text: str = client.run(get_user, user_id="ann")  # error: assignment: Incompatible types
    """,
    "an operation of one's own": """
        from openreplay_tools.answer import Answer
        from openreplay_tools.client import Client
        from openreplay_tools.openreplay.scope import at_large
        from openreplay_tools.flow import Flow, Request, ask
        from openreplay_tools.operation import Arguments, Page, Record, Scope, operation

        class CountArgs(Arguments):
            thing: str
            often: int = 1

        class Count(Record):
            number: int = 0

        def card(count: Count, args: CountArgs, scope: Scope) -> Answer:
            return Answer()

        @operation(CountArgs, group="counts", prepare=at_large, present=card)
        def count(args: CountArgs, scope: Scope) -> Flow[Count]:
            return (yield from ask(Request("GET", ("counts", args.thing), Count)))

        def wrong(args: CountArgs, scope: Scope) -> Flow[str]:
            return (yield from ask(Request("GET", ("counts",), Count)))  # error: return-value: Incompatible

        reveal_type(Client().run(count, thing="x", often=2))  # note: Count
        Client().run(count, thing="x", often="twice")  # error: arg-type: "often"
        Client().run(count, often=2)  # error: call-arg: Missing named argument "thing"
    """,
}
_WANTED = re.compile(r"# (?P<kind>note|error): (?:(?P<code>[\w-]+): )?(?P<text>.*)")
_FOUND = re.compile(r"[^:]+:(?P<line>\d+): (?P<kind>note|error): (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$")


def _wanted(source):
    for number, line in enumerate(source.splitlines(), 1):
        if remark := _WANTED.search(line):
            yield number, remark["kind"], remark["code"], remark["text"]


def _found(report):
    """Return the remarks, one a line: where a called function was defined is no remark, an error may be said twice."""
    remarks = {}
    for line in report.splitlines():
        remark = _FOUND.fullmatch(line)
        assert remark, line
        if '" defined in "' not in remark["text"]:
            remarks.setdefault((int(remark["line"]), remark["kind"], remark["code"]), remark["text"])
    return [(*key, text) for key, text in sorted(remarks.items(), key=lambda item: item[0][0])]


def _checked(folder):
    """Return what mypy remarks on each snippet, in one run."""
    files = {name: folder / f"snippet_{number}.py" for number, name in enumerate(SNIPPETS)}
    for name, file in files.items():
        file.write_text(dedent(SNIPPETS[name]), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", f"--config-file={ROOT / 'pyproject.toml'}"]
    command += [f"--cache-dir={folder / 'cache'}", "--no-error-summary", "--no-color-output", *map(str, files.values())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        command, cwd=ROOT, env={**environment, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return {
        name: "\n".join(line for line in done.stdout.splitlines() if file.name in line) for name, file in files.items()
    }


def test_wrong_uses_are_found_and_right_ones_have_their_types(tmp_path):
    """One test, for a type checker is slow: two workers would each run it."""
    for name, report in _checked(tmp_path).items():
        wanted, found = list(_wanted(dedent(SNIPPETS[name]))), _found(report)
        assert [remark[:3] for remark in found] == [remark[:3] for remark in wanted], f"{name}:\n{report}"
        for (line, kind, _, text), (*_, piece) in zip(found, wanted, strict=True):
            if kind == "note":
                bare = re.sub(r"\btyping\.|\bbuiltins\.|\bsnippet_\d\.", "", text)
                assert bare == f'Revealed type is "{piece}"', (name, line)
            else:
                assert piece in text, (name, line)
