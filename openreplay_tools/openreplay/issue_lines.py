"""Issues as text: what failed, whom it met, since when, where it stands out, and moments to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.openreplay.doctor_people import visits_words
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.openreplay.issue_groups import PAGE
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.scope import about, device_name, during, local
from openreplay_tools.openreplay.session_filters import said
from openreplay_tools.openreplay.signatures import usually_harmless
from openreplay_tools.openreplay.telling import ISSUES
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.openreplay.issue_groups import Example, Issue, Share
    from openreplay_tools.openreplay.issue_sources import PartRead
    from openreplay_tools.openreplay.issues import FindIssuesArgs, IssuePage
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line, Part

_WORTH: Final = 1000
_SHOWN_SHARES: Final = {"brief": 1, "normal": 3, "full": 8}
_SHOWN_EXAMPLES: Final = {"brief": 1, "normal": 3, "full": 3}
_MOST_LIMIT: Final = 50
_MOSTLY: Final = 0.4  # of an issue's sessions: the page is told
_ON: Final = {"click_rage": "rage clicks on ", "dead_click": "clicks without effect on "}
_KINDS: Final = {
    "any": "error, failing request or frustrated click", "errors": "error", "requests": "failing request",
    "frustration": "rage or dead click",
}  # fmt: skip


def issues_list(page: IssuePage, args: FindIssuesArgs, scope: Scope) -> Answer:
    """Present issues."""
    narrowed: list[Line] = [] if args.kinds == "any" else [own(args.kinds)]
    narrowed += [(Own("contains "), Given(args.query))] if args.query.strip() else []
    more = (page.total or 0) > len(page.rows) and args.limit < _MOST_LIMIT
    return Answer(
        scope=about(scope, during(scope), *narrowed, *map(said, page.conditions), *_searched(page)),
        tally=Tally("issues", page.total),
        rows=tuple(_row(number, issue, args, scope) for number, issue in enumerate(page.rows, 1)),
        more=own(f"More: limit={min(_MOST_LIMIT, page.total or 0)}.") if more else (),
        notes=tuple(_notes(page, args, scope)),
        rest="narrow with kinds, query, browser or since",
    )


def _searched(page: IssuePage) -> list[Line]:
    """Return what was searched."""
    if page.sessions is None:
        return [own("sessions not counted: the login's role may not see them")]
    if not page.matching:
        return []
    told = _whose(page.users, page.anonymous) if page.known == page.sessions else ""
    return [own(f"searched {_many(page.sessions, 'session')}{told}")]


def _whose(users: int, anonymous: int) -> str:
    told = [_many(users, "user")] if users else []
    told += [_many(anonymous, "anonymous session")] if anonymous else []
    return f" ({', '.join(told)})" if told else ""


def _row(number: int, issue: Issue, args: FindIssuesArgs, scope: Scope) -> Row:
    whose = _whose(issue.users, issue.anonymous)
    count = f"{number}. {_many(issue.sessions, 'session')}{whose}, at least {_many(issue.occurrences, 'time')}: "
    where = _where(issue, args.detail)
    examples = _SHOWN_EXAMPLES[args.detail]
    if issue.same_sessions_as:  # what these have in common is said there
        where = own(f" · about the same sessions as {issue.same_sessions_as}")
        examples = 1
    line: Line = (Own(count), *_what(issue), Own(f"\n   {_span(issue, scope)}"), *where)
    return Row((line + _moments(issue, examples, scope),), worth=_WORTH - number, kind="issues")


def _what(issue: Issue) -> Line:
    """Return what failed."""
    if issue.kind == "request":
        ended = str(issue.status) if issue.status else "no answer" if issue.method else "failed"
        method: Line = (Recorded(issue.method, limit=10), Own(" ")) if issue.method else own("request ")
        return (*method, Recorded(issue.url, limit=120), Own(f" → {ended}"))
    if issue.kind in {"error", "crash"}:
        named: Line = (Recorded(issue.name, limit=60),) if issue.name else own(issue.kind)
        message: Line = (Own(" "), Recorded(issue.message, limit=140)) if issue.message else ()
        origin: Line = (Own(" at "), Recorded(issue.origin, limit=60)) if issue.origin else ()
        return (*named, *message, *origin, *own(" (usually harmless)" if usually_harmless(issue.message) else ""))
    label: Part = Recorded(issue.message, limit=100) if issue.message else Own("(no label)")
    if issue.kind in _ON:
        return (Own(_ON[issue.kind]), label, *own(f" (up to {issue.clicks})" if issue.clicks else ""))
    kind: Part = Own(ISSUES[issue.kind]) if issue.kind in ISSUES else Recorded(issue.kind, limit=40)
    return (kind, Own(": "), label) if issue.message else (kind,)


def title(signature: tuple[str, ...]) -> str:
    """Return what an answer calls the issues of a signature, as far as that tells it."""
    kind, *rest = signature
    if kind == "request":
        method, url, status = rest
        return f"{method} {url} → {status}"
    if kind in {"error", "crash"}:
        return " ".join(rest)
    return f"{_ON.get(kind) or ISSUES.get(kind, kind) + ': '}{' '.join(rest)}"


def _span(issue: Issue, scope: Scope) -> str:
    first, last = _moment(issue.first_seen, scope), _moment(issue.last_seen, scope)
    return first if first == last else f"first here {first}, last {last}"


def _moment(at: datetime | None, scope: Scope) -> str:
    return format_moment(local(at, scope), seconds=False) if at else "at an unknown time"


def _where(issue: Issue, detail: str) -> Line:
    """Return where it happened, and what its sessions have more often than others."""
    parts: list[Part] = []
    pages = [share for share in issue.shares if share.name == PAGE]
    mostly = bool(pages) and pages[0].sessions >= _MOSTLY * pages[0].among
    if mostly and pages[0].value != issue.message and (len(pages) == 1 or pages[0].sessions > 1):
        few = f" {pages[0].sessions} of {pages[0].among}" if len(pages) > 1 else ""
        parts += [Own(" · on "), Recorded(pages[0].value, limit=80), Own(few)]
    for share in [share for share in issue.shares if share.telling][: _SHOWN_SHARES[detail]]:
        parts += [Own(" · "), *_share(share)]
    return tuple(parts)


def _share(share: Share) -> list[Part]:
    named: list[Part] = [Recorded(share.value, limit=60)]
    if share.name in {"browser", "os"}:
        named = [device_name(share.value)]
    if share.site:
        named = [Recorded(share.name, limit=40), Own(" "), *named]
    elif share.name == "country":
        named = [Own("country "), *named]
    everywhere = f" ({_percent(share.overall)} of all)" if share.overall is not None else ""
    return [*named, Own(f" {share.sessions} of {share.among}{everywhere}")]


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %" if part >= 0.095 or part == 0 else f"{part * 100:.1f} %"


def _moments(issue: Issue, most: int, scope: Scope) -> Line:
    parts: list[Part] = []
    whole = session_link(scope, "")
    for place, one in enumerate(issue.examples[:most]):
        who: Line = (Own(" by "), identifier(one.user_id)) if one.user_id else ()
        parts += [Own(" · " if place else "\n   "), _opens(one, whole if place else ""), *who]
    return tuple(parts)


def _opens(one: Example, beginning: str) -> Part:
    """Return the link to a moment, short after the first; an id that no tracker made stands alone, as recorded."""
    if not (one.session_id.isascii() and one.session_id.isdecimal()):
        return identifier(one.session_id)
    return Own(f"…/{one.link.removeprefix(beginning)}" if beginning else one.link)


def _notes(page: IssuePage, args: FindIssuesArgs, scope: Scope) -> list[Line]:
    notes = [*_bounds(page, scope), *_empty(page, args, scope)]
    if page.one_by_one and not args.user_ids and page.people:
        of = f" of {page.people_total:,}" if (page.people_total or 0) > page.people else ""
        notes.append(own(
            f"Searched were the sessions of the {page.people}{of} users seen most recently; user_ids= names others, a "
            f"dashboard login searches all sessions."
        ))  # fmt: skip
    if page.rows:
        notes.append(own(
            f"In links … is {session_link(scope, '').rstrip('/')}. Next: openreplay_summarize_session(session=<id in "
            f"a link>)."
        ))  # fmt: skip
    return notes


def _bounds(page: IssuePage, scope: Scope) -> list[Line]:
    """Return what was not read."""
    notes = [_partly(part, scope) for part in page.parts if part.since is not None]
    matching, looked_into = page.matching or 0, page.looked_into or 0
    if looked_into + page.unread < matching:
        notes.append(f"Of {matching:,} sessions the newest {looked_into:,} were read: narrow with since and until.")
    elif page.known < (page.sessions or 0) and page.rows:
        notes.append(f"Browsers and metadata are known of the newest {page.known:,} of these sessions only.")
    if page.unread:
        notes.append(f"{page.unread} sessions or users could not be read and are not counted.")
    if page.others and page.rows:
        notes.append(f"{page.others} other issues do not contain the text asked for.")
    return [own(note) for note in notes]


def _partly(part: PartRead, scope: Scope) -> str:
    since = _moment(part.since, scope)
    return (
        f"Of {part.total:,} {part.what} the newest {part.read:,} were read, since {since}: narrow with since, until or "
        f"kinds."
    )


def _empty(page: IssuePage, args: FindIssuesArgs, scope: Scope) -> list[Line]:
    """Return why there is no issue."""
    if page.rows:
        return []
    if page.diagnosis is not None:
        return why(page.diagnosis, "sessions", scope)
    if page.whose is not None:
        return visits_words(page.whose, scope)
    if not page.sessions and page.sessions is not None:
        return [own("No session to look into: widen since, or name other user_ids.")]
    if page.others:
        return [own(f"{page.others} issues there, none of which contains that text. Leave query out to see them.")]
    wider = "since reaches further back" if args.kinds == "any" else 'kinds="any" looks for all, since further back'
    return [own(f"No {_KINDS[args.kinds]} was recorded in these sessions; {wider}.")]


def _many(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
