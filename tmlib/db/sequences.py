"""Numbers that the database gives to new rows, after rows came with numbers of their own."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.db.base import Base


def pass_over(session: Session, model: type[Base]) -> None:
    """Let new rows of a table have numbers beyond all that it has.

    SQLite does so by itself.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    highest = session.scalar(select(func.max(model.__table__.c.id)))
    if highest is not None:
        sequence = func.pg_get_serial_sequence(model.__tablename__, "id")
        session.execute(select(func.setval(sequence, highest)))
