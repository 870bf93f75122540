"""Points in time in GraphQL: texts of ISO 8601, in UTC when they are given back."""

from datetime import datetime
from typing import Any

from graphql import GraphQLError, GraphQLScalarType, StringValueNode, ValueNode, print_ast

from tmlib.portal import moments


def _read(text: Any) -> datetime:
    try:
        return moments.read(text)
    except ValueError as error:
        raise GraphQLError(str(error)) from None


def _read_literal(node: ValueNode, _variables: Any = None) -> datetime:
    if not isinstance(node, StringValueNode):
        raise GraphQLError(f"{print_ast(node)[:100]} is no point in time: write a text.", node)
    return _read(node.value)


MOMENT = GraphQLScalarType(
    "DateTime",
    serialize=moments.written,
    parse_value=_read,
    parse_literal=_read_literal,
    description="Date with time (isoformat)",
)
