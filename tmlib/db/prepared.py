"""Statements that every request runs: compiled once, and given to the driver itself.

SQLAlchemy takes ten times as long around such a statement as SQLite takes to answer it. What else
it does stays: connections are those of the engine's pool, values have the types of their columns,
and errors are the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, Select
from sqlalchemy.exc import MultipleResultsFound

from tmlib.db.failures import translated

_Convert = Callable[[Any], Any]


class Prepared:
    """A query in the words of one database.

    Parameters
    ----------
    statement
        The query, each of whose parameters stands for one value.
    engine
        Of the database.
    limits
        Statements that set the limits of a transaction; empty for none.

    Raises
    ------
    ValueError
        If it has other parameters.
    """

    def __init__(self, statement: Select[Any], engine: Engine, limits: str = "") -> None:
        self._engine = engine
        dialect = engine.dialect
        compiled = statement.compile(dialect=dialect)
        self._text = f"{limits}; {compiled}" if limits else str(compiled)
        self._names: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self._columns = [column.type for column in statement.selected_columns]
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
        """The row that it finds, in a transaction of its own, if there is one.

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
        rows, description = self._fetch(self._parameters(values))
        if len(rows) > 1:
            raise MultipleResultsFound("There are several rows where there may be one.")
        return self._converted(rows[0], description) if rows else None

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
        """A connection of the pool, which ends the transaction when it gets it back."""
        dialect = self._engine.dialect
        connection: PoolProxiedConnection | None = None
        try:
            connection = self._engine.raw_connection()
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
        connection.close()
    else:
        connection.invalidate()
