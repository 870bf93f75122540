"""Gives ids to rows of the catalogue that are made here."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tmlib.db.many import select_among
from tmlib.errors import Conflict
from tmlib.portal.importing import LARGEST_ID
from tmlib.portal.models import TABLES
from tmlib.portal.publishing.models import LastNumber, Publication
from tmlib.portal.withdrawal import WithdrawnDeposition, WithdrawnRow

_FIRST = {"Deposition": 10000, "Dataset": 10000}


def allocate(session: Session, name: str, count: int = 1) -> int:
    """Take ids that no row of a class has or ever had here; others wait for this transaction.

    Parameters
    ----------
    session
        In a transaction.
    name
        Of the class.
    count
        How many ids, one after the other.

    Returns
    -------
    int
        The first one.

    Raises
    ------
    Conflict
        If there are not so many left.
    """
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    begin = _FIRST.get(name, 1) - 1
    session.execute(insert(LastNumber).values(name=name, last=begin).on_conflict_do_nothing())
    row = session.scalars(select(LastNumber).where(LastNumber.name == name).with_for_update()).one()
    of_class = WithdrawnRow.entity == name
    taken = [
        session.scalar(select(func.max(TABLES[name].c.id))),
        session.scalar(select(func.max(WithdrawnRow.id)).where(of_class)),
    ]
    if name == "Deposition":
        taken.append(session.scalar(select(func.max(WithdrawnDeposition.id))))
    first = max(row.last, *(number or 0 for number in taken)) + 1
    row.last = first + count - 1
    if row.last > LARGEST_ID:
        raise Conflict(f"The catalogue has no ids left for rows of the class {name}.")
    return first


def reserved(session: Session, name: str, numbers: Collection[int]) -> set[int]:
    """Those of some ids of depositions or datasets that publications have, even if they failed."""
    columns = {"Deposition": Publication.deposition_id, "Dataset": Publication.dataset_id}
    column = columns[name]
    return {row[0] for row in select_among(session, select(column), column, numbers)}
