"""What is broken in the shop: the rules behind the planted incidents, asked by every visit alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from openreplay_tools.sandbox.people import Device

OLD_RELEASE, NEW_RELEASE = "4.1.0", "4.2.0"
RELEASED_DAYS_AGO = 6

CART_A, CART_B = "cart-a", "cart-b"

GATEWAY_REASON = "payment_gateway_unreachable"
GATEWAY_ERROR = "Payment provider timeout after 3000ms"
INVOICE_ERROR = "Cannot read properties of undefined (reading 'invoice')"

SLOW_PATH = "/category/outdoor"
SLOW_LCP_MS = 6000
PHONE_COUNTRIES = frozenset({"DE", "US", "GB"})

# The names under which a session remembers which incident it belongs to.
CHECKOUT, COUPON, SLOW_PAGE, INVOICE, PHONE, ORDERS = "checkout", "coupon", "slow_page", "invoice", "phone", "orders"


def gateway_is_unreachable(device: Device, release: str) -> bool:
    """Desktop Safari cannot pay since the new release."""
    return device.browser == "Safari" and release == NEW_RELEASE


def coupon_button_is_dead(experiment: str) -> bool:
    """The second variant of the cart lost the handler of its coupon button."""
    return experiment == CART_B


def phone_is_refused(country: str) -> bool:
    """The sign-up's third step knows the phone numbers of three countries only."""
    return country not in PHONE_COUNTRIES


def is_slow(path: str, device: Device) -> bool:
    """One category sends pictures to Android that are far too large."""
    return path == SLOW_PATH and device.os == "Android"


def paint_ms(path: str, device: Device, rng: Random) -> float:
    """When the largest part of a page is painted."""
    if is_slow(path, device):
        return 6150 + rng.random() * 4600
    slower = 1.0 if device.kind == "desktop" else 1.4
    ordinary = (650 + rng.random() * 1100) * slower
    bad_network = rng.random() < 0.012
    return ordinary + 2300 if bad_network else ordinary
