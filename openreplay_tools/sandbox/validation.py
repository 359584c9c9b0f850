"""Request bodies: what the server reads from them, and the texts with which its validator refuses (contract §2.11)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from openreplay_tools.sandbox.columns import EVENT_COLUMNS, USER_COLUMNS
from openreplay_tools.sandbox.gojson import InvalidJSONError, Reader, decode

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

OPERATORS = frozenset(
    [
        "is",
        "isAny",
        "on",
        "onAny",
        "isNot",
        "isUndefined",
        "notOn",
        "contains",
        "notContains",
        "startsWith",
        "endsWith",
        "regex",
        "selectorIs",
        "selectorIsAny",
        "selectorIsNot",
        "selectorIsUndefined",
        "selectorContains",
        "selectorNotContains",
        "selectorStartsWith",
        "selectorEndsWith",
        "=",
        "<",
        ">",
        "<=",
        ">=",
        "!=",
        "true",
        "false",
        "in",
        "notIn",
        "equals",
        "notEquals",
        "not",
        "off",
        "lt",
        "gt",
        "lte",
        "gte",
        "lessThan",
        "greaterThan",
        "lessThanOrEqual",
        "greaterThanOrEqual",
        "doesNotContain",
        "before",
        "after",
        "onOrBefore",
        "onOrAfter",
        "isBlank",
        "isNotBlank",
        "between",
    ]
)
DATA_TYPES = frozenset({"string", "number", "boolean", "integer", "timestamp"})
_YEAR_2000 = 946684800000
_MAX_LIMIT = 200
_MAX_QUERY = 100
_MAX_PROJECT_NAME = 200
_MAX_NAME = _MAX_VALUE = 256
_MAX_VALUES = 10
_MAX_ID = 36

Failure = tuple[str, str]
"""The path of a field inside the request and the tag it failed on."""


class UnknownError(Exception):
    """Neither the recordings nor the contract say what the server does."""


class RefusedError(ValueError):
    """The validator's text for a request that reads well but breaks a rule."""


@dataclass(frozen=True)
class Filter:
    """One filter object (contract §2.10)."""

    name: str
    operator: str
    value: tuple[str, ...]
    data_type: str
    is_event: bool
    property_order: str
    auto_captured: bool
    filters: tuple[Filter, ...]
    ids: dict[str, str] = field(compare=False)

    @classmethod
    def read_all(cls, reader: Reader) -> tuple[Filter, ...]:
        """The list of filters of an object: a request, a series, a saved search, a filter."""
        return tuple(cls.read(each) for each in reader.filters())

    @classmethod
    def read(cls, reader: Reader) -> Filter:
        """One filter object, its sub-filters included."""
        for name in ("isAction", "isSegment"):  # typed, but without effect here
            reader.boolean(name)
        return cls(
            name=reader.text("name"),
            operator=reader.text("operator"),
            value=tuple(reader.texts("value")),
            data_type=reader.text("dataType"),
            is_event=reader.boolean("isEvent"),
            property_order=reader.text("propertyOrder"),
            auto_captured=reader.boolean("autoCaptured"),
            filters=cls.read_all(reader),
            ids={go_name: reader.text(name) for name, go_name in (("actionId", "ActionID"), ("searchId", "SearchID"))},
        )

    def failures(self, path: str) -> Iterator[Failure]:
        """What the validator finds wrong, in the order of its fields."""
        if not self.name:
            yield f"{path}.Name", "required_without"
        elif len(self.name) > _MAX_NAME:
            yield f"{path}.Name", "max"
        yield from _one_of(f"{path}.Operator", self.operator, OPERATORS, required=True)
        yield from _one_of(f"{path}.PropertyOrder", self.property_order, ("or", "and"))
        if len(self.value) > _MAX_VALUES:
            yield f"{path}.Value", "max"
        else:
            for index, item in enumerate(self.value):
                if len(item) > _MAX_VALUE:
                    yield f"{path}.Value[{index}]", "max"
        yield from _one_of(f"{path}.DataType", self.data_type, DATA_TYPES)
        for go_name, item in self.ids.items():
            if len(item) > _MAX_ID:
                yield f"{path}.{go_name}", "max"
        for index, inner in enumerate(self.filters):
            yield from inner.failures(f"{path}.Filters[{index}]")
        if self.is_event and not self.property_order:
            yield f"{path}.PropertyOrder", "required"


@dataclass(frozen=True)
class Search:
    """What the three searching routes have in common; a route ignores the fields it does not read."""

    start: int
    end: int
    limit: int
    page: int
    sort_order: str
    sort_by: str = ""
    query: str = ""
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    hidden: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """The order as SQL; newest first unless asked otherwise."""
        return "ASC" if self.sort_order == "asc" else "DESC"


def _one_of(path: str, value: str, allowed: Container[str], *, required: bool = False) -> Iterator[Failure]:
    if not value:
        if required:
            yield path, "required"
    elif value not in allowed:
        yield path, "oneof"


def _column(path: str, value: str, allowed: Container[str], tag: str) -> Iterator[Failure]:
    if value and value not in allowed:
        yield path, tag


def _number(path: str, value: int, *, least: int = 1, most: int | None = None, required: bool) -> Iterator[Failure]:
    """0 counts as absent, as for every Go number."""
    if value == 0:
        if required:
            yield path, "required"
    elif value < least:
        yield path, "min"
    elif most is not None and value > most:
        yield path, "max"


def _window(search: Search, *, required: bool) -> Iterator[Failure]:
    yield from _number("StartDate", search.start, least=_YEAR_2000, required=required)
    end = list(_number("EndDate", search.end, least=_YEAR_2000, required=required))
    if not end and search.end and search.end <= search.start:
        end = [("EndDate", "gtfield")]
    yield from end


def _filters(search: Search) -> Iterator[Failure]:
    for index, item in enumerate(search.filters):
        yield from item.failures(f"Filters[{index}]")


def _order(search: Search) -> Iterator[Failure]:
    yield from _one_of("SortOrder", search.sort_order, ("asc", "desc"))


def _columns(search: Search, allowed: Container[str], tag: str) -> Iterator[Failure]:
    for index, name in enumerate(search.columns):
        yield from _column(f"Columns[{index}]", name, allowed, tag)


def refuse(struct: str, failures: Iterator[Failure]) -> None:
    """Raise the validator's text when there are failures."""
    lines = []
    for path, tag in failures:
        name = path.rsplit(".", 1)[-1]
        lines.append(f"Key: '{struct}.{path}' Error:Field validation for '{name}' failed on the '{tag}' tag")
    if lines:
        raise RefusedError("\n".join(lines))


def _paged(reader: Reader) -> Search:
    """What all routes read."""
    return Search(
        start=reader.integer("startTimestamp"),
        end=reader.integer("endTimestamp"),
        limit=reader.integer("limit"),
        page=reader.integer("page"),
        sort_order=reader.text("sortOrder"),
    )


def _filtered(reader: Reader) -> Search:
    """What most routes read beyond that."""
    return replace(_paged(reader), sort_by=reader.text("sortBy"), filters=Filter.read_all(reader))


def users_search(body: bytes) -> Search:
    """`SearchUsersRequest`, with the defaults of contract §2.4."""
    reader = Reader(decode(body))
    search = replace(_filtered(reader), query=reader.text("query"), columns=tuple(reader.texts("columns")))
    refuse("SearchUsersRequest", _users_failures(search))
    return search


def _users_failures(search: Search) -> Iterator[Failure]:
    yield from _filters(search)
    if len(search.query) > _MAX_QUERY:
        yield "Query", "max"
    yield from _window(search, required=False)
    yield from _number("Limit", search.limit, most=_MAX_LIMIT, required=False)
    yield from _number("Page", search.page, required=False)
    yield from _column("SortBy", search.sort_by, USER_COLUMNS, "validateUserColumn")
    yield from _order(search)
    yield from _columns(search, USER_COLUMNS, "validateUserColumn")


def user_sessions(body: bytes) -> Search:
    """`UserSessionsRequest` (contract §2.7): filters, sortBy and columns are not read."""
    search = _paged(Reader(decode(body)))
    refuse("UserSessionsRequest", _user_sessions_failures(search))
    return search


def _user_sessions_failures(search: Search) -> Iterator[Failure]:
    yield from _window(search, required=True)
    yield from _number("Limit", search.limit, most=_MAX_LIMIT, required=False)
    yield from _number("Page", search.page, required=False)
    yield from _order(search)


def session_events(body: bytes) -> Search:
    """`EventsSearchRequest` (contract §2.8): limit and page have no defaults."""
    reader = Reader(decode(body))
    search = replace(_filtered(reader), columns=tuple(reader.texts("columns")))
    refuse("EventsSearchRequest", _session_events_failures(search))
    return search


def _session_events_failures(search: Search) -> Iterator[Failure]:
    yield from _filters(search)
    yield from _window(search, required=True)
    yield from _column("SortBy", search.sort_by, EVENT_COLUMNS, "validEventColumn")
    yield from _order(search)
    yield from _number("Limit", search.limit, most=_MAX_LIMIT, required=True)
    yield from _number("Page", search.page, required=True)
    yield from _columns(search, EVENT_COLUMNS, "validEventColumn")


def user_activity(body: bytes) -> Search:
    """Contract §4.8. The name of the struct in refusals is a guess, what is refused is not."""
    reader = Reader(decode(body))
    search = replace(_filtered(reader), hidden=tuple(reader.texts("hideEvents")))
    refuse("UserActivityRequest", _user_activity_failures(search))
    return search


def _user_activity_failures(search: Search) -> Iterator[Failure]:
    yield from _filters(search)
    yield from _user_sessions_failures(search)
    yield from _one_of("SortBy", search.sort_by, ("created_at", "$event_name"))


def with_query(search: Search, query: str) -> Search:
    """Put the query parameter `q` in the place of the body's `query` (contract §2.4)."""
    if len(query) > _MAX_QUERY:
        raise UnknownError("a parameter q of more than 100 characters")
    return replace(search, query=query)


def new_project(body: bytes) -> tuple[str, str]:
    """Name and platform of POST projects (contract §2.2); the length counts bytes, blank names pass."""
    reader = Reader(decode(body))
    name, platform = reader.text("name"), reader.text("platform")
    if not name:
        raise RefusedError("name is required")
    if len(name.encode()) > _MAX_PROJECT_NAME:
        raise RefusedError("name must be at most 200 characters")
    if platform not in ("", "web", "ios"):
        raise RefusedError("platform must be one of: web, ios")
    return name, platform or "web"


__all__ = [
    "Filter",
    "InvalidJSONError",
    "RefusedError",
    "Search",
    "UnknownError",
    "new_project",
    "refuse",
    "session_events",
    "user_activity",
    "user_sessions",
    "users_search",
    "with_query",
]
