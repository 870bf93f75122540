"""What people have remarked on objects, in tables that a system above tools keeps.

Tools know no such system: it says with :func:`kept_by` how its tables are read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from sqlalchemy.orm import Session

from tmlib.db.base import in_utc
from tmlib.errors import BadInput
from tmlib.tools.payloads import Part

_MOST_TOLD = 5


class RemarkColumn(Part):
    """A column of a table of remarks on the objects, and the moment at which its rows hold."""

    table: str = Field(
        pattern=r"^[^\x00]{1,100}$", description="Name of the annotation table, as in the list."
    )
    column: str = Field(
        pattern=r"^[^\x00]{1,100}$", description="Name of the field that has the answer."
    )
    as_of: Annotated[datetime, AfterValidator(in_utc)] | None = Field(
        default=None, description="The moment at which its rows hold; the present if not given."
    )


class Reader(NamedTuple):
    """Who wants to read remarks in an experiment, and whether as an administrator."""

    experiment_id: int
    user_id: int
    is_admin: bool = False


@dataclass(frozen=True)
class Remarks:
    """What the rows of a table say of objects that are there, in the order of their numbers.

    Attributes
    ----------
    of
        The column, with the moment at which the rows hold: never None.
    mapobject_ids
        Which objects, shape (n,); several rows may be about one.
    answers
        Positions in `texts`, shape (n,).
    texts
        The answers that there are, in their order.
    gone
        Objects that rows are about and that are not there any more.
    n_empty
        How many rows lack an answer.
    """

    of: RemarkColumn
    mapobject_ids: NDArray[np.int64]
    answers: NDArray[np.int32]
    texts: tuple[str, ...]
    gone: Sequence[int] = ()
    n_empty: int = 0

    def left_out(self) -> str | None:
        """Which rows are of no use, in a sentence; None if all of them are."""
        reasons = []
        if self.gone:
            reasons.append(f"{_rows(len(self.gone))} about {told(self.gone)}, gone by now")
        if self.n_empty:
            reasons.append(f'{_rows(self.n_empty)} without "{self.of.column}"')
        if not reasons:
            return None
        return f"Of the table {self.of.table}, {' and '.join(reasons)} are left out."

    def check_agreement(self) -> None:
        """Refuse rows that have different answers for the same object.

        Raises
        ------
        BadInput
            If there are such; it names the objects.
        """
        pairs = np.unique(np.column_stack((self.mapobject_ids, self.answers)), axis=0)
        ids, n_answers = np.unique(pairs[:, 0], return_counts=True)
        differing = ids[n_answers > 1].tolist()
        if differing:
            raise BadInput(
                f'The rows of the table {self.of.table} have different "{self.of.column}" for '
                f"{told(differing)}: update or delete rows until each object has one."
            )


Read = Callable[[Session, Reader, int, RemarkColumn], Remarks]
"""Reads the remarks of a column on objects of a type, if the reader may see its table."""

_keepers: list[Read] = []


def kept_by(read: Read) -> None:
    """Let tools read the tables of a system above them."""
    _keepers.append(read)


def read(session: Session, reader: Reader, type_id: int, wanted: RemarkColumn) -> Remarks:
    """What a table of remarks says of the objects of a type.

    Raises
    ------
    BadInput
        If the table is not about objects of this type, or its column cannot be used.
    NotFound
        If there is no such table.
    Forbidden
        If the reader may not see its rows.
    """
    for keeper in _keepers:
        return keeper(session, reader, type_id, wanted)
    raise BadInput("There are no tables of remarks here: give the objects themselves.")


def told(mapobject_ids: Sequence[int]) -> str:
    """Objects by their numbers; of many, the first ones and how many more."""
    numbers: list[Any] = list(dict.fromkeys(mapobject_ids))
    shown = ", ".join(map(str, numbers[:_MOST_TOLD]))
    more = len(numbers) - _MOST_TOLD
    text = f"object{'s' if len(numbers) > 1 else ''} {shown}"
    return f"{text} and {more} more" if more > 0 else text


def _rows(count: int) -> str:
    return f"{count} row{'s' if count > 1 else ''}"
