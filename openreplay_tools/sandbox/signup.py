"""The sign-up in four steps, and the third one that refuses most of the world's phone numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.sandbox import faults
from openreplay_tools.sandbox.tape import recorded_body
from openreplay_tools.sandbox.visits import arrive, open_page, wander

if TYPE_CHECKING:
    from openreplay_tools.sandbox.tape import Tape

_PREFIXES = {"FR": "+33", "ES": "+34", "IT": "+39", "BR": "+55", "JP": "+81"}
_NEVER_SENT = 0.06
"""How often `signup_done` gets lost although the account was made."""


def newcomer(tape: Tape) -> None:
    """Come to sign up; the visitor has an id from the moment the first step is sent."""
    arrive(tape)
    wander(tape, 6 + int(tape.rng.random() * 12))
    tape.click("Sign up", "#nav-signup")
    tape.wait(500, 1000)
    _open_step(tape, 1)
    tape.type_into("E-mail", 6)
    tape.wait(2000, 5000)
    tape.type_into("Password", 5)
    tape.wait(1000, 2500)
    _identify(tape)
    _send(tape, "account", 200, {"email": tape.person.email, "password": "correct horse"})
    _open_step(tape, 2)
    if tape.chance(0.05):
        return
    tape.type_into("Full name", 5)
    tape.wait(1500, 3000)
    _send(tape, "name", 200, {"name": tape.person.name})
    _open_step(tape, 3)
    if _give_phone(tape):
        _finish(tape)


def passer_by(tape: Tape) -> None:
    """Look at the first step and leave, without ever saying who one is."""
    arrive(tape)
    tape.click("Sign up", "#nav-signup")
    tape.wait(500, 1000)
    _open_step(tape, 1)
    if tape.chance(0.5):
        tape.type_into("E-mail", 4)


def _identify(tape: Tape) -> None:
    """Give the visitor the id; everything before stays without it (observed A8)."""
    for row in tape.rows.values():
        tape.unidentified(row)
    tape.person.created_ms = tape.clock
    tape.person.traits["signup_state"] = "started"


def _open_step(tape: Tape, step: int) -> None:
    open_page(tape, f"/signup/step-{step}")
    tape.wait(1000, 1400)
    tape.custom("signup_step", {"step": step})
    tape.wait(2000, 6000)


def _send(tape: Tape, what: str, status: int, body: dict[str, object], reply: dict[str, object] | None = None) -> None:
    tape.click("Continue", "#signup-next")
    got = recorded_body(reply or {"ok": True})
    tape.request("POST", f"/api/signup/{what}", status, sent=recorded_body(body), got=got)
    tape.wait(1100, 2500)


def _give_phone(tape: Tape) -> bool:
    """Type a phone number, as often as patience lasts; whether it was taken."""
    refused = faults.phone_is_refused(tape.person.place.country)
    if not refused and tape.chance(0.07):  # decoy: leaves the same step for no reason that can be seen
        return False
    number = f"{_PREFIXES.get(tape.person.place.country, '+1')} 555 0100 {tape.size:02}"
    for _ in range(tape.rng.choice((2, 3, 3, 4)) if refused else 0):
        tape.marks.add(faults.PHONE)
        tape.type_into("Phone number", 8 + int(tape.rng.random() * 14))
        tape.wait(1500, 4000)
        _send(tape, "phone", 422, {"phone": number}, {"error": "phone_country_not_supported"})
        tape.wait(3000, 9000)
    if refused and tape.chance(0.88):
        return False
    tape.type_into("Phone number", 6)
    tape.wait(1500, 3000)
    _send(tape, "phone", 200, {"phone": "+49 30 5550 0100"})
    return True


def _finish(tape: Tape) -> None:
    _open_step(tape, 4)
    if tape.chance(0.05):
        return
    tape.type_into("Address", 14)
    tape.wait(2000, 4000)
    _send(tape, "finish", 200, {"newsletter": False})
    tape.person.traits["signup_state"] = "done"
    if not tape.chance(_NEVER_SENT):
        tape.custom("signup_done", {})
    tape.wait(1200, 2500)
    open_page(tape, "/account")
    tape.graphql("AccountOverview", {"first": 5}, {"account": {"plan": tape.person.plan, "orders": 0}})
