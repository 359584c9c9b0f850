"""A diagnosis in words: first the line that says why, then what helps; about five lines at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.openreplay.doctor import at, closing_lines, listed, many
from openreplay_tools.openreplay.scope import device_name
from openreplay_tools.openreplay.session_filters import said
from openreplay_tools.text import Given, Own, identifier, own

if TYPE_CHECKING:
    from openreplay_tools.openreplay.doctor import Diagnosis, Finding
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_OF_A_WINDOW = frozenset({"sessions", "events"})
_EXPLAINED = 2  # conditions whose values are told


def why(report: Diagnosis, noun: str, scope: Scope, advice: str = "") -> list[Line]:
    """Return the lines that tell why nothing was found.

    Args:
        report: what was found out.
        noun: what was searched for, in the plural: sessions, users, events, live sessions, notes.
        scope: whose clock and zone are spoken of.
        advice: what else to try, in our own words.
    """
    shown = (report.absent() or report.culprits())[:_EXPLAINED]
    lines: list[Line] = [(Own("Why: "), *_reason(report, noun, scope), *_times(report, noun, scope))]
    lines += [line for finding in shown if (line := _instead(finding))]
    lines += [line for finding in report.findings if (line := _last(finding, report, noun, scope))][:_EXPLAINED]
    if report.similar:
        lines.append((Own("User ids are exact and case-sensitive. Nearest: "), *listed(report.similar), Own(".")))
    return [*lines, *([own(advice)] if advice else []), *closing_lines(report, noun)]


def _reason(report: Diagnosis, noun: str, scope: Scope) -> Line:
    if report.in_window == 0:
        return _nothing_at_all(report, noun, scope)
    if absent := report.absent():
        return _absent(absent, report, noun)
    culprits = report.culprits()
    if len(culprits) == 1:
        first = culprits[0]
        rest = many(first.without or 0, noun, at_most=report.at_most)
        return (*condition(first), Own(f" goes with none of the {rest} that meet all other conditions."))
    if culprits:
        counts = [part for each in culprits for part in (Own("; without "), *condition(each), _figure(each, report))]
        counts[0] = Own(" Without ")
        return (Own(f"together the conditions fit {_none(noun)}."), *counts, Own("."))
    return own(_nobodys_fault(report, noun))


def _nobodys_fault(report: Diagnosis, noun: str) -> str:
    if report.findings and all(finding.without == 0 for finding in report.findings):
        return "no condition alone is the reason: without any single one the set is as empty."
    if report.in_window is None:
        return "it could not be found out."
    return f"none of the {many(report.in_window, noun)} here meets all conditions."


def _figure(finding: Finding, report: Diagnosis) -> Own:
    return Own(f": {'at most ' * report.at_most}{finding.without or 0:,}")


def _nothing_at_all(report: Diagnosis, noun: str, scope: Scope) -> Line:
    if report.kept == 0:
        return own(f"this project has no {noun} at all, or none that may be seen.")
    newest = f" The newest of this project: {at(report.last_at, scope)}." if report.last_at else ""
    return own(f"this window holds no {noun} at all.{newest}")


def _absent(absent: list[Finding], report: Diagnosis, noun: str) -> Line:
    first, *others = absent
    alone = report.in_window if len(report.findings) == 1 else None
    line: Line = (*_missing(first, _none(noun, alone), noun), Own("."))
    if first.without and alone is None:
        line += own(f" Without it: {many(first.without, noun, at_most=report.at_most)}.")
    if others:
        line += (Own(" The same is true of "), *_joined([condition(each) for each in others], " and of "), Own("."))
    return line


def _none(noun: str, total: int | None = None) -> str:
    """Return the words for nothing of what there is."""
    which = f"none of the {many(total, noun)}" if total and total > 1 else f"no {noun.removesuffix('s')}"
    return f"{which} of this window" if noun in _OF_A_WINDOW else which


def _missing(finding: Finding, none: str, noun: str) -> Line:
    """Say that nothing meets a condition."""
    kinds = {one.kind for one in finding.conditions}
    if kinds and kinds <= {"event", "page"}:
        return (Own(f"{none} "), *condition(finding))
    one = finding.conditions[0] if len(finding.conditions) == 1 else None
    if one is not None and one.kind == "session" and one.operator == "is" and one.values:
        subject = said(one)[0]
        verb = "occurs in" if noun in _OF_A_WINDOW else "fits"
        return (subject, Own(" "), *_joined([(Given(value),) for value in one.values], " or "), Own(f" {verb} {none}"))
    return (*condition(finding), Own(f" fits {none}"))


def condition(finding: Finding) -> Line:
    """Return a condition in words: our name of the argument, or what is asked for."""
    if finding.argument:
        return own(finding.argument)
    return _joined([said(one) for one in finding.conditions], " or ")


def _joined(lines: list[Line], between: str) -> Line:
    return tuple(part for line in lines for part in (Own(between), *line))[1:]


def _times(report: Diagnosis, noun: str, scope: Scope) -> Line:
    """Tell what there is at other times."""
    if report.ever is None or not (report.findings or report.ever):
        return ()
    several = len(report.findings) > 1  # then the sentence before this one may be about one of them
    if not report.ever:
        return own(" All conditions together: at no other time either." if several else " At other times: none either.")
    newest = f", the newest {at(report.newest_at, scope)}" if report.newest_at else ""
    when = "All conditions together, at any time" if several else "At any time"
    return own(f" {when}: {many(report.ever, noun)}{newest}; widen since.")


def _instead(finding: Finding) -> Line:
    """Return what could stand in a condition's place."""
    one = finding.conditions[0] if finding.conditions else None
    if one is None:
        return ()
    if finding.properties and one.property not in finding.properties:
        return (identifier(one.subject), Own(" has: "), *listed(finding.properties), Own("."))
    line: Line = (Own("Nearest value: "), device_name(finding.nearest), Own(". ")) if finding.nearest else ()
    if finding.occurring:
        values = _joined([(device_name(value),) for value in finding.occurring], ", ")
        of = Given(one.property) if one.property else said(one)[0]
        return (*line, Own("Values of "), of, Own(" that occur: "), *values, Own("."))
    if one.kind == "page" and one.operator == "is":
        return own("url_path is exact; a * before or after it stands for any text: *checkout*.")
    return line


def _last(finding: Finding, report: Diagnosis, noun: str, scope: Scope) -> Line:
    """Tell when a user or an event of several conditions was ever there."""
    if finding.ever is None or len(report.findings) == 1:
        return ()
    if not finding.ever:
        return (*condition(finding), Own(f" fits no {noun.removesuffix('s')} at any time, even alone."))
    newest = f", the newest {at(finding.newest_at, scope)}" if finding.newest_at else ""
    return (*condition(finding), Own(f" alone, at any time: {many(finding.ever, noun)}{newest}."))
