"""The sandbox's world: a shop, its people, thirty days of their visits, and what went wrong."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import faults, people
from openreplay_tools.sandbox.incidents import MALLORY_NAME, Incident, summarize
from openreplay_tools.sandbox.plan import NEWCOMERS, Booking, fill
from openreplay_tools.sandbox.tape import OLD_TRACKER, Setting, Tape
from openreplay_tools.sandbox.times import DAY, MINUTE, SECOND, session_id
from openreplay_tools.sandbox.visits import ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.sandbox.people import Cast, Device, Person
    from openreplay_tools.sandbox.times import Row

__all__ = ["PROJECT_ID", "PROJECT_KEY", "Incident", "World", "build"]

PROJECT_ID = 1
PROJECT_KEY = "7X2WHE68QaUo3L1nD60m"

_SEED = 20261120
_TRACKER = "19.0.1"
_REFERRERS = ("", "", "", "https://search.example/", "https://news.example.net/a?b=1", "https://mail.example/")
# True of 39 of the 42 recorded sessions. No phone was recorded: that its touches count as clicks do is a guess.
_SEEN_AS_EVENTS = frozenset({"CLICK", "INPUT", "LOCATION", "TAP", "SWIPE"})


@dataclass(frozen=True)
class World:
    """All data of the project, and the truths planted in it.

    `users` and `events` are objects of API v2, unescaped. `sessions` is what the dashboard knows of each session,
    `live` the sessions that are still running (Enterprise only: from the contract, §2.12).
    """

    users: list[dict[str, Any]]
    events: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    live: list[dict[str, Any]]
    incidents: list[Incident]


def build(end_ms: int) -> World:
    """Make the world whose thirty days end then; the same end gives the same world.

    Another end moves every time by the difference, in whole seconds.
    """
    with _collector_at_rest():
        return _build(end_ms // SECOND * SECOND)


def _build(end: int) -> World:
    rng = Random(_SEED)
    cast = people.cast(rng, NEWCOMERS, MALLORY_NAME)
    _date_people(rng, cast, end)
    tapes = _record_all(rng, cast, end)
    everybody = cast.recorded()
    rows_of = [tape.finished() for tape in tapes]
    return World(
        users=[people.to_user(person) for person in everybody],
        events=[row for rows in rows_of for row in rows],
        sessions=[_session(tape, rows) for tape, rows in zip(tapes, rows_of, strict=True)],
        live=_live(rng, cast, end),
        incidents=summarize(tapes),
    )


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from walking the growing world again and again: that is half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _date_people(rng: Random, cast: Cast, end: int) -> None:
    """Most people were customers before the window; the rest appear with their first visit."""
    for person in (*cast.regulars, *cast.dormant):
        if person in cast.dormant or rng.random() < 0.6:
            person.created_ms = end - (40 * DAY + int(rng.random() * 160 * DAY))
            person.seen_ms = end - (31 * DAY + int(rng.random() * 8 * DAY))
    for person in (cast.ann, cast.vip):
        person.created_ms = end - 90 * DAY


def _record_all(rng: Random, cast: Cast, end: int) -> list[Tape]:
    """Let all visits take place, in the order of their start."""
    diary = fill(rng, cast)
    crowd = list(cast.regulars)
    newcomers = {person.user_id for person in cast.newcomers}
    tapes = []
    for slot, offset in enumerate(diary.offsets):
        booking = diary.booked.get(slot) or Booking(ordinary)
        person = booking.person or _visitor(rng, booking, crowd, end - offset)
        tape = _record(rng, booking, person, end, offset)
        tapes.append(tape)
        if person.user_id in newcomers and person.traits.get("signup_state") == "done":
            newcomers.discard(person.user_id)
            crowd.append(person)
    for person in crowd:
        if not person.seen_ms:  # never came: somebody whose visits are older than the window
            person.created_ms = person.seen_ms = end - 35 * DAY
    return tapes


def _visitor(rng: Random, booking: Booking, crowd: list[Person], start_ms: int) -> Person:
    """Somebody who is free: a known person, some more often than others, or a stranger."""
    if booking.script is ordinary and rng.random() < 0.62:
        for _ in range(5):
            person = crowd[int(rng.random() ** 1.6 * len(crowd))]
            if person.free_at_ms < start_ms:
                return person
    return people.stranger(rng)


def _record(rng: Random, booking: Booking, person: Person, end: int, offset: int) -> Tape:
    """Record one visit."""
    device, identifier = _device(rng, booking, person)
    fresh = offset <= faults.RELEASED_DAYS_AGO * DAY and rng.random() < 0.85
    old = rng.random() < 0.12
    experiment = rng.choices(("", faults.CART_A, faults.CART_B), (30, 50, 20))[0]
    setting = Setting(
        start_ms=end - offset,
        release=booking.release or (faults.NEW_RELEASE if fresh else faults.OLD_RELEASE),
        experiment=booking.experiment or experiment,
        tracker=OLD_TRACKER if old else _TRACKER,
        referrer=rng.choice(_REFERRERS),
        size=_size(rng, offset),
    )
    tape = Tape(rng, person, device, identifier, setting)
    booking.script(tape)
    person.created_ms = person.created_ms or tape.setting.start_ms
    person.seen_ms = person.free_at_ms = tape.clock
    return tape


def _size(rng: Random, offset: int) -> int:
    """About how many rows a visit gets: many short ones, few long ones."""
    if offset < 30 * MINUTE:
        return 12
    return 4 + int(rng.triangular(0, 59, 9))


def _device(rng: Random, booking: Booking, person: Person) -> tuple[Device, str]:
    """What the visit is made with; a device keeps its identifier."""
    if booking.device is not None:
        for device, identifier in person.devices:
            if device == booking.device:
                return device, identifier
    if booking.device is not None or not person.devices:
        owned = (booking.device or person.device, people.device_id(rng))
        person.devices.append(owned)
        return owned
    for_web = [owned for owned in person.devices if owned[0].platform == "web"]
    return for_web[0] if rng.random() < 0.75 else rng.choice(for_web)


def _session(tape: Tape, rows: list[Row]) -> Row:
    """What session search and replay know of a session."""
    person, device, setting = tape.person, tape.device, tape.setting
    names = [row["$event_name"] for row in rows]
    issues = {row["issue_type"] for row in rows} - {""}
    if "ERROR" in names:
        issues.add("js_exception")
    return {
        "sessionId": tape.id,
        "startTs": setting.start_ms,
        "duration": max(tape.clock - setting.start_ms, SECOND),
        "userId": person.user_id,
        "userUuid": rows[0]["$device_id"],
        "userBrowser": device.browser,
        "userBrowserVersion": device.browser_version,
        "userOs": device.os,
        "userOsVersion": device.os_version,
        "userDevice": device.model or None,
        "userDeviceType": device.kind,
        "userCountry": person.place.country,
        "userCity": person.place.city,
        "userState": person.place.state,
        "platform": "web" if device.platform == "web" else "mobile",
        "timezone": person.place.timezone,
        "metadata": {
            "plan": person.plan if person.user_id else None,
            "company": person.company or None,
            "experiment": setting.experiment or None,
            "release": setting.release,
        },
        "issueTypes": sorted(issues),
        "pagesCount": names.count("LOCATION"),
        "eventsCount": max(1, sum(name in _SEEN_AS_EVENTS for name in names)),
        "errorsCount": names.count("ERROR") + names.count("CRASH"),
        "trackerVersion": setting.tracker,
        "screenWidth": device.width,
        "screenHeight": device.height,
        "live": False,
    }


def _live(rng: Random, cast: Cast, end: int) -> list[Row]:
    """Six sessions that are running at the end (from the contract §2.12; keys as the live service sends them)."""
    titles = ("Your cart · Acme Shop", "Acme Shop", "Checkout · Acme Shop", "Outdoor · Acme Shop", "", "Acme Shop")
    visitors = (cast.ann, cast.regulars[0], people.stranger(rng), cast.regulars[9], cast.regulars[3], cast.regulars[12])
    return [
        _live_session(rng, person, title, end - int((2 + 3 * place + rng.random()) * MINUTE))
        for place, (person, title) in enumerate(zip(visitors, titles, strict=True))
    ]


def _live_session(rng: Random, person: Person, title: str, start_ms: int) -> Row:
    device, place = person.device, person.place
    return {
        "active": rng.random() < 0.7,
        "assistOnly": False,
        "isSnippet": False,
        "live": True,
        "metadata": {"plan": person.plan, "company": person.company, "release": faults.NEW_RELEASE},
        "pageTitle": title,
        "projectID": str(PROJECT_ID),
        "projectId": 0,  # observed A36
        "projectKey": PROJECT_KEY,
        "revID": "",
        "sessionID": session_id(start_ms, rng.getrandbits(24)),
        "tabId": f"{rng.getrandbits(48):012x}",
        "timestamp": start_ms,
        "trackerVersion": _TRACKER,
        "userBrowser": device.browser,
        "userBrowserVersion": device.browser_version,
        "userCity": place.city or None,
        "userCountry": place.country or None,
        "userDevice": device.model or None,
        "userDeviceType": device.kind,
        "userID": person.user_id,
        "userOs": device.os,
        "userState": place.state or None,
        "userUUID": person.devices[0][1] if person.devices else people.device_id(rng),
    }
