"""Parts of points in time in UTC, whatever the time zone of the database."""

from datetime import datetime

from sqlalchemy import ColumnElement, Integer, Text
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.functions import FunctionElement

from tmlib.db.dialects import write_as

Moments = (
    ColumnElement[datetime]
    | InstrumentedAttribute[datetime]
    | InstrumentedAttribute[datetime | None]
)
"""A column of points in time."""


class _Month(FunctionElement[int]):
    name = "month"
    type = Integer()
    inherit_cache = True


class _Hour(FunctionElement[str]):
    name = "hour"
    type = Text()
    inherit_cache = True


write_as(
    _Month,
    sqlite="cast(substr({}, 6, 2) as integer)",
    postgresql="extract(month from ({}) at time zone 'UTC')",
)
write_as(
    _Hour,
    sqlite="substr({}, 1, 13)",
    postgresql="to_char(({}) at time zone 'UTC', 'YYYY-MM-DD HH24')",
)


def month(moments: Moments) -> ColumnElement[int]:
    """In which month points in time are, from 1 to 12; null where there is none."""
    return _Month(moments)


def hour(moments: Moments) -> ColumnElement[str]:
    """In which hour of which day points in time are, like ``2026-01-31 09``."""
    return _Hour(moments)
