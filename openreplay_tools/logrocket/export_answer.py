"""How one file of the data export is told: what is in it by type, and the first of its events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.logrocket.access import about
from openreplay_tools.logrocket.event_digest import LONGEST, digest
from openreplay_tools.logrocket.export_contents import Wanted
from openreplay_tools.logrocket.export_file import LONGEST_READING_S, MOST_LINES
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.logrocket.export_contents import ExportContents
    from openreplay_tools.logrocket.export_file import ExportedEvent
    from openreplay_tools.logrocket.export_reading import LogrocketReadExportArgs
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_MOST_TYPES = 25
_TROUBLE = re.compile(r"(?:\bstatus_?(?:code)?: [45]\d\d\b|\blevel: (?:error|fatal)\b)", re.IGNORECASE)


def contents_table(contents: ExportContents, args: LogrocketReadExportArgs, scope: Scope) -> Answer:
    """Present a file of the data export."""
    more = (contents.total or 0) > len(contents.rows)
    shown = bool(args.limit)
    return Answer(
        subject=(Own("of export " if shown else "Export "), identifier(contents.handle)),
        scope=about(scope, *(_narrowed(args) if shown else ())),
        tally=Tally("events", contents.total) if shown else None,
        facts=tuple(_facts(contents, args, scope)),
        headings=(f"time ({scope.zone.key})", "type", "what"),
        rows=tuple(_row(event, scope) for event in contents.rows),
        more=own(_rest(args)) if more and shown else (),
        notes=tuple(_notes(contents, args)),
        rest="types= narrows, detail=full shows more, save_as= keeps the whole file",
    )


def _narrowed(args: LogrocketReadExportArgs) -> list[Line]:
    if not args.types:
        return [own("in the file's order")]
    listed = [part for n, kind in enumerate(args.types) for part in (*((Own(", "),) if n else ()), Given(kind))]
    return [(Own("types "), *listed), own("in the file's order")]


def _rest(args: LogrocketReadExportArgs) -> str:
    ways = ["types= narrows"] if not args.types else []
    ways += ["limit= up to 200 shows more"] if args.limit < 200 else []
    return f"More: {', '.join([*ways, 'save_as= keeps the whole file'])}."


def _facts(contents: ExportContents, args: LogrocketReadExportArgs, scope: Scope) -> list[Line]:
    facts: list[Line] = [_whose(contents)] if contents.session or contents.user_id else []
    if contents.counts:
        facts.append(_by_type(contents))
    if contents.earliest and contents.latest:
        ends = [_time(moment, scope) for moment in (contents.earliest, contents.latest)]
        days = [contents.earliest.astimezone(scope.zone).date(), contents.latest.astimezone(scope.zone).date()]
        on = " to ".join(str(day) for day in dict.fromkeys(days))
        long = format_offset(round((contents.latest - contents.earliest).total_seconds() * 1000))
        facts.append(own(f"On {on}, {' – '.join(ends)} {scope.zone.key}; {long} long."))
    facts.append(own(f"{contents.size:,} bytes, {contents.events:,} events in all."))
    if contents.file:
        other = " (the name's ending follows what the bytes are)" if Path(contents.file).name != args.save_as else ""
        facts.append((Own("File: "), Own(contents.file, ours=False), Own(other)))
    return facts


def _whose(contents: ExportContents) -> Line:
    """Return which session the file is, and whose, as far as its lines say so."""
    session = contents.session
    if session is None:
        return (Own("User "), identifier(contents.user_id), Own("."))
    which = Own(session.link) if session.link else identifier(session.session_id)
    of: Line = (Own(" of user "), identifier(contents.user_id)) if contents.user_id else ()
    return (Own("Session "), which, *of, Own("."))


def _by_type(contents: ExportContents) -> Line:
    listed = list(contents.counts.items())
    parts: list[Own | Recorded] = [Own("By type: ")]
    for number, (kind, count) in enumerate(listed[:_MOST_TYPES]):
        parts += [Own(", ")] if number else []
        parts += [Recorded(kind) if kind else Own("without a type"), Own(f" {count:,}")]
    hidden = sum(count for _, count in listed[_MOST_TYPES:]) + contents.uncounted
    return (*parts, Own(f", of further types {hidden:,}." if hidden else "."))


def _row(event: ExportedEvent, scope: Scope) -> Row:
    when = own(_time(event.at, scope)) if event.at else own("–")
    said = digest(event.data, event.type)
    return Row((when, (Recorded(event.type),), (Recorded(said, limit=LONGEST),)), worth=int(_is_trouble(event, said)))


def _is_trouble(event: ExportedEvent, said: str) -> bool:
    """Tell whether an event looks like something that went wrong, by the names that LogRocket's recorders use."""
    return "exception" in event.type.casefold() or bool(_TROUBLE.search(said))


def _time(moment: datetime, scope: Scope) -> str:
    here = moment.astimezone(scope.zone)
    return f"{format_moment(here)[11:]}.{here.microsecond // 1000:03}"


def _notes(contents: ExportContents, args: LogrocketReadExportArgs) -> list[Line]:
    notes: list[Line] = []
    missing = [each for each in args.types if not any(map(Wanted([each]).fits, contents.counts))]
    if missing:
        notes.append((Own("The file has no event of type "), *(_joined(missing)), Own(".")))
    if contents.unreadable:
        known = contents.first_unreadable_lines
        lines = f"{'line' if contents.unreadable == 1 else 'lines'} {', '.join(map(str, known))}"
        more = ", …" if contents.unreadable > len(known) else ""
        notes.append(own(f"Left out, for it cannot be read: {lines}{more} ({contents.unreadable:,} in all)."))
    if contents.broken_off:
        notes.append(own("The compressed file breaks off or is damaged; this is what stands before."))
    if contents.too_long:
        most = f"max_download_bytes, {MOST_LINES:,} lines, {LONGEST_READING_S:g} s"
        notes.append(own(f"The file is longer than is read here ({most}); this is its beginning."))
    if not contents.events:
        notes.append(own("The file holds no event that can be read."))
    return notes


def _joined(texts: list[str]) -> list[Own | Given]:
    return [part for n, text in enumerate(texts) for part in (*((Own(", "),) if n else ()), Given(text))]
