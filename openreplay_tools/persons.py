"""What a result tells of persons: by the marks of its models, and by the names that stand beside values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import unquote_plus

from pydantic import BaseModel

from openreplay_tools.personal import LONGEST, NOBODY, NOT_LETTERS, Kind, Personal, is_personal, kind_of, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.personal import Found

_PERSONS: Final = frozenset(
    "user customer client contact member person patient employee subscriber author sender receiver recipient owner "
    "profile account passenger guest visitor identity me".split()
)
_TELLS_A_PERSON: Final = frozenset({"email", "phone", "name"})
_QUOTE: Final = r"\\*+(?:[\"']|u0022|&#34;|&quot;|%22)"
# `"email":"…"`, `email=…`, `%22email%22%3A%22…`, each perhaps nested in JSON or HTML.
_FIELD = re.compile(
    r"(?:(?<![\w$%\\-])|(?<=%22)|(?<=%26)|(?<=%3F)|(?<=%5B)|(?<=u0026)|(?<=u0022)|(?<=\\[nrt]))"
    rf"(?P<name>[A-Za-z_$][\w$.-]{{0,60}}+)(?:\]|%5D)?(?P<mark>{_QUOTE})?(?P<sign>\s{{0,4}}:\s{{0,4}}|=|%3[AaDd])"
    rf"(?P<open>{_QUOTE})?"
)
_PLAIN = re.compile(r"[^\s&\"'<>;,{}\[\]\\]{1,256}")
_ENCODED = re.compile(r"(?:[^\s&\"'<>;,{}\[\]\\%]|%(?!26|22|2C|7D|5D)){1,256}", re.IGNORECASE)
_FIELDS_BEGIN = re.compile(r"[=\"']|%3D|%22|&#34;|&quot;", re.IGNORECASE)


def persons(result: BaseModel) -> Iterator[Found]:
    """Yield what a result tells of persons: marked fields first, then what free values and texts hold by name.

    A model whose values are personal by another field's value has a method `persons` that yields them.
    """
    models: list[BaseModel] = [result]
    rest: list[tuple[str, Any]] = []
    while models:
        model = models.pop()
        plan = _plan(type(model))
        for field, kind in plan.marked:
            value = getattr(model, field)
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, str) and each and each.lower() not in NOBODY:
                    yield kind, each
        for field in reversed(plan.inner):
            value = getattr(model, field)
            found = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
            models += [each for each in reversed(found) if isinstance(each, BaseModel)]
        rest += [(field, value) for field in plan.free if (value := getattr(model, field))]
        if model.model_extra:
            rest.append(("", model.model_extra))
        if plan.tells is not None:
            yield from plan.tells(model)
    for field, value in rest:
        yield from persons_in(value, field)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where a model may tell of persons."""

    marked: tuple[tuple[str, Kind], ...]
    inner: tuple[str, ...]
    free: tuple[str, ...]
    tells: Any


@lru_cache(maxsize=512)
def _plan(model: type[BaseModel]) -> _Plan:
    marked: list[tuple[str, Kind]] = []
    inner: list[str] = []
    free: list[str] = []
    for name, field in model.model_fields.items():
        mark = next((one for one in (*field.metadata, *_marks(field.annotation)) if isinstance(one, Personal)), None)
        types = set(_types(field.annotation))
        if mark:
            marked.append((name, mark.kind))
        elif any(isinstance(one, type) and issubclass(one, BaseModel) for one in types):
            inner.append(name)
        elif types & {str, dict, Any} or types - {int, float, bool, type(None)}:
            free.append(name)
    return _Plan(tuple(marked), tuple(inner), tuple(free), getattr(model, "persons", None))


def _marks(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for inner in get_args(annotation):
        yield from _marks(inner)


def _types(annotation: Any) -> Iterator[Any]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return
    if origin is Annotated:
        yield from _types(inner[0])
    elif origin is dict:
        yield dict
    elif inner:
        for each in inner:
            yield from _types(each)
    else:
        yield annotation


def persons_in(value: Any, under: str = "") -> Iterator[Found]:
    """Yield what a JSON value tells of persons by its names, however deep it is and also inside its texts.

    Args:
        value: what a site recorded or a server told.
        under: the name it stands under.
    """
    pending: list[tuple[str, Any]] = [(under, value)]
    while pending:
        name, each = pending.pop()
        if isinstance(each, dict):
            yield from _members(name, each)
            pending += [(str(key), item) for key, item in each.items() if isinstance(item, dict | list | str)]
        elif isinstance(each, list):
            pending += [(name, item) for item in each if isinstance(item, dict | list | str)]
            yield from named(name, each)
        elif isinstance(each, str):
            yield from persons_told(each)


def _members(under: str, item: dict[Any, Any]) -> Iterator[Found]:
    kinds = {key: kind_of(str(key)) for key, value in item.items() if value and isinstance(value, str | int | list)}
    beside = item.get("name") or item.get("key") or item.get("field") or item.get("label")
    person = NOT_LETTERS.sub("", under.lower()) in _PERSONS or any(
        kind in _TELLS_A_PERSON and is_personal(kind, str(item[key])) for key, kind in kinds.items() if kind
    )
    for key, found in kinds.items():
        kind = found
        if kind is None and key == "value" and isinstance(beside, str):
            kind = kind_of(beside)
        elif kind is None and person and key in {"name", "Name", "$name", "display_name", "displayName"}:
            kind = "name"
        value = item[key]
        for each in value if isinstance(value, list) else (value,):
            if kind and isinstance(each, str | int) and not isinstance(each, bool) and is_personal(kind, str(each)):
                yield kind, str(each)


def persons_told(text: str) -> Iterator[Found]:
    """Yield what stands under telling names in a text: JSON, forms and queries, however they are nested."""
    for field in _FIELD.finditer(text) if _FIELDS_BEGIN.search(text) else ():
        kind = kind_of(field["name"])
        if kind is None:
            continue
        value = _value(text, field)
        if is_personal(kind, value) and value[0] not in "$%:?<*#":  # placeholders
            yield kind, value


def _value(text: str, field: re.Match[str]) -> str:
    start, opening, sign = field.end(), field["open"], field["sign"].strip().lower()
    if opening:
        end = text.find(opening, start, start + LONGEST)
        value = text[start:end] if end > start else ""
        return unquote_plus(value) if opening == "%22" else value
    if sign == "=" or sign.startswith("%3"):
        plain = (_PLAIN if sign == "=" else _ENCODED).match(text, start)
        return unquote_plus(plain[0]) if plain else ""
    plain = _PLAIN.match(text, start) if field["mark"] else None  # a number; prose has such colons too
    return plain[0] if plain else ""
