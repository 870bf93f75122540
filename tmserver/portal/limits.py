"""What a query may take: values that are read, values that are written, and time."""

import time
from collections.abc import Callable
from typing import Any

from graphql import Executor, GraphQLError, GraphQLOutputType, located_error
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from sqlalchemy.exc import DBAPIError

from tmlib.errors import DatabaseBusy, TooLarge
from tmserver.portal.selections import Info

MOST_VALUES = 1_000_000
"""Values of an answer that is not a plain list, lists and objects among them."""

MOST_FIELD_ERRORS = 1000
"""Values of an answer of which it is told that they cannot be given."""

SECONDS = 20.0
"""How long a query may take."""

_CHARACTERS = 100
"""Of a text that count as much as another value."""

# PostgreSQL refuses all that comes after a statement that failed
_FINAL = (TooLarge, DatabaseBusy, DBAPIError)


class Limits:
    """What is left to one query.

    Rows that belong to many are read once and written for each of them, so that what is read and
    what is written are counted apart.
    """

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS
        self._most = MOST_VALUES
        self._n_read = self._n_written = 0

    @property
    def seconds(self) -> float:
        """How much time is left."""
        return self._end - time.monotonic()

    def n_rows(self, n_values: int) -> int:
        """How many rows, with so many values each, are too many by one or more."""
        return (self._most - self._n_read) // max(1, n_values) + 1

    def note_read(self, n_rows: int, n_values: int = 1) -> None:
        """Count the values of rows that are in memory.

        Raises
        ------
        TooLarge
            If they are too many, or the time is over.
        """
        self._n_read += n_rows * n_values
        self._check(self._n_read)

    def resolve(
        self, resolver: Callable[..., Any], source: Any, info: Info, **arguments: Any
    ) -> Any:
        """Find a value that is written, and count it: a middleware of graphql-core.

        Raises
        ------
        TooLarge
            If there are too many, or the time is over.
        """
        value = resolver(source, info, **arguments)
        self._n_written += 1
        if isinstance(value, str):
            self._n_written += len(value) // _CHARACTERS
        elif isinstance(value, list):
            self._n_written += len(value)
        self._check(self._n_written)
        return value

    def check_time(self) -> None:
        """Make sure that there is time left.

        Raises
        ------
        TooLarge
            If the time is over.
        """
        if time.monotonic() > self._end:
            raise TooLarge("The query takes too long: ask for less at once.")

    def _check(self, n_values: int) -> None:
        if n_values > self._most:
            raise TooLarge("The answer would be too large: ask for parts, by limit and offset.")
        self.check_time()


class LimitedExecutor(Executor):  # type: ignore[type-arg] # its parameter is of no use here
    """Gives up a query that takes too much, where others go on without what was too much."""

    def handle_field_error(
        self,
        raw_error: Exception,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        path: Path,
    ) -> None:
        """Tell of a value that cannot be given, or give up."""
        if len(self.collected_errors.errors) >= MOST_FIELD_ERRORS:
            raw_error = TooLarge(f"The answer has more than {MOST_FIELD_ERRORS} errors.")
        reason = raw_error.original_error if isinstance(raw_error, GraphQLError) else raw_error
        if isinstance(reason, _FINAL):
            nodes = [details.node for details in field_details_list]
            raise located_error(raw_error, nodes, path.as_list())
        super().handle_field_error(raw_error, return_type, field_details_list, path)
