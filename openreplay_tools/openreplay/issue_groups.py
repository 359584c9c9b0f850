"""Failures of many sessions made one by their signature: how many they met, whom, where, since when."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import exp, lgamma
from typing import TYPE_CHECKING, Any, Final

from openreplay_tools.openreplay.links import session_link, trusted_start_ms
from openreplay_tools.openreplay.signatures import REPEATS_REQUEST, signature_of, url_template, usually_harmless
from openreplay_tools.openreplay.telling import origin_of
from openreplay_tools.openreplay.timeline import number, payload
from openreplay_tools.operation import Record
from openreplay_tools.personal import PersonId, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from openreplay_tools.openreplay.timeline import Event
    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found

    Fact: TypeAlias = tuple[tuple[str, bool], str]  # a name, whether the site gave it, and a value

PAGE: Final = "page"
_EXAMPLES: Final = 3
_SAME_MS: Final = 3_000  # an issue so near to a failed request tells of that request
_SAME_SESSIONS: Final = 0.8  # of all sessions of two issues: they go together
_CHANCE: Final = 0.001  # a share that chance alone would bring so rarely tells something
_MORE: Final = 1.2  # times the share among all: less is of no use, however sure
_KEPT_IDS: Final = 100
_LEAST: Final = 2  # sessions that a telling share needs
_MOST_SHARES: Final = 12
_MOST_VALUES: Final = 3
_MOST_TELLING: Final = 5


class Example(Record):
    """A moment at which an issue occurred.

    Attributes:
        at: whole seconds.
        offset_ms: from the start of the recording.
        link: opens the replay there.
    """

    session_id: str = ""
    user_id: PersonId = ""
    at: datetime | None = None
    offset_ms: int = 0
    link: str = ""


class Share(Record):
    """How many sessions of an issue have a browser, a page, a value of metadata.

    Attributes:
        name: browser, os, device type, country, page, or the name of a metadata or trait.
        site: whether the name is one that the site gave (metadata, traits).
        sessions: of the issue, with this value.
        among: sessions of the issue of which it is known.
        overall: part of all searched sessions with this value, 0 to 1; None where that is not known.
        telling: whether it is more than chance would bring, beyond what more telling ones explain.
    """

    name: str = ""
    site: bool = False
    value: str = ""
    sessions: int = 0
    among: int = 0
    overall: float | None = None
    telling: bool = False

    def persons(self) -> Iterator[Found]:
        """Yield the value, where its name makes it personal."""
        yield from named(self.name, [self.value])


class Issue(Record):
    """A failure, over sessions.

    Attributes:
        kind: error, crash, request, or the type of the issue: click_rage, dead_click …
        signature: what makes it itself; see `signature_of`.
        name: of the error.
        message: template of the error's message, or what was clicked or at fault.
        origin: file:line:column of the newest occurrence.
        method: of the request; "" where only an issue told of it.
        url: template of the request's address.
        status: of the answer; None where there was none, or where only an issue told of it.
        clicks: most clicks of one rage.
        occurrences: how often, at least: the server keeps one event of a name for each second (observed §A3).
        sessions: in how many.
        users: how many identified people these belong to.
        anonymous: how many of these sessions belong to nobody known.
        first_seen: whole seconds.
        shares: the telling ones first, the most telling of all at the top; those of the pages last.
        examples: newest first, of different people where there are.
        same_sessions_as: number, from 1, of an issue further up that met about the same sessions; 0 for none.
        session_ids: the newest hundred.
    """

    kind: str = ""
    signature: list[str] = []
    name: str = ""
    message: str = ""
    origin: str = ""
    method: str = ""
    url: str = ""
    status: int | None = None
    clicks: int = 0
    occurrences: int = 0
    sessions: int = 0
    users: int = 0
    anonymous: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    shares: list[Share] = []
    examples: list[Example] = []
    same_sessions_as: int = 0
    session_ids: list[str] = []


@dataclass(slots=True)
class Visit:
    """A searched session: whose, and what is known of it by name."""

    user_id: str = ""
    facts: dict[tuple[str, bool], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """A failure at a moment; `page` is the template of where it happened, "" where that is not known."""

    signature: tuple[str, ...]
    event: Event
    at_ms: int
    page: str = ""


def occurrences_of(events: Iterable[Event], host: str) -> list[Occurrence]:
    """Return the failures among events, in order of time, each once.

    An issue bad_request repeats a failed request. Beside its request it is left out; where that was lost (observed §A3)
    it counts for the request of its address that is known, if there is only one.
    """
    found: list[Occurrence] = []
    repeats: list[Occurrence] = []
    for event in events:
        signature = signature_of(event, host)
        if signature is None or event.at is None:
            continue
        page = url_template(event.url, host) if event.url and event.kind != "REQUEST" else ""
        one = Occurrence(signature, event, round(event.at.timestamp() * 1000), page)
        (repeats if event.issue_type == REPEATS_REQUEST else found).append(one)
    found += _not_told_twice(repeats, found)
    return sorted(found, key=lambda one: (one.at_ms, one.event.session_id, one.signature, one.event.event_id))


def _not_told_twice(repeats: list[Occurrence], found: list[Occurrence]) -> list[Occurrence]:
    told: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
    known: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for one in found:
        if one.signature[0] == "request":
            told[one.event.session_id, one.signature[2]].append(one)
            known[one.signature[2]].add(one.signature)
    kept = []
    for one in repeats:
        url = one.signature[2]
        here = told[one.event.session_id, url]
        if any(abs(each.at_ms - one.at_ms) <= _SAME_MS for each in here):
            continue
        meant = {each.signature for each in here} or known[url]
        kept.append(replace(one, signature=next(iter(meant))) if len(meant) == 1 else one)
    return kept


def grouped(occurrences: list[Occurrence], visits: dict[str, Visit], scope: Scope) -> list[Issue]:
    """Return one issue for each signature: those that met most sessions first.

    Args:
        occurrences: in order of time.
        visits: the searched sessions that are known, by id.
        scope: for links.
    """
    groups: dict[tuple[str, ...], list[Occurrence]] = defaultdict(list)
    for one in occurrences:
        groups[one.signature].append(one)
    overall: Counter[Fact] = Counter(fact for visit in visits.values() for fact in visit.facts.items())
    issues = [_issue(group, visits, overall, scope) for group in groups.values()]
    issues.sort(key=lambda one: one.signature)
    issues.sort(key=lambda one: (one.sessions, one.occurrences, one.last_seen or scope.now), reverse=True)
    issues.sort(key=lambda one: usually_harmless(one.message))
    return issues


def related(issues: list[Issue]) -> None:
    """Say of each issue which one further up met about the same sessions; then keep the newest ids only."""
    sessions = [set(issue.session_ids) for issue in issues]
    for index, issue in enumerate(issues):
        for earlier in range(index):
            both, either = sessions[earlier] & sessions[index], sessions[earlier] | sessions[index]
            if len(both) >= max(_LEAST, _SAME_SESSIONS * len(either)):
                issue.same_sessions_as = earlier + 1
                break
    for issue in issues:
        del issue.session_ids[_KEPT_IDS:]


def locate(issues: list[Issue], occurrences: list[Occurrence], opened: Iterable[Event], host: str) -> None:
    """Add where issues happened whose events do not tell (observed §A16), from the pages opened in their sessions.

    Args:
        issues: those without a page are completed.
        occurrences: all that the issues were made of.
        opened: page views of some sessions, each of these complete.
        host: of the site.
    """
    pages: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for event in opened:
        if event.kind == "LOCATION" and event.at is not None:
            at = round(event.at.timestamp() * 1000)
            pages[event.session_id].append((at, url_template(event.url, host)))
    for views in pages.values():
        views.sort()
    unplaced = {tuple(issue.signature): issue for issue in issues if not any(one.name == PAGE for one in issue.shares)}
    places: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in occurrences:
        if one.signature in unplaced and (opened_here := pages.get(one.event.session_id)):
            before = [page for at, page in opened_here if at <= one.at_ms]
            places[one.signature][one.event.session_id].add((before or [opened_here[0][1]])[-1])
    for signature, found in places.items():
        _add_pages(unplaced[signature], found)


def _add_pages(issue: Issue, pages: dict[str, set[str]]) -> None:
    """Add where an issue happened; `pages` are the templates of each session of which that is known."""
    counts = Counter(page for found in pages.values() for page in found)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:_MOST_VALUES]
    issue.shares += [Share(name=PAGE, value=page, sessions=count, among=len(pages)) for page, count in ranked]


def _issue(group: list[Occurrence], visits: dict[str, Visit], overall: Counter[Fact], scope: Scope) -> Issue:
    sessions = list(dict.fromkeys(one.event.session_id for one in reversed(group)))
    people: dict[str, str] = {}
    for one in group:  # not every event knows the user (observed §A8)
        user = (visits[one.event.session_id].user_id if one.event.session_id in visits else "") or one.event.user_id
        people[one.event.session_id] = people.get(one.event.session_id) or user
    newest = group[-1].event
    issue = Issue(
        **_title(group[-1].signature),
        origin=origin_of(newest),
        clicks=max(round(number(payload(one.event).get("Count")) or 0) for one in group) if group else 0,
        occurrences=len(group),
        sessions=len(sessions),
        users=len({user for user in people.values() if user}),
        anonymous=sum(not user for user in people.values()),
        first_seen=group[0].event.at,
        last_seen=newest.at,
        shares=_shares([visits[one] for one in sessions if one in visits], list(visits.values()), overall),
        examples=_examples(group, people, scope),
        session_ids=sessions,
    )
    pages: dict[str, set[str]] = defaultdict(set)
    for one in group:
        if one.page:
            pages[one.event.session_id].add(one.page)
    _add_pages(issue, pages)
    return issue


def _title(signature: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": signature[0], "signature": list(signature)}
    if signature[0] in {"error", "crash"}:
        return {**told, "name": signature[1], "message": signature[2]}
    if signature[0] != "request":
        return {**told, "message": signature[1]}
    status = int(signature[3]) if signature[3].isdecimal() else 0
    return {**told, "method": signature[1], "url": signature[2], "status": status or None}


def _shares(visits: list[Visit], everybody: Sequence[Visit], overall: Counter[Fact]) -> list[Share]:
    """Return how the sessions of an issue differ from all of them, the most telling first.

    What follows from something more telling (the system of a browser) is not telling by itself.
    """
    counts = Counter(fact for visit in visits for fact in visit.facts.items())
    known = Counter(name for visit in visits for name in visit.facts)
    telling = _telling(visits, everybody, overall)
    ranked = sorted(counts, key=lambda fact: (-counts[fact] / known[fact[0]], overall[fact], fact))
    return [
        Share(
            name=fact[0][0],
            site=fact[0][1],
            value=fact[1],
            sessions=counts[fact],
            among=known[fact[0]],
            overall=overall[fact] / len(everybody),
            telling=fact in telling,
        )
        for fact in [*telling, *(fact for fact in ranked if fact not in telling)][:_MOST_SHARES]
    ]


def _telling(visits: list[Visit], everybody: Sequence[Visit], everywhere: Counter[Fact]) -> list[Fact]:
    """Return what an issue's sessions have that chance hardly explains, each beyond what those before explain."""
    owners: dict[Fact, set[str]] = defaultdict(set)
    people = set()
    for place, visit in enumerate(visits):
        who = visit.user_id or f"\n{place}"  # as far as anybody can tell, strangers are different people
        people.add(who)
        for fact in visit.facts.items():
            owners[fact].add(who)
    # What only one of several people has tells of that person, however many sessions they had.
    left = {fact for fact, owning in owners.items() if len(owning) > 1 or len(people) == 1}
    found: list[Fact] = []
    while left and len(found) < _MOST_TELLING:
        here = Counter(fact for visit in visits for fact in visit.facts.items() if fact in left)
        left = {
            fact
            for fact in left
            if here[fact] >= _LEAST and here[fact] * len(everybody) >= _MORE * everywhere[fact] * len(visits)
        }
        chances = {fact: by_chance(here[fact], len(visits), everywhere[fact], len(everybody)) for fact in left}
        best = min(left, key=lambda fact: (chances[fact], -here[fact], fact), default=None)
        if best is None or chances[best] >= _CHANCE:
            break
        found.append(best)
        everybody = [visit for visit in everybody if visit.facts.get(best[0]) == best[1]]
        visits = [visit for visit in visits if visit.facts.get(best[0]) == best[1]]
        left = {fact for fact in left if fact[0] != best[0]}
        everywhere = Counter(fact for visit in everybody for fact in visit.facts.items() if fact in left)
    return found


def by_chance(hits: int, drawn: int, marked: int, total: int) -> float:
    """Return how likely it is that of `drawn` out of `total`, `marked` of which have something, so many have it."""
    least = max(hits, drawn - (total - marked))
    return min(1.0, sum(exp(_log_chance(n, drawn, marked, total)) for n in range(least, min(drawn, marked) + 1)))


def _log_chance(hits: int, drawn: int, marked: int, total: int) -> float:
    return _ways(marked, hits) + _ways(total - marked, drawn - hits) - _ways(total, drawn)


def _ways(things: int, chosen: int) -> float:
    return lgamma(things + 1) - lgamma(chosen + 1) - lgamma(things - chosen + 1)


def _examples(group: list[Occurrence], people: dict[str, str], scope: Scope) -> list[Example]:
    """Return moments of different people, or else of different sessions, the newest first."""
    firsts: dict[str, Occurrence] = {}
    for one in group:
        firsts.setdefault(one.event.session_id, one)
    newest = sorted(firsts.values(), key=lambda one: (-one.at_ms, one.event.session_id))
    chosen: list[Occurrence] = []
    met: set[str] = set()
    for one in newest:
        who = people[one.event.session_id] or one.event.device_id or one.event.session_id
        if who not in met and len(chosen) < _EXAMPLES:
            met.add(who)
            chosen.append(one)
    chosen += [one for one in newest if one not in chosen][: _EXAMPLES - len(chosen)]
    return [_example(one, people, scope) for one in sorted(chosen, key=newest.index)]


def _example(one: Occurrence, people: dict[str, str], scope: Scope) -> Example:
    session = one.event.session_id
    offset = max(0, one.at_ms - trusted_start_ms(session, one.at_ms))
    link = session_link(scope, session, offset)
    return Example(session_id=session, user_id=people[session], at=one.event.at, offset_ms=offset, link=link)
