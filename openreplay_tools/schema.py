"""Argument models as every framework can show them, and what is wrong with arguments in words a model can act on."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, get_args

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


# Said in words by every description and checked by the model; strict modes of providers refuse them (framework notes).
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"})


_MOST_SENTENCES = 5
_LONGEST_NAME = 80

# What pydantic's kinds of error mean to whoever passed the argument.
_RULES = {
    "string_type": "text",
    "string_unicode": "text without broken characters",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "list_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "model_type": "an object with names and values",
    "model_attributes_type": "an object with names and values",
    "dict_type": "an object with names and values",
    "json_invalid": "valid JSON",
    "datetime_type": "a time",
    "datetime_parsing": "a time",
    "datetime_from_date_parsing": "a time",
    "float_type": "a number",
}


def flat_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the model's JSON schema without references, titles and bounds.

    Nothing in it is nullable or free-form, so the OpenAI, Anthropic and Gemini converters of both frameworks take it.
    """
    raw = model.model_json_schema()
    definitions = raw.pop("$defs", {})
    flat: dict[str, Any] = _flatten(raw, definitions)
    flat.pop("description", None)
    flat.setdefault("properties", {})
    flat["additionalProperties"] = False
    return {"type": flat.pop("type"), **flat}  # the order in which MCP's types write it


def _flatten(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_flatten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return _flatten(
            {**{k: v for k, v in target.items() if k != "description"}, **_without(node, "$ref")}, definitions
        )
    kept = {key: value for key, value in node.items() if key != "title" and key not in _BOUNDS}
    return {
        key: _properties(value, definitions) if key == "properties" else _flatten(value, definitions)
        for key, value in kept.items()
    }


def _properties(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Flatten each property; a property itself may be called "title"."""
    return {name: _flatten(value, definitions) for name, value in node.items()}


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in node.items() if k != key}


def explain(error: ValidationError, model: type[BaseModel]) -> ArgumentsError:
    """Turn a validation error into one sentence per wrong argument, without pydantic's vocabulary.

    Args:
        error: what validating the arguments raised.
        model: the argument model, for its names.
    """
    parts: list[object] = []
    for problem in error.errors(include_url=False)[:_MOST_SENTENCES]:
        parts += [*(" " for _ in parts[:1]), *_sentence(problem, model)]
    return ArgumentsError(*parts)


def _sentence(problem: Any, model: type[BaseModel]) -> list[object]:
    path, kind, given = problem["loc"], problem["type"], problem["input"]
    owner = _owner(model, path)
    if kind == "extra_forbidden":
        name = str(path[-1])
        near = difflib.get_close_matches(name[:_LONGEST_NAME], owner.model_fields, 2, 0.5)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        inside = f" in {_where(path[:-1])}" if len(path) > 1 else ""
        return [
            "Unknown argument ",
            Given(name),
            f"{inside}.{hint} Arguments: {', '.join(owner.model_fields) or 'none'}.",
        ]
    if kind == "missing":
        field = owner.model_fields.get(str(path[-1]))
        about = f" {field.description}" if field is not None and field.description else ""
        return [f"{_where(path)} is needed.{about}"]
    return [
        f"{_where(path)} should be {rule(problem)} (given ",
        Given(_shown(given)),
        ").",
    ]


def _shown(given: Any) -> str:
    try:
        return given if isinstance(given, str) else repr(given)
    except ValueError:  # a whole number of thousands of digits
        return "a very long number"


def rule(problem: Any) -> str:
    """Return what a value should have been, in plain words.

    Args:
        problem: one of pydantic's error details.
    """
    said = _RULES.get(problem["type"], "{msg}")
    return said.format(msg=_own_rule(problem["msg"]), **problem.get("ctx", {}))


def _where(path: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in path) or "Each argument"


def _own_rule(message: str) -> str:
    """Return the rule of one of our own validators, which say "should be …" themselves."""
    return message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("should be ")


def _owner(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model that the last step of a path belongs to: a part inside a list, or the arguments themselves."""
    field = model.model_fields.get(str(path[0])) if len(path) > 2 else None
    inner = get_args(field.annotation) if field is not None else ()
    return inner[0] if inner and hasattr(inner[0], "model_fields") else model
