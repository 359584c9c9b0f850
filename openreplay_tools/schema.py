"""Argument models as every framework can show them, and what is wrong with arguments in words a model can act on."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


# Said in words by every description and checked by the model; strict modes of providers refuse them (framework notes).
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"})


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
    return flat


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
    for problem in error.errors(include_url=False)[:5]:
        parts += [*(" " for _ in parts[:1]), *_sentence(problem, model)]
    return ArgumentsError(*parts)


def _sentence(problem: Any, model: type[BaseModel]) -> list[object]:
    path, kind = problem["loc"], problem["type"]
    where = ".".join(str(step) for step in path) or "arguments"
    if kind == "extra_forbidden" and len(path) == 1:
        names = list(model.model_fields)
        near = difflib.get_close_matches(where, names, 2, 0.5)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        return ["Unknown argument ", Given(where), f".{hint} Arguments: {', '.join(names) or 'none'}."]
    if kind == "missing":
        field = model.model_fields.get(where)
        about = f" {field.description}" if field is not None and field.description else ""
        return [f"{where} is needed.{about}"]
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    said = message if message[:1].isupper() else f"should be {message}"
    given = problem["input"]
    shown = given if isinstance(given, str) else repr(given)
    return [f"{where}: {said} (given ", Given(shown), ")."]
