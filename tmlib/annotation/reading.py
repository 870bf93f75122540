"""Reading rows of annotation tables: by number, by what they hold and where, and as of when."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, compress, islice
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from tmlib.annotation.binding import Binding, binding_of, binding_to
from tmlib.annotation.boxes import Box, touches
from tmlib.annotation.conditions import Condition, clauses
from tmlib.annotation.models import Annotation, AnnotationTable, AnnotationTargetChange
from tmlib.annotation.schemas import GREATEST_ID, Schema
from tmlib.annotation.values import shown
from tmlib.db.many import parts
from tmlib.errors import BadInput, NotFound

_AT_ONCE = 5000


class Row(NamedTuple):
    """A state of an annotation.

    Attributes
    ----------
    id
        Its number within the table.
    created_at, deleted_at
        From when until when it holds.
    superseded_by, supersedes
        Numbers of the states after and before it.
    user_id, deleted_by
        Who has made it, and who has ended it.
    values
        Values of its fields: points as ``<name>_position``, three coordinates; and if asked for,
        the objects that contain them as ``<name>_mapobject_id``.
    """

    id: int
    created_at: datetime
    deleted_at: datetime | None
    superseded_by: int | None
    supersedes: int | None
    user_id: int
    deleted_by: int | None
    values: dict[str, Any]

    @property
    def is_valid(self) -> bool:
        """Whether it holds."""
        return self.deleted_at is None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows are wanted: those that fit all that is given.

    Attributes
    ----------
    as_of
        The moment at which they hold; the present if None.
    with_invalid
        Whether also those that did hold before.
    ids
        Their numbers.
    box, mapobject_id, field
        Where one of their points lies, or that of a field: in a box, or in a mapobject.
    conditions
        What their fields have to hold.
    user_id
        Who has made them.
    created_since, created_until
        When they were made.
    after
        Only those whose number is greater.
    limit
        At most so many, those with the smallest numbers.
    bind
        Name of the mapobject type whose objects are told that contain their points.
    """

    as_of: datetime | None = None
    with_invalid: bool = False
    ids: Collection[int] | None = None
    box: Box | None = None
    mapobject_id: int | None = None
    field: str | None = None
    conditions: tuple[Condition, ...] = ()
    user_id: int | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None
    after: int | None = None
    limit: int | None = None
    bind: str | None = None

    @property
    def is_spatial(self) -> bool:
        """Whether rows are looked for by where they are."""
        return self.box is not None or self.mapobject_id is not None


def read_rows(
    session: Session, table: AnnotationTable, schema: Schema, which: Selection
) -> Iterator[Row]:
    """Rows of a table in the order of their numbers, as few at a time as memory is to be kept low.

    Parameters
    ----------
    session
        To read with, for as long as the rows are taken.
    table
        Of which the rows are.
    schema
        Its schema.
    which
        Which rows.

    Raises
    ------
    BadInput
        If something is asked of a field that it does not have.
    NotFound
        If there is no such mapobject or type.
    """
    query = _query(session, table, schema, which)
    if which.ids is None:
        found = _read(session, query, table, schema, which)
    else:
        known = sorted({number for number in which.ids if 0 < number <= GREATEST_ID})
        found = chain.from_iterable(
            _read(session, query.where(Annotation.id.in_(some)), table, schema, which)
            for some in parts(known)
        )
    if which.mapobject_id is not None:
        points = schema.points if which.field is None else (which.field,)
        binding = binding_of(session, table, which.mapobject_id)
        places = [schema.point_column(name) for name in points]
        found = _only_in(binding, which.mapobject_id, places, found)
    found = islice(found, which.limit)
    if which.bind is None:
        yield from found
    else:
        columns = {
            schema.point_column(name): column for name, column in bound_columns(schema).items()
        }
        yield from _bound(binding_to(session, table, which.bind), columns, found)


def count_rows(
    session: Session, table: AnnotationTable, schema: Schema, which: Selection | None = None
) -> int:
    """How many rows a table has: all that there ever were, unless some are chosen."""
    if which is None:
        return table.n_rows
    if which.mapobject_id is not None:
        return sum(1 for _ in read_rows(session, table, schema, which))
    inner = filtered(session, select(Annotation.row_id), table, schema, which).subquery()
    return session.execute(select(func.count()).select_from(inner)).scalar_one()


def bound_columns(schema: Schema) -> dict[str, str]:
    """What tells the mapobjects to which points bind, by the names of the points.

    Raises
    ------
    BadInput
        If there are no points, or a field of the schema has such a name.
    """
    if not schema.points:
        raise BadInput("These rows have no points that could lie in mapobjects.")
    columns = {name: f"{name}_mapobject_id" for name in schema.points}
    if taken := schema.by_name.keys() & set(columns.values()):
        raise BadInput(f'Schema {schema.name} has a field "{min(taken)}" of its own: do not bind.')
    return columns


def history(session: Session, table: AnnotationTable, schema: Schema, row_id: int) -> list[Row]:
    """All states of an annotation, the first one first, by the number of any of them.

    Raises
    ------
    NotFound
        If there is none of this number.
    """

    def one(number: int) -> Row | None:
        wanted = Selection(with_invalid=True, ids=[number])
        return next(read_rows(session, table, schema, wanted), None)

    present = one(row_id)
    if present is None:
        raise NotFound(f"There is no annotation {row_id} in table {table.name}.")
    states = [present]
    while (before := states[0].supersedes) is not None and (row := one(before)):
        states.insert(0, row)
    while (after := states[-1].superseded_by) is not None and (row := one(after)):
        states.append(row)
    return states


def _query(
    session: Session, table: AnnotationTable, schema: Schema, which: Selection
) -> Select[Any]:
    target = _target(table, which.as_of)
    columns = select(
        Annotation.id,
        Annotation.created_at,
        Annotation.deleted_at,
        Annotation.superseded_by,
        Annotation.supersedes,
        Annotation.user_id,
        Annotation.deleted_by,
        cast(Annotation.data, Text).label("data"),
        target.label("target_id"),
    )
    query = filtered(session, columns, table, schema, which).order_by(_order(which))
    if which.limit is None or which.mapobject_id is not None:
        return query
    return query.limit(which.limit)


def _order(which: Selection) -> Any:
    # the sum keeps databases from walking along the numbers of all rows when few were found
    is_search = which.is_spatial or which.ids is not None
    return Annotation.id + 0 if is_search else Annotation.id


def filtered(
    session: Session,
    query: Select[Any],
    table: AnnotationTable,
    schema: Schema,
    which: Selection,
) -> Select[Any]:
    """A query for the rows of a table that fit, but for the mapobject that contains them."""
    row = Annotation
    of_experiment: ColumnElement[int] = type_coerce(row.experiment_id, Integer)
    of_table: ColumnElement[int] = type_coerce(row.annotation_table_id, Integer)
    if which.is_spatial:
        # the sums keep databases from walking along all rows of the table when a box has a few
        of_experiment, of_table = of_experiment + 0, of_table + 0
    query = query.where(of_experiment == table.experiment_id, of_table == table.id)
    if which.as_of is not None:
        query = query.where(row.created_at <= which.as_of)
        if not which.with_invalid:
            query = query.where(or_(row.deleted_at.is_(None), row.deleted_at > which.as_of))
    elif not which.with_invalid:
        query = query.where(row.deleted_at.is_(None))
    for box in _boxes(session, table, which):
        query = query.where(_lies_in(session, table, schema, box, which.field))
    query = query.where(*clauses(which.conditions, schema, _target(table, which.as_of)))
    for wanted in (
        which.user_id is not None and row.user_id == which.user_id,
        which.created_since is not None and row.created_at >= which.created_since,
        which.created_until is not None and row.created_at <= which.created_until,
        which.after is not None and row.id > which.after,
    ):
        if wanted is not False:
            query = query.where(wanted)
    return query


def _target(table: AnnotationTable, as_of: datetime | None) -> ColumnElement[Any]:
    """To which row a row refers, or has referred at a moment."""
    present: ColumnElement[Any] = type_coerce(Annotation.target_id, BigInteger)
    if as_of is None or not table.tracks_targets:
        return present
    change = AnnotationTargetChange
    then = (
        select(change.target_id)
        .where(change.row_id == Annotation.row_id, change.changed_at > as_of)
        .order_by(change.changed_at)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(then, present)


def _boxes(session: Session, table: AnnotationTable, which: Selection) -> Iterator[Box]:
    """Where points may be: what binds to an object is looked at afterwards."""
    if which.box is not None:
        yield which.box
    if which.mapobject_id is not None:
        yield binding_of(session, table, which.mapobject_id).box_of(which.mapobject_id)


def _lies_in(
    session: Session, table: AnnotationTable, schema: Schema, box: Box, field: str | None
) -> ColumnElement[bool]:
    """Condition: a point of a row is in a box."""
    if not schema.points or (field is not None and field not in schema.points):
        which = f'no point "{field}"' if field is not None else "no points"
        raise BadInput(f"The rows of table {table.name} have {which}.")
    around = touches(session, table.id, box)
    if len(schema.points) == 1:
        return around
    inside = []
    for name in schema.points if field is None else (field,):
        x, y, z = (Annotation.data[(name, axis)].as_float() for axis in range(3))
        inside.append(
            and_(
                x.between(box.min_x, box.max_x),
                y.between(box.min_y, box.max_y),
                z.between(box.min_z, box.max_z),
            )
        )
    return and_(around, or_(*inside))


def _only_in(
    binding: Binding, mapobject_id: int, places: Sequence[str], rows: Iterator[Row]
) -> Iterator[Row]:
    """Rows of which a point binds to an object."""
    while some := list(islice(rows, _AT_ONCE)):
        inside = [False] * len(some)
        for place in places:
            objects = binding.objects_at([row.values[place] for row in some])
            inside = [
                before or one == mapobject_id for before, one in zip(inside, objects, strict=True)
            ]
        yield from compress(some, inside)


def _bound(binding: Binding, columns: Mapping[str, str], rows: Iterator[Row]) -> Iterator[Row]:
    """Rows that tell to which objects their points bind, by the columns of these."""
    while some := list(islice(rows, _AT_ONCE)):
        for place, column in columns.items():
            objects = binding.objects_at([row.values[place] for row in some])
            for row, one in zip(some, objects, strict=True):
                row.values[column] = one
        yield from some


def _read(
    session: Session,
    query: Select[Any],
    table: AnnotationTable,
    schema: Schema,
    which: Selection,
) -> Iterator[Row]:
    result = session.execute(query.execution_options(yield_per=_AT_ONCE))
    for some in result.partitions():
        # all at once: to parse one after the other takes twice as long
        values = from_json(f"[{','.join(row.data for row in some)}]")
        for row, data in zip(some, values, strict=True):
            deleted_at, superseded_by = row.deleted_at, row.superseded_by
            deleted_by = row.deleted_by
            if which.as_of is not None and deleted_at is not None and deleted_at > which.as_of:
                # what has become of it later was not known then
                deleted_at = superseded_by = deleted_by = None
            yield Row(
                row.id,
                row.created_at,
                deleted_at,
                superseded_by,
                row.supersedes,
                row.user_id,
                deleted_by,
                shown(schema, data, row.target_id, row.user_id),
            )
