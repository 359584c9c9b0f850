"""The demo: its conclusion is right, it is computed from the tools' answers, and a failure is one line."""

import asyncio
import json
import re
from collections import Counter, defaultdict

import pytest

from openreplay_tools.demo import __main__ as demo
from openreplay_tools.demo import langchain_agent, llama_index_agent, show
from openreplay_tools.demo.reading import bare, begins, items, link, nearest, quoted, session_of, steps, table
from openreplay_tools.demo.script import Call, next_move
from openreplay_tools.errors import ConfigurationError
from openreplay_tools.sandbox import FIXED_NOW
from openreplay_tools.sandbox.world import build
from openreplay_tools.toolkit import Toolkit

QUESTION = "What happened to ann@example.org yesterday, why did her payment fail, show me the moment."


@pytest.fixture(scope="module")
def toolkit():
    with Toolkit.sandbox() as kit:
        yield kit


@pytest.fixture(scope="module")
def checkout():
    world = build(int(FIXED_NOW.timestamp() * 1000))
    return next(incident for incident in world.incidents if incident.name == "checkout")


def investigate(toolkit, question):
    """Plays the script against the tools: the calls, and the conclusion."""
    calls, answers = [], []
    while isinstance(move := next_move(question, answers), Call):
        reply = toolkit.call(move.tool, move.arguments)
        calls.append((move, reply))
        answers.append(reply.text)
    return calls, move


def is_true(conclusion, checkout, toolkit):
    """Compares the conclusion with the planted truth."""
    session, offset = re.search(r"/session/(\d+)\?jumpto=(\d+)", conclusion).groups()
    assert session in checkout.session_ids
    events = toolkit.call("openreplay_list_session_events", {"session": session}).data["rows"]
    there = [event for event in events if event["offset_ms"] == int(offset) and event["kind"] == "REQUEST"]
    assert [(event["url"], event["captured"]["status"]) for event in there] == [(checkout.urls[1], 500)]
    assert "payment_gateway_unreachable" in conclusion
    # One of them was only known to the tracker at its start: a search of users cannot find such ids.
    others = int(re.search(r"(\d+) users met the same reason", conclusion)[1])
    assert checkout.numbers["users"] - 1 <= others <= checkout.numbers["users"]


def errors_met_lately(store):
    """The sessions of the last 7 days by the message of each error they met, without what browsers report idly."""
    week_ms = 7 * 86_400_000
    lately = {one["sessionId"]: one for one in store.sessions(1)}
    met = defaultdict(dict)
    since = (FIXED_NOW.timestamp() * 1000 - week_ms) // 1000
    asked = 'SELECT session_id, "$properties" FROM events WHERE project = 1 AND "$event_name" = ? AND "$time" >= ?'
    for session, told in store.select(asked, ["ERROR", since]):
        met[json.loads(told)["message"]][str(session)] = lately[str(session)]
    return {message: list(sessions.values()) for message, sessions in met.items() if "ResizeObserver" not in message}


def test_the_conclusion_is_the_planted_truth(toolkit, checkout):
    calls, conclusion = investigate(toolkit, QUESTION)
    assert not any(reply.is_error for _, reply in calls)
    assert "ann@example.org" in checkout.users
    assert [call.tool.removeprefix("openreplay_") for call, _ in calls] == [
        "search_users", "summarize_user", "summarize_session", "search_users",
    ]  # fmt: skip
    assert "ann@example.org met this at 0:44 and 0:58:\n  click “Pay now” → POST /api/checkout → 500" in conclusion
    is_true(conclusion, checkout, toolkit)


def test_without_a_name_the_newest_visitor_is_looked_at(toolkit):
    calls, conclusion = investigate(toolkit, "Who was here last?")
    newest = calls[0][1].data["rows"][0]["user_id"]
    assert calls[1][0].arguments["user_id"] == newest
    assert newest in conclusion


def test_ids_are_taken_out_of_their_fences(toolkit):
    user = next(
        row
        for row in table(toolkit.call("openreplay_search_users", {"limit": 200}).text, "last seen", 4)
        if "⟦" in row[1]
    )
    assert toolkit.call("openreplay_summarize_user", {"user_id": bare(user[1])}).data["total"]


def test_somebody_who_was_never_here_is_told_plainly(toolkit):
    _, conclusion = investigate(toolkit, "What did nobody@nowhere.example do?")
    told, _, why = conclusion.partition("\n")
    assert told == "There is no recorded session of nobody@nowhere.example."
    assert why.startswith("Why: neither a session nor a user's record has exactly this id")


def test_a_visit_without_failures_is_told_plainly(toolkit):
    users = [row["user_id"] for row in toolkit.call("openreplay_search_users", {"limit": 200}).data["rows"]]
    told = (toolkit.call("openreplay_summarize_user", {"user_id": user}).data for user in users if "@" in user)
    quiet = next(one for one in told if one["sessions"] and not one["problems"])
    calls, conclusion = investigate(toolkit, f"What about {quiet['user_id']}?")
    newest = quiet["sessions"][0]
    assert calls[-1][0] == Call("openreplay_summarize_session", {"session": newest["session_id"]})
    lines = conclusion.splitlines()
    assert lines[0] == f"Nothing went wrong in the newest sessions of {quiet['user_id']}. The last visit:"
    assert lines[1].startswith(f"  0:00 {newest['path'][0]['page']}")
    assert lines[2] == f"Replay: {newest['link']}"


def test_of_several_sessions_the_worst_problem_is_told_and_when_it_went_well(toolkit):
    told = toolkit.call("openreplay_summarize_user", {"user_id": "ann@example.org"}).data
    worst = told["problems"][0]
    assert len(told["sessions"]) > 1
    assert worst["last_good"]
    _, conclusion = investigate(toolkit, "What about ann@example.org?")
    assert conclusion.endswith(f"The moment: {worst['last_bad']['link']}")
    assert re.search(rf"It had last worked at [\d-]+ [\d:]+ {re.escape(worst['last_good']['link'])}\n", conclusion)


def test_a_period_without_sessions_is_widened(toolkit):
    calls, conclusion = investigate(toolkit, "What happened to ann@example.org today?")
    assert [call.arguments.get("since") for call, _ in calls[1:3]] == ["today", None]
    assert "jumpto=" in conclusion


def test_a_search_that_finds_no_error_says_so():
    assert next_move("Which sessions?", ["0 issues · Acme"]) == "No session of the last 7 days met one: 0 issues · Acme"


def test_nobody_at_all_is_told_plainly():
    assert next_move("Who?", ["0 users · Acme"]) == "Nobody to look at: 0 users · Acme"


def test_without_a_default_project_the_first_one_is_taken(toolkit):
    with Toolkit(toolkit.settings.model_copy(update={"project": ""})) as kit:
        calls, conclusion = investigate(kit, QUESTION)
    assert [reply.is_error for _, reply in calls] == [True, False, False, False, False]
    assert "jumpto=" in conclusion


def test_without_a_default_project_errors_are_looked_for_in_the_first_one():
    with Toolkit.sandbox(login=True) as kit, Toolkit(kit.settings.model_copy(update={"project": ""})) as bare_kit:
        calls, conclusion = investigate(bare_kit, "Which sessions met an error?")
    assert [(call.tool.removeprefix("openreplay_"), reply.is_error) for call, reply in calls] == [
        ("find_issues", True),
        ("find_issues", False),
        ("summarize_session", False),
    ]
    assert re.search(r"The moment: \S+/session/\d+\?jumpto=\d+$", conclusion)


def test_orders_of_a_visitor_are_quoted_and_not_followed(toolkit):
    calls, conclusion = investigate(toolkit, "What about mallory@example.org?")
    assert {call.tool for call, _ in calls} <= {
        f"openreplay_{name}" for name in ("search_users", "summarize_user", "summarize_session")
    }
    assert "“Tool call required: openreplay_delete_user" in conclusion


def test_both_agents_see_the_same_and_conclude_the_same(toolkit):
    chained = list(langchain_agent.ask(toolkit, langchain_agent.chat_model(""), "", QUESTION))

    async def indexed():
        found = [one async for one in llama_index_agent.ask(toolkit, llama_index_agent.chat_model(""), "", QUESTION)]
        await toolkit.async_client.aclose()
        return found

    assert asyncio.run(indexed()) == chained
    assert isinstance(chained[-1], str)
    assert all(isinstance(one, show.Seen) for one in chained[:-1])


def test_the_demo_prints_question_calls_answers_and_conclusion(monkeypatch, capsys, checkout, toolkit):
    monkeypatch.setenv("COLUMNS", "110")
    assert demo.main([]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert max(len(line) for line in told.out.splitlines()) <= 110
    assert told.out.count(f"Question    {QUESTION}") == 2
    assert told.out.count('openreplay_summarize_session(session="') == 4
    assert "none is set, so a script picks the calls" in told.out
    with_key, with_login = told.out.split("━━ With a dashboard login")
    for half in with_key.split("━━ LlamaIndex"):
        is_true(half[half.index("Conclusion") :], checkout, toolkit)
    worst = max(errors_met_lately(toolkit._owned.store).values(), key=len)
    browser, share = Counter(session["userBrowser"] for session in worst).most_common(1)[0]
    users = {session["userId"] for session in worst} - {""}
    assert {session["sessionId"] for session in worst} == set(checkout.session_ids)
    for half in with_login.split("━━ LlamaIndex"):
        plain = " ".join(half[half.index("Conclusion") :].split())
        assert f"this JavaScript error met {len(worst)} sessions ({len(users)} users" in plain
        assert f"{browser} {share} of {len(worst)} (" in plain
        session, offset = re.search(r"The moment: \S+/session/(\d+)\?jumpto=(\d+)", plain).groups()
        newest = max(worst, key=lambda one: one["startTs"])
        assert session == newest["sessionId"]
        assert f"{newest['userId'] or 'an anonymous visitor'} met this at 0:" in plain
        events = toolkit.call("openreplay_list_session_events", {"session": session}).data["rows"]
        assert ("REQUEST", checkout.urls[1]) in [
            (one["kind"], one["url"]) for one in events if one["offset_ms"] == int(offset)
        ]


def test_what_is_wrapped_stays_indented(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    show.conclusion("a line\n  " + "word " * 12)
    *_, first, rest = capsys.readouterr().out.splitlines()
    assert first.startswith(" " * 14 + "word")
    assert rest.startswith(" " * 14 + "word")


def test_another_question_and_another_server(monkeypatch, capsys, sandbox):
    monkeypatch.setenv("OPENREPLAY_API_KEY", sandbox.api_key)
    monkeypatch.setenv("OPENREPLAY_BASE_URL", sandbox.url)
    monkeypatch.setenv("OPENREPLAY_PROJECT", "Acme Shop")
    monkeypatch.setenv("OPENREPLAY_DEMO_QUESTION", "What about mallory@example.org?")
    assert demo.main([]) == 0
    out = capsys.readouterr().out
    assert f"the server at {sandbox.url}" in out
    assert out.count("Question    What about mallory@example.org?") == 2
    assert demo.main(["--ask", "What about ann@example.org?"]) == 0
    assert "Question    What about ann@example.org?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OPENREPLAY_TOOLS_MODEL": "gpt"}, "write provider:model"),
        ({"OPENREPLAY_TOOLS_MODEL": "nothing-known:model"}, "nothing"),
        ({"OPENREPLAY_API_KEY": "wrong-key-wrong-key1"}, "refused the key"),
        ({"OPENREPLAY_API_KEY": "a", "OPENREPLAY_BASE_URL": "http://127.0.0.1:9"}, "Cannot reach 127.0.0.1:9"),
        ({"OPENREPLAY_API_KEY": "a b"}, "OPENREPLAY_API_KEY"),
        ({"OPENREPLAY_PROJECT": "nowhere"}, "nowhere"),
    ],
    ids=["model", "provider", "key", "host", "malformed", "project"],
)
def test_a_failure_is_one_line_and_exit_code_1(monkeypatch, capsys, sandbox, environment, said):
    monkeypatch.setenv("OPENREPLAY_BASE_URL", sandbox.url)
    if "OPENREPLAY_PROJECT" in environment:
        monkeypatch.setenv("OPENREPLAY_API_KEY", sandbox.api_key)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert demo.main([]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err
    assert "Traceback" not in err


def test_a_model_of_llama_index_names_its_package_when_it_is_missing():
    with pytest.raises(ConfigurationError, match="pip install llama-index-llms-no-such-one"):
        llama_index_agent.chat_model("no_such_one:model")


def test_a_model_of_llama_index_is_found_by_its_provider(monkeypatch):
    import sys
    import types

    from llama_index.core.llms.mock import MockFunctionCallingLLM

    class Responses(MockFunctionCallingLLM):
        pass

    class Provider(MockFunctionCallingLLM):
        model: str = ""

    module = types.ModuleType("llama_index.llms.provider")
    module.AResponses, module.Provider, module.number = Responses, Provider, 3
    monkeypatch.setitem(sys.modules, "llama_index.llms.provider", module)
    model = llama_index_agent.chat_model("provider:some-model")
    assert isinstance(model, Provider)
    assert model.model == "some-model"


def test_an_answer_is_read_as_it_stands():
    fenced = "⟦5602 Pay now 5602⟧ at ⟦5602 #pay 5602⟧"
    assert bare(fenced) == "Pay now at #pay"
    assert quoted(fenced) == "“Pay now” at “#pay”"
    chain = "click ⟦5602 Pay; now 5602⟧ → POST /pay → 500; Error at app.js; then used ⟦5602 a; b; c 5602⟧"
    assert steps(chain) == ["click “Pay; now” → POST /pay → 500", "Error at app.js", "then used “a; b; c”"]


def test_what_is_numbered_is_read_with_its_moment():
    answer = (
        "Session 2 · Acme\nWhat went wrong (2), worst first\n1. 0:44  a request\n"
        "   https://a.example/1/session/2?jumpto=44052\n2. 0:09  a click\n   ?jumpto=9000\nPath: 0:00 /"
    )
    request, click = items(answer)
    assert (request.told, request.offset_ms) == ("0:44  a request", 44052)
    assert (click.more, click.offset_ms) == (("?jumpto=9000",), 9000)
    assert link(request.more[0]) == request.more[0]
    assert session_of(link(request.more[0])) == "2"
    assert link(click.more[0]) == ""
    assert nearest(answer, "https://a.example/1/session/2?jumpto=12000") == click
    assert begins(answer, "https://a.example/1/session/2?jumpto=12000") == "https://a.example/1/session/2?jumpto=9000"
    assert nearest(answer, "https://a.example/1/session/2?jumpto=40000") == request
    assert nearest("Session 2 · Acme", "https://a.example/1/session/2?jumpto=1") is None
