"""Bodies of the dashboard's session searches (contract §4.4).

Unlike the public API, these routes show what Go's decoder says of a body that it cannot read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from openreplay_tools.sandbox.gojson import InvalidJSONError, Reader, decode
from openreplay_tools.sandbox.validation import Failure, Filter, RefusedError, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

_Value = TypeVar("_Value")
STRUCT = "SessionsSearchRequest"
_OPERATORS = frozenset(
    [
        *("is", "isAny", "on", "onAny", "isNot", "isUndefined", "notOn", "contains", "notContains"),
        *("startsWith", "endsWith", "regex"),
        *("selectorIs", "selectorIsAny", "selectorIsNot", "selectorIsUndefined"),
        *("selectorContains", "selectorNotContains", "selectorStartsWith", "selectorEndsWith"),
        *("=", "<", ">", "<=", ">=", "true", "false"),
    ]
)
_DATA_TYPES = frozenset({"string", "number", "boolean", "integer"})
_YEAR_2000 = 946684800000
_MAX_LIMIT = 200
_MAX_VALUES = 10
_MAX_SERIES = 5
_BOOKMARKS = 10


class TypedReader(Reader):
    """Fields of one decoded object; a wrong type is refused in the words of encoding/json."""

    def __init__(self, value: object, struct: str, path: str = "") -> None:
        if value is not None and not isinstance(value, dict):
            raise _mismatch(value, struct, path.rstrip("."), "struct")
        super().__init__(value)
        self._struct, self._path = struct, path

    def text(self, name: str, default: str = "") -> str:
        """A string field."""
        return self._checked(name, "string", lambda: Reader.text(self, name, default))

    def integer(self, name: str, default: int = 0) -> int:
        """An integer field."""
        return self._checked(name, "int", lambda: Reader.integer(self, name, default))

    def boolean(self, name: str) -> bool:
        """A truth value, false when absent."""
        return self._checked(name, "bool", lambda: Reader.boolean(self, name))

    def items(self, name: str) -> list[object]:
        """A list field, of anything."""
        return self._checked(name, "[]interface {}", lambda: Reader.items(self, name))

    def texts(self, name: str) -> list[str]:
        """A list of strings; of a wrong element the decoder names the element's type."""
        for item in self.items(name):
            if item is not None and not isinstance(item, str):
                raise _mismatch(item, self._struct, f"{self._path}{name}", "string")
        return Reader.texts(self, name)

    def filters(self) -> Iterator[TypedReader]:
        """The objects in the list field `filters`."""
        return (TypedReader(item, "Filter", f"{self._path}filters.") for item in self.items("filters"))

    def whole(self, name: str) -> Any:
        """The field as it is, None when absent."""
        return self._fields.get(name.lower())

    def _checked(self, name: str, wanted: str, read: Callable[[], _Value]) -> _Value:
        try:
            return read()
        except InvalidJSONError:
            raise _mismatch(self._fields[name.lower()], self._struct, f"{self._path}{name}", wanted) from None


def _mismatch(value: object, struct: str, path: str, wanted: str) -> RefusedError:
    return RefusedError(f"json: cannot unmarshal {_kind(value)} into Go struct field {struct}.{path} of type {wanted}")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


@dataclass(frozen=True)
class Series:
    """One of several searches in one request."""

    number: int | None
    name: str
    filters: tuple[Filter, ...]
    events_order: str


@dataclass(frozen=True)
class SessionSearch:
    """What `SessionsSearchRequest` holds."""

    start: int
    end: int
    limit: int
    page: int
    sort: str
    order: str
    events_order: str
    bookmarked: bool
    filters: tuple[Filter, ...]
    series: tuple[Series, ...]

    @property
    def first(self) -> int:
        """How many sessions stand on earlier pages."""
        return (self.page - 1) * self.limit


def _read_series(value: object) -> Series:
    reader = TypedReader(value, "Series", "series.")
    inner = TypedReader(reader.whole("filter"), "SeriesFilter", "series.filter.")
    number = reader.integer("seriesId") if reader.whole("seriesId") is not None else None
    return Series(number, reader.text("name"), Filter.read_all(inner), inner.text("eventsOrder"))


def read_search(body: bytes) -> SessionSearch:
    """Read and validate a request.

    Raises:
        InvalidJSONError: the body is no JSON.
        RefusedError: a type is wrong, or the validator's text.
    """
    reader = TypedReader(decode(body), STRUCT)
    search = SessionSearch(
        start=reader.integer("startTimestamp"),
        end=reader.integer("endTimestamp"),
        limit=reader.integer("limit"),
        page=reader.integer("page"),
        sort=reader.text("sort"),
        order=reader.text("order"),
        events_order=reader.text("eventsOrder"),
        bookmarked=reader.boolean("bookmarked"),
        filters=Filter.read_all(reader),
        series=tuple(_read_series(item) for item in reader.items("series")),
    )
    if search.bookmarked:  # window and filters do not count, page and limit have defaults (contract §4.4)
        search = replace(search, limit=search.limit or _BOOKMARKS, page=search.page or 1)
        refuse(STRUCT, _paging(search))
    else:
        refuse(STRUCT, _failures(search))
    return search


def _failures(search: SessionSearch) -> Iterator[Failure]:
    yield from _moment("StartDate", search.start)
    yield from _moment("EndDate", search.end, search.start)
    yield from filter_failures(search.filters)
    yield from _paging(search)
    yield from _one_of("EventsOrder", search.events_order, ("then", "and", "or"))
    if len(search.series) > _MAX_SERIES:
        yield "Series", "max"


def _moment(path: str, value: int, after: int | None = None) -> Iterator[Failure]:
    if not value:
        yield path, "required"
    elif value < _YEAR_2000:
        yield path, "min"
    elif after is not None and value <= after:
        yield path, "gtfield"


def _paging(search: SessionSearch) -> Iterator[Failure]:
    yield from _whole(search.limit, "Limit", _MAX_LIMIT)
    yield from _whole(search.page, "Page", None)
    yield from _one_of("Order", search.order, ("asc", "desc"))


def _whole(value: int, path: str, most: int | None) -> Iterator[Failure]:
    if not value:
        yield path, "required"
    elif value < 1:
        yield path, "min"
    elif most is not None and value > most:
        yield path, "max"


def _one_of(path: str, value: str, allowed: Container[str]) -> Iterator[Failure]:
    if value and value not in allowed:
        yield path, "oneof"


def filter_failures(filters: tuple[Filter, ...], prefix: str = "") -> Iterator[Failure]:
    """What the validator finds wrong with top-level filters; sub-filters are not looked at (contract §4.4)."""
    for index, item in enumerate(filters):
        path = f"{prefix}Filters[{index}]"
        if not item.name and not any(item.ids.values()):
            yield f"{path}.Name", "required_without"
        if not item.operator:
            yield f"{path}.Operator", "required"
        yield from _one_of(f"{path}.Operator", item.operator, _OPERATORS)
        yield from _one_of(f"{path}.PropertyOrder", item.property_order, ("or", "and"))
        if len(item.value) > _MAX_VALUES:
            yield f"{path}.Value", "max"
        yield from _one_of(f"{path}.DataType", item.data_type, _DATA_TYPES)
        if item.is_event and not item.property_order:
            yield f"{path}.PropertyOrder", "required"
