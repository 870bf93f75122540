"""Remarks on mapobjects: rows of tables that refer to them, as answers by object.

Tools read such tables through :mod:`tmlib.tools.remarks`, which is told here how.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Integer, Select, and_, cast, or_, select, type_coerce
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import Annotation, AnnotationTable
from tmlib.annotation.schemas import AUTHOR, TARGET, Schema
from tmlib.annotation.tables import Annotator, open_table
from tmlib.errors import BadInput
from tmlib.objects.models import Mapobject, MapobjectType
from tmlib.tools import remarks
from tmlib.tools.remarks import Reader, RemarkColumn, Remarks

_AT_ONCE = 50_000
_TRUTH = {0: "false", 1: "true"}


class Answers(NamedTuple):
    """What a field says of objects at a moment: a row for each remark, the latest one last.

    Attributes
    ----------
    targets
        The objects, shape (n,), whether or not they are there.
    are_there
        Whether objects are there, and of the type, shape (n,).
    codes
        Positions in `values`, shape (n,); -1 where a row has no answer.
    values
        The answers that there are, sorted.
    """

    targets: NDArray[np.int64]
    are_there: NDArray[np.bool_]
    codes: NDArray[np.int32]
    values: tuple[Any, ...]


def answer_fields(schema: Schema) -> tuple[Field, ...]:
    """The fields of a schema that say something of a target, and are no points."""
    return tuple(
        field
        for field in schema.fields
        if field.name not in (TARGET, AUTHOR)
        and field.kind in (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.NUMBER)
    )


def read_answers(
    session: Session, table: AnnotationTable, type_id: int, field: Field, as_of: datetime
) -> Answers:
    """What a field of a table says of the objects of a type, read by one statement.

    An empty text is no answer.
    """
    targets: list[NDArray[np.int64]] = []
    there: list[NDArray[np.bool_]] = []
    codes: list[NDArray[np.int32]] = []
    known: dict[Any, int] = {}
    query = _query(table, type_id, field, as_of).execution_options(yield_per=_AT_ONCE)
    for some in session.execute(query).partitions():
        ids, found, values = zip(*some, strict=True)
        targets.append(np.array(ids, np.int64))
        there.append(np.array([one is not None for one in found], np.bool_))
        given = (None if value == "" else value for value in values)
        numbers = (-1 if value is None else known.setdefault(value, len(known)) for value in given)
        codes.append(np.fromiter(numbers, np.int32, len(values)))
    ordered = sorted(known)
    places = np.zeros(len(known) + 1, np.int32)
    for place, value in enumerate(ordered):
        places[known[value]] = place
    places[-1] = -1  # where a code of -1 leads to
    return Answers(
        np.concatenate(targets or [np.empty(0, np.int64)]),
        np.concatenate(there or [np.empty(0, np.bool_)]),
        places[np.concatenate(codes or [np.empty(0, np.int32)])],
        tuple(ordered),
    )


def _query(
    table: AnnotationTable, type_id: int, field: Field, as_of: datetime
) -> Select[*tuple[Any, ...]]:
    row, one = Annotation, Mapobject
    value: Any = row.data[field.name]
    match field.kind:
        case Kind.TEXT:
            value = value.as_string()
        case Kind.BOOLEAN:
            value = type_coerce(value.as_boolean(), Integer)
        case Kind.NUMBER:
            value = value.as_float()
        case _:
            value = cast(value.as_string(), BigInteger)
    is_target = and_(
        one.experiment_id == row.experiment_id,
        one.id == row.target_id,
        one.mapobject_type_id == type_id,
    )
    return (
        select(row.target_id, one.id, value)
        .outerjoin(one, is_target)
        .where(
            row.experiment_id == table.experiment_id,
            row.annotation_table_id == table.id,
            row.created_at <= as_of,
            or_(row.deleted_at.is_(None), row.deleted_at > as_of),
            row.target_id.is_not(None),
        )
        .order_by(row.created_at, row.id)
    )


def answer_texts(field: Field, values: Sequence[Any]) -> tuple[str, ...]:
    """Answers as text: true and false as JSON writes them."""
    if field.kind is Kind.BOOLEAN:
        return tuple(_TRUTH[int(value)] for value in values)
    return tuple(map(str, values))


def read_remarks(session: Session, reader: Reader, type_id: int, wanted: RemarkColumn) -> Remarks:
    """What a table says of the objects of a type, for tools.

    See :func:`tmlib.tools.remarks.read`.
    """
    who = Annotator(reader.user_id, reader.is_admin)
    table = open_table(session, reader.experiment_id, wanted.table, who, "read", as_of=wanted.as_of)
    _check_reference(session, table, type_id)
    schema = find_schema(session, table.schema_name)
    fields = {field.name: field for field in answer_fields(schema)}
    field = fields.get(wanted.column)
    if field is None or field.kind is Kind.NUMBER:
        usable = [name for name, one in fields.items() if one.kind is not Kind.NUMBER]
        hint = f"use one of {', '.join(usable)}." if usable else "use another table."
        raise BadInput(
            f'The table {table.name} has no column "{wanted.column}" of texts, whole numbers, or '
            f"true and false, which could be classes: {hint}"
        )
    # what has changed until then changes no more
    as_of = min(wanted.as_of or table.changed_at, table.changed_at)
    answers = read_answers(session, table, type_id, field, as_of)
    has_answer = answers.codes >= 0
    usable_rows = answers.are_there & has_answer
    present, codes = np.unique(answers.codes[usable_rows], return_inverse=True)
    used = [answers.values[code] for code in present.tolist()]
    gone = answers.targets[~answers.are_there]
    return Remarks(
        of=wanted.model_copy(update={"as_of": as_of}),
        mapobject_ids=answers.targets[usable_rows],
        answers=codes.astype(np.int32),
        texts=answer_texts(field, used),
        gone=gone.tolist(),
        n_empty=int(np.count_nonzero(answers.are_there & ~has_answer)),
    )


def _check_reference(session: Session, table: AnnotationTable, type_id: int) -> None:
    mapobject_type = session.get_one(MapobjectType, type_id)
    own = mapobject_tables.name_of(session, table.experiment_id, mapobject_type.name)
    if table.reference_table != own:
        about = f"to {table.reference_table}" if table.reference_table else "to nothing"
        raise BadInput(
            f"The rows of the table {table.name} refer {about}, and not to objects of "
            f'"{mapobject_type.name}": use a table that refers to {own}.'
        )


remarks.kept_by(read_remarks)
