"""Reads all that a query asks for below a field, with one statement for each field."""

import base64
import binascii
import time
from collections.abc import Collection, Iterable
from typing import Any

from graphql import FieldNode
from graphql.execution.values import get_argument_values

from tmlib.errors import BadInput, TooLarge
from tmlib.portal.aggregates import Aggregation
from tmlib.portal.declaration import target
from tmlib.portal.declaration.entity import Entity, Item, Many
from tmlib.portal.reading import Page, PageRows, Reader, Row
from tmserver.portal.resolvers import path_of
from tmserver.portal.selections import Fields, Info, selected

MOST_VALUES = 1_000_000
"""Values of an answer that is not a plain list."""

Path = tuple[str, ...]

_CURSOR = "arrayconnection:"


class Loader:
    """Reads for one query.

    Parameters
    ----------
    reader
        What reads rows.
    end
        When it has to be done, by the clock `time.monotonic`.
    """

    def __init__(self, reader: Reader, end: float) -> None:
        self._reader = reader
        self._end = end
        self._n_values = 0

    def rows(self, entity: Entity, info: Info, arguments: dict[str, Any]) -> Any:
        """Rows for a field of the query, with all that is selected below them."""
        fields = selected(info, entity.name, info.field_nodes)
        part = arguments.get("limitOffset") or {}
        names = _names(entity, fields)
        found = self._reader.rows(
            entity,
            names,
            arguments.get("where"),
            arguments.get("orderBy") or (),
            part.get("limit"),
            part.get("offset"),
        )
        self._note(found, names)
        self._attach(entity, found, fields, info, path_of(info))
        return found

    def aggregate(self, entity: Entity, info: Info, arguments: dict[str, Any]) -> Any:
        """Numbers for a field of the query."""
        path = path_of(info)
        return {
            (*path, key): self._reader.aggregate(entity, asked, arguments.get("where"))
            for key, asked in _aggregations(entity, info, info.field_nodes).items()
        }

    def _note(self, rows: Collection[Row], names: Collection[str]) -> None:
        """Refuse what becomes too much."""
        self._n_values += len(rows) * len(names)
        if self._n_values > MOST_VALUES:
            raise TooLarge("The answer would be too large: ask for parts, by limit and offset.")
        if time.monotonic() > self._end:
            raise TooLarge("The query takes too long: ask for less at once.")

    def _attach(
        self,
        entity: Entity,
        rows: Collection[Row],
        fields: Fields,
        info: Info,
        path: Path,
    ) -> None:
        """Read what relations of rows lead to, as far as it is selected."""
        kind: Any = info.schema.type_map[entity.name]
        for key, nodes in fields.items():
            name = nodes[0].name.value
            relation = entity.relations.get(name.removesuffix("Aggregate"))
            if relation is None:
                continue
            here = (*path, key)
            arguments = get_argument_values(kind.fields[name], nodes[0], info.variable_values)
            if isinstance(relation, Item):
                self._attach_items(relation, rows, nodes, arguments, info, here)
            elif name in entity.relations:
                self._attach_pages(entity, relation, rows, nodes, arguments, info, here)
            else:
                self._attach_aggregates(entity, relation, rows, nodes, arguments, info, here)

    def _attach_items(
        self,
        relation: Item,
        rows: Collection[Row],
        nodes: list[FieldNode],
        arguments: dict[str, Any],
        info: Info,
        path: Path,
    ) -> None:
        entity = target(relation)
        fields = selected(info, entity.name, nodes)
        names = _names(entity, fields)
        ids = {row[relation.wire_key] for row in rows} - {None}
        found = self._reader.items(relation, ids, names, arguments.get("where"))
        self._note(found.values(), names)
        self._attach(entity, found.values(), fields, info, path)
        for row in rows:
            row[path] = found.get(row[relation.wire_key])

    def _attach_pages(
        self,
        entity: Entity,
        relation: Many,
        rows: Collection[Row],
        nodes: list[FieldNode],
        arguments: dict[str, Any],
        info: Info,
        path: Path,
    ) -> None:
        there = target(relation)
        of_nodes = {
            (*path, edges, node): selected(info, there.name, inner)
            for edges, outer in selected(info, f"{there.name}Connection", nodes).items()
            for node, inner in selected(info, f"{there.name}Edge", outer).items()
            if inner[0].name.value == "node"
        }
        names = sorted({name for fields in of_nodes.values() for name in _names(there, fields)})
        page = Page.of(
            arguments.get("first"),
            arguments.get("last"),
            _index(arguments.get("after")),
            _index(arguments.get("before")),
        )
        found = self._reader.pages(
            entity,
            relation,
            {row["id"] for row in rows},
            names or ["id"],
            arguments.get("where"),
            arguments.get("orderBy") or (),
            page,
        )
        below = [row for rows_of_one in found.values() for row in rows_of_one.rows]
        self._note(below, names)
        for path_of_node, fields in of_nodes.items():
            self._attach(there, below, fields, info, path_of_node)
        connections = {number: _connection(part) for number, part in found.items()}
        nothing = _connection(PageRows())
        for row in rows:
            row[path] = connections.get(row["id"], nothing)

    def _attach_aggregates(
        self,
        entity: Entity,
        relation: Many,
        rows: Collection[Row],
        nodes: list[FieldNode],
        arguments: dict[str, Any],
        info: Info,
        path: Path,
    ) -> None:
        told: dict[int, dict[Path, Any]] = {row["id"]: {} for row in rows}
        for key, asked in _aggregations(target(relation), info, nodes).items():
            found = self._reader.aggregates(entity, relation, told, asked, arguments.get("where"))
            for number, content in told.items():
                content[*path, key] = found.get(number) or asked.of_nothing()
        for row in rows:
            row[path] = told[row["id"]]


def _names(entity: Entity, fields: Fields) -> list[str]:
    """The attributes of a class that are to be read; all rows are told apart by their ids."""
    names = {"id"}
    for nodes in fields.values():
        name = nodes[0].name.value
        if name in entity.fields:
            names.add(name)
        elif isinstance(relation := entity.relations.get(name), Item):
            names.add(relation.wire_key)
    return sorted(names)


def _connection(page: PageRows) -> dict[str, Any]:
    cursors = [_cursor(page.start + index) for index in range(len(page.rows))]
    return {
        "edges": [_Edge(row, cursor) for row, cursor in zip(page.rows, cursors, strict=True)],
        "pageInfo": {
            "hasNextPage": page.start + len(page.rows) < page.total,
            "hasPreviousPage": page.start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


class _Edge:
    """A row of a page with its place."""

    __slots__ = ("cursor", "node")

    def __init__(self, node: Row, cursor: str) -> None:
        self.node = node
        self.cursor = cursor


def _cursor(index: int) -> str:
    return base64.b64encode(f"{_CURSOR}{index}".encode()).decode()


def _index(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    number = text.removeprefix(_CURSOR)
    if not (text.startswith(_CURSOR) and number.isascii() and number.isdecimal()):
        raise BadInput(f"{cursor[:100]!r} is no cursor: take one that an answer has.")
    return min(int(number[:12]), 2**40)


def _aggregations(entity: Entity, info: Info, nodes: Iterable[FieldNode]) -> dict[str, Aggregation]:
    """What is asked about rows of a class, by what the answer calls it."""
    return {
        key: _aggregation(entity, info, inner)
        for key, inner in selected(info, f"{entity.name}Aggregate", nodes).items()
    }


def _aggregation(entity: Entity, info: Info, nodes: Iterable[FieldNode]) -> Aggregation:
    kind: Any = info.schema.type_map[f"{entity.name}AggregateFunctions"]
    functions: dict[str, frozenset[str]] = {}
    counts: set[tuple[bool, str | None]] = set()
    groups: dict[str, Any] = {}
    for inner in selected(info, kind.name, nodes).values():
        name = inner[0].name.value
        if name == "count":
            arguments = get_argument_values(kind.fields[name], inner[0], info.variable_values)
            counts.add((bool(arguments["distinct"]), arguments["columns"]))
        elif name == "groupBy":
            _add_groups(entity, info, inner, groups)
        else:
            below = selected(info, kind.fields[name].type.name, inner).values()
            names = {one[0].name.value for one in below}
            functions[name] = functions.get(name, frozenset()) | names
    return Aggregation(functions, frozenset(counts), groups or None)


def _add_groups(
    entity: Entity, info: Info, nodes: Iterable[FieldNode], groups: dict[str, Any]
) -> None:
    for inner in selected(info, f"{entity.name}GroupByOptions", nodes).values():
        name = inner[0].name.value
        if name in entity.fields:
            groups[name] = None
        else:
            below = groups.setdefault(name, {})
            _add_groups(target(entity.relations[name]), info, inner, below)
