"""The order of rows: by attributes of theirs and of what they refer to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, asc, desc, nullsfirst, nullslast, select

from tmlib.errors import BadInput
from tmlib.portal.declaration import target
from tmlib.portal.declaration.entity import Entity
from tmlib.portal.filters import MOST_LEVELS
from tmlib.portal.models import TABLES

MOST_KEYS = 20

OrderBy = Sequence[Mapping[str, Any]]


def order(entity: Entity, table: FromClause, clauses: OrderBy) -> list[ColumnElement[Any]]:
    """What rows of a class are ordered by; at last by their ids, so that the order is one.

    Parameters
    ----------
    entity
        The class.
    table
        Its table, or an alias of that.
    clauses
        Like GraphQL's ``orderBy``: ``[{"name": "asc"}, {"run": {"id": "desc_nulls_last"}}]``. What
        has no value comes last, or first where the order is ``desc``, unless it is told.

    Raises
    ------
    BadInput
        If there are too many keys, or they go too deep.
    """
    keys = [key for clause in clauses for key in _keys(entity, table, clause, 0)]
    if len(keys) > MOST_KEYS:
        raise BadInput(f"Rows are ordered by more than {MOST_KEYS} attributes.")
    return [*(_directed(column, way) for column, way in keys), asc(table.c.id)]


def _keys(
    entity: Entity, table: FromClause, clause: Mapping[str, Any], level: int
) -> Iterator[tuple[ColumnElement[Any], str]]:
    if level > MOST_LEVELS:
        raise BadInput(f"Rows are ordered by what is more than {MOST_LEVELS} relations away.")
    for name, content in clause.items():
        if content is None:
            continue
        if name in entity.fields:
            yield table.c[entity.fields[name].column], content
            continue
        relation = entity.relations[name]
        there = TABLES[relation.target].alias()
        is_it = there.c.id == table.c[relation.column]  # type: ignore[union-attr] # orders go by items
        for column, way in _keys(target(relation), there, content, level + 1):
            # as a value of the row, so that rows that refer to nothing stay
            yield select(column).where(is_it).scalar_subquery(), way


def _directed(column: ColumnElement[Any], way: str) -> ColumnElement[Any]:
    directed: ColumnElement[Any] = asc(column) if way.startswith("asc") else desc(column)
    first = way.endswith("nulls_first") or way == "desc"
    placed: ColumnElement[Any] = nullsfirst(directed) if first else nullslast(directed)
    return placed
