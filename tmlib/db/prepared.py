"""Statements that every request runs: compiled once, and given to the driver itself.

SQLAlchemy takes ten times as long around such a statement as SQLite takes to answer it. What else
it does stays: connections are those of the engine's pool, values have the types of their columns,
and errors are the same. PostgreSQL is asked once and not three times, since a statement needs no
others to begin and end the transaction that it is.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, Select
from sqlalchemy.exc import MultipleResultsFound
from sqlalchemy.sql.dml import ReturningUpdate

from tmlib.db.failures import translated

_Convert = Callable[[Any], Any]

OneStatement = Select[Any] | ReturningUpdate[Any]
"""What is a transaction by itself: it reads rows, or changes them and gives them."""


class Prepared:
    """A statement in the words of one database.

    Parameters
    ----------
    statement
        The statement, each of whose parameters stands for one value.
    engine
        Of the database.
    limits
        Statements that set the limits of a transaction; empty for none.

    Raises
    ------
    ValueError
        If it has other parameters.
    """

    def __init__(self, statement: OneStatement, engine: Engine, limits: str = "") -> None:
        self._engine = engine
        dialect = engine.dialect
        compiled = statement.compile(dialect=dialect)
        self._text = f"{limits}; {compiled}" if limits else str(compiled)
        self._names: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self._columns = [column.type for column in statement.exported_columns]
        self._from_driver: list[tuple[int, _Convert]] | None = None
        self._constants: dict[str, Any] = {}
        self._to_driver: dict[str, _Convert] = {}
        for bind, name in compiled.bind_names.items():
            if bind.callable is not None or bind.expanding or bind.literal_execute:
                raise ValueError(f"The parameter {name} of a statement is not one value.")
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if not bind.required:
                self._constants[name] = bind.value if convert is None else convert(bind.value)
            elif convert is not None:
                self._to_driver[name] = convert

    def one_or_none(self, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The row that it gives, in a transaction of its own, if there is one.

        Parameters
        ----------
        values
            Of the parameters; others are not looked at.

        Raises
        ------
        KeyError
            If a value is missing.
        MultipleResultsFound
            If there are several rows.
        """
        rows = self.all(values)
        if len(rows) > 1:
            raise MultipleResultsFound("There are several rows where there may be one.")
        return rows[0] if rows else None

    def all(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows that it gives, in a transaction of its own.

        Parameters
        ----------
        values
            Of the parameters; others are not looked at.

        Raises
        ------
        KeyError
            If a value is missing.
        """
        rows, description = self._fetch(self._parameters(values))
        return [self._converted(row, description) for row in rows]

    def _parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        every = {**values, **self._constants}
        for name, convert in self._to_driver.items():
            every[name] = convert(every[name])
        return every if self._names is None else tuple([every[name] for name in self._names])

    def _fetch(self, parameters: Any) -> tuple[Sequence[Any], Sequence[Any]]:
        with self._connection() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(self._text, parameters)
            return cursor.fetchall(), cursor.description or ()

    @contextmanager
    def _connection(self) -> Iterator[PoolProxiedConnection]:
        """A connection of the pool, on which each statement is a transaction of its own."""
        dialect = self._engine.dialect
        connection: PoolProxiedConnection | None = None
        try:
            connection = self._engine.raw_connection()
            _commit_each(connection, is_so=True)
            yield connection
        except dialect.loaded_dbapi.Error as error:
            driver: Any = connection and connection.driver_connection
            is_disconnect = dialect.is_disconnect(error, driver, None)
            _give_back(connection, is_usable=not is_disconnect)
            raise translated(error, self._text, dialect, is_disconnect=is_disconnect) from error
        except BaseException as error:
            # whoever gets it next must not find what was interrupted
            _give_back(connection, is_usable=isinstance(error, Exception))
            raise
        else:
            _give_back(connection, is_usable=True)

    def _converted(self, row: Sequence[Any], description: Sequence[Any]) -> tuple[Any, ...]:
        """The row, with values of the types of the columns."""
        if self._from_driver is None:
            dialect = self._engine.dialect
            converters = (
                kind.dialect_impl(dialect).result_processor(dialect, column[1])
                for kind, column in zip(self._columns, description, strict=True)
            )
            self._from_driver = [
                (index, convert) for index, convert in enumerate(converters) if convert is not None
            ]
        found = list(row)
        for index, convert in self._from_driver:
            found[index] = convert(found[index])
        return tuple(found)


def _give_back(connection: PoolProxiedConnection | None, *, is_usable: bool) -> None:
    if connection is None:
        return
    if is_usable:
        _commit_each(connection, is_so=False)
        connection.close()
    else:
        connection.invalidate()


def _commit_each(connection: PoolProxiedConnection, *, is_so: bool) -> None:
    """Let the driver of PostgreSQL begin a transaction with the first statement, or not."""
    driver: Any = connection.driver_connection
    # that of SQLite never does: the engine begins them
    if not isinstance(driver, sqlite3.Connection):
        driver.autocommit = is_so
