"""What PostgreSQL and SQLite refuse for the moment, told in a sentence."""

import sqlite3
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from tmlib.db.deadlines import is_over
from tmlib.errors import DatabaseBusy

_LOCKED = (
    "Somebody else is changing the same thing, and for longer than this could wait: "
    "try again in a moment."
)
_CROSSED = "Two changes got in each other's way and this one was given up: try again."

_SENTENCES = {
    "57014": (
        "The database took longer for this than it may: ask for less at once, or try again when "
        "there is less to do."
    ),
    "55P03": _LOCKED,
    "40P01": _CROSSED,
    "40001": _CROSSED,
    "25P03": "The database ended a transaction that had done nothing for too long: try again.",
    "53100": "The disk of the database is full: ask the administrator to free some space.",
    "53200": "The database has no memory left: try again when there is less to do.",
    "53300": "The database takes no more connections: try again when there is less to do.",
}


_SQLITE_CODES = {
    sqlite3.SQLITE_INTERRUPT: "57014",
    sqlite3.SQLITE_BUSY: "55P03",
    sqlite3.SQLITE_LOCKED: "55P03",
    # others opened it, or repaired it after one of them was killed, for too long at once
    sqlite3.SQLITE_PROTOCOL: "55P03",
}


def explain(context: ExceptionContext) -> DatabaseBusy | None:
    """The error to raise in place of SQLAlchemy's own; None to leave it."""
    return explanation(context.original_exception)


def explanation(error: BaseException) -> DatabaseBusy | None:
    """What an error of the driver says in a sentence; None if there is none for it.

    The codes are those of PostgreSQL's manual, appendix "Error Codes".
    """
    code = getattr(error, "pgcode", None)
    if code is None and isinstance(error, sqlite3.OperationalError):
        # extended codes keep the kind in their lowest byte
        code = _SQLITE_CODES.get(error.sqlite_errorcode & 0xFF)
        if code is None and is_over():
            # SQLite does not tell why a function of ours has failed
            code = "57014"
    sentence = _SENTENCES.get(code or "")
    return None if sentence is None else DatabaseBusy(sentence)


def translated(
    error: Exception, statement: str, dialect: Dialect, *, is_disconnect: bool
) -> BaseException:
    """The error to raise in place of one of the driver's, where SQLAlchemy itself has no part.

    Parameters
    ----------
    error
        What the driver has raised.
    statement
        What was asked of it, without the values, which belong to a user.
    dialect
        Of the database.
    is_disconnect
        Whether the connection is lost with it.
    """
    told: Any = DBAPIError.instance(
        statement,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_disconnect,
        dialect=dialect,
    )
    return explanation(error) or told
