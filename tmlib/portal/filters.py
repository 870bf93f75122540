"""Filters of rows: conditions on attributes, and on what relations lead to.

A filter is a mapping like GraphQL's ``where``, with names as they are there:
``{"run": {"dataset": {"title": {"_like": "%a%"}}}, "objectCount": {"_gt": 3}}``. All conditions
have to hold; those below a relation hold for one and the same related row. Comparisons with nothing
give neither yes nor no, as in SQL.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Dialect, FromClause, Select, exists, func, select

from tmlib.db import texts
from tmlib.errors import BadInput
from tmlib.portal.declaration import column_here, column_there, target
from tmlib.portal.declaration.entity import Entity, Item, Kind, Many, Scalar
from tmlib.portal.models import TABLES

Where = Mapping[str, Any] | None

MOST_LEVELS = 8
"""How deep a filter may go from relation to relation: SQLite understands no more than nine."""

MOST_CONDITIONS = 200
"""Relations and comparisons of a filter, of whatever depth."""

_COMPARED: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "_eq": operator.eq,
    "_neq": operator.ne,
    "_gt": operator.gt,
    "_gte": operator.ge,
    "_lt": operator.lt,
    "_lte": operator.le,
}

_PATTERNS: Mapping[str, Callable[..., ColumnElement[bool]]] = {
    "like": texts.like,
    "regex": texts.matches,
}


class Filter:
    """Makes conditions of SQL.

    Parameters
    ----------
    dialect
        Of the database.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._n_conditions = 0

    def conditions(
        self, entity: Entity, table: FromClause, where: Where, level: int = 0
    ) -> Iterator[ColumnElement[bool]]:
        """The conditions that a filter makes of rows of a class.

        Parameters
        ----------
        entity
            The class.
        table
            Its table, or an alias of that.
        where
            The filter; relations and attributes that are None filter nothing.
        level
            How many relations lead here.

        Raises
        ------
        BadInput
            If it has too many conditions, goes too deep, or has a value that cannot be compared.
        """
        if level > MOST_LEVELS:
            raise BadInput(f"A filter goes deeper than {MOST_LEVELS} relations.")
        for name, content in (where or {}).items():
            if content is None:
                continue
            self._count()
            if (field := entity.fields.get(name)) is not None:
                yield from self._comparisons(field, table.c[field.column], content)
            elif (relation := entity.relations.get(name)) is not None:
                yield self._exists(entity, table, relation, content, level)
            else:
                relation = entity.relations[name.removesuffix("Aggregate")]
                yield from self._counts(entity, table, relation, content["count"], level)

    def _count(self) -> None:
        self._n_conditions += 1
        if self._n_conditions > MOST_CONDITIONS:
            raise BadInput(f"A filter has more than {MOST_CONDITIONS} conditions.")

    def _exists(
        self, entity: Entity, table: FromClause, relation: Item | Many, where: Where, level: int
    ) -> ColumnElement[bool]:
        there = TABLES[relation.target].alias()
        return exists().where(
            _joined(entity, table, relation, there),
            *self.conditions(target(relation), there, where, level + 1),
        )

    def _counts(
        self,
        entity: Entity,
        table: FromClause,
        relation: Item | Many,
        count: Mapping[str, Any],
        level: int,
    ) -> Iterator[ColumnElement[bool]]:
        there = TABLES[relation.target].alias()
        counted = counted_column(target(relation), there, count.get("arguments"), count)
        statement: Select[int] = select(counted).where(
            _joined(entity, table, relation, there),
            *self.conditions(target(relation), there, count.get("filter"), level + 1),
        )
        number: Any = statement.scalar_subquery()
        yield from self._comparisons(_COUNT, number, count.get("predicate") or {})

    def _comparisons(
        self, field: Scalar | Item, column: ColumnElement[Any], content: Mapping[str, Any]
    ) -> Iterator[ColumnElement[bool]]:
        for name, value in content.items():
            self._count()
            if name == "_is_null" and value is not None:
                yield column.is_(None) if value else column.is_not(None)
            elif value is None and name in ("_eq", "_neq"):
                yield column.is_(None) if name == "_eq" else column.is_not(None)
            elif value is None:
                raise BadInput(f"Nothing can be compared by {name} with null: use _is_null.")
            else:
                for one in value if isinstance(value, list) else (value,):
                    check_value(one)
                yield self._comparison(name, column, value)

    def _comparison(self, name: str, column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        if name in _COMPARED:
            return _COMPARED[name](column, value)
        if name in ("_in", "_nin"):
            return column.in_(value) if name == "_in" else column.not_in(value)
        # _like, _nlike, _ilike, _nilike, and so with _regex
        kind = "like" if name.endswith("like") else "regex"
        flags = name[1 : -len(kind)]
        found = _PATTERNS[kind](self._dialect, column, value, ignores_case="i" in flags)
        return ~found if "n" in flags else found


_COUNT = Scalar("count", Kind.INTEGER, "How many there are.")


def counted_column(
    entity: Entity, table: FromClause, column: str | None, options: Mapping[str, Any]
) -> ColumnElement[int]:
    """How many rows there are, or how many values a column has where they are to be distinct.

    Parameters
    ----------
    entity, table
        Of the rows.
    column
        The name in GraphQL of what is counted, if not rows.
    options
        Has ``distinct`` if only distinct values count.
    """
    if not options.get("distinct"):
        return func.count(table.c.id)
    return func.count(table.c[entity.fields[column or "id"].column].distinct())


def _joined(
    entity: Entity, table: FromClause, relation: Item | Many, there: FromClause
) -> ColumnElement[bool]:
    here = table.c[column_here(relation)]
    joined: ColumnElement[bool] = there.c[column_there(entity, relation)] == here
    return joined


def check_value(value: Any) -> None:
    """Refuse values that not every database can compare.

    Raises
    ------
    BadInput
        If a text has a NUL or half a character, or a number is none.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput("A number is too large.")
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and _is_broken(value))):
        raise BadInput("A text has a character that is none: NUL, or one half of a pair.")


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
