"""What the scripted model does instead of thinking: fixed steps, each of which reads the answers before it.

It knows the tools' names and the form of their answers, and nothing of the data. A generator that yields calls and
receives answers is a conversation; replaying it from its beginning gives the next move.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from openreplay_tools.demo.reading import Event, Moment, bare, events, moments, quoted, seconds, table

_ADDRESS = re.compile(r"[^\s,;:?!()<>\"']+@[^\s,;:?!()<>\"']+\.\w+")
_WHICH = re.compile(r"\bwhich sessions\b", re.IGNORECASE)
_PERIOD = re.compile(r"\b(yesterday|today|last week)\b")
_REASON = re.compile(r"(\S+) (?:.*?)\breason=(\S+)")
_PROJECT_KEY = re.compile(r"\((\w+), id \d+\)")
_WORST_FIRST = ("crash", "failed request", "error", "issue")
_MOST_SESSIONS = 3
_AFTERMATH_SECONDS = 5.0


@dataclass(frozen=True)
class Call:
    """A tool call that the script asks for."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Visit:
    """A session with what its answer says."""

    session: str
    start: str
    answer: str


Script: TypeAlias = Generator[Call, str, str]
Steps: TypeAlias = "Generator[Call, str, list[list[str]]]"


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
    """Find the person, the session, the moment, and whether others met it too; return the conclusion."""
    address = _ADDRESS.search(question)
    wanted = address[0].rstrip(".") if address else ""
    search: dict[str, Any] = {"query": wanted} if wanted else {"limit": 5}
    found = yield Call("openreplay_search_users", search)
    # Without a default project the refusal names those there are.
    project = _PROJECT_KEY.search(found) if found.startswith("project is needed") else None
    within = {"project": project[1]} if project else {}
    if within:
        found = yield Call("openreplay_search_users", {**search, **within})
    ids = [bare(row[1]) for row in table(found, "last seen", 4)]
    user = wanted or next(iter(ids), "")
    if not user:
        return f"Nobody to look at: {quoted(found.partition(chr(10))[0])}"
    sessions = yield from _sessions({"user_id": user, **within}, question)
    if not sessions:
        return f"There is no recorded session of {user}."
    visit, seen = Visit("", "", ""), list[Moment]()
    for start, _, _, session in sessions[:_MOST_SESSIONS]:
        answer = yield Call("openreplay_list_session_events", {"session": session, **within})
        visit, seen = Visit(session, start, answer), moments(answer)
        if seen:
            break
    if not seen:
        return _quiet(user, visit)
    worst = min(seen, key=lambda moment: _WORST_FIRST.index(moment.what) if moment.what in _WORST_FIRST else 9)
    told = _aftermath(events(visit.answer), worst)
    reason = _REASON.match(told.what) if told else None
    others = ""
    if reason:
        same = {"event": reason[1], "property": "reason", "operator": "is", "values": [reason[2]]}
        others = yield Call("openreplay_search_users", {"events": [same], "events_since": "7d", "limit": 5, **within})
    return _conclusion(user, visit, worst, others)


def hunt() -> Script:
    """Find the sessions that met a JavaScript error, the browser they share, and the moment; return the conclusion."""
    wanted = {"issue_type": "JavaScript error", "since": "7d", "limit": 15}
    found = yield Call("openreplay_search_sessions", wanted)
    project = _PROJECT_KEY.search(found) if found.startswith("project is needed") else None
    if project:
        wanted["project"] = project[1]
        found = yield Call("openreplay_search_sessions", wanted)
    rows = table(found, "start", 6)
    if not rows:
        return f"No session of the last 7 days met one: {quoted(found.partition(chr(10))[0])}"
    total = found.partition(" sessions")[0].rpartition(" of ")[2]
    browsers = Counter(bare(row[4]).partition(",")[0] for row in rows)
    browser, _ = browsers.most_common(1)[0]
    theirs = yield Call("openreplay_search_sessions", {**wanted, "browser": browser, "limit": 1})
    share = theirs.partition(" sessions")[0].rpartition(" of ")[2]
    lines = [f"{total} sessions of the last 7 days met a JavaScript error, {share} of them in {browser}."]
    within = {"project": wanted["project"]} if project else {}
    newest = next(row for row in rows if bare(row[4]).startswith(browser))
    answer = yield Call("openreplay_list_session_events", {"session": newest[5], **within})
    seen = [moment for moment in moments(answer) if moment.what in _WORST_FIRST]
    if not seen:
        return "\n".join([*lines, f"The newest, of {newest[0]}, is session {newest[5]}."])
    worst = min(seen, key=lambda moment: (moment.what != "error", _WORST_FIRST.index(moment.what)))
    here = next((row for row in events(answer) if row.offset == worst.offset and row.kind == worst.what), None)
    lines.append(f"The newest is of {newest[0]}, by {bare(newest[3])}; at {worst.offset} it met this {worst.what}:")
    lines += [f"  {here.what}"] if here else []
    return "\n".join([*lines, f"The moment: {worst.link}"])


def _sessions(whose: dict[str, str], question: str) -> Steps:
    """List somebody's newest sessions, of the period in question when it names one that has any."""
    period = _PERIOD.search(question.lower())
    if period:
        when = {"since": period[1], "until": period[1]}
        then = yield Call("openreplay_list_user_sessions", {**whose, **when})
        if rows := table(then, "start", 4):
            return rows
    ever = yield Call("openreplay_list_user_sessions", {**whose, "limit": _MOST_SESSIONS})
    return table(ever, "start", 4)


def _aftermath(rows: list[Event], worst: Moment) -> Event | None:
    """Return what the site itself told directly after a moment: its own event."""
    begun = seconds(worst.offset)
    later = (row for row in rows if 0 <= seconds(row.offset) - begun <= _AFTERMATH_SECONDS)
    return next((row for row in later if row.kind == "event"), None)


def _quiet(user: str, visit: Visit) -> str:
    rows = events(visit.answer)
    last = f"; the last thing was {rows[-1].kind} {rows[-1].what} at {rows[-1].offset}" if rows else ""
    link = re.search(r"https?://\S+/session/\d+", visit.answer)
    return "\n".join([
        f"Nothing failed in the newest sessions of {user}. The one of {visit.start} has {len(rows)} events{last}.",
        f"Replay: {link[0] if link else visit.session}",
    ])  # fmt: skip


def _conclusion(user: str, visit: Visit, worst: Moment, others: str) -> str:
    rows = events(visit.answer)
    begun = seconds(worst.offset)
    before = [row for row in rows if seconds(row.offset) <= begun]
    page = next((row.what for row in reversed(before) if row.kind == "page"), "")
    click = next((row.what.partition(" at ")[0] for row in reversed(before) if row.kind in {"click", "tap"}), "")
    kind = "request" if worst.what == "failed request" else worst.what
    here = next((row for row in rows if row.offset == worst.offset and row.kind == kind), None)
    after = f" after the click on {click}" if click else ""
    lines = [f"In the session of {visit.start}, at {worst.offset}{f' on {page}' if page else ''}{after}, {user} met"]
    lines[0] += f" this {worst.what}:" if here else f" this: {worst.what}."
    if here:
        again = [row.offset for row in rows if _same(row, here) and seconds(row.offset) > begun]
        lines.append(f"  {here.what}")
        lines += [f"The same again at {', '.join(again[:5])}."] if again else []
    told = _aftermath(rows, worst)
    lines += ["The site's own account of it:", f"  {told.what}"] if told else []
    if rows:
        left = next((row.what for row in reversed(rows) if row.kind == "page"), "")
        lines.append(f"The visit ends at {rows[-1].offset}{f' on {left}' if left else ''}.")
    count = re.match(r"[\d,]+ of ((?:at most )?[\d,]+) users", others)
    if count and count[1] != "1":
        lines.append(f"Not {user} alone: {count[1]} users met the same reason in the last 7 days.")
    return "\n".join([*lines, f"The moment: {worst.link}"])


def _same(row: Event, other: Event) -> bool:
    """Tell whether two rows tell of the same failure, however long it took."""
    return row.kind == other.kind and row.what.partition(" in ")[0] == other.what.partition(" in ")[0]
