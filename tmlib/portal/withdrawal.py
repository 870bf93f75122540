"""Takes depositions out of the catalogue, for good; what is left says that there was one."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Select,
    String,
    Text,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db import Base
from tmlib.db.base import now
from tmlib.db.many import change_among, parts, select_among
from tmlib.errors import Conflict, NotFound, TmError
from tmlib.portal.addresses import Place
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.files import PublishedFile, end_of
from tmlib.portal.models import TABLES

Ids = dict[str, set[int]]
"""Ids of rows by the names of their classes."""

_SHOWN = ("Dataset", "Run")
"""Classes whose rows have pages of their own, besides depositions."""

_NEAREST = (
    *("Deposition", "AnnotationShape", "Annotation", "Tomogram", "Tiltseries", "Frame"),
    *("Alignment", "TomogramVoxelSpacing", "Run", "Dataset"),
)
"""What a row belongs to if it refers to several: the first of these."""


class WithdrawnDeposition(Base):
    """What is left of a deposition that was taken out of the catalogue."""

    __tablename__ = "portal_withdrawn_depositions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime] = mapped_column(default=now)


class WithdrawnRow(Base):
    """What is left of a dataset or a run, whose address somebody may have written down."""

    __tablename__ = "portal_withdrawn_rows"

    entity: Mapped[str] = mapped_column(String(50), primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    deposition_id: Mapped[int] = mapped_column(ForeignKey(WithdrawnDeposition.id))


class Withdrawn(TmError):  # noqa: N818 - reads as what it is
    """Something was taken out of the catalogue."""

    status_code = 410


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
    named = set(_addresses(session, ids))
    for one in reversed(Base.metadata.sorted_tables):
        for name, numbers in ids.items():
            if TABLES[name] is one:
                change_among(session, delete(one), one.c.id, numbers)
    _remove_files(session, named)
    values = {"id": deposition_id, "title": title, "reason": reason}
    session.execute(insert(WithdrawnDeposition).values(values))
    _leave_tombstones(session, deposition_id, ids)
    return {ENTITIES[name].client_name: len(numbers) for name, numbers in ids.items()}


def withdrawn(session: Session, numbers: set[int]) -> set[int]:
    """Those of some numbers of depositions that were withdrawn."""
    column = WithdrawnDeposition.id
    return {row[0] for row in select_among(session, select(column), column, numbers)}


def _leave_tombstones(session: Session, deposition_id: int, ids: Ids) -> None:
    for name in _SHOWN:
        numbers = ids.get(name, set())
        # a number may have been given again: the last time counts
        before = delete(WithdrawnRow).where(WithdrawnRow.entity == name)
        change_among(session, before, WithdrawnRow.id, numbers)
        if numbers:
            of_it = {"entity": name, "deposition_id": deposition_id}
            session.execute(insert(WithdrawnRow), [{**of_it, "id": one} for one in numbers])


def check_there(connection: Connection, name: str, number: int) -> None:
    """Tell of a deposition, a dataset or a run that was withdrawn.

    Parameters
    ----------
    connection
        To the database.
    name
        The class: ``Deposition``, ``Dataset`` or ``Run``.
    number
        Its id.

    Raises
    ------
    Withdrawn
        If this one was.
    """
    gone, row = WithdrawnDeposition, WithdrawnRow
    told: Any = select(gone.id, gone.title, gone.reason, gone.withdrawn_at)
    if name == "Deposition":
        told = told.where(gone.id == number)
    else:
        told = told.join(row, row.deposition_id == gone.id)
        told = told.where(row.entity == name, row.id == number)
    if found := connection.execute(told).one_or_none():
        what = "" if name == "Deposition" else f"{name} {number} is of "
        raise Withdrawn(
            f"{what}deposition {found.id}, {found.title}, which was withdrawn on "
            f"{found.withdrawn_at:%Y-%m-%d}: {found.reason}"
        )


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
    """Rows that refer to some others; none of them may be of another deposition."""
    for name, entity in ENTITIES.items():
        column = TABLES[name].c.id
        for item in entity.items:
            meant = ids.get(item.target, set())
            refers_to = TABLES[name].c[item.column]
            found = {row[0] for row in select_among(session, select(column), refers_to, meant)}
            for number, owner in _owners(session, name, found).items():
                if owner not in (None, deposition_id):
                    raise Conflict(
                        f"{entity.client_name} {number} of the deposition {owner} belongs to what "
                        f"is to be withdrawn, its {item.name}: withdraw that deposition first."
                    )
                yield name, number


def _owners(session: Session, name: str, numbers: Collection[int]) -> dict[int, int | None]:
    """The depositions that rows of a class are of: those which they name, or the nearest does."""
    if name == "Deposition":
        return {number: number for number in numbers}
    columns = TABLES[name].c
    items = sorted(ENTITIES[name].items, key=lambda item: _NEAREST.index(item.target))
    owners: dict[int, int | None] = dict.fromkeys(numbers)
    above: dict[str, dict[int, int]] = {}
    told: Select[Any] = select(columns.id, *(columns[item.column] for item in items))
    rows: Iterator[Any] = select_among(session, told, columns.id, numbers)
    for number, *values in rows:
        for item, value in zip(items, values, strict=True):
            if value is not None:
                above.setdefault(item.target, {})[number] = value
                break
    for target_name, parents in above.items():
        found = _owners(session, target_name, set(parents.values()))
        owners |= {number: found[parent] for number, parent in parents.items()}
    return owners


def _remove_files(session: Session, named: Collection[str]) -> None:
    """Take files that rows had named out of the lists, folders with all that is in them.

    A file stays if what is left names it, or a folder that it is in, as closely as these rows did.
    """
    gone = {place for address in named if (place := _named(address))}
    still = (_named(address) for address in _addresses(session))
    kept = {place for place in still if place and gone.intersection(place.within())}
    both = gone | kept
    for place in gone:
        folder = f"{place.key}/"
        inside = and_(PublishedFile.key >= folder, PublishedFile.key < end_of(folder))
        are_named = (
            PublishedFile.bucket == place.bucket,
            or_(PublishedFile.key == place.key, inside),
        )
        found = session.scalars(select(PublishedFile.key).where(*are_named)).all()
        removed = [key for key in found if _closest(Place(place.bucket, key), both) not in kept]
        for part in parts(removed):
            session.execute(
                delete(PublishedFile)
                .where(PublishedFile.bucket == place.bucket, PublishedFile.key.in_(part))
                .execution_options(synchronize_session=False)
            )


def _named(address: str) -> Place | None:
    """The file or folder that an address means, without a slash at its end."""
    place = Place.of(address)
    return next(place.within(), None) if place else None


def _closest(place: Place, others: Collection[Place]) -> Place | None:
    """That of some places which another one is, or is in most closely."""
    return next((one for one in place.within() if one in others), None)


def _addresses(session: Session, ids: Ids | None = None) -> Iterator[str]:
    """What rows name by S3, all of the catalogue or some."""
    for name in ENTITIES if ids is None else ids:
        columns = TABLES[name].c
        named = [columns[one] for one in ENTITIES[name].columns if one.startswith("s3_")]
        if not named:
            continue
        told: Select[Any] = select(*named)
        found = (
            session.execute(told)
            if ids is None
            else select_among(session, told, columns.id, ids[name])
        )
        yield from (address for row in found for address in row if address is not None)
