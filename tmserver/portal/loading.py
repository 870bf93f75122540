"""Reads all that a query asks for below a field, with one statement for each field."""

import base64
import binascii
from collections.abc import Collection, Iterable
from typing import Any

from graphql import FieldNode
from graphql.execution.values import get_argument_values

from tmlib.errors import BadInput
from tmlib.portal.aggregates import Aggregation
from tmlib.portal.declaration import target
from tmlib.portal.declaration.entity import Entity, Item, Many
from tmlib.portal.reading import Page, PageRows, Reader, Row
from tmserver.portal.limits import Limits
from tmserver.portal.resolvers import path_of
from tmserver.portal.selections import Fields, Info, selected

Path = tuple[str, ...]

_CURSOR = "arrayconnection:"


class Loader:
    """Reads for one query.

    Parameters
    ----------
    reader
        What reads rows.
    limits
        What is left to it.
    """

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits

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
            most=self._limits.n_rows(len(names)),
        )
        self._limits.note_read(len(found), len(names))
        self._attach(entity, found, fields, info, path_of(info))
        return found

    def aggregate(self, entity: Entity, info: Info, arguments: dict[str, Any]) -> Any:
        """Numbers for a field of the query."""
        path = path_of(info)
        told: dict[Path, Any] = {}
        for key, asked in _aggregations(entity, info, info.field_nodes).items():
            most = self._limits.n_rows(asked.n_values)
            found = self._reader.aggregate(entity, asked, arguments.get("where"), most)
            self._limits.note_read(len(found), asked.n_values)
            told[*path, key] = found
        return told

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
            self._limits.note_read(len(rows))
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
        most = self._limits.n_rows(len(names))
        found = self._reader.items(relation, ids, names, arguments.get("where"), most)
        self._limits.note_read(len(found), len(names))
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
            self._limits.n_rows(len(names)),
        )
        below = [row for rows_of_one in found.values() for row in rows_of_one.rows]
        self._limits.note_read(len(below), len(names))
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
            most, nothing = self._limits.n_rows(asked.n_values), asked.of_nothing()
            found = self._reader.aggregates(
                entity, relation, told, asked, arguments.get("where"), most
            )
            n_found = sum(map(len, found.values()))
            self._limits.note_read(n_found + len(told), asked.n_values)
            for number, content in told.items():
                content[*path, key] = found.get(number) or nothing
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
