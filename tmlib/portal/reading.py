"""Reads rows of the catalogue: lists, what relations lead to, and numbers about them."""

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import FromClause, Select, func, or_, select
from sqlalchemy.engine import Connection

from tmlib.db.many import parts
from tmlib.errors import BadInput
from tmlib.portal.aggregates import AggregateStatement, Aggregation
from tmlib.portal.declaration import column_there, target
from tmlib.portal.declaration.entity import Entity, Item, Kind, Many, Scalar
from tmlib.portal.filters import Filter, Where
from tmlib.portal.models import TABLES
from tmlib.portal.moments import written_by
from tmlib.portal.ordering import OrderBy, order

MOST_IN_PAGE = 100
"""Rows of a page of what a relation leads to."""

_UNBOUNDED = sys.maxsize

Row = dict[Any, Any]
"""Values by their names in GraphQL."""


@dataclass(frozen=True)
class Page:
    """Which of the rows that belong to one are wanted.

    Attributes
    ----------
    start, end
        Indices of the first one, and of the one after the last.
    last
        How many at the end of these, if not all.
    """

    start: int = 0
    end: int = _UNBOUNDED
    last: int | None = None

    @classmethod
    def of(
        cls,
        first: int | None = None,
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> "Page":
        """That between two rows, and of what is there the first or the last ones.

        Parameters
        ----------
        first, last
            How many rows.
        after, before
            Indices of the rows that it is between.

        Raises
        ------
        BadInput
            If more are wanted than a page may have, or less than none.
        """
        for name, wanted in (("first", first), ("last", last)):
            if wanted is not None and not 0 <= wanted <= MOST_IN_PAGE:
                raise BadInput(f"{name} has to be between 0 and {MOST_IN_PAGE}, not {wanted}.")
        start = 0 if after is None else after + 1
        end = _UNBOUNDED if before is None else before
        if first is not None:
            end = min(end, start + first)
        if last is None:
            end = min(end, start + MOST_IN_PAGE)
        return cls(start, end, last)


@dataclass
class PageRows:
    """A page of the rows that belong to one.

    Attributes
    ----------
    rows
        The rows.
    start
        The index of the first one.
    total
        How many rows there are on all pages.
    """

    rows: list[Row] = field(default_factory=list)
    start: int = 0
    total: int = 0


class Reader:
    """Reads from one connection.

    Parameters
    ----------
    connection
        To the database.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select(
        self,
        entity: Entity,
        names: Sequence[str],
        where: Where = None,
        order_by: OrderBy = (),
        limit: int | None = None,
        offset: int | None = None,
        *,
        written: bool = False,
    ) -> Select[Any]:
        """The statement that lists rows of a class.

        Parameters
        ----------
        entity
            The class.
        names
            Its attributes, as GraphQL calls them.
        where, order_by
            Which rows, in which order.
        limit, offset
            How many, all if that is None or 0, after how many others.
        written
            Whether moments are given as texts, as `tmlib.portal.moments` writes them: that of a
            hundred thousand takes the database less time than Python.

        Raises
        ------
        BadInput
            If the filter, the order or the part cannot be used.
        """
        if offset and not limit:
            raise BadInput("Cannot use offset without limit.")
        if (limit or 0) < 0 or (offset or 0) < 0:
            raise BadInput("limit and offset cannot be negative.")
        table = TABLES[entity.name]
        columns = list(_columns(entity, table, names))
        if written:
            columns = [
                self._written(entity, name, column)
                for name, column in zip(names, columns, strict=True)
            ]
        statement = select(*columns)
        statement = statement.where(*self._conditions(entity, table, where))
        statement = statement.order_by(*order(entity, table, order_by))
        return statement.limit(limit).offset(offset or None) if limit else statement

    def rows(
        self,
        entity: Entity,
        names: Sequence[str],
        where: Where = None,
        order_by: OrderBy = (),
        limit: int | None = None,
        offset: int | None = None,
        *,
        most: int | None = None,
    ) -> list[Row]:
        """Rows of a class, by the names of their attributes.

        Parameters
        ----------
        entity, names, where, order_by, limit, offset
            As `select` takes them.
        most
            How many rows are read at most, the first ones.

        Raises
        ------
        BadInput
            If the filter, the order or the part cannot be used.
        """
        statement = self.select(entity, names, where, order_by, limit, offset)
        few = min(filter(None, (limit, most)), default=None)
        return [dict(zip(names, row, strict=True)) for row in self._first([statement], few)]

    def items(
        self,
        relation: Item,
        ids: Collection[int],
        names: Sequence[str],
        where: Where,
        most: int | None = None,
    ) -> dict[int, Row]:
        """What rows refer to, by its id.

        Parameters
        ----------
        relation
            What refers to it.
        ids
            Of what is referred to.
        names
            Attributes that are wanted, as GraphQL calls them.
        where
            What it has to fit.
        most
            How many rows are read at most, the first ones.

        Raises
        ------
        BadInput
            If the filter cannot be used.
        """
        entity = target(relation)
        table = TABLES[entity.name]
        statement = select(table.c.id, *_columns(entity, table, names))
        statement = statement.where(*self._conditions(entity, table, where))
        statements = (statement.where(table.c.id.in_(part)) for part in parts(ids))
        found = self._first(statements, most)
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in found}

    def pages(
        self,
        entity: Entity,
        relation: Many,
        ids: Collection[int],
        names: Sequence[str],
        where: Where,
        order_by: OrderBy,
        page: Page,
        most: int | None = None,
    ) -> dict[int, PageRows]:
        """A page of what refers to each of some rows, by their ids.

        Parameters
        ----------
        entity
            The class of these rows.
        relation
            What refers to them.
        ids
            Which rows.
        names
            Attributes that are wanted, as GraphQL calls them.
        where, order_by
            Which of what refers to them, in which order.
        page
            The part of that.
        most
            How many rows of all pages are read at most, the first ones.

        Raises
        ------
        BadInput
            If the filter or the order cannot be used.
        """
        there = target(relation)
        table = TABLES[there.name]
        key = table.c[column_there(entity, relation)]
        place = func.row_number().over(partition_by=key, order_by=order(there, table, order_by))
        all_places = select(
            key.label("key"),
            (place - 1).label("place"),
            func.count().over(partition_by=key).label("total"),
            *_columns(there, table, names),
        ).where(*self._conditions(there, table, where))
        found: dict[int, PageRows] = defaultdict(PageRows)
        statements = (_placed(all_places.where(key.in_(part)), page) for part in parts(ids))
        for number, index, total, *values in self._first(statements, most):
            rows = found[number]
            if not rows.rows:
                rows.start, rows.total = index, total
            rows.rows.append(dict(zip(names, values, strict=True)))
        return found

    def aggregate(
        self, entity: Entity, aggregation: Aggregation, where: Where, most: int | None = None
    ) -> list[dict[str, Any]]:
        """Numbers about rows of a class, one mapping for each group.

        Parameters
        ----------
        entity
            The class.
        aggregation
            What is asked.
        where
            Which rows.
        most
            How many groups there are at most, the first ones.

        Raises
        ------
        BadInput
            If the filter or the groups cannot be used.
        """
        table = TABLES[entity.name]
        asked = AggregateStatement(entity, table, aggregation)
        statement = asked.statement(*self._conditions(entity, table, where))
        return [asked.told(row)[1] for row in self._first([statement], most)]

    def aggregates(
        self,
        entity: Entity,
        relation: Many,
        ids: Collection[int],
        aggregation: Aggregation,
        where: Where,
        most: int | None = None,
    ) -> dict[int, list[dict[str, Any]]]:
        """Numbers about what refers to each of some rows, by their ids.

        Parameters
        ----------
        entity
            The class of these rows.
        relation
            What refers to them.
        ids
            Which rows; what nothing refers to is not in the result.
        aggregation
            What is asked.
        where
            Which of what refers to them.
        most
            How many groups of all rows there are at most, the first ones.

        Raises
        ------
        BadInput
            If the filter or the groups cannot be used.
        """
        there = target(relation)
        table = TABLES[there.name]
        key = table.c[column_there(entity, relation)]
        asked = AggregateStatement(there, table, aggregation, by=key)
        conditions = self._conditions(there, table, where)
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        statements = (asked.statement(*conditions, key.in_(part)) for part in parts(ids))
        for row in self._first(statements, most):
            number, told = asked.told(row)
            found[number].append(told)
        return found

    def _first(self, statements: Iterable[Select[Any]], most: int | None) -> Iterator[Any]:
        """Rows that statements find, one statement after the other, until there are enough."""
        limited = (statement if most is None else statement.limit(most) for statement in statements)
        rows = (row for statement in limited for row in self._connection.execute(statement))
        return islice(rows, most)

    def _written(self, entity: Entity, name: str, column: Any) -> Any:
        field = entity.fields[name]
        if isinstance(field, Scalar) and field.kind is Kind.MOMENT:
            return written_by(self._connection.dialect, column.element)
        return column

    def _conditions(self, entity: Entity, table: FromClause, where: Where) -> list[Any]:
        return list(Filter(self._connection.dialect).conditions(entity, table, where))


def _columns(entity: Entity, table: FromClause, names: Sequence[str]) -> Iterator[Any]:
    for name in names:
        yield table.c[entity.fields[name].column].label(name)


def _placed(all_places: Select[Any], page: Page) -> Select[Any]:
    """The rows of a page, in their places."""
    placed = all_places.subquery()
    statement = select(placed).where(*_within(placed, page))
    return statement.order_by(placed.c.key, placed.c.place)


def _within(placed: FromClause, page: Page) -> Iterator[Any]:
    if page.start:
        yield placed.c.place >= page.start
    if page.end < _UNBOUNDED:
        yield placed.c.place < page.end
    if page.last is not None:
        # the page may reach beyond the last row
        yield or_(
            placed.c.place >= placed.c.total - page.last, placed.c.place >= page.end - page.last
        )
