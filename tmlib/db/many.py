"""Statements about more rows than a statement can name: SQLite limits the number of parameters."""

from collections.abc import Collection, Iterator
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Delete, Row, Select, Update
from sqlalchemy.orm import InstrumentedAttribute, Session

_MAX_PARAMETERS = 10_000

Value = TypeVar("Value")
Column = ColumnElement[int] | InstrumentedAttribute[int]


def select_among(
    session: Session, statement: Select[*tuple[Any, ...]], column: Column, values: Collection[int]
) -> Iterator[Row[Any]]:
    """Rows of a query whose column has one of the values, in any order."""
    for part in parts(values):
        yield from session.execute(statement.where(column.in_(part)))


def change_among(
    session: Session, statement: Update | Delete, column: Column, values: Collection[int]
) -> None:
    """Update or delete the rows whose column has one of the values."""
    for part in parts(values):
        session.execute(
            statement.where(column.in_(part)).execution_options(synchronize_session=False)
        )


def parts(values: Collection[Value]) -> Iterator[list[Value]]:
    """Cut values into parts that one statement can name."""
    found = list(values)
    for start in range(0, len(found), _MAX_PARAMETERS):
        yield found[start : start + _MAX_PARAMETERS]
