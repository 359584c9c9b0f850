"""The people of the sandbox: who they are, where they live, which devices they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from openreplay_tools.sandbox.times import Row


@dataclass(frozen=True, slots=True)
class Device:
    """What a visit is made with."""

    os: str
    os_version: str
    browser: str
    browser_version: str
    model: str
    kind: str
    width: int
    height: int
    platform: str = "web"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visit comes from, as the server derives it from the address."""

    country: str
    state: str
    city: str
    timezone: str


@dataclass(slots=True)
class Person:
    """Somebody who visits; `user_id` is empty for those who never say who they are.

    `known` is false for ids handed over only when the tracker starts: those get no user record (observed A7).
    """

    user_id: str
    place: Place
    device: Device
    name: str = ""
    email: str = ""
    phone: str = ""
    plan: str = "free"
    company: str = ""
    known: bool = True
    traits: dict[str, Any] = field(default_factory=dict)
    devices: list[tuple[Device, str]] = field(default_factory=list)
    created_ms: int = 0
    seen_ms: int = 0
    free_at_ms: int = 0


_CHROME, _EDGE, _FIREFOX, _SAFARI = "141.0.0", "141.0.0", "144.0", "18.2"

WINDOWS_CHROME = Device("Windows", "10", "Chrome", _CHROME, "", "desktop", 1920, 1080)
WINDOWS_EDGE = Device("Windows", "10", "Edge", _EDGE, "", "desktop", 1536, 864)
WINDOWS_FIREFOX = Device("Windows", "10", "Firefox", _FIREFOX, "", "desktop", 1920, 1080)
MAC_SAFARI = Device("Mac OS X", "10.15.7", "Safari", _SAFARI, "", "desktop", 1440, 900)
MAC_CHROME = Device("Mac OS X", "10.15.7", "Chrome", _CHROME, "", "desktop", 1728, 1117)
LINUX_FIREFOX = Device("Linux", "", "Firefox", _FIREFOX, "", "desktop", 1920, 1200)
IPHONE = Device("iOS", "18.1", "Mobile Safari", _SAFARI, "iPhone", "mobile", 390, 844)
IPAD = Device("iOS", "18.1", "Mobile Safari", _SAFARI, "iPad", "tablet", 820, 1180)
PIXEL = Device("Android", "15", "Chrome Mobile", _CHROME, "Pixel 8", "mobile", 412, 915)
GALAXY = Device("Android", "14", "Samsung Internet", "27.0", "SM-S911B", "mobile", 360, 780)
CRAWLER = Device("Linux", "", "HeadlessChrome", "140.0.0", "", "desktop", 800, 600)
IOS_APP = Device("iOS", "18.1", "", "", "iPhone15,2", "mobile", 393, 852, platform="ios")

ANDROID = (PIXEL, GALAXY)
DEVICES = (
    WINDOWS_CHROME,
    WINDOWS_EDGE,
    WINDOWS_FIREFOX,
    MAC_SAFARI,
    MAC_CHROME,
    LINUX_FIREFOX,
    IPHONE,
    IPAD,
    PIXEL,
    GALAXY,
)
_DEVICE_WEIGHTS = (26, 8, 8, 15, 8, 3, 15, 3, 9, 5)

BERLIN = Place("DE", "Land Berlin", "Berlin", "UTC+01:00")
NEW_YORK = Place("US", "New York", "New York", "UTC-05:00")
LONDON = Place("GB", "England", "London", "UTC+00:00")
PARIS = Place("FR", "Île-de-France", "Paris", "UTC+01:00")
TOKYO = Place("JP", "Tokyo", "Tokyo", "UTC+09:00")
NOWHERE = Place("", "", "", "")
PLACES = (
    BERLIN,
    Place("DE", "Bavaria", "Munich", "UTC+01:00"),
    NEW_YORK,
    Place("US", "California", "San Francisco", "UTC-08:00"),
    LONDON,
    PARIS,
    Place("ES", "Madrid", "Madrid", "UTC+01:00"),
    Place("IT", "Lombardy", "Milan", "UTC+01:00"),
    Place("BR", "São Paulo", "São Paulo", "UTC-03:00"),
    TOKYO,
)
ABROAD = PLACES[5:]
_PLACE_WEIGHTS = (16, 9, 15, 9, 13, 12, 8, 7, 6, 5)

_FIRST = (
    "Amara",
    "Bela",
    "Chloe",
    "Dario",
    "Elif",
    "Fynn",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Katja",
    "Luca",
    "Mira",
    "Nils",
    "Olga",
    "Pavel",
    "Quinn",
    "Rosa",
    "Sami",
    "Tilda",
    "Umar",
    "Vera",
    "Wanda",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Åsa",
    "José",
    "Søren",
    "Nguyễn",
)
_LAST = (
    "Abel",
    "Brandt",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fuchs",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Keller",
    "Lindner",
    "Moreau",
    "Novak",
    "O'Hara",
    "Petrov",
    "Rossi",
    "Silva",
    "Tanaka",
    "Weber",
)
_HOSTS = ("example.org", "example.com", "example.net", "mail.example")
_COMPANIES = ("Globex", "Initech", "Stark Ltd", "Acme & Co", "Umbrella GmbH", "")

# Ids that a client must carry through untouched; the slash can stand in no path (observed D, "User ids").
_AWKWARD_IDS = (
    ("team/eve", "Eve Lang"),
    ("frank miller@example.org", ""),
    ("crm|1-5", "Dave Garcia"),
    ("用户42", "李 明"),
    ("rocket🚀rider", "Rika 🚀"),
    ("tenant%2Fops", "Ops <shared>"),
    ("<b>bold</b>", "<b>Bo Ld</b>"),
)
_START_ONLY_IDS = ("kiosk-berlin-07", "kiosk-berlin-12", "guest.desk@example.org", "访客7", "loyalty#2201")
_IDENTIFIED = 300
_DORMANT = 10


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody: who has a part in an incident, who just visits."""

    ann: Person
    vip: Person
    mallory: Person
    crawler: Person
    newcomers: tuple[Person, ...]
    regulars: tuple[Person, ...]
    dormant: tuple[Person, ...]
    start_only: tuple[Person, ...]

    def recorded(self) -> list[Person]:
        """Everybody who has a user record: exactly 300."""
        return [self.ann, self.vip, self.mallory, self.crawler, *self.newcomers, *self.regulars, *self.dormant]


def choose_device(rng: Random) -> Device:
    """A device, as often as such devices occur."""
    return rng.choices(DEVICES, _DEVICE_WEIGHTS)[0]


def choose_place(rng: Random) -> Place:
    """A place, as often as visits come from there."""
    return rng.choices(PLACES, _PLACE_WEIGHTS)[0]


def stranger(rng: Random) -> Person:
    """A visitor who never says who they are."""
    return Person("", choose_place(rng), choose_device(rng), known=False)


def device_id(rng: Random) -> str:
    """A random identifier in UUID form; much cheaper than `uuid.uuid4`."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def cast(rng: Random, newcomers: int, mallory_name: str) -> Cast:
    """Invent everybody; `newcomers` of them sign up within the window."""
    ann = Person("ann@example.org", BERLIN, MAC_SAFARI, "Ann Smith & Sons", "ann@example.org", plan="pro")
    ann.traits = {"tier": "gold", "age": 34}
    vip = Person("vip@bigcorp.example", LONDON, WINDOWS_CHROME, "Victor I. Park", "vip@bigcorp.example")
    vip.plan, vip.company = "enterprise", "BigCorp"
    mallory = Person("mallory@example.org", PARIS, LINUX_FIREFOX, mallory_name, "mallory@example.org")
    crawler = Person("crawler-bot-77", NOWHERE, CRAWLER)
    fresh = tuple(_somebody(rng, number) for number in range(newcomers))
    for person in fresh[::4]:  # the sign-up attracts people from abroad, whom its third step refuses
        person.place = rng.choice(ABROAD)
    rest = _IDENTIFIED - 4 - newcomers - _DORMANT
    regulars = [*_awkward(rng), *(_somebody(rng, 400 + number) for number in range(rest - len(_AWKWARD_IDS)))]
    dormant = tuple(_somebody(rng, 900 + number) for number in range(_DORMANT))
    start_only = tuple(Person(name, BERLIN, choose_device(rng), known=False) for name in _START_ONLY_IDS)
    everybody = (ann, vip, mallory, crawler, *fresh, *regulars, *dormant, *start_only)
    for person in everybody:
        person.devices.append((person.device, device_id(rng)))
    for person in regulars[::5]:
        person.devices.append((choose_device(rng), device_id(rng)))
    return Cast(ann, vip, mallory, crawler, fresh, tuple(regulars), dormant, start_only)


def to_user(person: Person) -> Row:
    """The user object that the server returns for a person; columns with a server default are left out."""
    first, _, last = person.name.partition(" ")
    properties: dict[str, Any] = {"plan": person.plan, **person.traits}
    if person.company:
        properties["company"] = person.company
    return {
        "$user_id": person.user_id,
        "$email": person.email,
        "$name": person.name,
        "$first_name": first,
        "$last_name": last,
        "$phone": person.phone,
        "$avatar": "",
        "$created_at": person.created_ms // 1000 * 1000,
        "$first_event_at": person.created_ms // 1000 * 1000,
        "$last_seen": person.seen_ms // 1000 * 1000,
        "$country": person.place.country,
        "$state": person.place.state,
        "$city": person.place.city,
        "$timezone": 0,
        "$sdk_edition": "tracker",
        "$sdk_version": "19.0.1",
        "properties": properties,
        "distinct_ids": sorted({identifier for _, identifier in person.devices}),
    }


def _somebody(rng: Random, number: int) -> Person:
    """One ordinary person; the number keeps ids apart."""
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    person = Person("", choose_place(rng), choose_device(rng), f"{first} {last}")
    address = f"{first}.{last}{number}@{rng.choice(_HOSTS)}".lower().replace("'", "")
    person.plan = rng.choices(("free", "pro", "enterprise"), (70, 24, 6))[0]
    person.company = rng.choice(_COMPANIES) if person.plan != "free" else ""
    person.traits = {"visits": 1 + int(rng.random() * 40)}
    form = number % 17
    if form == 3:
        person.user_id, person.email = str(10747 + number), address
    elif form == 4:
        person.user_id, person.email = device_id(rng), address
    elif form == 5:
        person.user_id, person.traits["$email"] = address, address
    else:
        person.user_id = person.email = address
    if rng.random() < 0.2:
        person.phone = f"+49 30 5550 {1000 + number}"
    return person


def _awkward(rng: Random) -> list[Person]:
    """The people whose ids are hard to carry."""
    people = [Person(user_id, choose_place(rng), WINDOWS_CHROME, name) for user_id, name in _AWKWARD_IDS]
    people[2].traits = {"note": '<i>&"quoted"</i>', "visits": 3}
    return people
