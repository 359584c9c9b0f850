"""What the scripted model does instead of thinking: fixed steps, each of which reads the answers before it.

It knows the tools' names and the form of their answers, and nothing of the data. A generator that yields calls and
receives answers is a conversation; replaying it from its beginning gives the next move.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from openreplay_tools.demo.reading import bare, begins, items, line_of, link, nearest, quoted, session_of, steps, table

_ADDRESS = re.compile(r"[^\s,;:?!()<>\"']+@[^\s,;:?!()<>\"']+\.\w+")
_WHICH = re.compile(r"\bwhich sessions\b", re.IGNORECASE)
_PERIOD = re.compile(r"\b(yesterday|today|last week)\b")
_REASON = re.compile(r"event (\S+) “(?:.* )?reason=([^\s”]+)")
_PROJECT_KEY = re.compile(r"\((\w+), id \d+\)")
_NEWEST = re.compile(r"^[\d-]+ [\d:]+  [\d:]+  (\d+)  ", re.MULTILINE)
_SESSION_LINK = re.compile(r"https?://\S+/session/\d+")
_OTHERWISE = {
    "first bad": "It first went wrong at",
    "last worked": "It had last worked at",
    "page last used well before": "The page had last been used without it at",
    "worked again": "It worked again at",
    "and well again": "It went well again at",
}
_TIME_AND_LINK = re.compile(r"(?:\d{4}-|https?:).*")
_HARMLESS = "(usually harmless)"
_OTHERS = 2


@dataclass(frozen=True)
class Call:
    """A tool call that the script asks for."""

    tool: str
    arguments: dict[str, Any]


Script: TypeAlias = Generator[Call, str, str]
Start: TypeAlias = "Generator[Call, str, tuple[str, dict[str, Any]]]"


def next_move(question: str, answers: Sequence[str]) -> Call | str:
    """Return the next tool call, or the conclusion.

    Args:
        question: what was asked.
        answers: the texts of the tools called so far, in order.
    """
    script = hunt() if _WHICH.search(question) else investigate(question)
    try:
        call = next(script)
        for answer in answers:
            call = script.send(answer)
    except StopIteration as end:
        conclusion: str = end.value
        return conclusion
    return call


def investigate(question: str) -> Script:
    """Find the person, what went wrong most, the moment, and whether others met it too; return the conclusion."""
    address = _ADDRESS.search(question)
    wanted = address[0].rstrip(".") if address else ""
    found, within = yield from _first("openreplay_search_users", {"query": wanted} if wanted else {"limit": 5})
    user = wanted or next((bare(row[1]) for row in table(found, "last seen", 4)), "")
    if not user:
        return f"Nobody to look at: {quoted(found.partition(chr(10))[0])}"
    told = yield from _sessions({"user_id": user, **within}, question)
    problem = next(iter(items(told)), None)
    if problem is None:
        return (yield from _quiet(user, told, within))
    last = link(next((line for line in problem.more if not line.startswith(tuple(_OTHERWISE))), ""))
    answer = yield Call("openreplay_summarize_session", {"session": session_of(last), **within})
    reason = next((match for step in steps(problem.told) if (match := _REASON.match(step))), None)
    others = ""
    if reason:
        same = {"event": reason[1], "property": "reason", "operator": "is", "values": [reason[2]]}
        others = yield Call("openreplay_search_users", {"events": [same], "events_since": "7d", "limit": 5, **within})
    return "\n".join([
        *_moment(user, "the session of", answer, last),
        *_history(problem.more),
        *_others(user, others),
        f"The moment: {last}",
    ])  # fmt: skip


def hunt() -> Script:
    """Find the error that stands out, whom it hits, and what leads to it in one session; return the conclusion."""
    found, within = yield from _first("openreplay_find_issues", {"kinds": "errors", "since": "7d"})
    errors = items(found)
    if not errors:
        return f"No session of the last 7 days met one: {quoted(found.partition(chr(10))[0])}"
    worst = next((one for one in errors if _HARMLESS not in one.told), errors[0])
    example = link(" ".join(worst.more))
    answer = yield Call("openreplay_summarize_session", {"session": session_of(example), **within})
    count, _, what = quoted(worst.told).partition(": ")
    who = re.search(rf"{re.escape(example)} by (.+?)(?: · |$)", "\n".join(worst.more))
    others = [quoted(one.told) for one in errors if one is not worst]
    return "\n".join([
        f"In the last 7 days this JavaScript error met {count}:",
        *(f"  {line}" for line in (what, *map(quoted, worst.more[:1]))),
        *_moment(bare(who[1]) if who else "an anonymous visitor", "the newest of them, of", answer, example),
        *([f"Other errors, the first of {len(others)}:"] if others else []),
        *(f"  {other}" for other in others[:_OTHERS]),
        f"The moment: {begins(answer, example)}",
    ])  # fmt: skip


def _first(tool: str, arguments: dict[str, Any]) -> Start:
    """Make a call; without a default project, make it again in the first one that the refusal names."""
    found = yield Call(tool, arguments)
    project = _PROJECT_KEY.search(found) if found.startswith("project is needed") else None
    if not project:
        return found, {}
    within = {"project": project[1]}
    found = yield Call(tool, {**arguments, **within})
    return found, within


def _sessions(whose: dict[str, str], question: str) -> Script:
    """Have somebody's sessions summarized, those of the period in question when it names one that has any."""
    period = _PERIOD.search(question.lower())
    if period:
        told = yield Call("openreplay_summarize_user", {**whose, "since": period[1], "until": period[1]})
        if not told.startswith("0 sessions"):
            return told
    return (yield Call("openreplay_summarize_user", whose))


def _quiet(user: str, told: str, within: dict[str, Any]) -> Script:
    """Tell of somebody whom nothing went wrong for, or who was never here."""
    newest = _NEWEST.search(told)
    if not newest:
        why = line_of(told, "Why: ")
        return f"There is no recorded session of {user}." + (f"\nWhy: {why}" if why else "")
    answer = yield Call("openreplay_summarize_session", {"session": newest[1], **within})
    replay = _SESSION_LINK.search(answer)
    return "\n".join([
        f"Nothing went wrong in the newest sessions of {user}. The last visit:",
        f"  {line_of(answer, 'Path: ')}",
        f"Replay: {replay[0] if replay else newest[1]}",
    ])  # fmt: skip


def _moment(user: str, which: str, answer: str, moment: str) -> list[str]:
    """Tell what happened around a moment, from its session's answer.

    Args:
        user: whose session it is.
        which: words before the session's start.
        answer: what the session's summary says.
        moment: the link that opens the moment.
    """
    heading, *facts = answer.splitlines()
    start = next((cell for cell in heading.split(" · ") if re.match(r"\d{4}-\d\d-\d\d ", cell)), "")
    device = next((here for here, then in pairwise(facts) if _SESSION_LINK.match(then)), "")
    on = f" ({quoted(device)})" if " · " in device else ""
    finding = nearest(answer, moment)
    at, _, what = finding.told.partition("  ") if finding else ("", "", "")
    path = line_of(answer, "Path: ")
    return [
        f"In {which} {start}{on}, {user} met this{f' at {at}' if at else ''}:",
        *(f"  {step}" for step in steps(what)),
        *([f"The visit: {path}"] if path else []),
    ]


def _history(lines: Sequence[str]) -> list[str]:
    """Tell when the same went well or wrong otherwise."""
    told = ((words, line) for line in lines for beginning, words in _OTHERWISE.items() if line.startswith(beginning))
    return [f"{words} {found[0]}" for words, line in told if (found := _TIME_AND_LINK.search(line))]


def _others(user: str, answer: str) -> list[str]:
    count = re.match(r"[\d,]+ of ((?:at most )?[\d,]+) users", answer)
    if not count or count[1] == "1":
        return []
    return [f"Not {user} alone: {count[1]} users met the same reason in the last 7 days."]
