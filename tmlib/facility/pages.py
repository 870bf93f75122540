"""Parts of lists, and how many rows there are in all."""

from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Row, Select, func, or_
from sqlalchemy.orm import Session

from tmlib.db import texts

Entry = TypeVar("Entry")

Query = Select[*tuple[Any, ...]]
"""A query of any columns."""


class Window(NamedTuple):
    """Which part of a list is asked for: at most ``limit`` rows after the first ``skip``."""

    skip: int = 0
    limit: int = 25


class Page(NamedTuple, Generic[Entry]):
    """A part of a list, and the number of rows of the whole list."""

    rows: list[Entry]
    total: int


def read(session: Session, query: Query, window: Window) -> Page[Row[*tuple[Any, ...]]]:
    """The part of what a query finds that a window shows."""
    counted = query.order_by(None).with_only_columns(func.count(), maintain_column_froms=True)
    total = session.scalar(counted) or 0
    if window.skip >= total:
        return Page([], total)
    rows = session.execute(query.offset(window.skip).limit(window.limit)).all()
    return Page(list(rows), total)


def contains(text: str, *columns: Any) -> ColumnElement[bool]:
    """Whether one of some columns contains a text, whatever its case."""
    return or_(*(texts.contains(column, text) for column in columns))


def by_number(session: Session, query: Query) -> dict[int, Any]:
    """Second columns of the rows that a query finds, by the first ones, which are unique."""
    return {row[0]: row[1] for row in session.execute(query)}


def gathered(session: Session, query: Query) -> dict[int, list[Any]]:
    """Second columns of the rows that a query finds, by the first ones."""
    found: dict[int, list[Any]] = {}
    for number, value in session.execute(query):
        found.setdefault(number, []).append(value)
    return found
