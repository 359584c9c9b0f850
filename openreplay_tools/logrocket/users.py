"""Telling LogRocket who a user is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, NotFoundError
from openreplay_tools.flow import Request
from openreplay_tools.logrocket.access import Reply, about, ask_logrocket, at_logrocket, first_of
from openreplay_tools.logrocket.refusals import unknown_app
from openreplay_tools.operation import ArgumentPart, Arguments, operation
from openreplay_tools.recordings import Person
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_LONGEST = 1024  # characters of an id, a name, an email, a trait's name or value
_MOST_TRAITS = 100
_MOST_TOLD = 1000  # traits that are read of a reply
_CLOCK_SKEW_S = 300


def _not_blank(value: str) -> str:
    if not value.strip():
        message = "should be more than blanks"
        raise ValueError(message)
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value) if isinstance(value, int | float) else value


_Told = Annotated[str, BeforeValidator(_as_text)]


class Trait(ArgumentPart):
    """A further property of a user."""

    name: Annotated[
        str, Field(max_length=_LONGEST, description="Name, up to 1024 characters."), AfterValidator(_not_blank)
    ]
    value: Annotated[
        str,
        Field(max_length=_LONGEST, description="Value, up to 1024 characters; blank removes it."),
        BeforeValidator(_as_text),
    ]


class LogrocketIdentifyUserArgs(Arguments):
    """Whom, and what is to be known."""

    user_id: Annotated[
        str,
        Field(max_length=_LONGEST, description="Exact id, as the site passes it to LogRocket.identify()."),
        AfterValidator(_not_blank),
    ]
    name: Annotated[str, Field(max_length=_LONGEST, description="Name, up to 1024 characters; empty: stays.")] = ""
    email: Annotated[str, Field(max_length=_LONGEST, description="Email, up to 1024 characters; empty: stays.")] = ""
    traits: Annotated[
        list[Trait],
        Field(
            max_length=_MOST_TRAITS, description="Properties to set, e.g. name plan, value pro; those not named stay."
        ),
    ] = []
    seen_at: Annotated[
        str,
        Field(max_length=80, description="When the user was seen, e.g. 2026-11-03 14:00; moves first or last seen."),
    ] = ""


class _PersonReply(Reply):
    # https://docs.logrocket.com/docs/user-identification-api says userID; other writings of the same API say userId.
    user_id: _Told = Field("", validation_alias=AliasChoices("userID", "userId"))
    name: _Told = ""
    email: _Told = ""
    traits: Annotated[dict[str, _Told], BeforeValidator(lambda given: first_of(given, _MOST_TOLD))] = {}


def person_card(person: Person, args: LogrocketIdentifyUserArgs, scope: Scope) -> Answer:
    """Present a user as LogRocket now keeps it."""
    facts: list[Line] = [(Own("Name: "), Recorded(person.name)), (Own("Email: "), Recorded(person.email))]
    if seen := _seen_at(args, scope):
        facts.append(own(f"Seen at: {format_moment(seen)} {scope.zone.key}."))
    names = {trait.name for trait in args.traits if not trait.value.strip()}
    notes = [own("What was not sent stays as it was; a trait sent with a blank value is removed.")]
    if not (person.name or person.email or person.traits):
        notes.insert(0, own("LogRocket accepted it, but did not tell what it keeps now."))
    if kept := names & person.traits.keys():
        notes.insert(0, (Own("Still there, though a blank value was sent: "), *_listed(sorted(kept)), Own(".")))
    return Answer(
        subject=(Own("User "), identifier(person.user_id), Own(" identified")),
        scope=about(scope),
        facts=tuple(facts),
        headings=("trait", "value"),
        rows=tuple(Row(((Recorded(name),), (Recorded(value),))) for name, value in person.traits.items()),
        notes=tuple(notes),
        rest="the result holds all",
    )


def _listed(names: list[str]) -> list[Own | Recorded]:
    return [part for n, name in enumerate(names) for part in ((Own(", "),) if n else ()) + (Recorded(name),)]


def _seen_at(args: LogrocketIdentifyUserArgs, scope: Scope) -> datetime | None:
    if not args.seen_at.strip():
        return None
    seen = moment(args.seen_at, now=scope.now, zone=scope.zone, field="seen_at", edge="start")
    if (seen - scope.now).total_seconds() > _CLOCK_SKEW_S:
        raise ArgumentsError("seen_at: ", Given(args.seen_at), " has not come yet. Give a time that has passed.")
    return seen


def _body(args: LogrocketIdentifyUserArgs, scope: Scope) -> dict[str, Any]:
    """Return what is sent: only what is given.

    Raises:
        ArgumentsError: nothing is, or one trait is given twice.
    """
    names = [trait.name for trait in args.traits]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ArgumentsError("traits: ", Given(twice), " is given twice. Name each trait once.")
    seen = _seen_at(args, scope)
    given = {
        "name": args.name,
        "email": args.email,
        "traits": {trait.name: trait.value for trait in args.traits},
        "timestamp": round(seen.timestamp() * 1000) if seen else 0,
    }
    body = {key: value for key, value in given.items() if value}
    if not body:
        raise ArgumentsError("Nothing to say about the user: give name, email, traits or seen_at.")
    return body


@operation(
    LogrocketIdentifyUserArgs,
    provider="logrocket",
    group="logrocket",
    effect="write",
    needs="logrocket",
    prepare=at_logrocket,
    present=person_card,
)
def logrocket_identify_user(args: LogrocketIdentifyUserArgs, scope: Scope) -> Flow[Person]:
    """Tell LogRocket who a user is: name, email, traits, when seen; returns what it keeps now.

    Writes to LogRocket: call it only when asked to. What is not given stays; a trait with a blank value is removed.
    """
    # https://docs.logrocket.com/docs/user-identification-api: the same values again change nothing.
    request = Request(
        "PUT",
        ("users", args.user_id),
        _PersonReply,
        body=_body(args, scope),
        reads=False,
        repeatable=True,
        via="logrocket",
    )
    try:
        reply = yield from ask_logrocket(request)
    except NotFoundError as error:
        raise unknown_app(error, scope) from None
    return Person(user_id=reply.user_id or args.user_id, name=reply.name, email=reply.email, traits=dict(reply.traits))
