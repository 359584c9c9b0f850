"""How one visit to the shop becomes events: arriving, looking around, searching, the account, and ordinary noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.sandbox import faults
from openreplay_tools.sandbox.checkout import add_to_cart, coupon, hiccup, open_cart, pay
from openreplay_tools.sandbox.shop import CATEGORIES, ORIGIN, POSTS, PRODUCTS, SEARCHES
from openreplay_tools.sandbox.tape import encoded, recorded_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.sandbox.shop import Product
    from openreplay_tools.sandbox.tape import Tape
    from openreplay_tools.sandbox.times import Row


def open_page(tape: Tape, path: str, query: str = "") -> Row:
    """Load a page; one in eight is left before anything about it was measured."""
    slow = faults.is_slow(path, tape.device)
    paint = 0.0 if not slow and tape.chance(0.12) else faults.paint_ms(path, tape.device, tape.rng)
    row = tape.page(path, paint, query=query)
    if slow:
        tape.marks.add(faults.SLOW_PAGE)
    if paint > 4000 and tape.chance(0.75):
        tape.wait(1100, 1900)
        tape.issue("slow_page_load", tape.url)
    tape.wait(900, 3200)
    return row


def arrive(tape: Tape, path: str = "/") -> None:
    """Open the first page; its row may come before the visitor is identified (observed A8)."""
    first = open_page(tape, path)
    if tape.chance(0.3):
        tape.unidentified(first)
    tape.request("GET", "/api/banner")
    tape.wait(1000, 1600)
    loaded = {"release": tape.setting.release}
    if tape.setting.experiment:
        loaded["experiment"] = tape.setting.experiment
    tape.custom("app_loaded", loaded)
    tape.wait(1200, 6000)


def look_at_category(tape: Tape, name: str = "") -> None:
    """Open a category; now and then a click on the way loses its visitor's id (observed A8)."""
    name = name or tape.rng.choice(CATEGORIES)
    click = tape.click(name.title(), f"#nav-{name}")
    if tape.chance(0.02):
        tape.unidentified(click)
    tape.wait(400, 900)
    open_page(tape, f"/category/{name}")
    tape.request("GET", f"/api/products?category={name}&page=1")
    tape.wait(1500, 9000)
    if tape.chance(0.35):
        tape.click(tape.rng.choice(("Sort by price", "Sort by rating", "In stock only")), "#sort")
        tape.wait(1100, 5000)


def look_at_product(tape: Tape, product: Product | None = None) -> None:
    """Open a product and perhaps put it into the cart."""
    product = product or tape.rng.choice(PRODUCTS)
    tape.click(product.name, f"#p-{product.sku.lower()}")
    tape.wait(400, 900)
    open_page(tape, product.path)
    tape.request("GET", f"/api/products/{product.sku.lower()}")
    tape.wait(2500, 12_000)
    if tape.chance(0.3):
        _look_closer(tape)
    if tape.chance(0.2):
        add_to_cart(tape, product)


def _look_closer(tape: Tape) -> None:
    """Turn over pictures, open the size chart; some of these clicks lead nowhere."""
    kind = tape.rng.random()
    if kind < 0.05:
        for _ in range(4):
            tape.click("Next image", "#gallery-next")
            tape.wait(500, 700)
        tape.issue("click_rage", "Next image", payload='{"Count":4}', placed=False)
    elif kind < 0.2:
        tape.click("Size chart", "#size-chart")
        tape.wait(1000, 1400)
        tape.issue("dead_click", "Size chart")
    else:
        tape.click("Next image", "#gallery-next")
        tape.wait(1500, 5000)
        tape.click("Reviews", "#tab-reviews")
    tape.wait(1200, 5000)


def search(tape: Tape, text: str = "") -> None:
    """Search the shop."""
    text = text or tape.rng.choice(SEARCHES)
    tape.type_into("Search", 2 + int(tape.rng.random() * 7))
    tape.wait(600, 1500)
    open_page(tape, "/search", f"q={encoded(text)}")
    tape.request("GET", f"/api/search?q={encoded(text)}")
    tape.wait(1000, 1300)
    tape.custom("search", {"query": text, "results": int(tape.rng.random() * 24)})
    tape.wait(1500, 7000)


def read_post(tape: Tape) -> None:
    """Read something in the blog."""
    tape.click("Read more", ".teaser a")
    tape.wait(400, 900)
    open_page(tape, f"/blog/{tape.rng.choice(POSTS)}")
    tape.wait(8000, 40_000)


def reload(tape: Tape) -> None:
    """Load the same page again."""
    open_page(tape, tape.path)
    tape.wait(1200, 4000)


def account(tape: Tape) -> None:
    """Sign in and look at one's orders."""
    number = 3000 + int(tape.rng.random() * 900)
    tape.click("Account", "#nav-account")
    tape.wait(400, 900)
    # Some arrive from a mail whose address holds a secret; an answer must mask it.
    open_page(tape, "/account", f"reset_token=sandbox-reset-{number}" if tape.chance(0.08) else "")
    if tape.chance(0.4):
        sent = recorded_body({"email": tape.person.email or "guest@example.org", "password": "correct horse"})
        token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzYW5kYm94In0.c2FuZGJveA"  # noqa: S105 - no secret: says "sandbox"
        tape.request("POST", "/api/login", sent=sent, got=recorded_body({"token": token, "ttl": 3600}))
        tape.wait(1000, 1500)
    tape.graphql("AccountOverview", {"first": 5}, {"account": {"plan": tape.person.plan, "orders": number % 7}})
    tape.wait(1200, 4000)
    tape.graphql("OrderHistory", {"page": 1}, {"orders": [{"id": number, "state": "shipped"}]})
    tape.wait(1500, 6000)
    if tape.chance(0.3):
        tape.click("Download invoice", "#invoice-download")
        tape.request("GET", f"/api/invoices/{number}", got=recorded_body({"invoice": f"INV-{number}"}))
        tape.wait(1500, 5000)
    elif tape.chance(0.06):  # decoy: another error on the same page, and the visit goes on
        tape.error("TypeError", "Cannot read properties of null (reading 'items')", ("OrderList.render", 48, 1177))
        tape.wait(1500, 5000)


_STEPS: tuple[Callable[[Tape], None], ...] = (look_at_product, look_at_category, search, read_post, account, reload)
_WEIGHTS = (38, 25, 14, 8, 8, 4)


def wander(tape: Tape, size: int) -> None:
    """Look around until there are about that many rows."""
    choices = tape.rng.choices
    while tape.size < size:
        choices(_STEPS, _WEIGHTS)[0](tape)
        if tape.chance(0.09):
            noise(tape)
        if faults.is_slow(tape.path, tape.device) and tape.chance(0.45):
            return


def noise(tape: Tape) -> None:
    """Something that goes wrong everywhere and means nothing."""
    tape.wait(1000, 1500)
    kind = int(tape.rng.random() * 10)
    if kind < 3:
        tape.error("Error", "ResizeObserver loop limit exceeded", ("", 1, 1))
    elif kind < 6:
        tape.issue("missing_resource", f"{ORIGIN}/img/{tape.rng.choice(('old-banner', 'badge', 'hero-2x'))}.png")
    elif kind == 6:
        status = tape.rng.choice((404, 429, 503))
        tape.request("GET", "/api/recommendations", status, got=recorded_body({"error": "none"}))
    elif kind == 7:
        tape.issue("mouse_thrashing", tape.path)
    elif kind == 8:
        tape.performance(busy=True)
        tape.issue(tape.rng.choice(("memory", "cpu")), tape.path)
    else:
        tape.click("Chat", "#chat-bubble")
        tape.wait(1000, 1300)
        tape.issue("dead_click", "Chat")
        if tape.chance(0.4):
            tape.wait(1000, 1300)
            tape.incident("Chat did not open", 12)
    tape.wait(1200, 4000)


def ordinary(tape: Tape) -> None:
    """A visit as most are: arrive, look around, sometimes buy."""
    arrive(tape, _landing(tape))
    size = tape.setting.size
    if tape.chance(0.17):
        wander(tape, int(size * 0.6))
        shopping(tape)
    wander(tape, size)


def _landing(tape: Tape) -> str:
    kind = tape.rng.random()
    if kind < 0.7:
        return "/"
    if kind < 0.85:
        return tape.rng.choice(PRODUCTS).path
    return f"/blog/{tape.rng.choice(POSTS)}"


def _pick(tape: Tape) -> None:
    product = tape.rng.choice(PRODUCTS)
    look_at_product(tape, product)
    add_to_cart(tape, product)


def shopping(tape: Tape) -> None:
    """Fill the cart and pay, or leave it there."""
    _pick(tape)
    open_cart(tape)
    if tape.chance(0.2):
        coupon(tape)
    if tape.chance(0.8):
        pay(tape)


def buyer(tape: Tape) -> None:
    """Come to buy, and try to pay."""
    arrive(tape)
    wander(tape, tape.setting.size // 2)
    _pick(tape)
    open_cart(tape)
    pay(tape)


def couponer(tape: Tape) -> None:
    """Come with a coupon."""
    arrive(tape)
    wander(tape, tape.setting.size // 2)
    _pick(tape)
    open_cart(tape)
    coupon(tape)
    wander(tape, tape.setting.size)


def unlucky_buyer(tape: Tape) -> None:
    """Buy something with one server error on the way."""
    arrive(tape)
    _pick(tape)
    hiccup(tape)


def glance(tape: Tape) -> None:
    """One page and away, as crawlers do."""
    open_page(tape, tape.rng.choice(PRODUCTS).path)
    if tape.chance(0.4):
        tape.request("GET", "/api/banner")
