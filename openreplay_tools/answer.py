"""What an operation wants to say, before anyone decides how much of it fits.

Every string in an `Answer` is an `Own` or a `Recorded` part, so the renderer knows what to fence; every row has a
worth, so it knows what to leave out first.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openreplay_tools.text import Line


@dataclass(slots=True)
class Row:
    """One line of a table.

    Args:
        cells: one line for each column.
        worth: the higher, the later it is left out.
        kind: plural, for counting what is left out ("clicks").
        count: how many things this line stands for.
        under: position of an earlier row, of no less worth, without which this one would be misread: it is left out
            with it.
    """

    cells: tuple[Line, ...]
    worth: int = 0
    kind: str = ""
    count: int = 1
    under: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are: "42 of 310 events".

    Args:
        noun: plural, product words ("events").
        total: how many match; None when the server does not tell.
        at_most: True when the server's total may be too high.
        first: number of the first row of this page, counting from 1.
    """

    noun: str
    total: int | None
    at_most: bool = False
    first: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """Something to look at, which a model that sees gets beside the text.

    Args:
        content: the bytes of a whole file.
        media_type: image/jpeg or another that models take.
    """

    content: bytes = field(repr=False)
    media_type: str = "image/jpeg"

    @property
    def base64(self) -> str:
        """The bytes as every framework wants them."""
        return b64encode(self.content).decode("ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation wants to say.

    Args:
        subject: whose or which, directly after the count or as the title of a card.
        scope: project, window, filters, order: what the answer is true about.
        tally: the count, None for a single thing.
        facts: lines that stand before the table.
        headings: the table's columns; () for rows that need none.
        rows: the table.
        in_order: the rows are one page of a walk: what does not fit is cut from the end, whatever its worth.
        more: how to get the next page, said when all rows of this one are shown.
        notes: lines after the table that are always shown.
        rest: how to get the rows that are left out, said only when some are; {shown} is how many are shown, {next} the
            page that goes on with that limit.
        pictures: what there is to look at.
    """

    subject: Line = ()
    scope: tuple[Line, ...] = ()
    tally: Tally | None = None
    facts: tuple[Line, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    in_order: bool = False
    more: Line = ()
    notes: tuple[Line, ...] = field(default=())
    rest: str = ""
    pictures: tuple[Picture, ...] = ()
