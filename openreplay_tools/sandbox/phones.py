"""Visits with the shop's iOS app; their events have the mobile tracker's names and keys (contract §2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.sandbox.shop import ORIGIN, PRODUCTS
from openreplay_tools.sandbox.tape import recorded_body

if TYPE_CHECKING:
    from openreplay_tools.sandbox.tape import Tape

_CRASH_STACK = "0 AcmeShop 0x0000000102f4 CartViewModel.total()\n1 AcmeShop 0x0000000103a8 CartView.body.getter"


def app_visit(tape: Tape) -> None:
    """Use the app for a while; one visit in eight ends in a crash."""
    _custom(tape, "app_opened", f'{{"release":"{tape.setting.release}"}}')
    while tape.size < tape.setting.size:
        _look(tape)
        if tape.chance(0.15):
            tape.write("INPUT", {"label": "Search"})["$duration_s"] = 4
            tape.wait(1500, 5000)
        if tape.chance(0.12):
            _tap(tape, "Add to bag")
            _custom(tape, "add_to_bag", f'{{"sku":"{tape.rng.choice(PRODUCTS).sku}"}}')
    if tape.chance(0.12):
        _crash(tape)


def _look(tape: Tape) -> None:
    product = tape.rng.choice(PRODUCTS)
    tape.write("SWIPE", {"label": "ProductList", "direction": tape.rng.choice(("up", "up", "down", "left"))})
    tape.wait(1200, 5000)
    _tap(tape, product.name)
    failed = tape.chance(0.04)
    captured = {
        "url": f"{ORIGIN}/api/products/{product.sku.lower()}",
        "method": "GET",
        "status": 503 if failed else 200,
        "duration": 40 + int(tape.rng.random() * 700),
        "success": not failed,
        "response_body": recorded_body({"sku": product.sku, "price": product.price}),
    }
    tape.write("REQUEST", captured)
    tape.wait(1500, 9000)
    if tape.chance(0.05):
        _issue(tape, "click_rage", "Sold out", '{"Count":4}')


def _tap(tape: Tape, label: str) -> None:
    tape.write("TAP", {"label": label})
    tape.wait(500, 2500)


def _issue(tape: Tape, kind: str, context: str, payload: str) -> None:
    tape.issue(kind, context, payload=payload, placed=False)
    tape.rows["ISSUE", tape.clock // 1000 * 1000]["$properties"]["context"] = "ProductView"
    tape.wait(1100, 2500)


def _custom(tape: Tape, name: str, payload: str) -> None:
    tape.write("CUSTOM", {"name": name, "payload": payload})
    tape.wait(1100, 3000)


def _crash(tape: Tape) -> None:
    reason = "Index out of range"
    tape.write("CRASH", {"name": "EXC_BREAKPOINT", "reason": reason, "stacktrace": _CRASH_STACK})
    tape.issue("app_crash", reason, placed=False)
