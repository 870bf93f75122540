"""Takes depositions out of the catalogue, for good; what is left says that there was one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, and_, delete, func, insert, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db import Base
from tmlib.db.base import now
from tmlib.db.many import change_among, parts, select_among
from tmlib.errors import Conflict, NotFound
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.declaration.entity import Entity
from tmlib.portal.files import PublishedFile, end_of
from tmlib.portal.models import TABLES

_ADDRESS = "s3://"

Ids = dict[str, set[int]]
"""Ids of rows by the names of their classes."""


class WithdrawnDeposition(Base):
    """What is left of a deposition that was taken out of the catalogue."""

    __tablename__ = "portal_withdrawn_depositions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime] = mapped_column(default=now)


def withdraw(session: Session, deposition_id: int, reason: str) -> dict[str, int]:
    """Remove a deposition with all that belongs to it, and its files from the lists.

    Parameters
    ----------
    session
        In a transaction.
    deposition_id
        Which one; no other can have its number then.
    reason
        Why, for whoever asks for it later.

    Returns
    -------
    dict
        How many rows there were of each class.

    Raises
    ------
    NotFound
        If there is none.
    Conflict
        If something of another deposition belongs to what would be removed.
    """
    table = TABLES["Deposition"]
    title = session.scalar(select(table.c.title).where(table.c.id == deposition_id))
    if title is None:
        raise NotFound(f"There is no deposition {deposition_id}: `tm catalogue list` lists all.")
    ids = _all_that_belongs(session, deposition_id)
    _remove_files(session, ids)
    for one in reversed(Base.metadata.sorted_tables):
        for name, numbers in ids.items():
            if TABLES[name] is one:
                change_among(session, delete(one), one.c.id, numbers)
    values = {"id": deposition_id, "title": title, "reason": reason}
    session.execute(insert(WithdrawnDeposition).values(values))
    return {ENTITIES[name].client_name: len(numbers) for name, numbers in ids.items()}


def withdrawn(session: Session, numbers: set[int]) -> set[int]:
    """Those of some numbers of depositions that were withdrawn."""
    column = WithdrawnDeposition.id
    return {row[0] for row in select_among(session, select(column), column, numbers)}


def list_depositions(session: Session) -> list[tuple[int, str, int, str | None]]:
    """All depositions: number, title, number of datasets, and why they were withdrawn if so."""
    deposition, dataset = TABLES["Deposition"].c, TABLES["Dataset"].c
    datasets = select(func.count()).where(dataset.deposition_id == deposition.id)
    there = session.execute(select(deposition.id, deposition.title, datasets.scalar_subquery()))
    gone = session.execute(
        select(WithdrawnDeposition.id, WithdrawnDeposition.title, WithdrawnDeposition.reason)
    )
    found: list[tuple[int, str, int, str | None]] = [
        *((number, title, count, None) for number, title, count in there),
        *((number, title, 0, reason) for number, title, reason in gone),
    ]
    return sorted(found, key=lambda row: row[0])


def _all_that_belongs(session: Session, deposition_id: int) -> Ids:
    """A deposition, what refers to it, what refers to that, and so on."""
    ids: Ids = {"Deposition": {deposition_id}}
    new: Ids = ids
    while new:
        found: Ids = {}
        for name, number in _referring(session, new, deposition_id):
            if number not in ids.get(name, ()):
                found.setdefault(name, set()).add(number)
        for name, numbers in found.items():
            ids.setdefault(name, set()).update(numbers)
        new = found
    return ids


def _referring(session: Session, ids: Ids, deposition_id: int) -> Iterator[tuple[str, int]]:
    for name, entity in ENTITIES.items():
        columns = TABLES[name].c
        for item in entity.items:
            owner = columns.deposition_id if "deposition_id" in entity.columns else None
            told: Select[Any] = select(columns.id, *([] if owner is None else [owner]))
            meant = ids.get(item.target, set())
            found: Iterator[Any] = select_among(session, told, columns[item.column], meant)
            for row in found:
                if owner is not None and row[1] not in (None, deposition_id):
                    raise Conflict(
                        f"{entity.client_name} {row[0]} of the deposition {row[1]} belongs to what "
                        f"is to be withdrawn, its {item.name}: withdraw that deposition first."
                    )
                yield name, row[0]


def _remove_files(session: Session, ids: Ids) -> None:
    """Take what rows name out of the lists of files, folders with all that is in them."""
    for name, numbers in ids.items():
        for address in _addresses(session, ENTITIES[name], numbers):
            bucket, _, key = address.removeprefix(_ADDRESS).partition("/")
            if not address.startswith(_ADDRESS) or not key:
                continue
            folder = key if key.endswith("/") else f"{key}/"
            inside = and_(PublishedFile.key >= folder, PublishedFile.key < end_of(folder))
            session.execute(
                delete(PublishedFile)
                .where(PublishedFile.bucket == bucket, or_(PublishedFile.key == key, inside))
                .execution_options(synchronize_session=False)
            )


def _addresses(session: Session, entity: Entity, numbers: set[int]) -> set[str]:
    columns = TABLES[entity.name].c
    named = [columns[column] for column in entity.columns if column.startswith("s3_")]
    return {
        address
        for part in parts(numbers)
        if named
        for row in session.execute(select(*named).where(columns.id.in_(part)))
        for address in row
        if address is not None
    }
