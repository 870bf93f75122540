"""Entering, updating and deleting rows of annotation tables.

A request is carried out as a whole or not at all, in one transaction that has locked the table
first: numbers go on from the greatest, whoever writes at the same time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    and_,
    column,
    insert,
    literal,
    select,
    update,
    values,
)
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables
from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import Annotation, AnnotationTable, AnnotationTargetChange, is_of
from tmlib.annotation.moments import lock_tables
from tmlib.annotation.new_numbers import NewNumbers
from tmlib.annotation.repeats import Request, answer_of, remember
from tmlib.annotation.schemas import GREATEST_ID, TARGET, Schema
from tmlib.annotation.tables import Annotator, find_table, open_table
from tmlib.annotation.values import Sent, check_changes, check_new, extent
from tmlib.db import Database
from tmlib.db.many import change_among, parts, select_among
from tmlib.db.spatial import bulk_insert
from tmlib.errors import Conflict, NotFound
from tmlib.objects.models import Mapobject

Pairs = Mapping[int, int]
"""Numbers of new rows by those of the old ones."""


class Place:
    """Where a user writes: a table of an experiment.

    Parameters
    ----------
    database
        Not inside a transaction.
    experiment_id
        Experiment that the user may change.
    name
        Of the table.
    who
        The user.
    key
        By which a request is known when it is sent again; it is carried out once then.
    """

    def __init__(
        self,
        database: Database,
        experiment_id: int,
        name: str,
        who: Annotator,
        key: str | None = None,
    ) -> None:
        self.database = database
        self.experiment_id = experiment_id
        self.name = name
        self.who = who
        self.key = key

    def open(self, session: Session) -> AnnotationTable:
        """The table, if the user may write to it."""
        return open_table(session, self.experiment_id, self.name, self.who, "write")

    def lock(self, session: Session) -> tuple[AnnotationTable, datetime]:
        """The table, to which nobody else writes until the transaction ends, and its moment."""
        table = self.open(session)
        moment = lock_tables(session, [table.id])
        # while others were waited for it may have been deleted, or be for others alone
        self.open(session)
        return table, moment

    def schema(self) -> Schema:
        """The schema of the table: before the transaction, which others wait for."""
        with self.database.session() as session:
            return find_schema(session, self.open(session).schema_name)

    def request(self, action: str, sent: Any) -> Request:
        """A request that may be repeated."""
        return Request.of(self.key, action, sent)


def post_rows(place: Place, sent: Sent) -> list[int]:
    """Enter rows.

    Parameters
    ----------
    place
        Where.
    sent
        The rows. Those with an ``id`` keep it; the others get numbers that go on from the greatest.

    Returns
    -------
    list[int]
        Numbers of the rows, in the same order.

    Raises
    ------
    InvalidRows
        If a row does not fit the schema, or refers to a row that does not exist.
    Conflict
        If a number is taken.
    NotFound
        If there is no such table.
    Forbidden
        If the user may not write to it.
    """
    schema = place.schema()
    rows = check_new(schema, sent)
    numbers = NewNumbers()
    numbers.note(rows)
    request = place.request("post", sent)
    with place.database.transaction() as session:
        table, moment = place.lock(session)
        if (answer := answer_of(session, table, place.who.user_id, request)) is not None:
            return answer
        numbers.begin(session, table)
        ids = numbers.of(rows)
        if schema.is_reference:
            check_targets(session, table, rows)
        insert_rows(session, table, schema, place.who, moment, ids, rows)
        remember(session, table, place.who.user_id, request, ids, moment)
    return ids


def update_rows(place: Place, sent: Sent) -> dict[int, int]:
    """Supersede rows by new ones, which have what is given and keep what is not.

    Parameters
    ----------
    place
        Where.
    sent
        For each row its ``id`` and what shall be different.

    Returns
    -------
    dict[int, int]
        Numbers of the new rows by those of the old ones.

    Raises
    ------
    InvalidRows
        If a row does not fit the schema, or refers to a row that does not exist.
    NotFound
        If there is no such row.
    Conflict
        If a row was superseded before.
    Forbidden
        If the user may not write to the table.
    """
    schema = place.schema()
    changes = check_changes(schema, sent)
    request = place.request("update", sent)
    with place.database.transaction() as session:
        table, moment = place.lock(session)
        # known for certain once nobody else can make one
        if tracking := _tracking_tables(session, table):
            moment = lock_tables(session, [table.id, *tracking])
        if (answer := answer_of(session, table, place.who.user_id, request)) is not None:
            return dict(answer)
        old_ids = [change["id"] for change in changes]
        rows = _merged(session, table, changes)
        if schema.is_reference:
            check_targets(session, table, rows)
        ids = range(table.next_id, table.next_id + len(rows))
        pairs = dict(zip(old_ids, ids, strict=True))
        insert_rows(session, table, schema, place.who, moment, ids, rows, supersedes=old_ids)
        _supersede(session, table, pairs, moment, place.who)
        _follow(session, table, pairs, tracking, moment)
        remember(session, table, place.who.user_id, request, list(pairs.items()), moment)
    return pairs


def delete_rows(place: Place, ids: Sequence[int]) -> list[int]:
    """Mark rows as deleted; those that are so already stay as they are.

    Parameters
    ----------
    place
        Where.
    ids
        Numbers of the rows.

    Returns
    -------
    list[int]
        Those that there are.

    Raises
    ------
    NotFound
        If there is none of them.
    Forbidden
        If the user may not write to the table.
    """
    wanted = list(dict.fromkeys(ids))
    with place.database.transaction() as session:
        table, moment = place.lock(session)
        query = select(Annotation.id).where(is_of(table))
        known = [number for number in wanted if 0 < number <= GREATEST_ID]
        there = {row.id for row in select_among(session, query, Annotation.id, known)}
        if not there:
            raise NotFound(f"annotation_id {wanted[:20]} not in table {table.name}.")
        marked = update(Annotation).where(is_of(table), Annotation.deleted_at.is_(None))
        marked = marked.values(deleted_at=moment, deleted_by=place.who.user_id)
        change_among(session, marked, Annotation.id, there)
    return [number for number in wanted if number in there]


def insert_rows(
    session: Session,
    table: AnnotationTable,
    schema: Schema,
    who: Annotator,
    moment: datetime,
    ids: Sequence[int],
    rows: Sequence[dict[str, Any]],
    supersedes: Sequence[int] | None = None,
) -> None:
    """Enter rows that were checked, under numbers that are free, into a table that is locked."""
    if not rows:
        return
    count, greatest = len(rows), max(ids)
    if greatest > GREATEST_ID:
        raise Conflict(f"Table {table.name} has no numbers left for new rows: make another table.")
    boxes = zip(*(extent(schema, row) for row in rows), strict=True)
    left_out = {"id", TARGET}
    bulk_insert(
        session,
        Annotation,
        {
            "experiment_id": [table.experiment_id] * count,
            "annotation_table_id": [table.id] * count,
            "id": ids,
            "created_at": [moment] * count,
            "user_id": [who.user_id] * count,
            "supersedes": supersedes or [None] * count,
            "target_id": [row.get(TARGET) for row in rows],
            "data": [
                {name: value for name, value in row.items() if name not in left_out} for row in rows
            ],
            **dict(zip(("min_x", "min_y", "min_z", "max_x", "max_y", "max_z"), boxes, strict=True)),
        },
    )
    table.next_id = max(table.next_id, greatest + 1)
    table.n_rows += count
    session.flush()


def check_targets(session: Session, table: AnnotationTable, rows: list[dict[str, Any]]) -> None:
    """Refuse rows that refer to what is not there."""
    targets = {row[TARGET] for row in rows if row.get(TARGET) is not None}
    name = str(table.reference_table)
    if mapobject_tables.is_one(name):
        mapobject_type = mapobject_tables.find_type(session, table.experiment_id, name)
        number: Any = Mapobject.id
        query = select(number.label("id")).where(
            Mapobject.experiment_id == table.experiment_id,
            Mapobject.mapobject_type_id == mapobject_type.id,
        )
    else:
        number = Annotation.id
        query = select(number).where(is_of(find_table(session, table.experiment_id, name)))
    there = {found.id for found in select_among(session, query, number, targets)}
    for place, row in enumerate(rows):
        target = row.get(TARGET)
        if target is not None and target not in there:
            raise InvalidRows.at(place, TARGET, f"there is no {target} in table {name}")


def _merged(
    session: Session, table: AnnotationTable, changes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows as they shall be from now on."""
    query = select(
        Annotation.id, Annotation.superseded_by, Annotation.target_id, Annotation.data
    ).where(is_of(table))
    wanted = [change["id"] for change in changes]
    old = {row.id: row for row in select_among(session, query, Annotation.id, wanted)}
    merged = []
    for number, change in enumerate(changes):
        row = old.get(change["id"])
        if row is None:
            raise NotFound(
                f'Row {number} (counted from 0), field "id": there is no annotation '
                f"{change['id']} in table {table.name}."
            )
        if row.superseded_by is not None:
            raise Conflict(
                f"Row {number} (counted from 0): Annotation with ID {row.id} has already been "
                f"superseded by annotation ID {row.superseded_by}, update annotation ID "
                f"{row.superseded_by} instead."
            )
        merged.append({TARGET: row.target_id, **row.data, **change})
    return merged


def _supersede(
    session: Session, table: AnnotationTable, pairs: Pairs, moment: datetime, who: Annotator
) -> None:
    """Let old rows end where the new ones begin; one that was deleted ended before."""
    for some in _in_parts(pairs):
        replaced = and_(is_of(table), Annotation.id == some.c.old)
        change = update(Annotation).where(replaced).execution_options(synchronize_session=False)
        session.execute(change.values(superseded_by=some.c.new))
        ended = {"deleted_at": moment, "deleted_by": who.user_id}
        session.execute(change.where(Annotation.deleted_at.is_(None)).values(ended))


def _in_parts(pairs: Pairs) -> Iterator[CTE]:
    """The numbers of old and new rows, as tables that a statement can take."""
    columns = (column("old", BigInteger), column("new", BigInteger))
    for some in parts(pairs.items()):
        yield values(*columns, name="pairs").data(some).cte("pairs")


def _tracking_tables(session: Session, table: AnnotationTable) -> list[int]:
    """Ids of tables whose rows refer to the new row when one of a table is updated."""
    query = select(AnnotationTable.id).where(
        AnnotationTable.experiment_id == table.experiment_id,
        AnnotationTable.reference_table == table.name,
        AnnotationTable.tracks_targets,
        AnnotationTable.deleted_at.is_(None),
    )
    return list(session.scalars(query))


def _follow(
    session: Session, table: AnnotationTable, pairs: Pairs, tracking: list[int], moment: datetime
) -> None:
    """Let rows that hold refer to the new rows, and note to which ones they have referred."""
    if not tracking:
        return
    names = ["experiment_id", "row_id", "target_id", "changed_at"]
    for some in _in_parts(pairs):
        follows = and_(
            Annotation.experiment_id == table.experiment_id,
            Annotation.annotation_table_id.in_(tracking),
            Annotation.deleted_at.is_(None),
            Annotation.target_id == some.c.old,
        )
        noted = select(
            literal(table.experiment_id),
            Annotation.row_id,
            Annotation.target_id,
            literal(moment, AnnotationTargetChange.changed_at.type),
        ).where(follows)
        session.execute(insert(AnnotationTargetChange).from_select(names, noted))
        session.execute(
            update(Annotation)
            .where(follows)
            .values(target_id=some.c.new)
            .execution_options(synchronize_session=False)
        )
