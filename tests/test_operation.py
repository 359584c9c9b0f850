"""An operation: arguments checked, a route chosen by credential, refused in words of who can act."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ValidationError

from openreplay_tools.answer import Answer
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.confirmation import Confirmations
from openreplay_tools.doors import Access
from openreplay_tools.driver import Steps
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    ClosedError,
    ConfigurationError,
    UnavailableError,
)
from openreplay_tools.fields import PagedArguments
from openreplay_tools.flow import Batch, Emit, Flow, Request, ask, ask_all
from openreplay_tools.openreplay.scope import at_large
from openreplay_tools.operation import Outcome, Page, ProjectRef, Record, Route, Scope, operation

SCOPE = Scope(
    now=datetime(2026, 11, 20, tzinfo=UTC),
    zone=ZoneInfo("UTC"),
    dashboard="https://h.example",
    host="h.example",
    default_project="",
    access=Access(frozenset({"key"})),
    confirmations=Confirmations("secret"),
)


class Thing(Record):
    number: int = 0


class ThingPage(Page[Thing]):
    """Some things."""


class FindArgs(PagedArguments):
    """What to find."""

    name: str
    often: int = 1


def prepared(args, scope):
    yield from ()
    return replace(scope, project=ProjectRef(key=args.project))


def card(thing: Thing, args: FindArgs, scope: Scope) -> Answer:
    return Answer()


def page(number):
    return Request("GET", ("things", str(number)), Thing)


@operation(FindArgs, group="things", prepare=prepared, present=card)
def find_thing(args: FindArgs, scope: Scope) -> Flow[Thing]:
    """Find one thing
    by name.

    When the name is not known
    call list_things first.
    """
    return (yield from ask(page(args.often)))


@operation(FindArgs, group="things", prepare=at_large, present=card, effect="destroy", needs="login", provider="acme")
def burn_thing(args: FindArgs, scope: Scope) -> Flow[ThingPage]:
    return ThingPage(rows=(yield from ask_all([page(1), page(2)])))


@burn_thing.walk
def _burn_all(args: FindArgs, scope: Scope) -> Flow[None]:
    yield Emit((1, 2))


def run(flow, *replies):
    """Feed a flow; return what it asked for and its result."""
    steps, commands = Steps(flow), []
    for reply in (*replies, None):
        commands.append(steps.command())
        if commands[-1] is None:
            return commands[:-1], steps.result
        steps.reply(reply)
    return commands, None


# --- What the decorator makes ---


def test_an_operation_is_named_and_described_by_its_flow():
    assert find_thing.name == "find_thing"
    assert find_thing.tool_name == "openreplay_find_thing"
    assert find_thing.description == "Find one thing by name.\nWhen the name is not known call list_things first."
    assert repr(find_thing) == "<operation find_thing>"
    assert (find_thing.group, find_thing.effect, find_thing.present) == ("things", "read", card)
    assert find_thing.result is Thing
    assert find_thing.schema["required"] == ["name"]


def test_provider_effect_and_credential_can_be_other_ones():
    assert (burn_thing.tool_name, burn_thing.effect, burn_thing.description) == ("acme_burn_thing", "destroy", "")
    assert burn_thing.routes == [Route("login", burn_thing.routes[0].flow)]
    assert burn_thing.result is ThingPage


def test_a_title_is_the_name_in_words_with_the_vendor_behind_it():
    assert (find_thing.title, burn_thing.title) == ("Find thing", "Burn thing")
    titles = {operation.tool_name: operation.title for operation in OPERATIONS}
    assert titles["openreplay_list_user_sessions"] == "List user sessions"
    assert titles["logrocket_request_highlights"] == "Request highlights (LogRocket)"
    assert titles["notte_get_frames"] == "Get frames (Notte)"
    assert len(set(titles.values())) == len(titles), "a host that shows titles only can tell them apart"


def test_calling_again_does_no_more_for_what_reads_but_for_requests_that_begin_a_job():
    assert (find_thing.idempotent, burn_thing.idempotent) == (True, False)
    again = {operation.tool_name for operation in OPERATIONS if operation.effect == "read" and not operation.idempotent}
    assert again == {"logrocket_request_highlights"}
    assert not [operation for operation in OPERATIONS if operation.effect != "read" and operation.idempotent]


@pytest.mark.parametrize("annotation", [Flow[Thing], Flow[Page[Thing]]])
def test_a_result_may_be_annotated_in_any_way(annotation):
    def look(args, scope):
        yield from ()

    look.__annotations__["return"] = annotation
    made = operation(FindArgs, group="things", prepare=at_large, present=card)(look)
    assert made.result in {Thing, Page[Thing]}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_names_its_result(operation):
    assert issubclass(operation.result, Record)


# --- Arguments ---


def test_arguments_are_checked_and_frozen():
    args = find_thing.parse({"name": "x", "limit": 5})
    assert args == FindArgs(name="x", limit=5)
    with pytest.raises(ValidationError, match="frozen"):
        args.name = "y"


def test_null_means_omitted():
    assert find_thing.parse({"name": "x", "often": None, "project": None}) == FindArgs(name="x")
    assert FindArgs(name="x", often=None) == FindArgs(name="x")
    with pytest.raises(ArgumentsError, match="name is needed"):
        find_thing.parse({"name": None})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_null_means_omitted_in_every_operation(operation):
    words = {"method": "POST"}
    fields = operation.arguments.model_fields
    needed = {name: words.get(name, "1") for name, field in fields.items() if field.is_required()}
    nothing = dict.fromkeys(operation.arguments.model_fields)
    assert operation.parse({**nothing, **needed}) == operation.parse(needed)
    if needed:
        with pytest.raises(ArgumentsError) as caught:
            operation.parse(nothing)
        assert str(caught.value).count(" is needed.") == len(needed)


@pytest.mark.parametrize(
    ("name", "argument", "item"),
    [("search_users", "filters", {"name": "country", "operator": None, "values": ["DE"]}),
     ("search_users", "events", {"event": "CLICK", "property": None, "operator": None, "values": None, "absent": None}),
     ("search_live_sessions", "filters", {"name": "browser", "operator": None, "values": ["Chrome"]})],
)  # fmt: skip
def test_null_means_omitted_within_filters_too(name, argument, item):
    found = next(operation for operation in OPERATIONS if operation.name == name)
    bare = {key: value for key, value in item.items() if value is not None}
    assert found.parse({argument: [item]}) == found.parse({argument: [bare]})


@pytest.mark.parametrize("given", [{"nmae": "x"}, {"name": "x", "limit": 0}, {"name": ["x"]}, {1: 2}])
def test_wrong_arguments_are_refused_without_pydantic(given):
    with pytest.raises(ArgumentsError) as caught:
        find_thing.parse(given)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("given", ["name", 3, None, ["name"], [1]])
def test_arguments_that_are_no_mapping_are_refused(given):
    with pytest.raises(ArgumentsError):
        find_thing.parse(given)


def test_an_id_is_as_long_as_the_server_accepts_in_bytes():
    get_user = next(operation for operation in OPERATIONS if operation.name == "get_user")
    assert get_user.parse({"user_id": "é" * 128}).user_id == "é" * 128
    for user_id in ("é" * 129, "x" * 257):
        with pytest.raises(ArgumentsError, match="at most 256 bytes long"):
            get_user.parse({"user_id": user_id})


def test_arguments_from_python_come_by_name():
    assert find_thing.arguments_of((), {"name": "x"}) == FindArgs(name="x")
    with pytest.raises(ArgumentsError) as caught:
        find_thing.arguments_of(("x",), {})
    assert str(caught.value) == "find_thing takes its arguments by name: project, limit, page, detail, name, often."


# --- Running ---


def test_a_call_prepares_the_scope_and_runs_the_flow():
    args = FindArgs(name="x", project="P", often=7)
    commands, outcome = run(find_thing.call(args, SCOPE), Thing(number=3))
    assert commands == [page(7)]
    assert outcome == Outcome(Thing(number=3), replace(SCOPE, project=ProjectRef(key="P")))


def test_several_requests_are_one_command():
    flow = burn_thing.call(FindArgs(name="x"), replace(SCOPE, access=Access(frozenset({"login"}))))
    commands, outcome = run(flow, [Thing(number=1), Thing(number=2)])
    assert commands == [Batch((page(1), page(2)))]
    assert [thing.number for thing in outcome.result.rows] == [1, 2]


def test_no_requests_are_no_command():
    assert run(ask_all([])) == ([], [])


def test_a_walk_emits_rows():
    scope = replace(SCOPE, access=Access(frozenset({"login"})))
    assert run(burn_thing.walk_all(FindArgs(name="x"), scope), None) == ([Emit((1, 2))], None)


def test_only_pages_can_be_walked():
    with pytest.raises(TypeError, match=r"find_thing does not return pages; use run\(\)\."):
        next(find_thing.walk_all(FindArgs(name="x"), SCOPE))


@pytest.mark.parametrize("begin", ["call", "walk_all"])
def test_without_any_credential_the_operator_is_told_what_to_set(begin):
    with pytest.raises(ConfigurationError) as caught:
        next(getattr(burn_thing, begin)(FindArgs(name="x"), replace(SCOPE, access=Access(frozenset()))))
    assert str(caught.value) == (
        "No credential. Set OPENREPLAY_API_KEY to the organization key (Preferences → Account), or OPENREPLAY_EMAIL "
        "and OPENREPLAY_PASSWORD to a dashboard login, and OPENREPLAY_BASE_URL to the instance when it is self-hosted."
    )


@pytest.mark.parametrize("begin", ["call", "walk_all"])
def test_without_the_right_credential_the_operation_is_unavailable(begin):
    with pytest.raises(UnavailableError, match="acme_burn_thing needs"):
        next(getattr(burn_thing, begin)(FindArgs(name="x"), SCOPE))


def test_an_unavailable_operation_names_the_credential_it_needs():
    with pytest.raises(UnavailableError, match="login"):
        next(burn_thing.call(FindArgs(name="x"), SCOPE))


def test_the_first_route_whose_credential_is_there_is_taken():
    @operation(FindArgs, group="things", prepare=at_large, present=card, needs="login")
    def look(args: FindArgs, scope: Scope) -> Flow[Thing]:
        return (yield from ask(page(1)))

    def with_key(args, scope):
        return (yield from ask(page(2)))

    look.route("v2")(with_key)
    for credentials, asked in [({"key"}, 2), ({"login"}, 1), ({"key", "login"}, 1)]:
        commands, _ = run(look.call(FindArgs(name="x"), replace(SCOPE, access=Access(frozenset(credentials)))))
        assert commands == [page(asked)]


class Doors:
    """An operation with a route for each door, whose preparation fails as told at some of them."""

    def __init__(self, **failures):
        self.failures = failures

        def prepare(args, scope):
            yield from ()
            if scope.door in self.failures:
                raise self.failures[scope.door]
            return scope

        def flow(args: FindArgs, scope: Scope) -> Flow[Thing]:
            yield from ()
            return Thing(number=["v2", "login", "v1"].index(scope.door))

        self.operation = operation(FindArgs, group="things", prepare=prepare, present=card)(flow)
        self.operation.route("login", permission="LOOK", lacks=("colour",))(flow)
        self.operation.route("v1")(flow)

    def call(self, *credentials, **access):
        scope = replace(SCOPE, access=Access(frozenset(credentials), **access))
        learned = []
        steps = Steps(
            self.operation.call(FindArgs(name="x"), scope), learn=lambda access: learned.append(access) or access
        )
        assert steps.command() is None
        return [access.closed for access in learned], steps.result


OLD, WRONG_KEY = ClosedError("no v2"), AuthenticationError("wrong key", status=401)


def test_a_closed_door_is_remembered_and_the_next_one_taken():
    learned, outcome = Doors(v2=OLD).call("key", "login")
    assert learned == [{"v2": OLD}]
    assert (outcome.scope.door, outcome.scope.lacks) == ("login", ("colour",))
    learned, outcome = Doors(v2=OLD).call("key")
    assert (learned, outcome.scope.door) == ([{"v2": OLD}], "v1")
    assert Doors().call("key", closed={"v2": OLD}, edition="ee")[1].scope.door == "v1"


def test_a_refused_key_opens_neither_of_its_doors():
    learned, outcome = Doors(v2=WRONG_KEY).call("key", "login")
    assert (learned, outcome.scope.door) == ([{"v2": WRONG_KEY, "v1": WRONG_KEY}], "login")
    with pytest.raises(AuthenticationError, match="wrong key It would work with a dashboard login") as caught:
        Doors(v2=WRONG_KEY).call("key")
    assert caught.value.status == 401
    assert str(WRONG_KEY) == "wrong key", "the first error is left as it is"


def test_when_no_door_opens_the_most_telling_reason_is_given():
    with pytest.raises(ClosedError) as caught:
        Doors(v2=OLD, v1=ClosedError("neither")).call("key")
    assert str(caught.value) == "neither"
    with pytest.raises(AuthenticationError) as caught:
        Doors(v2=OLD, login=WRONG_KEY, v1=ClosedError("neither")).call("key", "login")
    assert caught.value is WRONG_KEY


def test_editions_and_permissions_close_routes():
    only_ee = Route("v2", lambda args, scope: None, edition="ee")
    key = frozenset({"key"})
    assert [only_ee.obstacle(Access(key, edition=each)) is None for each in ("", "ee", "foss")] == [True, True, False]
    doors = Doors()
    login = frozenset({"login"})
    assert doors.operation.obstacle(Access(login, permissions=frozenset({"LOOK"}))) is None
    assert "permission LOOK" in str(doors.operation.obstacle(Access(login, permissions=frozenset())))
    assert doors.operation.obstacle(Access(login)) is None, "what is not told is not refused"


def test_other_trouble_is_not_taken_for_a_closed_door():
    with pytest.raises(ArgumentsError):
        Doors(v2=ArgumentsError("no such project")).call("key", "login")


# --- Records and scopes ---


def test_records_keep_unknown_keys_and_tolerate_missing_ones():
    thing = Thing.model_validate_json('{"later": [1], "number": 2}')
    assert (thing.number, thing.model_extra) == (2, {"later": [1]})
    assert Thing.model_validate({}).number == 0
    with pytest.raises(ValidationError):
        Thing.model_validate_json('{"number": "many"}')


def test_an_empty_page_is_the_first():
    empty = ThingPage()
    assert (empty.rows, empty.total, empty.page, empty.limit) == ([], None, 1, 0)


def test_a_scope_is_frozen_and_shows_no_secret():
    with pytest.raises(FrozenInstanceError):
        SCOPE.host = "evil.example"
    assert "confirmations" not in repr(SCOPE)


def test_a_request_does_not_share_its_query():
    class Reply(BaseModel):
        pass

    first, second = (Request("GET", ("x",), Reply) for _ in range(2))
    assert first.query == {}
    assert first.query is not second.query
    assert json.dumps(dict(first.query)) == "{}"
