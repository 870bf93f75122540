"""Numbers about many rows: how many there are, sums, means and extremes, in groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Double, FromClause, Select, func, select

from tmlib.errors import BadInput
from tmlib.portal.declaration import column_here, column_there, target
from tmlib.portal.declaration.entity import Entity
from tmlib.portal.filters import MOST_LEVELS, counted_column
from tmlib.portal.models import TABLES

Groups = Mapping[str, "Groups | None"]
"""Attributes by which rows are grouped: None, or what is beyond a relation."""

MOST_GROUPING_RELATIONS = 8

_WITH_FRACTIONS = ("avg", "stddev", "variance")
"""Functions that give numbers with fractions, whatever they are given."""


@dataclass(frozen=True)
class Aggregation:
    """What is asked about rows.

    Attributes
    ----------
    functions
        The attributes of each of ``sum``, ``avg``, ``stddev``, ``variance``, ``min`` and ``max``.
    counts
        Whether distinct values are counted, and of which attribute.
    groups
        By what rows are grouped; None if all are one group.
    """

    functions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    counts: frozenset[tuple[bool, str | None]] = frozenset()
    groups: Groups | None = None

    @property
    def n_values(self) -> int:
        """How many values there are of each group."""
        n_functions = sum(map(len, self.functions.values()))
        return n_functions + len(self.counts) + _n_leaves(self.groups or {})

    def of_nothing(self) -> list[dict[str, Any]]:
        """What is told about no rows at all."""
        if self.groups is not None:
            return []
        told: dict[str, Any] = {name: {} for name in self.functions}
        return [{**told, "counts": dict.fromkeys(self.counts, 0)}]


def _n_leaves(groups: Groups) -> int:
    return sum(1 if inner is None else _n_leaves(inner) for inner in groups.values())


class AggregateStatement:
    """A statement that finds out what is asked about rows.

    Parameters
    ----------
    entity
        The class of the rows.
    table
        Its table, or an alias of that.
    aggregation
        What is asked.
    by
        A column that rows are grouped by before all others, if any.

    Raises
    ------
    BadInput
        If groups are too many relations away.
    """

    def __init__(
        self,
        entity: Entity,
        table: FromClause,
        aggregation: Aggregation,
        by: ColumnElement[Any] | None = None,
    ) -> None:
        self._source: FromClause = table
        self._n_relations = 0
        groups = list(self._grouped(entity, table, aggregation.groups or {}, ()))
        self._by = [] if by is None else [by]
        self._paths = [path for path, _ in groups]
        self._group_columns = [column for _, column in groups]
        self._functions = [
            (name, attribute)
            for name, attributes in aggregation.functions.items()
            for attribute in sorted(attributes)
        ]
        self._counts = list(aggregation.counts)
        self._aggregation = aggregation
        self._values = [
            *(_call(name, entity, table, attribute) for name, attribute in self._functions),
            *(
                counted_column(entity, table, column, {"distinct": distinct})
                for distinct, column in self._counts
            ),
        ]

    def _grouped(
        self, entity: Entity, table: FromClause, groups: Groups, path: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], ColumnElement[Any]]]:
        if len(path) > MOST_LEVELS:
            raise BadInput(f"Groups are of what is more than {MOST_LEVELS} relations away.")
        for name, inner in groups.items():
            if inner is None:
                yield (*path, name), table.c[entity.fields[name].column]
                continue
            self._n_relations += 1
            if self._n_relations > MOST_GROUPING_RELATIONS:
                raise BadInput(f"Groups are of more than {MOST_GROUPING_RELATIONS} relations.")
            relation = entity.relations[name]
            there = TABLES[relation.target].alias()
            is_related = there.c[column_there(entity, relation)] == table.c[column_here(relation)]
            # rows that refer to nothing are in no group
            self._source = self._source.join(there, is_related)
            yield from self._grouped(target(relation), there, inner, (*path, name))

    def statement(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """The statement for rows with some conditions; groups are in the order of their values."""
        keys = [*self._by, *self._group_columns]
        statement = select(*keys, *self._values).select_from(self._source).where(*conditions)
        if not keys:
            # a statement without any column is none
            return statement.add_columns(func.count())
        return statement.group_by(*keys).order_by(*(key.asc().nulls_last() for key in keys))

    def told(self, row: Any) -> tuple[Any, dict[str, Any]]:
        """What a row says, and the value of the first column that rows are grouped by."""
        values = iter(row)
        by = next(values) if self._by else None
        groups: dict[str, Any] = {}
        for path in self._paths:
            inner = groups
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = next(values)
        told: dict[str, Any] = {name: {} for name in self._aggregation.functions}
        for name, attribute in self._functions:
            told[name][attribute] = next(values)
        told["counts"] = {count: next(values) for count in self._counts}
        told["groupBy"] = groups
        return by, told


def _call(name: str, entity: Entity, table: FromClause, attribute: str) -> ColumnElement[Any]:
    found = entity.fields[attribute]
    column = table.c[found.column]
    options: dict[str, Any] = {"type_": Double()} if name in _WITH_FRACTIONS else {}
    called: ColumnElement[Any] = getattr(func, name)(column, **options)
    return called
