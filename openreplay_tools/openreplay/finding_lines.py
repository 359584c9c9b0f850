"""Findings as text: what led to it → what failed → what followed, in product words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.openreplay.telling import ISSUES, address, pairs_of
from openreplay_tools.text import Own, Recorded, own
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.openreplay.findings import Finding
    from openreplay_tools.text import Line, Part

_SHOWN_OFFSETS = 3
_SHOWN_FIELDS = 4
_SECOND_MS = 1000
_SOON_MS = 20_000


def when(finding: Finding) -> Line:
    """Return the offsets of the first few times and how many more there are."""
    shown = [format_offset(at) for at in dict.fromkeys(finding.offsets[:_SHOWN_OFFSETS])] or ["–"]
    if finding.kind == "pause" or finding.count <= 1:
        return own(shown[0])
    if finding.count == len(shown):
        return own(f"{', '.join(shown[:-1])} and {shown[-1]}")
    return own(f"{shown[0]} ×{finding.count}, last {format_offset(finding.last_offset_ms)}")


def what(finding: Finding) -> Line:
    """Return what led to it, what failed and what followed."""
    parts = [*_led(finding), *_TOLD[finding.kind](finding), *_followed(finding)]
    return tuple(parts)


def _led(finding: Finding) -> list[Part]:
    if finding.kind in {"rage_click", "dead_click", "abandoned_form", "slow_page", "reloads", "pause", "issue"}:
        return []
    if finding.action_kind == "open":
        return [Own("opening "), Recorded(finding.page, limit=100), Own(" → ")] if finding.page else []
    if not finding.action_kind:
        return [Own("on "), Recorded(finding.page, limit=100), Own(": ")] if finding.page else []
    label = Recorded(finding.action, limit=80) if finding.action else Own("(no label)")
    return [Own(f"{'typing in' if finding.action_kind == 'input' else finding.action_kind} "), label, Own(" → ")]


def _request(finding: Finding) -> list[Part]:
    status = str(finding.status) if finding.status else "no answer" if finding.method else "failed"
    status = "answered" if finding.kind == "hidden_error" and not finding.status else status
    parts: list[Part] = [Recorded(finding.method, limit=10), Own(" ")] if finding.method else [Own("request ")]
    parts += [Recorded(finding.url, limit=120), Own(f" → {status}")]
    if finding.duration_ms >= _SECOND_MS:
        parts.append(Own(f" after {finding.duration_ms // _SECOND_MS} s"))
    if finding.kind == "hidden_error":
        return [*parts, Own(", its answer tells of an error: "), Recorded(finding.said, limit=120)]
    return [*parts, Own(", said "), Recorded(finding.said, limit=120)] if finding.said else parts


def _slow_request(finding: Finding) -> list[Part]:
    return [Recorded(finding.method, limit=10), Own(" "), Recorded(finding.url, limit=120),
            Own(f" took {finding.duration_ms // _SECOND_MS} s")]  # fmt: skip


def _error(finding: Finding) -> list[Part]:
    return _errors(finding)


def _nothing(_: Finding) -> list[Part]:
    return []


def _rage(finding: Finding) -> list[Part]:
    clicks = Own(f" ({finding.clicks} clicks)" if finding.clicks else "")
    return [Own("rage clicks on "), _label(finding), clicks, *_where(finding)]


def _dead(finding: Finding) -> list[Part]:
    return [Own("click on "), _label(finding), Own(" had no effect"), *_where(finding)]


def _label(finding: Finding) -> Part:
    return Recorded(finding.action, limit=80) if finding.action else Own("(no label)")


def _where(finding: Finding) -> list[Part]:
    return [Own(" on "), Recorded(finding.page, limit=100)] if finding.page else []


def _reloads(finding: Finding) -> list[Part]:
    return [Own("reloaded "), Recorded(finding.page, limit=100), Own(f" {finding.count} times in a row")]


def _form(finding: Finding) -> list[Part]:
    shown = finding.fields[:_SHOWN_FIELDS]
    fields: list[Part] = []
    for label in shown:
        fields += [Own(", "), Recorded(label, limit=40) if label else Own("(no label)")]
    more = [Own(f" and {len(finding.fields) - len(shown)} more")] if len(finding.fields) > len(shown) else []
    left: list[Part] = (
        [Own(", went on to "), Recorded(finding.reaction_page, limit=100)] if finding.reaction_page else []
    )
    end = Own(": nothing was sent" if left else ": nothing was sent before the last event")
    return [Own("form left after typing into "), *fields[1:], *more, *_where(finding), end, *left]


def _slow_page(finding: Finding) -> list[Part]:
    return [Recorded(finding.page, limit=100), Own(f" took {finding.duration_ms / _SECOND_MS:.1f} s to load")]


def _pause(finding: Finding) -> list[Part]:
    longest = " at most" if finding.count > 1 else ""
    times = f", {finding.count} times" if finding.count > 1 else ""
    return [Own(f"nothing for {format_offset(finding.duration_ms)}{longest}{times}"), *_where(finding)]


def _issue(finding: Finding) -> list[Part]:
    label: Part = Own(ISSUES[finding.issue]) if finding.issue in ISSUES else Recorded(finding.issue, limit=40)
    told: Line = address(finding.said, "") if "://" in finding.said else (Recorded(finding.said, limit=100),)
    where = [] if finding.page and finding.said.endswith(finding.page) else _where(finding)
    return [label, *((Own(": "), *told) if finding.said else ()), *where]


def _errors(finding: Finding) -> list[Part]:
    parts: list[Part] = []
    for seen in finding.errors:
        parts += [Own("; "), Recorded(seen.name, limit=60)] if seen.name else [Own("; error")]
        parts += [Own(" "), Recorded(seen.message, limit=160)] if seen.message else []
        parts += [Own(" at "), Recorded(seen.origin, limit=80)] if seen.origin else []
        if seen.count > 1 and finding.kind not in {"error", "crash"}:
            parts.append(Own(f" ×{seen.count}"))
    return parts[1:] if finding.kind in {"error", "crash"} else parts


def _followed(finding: Finding) -> list[Part]:
    """Return errors, own events and issues that followed, and what the visitor did then."""
    parts = [] if finding.kind in {"error", "crash"} else _errors(finding)
    for index, report in enumerate(finding.reports):
        alone = finding.kind == "failure_event" and not index
        parts += [*([] if alone else [Own("; event ")]), Recorded(report.name, limit=80)]
        data = pairs_of(report.data)
        parts += [Own(" "), *data] if data else []
    if finding.dead and finding.kind != "dead_click":
        parts.append(Own("; no effect" if finding.kind == "rage_click" else "; the page did not react"))
    if finding.clicks and finding.kind != "rage_click":
        parts.append(Own(f"; {finding.clicks} rage clicks"))
    return [*parts, *_reacted(finding), *_later(finding)]


def _later(finding: Finding) -> list[Part]:
    """Return whether a request that failed worked later."""
    if finding.kind not in {"failed_request", "hidden_error"} or not finding.method or finding.asset:
        return []
    if finding.good_after_ms is not None:
        return [Own(f"; worked at {format_offset(finding.good_after_ms)}")]
    return [Own("; never worked afterwards")] if finding.count > 1 and finding.recovered is False else []


def _reacted(finding: Finding) -> list[Part]:
    """Return what the visitor did then."""
    ms, went = finding.reaction_after_ms, finding.reaction
    after = f" {ms // _SECOND_MS} s later" if ms >= _SECOND_MS else ""
    ended = (
        f"; nothing was done more than{after.removesuffix(' later')} after it"
        if after
        else "; nothing was done after it"
    )
    simple = {"tried_again": f"; tried again{after}", "reloaded": f"; reloaded the page{after}", "ended": ended}
    if not went or finding.kind == "abandoned_form":
        return []
    if went in simple:
        return [Own(simple[went])]
    if went == "left":
        return [Own("; went to "), Recorded(finding.reaction_page, limit=100), Own(after)]
    told = ms <= _SOON_MS and bool(finding.reaction_label)
    return [Own("; then used "), Recorded(finding.reaction_label, limit=60), Own(after)] if told else []


_TOLD: dict[str, Callable[[Finding], list[Part]]] = {
    "failed_request": _request, "hidden_error": _request, "slow_request": _slow_request, "error": _error,
    "crash": _error, "failure_event": _nothing, "rage_click": _rage, "dead_click": _dead, "reloads": _reloads,
    "abandoned_form": _form, "slow_page": _slow_page, "pause": _pause, "issue": _issue,
}  # fmt: skip
