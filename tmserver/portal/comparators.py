"""The inputs that attributes are compared with in filters, one for each type."""

import functools
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from tmserver.portal.moments import MOMENT

_EQUAL = ("_eq", "_neq", "_in", "_nin")
_ORDERED = ("_gt", "_gte", "_lt", "_lte")
_PATTERNS = (
    *("_like", "_nlike", "_ilike", "_nilike"),
    *("_regex", "_nregex", "_iregex", "_niregex"),
)

_NAMES_AND_OPERATORS = {
    GraphQLInt: ("Int", (*_EQUAL, *_ORDERED, "_is_null")),
    GraphQLFloat: ("Float", (*_EQUAL, *_ORDERED, "_is_null")),
    GraphQLString: ("Str", (*_EQUAL, "_is_null", *_ORDERED, *_PATTERNS)),
    GraphQLBoolean: ("Bool", (*_EQUAL, "_is_null")),
    MOMENT: ("Datetime", (*_EQUAL, *_ORDERED, "_is_null")),
}


@functools.cache
def of(kind: Any) -> GraphQLInputObjectType:
    """The input for attributes of a type."""
    if isinstance(kind, GraphQLEnumType):
        name = f"{kind.name[0].upper()}{kind.name[1:]}Enum"
        operators: tuple[str, ...] = (*_EQUAL, *_ORDERED, "_is_null")
    else:
        name, operators = _NAMES_AND_OPERATORS[kind]
    several = GraphQLList(GraphQLNonNull(kind))
    kinds = {"_in": several, "_nin": several, "_is_null": GraphQLBoolean}
    fields = {one: GraphQLInputField(kinds.get(one, kind)) for one in operators}
    return GraphQLInputObjectType(f"{name}Comparators", fields)
