"""Conditions on the fields of annotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic_core import SchemaValidator, ValidationError
from sqlalchemy import BigInteger, ColumnElement, and_, cast

from tmlib.annotation.errors import described
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.models import Annotation
from tmlib.annotation.schemas import AUTHOR, TARGET, Schema
from tmlib.db.texts import code_points, contains
from tmlib.errors import BadInput

Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "contains"]

MOST_VALUES = 20_000
"""In the lists of all conditions of one query."""

_COMPARE: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "in": lambda column, value: column.in_(value),
    "not_in": lambda column, value: column.not_in(value),
}


@dataclass(frozen=True)
class Condition:
    """What a field has to hold: a comparison with a value, or with a list of them.

    ``id`` counts as a field as well. A row that lacks the field fits no condition.
    """

    field: str
    comparison: Comparison
    value: Any

    def clause(self, schema: Schema, target: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition as a part of a statement.

        Parameters
        ----------
        schema
            Of the rows.
        target
            What their target is.

        Raises
        ------
        BadInput
            If the schema has no such field, or the value is of another type.
        """
        field, column = _column(schema, self.field, target)
        self._check_kind(field)
        values = self.value if self.comparison in ("in", "not_in") else [self.value]
        if not isinstance(values, list | tuple):
            raise BadInput(f'The condition on "{self.field}" needs a list of values.')
        try:
            check = _validator(field)
            values = [check.validate_python(value) for value in values]
        except ValidationError as error:
            problem = described(error.errors(include_url=False)[0])
            raise BadInput(f'The condition on "{self.field}" is invalid: {problem}.') from None
        if self.comparison == "contains":
            return and_(column.is_not(None), contains(column, values[0], ignores_case=False))
        wanted = values if self.comparison in ("in", "not_in") else values[0]
        return and_(column.is_not(None), _COMPARE[self.comparison](column, wanted))

    def _check_kind(self, field: Field) -> None:
        if self.comparison == "contains" and field.kind is not Kind.TEXT:
            raise BadInput(f'"{self.field}" is no text, which could contain another one.')
        if self.comparison in ("lt", "le", "gt", "ge") and field.kind is Kind.BOOLEAN:
            raise BadInput(
                f'"{self.field}" is true or false, which are neither greater nor less: compare it '
                "with eq or ne."
            )


def clauses(
    conditions: Sequence[Condition],
    schema: Schema,
    target: ColumnElement[Any],
) -> list[ColumnElement[bool]]:
    """Conditions as parts of a statement; see `Condition.clause`.

    Raises
    ------
    BadInput
        If one cannot be used, or they have more than `MOST_VALUES` values.
    """
    n_values = sum(len(one.value) for one in conditions if isinstance(one.value, list | tuple))
    if n_values > MOST_VALUES:
        raise BadInput(
            f"The filters name {n_values} values, and {MOST_VALUES} are the most: ask in parts."
        )
    return [condition.clause(schema, target) for condition in conditions]


_NUMBER = Field("id", Kind.ID)


def _validator(field: Field) -> SchemaValidator:
    # a part of a text, and what is less or greater, need not be one of those that can be chosen
    return SchemaValidator(replace(field, required=True, choices=()).validator())


def _column(
    schema: Schema, name: str, target: ColumnElement[Any]
) -> tuple[Field, ColumnElement[Any]]:
    row: Any = Annotation
    if name == "id":
        return _NUMBER, row.id
    field = schema.by_name.get(name)
    if field is None or field.has_coordinates:
        known = ", ".join(one.name for one in schema.fields if not one.has_coordinates)
        raise BadInput(f'Rows have no values "{name[:80]}" to compare: there are id, {known}.')
    if name == TARGET:
        return field, target
    if name == AUTHOR:
        return field, row.user_id
    value = row.data[name]
    match field.kind:
        case Kind.TEXT:
            return field, code_points(value.as_string())
        case Kind.BOOLEAN:
            return field, value.as_boolean()
        case Kind.NUMBER:
            return field, value.as_float()
    return field, cast(value.as_string(), BigInteger)
