"""Argument models as every framework shows them, and refusals that a model can act on."""

import json
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.operation import Arguments
from openreplay_tools.schema import explain, flat_schema
from openreplay_tools.text import Given


def _even(value):
    if value % 2:
        message = "should be even"
        raise ValueError(message)
    return value


class Condition(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=20, description="Column.")]
    operator: Literal["is", "is_not"] = "is"
    values: list[str] = []


class Colour(BaseModel):
    """Of the thing."""

    title: Annotated[str, Field(description="What people call it.")]


class FindArgs(Arguments):
    """What to find."""

    user_id: Annotated[str, Field(min_length=1, max_length=100, description="Id such as ann@example.org.")]
    limit: Annotated[int, Field(ge=1, le=200, description="Rows.")] = 50
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    number: Annotated[int, AfterValidator(_even)] = 2
    order: Literal["desc", "asc"] = "desc"
    brief: bool = False
    kinds: Annotated[list[str], Field(max_length=3)] = []
    filters: list[Condition] = []
    colour: Annotated[Colour | None, Field(description="Never null in a schema.")] = None


def refused(given):
    with pytest.raises(ValidationError) as caught:
        FindArgs.model_validate(given)
    return explain(caught.value, FindArgs)


def refusal(**given):
    return str(refused({"user_id": "ann", **given}))


# --- Refusals ---

KNOWN = "Arguments: user_id, limit, share, number, order, brief, kinds, filters, colour."


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"user_id": None}, "user_id is needed. Id such as ann@example.org."),
        ({"user": "ann"}, f'Unknown argument "user". Nearest: user_id, number. {KNOWN}'),
        ({"zzzz": 1}, f'Unknown argument "zzzz". {KNOWN}'),
        ({"limit": 0}, 'limit should be at least 1 (given "0").'),
        ({"limit": 201}, 'limit should be at most 200 (given "201").'),
        ({"share": 1}, 'share should be less than 1 (given "1").'),
        ({"order": "up"}, "order should be one of 'desc' or 'asc' (given \"up\")."),
        ({"order": "DESC"}, "order should be one of 'desc' or 'asc' (given \"DESC\")."),
        ({"kinds": "CLICK"}, 'kinds should be a list (given "CLICK").'),
        (
            {"filters": [{"name": "x", "operator": 3}]},
            "filters.0.operator should be one of 'is' or 'is_not' (given \"3\").",
        ),
        ({"filters": [{"name": "x"}, {"values": []}]}, "filters.1.name is needed. Column."),
        ({"filters": [{"name": "x", "values": [1]}]}, 'filters.0.values.0 should be text (given "1").'),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_with_the_rule_and_what_was_given(given, text):
    assert refusal(**given) == text


def test_the_argument_of_an_operation_without_arguments_is_refused():
    class NoArgs(Arguments):
        """None."""

    with pytest.raises(ValueError, match="extra") as caught:
        NoArgs.model_validate({"x": 1})
    assert str(explain(caught.value, NoArgs)) == 'Unknown argument "x". Arguments: none.'


def test_several_wrong_arguments_get_a_sentence_each():
    text = refusal(limit=0, order="up", querry="x")
    assert text.index("limit should ") < text.index(" order should ") < text.index(' Unknown argument "querry"')


def test_at_most_five_problems_are_told():
    assert refusal(**{f"x{number}": 1 for number in range(50)}).count("Unknown argument") == 5


def test_what_is_wrong_as_a_whole_is_told_without_a_name():
    assert str(refused(3)) == 'Each argument should be an object with names and values (given "3").'


HUGE = "x" * 5000


@pytest.mark.parametrize(
    "given",
    [
        {"user_id": HUGE},
        {"limit": HUGE},
        {"order": HUGE},
        {HUGE: 1},
        {"kinds": [HUGE] * 9},
        {"kinds": {HUGE: HUGE}},
        {"filters": HUGE},
        {"filters": [HUGE]},
        {"filters": [{"name": HUGE}]},
        {"filters": [{"name": "x", "operator": HUGE}]},
        {"colour": HUGE},
    ],
)
def test_what_was_given_is_repeated_in_80_characters_at_most(given):
    assert all(len(part) <= 160 for part in refusal(**given).split('"')), "nothing long, quoted or not"
    assert "x" * 81 not in refusal(**given)


def test_an_unknown_name_within_an_argument_is_repeated_in_80_characters_at_most():
    assert "x" * 81 not in refusal(filters=[{"name": "x", HUGE: 1}])


@given(st.dictionaries(st.text(max_size=20), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5,
)))  # fmt: skip
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_given_the_refusal_is_one_line_of_our_words_and_given_ones(given):
    error = refused({**given, "user_id": 3})
    assert all(isinstance(part, str | Given) for part in error.parts)
    assert "\n" not in str(error)
    ours = "".join(part for part in error.parts if isinstance(part, str))
    assert not any(word in ours for word in ("pydantic", "://", "type=", "input_value", "Value error"))


def test_a_rule_of_our_own_is_told_once():
    assert refusal(number=3) == 'number should be even (given "3").'


def test_an_unknown_name_within_an_argument_gets_the_nearest_too():
    known = "Arguments: name, operator, values."
    nearest = refusal(filters=[{"name": "x"}, {"name": "x", "operater": "is"}])
    assert nearest == f'Unknown argument "operater" in filters.1. Nearest: operator. {known}'
    assert refusal(filters=[{"name": "x", "op": "is"}]) == f'Unknown argument "op" in filters.0. {known}'


@pytest.mark.parametrize(
    ("given", "jargon"),
    [
        ({"filters": [{"name": "x", "op": "is"}]}, "Extra inputs are not permitted"),
        ({"filters": ["country"]}, "instance of Condition"),
        ({"user_id": ""}, "String should"),
        ({"kinds": ["a"] * 4}, "after validation"),
        ({"limit": "five"}, "unable to parse string as an integer"),
        ({"brief": "perhaps"}, "unable to interpret input"),
    ],
)
def test_refusals_are_in_words_a_reader_can_act_on(given, jargon):
    assert jargon not in refusal(**given)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_needed_argument_says_what_it_is(operation):
    needed = [name for name, field in operation.arguments.model_fields.items() if field.is_required()]
    if needed:
        with pytest.raises(ArgumentsError) as caught:
            operation.parse({})
        assert all(f"{name} is needed. " in str(caught.value) for name in needed)


# --- Schemas ---


def nodes(schema):
    """Yield every JSON schema within a schema; the names of properties are none of its words."""
    yield schema
    for key, value in schema.items():
        inner = value.values() if key == "properties" else value if isinstance(value, list) else [value]
        for item in inner:
            if isinstance(item, dict):
                yield from nodes(item)


def test_a_schema_is_flat():
    schema = flat_schema(FindArgs)
    assert "$defs" not in schema
    assert not any("$ref" in node for node in nodes(schema))
    assert schema["properties"]["filters"]["items"]["properties"]["operator"] == {
        "default": "is", "enum": ["is", "is_not"], "type": "string",
    }  # fmt: skip


def test_a_schema_has_no_titles_but_a_property_may_be_called_title():
    schema = flat_schema(FindArgs)
    assert not any("title" in node for node in nodes(schema))

    class NamedArgs(Arguments):
        title: str
        colours: list[Colour] = []

    assert flat_schema(NamedArgs)["properties"]["title"] == {"type": "string"}
    assert "title" in flat_schema(NamedArgs)["properties"]["colours"]["items"]["properties"]


def test_a_schema_has_no_bounds_and_no_description_of_its_own():
    schema = flat_schema(FindArgs)
    assert "description" not in schema
    assert schema["properties"]["user_id"] == {"description": "Id such as ann@example.org.", "type": "string"}
    assert schema["properties"]["limit"] == {"default": 50, "description": "Rows.", "type": "integer"}
    assert schema["required"] == ["user_id"]


def test_a_description_at_the_reference_stands_for_that_of_the_model():
    class PaintArgs(Arguments):
        colour: Annotated[Colour, Field(description="Which one.")]
        other: Colour

    schema = flat_schema(PaintArgs)
    assert schema["properties"]["colour"]["description"] == "Which one."
    assert "description" not in schema["properties"]["other"]


def test_an_operation_without_arguments_has_an_empty_schema():
    class NoArgs(Arguments):
        """None."""

    assert flat_schema(NoArgs) == {"additionalProperties": False, "properties": {}, "type": "object"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_schema_passes_all_providers(operation):
    refused = {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "not", "const", "prefixItems", "patternProperties"}
    for node in nodes(operation.schema):
        assert not refused & set(node)
        assert node.get("default", "") is not None
        assert node.get("type") != "null"
        if node.get("type") == "object":
            assert node["additionalProperties"] is False, "free-form objects pass no strict mode"
    assert json.loads(json.dumps(operation.schema)) == operation.schema
    assert operation.schema is operation.schema, "made once"
