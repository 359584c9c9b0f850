"""What a session search asks for: arguments checked against the project's catalogue and put into the server's form.

The server takes an unknown name for a property of events, drops what it does not understand and negates only some
conditions (contract §4.4, observed A14, A15, A17). So everything is checked before the request, and what the server
would get wrong is refused with the reason or kept apart, to be subtracted in `sequences`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.filter_catalogue import nearest_sentence
from openreplay_tools.openreplay.filters import COMPARISONS, WORDS, Filter, country_code
from openreplay_tools.openreplay.session_steps import (
    NEGATIVE,
    WITHOUT_VALUES,
    Applied,
    Term,
    condition,
    event_term,
    page_term,
)
from openreplay_tools.openreplay.telling import ISSUES
from openreplay_tools.text import HARMLESS, Given, Own, Recorded, identifier, name
from openreplay_tools.windows import format_offset, parse_offset

if TYPE_CHECKING:
    from openreplay_tools.openreplay.filter_catalogue import FilterCatalogue, SessionFilter
    from openreplay_tools.openreplay.saved_searches import SavedSearch
    from openreplay_tools.openreplay.session_search import SearchSessionsArgs
    from openreplay_tools.text import Line

    Wire = dict[str, Any]

EventsOrder = Literal["then", "and", "or"]

_ORDERS: dict[str, EventsOrder] = {"all": "and", "any": "or", "in_sequence": "then"}
_LONGEST_MS = 7 * 86_400_000
_DATA_TYPES = frozenset({"string", "number", "boolean", "integer"})
# Columns that hold nothing, not even "", in some sessions: a negation of the server would leave those out.
_NULLABLE = frozenset({"userDevice", "userAnonymousId", "referrer", "utmSource", "utmMedium", "utmCampaign"})
# How the server spells what people write; it compares with case.
_SPELLED = {
    each.casefold(): each
    for each in (
        "Chrome", "Chrome Mobile", "Chrome Mobile iOS", "Chromium", "Safari", "Mobile Safari", "Firefox", "Firefox iOS",
        "Firefox Mobile", "Edge", "Edge Mobile", "Opera", "Opera Mobile", "Samsung Internet", "Windows", "Mac OS X",
        "Linux", "Ubuntu", "Android", "iOS", "Chrome OS", "desktop", "mobile", "tablet",
    )
} | {"macos": "Mac OS X", "mac os": "Mac OS X", "mac": "Mac OS X", "chromeos": "Chrome OS", "phone": "mobile",
     "microsoft edge": "Edge", "google chrome": "Chrome"}  # fmt: skip
_WELL_KNOWN = frozenset({"userBrowser", "userOs", "userDeviceType"})
# Words of people for types of issues, besides those of the server, the dashboard and our own answers.
_ISSUES = {
    **{words.casefold(): each for each, words in ISSUES.items()},
    "rage": "click_rage", "error": "js_exception", "js error": "js_exception", "javascript error": "js_exception",
    "exception": "js_exception", "failed request": "bad_request", "network error": "bad_request",
    "missing image": "missing_resource",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Event conditions that belong together."""

    steps: tuple[Term, ...]
    order: EventsOrder


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: all of it must hold.

    Args:
        on_session: conditions on the session.
        groups: conditions on events.
        without: what must not be so; asked for without the negation, to be subtracted.
        saved: the saved search that some of it comes from.
    """

    on_session: tuple[Term, ...] = ()
    groups: tuple[Group, ...] = ()
    without: tuple[Term, ...] = ()
    saved: Applied | None = None

    def conditions(self) -> list[Applied]:
        """Return all that is asked for; a saved search counts as one."""
        steps = (term for group in self.groups for term in group.steps)
        found = [term.said for term in (*self.on_session, *steps, *self.without) if term.said != self.saved]
        return [*found, self.saved] if self.saved else found

    def without_condition(self, applied: Applied) -> Question:
        """Return the question without one of its conditions."""
        groups = (
            Group(tuple(term for term in group.steps if term.said != applied), group.order) for group in self.groups
        )
        return Question(
            tuple(term for term in self.on_session if term.said != applied),
            tuple(group for group in groups if group.steps),
            tuple(term for term in self.without if term.said != applied),
            None if self.saved == applied else self.saved,
        )


def asked(args: SearchSessionsArgs, catalogue: FilterCatalogue, saved: SavedSearch | None) -> Question:
    """Check all arguments and return what they ask for.

    Raises:
        ArgumentsError: a name, an operator or a value that the server would ignore or take for something else.
    """
    on_session: list[Term] = []
    without: list[Term] = []
    for given in (*_common(args, catalogue), *args.filters):
        term, negated = _session_term(given, catalogue)
        (without if negated else on_session).append(term)
    on_session += _length(args, on_session)
    groups = [Group((page_term(args.url_path),), "and")] if args.url_path else []
    done = [event_term(one, catalogue) for one in args.events]
    without += [term for term in done if term.said.kind == "absent"]
    if steps := tuple(term for term in done if term.said.kind == "event"):
        groups.append(Group(steps, _ORDERS[args.events_order]))
    question = Question(tuple(on_session), tuple(groups), tuple(without))
    return _with_saved(question, saved, catalogue) if saved else question


def said(applied: Applied) -> Line:
    """Return a condition in words."""
    # The catalogue that gives most names comes from the server: only one or two plain words stand as ours.
    plain = applied.own and HARMLESS(applied.subject.replace(" ", "_", 1))
    subject = Own(applied.subject) if plain else name(applied.subject)
    if applied.kind == "saved":
        return (Own("saved search "), subject)
    if applied.kind == "page":
        page = {"is": "visited ", "starts_with": "visited a page that starts with ",
                "ends_with": "visited a page that ends with "}  # fmt: skip
        return (Own(page.get(applied.operator, "visited a page that contains ")), Given(applied.values[0]))
    if applied.kind == "session":
        if applied.subject == "length":
            return (Own(f"length {_WORDS[applied.operator]} {format_offset(int(applied.values[0]))}"),)
        return (subject, *_compared(applied))
    verb = Own("did " if applied.kind == "event" else "did not do ")
    what = (verb, Own(applied.subject) if plain else Recorded(applied.subject, identifier=True))
    return (*what, Own(" with "), Given(applied.property), *_compared(applied)) if applied.property else what


_WORDS = {**WORDS, "exists": "is known"}


def _compared(applied: Applied) -> Line:
    parts: list[Own | Given] = [Own(f" {_WORDS[applied.operator]}")]
    for index, value in enumerate(applied.values if applied.operator not in WITHOUT_VALUES else []):
        parts += [Own(" or " if index else " "), Given(value)]
    return tuple(parts)


def _common(args: SearchSessionsArgs, catalogue: FilterCatalogue) -> list[Filter]:
    """Return the arguments that are filters under a name of their own."""
    given = {"user_id": args.user_id, "browser": args.browser, "os": args.os, "device_type": args.device_type,
             "country": args.country, "issue": args.issue_type}  # fmt: skip
    asked_for = {field: value for field, value in given.items() if value}
    if args.issue_type:
        asked_for["issue"] = _issue(args.issue_type, catalogue.filter("issue"), "issue_type")
    return [
        Filter(name=field, values=[value if field == "user_id" else value.strip()])
        for field, value in asked_for.items()
    ]


def _session_term(given: Filter, catalogue: FilterCatalogue) -> tuple[Term, bool]:
    """Return a filter on sessions, and whether it is to be subtracted."""
    found = catalogue.filter(given.name)
    operator, values = given.operator, list(given.values)
    if found.kind == "duration":
        return _duration(given), False
    if found.wire == "userCountry":
        values = [country_code(value, operator) for value in values]
    if found.kind == "issue":
        if operator not in {"is", "is_not"}:
            raise ArgumentsError(f"filters: {operator} does not work on issue; use is or is_not with a type of issue.")
        values = [_issue(value, found, "filters") for value in values]
    elif found.kind == "number":
        _refuse_text(given)
    elif found.wire in _WELL_KNOWN and operator in {"is", "is_not"}:
        values = [_SPELLED.get(value.casefold(), value) for value in values]
    elif found.values and operator in {"is", "is_not"}:
        known = {value.casefold(): value for value in found.values}
        values = [known.get(value.casefold(), value) for value in values]
    shown = Applied(
        subject=found.label if found.group == "metadata" else found.name.replace("_", " "),
        own=found.group != "metadata",
        operator=operator,
        values=values,
    )
    wire = {**condition(found.wire, operator, values, field="filters", numeric=found.kind == "number"),
            "isEvent": False, "autoCaptured": True}  # fmt: skip
    subtracted = _subtracted(found, given)
    return Term({**wire, "operator": subtracted} if subtracted else wire, shown), bool(subtracted)


def _refuse_text(given: Filter) -> None:
    exact = given.operator in {"is", "is_not"} and all(value.isascii() and value.isdecimal() for value in given.values)
    if not exact and given.operator not in COMPARISONS:
        raise ArgumentsError(
            "filters: ", Given(given.name), " is a number: use is, greater, less or their kin with a number."
        )  # fmt: skip


def _subtracted(found: SessionFilter, given: Filter) -> str:
    """Return the operator of what is to be subtracted instead of asking for the negation, "" when the server can."""
    if given.operator == "exists" and found.group != "metadata":
        # On a column isAny is no condition at all (contract §4.4).
        return "isUndefined"
    nullable = found.group == "metadata" or found.wire in _NULLABLE
    if given.operator in NEGATIVE and (nullable or found.kind == "issue"):
        return "is" if given.operator == "is_not" else "contains"
    return ""


def _issue(value: str, found: SessionFilter, field: str) -> str:
    """Return the server's name of a type of issue, given in people's words."""
    spoken = " ".join(value.replace("_", " ").replace("-", " ").casefold().split())
    known = {each.replace("_", " "): each for each in (*found.values, *ISSUES)}  # sessions carry some unlisted
    for word in (spoken, spoken.removesuffix("s"), spoken.removesuffix("es")):
        if word in known or _ISSUES.get(word) in known.values():
            return known.get(word) or _ISSUES[word]
    there: list[object] = []
    for each in found.values:
        there += [", " if there else " There are: ", identifier(each)]
    near = nearest_sentence(spoken, known.values())
    raise ArgumentsError(f"{field}: unknown issue type ", Given(value), ".", *near, *there, "." if there else "")


def _duration(given: Filter) -> Term:
    """Return a bound on the length; the server takes a minimum and a maximum, both inclusive, and no operator."""
    if given.operator not in COMPARISONS or len(given.values) != 1:
        raise ArgumentsError(
            "filters: duration takes greater, greater_or_equal, less or less_or_equal with one length such as 30s, 2m "
            "or 1:30."
        )
    return _bound(given.operator, _milliseconds(given.values[0], "filters"))


def _length(args: SearchSessionsArgs, others: list[Term]) -> list[Term]:
    bounds = []
    if args.min_duration:
        bounds.append(_bound("greater_or_equal", _milliseconds(args.min_duration, "min_duration")))
    if args.max_duration:
        bounds.append(_bound("less_or_equal", _milliseconds(args.max_duration, "max_duration")))
    found = [term for term in (*bounds, *others) if term.wire["name"] == "duration"]
    least = max((int(term.wire["value"][0] or 0) for term in found), default=0)
    most = min((int(term.wire["value"][1]) for term in found if term.wire["value"][1]), default=least)
    if least > most:
        raise ArgumentsError(
            f"min_duration {format_offset(least)} is above max_duration {format_offset(most)}. No session is both."
        )
    return bounds


def _bound(operator: str, ms: int) -> Term:
    least, most = {
        "greater": (ms + 1, ""), "greater_or_equal": (ms, ""), "less": ("", ms - 1), "less_or_equal": ("", ms),
    }[operator]  # fmt: skip
    wire = {"name": "duration", "operator": "is", "value": [str(least), str(most)],
            "isEvent": False, "autoCaptured": True}  # fmt: skip
    return Term(wire, Applied(subject="length", operator=operator, values=[str(ms)]))


def _milliseconds(text: str, field: str) -> int:
    if text.strip().replace(".", "", 1).isdigit():
        raise ArgumentsError(f"{field}: the length ", Given(text), " has no unit. Write 30s, 2m, 1:30 or 1h.")
    try:
        found = parse_offset(text, field=field)
    except ArgumentsError:
        found = 0
    if not 0 < found <= _LONGEST_MS:
        raise ArgumentsError(f"{field}: ", Given(text), " is no length of a session. Write 30s, 2m, 1:30 or 1h.")
    return found


def _with_saved(question: Question, saved: SavedSearch, catalogue: FilterCatalogue) -> Question:
    """Add what a saved search looks for; what the server would get wrong in it is set right or refused."""
    on_session, without = list(question.on_session), list(question.without)
    steps: list[Term] = []
    applied = Applied(kind="saved", subject=saved.name, own=False, values=[saved.search_id])
    for one in saved.data.filters or []:
        wire = _sent_again(one)
        negated = wire["operator"] in {"isNot", "notOn"}
        if wire.get("isEvent"):
            # The server would take the event for done (observed A14).
            term = Term({**wire, "operator": "is"}, applied)
            (without if negated else steps).append(term)
            continue
        if not wire.get("searchId"):
            _check_saved(wire, saved, catalogue)
        negated = negated and wire.get("name") == "issue"
        (without if negated else on_session).append(Term({**wire, "operator": "is"} if negated else wire, applied))
    order: Any = saved.data.events_order
    groups = (*question.groups, Group(tuple(steps), order or "then")) if steps else question.groups
    return Question(tuple(on_session), groups, tuple(without), applied)


def _check_saved(wire: Wire, saved: SavedSearch, catalogue: FilterCatalogue) -> None:
    try:
        catalogue.filter(str(wire.get("name", "")))
    except ArgumentsError as error:
        raise ArgumentsError(
            "saved_search: ", name(saved.name), " would find something else than it says. ", *error.parts
        ) from None


def _sent_again(saved: Wire) -> Wire:
    """Return a saved filter as a search takes it: without what is empty, with what is required."""
    wire = {key: value for key, value in saved.items() if value not in ("", None)}
    wire.setdefault("operator", "is")
    if isinstance(wire.get("value"), list):
        wire["value"] = [str(value) for value in wire["value"]]
    if wire.get("dataType") not in _DATA_TYPES:
        wire.pop("dataType", None)
    if wire.get("isEvent"):
        wire["propertyOrder"] = wire.get("propertyOrder") or "and"
        wire["filters"] = [_sent_again(inner) for inner in wire.get("filters") or []]
    return wire
