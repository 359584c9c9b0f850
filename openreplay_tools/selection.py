"""Which operations a toolkit offers: by group, by name, by effect, or the curated ones."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, TypeAlias

from openreplay_tools.catalogue import (
    CURATED,
    CURATED_TOGETHER,
    CURATED_WITH_LOGIN,
    CURATED_WITHOUT_LOGIN,
    OPERATIONS,
    UNSERVED,
    VENDORS,
    AnyOperation,
)
from openreplay_tools.doors import OPENREPLAY
from openreplay_tools.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openreplay_tools.doors import Access

Choice: TypeAlias = "tuple[str, ...] | list[str] | Literal['all'] | None"
_EFFECTS = ("read", "write", "destroy")


def selected(groups: Choice, tools: Choice, effects: Choice, access: Access) -> tuple[AnyOperation, ...]:
    """Return the operations that somebody chose, in reading order; for the arguments see `Toolkit`.

    Raises:
        ConfigurationError: an unknown name, or a tool whose effect is not allowed.
    """
    allowed = _checked("effects", effects if effects is not None else ("read",), _EFFECTS)
    by_name = {operation.tool_name: operation for operation in OPERATIONS}
    if tools is not None and groups is not None:
        raise ConfigurationError("Give groups or tools, not both: tools names every tool that is offered.")
    if "all" in {tools if isinstance(tools, str) else "", groups if isinstance(groups, str) else ""}:
        return tuple(each for each in OPERATIONS if each.effect in allowed and each.provider in _vendors(access))
    if tools is not None:
        for operation in UNSERVED:
            if operation.tool_name in tools:
                raise ConfigurationError(f"tools: {operation.tool_name} cannot be had. {operation.description}")
        named = [by_name[name] for name in _checked("tools", tools, tuple(by_name))]
        refused = [operation for operation in named if operation.effect not in allowed]
        if refused:
            needed = " and ".join(sorted({f'"{operation.effect}"' for operation in refused}))
            raise ConfigurationError(
                f"tools: {refused[0].tool_name} changes data; build the toolkit with effects that include {needed}."
            )
        return tuple(named)
    if groups is None:
        return _curated(access, allowed)
    known = tuple(dict.fromkeys(operation.group for operation in OPERATIONS))
    wanted = _checked("groups", groups, known)
    return tuple(operation for operation in OPERATIONS if operation.group in wanted and operation.effect in allowed)


def _vendors(access: Access) -> set[str]:
    """Return the vendors that "all" means: those whose credentials are at hand, every one while there is none."""
    given = {"openreplay" if credential in OPENREPLAY else credential for credential in access.credentials}
    return given or set(VENDORS)


def _curated(access: Access, allowed: tuple[str, ...]) -> tuple[AnyOperation, ...]:
    """Return what answers most questions with the credentials at hand, and what was allowed beside reading."""
    # Jobs only matter to those who may make or cancel them; the passthrough is chosen by name.
    further = {"jobs"} if len(allowed) > 1 else set()
    chosen = _choice(access)
    return tuple(
        each
        for each in OPERATIONS
        if (each in chosen or each.group in further or (each.effect != "read" and each.group != "raw"))
        and each.effect in allowed
        and (each.obstacle(access) is None or not access.credentials)
    )


def _choice(access: Access) -> list[AnyOperation]:
    """Return the curated operations for these credentials."""
    given, login = access.credentials, "login" in access.credentials
    if given & OPENREPLAY and given - OPENREPLAY:
        return [
            each for each in CURATED_TOGETHER if each not in (CURATED_WITHOUT_LOGIN if login else CURATED_WITH_LOGIN)
        ]
    return [each for each in CURATED if login or not given or each not in CURATED_WITH_LOGIN]


def _checked(what: str, given: tuple[str, ...] | list[str] | str, known: tuple[str, ...]) -> tuple[str, ...]:
    if given == "all":
        return known
    if isinstance(given, str):
        raise ConfigurationError(f'{what}: give a tuple of names, such as ("{known[0]}",), or "all".')
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{what}: unknown name {name!r}.{nearest(name, known)}")
    return tuple(dict.fromkeys(given))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the names that are most like one, as a sentence; all of them when none is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 3, 0.4)
    return f" Nearest: {', '.join(near)}." if near else f" There are: {', '.join(names)}."
