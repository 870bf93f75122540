"""What a query selects below a field, with its fragments, and what it must not have too much of."""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.execution.values import get_directive_values

from tmlib.errors import BadInput

MOST_FIELDS = 1000
"""Fields of a query, each counted as often as a fragment brings it."""

MOST_LEVELS = 30
"""Levels of fields, of which a connection takes three."""

_INTERFACES = ("Node", "EntityInterface")

Info = GraphQLResolveInfo[Any]

Fields = dict[str, list[FieldNode]]


def selected(info: Info, type_name: str, nodes: Iterable[FieldNode]) -> Fields:
    """The fields that a query selects of a type, by what the answer calls them.

    Parameters
    ----------
    info
        Of the query.
    type_name
        The type.
    nodes
        Where the query selects something of it.
    """
    found: Fields = {}
    for node in nodes:
        if node.selection_set is not None:
            _collect(info, type_name, node.selection_set, found)
    return found


def _collect(info: Info, type_name: str, selection_set: SelectionSetNode, found: Fields) -> None:
    for node in selection_set.selections:
        if not _is_included(info, node):
            continue
        if isinstance(node, FieldNode):
            key = (node.alias or node.name).value
            if not node.name.value.startswith("__"):
                found.setdefault(key, []).append(node)
            continue
        fragment: Any = node
        if isinstance(node, FragmentSpreadNode):
            fragment = info.fragments[node.name.value]
        condition = fragment.type_condition
        if condition is None or condition.name.value in (type_name, *_INTERFACES):
            _collect(info, type_name, fragment.selection_set, found)


def _is_included(info: Info, node: Any) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, node, info.variable_values)
    return not (skip and skip["if"]) and not (include and not include["if"])


def check_size(document: DocumentNode) -> None:
    """Refuse a query that selects too much, before it is looked at more closely.

    Raises
    ------
    BadInput
        If it has too many fields, or too many levels of them.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    sizes: dict[str, tuple[int, int]] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            n_fields, n_levels = _size(definition.selection_set, fragments, sizes, ())
            if n_fields > MOST_FIELDS:
                raise BadInput(f"The query has more than {MOST_FIELDS} fields: ask for less.")
            if n_levels > MOST_LEVELS:
                raise BadInput(f"The query has more than {MOST_LEVELS} levels of fields.")


def _size(
    selection_set: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    sizes: dict[str, tuple[int, int]],
    within: tuple[str, ...],
) -> tuple[int, int]:
    """How many fields are selected, and how many levels of them there are."""
    n_fields = n_levels = 0
    for node in selection_set.selections if selection_set else ():
        if isinstance(node, FieldNode):
            fields, levels = _size(node.selection_set, fragments, sizes, within)
            fields, levels = fields + 1, levels + 1
        elif isinstance(node, InlineFragmentNode):
            fields, levels = _size(node.selection_set, fragments, sizes, within)
        else:
            name = node.name.value  # type: ignore[attr-defined] # a spread
            if name in within:
                raise BadInput(f"The fragment {name[:100]} contains itself.")
            if name not in sizes:
                # what is not there is told when the query is validated
                content = fragments[name].selection_set if name in fragments else None
                sizes[name] = _size(content, fragments, sizes, (*within, name))
            fields, levels = sizes[name]
        n_fields, n_levels = n_fields + fields, max(n_levels, levels)
    return n_fields, n_levels
