"""Statements that every request runs: compiled once, and given to the driver itself.

SQLAlchemy takes ten times as long around such a statement as SQLite takes to answer it. What else
it does stays: connections are those of the engine's pool, values have the types of their columns,
and errors are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.exc import DBAPIError, MultipleResultsFound

from tmlib.db.failures import explanation

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
        parameters = self._parameters(values)
        try:
            rows, description = self._fetch(parameters)
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise explanation(error) or self._told(error) from error
        if len(rows) > 1:
            raise MultipleResultsFound("There are several rows where there may be one.")
        return self._converted(rows[0], description) if rows else None

    def _parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        every = {**values, **self._constants}
        for name, convert in self._to_driver.items():
            every[name] = convert(every[name])
        return every if self._names is None else tuple([every[name] for name in self._names])

    def _fetch(self, parameters: Any) -> tuple[Sequence[Any], Sequence[Any]]:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._text, parameters)
            rows, description = cursor.fetchall(), cursor.description
            cursor.close()
        except BaseException:
            # whoever gets it next must not find what was interrupted
            connection.invalidate()
            raise
        # the pool ends the transaction
        connection.close()
        return rows, description or ()

    def _told(self, error: Exception) -> BaseException:
        """The error that SQLAlchemy makes of one of the driver's."""
        dialect = self._engine.dialect
        # without the parameters, which belong to a user
        told: Any = DBAPIError.instance(
            self._text,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=dialect.is_disconnect(error, None, None),  # type: ignore[arg-type] # as it says
            dialect=dialect,
        )
        return told  # type: ignore[no-any-return] # an exception

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
