"""How a question about sessions is answered: one search of the server, and what its rows must meet besides.

The server knows one order for all event conditions of a search, ignores `isNot` on an event (observed A14), cannot
exclude an issue and undercounts sequences of three and more steps (observed §D).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openreplay_tools.openreplay.session_queries import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openreplay_tools.openreplay.session_filters import EventsOrder, Group, Question

    Wire = dict[str, Any]

_MOST_TERMS = 3  # inclusion and exclusion asks 2^n counts
_SERVER_STEPS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question is answered.

    Args:
        base: what the server is asked for; a superset of what is meant.
        required: searches in which a session must occur too.
        without: searches in which it must not occur.
        narrowed: the same as `without`, each within `base`; () where that is more than one search can say.
        sequences: steps that must follow each other, verified from the events themselves.
    """

    base: Query
    required: tuple[Query, ...] = ()
    without: tuple[Query, ...] = ()
    narrowed: tuple[Wire, ...] = ()
    sequences: tuple[tuple[Wire, ...], ...] = ()

    @property
    def direct(self) -> bool:
        """Whether the server's own pages are the answer."""
        return not (self.required or self.without or self.sequences)

    @property
    def countable(self) -> bool:
        """Whether a few counts tell the total."""
        return not (self.required or self.sequences) and 0 < len(self.narrowed) <= _MOST_TERMS


def planned(question: Question) -> Plan:
    """Return how a question is answered: what the server can say together is one search, the rest is set apart."""
    on_session = one_length([term.wire for term in question.on_session])
    joined: list[Wire] = []
    apart: list[tuple[tuple[Wire, ...], EventsOrder]] = []
    sequences: list[tuple[Wire, ...]] = []
    for group in question.groups:
        steps = tuple(term.wire for term in group.steps)
        if len(steps) == 1 or group.order == "and":
            joined += steps
        elif _trusted(group):
            apart.append((steps, group.order))
        else:  # the candidates have all steps, in any order
            joined += steps
            sequences.append(steps)
    if joined:  # narrower to begin with: a sequence needs all of its steps
        joined += [step for steps, order in apart for step in steps if order == "then"]
    rest = tuple(Query((*on_session, *steps), order) for steps, order in apart)
    if not joined and rest:
        base, rest = rest[0], rest[1:]
    else:
        base = Query((*on_session, *distinct(joined)))
    without = tuple(term.wire for term in question.without)
    within = base.order == "and" or not any(wire.get("isEvent") for wire in without)
    return Plan(
        base,
        rest,
        tuple((base if within else Query(tuple(on_session))).plus(wire) for wire in without),
        without if within else (),
        tuple(sequences),
    )


def _trusted(group: Group) -> bool:
    """Tell whether the server counts a group rightly: sequences of two steps that cannot be the same event."""
    names = [term.wire["name"] for term in group.steps]
    return group.order == "or" or (len(names) <= _SERVER_STEPS and len(set(names)) == len(names))


def distinct(wires: Iterable[Wire]) -> list[Wire]:
    """Return each filter once."""
    found: list[Wire] = []
    for wire in wires:
        if wire not in found:
            found.append(wire)
    return found


def one_length(wires: list[Wire]) -> list[Wire]:
    """Return the filters with at most one on the length, as narrow as all of them together."""
    bounds = [[*wire["value"], "", ""][:2] for wire in wires if wire.get("name") == "duration"]
    if len(bounds) <= 1:
        return wires
    least = max((int(low) for low, _ in bounds if low.isdecimal()), default=0)
    most = min((int(high) for _, high in bounds if high.isdecimal()), default="")
    one = {"name": "duration", "operator": "is", "value": [str(least), str(most)],
           "isEvent": False, "autoCaptured": True}  # fmt: skip
    return [*(wire for wire in wires if wire.get("name") != "duration"), one]
