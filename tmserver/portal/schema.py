"""The schema of GraphQL, made from the declaration of the catalogue's classes.

Printed, it is the document that the published Python client carries, type by type and field by
field. What answers is in `tmserver.portal.resolvers`, by the names of types and fields.
"""

import functools
from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    specified_directives,
)

from tmlib.portal.declaration import ENTITIES, target
from tmlib.portal.declaration.entity import Entity, Enumeration, Item, Kind, Many, Scalar
from tmserver.portal import comparators, resolvers
from tmserver.portal.moments import MOMENT

_SCALARS: dict[Kind, Any] = {
    Kind.INTEGER: GraphQLInt,
    Kind.FLOAT: GraphQLFloat,
    Kind.TEXT: GraphQLString,
    Kind.BOOLEAN: GraphQLBoolean,
    Kind.MOMENT: MOMENT,
    Kind.MATRIX: GraphQLList(GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLFloat)))),
}

_GLOBAL_ID = "The Globally Unique ID of this object"

_NODE = GraphQLInterfaceType(
    "Node",
    {"_id": GraphQLField(GraphQLNonNull(GraphQLID), description=_GLOBAL_ID)},
    description="An object with a Globally Unique ID",
)
_ENTITY = GraphQLInterfaceType(
    "EntityInterface",
    {"_id": GraphQLField(GraphQLNonNull(GraphQLID), description=_GLOBAL_ID)},
    interfaces=[_NODE],
)

_ORDER = GraphQLEnumType(
    "orderBy",
    {
        name: GraphQLEnumValue(name)
        for name in (
            *("asc", "asc_nulls_first", "asc_nulls_last"),
            *("desc", "desc_nulls_first", "desc_nulls_last"),
        )
    },
)

_LIMIT_OFFSET = GraphQLInputObjectType(
    "LimitOffsetClause",
    {"limit": GraphQLInputField(GraphQLInt), "offset": GraphQLInputField(GraphQLInt)},
)

_PAGE_INFO = GraphQLObjectType(
    "PageInfo",
    {
        "hasNextPage": GraphQLField(
            GraphQLNonNull(GraphQLBoolean),
            description="When paginating forwards, are there more items?",
        ),
        "hasPreviousPage": GraphQLField(
            GraphQLNonNull(GraphQLBoolean),
            description="When paginating backwards, are there more items?",
        ),
        "startCursor": GraphQLField(
            GraphQLString, description="When paginating backwards, the cursor to continue."
        ),
        "endCursor": GraphQLField(
            GraphQLString, description="When paginating forwards, the cursor to continue."
        ),
    },
    description="Information to aid in pagination.",
)

_PAGING = {
    "before": (
        GraphQLString,
        "Returns the items in the list that come before the specified cursor.",
    ),
    "after": (GraphQLString, "Returns the items in the list that come after the specified cursor."),
    "first": (GraphQLInt, "Returns the first n items from the list."),
    "last": (GraphQLInt, "Returns the items in the list that come after the specified cursor."),
}

# of each class


@functools.cache
def _enumeration(kind: Enumeration) -> GraphQLEnumType:
    return GraphQLEnumType(kind.name, {name: GraphQLEnumValue(name) for name in kind.values})


def _type(field: Scalar) -> Any:
    return _enumeration(field.enumeration) if field.enumeration else _SCALARS[field.kind]


def _output(field: Scalar | Item) -> Any:
    kind = _type(field) if isinstance(field, Scalar) else GraphQLInt
    return GraphQLNonNull(kind) if field.required else kind


@functools.cache
def _object(entity: Entity) -> GraphQLObjectType:
    return GraphQLObjectType(
        entity.name,
        lambda: _object_fields(entity),
        interfaces=[_ENTITY, _NODE],
        description=entity.description,
    )


def _object_fields(entity: Entity) -> dict[str, GraphQLField]:
    global_id = GraphQLField(
        GraphQLNonNull(GraphQLID), resolve=resolvers.global_id, description=_GLOBAL_ID
    )
    fields = {"_id": global_id, "id": _value(entity.columns["id"])}
    for attribute in entity.attributes:
        if isinstance(attribute, Scalar):
            fields.setdefault(attribute.wire_name, _value(attribute))
            continue
        fields[attribute.wire_name] = _relation(attribute)
        if isinstance(attribute, Item):
            fields[attribute.wire_key] = GraphQLField(_output(attribute))
        else:
            fields[f"{attribute.wire_name}Aggregate"] = GraphQLField(
                _aggregate(target(attribute)),
                {"where": _argument(_where(target(attribute)))},
                resolve=resolvers.related,
            )
    return fields


def _value(field: Any) -> GraphQLField:
    return GraphQLField(_output(field), description=field.description)


def _relation(relation: Item | Many) -> GraphQLField:
    there = target(relation)
    arguments = {"where": _argument(_where(there)), "orderBy": _order_argument(there)}
    if isinstance(relation, Item):
        return GraphQLField(_object(there), arguments, resolve=resolvers.related)
    for name, (kind, description) in _PAGING.items():
        arguments[name] = GraphQLArgument(kind, None, description)
    return GraphQLField(GraphQLNonNull(_connection(there)), arguments, resolve=resolvers.related)


def _argument(kind: Any) -> GraphQLArgument:
    return GraphQLArgument(kind, None)


def _order_argument(entity: Entity) -> GraphQLArgument:
    return GraphQLArgument(GraphQLList(GraphQLNonNull(_order_by(entity))), [])


@functools.cache
def _connection(entity: Entity) -> GraphQLObjectType:
    return GraphQLObjectType(
        f"{entity.name}Connection",
        lambda: {
            "pageInfo": GraphQLField(
                GraphQLNonNull(_PAGE_INFO), description="Pagination data for this connection"
            ),
            "edges": GraphQLField(
                GraphQLNonNull(GraphQLList(GraphQLNonNull(_edge(entity)))),
                description="Contains the nodes in this connection",
            ),
        },
        description="A connection to a list of items.",
    )


@functools.cache
def _edge(entity: Entity) -> GraphQLObjectType:
    return GraphQLObjectType(
        f"{entity.name}Edge",
        lambda: {
            "cursor": GraphQLField(
                GraphQLNonNull(GraphQLString), description="A cursor for use in pagination"
            ),
            "node": GraphQLField(
                GraphQLNonNull(_object(entity)), description="The item at the end of the edge"
            ),
        },
        description="An edge in a connection.",
    )


# what rows are chosen and ordered by


@functools.cache
def _where(entity: Entity) -> GraphQLInputObjectType:
    def fields() -> dict[str, GraphQLInputField]:
        made: dict[str, GraphQLInputField] = {}
        for attribute in entity.attributes:
            name = attribute.wire_name
            if isinstance(attribute, Scalar):
                if attribute.kind is not Kind.MATRIX:
                    made[name] = GraphQLInputField(comparators.of(_type(attribute)))
                continue
            made[name] = GraphQLInputField(_where(target(attribute)))
            if isinstance(attribute, Item):
                made[attribute.wire_key] = GraphQLInputField(comparators.of(GraphQLInt))
            else:
                made[f"{name}Aggregate"] = GraphQLInputField(_count_where(target(attribute)))
        return made

    return GraphQLInputObjectType(f"{entity.name}WhereClause", fields)


@functools.cache
def _count_where(entity: Entity) -> GraphQLInputObjectType:
    count = GraphQLInputObjectType(
        f"{entity.name}AggregateWhereClauseCount",
        lambda: {
            "arguments": GraphQLInputField(_count_columns(entity)),
            "distinct": GraphQLInputField(GraphQLBoolean),
            "filter": GraphQLInputField(_where(entity)),
            "predicate": GraphQLInputField(comparators.of(GraphQLInt)),
        },
    )
    return GraphQLInputObjectType(
        f"{entity.name}AggregateWhereClause",
        lambda: {"count": GraphQLInputField(GraphQLNonNull(count))},
    )


@functools.cache
def _order_by(entity: Entity) -> GraphQLInputObjectType:
    def fields() -> dict[str, GraphQLInputField]:
        return {
            one.wire_name: GraphQLInputField(
                _order_by(target(one)) if isinstance(one, Item) else _ORDER
            )
            for one in entity.attributes
            if not isinstance(one, Many)
        }

    return GraphQLInputObjectType(f"{entity.name}OrderByClause", fields)


# numbers about rows


@functools.cache
def _aggregate(entity: Entity) -> GraphQLObjectType:
    return GraphQLObjectType(
        f"{entity.name}Aggregate",
        lambda: {
            "aggregate": GraphQLField(
                GraphQLList(GraphQLNonNull(_functions(entity))), resolve=resolvers.related
            ),
        },
    )


@functools.cache
def _functions(entity: Entity) -> GraphQLObjectType:
    def fields() -> dict[str, GraphQLField]:
        numbers = _columns(entity, "NumericalColumns", lambda one: one.is_number)
        extremes = _columns(entity, "MinMaxColumns", lambda one: one.has_extremes)
        return {
            **{name: GraphQLField(numbers) for name in ("sum", "avg", "stddev", "variance")},
            **{name: GraphQLField(extremes) for name in ("min", "max")},
            "groupBy": GraphQLField(_group_by(entity)),
            "count": GraphQLField(
                GraphQLInt,
                {
                    "distinct": GraphQLArgument(GraphQLBoolean, False),
                    "columns": _argument(_count_columns(entity)),
                },
                resolve=resolvers.count,
            ),
        }

    return GraphQLObjectType(f"{entity.name}AggregateFunctions", fields)


def _columns(entity: Entity, name: str, has: Callable[[Scalar], bool]) -> GraphQLObjectType:
    fields = {one.wire_name: GraphQLField(_type(one)) for one in entity.scalars if has(one)}
    return GraphQLObjectType(f"{entity.name}{name}", fields)


@functools.cache
def _count_columns(entity: Entity) -> GraphQLEnumType:
    names = [one.wire_name for one in entity.scalars]
    return GraphQLEnumType(
        f"{entity.name}CountColumns", {name: GraphQLEnumValue(name) for name in names}
    )


@functools.cache
def _group_by(entity: Entity) -> GraphQLObjectType:
    def fields() -> dict[str, GraphQLField]:
        return {
            one.wire_name: GraphQLField(
                _type(one) if isinstance(one, Scalar) else _group_by(target(one))
            )
            for one in entity.attributes
        }

    return GraphQLObjectType(f"{entity.name}GroupByOptions", fields)


# what is asked for, and what nobody may do


def _query_fields() -> dict[str, GraphQLField]:
    lists = {
        entity.root: GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(_object(entity)))),
            {
                "where": _argument(_where(entity)),
                "orderBy": _order_argument(entity),
                "limitOffset": _argument(_LIMIT_OFFSET),
            },
            resolve=functools.partial(resolvers.rows, entity),
        )
        for entity in ENTITIES.values()
    }
    aggregates = {
        f"{entity.root}Aggregate": GraphQLField(
            GraphQLNonNull(_aggregate(entity)),
            {"where": _argument(_where(entity))},
            resolve=functools.partial(resolvers.aggregate, entity),
        )
        for entity in ENTITIES.values()
    }
    return {**lists, **aggregates}


def _mutation_fields() -> dict[str, GraphQLField]:
    fields = {}
    for entity in ENTITIES.values():
        one = GraphQLNonNull(_object(entity))
        some = GraphQLNonNull(GraphQLList(one))
        name = entity.name
        where = GraphQLArgument(
            GraphQLNonNull(
                GraphQLInputObjectType(
                    f"{name}WhereClauseMutations",
                    {"id": GraphQLInputField(comparators.of(GraphQLInt))},
                )
            )
        )
        created = GraphQLArgument(GraphQLNonNull(_input(entity, "Create")))
        updated = GraphQLArgument(GraphQLNonNull(_input(entity, "Update")))
        for field, kind, arguments in (
            (f"create{name}", one, {"input": created}),
            (f"update{name}", some, {"input": updated, "where": where}),
            (f"delete{name}", some, {"where": where}),
        ):
            fields[field] = GraphQLField(kind, arguments, resolve=resolvers.refuse)
    return fields


def _input(entity: Entity, name: str) -> GraphQLInputObjectType:
    made = {
        field: _input_field(attribute, must_be_given=name == "Create")
        for field, attribute in entity.fields.items()
    }
    return GraphQLInputObjectType(f"{entity.name}{name}Input", made)


def _input_field(attribute: Scalar | Item, *, must_be_given: bool) -> GraphQLInputField:
    kind = _type(attribute) if isinstance(attribute, Scalar) else GraphQLID
    if not attribute.required:
        return GraphQLInputField(kind, None, attribute.description)
    kind = GraphQLNonNull(kind) if must_be_given else kind
    return GraphQLInputField(kind, description=attribute.description)


def _build() -> GraphQLSchema:
    return GraphQLSchema(
        GraphQLObjectType("Query", _query_fields()),
        GraphQLObjectType("Mutation", _mutation_fields()),
        directives=specified_directives,
    )


SCHEMA = _build()
"""The schema that is served."""
