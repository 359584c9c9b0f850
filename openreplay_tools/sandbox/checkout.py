"""The cart and the checkout: where coupons are tried and money changes hands, or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.sandbox import faults
from openreplay_tools.sandbox.tape import recorded_body

if TYPE_CHECKING:
    from openreplay_tools.sandbox.shop import Product
    from openreplay_tools.sandbox.tape import Tape

_CARDS = ("4111111111111111", "5555555555554444")  # the test numbers that every payment provider publishes


def add_to_cart(tape: Tape, product: Product) -> None:
    """Put a product into the cart."""
    tape.click("Add to cart", "#btn-add")
    sent = recorded_body({"sku": product.sku, "qty": 1, "note": "<b>gift</b> & more" if tape.chance(0.1) else ""})
    tape.cart.append(product.price)
    tape.request("POST", "/api/cart", sent=sent, got=recorded_body({"count": len(tape.cart), "ok": True}))
    tape.wait(1000, 1500)
    payload = {"sku": product.sku, "name": product.name, "price": product.price, "currency": "EUR", "qty": 1}
    tape.custom("add_to_cart", payload)
    tape.wait(1500, 6000)


def open_cart(tape: Tape) -> None:
    """Look at the cart."""
    tape.click(f"Cart {len(tape.cart)}", "#nav-cart")
    tape.wait(500, 1000)
    tape.page("/cart", faults.paint_ms("/cart", tape.device, tape.rng))
    tape.wait(300, 600)
    tape.request("GET", "/api/cart", got=recorded_body({"count": len(tape.cart), "total": _total(tape)}))
    tape.wait(2000, 8000)


def coupon(tape: Tape) -> None:
    """Try a coupon; in one variant of the cart its button does nothing."""
    tape.type_into("Coupon code", 3 + int(tape.rng.random() * 5))
    tape.wait(1000, 2000)
    if not faults.coupon_button_is_dead(tape.setting.experiment):
        tape.click("Apply coupon", "#coupon-apply")
        got = recorded_body({"ok": True, "discount": 10})
        tape.request("POST", "/api/coupon", sent=recorded_body({"code": "SPRING10"}), got=got)
        tape.wait(1000, 1500)
        tape.custom("coupon_applied", {"code": "SPRING10", "discount": 10})
        tape.wait(1500, 5000)
        return
    tape.marks.add(faults.COUPON)
    clicks = tape.rng.choice((5, 7, 7, 7, 9, 12))
    for _ in range(clicks):  # the rows of one second collapse (observed A3): only the issue knows the count
        tape.click("Apply coupon", "#coupon-apply")
        tape.wait(280, 420)
    tape.issue("click_rage", "Apply coupon", payload=f'{{"Count":{clicks}}}', placed=False)
    tape.wait(1100, 2500)
    tape.click("Apply coupon", "#coupon-apply")
    tape.wait(1000, 1400)
    tape.issue("dead_click", "Apply coupon")
    tape.wait(2000, 6000)


def pay(tape: Tape, tries: int = 0) -> None:
    """Go to the checkout and pay; those who fail try again as often as asked, or as they like."""
    tape.click("Checkout", "#go-checkout")
    tape.wait(500, 1000)
    tape.page("/checkout", faults.paint_ms("/checkout", tape.device, tape.rng))
    tape.wait(1000, 1600)
    tape.custom("checkout_started", {"total": _total(tape), "currency": "EUR"})
    tape.wait(1500, 3500)
    tape.type_into("Name on card", 3)
    tape.wait(2500, 5000)
    tape.type_into("Card number", 6 + int(tape.rng.random() * 6))
    tape.wait(1500, 4000)
    if faults.gateway_is_unreachable(tape.device, tape.setting.release):
        tape.marks.add(faults.CHECKOUT)
        for _ in range(tries or tape.rng.choice((1, 1, 2, 2, 3))):
            _gateway_fails(tape)
        return
    if tape.chance(0.09):  # decoy: the bank says no, in any browser
        _declined(tape)
        if tape.chance(0.3):
            return
    _paid(tape)


def hiccup(tape: Tape) -> None:
    """Pay with one server error on the way; the second try succeeds. A decoy from before the release."""
    open_cart(tape)
    tape.page("/checkout", faults.paint_ms("/checkout", tape.device, tape.rng))
    tape.wait(6000, 12_000)
    _send_payment(tape, 500, {"error": "upstream_timeout"})
    tape.wait(2000, 4000)
    _paid(tape)


def _send_payment(tape: Tape, status: int, reply: dict[str, object], seconds: int = 1) -> None:
    tape.click("Pay now", "#pay-now")
    body = {"card": tape.rng.choice(_CARDS), "email": tape.person.email or "pay@example.com", "total": _total(tape)}
    headers = {"authorization": "Bearer sandbox-token-5f2c91d07ab3"} if tape.chance(0.25) else {}
    sent = recorded_body(body, headers)
    row = tape.request("POST", "/api/checkout", status, sent=sent, got=recorded_body(reply))
    row["$duration_s"] = seconds


def _gateway_fails(tape: Tape) -> None:
    """The request runs into the provider's timeout: the event and the error follow three seconds after the click."""
    _send_payment(tape, 500, {"error": faults.GATEWAY_REASON}, seconds=3)
    tape.wait(3000, 3600)
    tape.custom("checkout_failed", {"reason": faults.GATEWAY_REASON, "status": 500, "release": tape.setting.release})
    tape.error("Error", faults.GATEWAY_ERROR, ("PaymentSheet.reject", 112, 9021), ("PayButton.onClick", 87, 4410))
    tape.wait(4000, 12_000)


def _declined(tape: Tape) -> None:
    _send_payment(tape, 402, {"error": "card_declined"})
    tape.wait(1100, 1800)
    tape.custom("checkout_failed", {"reason": "card_declined", "status": 402, "release": tape.setting.release})
    tape.wait(5000, 15_000)
    tape.type_into("Card number", 7)
    tape.wait(1500, 3000)


def _paid(tape: Tape) -> None:
    order = f"ORD-{10_000 + int(tape.rng.random() * 89_999)}"
    _send_payment(tape, 200, {"order": order, "state": "paid"})
    tape.wait(1200, 1900)
    tape.page(f"/order/{order.lower()}", faults.paint_ms("/order", tape.device, tape.rng))
    tape.wait(1000, 1500)
    tape.custom("purchase", {"order": order, "total": _total(tape), "currency": "EUR"})
    tape.wait(2000, 8000)


def _total(tape: Tape) -> float:
    return round(sum(tape.cart), 2)
