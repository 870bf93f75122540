"""What the routes on tables of objects have in common: choosing rows and columns."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, Json, model_validator

from tmlib.annotation.remark_columns import remark_sources
from tmlib.digests import digest_of
from tmlib.errors import BadInput, Conflict
from tmlib.objects.selection import Selection
from tmlib.objects.table import columns
from tmlib.objects.table.object_table import ObjectTable, open_table
from tmlib.objects.table.table_rows import Condition, matching
from tmlib.objects.table.table_statistics import AskedPlaces
from tmlib.tools.label_columns import label_sources
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.api.object_tables import SelectionQuery
from tmserver.http.schemas import Schema, Text

_MAX_CONDITIONS = 50
_MAX_VALUES = 10_000

ColumnName = Annotated[Text, Field(min_length=1, max_length=300, examples=["Morphology_Area"])]
Number = Annotated[float, Field(allow_inf_nan=False)]


class TableColumn(Schema):
    """A column of a table of objects."""

    name: str = Field(examples=["Morphology_Area"])
    kind: columns.Kind = Field(examples=["feature"])
    type: columns.ValueType = Field(examples=["float"])


class Filter(Schema):
    """A condition on a column; all that is given must hold.

    ``min`` and ``max`` are included, ``values`` is a set, and ``missing`` says whether there must
    be no value, or must be one.
    """

    model_config = ConfigDict(extra="forbid")

    column: ColumnName
    minimum: Annotated[Number | None, Field(alias="min", examples=[100])] = None
    maximum: Annotated[Number | None, Field(alias="max", examples=[5000])] = None
    values: Annotated[
        list[bool | int | Number | Text] | None,
        Field(max_length=_MAX_VALUES, examples=[["A01", "B02"]]),
    ] = None
    missing: bool | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set & {"minimum", "maximum", "values", "missing"}:
            raise ValueError('a condition needs "min", "max", "values" or "missing"')
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f'"min" is {self.minimum:g}, which is larger than "max"')
        return self


class ObjectsQuery(SelectionQuery):
    """Which objects: in a part of the experiment, and such as meet all conditions of ``filter``."""

    filter: Annotated[
        Json[Annotated[list[Filter], Field(max_length=_MAX_CONDITIONS)]] | None,
        Field(examples=['[{"column": "Morphology_Area", "min": 100, "max": 5000}]']),
    ] = None


def opened_table(access: ExperimentAccess, mapobject_type_id: int) -> ObjectTable:
    """The table of a type as it is now, for who asks."""
    results = label_sources(access.database, access.storage, mapobject_type_id)
    results += remark_sources(
        access.database, access.experiment_id, mapobject_type_id, annotator(access)
    )
    return open_table(
        access.database, access.storage, access.services.columns, mapobject_type_id, results
    )


def chosen_rows(table: ObjectTable, query: ObjectsQuery) -> NDArray[np.bool_]:
    """Which rows are asked for."""
    return matching(table, _conditions(table, query), table.select(_selection(query)))


def asked_places(table: ObjectTable, query: ObjectsQuery) -> AskedPlaces:
    """Where objects are asked for, whatever else they must be like."""
    selection = _selection(query)
    conditions = [one for one in _conditions(table, query) if table.tells_place(one.column)]
    empty = table.empty_sites
    return AskedPlaces(
        matching(table, conditions, table.select(selection)),
        matching(empty, conditions, empty.select(selection)),
    )


def _selection(query: ObjectsQuery) -> Selection:
    return Selection(**query.model_dump(include=set(SelectionQuery.model_fields)))


def _conditions(table: ObjectTable, query: ObjectsQuery) -> list[Condition]:
    return [
        Condition(table.find(one.column), one.minimum, one.maximum, one.values, one.missing)
        for one in query.filter or ()
    ]


def version_of(table: ObjectTable, used: Sequence[columns.Column], query: ObjectsQuery) -> str:
    """Changes when values of columns do, those of the conditions among them."""
    filtered = [table.find(one.column) for one in query.filter or ()]
    return digest(*(table.version_of(column) for column in (*used, *filtered)), table.version)


def digest(*texts: str) -> str:
    """A short text that stands for others."""
    return digest_of("/".join(texts), 32)


class Cursor(NamedTuple):
    """Where a page begins, in which version of the values, and of which request."""

    version: str
    request: str
    offset: int

    def encode(self) -> str:
        """As text, which is for this server alone."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor in a text.

        Raises
        ------
        BadInput
            If it is none.
        """
        try:
            version, request, offset = json.loads(base64.urlsafe_b64decode(text))
        except (binascii.Error, ValueError, TypeError):
            version, request, offset = None, None, None
        if not (isinstance(version, str) and isinstance(request, str) and _is_offset(offset)):
            raise BadInput('Parameter "cursor" is none that this server has given: leave it out.')
        return cls(version, request, offset)

    def check(self, version: str, request: str) -> None:
        """Make sure that it continues this request, on the values that it was begun with.

        Raises
        ------
        BadInput
            If it belongs to another request.
        Conflict
            If the values have changed.
        """
        if request != self.request:
            raise BadInput(
                'Parameter "cursor" belongs to a request with other columns, filters or order: '
                "repeat that one, or leave it out."
            )
        if version != self.version:
            raise Conflict(
                "The values have changed since the first page was read: begin again without "
                "a cursor."
            )


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
