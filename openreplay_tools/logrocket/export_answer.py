"""How one file of the data export is told: what is in it by type, and the first of its events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.logrocket.access import about
from openreplay_tools.logrocket.event_digest import LONGEST, digest
from openreplay_tools.logrocket.export_contents import Wanted
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.logrocket.export_contents import ExportContents
    from openreplay_tools.logrocket.export_file import ExportedEvent
    from openreplay_tools.logrocket.export_reading import LogrocketReadExportArgs
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_MOST_TYPES = 25


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
        in_order=True,
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
    facts: list[Line] = []
    if contents.counts:
        facts.append(_by_type(contents))
    if contents.earliest and contents.latest:
        ends = [_time(moment, scope) for moment in (contents.earliest, contents.latest)]
        days = [contents.earliest.astimezone(scope.zone).date(), contents.latest.astimezone(scope.zone).date()]
        facts.append(own(f"On {' to '.join(str(day) for day in dict.fromkeys(days))}, {' – '.join(ends)}."))
    facts.append(own(f"{contents.size:,} bytes, {contents.events:,} events in all."))
    if contents.file:
        name = Path(contents.file).name
        other = " (the name's ending follows what the bytes are)" if name != args.save_as else ""
        facts.append((Own("Saved as "), identifier(name), Own(f" in the directory for downloads{other}.")))
    return facts


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
    return Row((when, (Recorded(event.type),), (Recorded(digest(event.data, event.type), limit=LONGEST),)))


def _time(moment: datetime, scope: Scope) -> str:
    here = moment.astimezone(scope.zone)
    return f"{format_moment(here)[11:]}.{here.microsecond // 1000:03}"


def _notes(contents: ExportContents, args: LogrocketReadExportArgs) -> list[Line]:
    notes: list[Line] = []
    missing = [each for each in args.types if not any(map(Wanted([each]).fits, contents.counts))]
    if missing:
        notes.append((Own("The file has no event of type "), *(_joined(missing)), Own(".")))
    if contents.unreadable:
        lines = ", ".join(str(number) for number in contents.first_unreadable_lines)
        more = ", …" if contents.unreadable > len(contents.first_unreadable_lines) else ""
        notes.append(own(f"Lines that cannot be read, left out: {contents.unreadable:,} ({lines}{more})."))
    if contents.broken_off:
        notes.append(own("The compressed file breaks off or is damaged; this is what stands before."))
    if contents.too_long:
        notes.append(own("The file is longer than is read here (max_download_bytes); this is its beginning."))
    if not contents.events:
        notes.append(own("The file holds no event that can be read."))
    return notes


def _joined(texts: list[str]) -> list[Own | Given]:
    return [part for n, text in enumerate(texts) for part in (*((Own(", "),) if n else ()), Given(text))]
