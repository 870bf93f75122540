"""SQL functions that SQLite and PostgreSQL write in their own ways."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def write_as(function: type[FunctionElement[Any]], *, sqlite: str, postgresql: str) -> None:
    """Say how a function is written in statements.

    Parameters
    ----------
    function
        Which one.
    sqlite, postgresql
        SQL; ``{}`` is where the arguments go, with commas between them.
    """
    for dialect, form in (("sqlite", sqlite), ("postgresql", postgresql)):
        compiles(function, dialect)(_writer(form))


def _writer(form: str) -> Callable[..., str]:
    def write(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
        return form.format(compiler.process(element.clauses, **options))

    return write
