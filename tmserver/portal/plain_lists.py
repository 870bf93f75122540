"""Lists of values of one class, which is all that the published client asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import get_argument_values, get_variable_values
from pydantic_core import to_json
from sqlalchemy.engine import Connection

from tmlib.portal.declaration import ENTITIES
from tmlib.portal.declaration.entity import Entity
from tmlib.portal.reading import Reader
from tmserver.portal.limits import Limits

_ROWS_AT_ONCE = 2000

_ROOTS = {entity.root: entity for entity in ENTITIES.values()}


@dataclass(frozen=True)
class PlainList:
    """A query for values of rows of one class, and for nothing else.

    Attributes
    ----------
    entity
        The class.
    key
        What the answer calls the list.
    names
        The attributes that are wanted, by what the answer calls them.
    arguments
        Of the field.
    """

    entity: Entity
    key: str
    names: Mapping[str, str]
    arguments: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> Self | None:
        """That which a query asks for; None if it asks for something else.

        Parameters
        ----------
        schema
            Of the catalogue.
        document
            The query, which is valid.
        operation
            The one of its operations that is meant.
        variables
            Values of its variables, as they were sent.
        """
        selections = operation.selection_set.selections
        is_one = operation.operation is OperationType.QUERY and len(selections) == 1
        if not is_one or operation.directives or len(document.definitions) > 1:
            return None
        [field] = selections
        entity = _ROOTS.get(field.name.value) if isinstance(field, FieldNode) else None
        if entity is None or field.directives or not isinstance(field, FieldNode):
            return None
        names: dict[str, str] = {}
        for node in field.selection_set.selections if field.selection_set else ():
            if not isinstance(node, FieldNode) or node.directives:
                return None
            if node.name.value not in entity.fields:
                return None
            names[(node.alias or node.name).value] = node.name.value
        if len(names) > len(entity.fields):
            # only what asks for each value once is as small as what is there
            return None
        given = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
        if isinstance(given, list):
            # graphql-core tells of wrong variables
            return None
        query_type: Any = schema.query_type
        try:
            arguments = get_argument_values(query_type.fields[entity.root], field, given)
        except GraphQLError:
            # and of those that are null where nothing may be
            return None
        return cls(entity, (field.alias or field.name).value, names, arguments)

    def read(self, reader: Reader, connection: Connection, limits: Limits) -> bytes:
        """The answer, as JSON.

        Parameters
        ----------
        reader, connection
            What reads rows, and from where.
        limits
            What is left to the query.

        Raises
        ------
        TooLarge
            If the time is over.
        """
        part = self.arguments.get("limitOffset") or {}
        statement = reader.select(
            self.entity,
            list(self.names.values()),
            self.arguments.get("where"),
            self.arguments.get("orderBy") or (),
            part.get("limit"),
            part.get("offset"),
            written=True,
        )
        keys = list(self.names)
        pieces = []
        # some at a time, so that few are in memory in another form than JSON
        for rows in connection.execute(statement).partitions(_ROWS_AT_ONCE):
            pieces.append(to_json([dict(zip(keys, row, strict=True)) for row in rows])[1:-1])
            limits.check_time()
        return b'{"data":{%s:[%s]}}' % (to_json(self.key), b",".join(pieces))
