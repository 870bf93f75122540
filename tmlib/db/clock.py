"""The database's clock, which is the one that times of different machines are measured with.

What one host writes and another compares with the present, a lease for example, is reckoned in the
statement itself, so that it does not matter how far the clocks of hosts are apart. SQLite is used
by the processes of one machine, and has its clock.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Float, bindparam, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from tmlib.db.base import UtcDateTime, now
from tmlib.db.dialects import write_as

_SQLITE_FUNCTION = "seconds_from_now"


class _After(FunctionElement[datetime]):
    """The beginning of the statement, and some seconds more; null if these are."""

    name = "after"
    type = UtcDateTime()
    inherit_cache = True


write_as(
    _After,
    sqlite=f"{_SQLITE_FUNCTION}({{}})",
    postgresql="(statement_timestamp() + make_interval(secs => {}))",
)


def after(seconds: float | str | ColumnElement[float]) -> ColumnElement[datetime]:
    """A point in time some seconds from now, negative ones for the past.

    Parameters
    ----------
    seconds
        How many, or the name of the parameter that tells when the statement is run, or a column.
    """
    if isinstance(seconds, ColumnElement):
        return cast(ColumnElement[datetime], _After(seconds))
    if isinstance(seconds, str):
        return cast(ColumnElement[datetime], _After(bindparam(seconds, type_=Float)))
    return cast(ColumnElement[datetime], _After(literal(float(seconds), Float)))


def present() -> ColumnElement[datetime]:
    """The present moment, as part of a statement."""
    return after(0)


def read(session: Session) -> datetime:
    """The present moment."""
    return session.execute(select(present())).scalar_one()


def teach(connection: sqlite3.Connection) -> None:
    """Let statements of a connection to SQLite know the time as exactly as columns have it."""
    # SQLite then asks once for a statement, not for every row
    connection.create_function(_SQLITE_FUNCTION, 1, _seconds_from_now, deterministic=True)


def _seconds_from_now(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = (now() + timedelta(seconds=seconds)).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")
