"""Points in time as the catalogue writes them: ``2024-05-01T12:00:00+00:00``, in UTC."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Dialect, func, type_coerce
from sqlalchemy.types import Text


def written(moment: datetime) -> str:
    """A moment as a text."""
    return moment.astimezone(UTC).isoformat()


def written_by(dialect: Dialect, column: ColumnElement[Any]) -> ColumnElement[str]:
    """The same of a column, by the database."""
    if dialect.name == "sqlite":
        text: ColumnElement[str] = func.replace(type_coerce(column, Text), " ", "T")
    else:
        in_utc = func.timezone("UTC", column)
        text = func.to_char(in_utc, 'YYYY-MM-DD"T"HH24:MI:SS.US')
    return func.replace(text, ".000000", "", type_=Text).concat("+00:00")


def read(text: Any) -> datetime:
    """The moment that a text means; without a time zone it is in UTC, a date alone its beginning.

    Raises
    ------
    ValueError
        If it is none, or one that not every time zone has.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        shown = str(text)[:100]
        raise ValueError(
            f"{shown!r} is no point in time: write 2024-05-01T12:00:00Z or 2024-05-01."
        ) from None
