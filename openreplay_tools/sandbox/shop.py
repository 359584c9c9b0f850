"""The shop that the sandbox's visitors use: its catalogue, its pages and the words people type into it."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "shop.example.test"
ORIGIN = f"https://{HOST}"


@dataclass(frozen=True, slots=True)
class Product:
    """One article of the catalogue."""

    sku: str
    name: str
    category: str
    price: float

    @property
    def path(self) -> str:
        """The address of its page, without the host."""
        return f"/product/{self.sku.lower()}"


_SHELVES: dict[str, tuple[tuple[str, float], ...]] = {
    "outdoor": (
        ("Two-person tent", 189.0),
        ("Storm lantern", 34.5),
        ("Trekking poles", 59.9),
        ("Wool blanket", 79.0),
        ("Camping stove", 44.0),
        ("Rain poncho", 24.95),
    ),
    "kitchen": (
        ("Café press", 39.0),
        ("Cast iron pan", 64.0),
        ("Salt & pepper mills", 29.9),
        ('Bread knife 9"', 22.5),
        ("Mixing bowls", 31.0),
        ("Espresso cups", 26.0),
    ),
    "audio": (
        ("Desk speaker", 119.0),
        ("Over-ear headphones", 149.0),
        ("Shower radio", 27.9),
        ("Turntable", 239.0),
        ("USB microphone", 88.0),
        ("Cable set", 12.5),
    ),
    "bags": (
        ("City backpack", 72.0),
        ("Weekend holdall", 95.0),
        ("Bicycle pannier", 68.0),
        ("Laptop sleeve", 28.0),
        ("Belt bag", 19.9),
        ("Tote <large>", 14.5),
    ),
    "garden": (
        ("Herb planter", 33.0),
        ("Pruning shears", 21.0),
        ("Hose reel", 54.0),
        ("Bird feeder", 18.5),
        ("Solar lights", 42.0),
        ("Seed box", 16.0),
    ),
}

CATEGORIES = tuple(_SHELVES)
PRODUCTS = tuple(
    Product(f"{category[:3].upper()}-{100 + place}", name, category, price)
    for category, shelf in _SHELVES.items()
    for place, (name, price) in enumerate(shelf, start=1)
)

SEARCHES = (
    "rain jacket",
    "tent 2 person",
    'speaker "bluetooth"',
    "gift under 30",
    "café press",
    "headphones & cable",
    "backpack 20l",
    "solar",
    "knife",
    "gartenschere",
    "リュック",
    "size 9 <wide>",
    "warranty card",
    "turntable needle",
)
POSTS = ("packing-for-rain", "better-coffee-at-home", "quiet-headphones", "herbs-on-a-balcony", "repair-your-tent")

TITLES = {
    "/": "Acme Shop",
    "/cart": "Your cart · Acme Shop",
    "/checkout": "Checkout · Acme Shop",
    "/account": "Your account · Acme Shop",
    "/search": "Search · Acme Shop",
}
"""Page titles; only the old tracker sends them (observed A19)."""
