"""Nothing personal reaches a model with `privacy="pseudonyms"`: canary persons in every reply of every operation."""

import json
import re
from functools import partial
from typing import get_args
from urllib.parse import quote, quote_plus

import httpx
import pytest
from pydantic import BaseModel

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.personal import kind_of
from openreplay_tools.persons import _plan
from openreplay_tools.pseudonyms import LEGEND
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests import siblings
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import DASHBOARD, Scripted, toolkit_over
from tests.test_taint import CALLS, ID, NEEDED, REFUSED, in_a_project

pytestmark = pytest.mark.usefixtures("unpaced")

USER, EMAIL, PHONE, ADDRESS = "canary|991 ü", "zq.canary@birds.example", "+49 170 5550199", "203.0.113.77"
FIRST, LAST = "Zephyrine", "Quillfeather"
WHOLE = f"{FIRST} {LAST}"
# What must not be seen, also of a text that was cut: by what it begins with.
SEEN = re.compile(
    "|".join(re.escape(one) for one in ("canary", "birds.", "5550199", "0.113.77", FIRST[:5], LAST[:5])), re.IGNORECASE
)
PERSONS = {
    **dict.fromkeys(("$user_id", "userId", "userID", "referenceId", "user_id", "distinct_id", "distinctId"), USER),
    **dict.fromkeys(("$email", "email"), EMAIL),
    **dict.fromkeys(("$name", "userName"), WHOLE),
    "$first_name": FIRST,
    "$last_name": LAST,
    "$phone": PHONE,
}
# Names of filters, events and properties are code: they are folded to be compared, which breaks up what stands in them.
CODE = {"name", "displayName", "label"}
PROSE = (
    f"{WHOLE}, {EMAIL} / {quote(EMAIL, safe='')}; call {PHONE} from {ADDRESS}: {USER}",
    f"https://shop.example.test/{quote(USER, safe='')}?mail={quote_plus(EMAIL)}&from={ADDRESS}&by={quote_plus(WHOLE)}",
    json.dumps(
        {"email": EMAIL, "first_name": FIRST, "deep": [{"tel": PHONE, "ip": ADDRESS, "userId": USER}], "by": WHOLE}
    ),
    f'Hello {FIRST}! Mrs {LAST} &lt;{EMAIL}&gt; "{USER}"',
)


# Session ids are numbers and stand in links, methods are a few words; tests/test_taint.py has servers that tell others.
PLAIN = {"sessionId", "sessionID", "session_id", "method"}
# Of operations that need arguments, those of a session or person whose replies hold most.
MORE = {
    "summarize_session": [{"session": ID}],
    "summarize_user": [{"user_id": "ann@example.org"}],
    "find_issues": [{}, {"user_ids": ["ann@example.org"]}],
    "open_link": [
        {"link": f"{DASHBOARD}/{page}"}
        for page in (
            f"2/session/{ID}",
            f"2/session/{ID}?jumpto=4056",
            "1/data-management/user/ann%40example.org",
            "1/sessions",
            "1/highlights",
        )
    ],
}


def calls_of(operation):
    return MORE.get(operation.name) or CALLS.get(operation.name, [{}])


def planted(node, prose, key=""):
    """Return a reply in which every person is the canary and every other string tells of it."""
    if isinstance(node, dict):
        made = {name: planted(value, prose, name) for name, value in node.items()}
        free = key in {"properties", "$properties", "metadata"}
        return {**made, **({"customer_email": EMAIL, prose: prose, "note": prose} if free else {})}
    if isinstance(node, list):
        return [planted(item, prose, key) for item in node]
    if not isinstance(node, str) or key in NEEDED | PLAIN or (key in CODE and not prose.startswith(FIRST)):
        return node
    return PERSONS.get(key, prose)


def planted_there(prose, text, key):
    """Return what stands in a text's place in the replies of LogRocket and Notte."""
    if key in siblings.THEIRS | PLAIN:
        return text
    return WHOLE if key == "name" else PERSONS.get(key, prose)


@pytest.fixture
def planting(tmp_path_factory):
    """Return a server that passes everything on to a sandbox and plants the canary in its replies."""
    with Sandbox(pulse=unhurried()) as shop, httpx.Client(base_url=shop.url, timeout=60) as http:
        shop.store.schedule_deletion(1, "crawler-bot-77", FIXED_NOW)
        others, keys = siblings.FarSide(http), siblings.keys(shop.url, tmp_path_factory.mktemp("files"))

        def speaking(prose, **given):
            def answer(request):
                if siblings.is_theirs(request):
                    return others.answer(request, partial(planted_there, prose))
                path = request.url.raw_path.decode()
                headers = {"Authorization": request.headers.get("authorization", "")}
                headers |= {"Content-Type": "application/json"} if request.content else {}
                reply = http.request(request.method, path, content=request.content, headers=headers)
                try:
                    body = reply.json()
                except ValueError:
                    return httpx.Response(reply.status_code, text=f"{reply.text} {prose}")
                return httpx.Response(reply.status_code, json=planted(body, prose))

            chosen = {**LOGIN, **keys, "privacy": "pseudonyms", "secret": f"canary {prose}", **given}
            server = Scripted({}, **chosen)
            server.routes = {"": answer}
            return server

        yield speaking


def leaks(reply):
    """Return where something of the canary is left, with a little around it.

    The template of a message keeps of an id like `auth0|991` what is no number, which says nothing of the person.
    """
    shown = f"{reply.text}\n{json.dumps(reply.data, ensure_ascii=False)}".replace("canary|<n> ü", "<a template>")
    return [shown[max(0, found.start() - 60) : found.end() + 30] for found in SEEN.finditer(shown)]


@pytest.mark.parametrize("prose", PROSE, ids=["prose", "address", "json", "html"])
def test_no_canary_gets_out_of_any_operation(planting, prose):
    server = planting(prose)
    known = server.call("search_users", project="1")  # as a person who is talked about is
    assert not known.is_error
    assert not leaks(known)
    found = []
    for operation in OPERATIONS:
        for given in calls_of(operation):
            said = server.toolkit.call(operation.tool_name, in_a_project(operation, given))
            found += [(operation.name, given, leak) for leak in leaks(said)]
    assert not found, "\n".join(map(str, found))


def test_no_canary_gets_out_of_a_refusal(planting):
    server = planting(PROSE[0])
    server.call("search_users", project="1")
    for name, given in REFUSED.items():
        refused = server.call(name, **given)
        assert refused.is_error
        assert not leaks(refused), (name, refused.text)


def test_the_canary_is_there_to_be_kept(planting):
    """Without pseudonyms it is seen: what was tested above are not empty answers."""
    plain = planting(PROSE[0], privacy="secrets")
    for name in ("search_users", "list_live_sessions", "list_notes", "search_events", "list_saved_searches"):
        assert leaks(plain.call(name, project="1")), name
    for name in siblings.NAMES:
        told = [leaks(plain.toolkit.call(name, given)) for given in siblings.CALLS[name]]
        assert any(told) or name in siblings.PLAIN, name


# What tells of a person whom no other answer has told of: by their form, and what they were asked about by.
ALONE = f"{EMAIL} / {quote(EMAIL, safe='')}; call {PHONE} from {ADDRESS}"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("logrocket_request_highlights", {"user_id": USER}),
        ("logrocket_request_highlights", {"email": EMAIL, "question": f"What did {EMAIL} do?"}),
        *((name, given) for name, calls in siblings.CALLS.items() for given in calls),
    ],
    ids=str,
)
def test_no_canary_gets_out_of_another_vendors_answer_alone(planting, name, given):
    """Nothing has told of the person before: where an answer names them, it names them nowhere else either."""
    named = name in {"logrocket_read_export", "logrocket_identify_user"}
    user = f" {USER}" if named or given.get("user_id") == USER else ""
    prose = f"{ALONE}{user}{f', {WHOLE}' if named else ''}"
    server = planting(prose, secret=f"alone {name} {given}")
    said = server.toolkit.call(name, given)
    assert said.is_error == (name == "notte_get_frames"), said.text
    assert not leaks(said)


def test_no_picture_gets_out_where_people_have_aliases(planting):
    name = "notte_get_frames"
    (given,) = siblings.CALLS[name]
    assert planting(ALONE, privacy="secrets").toolkit.call(name, given).pictures
    server = planting(ALONE)
    said = server.toolkit.call(name, given)
    assert (said.is_error, said.pictures) == (True, ())
    assert said.text.startswith("notte_get_frames is not available: It shows pictures, and with them people as they ")
    assert name not in [operation.tool_name for operation in server.toolkit.operations]


@pytest.mark.parametrize("name", ["logrocket_read_export", "notte_save_replay"])
def test_a_file_called_by_an_alias_does_not_tell_whose_it_is(planting, name):
    server = planting(ALONE, secret=f"files {name}")
    alias = server.toolkit._people.alias("email", EMAIL)
    given = {**siblings.CALLS[name][0], "save_as": alias, "overwrite": True}
    for _ in "12":
        said = server.toolkit.call(name, given)
        assert not said.is_error, said.text
        assert alias in said.text
        assert not leaks(said)
    refused = server.toolkit.call(name, {**given, "overwrite": False})
    assert refused.is_error
    assert not leaks(refused)


REAL = {
    "pavel.garcia521@example.net": "user-2",
    "amara.weber434@example.org": "user-1",
    "vera.ito546@example.net": "user-3",
}


@pytest.fixture
def lookalikes():
    """Return a server some of whose ids look like our aliases, as soon as it is told to."""
    with Sandbox(pulse=unhurried()) as shop, httpx.Client(base_url=shop.url, timeout=60) as http:
        server = Scripted({}, **LOGIN, privacy="pseudonyms", secret=f"lookalikes {id(shop)}")
        server.renamed = {}

        def answer(request):
            headers = {"Authorization": request.headers.get("authorization", ""), "Content-Type": "application/json"}
            path = request.url.raw_path.decode()
            reply = http.request(request.method, path, content=request.content, headers=headers).text
            for old, new in server.renamed.items():
                reply = reply.replace(old, new)
            return httpx.Response(200, text=reply, headers={"Content-Type": "application/json"})

        server.routes = {"": answer}
        yield server


def asked_about(server):
    return server.requests[-1].url.path.split("/users/")[1].split("/")[0]


def test_nobody_else_is_deleted_where_ids_look_like_aliases(lookalikes):
    lookalikes.renamed = REAL
    rows = lookalikes.call("search_users", project="1").data["rows"]
    people = lookalikes.toolkit._people
    assert not {row["user_id"] for row in rows} & set(REAL.values())
    for real in REAL.values():  # as an operator says it
        assert not lookalikes.call("delete_user", project="1", user_id=real).is_error
        assert asked_about(lookalikes) == real
        alias = people.alias("user", real)
        said = lookalikes.call("delete_user", project="1", user_id=alias)
        assert asked_about(lookalikes) == real
        assert "No alias" not in said.text
        assert not re.search(r"user-\d", said.text.replace(LEGEND, ""))


def test_an_alias_that_became_a_real_id_is_refused_before_anything_is_asked(lookalikes):
    first = lookalikes.call("search_users", project="1").data["rows"][0]["user_id"]
    assert first == "user-1"
    lookalikes.renamed = {"amara.weber434@example.org": "user-1"}
    again = [row["user_id"] for row in lookalikes.call("search_users", project="1", limit=50).data["rows"]]
    assert "user-1" not in again
    asked = len(lookalikes.requests)
    for name in ("delete_user", "get_user", "list_user_sessions"):
        refused = lookalikes.call(name, project="1", user_id="user-1")
        assert refused.is_error
        assert refused.text.startswith("user-1 was an alias here and is also a real id on this site")
        assert "@" not in refused.text
    assert len(lookalikes.requests) == asked
    assert not lookalikes.call("delete_user", project="1", user_id=again[0]).is_error


def test_fields_of_results_keep_their_names_whatever_a_visitor_is_called(lookalikes):
    plain = {name: set(lookalikes.call(name, project="1").data) for name in ("search_users", "find_issues")}
    for real in ("rows", "total", "user_id"):
        lookalikes.renamed = {"pavel.garcia521@example.net": real}
        assert real in {lookalikes.toolkit._people.reveal(row["user_id"])
                        for row in lookalikes.call("search_users", project="1").data["rows"]}  # fmt: skip
        for name, fields in plain.items():
            assert set(lookalikes.call(name, project="1").data) == fields


def arguments_with(alias, schema, given):
    """Yield arguments in which one string, wherever it is, is an alias."""
    for name, field in schema["properties"].items():
        if field.get("enum"):
            continue
        if field["type"] == "string":
            yield {**given, name: alias}
            yield {**given, name: f"x {alias}, 10/11/2026"}
        elif field["type"] == "array":
            inner = field["items"]
            if inner["type"] == "string":
                yield {**given, name: [alias, f"{alias}={alias}"]}
                continue
            texts = [key for key, one in inner["properties"].items() if one["type"] == "string" and "enum" not in one]
            lists = [key for key, one in inner["properties"].items() if one["type"] == "array"]
            yield {**given, name: [dict.fromkeys(texts, alias) | {key: [alias] for key in lists}]}
            for key in texts:
                yield {**given, name: [{key: alias}]}
            for column in ("browser", "country", "last_seen", "duration", "user_id", "property:x", "issue"):
                for operator in ("is", "greater", "contains", "regex"):
                    one = {texts[0]: column, "operator": operator, **{key: [alias] for key in lists}}
                    yield {**given, name: [one]}
        else:
            yield {**given, name: alias}
    yield {**given, alias: alias}


@pytest.fixture(scope="module")
def written():
    """A server of its own, for what is repeated is also written."""
    with Sandbox(pulse=unhurried()) as server:
        yield server


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_no_canary_gets_out_of_what_repeats_arguments(written, tmp_path_factory, operation):
    keys = {**LOGIN, **siblings.keys(written.url, tmp_path_factory.mktemp("files")), "retries": 0}
    server = toolkit_over(written, **keys, privacy="pseudonyms", secret=f"arguments {operation.name}")
    with server as toolkit:
        alias = toolkit._people.alias("user", f"{EMAIL} ({USER})")
        usual = calls_of(operation)[0]
        for given in arguments_with(alias, operation.schema, usual):
            said = toolkit.call(operation.tool_name, given)
            assert not leaks(said), (given, said.text)


def models_of(annotation):
    """Return the models in an annotation, however they are held."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models_of(inner)]


def result_models():
    """Return every model that stands in a result of the catalogue."""
    found, pending = set(), [operation.result for operation in OPERATIONS]
    while pending:
        model = pending.pop()
        if model not in found:
            found.add(model)
            pending += [inner for field in model.model_fields.values() for inner in models_of(field.annotation)]
    return sorted(found, key=lambda model: model.__name__)


@pytest.mark.parametrize("model", result_models(), ids=lambda model: model.__name__)
def test_every_field_of_a_result_that_is_named_after_a_person_is_marked(model):
    plain = [name for name, field in model.model_fields.items() if "str" in str(field.annotation)]
    named = {name for name in plain if kind_of(name) or kind_of(model.model_fields[name].alias or "")}
    marked = {name for name, _ in _plan(model).marked}
    assert named <= marked, "mark it: Annotated[str, Personal(...)], see openreplay_tools/personal.py"
