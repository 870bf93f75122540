"""Answers queries of GraphQL: parsed and validated by graphql-core, read by `tmlib.portal`.

What the published client sends, the values of one class, goes from SQL to JSON straight away
(`tmserver.portal.plain_lists`); all else is executed by graphql-core. Whatever is wrong with a
query is told in its answer, never by a status.
"""

import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from sqlalchemy.exc import DBAPIError

from tmlib.db import Database
from tmlib.db.deadlines import deadline
from tmlib.errors import BadInput, TmError
from tmlib.portal.reading import Reader
from tmserver.http.validation import cut
from tmserver.portal.limits import LimitedExecutor, Limits
from tmserver.portal.loading import Loader
from tmserver.portal.plain_lists import PlainList
from tmserver.portal.schema import SCHEMA
from tmserver.portal.selections import check_size

MOST_TOKENS = 30_000
MOST_ERRORS = 20

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """A query as it is sent.

    Attributes
    ----------
    text
        The document.
    variables
        Values of its variables.
    operation
        The name of the operation that is meant, if it has several.
    may_change
        Whether operations that change something are looked at at all.
    """

    text: str
    variables: Mapping[str, Any]
    operation: str | None = None
    may_change: bool = True


def answer(database: Database, query: Query) -> bytes:
    """The answer to a query, as JSON: what it asks for, or what is wrong with it.

    Raises
    ------
    OperationalError
        If the database is away.
    """
    limits = Limits()
    try:
        document = _parsed(query.text)
        operation = get_operation_ast(document, query.operation)
        if operation is None:
            raise BadInput("The query names none of its operations: send operationName.")
        if operation.operation is not OperationType.QUERY and not query.may_change:
            raise BadInput("An address can only ask: send this by POST.")
        with database.snapshot() as connection, deadline(connection, limits.seconds):
            reader = Reader(connection)
            plain = PlainList.of(SCHEMA, document, operation, query.variables)
            if plain is not None:
                return plain.read(reader, connection, limits)
            return _executed(document, query, reader, limits)
    except _Invalid as invalid:
        return _told(invalid.errors)
    except (TmError, RecursionError, DBAPIError, UnicodeEncodeError) as error:
        return _told([GraphQLError(_sentence(error))])


class _Invalid(Exception):  # noqa: N818 - a query, not a mistake
    def __init__(self, errors: Iterable[GraphQLError]) -> None:
        self.errors = list(errors)


def _parsed(text: str) -> DocumentNode:
    try:
        document = parse(text, max_tokens=MOST_TOKENS)
        check_size(document)
        errors = validate(SCHEMA, document, max_errors=MOST_ERRORS)
    except GraphQLSyntaxError as error:
        raise _Invalid([error]) from None
    except RecursionError:
        raise BadInput("The query is nested too deeply.") from None
    if errors:
        raise _Invalid(errors)
    return document


def _executed(document: DocumentNode, query: Query, reader: Reader, limits: Limits) -> bytes:
    result = execute_sync(
        SCHEMA,
        document,
        context_value=Loader(reader, limits),
        variable_values=dict(query.variables),
        operation_name=query.operation,
        middleware=[limits],
        executor_class=LimitedExecutor,
    )
    for error in result.errors or ():
        if isinstance(error.original_error, DBAPIError) and is_away(error.original_error):
            raise error.original_error
    told = {"errors": [_formatted(error) for error in result.errors]} if result.errors else {}
    return json.dumps({"data": result.data, **told}, ensure_ascii=False).encode()


def is_away(error: DBAPIError) -> bool:
    """Whether the database is not there, rather than that it does not take a statement."""
    return error.statement is None or bool(error.connection_invalidated)


def _told(errors: Iterable[GraphQLError]) -> bytes:
    return json.dumps({"errors": [_formatted(error) for error in errors]}).encode()


def _formatted(error: GraphQLError) -> dict[str, Any]:
    formatted: dict[str, Any] = {**error.formatted}
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        formatted["message"] = _sentence(error.original_error)
    formatted["message"] = cut(formatted["message"], 1000)
    return formatted


def _sentence(error: Exception) -> str:
    """What somebody may know who has asked; the rest goes to the log."""
    if isinstance(error, TmError):
        return error.message
    if isinstance(error, RecursionError):
        return "The query is nested too deeply."
    if isinstance(error, UnicodeEncodeError):
        return "The query has half a character."
    if isinstance(error, DBAPIError) and is_away(error):
        raise error
    number = secrets.token_hex(8)
    _logger.error("error %s in a query of GraphQL", number, exc_info=error)
    return (
        "The server made a mistake: ask its administrator to look for "
        f"{number} in the server's log."
    )
