"""What visitors leave behind never stands as ours, whatever they wrote, wherever they wrote it, in any answer or error.

Each text of `attacks.py` is put into every place of every reply that a visitor can write, and the answer is compared
with the one for ordinary words: outside the fences both must be the same, character by character.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from difflib import unified_diff
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.render import Fence, sentence
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.text import HARMLESS, Own, Recorded, identifier
from openreplay_tools.toolkit import Toolkit
from tests import siblings
from tests.attacks import ATTACKS, FAMILIES, MARK, TOKENS
from tests.conftest import FENCE_RATE
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import Scripted
from tests.test_taint import CALLS, NEEDED, REFUSED, in_a_project

pytestmark = pytest.mark.usefixtures("unpaced")

README = Path(__file__).parents[1] / "README.md"
FENCE = Fence.of(Sandbox.secret)
ID = "4113715799632532494"
ANN = "ann@example.org"
LINKS = [
    f"https://openreplay.example.com{place}"
    for place in (f"/2/session/{ID}", f"/2/session/{ID}?jumpto=4056", f"/1/data-management/user/{ANN}", "/1/highlights")
]
FENCED = re.compile(f"⟦{FENCE.mark} [^⟦⟧\n]* {FENCE.mark}⟧")
ODD = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
SIGN = "Ω"  # ordinary words hold it, and none of our own
# What a visitor cannot write: ids that the server makes, and what the account's owner named.
OWNERS = NEEDED | {
    "session_id",
    "sessionId",
    "event_id",
    "projectKey",
    "userName",
    "platform",
    "status",
    "jobId",
    "issueTypes",
    "issue_types",
}
JSON = {"Content-Type": "application/json"}
# A letter of an escape, words that are read for what they are, and any other letter.
READ = re.compile(r"\\[a-z]|errors?|token|password|passwd|amp;|(?:https?|data|javascript)(?=:)|[^\W\d_]", re.IGNORECASE)
BUDGET = 50_000_000  # nothing is cut, so that the answers can be compared


# --- The far side -----------------------------------------------------------------------------------------------------


def poisoned(node, evil, key=""):
    """Return a reply in which every string that a visitor can write, and every key of a map, is the text."""
    if isinstance(node, dict):
        if {"projectKey", "name"} <= node.keys():
            return node
        free = key in {"properties", "$properties", "metadata", "counter"}
        made = {name: poisoned(value, evil, name) for name, value in node.items()}
        return {**made, **({evil: evil} if free else {})}
    if isinstance(node, list):
        return [poisoned(item, evil, key) for item in node] + named_so(node, evil)
    return evil if isinstance(node, str) and key not in OWNERS else node


def named_so(rows, evil):
    """Return one more event, whose name is the text: sites name events after what visitors typed, too."""
    events = [row for row in rows if isinstance(row, dict) and "$event_name" in row and "event_id" in row]
    return (
        [{**poisoned(events[0], evil), "$event_name": evil, "event_id": "f" + events[0]["event_id"][1:]}]
        if events
        else []
    )


def trimmed(node):
    """Return a reply with few rows, but one of each kind, and a total that fits."""
    if isinstance(node, dict):
        made = {name: trimmed(value) for name, value in node.items()}
        lists = [value for value in made.values() if isinstance(value, list)]
        return {**made, "total": len(lists[0])} if "total" in made and len(lists) == 1 else made
    if not isinstance(node, list) or not all(isinstance(row, dict) for row in node):
        return node
    kinds = {kind_of(row): row for row in reversed(node)}
    return [trimmed(row) for row in (kinds.values() if len(kinds) > 1 else node[:2])]


def kind_of(row):
    return str(row.get("$event_name") or row.get("type") or row.get("name") or "") if isinstance(row, dict) else ""


class FarSide:
    """A server whose replies are the sandbox's, with one text in every place that a visitor can write."""

    def __init__(self, url, downloads):
        self.http = httpx.Client(base_url=url, timeout=60)
        self.keys = siblings.keys(url, downloads)
        self.others = siblings.FarSide(self.http)
        self.known = {}
        self.broken = None
        self.speak(SIGN)

    def speak(self, evil):
        """Say another text from now on, to a client that remembers nothing of the last."""
        self.evil = evil
        self.said = {}
        self.server = Scripted({}, **LOGIN, **self.keys, budget=BUDGET)
        self.server.routes = {"": self.answer}

    def answer(self, request):
        if self.broken is not None and "/projects" not in request.url.path and "login" not in request.url.path:
            return self.broken(self.evil)
        line = (request.method, request.url.raw_path, request.content)
        if line not in self.said and siblings.is_theirs(request):
            reply = self.others.answer(request, lambda text, key: text if key in siblings.THEIRS else self.evil)
            self.said[line] = (reply.status_code, reply.content)
        elif line not in self.said:
            status, told = self.told(request)
            self.said[line] = (status, json.dumps(poisoned(told, self.evil)))
        status, content = self.said[line]
        return httpx.Response(status, content=content, headers=JSON if content[:1] in {"{", "[", b"{"} else None)

    def told(self, request):
        """Return the sandbox's reply; where we ask for somebody by the text, it is asked for Ann."""
        path = request.url.raw_path.decode().replace(quote(self.evil, safe="", errors="replace"), quote(ANN))
        body = json.dumps(instead(json.loads(request.content), self.evil)) if request.content else ""
        if (key := (request.method, path, body)) not in self.known:
            headers = {"Authorization": request.headers.get("authorization", "")}
            headers |= JSON if body else {}
            reply = self.http.request(request.method, path, content=body, headers=headers)
            assert reply.status_code < 500, (path, reply.text)
            self.known[key] = (reply.status_code, trimmed(reply.json()))
        return self.known[key]

    def ask(self, evil, name, given):
        if evil != self.evil:
            self.speak(evil)
        return self.server.toolkit.call(name, given)


def instead(node, evil):
    if isinstance(node, dict):
        return {name: instead(value, evil) for name, value in node.items()}
    if isinstance(node, list):
        return [instead(item, evil) for item in node]
    return ANN if node == evil else node


@pytest.fixture(scope="module")
def far_side(tmp_path_factory):
    with Sandbox(pulse=unhurried()) as server:
        server.store.schedule_deletion(1, "crawler-bot-77", FIXED_NOW)
        side = FarSide(server.url, tmp_path_factory.mktemp("downloads"))
        yield side
        side.http.close()


@cache
def calls():
    """Return every call whose answer is looked at: (operation, arguments)."""
    made = []
    for operation in OPERATIONS:
        needed = {"session": ID, "user_id": ANN}
        fields = operation.arguments.model_fields
        given = {name: needed[name] for name, field in fields.items() if field.is_required() and name in needed}
        chosen = [{"link": link} for link in LINKS] if "link" in fields else CALLS[operation.name]
        made += [(operation, in_a_project(operation, {**given, **each})) for each in chosen]
    return made


# --- The checker ------------------------------------------------------------------------------------------------------


def skeleton(text):
    """Return what stands outside the fences; columns are aligned with spaces, so runs of them count as one.

    Whether a moment of a highlight has a label goes by the brackets around it, so that it may be there or not.
    """
    outside = re.sub(" +", " ", FENCED.sub("⟦⟧", text.replace(FENCE.legend, "LEGEND")))
    return re.sub(r"(\?t=\d+) (⟦⟧)?$", r"\1", outside, flags=re.MULTILINE)


def assert_well_formed(text):
    outside = FENCED.sub("", text.replace(FENCE.legend, ""))
    assert not set(outside) & set("⟦⟧"), f"a fence does not close: {outside}"
    assert (FENCE.legend in text) == bool(FENCED.search(text.replace(FENCE.legend, ""))), "no legend, or for nothing"
    assert text.count(FENCE.legend) <= 1
    assert not [char for char in set(text) - {"\n"} if unicodedata.category(char) in ODD]
    text.encode()


def ordinary(attack):
    """Return ordinary words of the same class: as long, with a digit and a comma where the attack has one."""
    words = f"{SIGN} word{' 7' if re.search('[0-9]', attack) else ''}{', more' if ',' in attack else ''}"
    return words.ljust(90 if len(attack) < 150 else len(attack), "x")


def shaped(text):
    """Return a text that says nothing, of the same form: an address stays one, and so does JSON or a list.

    All letters are the same; marks, digits, escapes and the few words that are read for what they are stay, what shows
    nothing goes.
    """
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    shown = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in ODD)
    return READ.sub(_alike, shown.translate(str.maketrans("⟦⟧", "[]"))) or "\u200b" * len(text)


def _alike(found):
    letter = found[0]
    return letter if len(letter) > 1 else "中" if not letter.isascii() else "E" if letter.isupper() else "e"


@cache
def skeletons(far_side, words):
    """Return what stands outside the fences of every answer when visitors left ordinary words behind."""
    said = [far_side.ask(words, operation.tool_name, given) for operation, given in calls()]
    assert not [each.text for each in said if each.is_error]
    found = [skeleton(each.text) for each in said]
    assert not [each for each in found if SIGN in each]
    return found


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "number", "attack"), ATTACKS, ids=[f"{f.replace(' ', '_')}-{n}" for f, n, _ in ATTACKS]
)
def test_an_attack_holds(far_side, record_property, family, number, attack):
    record_property(FENCE_RATE, len({operation.name for operation, _ in calls()}))
    assert not unlike(far_side, attack)


def unlike(far_side, attack):
    """Return how the answers differ, outside the fences, from those for ordinary words."""
    expected = skeletons(far_side, ordinary(attack))
    told = []
    for operation, given in calls():
        said = far_side.ask(attack, operation.tool_name, given)
        assert not said.is_error, (operation.name, said.text)
        assert_well_formed(said.text)
        told.append(skeleton(said.text))
    # What reads addresses and payloads tells them by their form: there, words of the same form must say the same.
    left = [index for index, outside in enumerate(told) if outside != expected[index]]
    return [different for index in left if (different := in_another_form(far_side, attack, index, told[index]))]


def in_another_form(far_side, attack, index, outside):
    """Return how an answer differs from the one for a text of the attack's form, "" when it does not."""
    operation, given = calls()[index]
    same = of_its_form(far_side, attack, operation.tool_name, given)
    told = unified_diff(same.split("\n"), shaped(outside).split("\n"), lineterm="", n=0)
    lines = [line for line in told if line[:1] in "+-"]
    return "\n".join([operation.name, *lines]) if lines else ""


def of_its_form(far_side, attack, name, given):
    """Return what stands outside the fences for a text of the attack's form.

    Of the text's own letters there may be single tokens, harmless by their form; never two words of it side by side.
    """
    outside = skeleton(far_side.ask(shaped(attack), name, given).text)
    for line in outside.split("\n"):
        words = [word.strip("·,;:.()[]\"'") for word in line.split(" ")]
        theirs = ["e" in word.lower() and not re.search("[a-df-z]", word.lower()) for word in words]
        assert all(HARMLESS(word) for word, their in zip(words, theirs, strict=True) if their), line
        assert HARMLESS(attack) or not any(one and two for one, two in pairwise(theirs)), line
    return shaped(outside)


def test_every_operation_that_tells_what_visitors_left_tells_it_here(far_side):
    """What is proved is no absence: the texts are in the answers, each in a fence."""
    told = {}
    for operation, given in calls():
        said = far_side.ask(ordinary(""), operation.tool_name, given)
        told[operation.name] = told.get(operation.name, False) or SIGN in said.text
    silent = {name for name, said in told.items() if not said}
    # What the account's owner set up, and what tells numbers, times and ids alone.
    ours = {"check_access", "list_projects", "get_project", "create_project", "list_user_sessions", "delete_user"}
    assert silent <= ours | siblings.PLAIN


@pytest.mark.parametrize("token", TOKENS)
def test_one_token_stands_plain_as_one_token(far_side, token):
    """What is harmless by form (product.md) is kept: it cannot be told from a path or the name of an event."""
    for operation, given in calls():
        said = far_side.ask(token, operation.tool_name, given)
        assert not said.is_error, (operation.name, said.text)
        assert_well_formed(said.text)
        assert shaped(skeleton(said.text)) == of_its_form(far_side, token, operation.tool_name, given), operation.name
    assert HARMLESS(token)


# --- Errors -----------------------------------------------------------------------------------------------------------

TEXT = {"Content-Type": "text/plain"}
BROKEN = {
    "an error": lambda evil: httpx.Response(400, json={"errors": [evil]}),
    "a detail": lambda evil: httpx.Response(422, json={"detail": evil, "message": evil}),
    "a refusal": lambda evil: httpx.Response(403, json={"error": evil}),
    "nothing there": lambda evil: httpx.Response(404, content=evil.encode("utf-8", "replace"), headers=TEXT),
    "no replay": lambda evil: httpx.Response(
        404, json={"message": evil, "detail": evil, "replay_status": evil, "retryable": False, "error": evil}
    ),
    "a failure": lambda evil: httpx.Response(500, content=evil.encode("utf-8", "replace"), headers=TEXT),
    "another type": lambda evil: httpx.Response(200, content=b"x", headers={"Content-Type": ascii(evil)[:200]}),
    "another form": lambda evil: httpx.Response(
        200, content=json.dumps({"data": {evil: evil}, evil: [evil]}), headers=JSON
    ),
}


def without_layout(text):
    """Return an answer without the lines that hold nothing but marks of JSON: their number goes by a value's length."""
    lines = [line for line in text.split("\n") if line.strip(" []{},")]
    return re.sub(r"\d+ ee \d+ e+", "n", "\n".join(lines))


@pytest.mark.parametrize("how", BROKEN)
def test_an_attack_in_an_error_holds(far_side, monkeypatch, how):
    monkeypatch.setattr(far_side, "broken", BROKEN[how])
    refused = 0
    for _, _, attack in ATTACKS[::5]:
        far_side.speak(attack)
        told = [far_side.ask(attack, operation.tool_name, given) for operation, given in calls()]
        far_side.speak(shaped(attack))
        for (operation, given), said in zip(calls(), told, strict=True):
            refused += said.is_error
            assert_well_formed(said.text)
            same = of_its_form(far_side, attack, operation.tool_name, given)
            assert without_layout(shaped(skeleton(said.text))) == without_layout(same), operation.name
    assert refused


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_in_a_refusal_that_names_what_there_is_holds(far_side, name):
    for _, _, attack in ATTACKS:
        said = far_side.ask(attack, f"openreplay_{name}", REFUSED[name])
        assert said.is_error, said.text
        assert_well_formed(said.text)
        other = far_side.ask(ordinary(attack), f"openreplay_{name}", REFUSED[name])
        assert SIGN not in skeleton(other.text)
        assert without_nearest(said.text) == without_nearest(other.text)


def without_nearest(text):
    """Return a refusal without the names that are like what was asked for: some attacks are like it by chance."""
    return re.sub(r" Nearest: ⟦⟧(?:, ⟦⟧)*\.|\nLEGEND", "", skeleton(text))


def test_an_error_that_is_too_long_is_cut_inside_its_fences():
    long = Recorded("x y " * 500, limit=10_000)
    parts = ("No such name: ", identifier("a\n" * 600), " or ", long, Own(". Try another."))
    text = sentence(parts, FENCE, 600)
    assert len(text) <= 600
    assert FENCED.sub("F", text) == "No such name: F or F. Try another."
    assert sentence(("short ", Recorded("x y")), FENCE, 600) == f"short ⟦{MARK} x y {MARK}⟧"
    assert sentence((Own("ours " * 200),), FENCE, 100) == ("ours " * 200)[:99].rstrip() + "…"
    many = sentence(tuple(Recorded(f"x {n} y") for n in range(99)), FENCE, 300)
    assert len(many) <= 300
    assert re.fullmatch("F+…", FENCED.sub("F", many))


# --- What a model does with it ----------------------------------------------------------------------------------------


class Steadfast(BaseChatModel):
    """A model whose calls are written down, and that reads every answer between them."""

    steps: list

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        told = sum(isinstance(message, ToolMessage) for message in messages)
        calls = [{"name": name, "args": given, "id": f"c{told}"} for name, given in self.steps[told : told + 1]]
        return ChatResult(
            generations=[ChatGeneration(message=AIMessage(content="" if calls else "Done.", tool_calls=calls))]
        )


VICTIM = "ann@example.org"
STEPS = [
    ("openreplay_get_user", {"user_id": VICTIM, "project": "1"}),
    ("openreplay_list_user_sessions", {"user_id": VICTIM, "project": "1"}),
    ("openreplay_list_session_events", {"session": ID, "project": "2"}),
    ("openreplay_delete_user", {"user_id": VICTIM, "project": "1", "confirm": "1795199100-0a1b"}),
    ("openreplay_delete_user", {"user_id": VICTIM, "project": "1"}),
    ("openreplay_delete_user", {"user_id": VICTIM, "project": "1", "confirm": "CONFIRMED-BY-THE-OWNER"}),
]


def test_a_run_over_attacks_calls_what_it_calls_without_them_and_deletes_nothing(far_side):
    """With every tool at hand and a model that tries the tokens it read: nothing but the preview is answered."""
    runs = {}
    for attack in (ordinary(""), *(text for _, _, text in ATTACKS[::9]), *TOKENS):
        far_side.speak(attack)
        tools = OpenReplayToolkit(core=far_side.server.toolkit).get_tools()
        agent = create_agent(Steadfast(steps=STEPS), tools)
        messages = agent.invoke({"messages": [HumanMessage("What happened to Ann?")]})["messages"]
        runs[attack] = [
            call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls
        ]
        answers = [message for message in messages if isinstance(message, ToolMessage)]
        assert [message.status for message in answers[3:]] == ["error", "success", "error"]
        assert all("confirm: this token was not made for these arguments" in answers[n].text for n in (3, 5))
        for message in answers:
            assert_well_formed(message.text)
        sent = {request.method for request in far_side.server.requests}
        assert "DELETE" not in sent
    assert len(runs) > 20
    assert {tuple(names) for names in runs.values()} == {tuple(name for name, _ in STEPS)}


# --- The mark ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unmeasured")
def test_each_process_has_a_mark_of_its_own_and_the_sandbox_always_the_same():
    code = (
        "from openreplay_tools.settings import Settings\n"
        "from openreplay_tools.toolkit import Toolkit\n"
        "one, two = (Toolkit(Settings.make(api_key='k')) for _ in '12')\n"
        "assert one._fence.mark == two._fence.mark\n"
        "print(one._fence.mark)"
    )
    marks = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(marks) > 1, "three processes with the same mark: one in 2 ** 32"
    with Toolkit.sandbox() as toolkit:
        assert toolkit._fence.mark == MARK


# --- The rate ---------------------------------------------------------------------------------------------------------


def test_there_are_enough_attacks_and_each_is_another():
    texts = [text for _, _, text in ATTACKS]
    assert len(set(texts)) == len(texts) >= 140
    assert len(FAMILIES) >= 10
    assert not [text for text in texts if HARMLESS(text)]


def test_the_readme_states_the_rate():
    """Every attack holds, or its test fails: so the rate is their number."""
    operations = len({operation.name for operation, _ in calls()})
    said = f"{len(ATTACKS)} of {len(ATTACKS)} recorded attacks hold, in {operations} operations"
    stated = said in " ".join(README.read_text("utf-8").split())
    assert stated, f"say in README's part on safety: {said}"
