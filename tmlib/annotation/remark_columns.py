"""Remarks on mapobjects as columns of the table of objects, for those who may read them.

A column is called like its table and its field, ``phases.tag``. Where several rows are about one
object, the latest one with an answer counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.remarks import Answers, answer_fields, answer_texts, read_answers
from tmlib.annotation.tables import Annotator, list_tables, may_use
from tmlib.db import Database
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.table.columns import GivenLabels, LabelSource
from tmlib.objects.table.metadata import TextColumn
from tmlib.tools.labels import MISSING

_NUMBERS = (Kind.NUMBER, Kind.INTEGER)


def remark_sources(
    database: Database, experiment_id: int, mapobject_type_id: int, who: Annotator
) -> list[LabelSource]:
    """Columns with remarks on objects of a type, in the order in which their tables were made.

    Numbers are numbers, all else is text.
    """
    columns = _columns(database, experiment_id, mapobject_type_id, who)
    return [
        LabelSource(one.name, one.key, one.field.kind not in _NUMBERS, one.labels, kind="remark")
        for one in columns
    ]


def remark_texts(
    database: Database, experiment_id: int, mapobject_type_id: int, who: Annotator
) -> list[TextColumn]:
    """The same columns as text, with ``nan`` for objects that nothing is remarked on."""
    columns = _columns(database, experiment_id, mapobject_type_id, who)
    return [(one.name, one.texts_of) for one in columns]


@dataclass(frozen=True)
class _RemarkColumn:
    """A field of a table, as of the last change of that."""

    database: Database
    table: AnnotationTable
    type_id: int
    field: Field
    as_of: datetime

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.field.name}"

    @property
    def key(self) -> str:
        """What stands for the values: they do not change any more."""
        return f"annotations/{self.table.id}/{self.field.name}/{self.as_of.isoformat()}"

    def labels(self) -> GivenLabels:
        """The answers by object, at all time points."""
        ids, codes, values = self._answers
        if self.field.kind in _NUMBERS:
            return GivenLabels(ids, None, np.array(values, np.float64)[codes], None)
        return GivenLabels(ids, None, codes, answer_texts(self.field, values))

    def texts_of(
        self, mapobject_ids: NDArray[np.int64], tpoints: NDArray[np.int32]
    ) -> NDArray[np.object_]:
        """The answers for some objects."""
        ids, codes, values = self._answers
        texts = np.array([*answer_texts(self.field, values), MISSING], object)
        if not len(ids):
            return np.full(len(mapobject_ids), MISSING, object)
        places = np.minimum(np.searchsorted(ids, mapobject_ids), len(ids) - 1)
        found = np.where(ids[places] == mapobject_ids, codes[places], -1)
        return np.asarray(texts[found])

    @cached_property
    def _answers(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        with self.database.session() as session:
            found = read_answers(session, self.table, self.type_id, self.field, self.as_of)
        return (*_latest(found), found.values)


def _columns(
    database: Database, experiment_id: int, type_id: int, who: Annotator
) -> Iterator[_RemarkColumn]:
    with database.session() as session:
        for table in _readable(session, experiment_id, type_id, who):
            for field in answer_fields(find_schema(session, table.schema_name)):
                yield _RemarkColumn(database, table, type_id, field, table.changed_at)


def _readable(
    session: Session, experiment_id: int, type_id: int, who: Annotator
) -> list[AnnotationTable]:
    tables = list_tables(session, experiment_id)
    about = [one for one in tables if mapobject_tables.is_one(one.reference_table or "")]
    if not about:
        return []
    mapobject_type = get_mapobject_type(session, experiment_id, type_id)
    name = mapobject_tables.name_of(session, experiment_id, mapobject_type.name)
    own = [one for one in about if one.reference_table == name]
    return [one for one in own if may_use(session, one, who, "read")]


def _latest(answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Objects, ascending, and the last answer for each."""
    has_answer = answers.are_there & (answers.codes >= 0)
    targets, codes = answers.targets[has_answer][::-1], answers.codes[has_answer][::-1]
    ids, first = np.unique(targets, return_index=True)
    return ids, codes[first]
