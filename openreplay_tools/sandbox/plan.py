"""Who visits when: the rhythm of thirty days, and the visits that are booked in advance."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from openreplay_tools.sandbox import faults, incidents, people, phones, signup, visits
from openreplay_tools.sandbox.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from openreplay_tools.sandbox.people import Cast, Device, Person
    from openreplay_tools.sandbox.tape import Tape

SESSIONS = 2000
DAYS = 30
NEWCOMERS = 72

# The rhythm belongs to this moment, a Friday evening; for another end everything moves by the difference.
_RHYTHM_END = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
_BY_WEEKDAY = (1.08, 1.1, 1.06, 1.08, 1.12, 0.75, 0.85)
_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 11, 10, 10, 9, 9, 10, 11, 12, 12, 10, 7, 4)
_QUIET_BEFORE_END = 20 * MINUTE
_LAST_VISIT = 7 * MINUTE


@dataclass(frozen=True, slots=True)
class Booking:
    """A visit that must take place; what is empty is chosen when its time comes."""

    script: Callable[[Tape], None]
    person: Person | None = None
    device: Device | None = None
    release: str = ""
    experiment: str = ""


class Diary:
    """The start of every session, as milliseconds before the end, oldest first, and what is booked for it."""

    def __init__(self, rng: Random) -> None:
        """Draw all starts."""
        self.offsets = _draw_offsets(rng)
        self.booked: dict[int, Booking] = {}
        self._rng = rng
        self._rising = [-offset for offset in self.offsets]

    def book(self, before_end: float, booking: Booking) -> None:
        """Book the free start that is nearest to that time."""
        place = bisect_left(self._rising, -before_end)
        for distance in range(SESSIONS):
            for slot in (place + distance, place - distance):
                if 0 <= slot < SESSIONS - 1 and slot not in self.booked:
                    self.booked[slot] = booking
                    return

    def scatter(self, booking: Booking, newest: float, oldest: float) -> None:
        """Book some start between two times before the end."""
        self.book(newest + self._rng.random() * (oldest - newest), booking)


def _draw_offsets(rng: Random) -> list[int]:
    """Draw the starts hour by hour, as busy as the hour of the day and the day of the week are."""
    hours = range(DAYS * 24)
    weights = []
    for hour in hours:
        moment = _RHYTHM_END - timedelta(hours=hour, minutes=30)
        weights.append(_BY_WEEKDAY[moment.weekday()] * _BY_HOUR[moment.hour])
    drawn = rng.choices(hours, weights, k=SESSIONS - 1)
    offsets = [max(_QUIET_BEFORE_END, int((hour + rng.random()) * HOUR)) for hour in drawn]
    offsets = [offset + int(rng.random() * MINUTE) if offset == _QUIET_BEFORE_END else offset for offset in offsets]
    return [*sorted(offsets, reverse=True), _LAST_VISIT]


def fill(rng: Random, cast: Cast) -> Diary:
    """Book everything that the incidents, their decoys and the special visitors need."""
    diary = Diary(rng)
    _book_characters(diary, cast)
    _book_checkout(diary, cast)
    for person in cast.newcomers:
        diary.scatter(Booking(signup.newcomer, person), 4 * HOUR, 29 * DAY)
    for _ in range(22):
        diary.scatter(Booking(signup.passer_by), HOUR, 29 * DAY)
    for number in range(76):
        guest = rng.choice(cast.regulars) if number % 4 else None
        variant = faults.CART_A if number % 5 in {1, 3} else faults.CART_B
        diary.scatter(Booking(visits.couponer, guest, experiment=variant), 2 * HOUR, 21 * DAY)
    for _ in range(60):
        diary.scatter(Booking(visits.glance, cast.crawler), HOUR, 29 * DAY)
    for number in range(50):
        guest = rng.choice(cast.regulars) if number % 3 else None
        diary.scatter(Booking(phones.app_visit, guest, people.IOS_APP), HOUR, 29 * DAY)
    for number in range(24):
        person = cast.start_only[number % len(cast.start_only)]
        diary.scatter(Booking(visits.ordinary, person), HOUR, 29 * DAY)
    return diary


def _book_characters(diary: Diary, cast: Cast) -> None:
    """The visits of Ann, of the important customer and of Mallory."""
    diary.book(19 * HOUR + 20 * MINUTE, Booking(incidents.ann_cannot_pay, cast.ann, release=faults.NEW_RELEASE))
    for days, script in ((24, visits.ordinary), (19, visits.ordinary), (13, visits.buyer), (9, visits.buyer)):
        diary.book(days * DAY + 3 * HOUR, Booking(script, cast.ann))
    diary.book(7 * DAY, Booking(visits.ordinary, cast.ann))
    for days in (28, 23, 17, 12, 8, 5):
        diary.book(days * DAY + 5 * HOUR, Booking(incidents.vip_looks_around, cast.vip))
    for hours in (52, 27, 3.4):
        diary.book(hours * HOUR, Booking(incidents.vip_is_stopped, cast.vip, release=faults.NEW_RELEASE))
    for hours in (8 * 24, 3 * 24, 14):
        diary.book(hours * HOUR, Booking(incidents.mallory_gives_orders, cast.mallory))


def _book_checkout(diary: Diary, cast: Cast) -> None:
    """The checkouts that fail since the release, and the ones beside them that do not."""
    since = faults.RELEASED_DAYS_AGO * DAY - 4 * HOUR
    safari = [person for person in cast.regulars if person.device is people.MAC_SAFARI]
    for number in range(38):
        person = safari[number % 25 % len(safari)] if number % 7 else None
        booking = Booking(visits.buyer, person, people.MAC_SAFARI, release=faults.NEW_RELEASE)
        diary.scatter(booking, 2 * HOUR, since)
    for number in range(9):  # decoys: the same browser and days, the old release still open in a tab
        booking = Booking(visits.buyer, safari[-1 - number], people.MAC_SAFARI, release=faults.OLD_RELEASE)
        diary.scatter(booking, 3 * HOUR, since)
    others = (people.WINDOWS_CHROME, people.WINDOWS_FIREFOX, people.IPHONE, people.MAC_CHROME)
    for number in range(32):  # decoys: the same release, other browsers
        device = others[number % len(others)]
        diary.scatter(Booking(visits.buyer, None, device, release=faults.NEW_RELEASE), 2 * HOUR, since)
    for _ in range(3):
        diary.scatter(Booking(visits.unlucky_buyer, None, people.WINDOWS_CHROME), 11 * DAY, 13 * DAY)
