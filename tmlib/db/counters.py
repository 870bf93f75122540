"""Numbers given away in blocks, for rows that are inserted in bulk."""

from sqlalchemy import BigInteger, String, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db.base import Base
from tmlib.db.engine import Database


class IdCounter(Base):
    """The first number of a table that has not been given away."""

    __tablename__ = "id_counters"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    next_value: Mapped[int] = mapped_column(BigInteger, default=1)


def allocate(database: Database, count: int, *names: str) -> tuple[range, ...]:
    """Reserve `count` numbers of each table in a short transaction of its own.

    Numbers that are not used in the end are lost, never given away again. Must not be called
    inside a transaction: SQLite has one writer at a time.

    Returns
    -------
    tuple[range, ...]
        One block per name.
    """
    with database.transaction() as session:
        return tuple(reserve(session, count, name) for name in names)


def reserve(session: Session, count: int, name: str) -> range:
    """Reserve `count` numbers as part of a transaction; others wait for its end."""
    end = session.execute(
        update(IdCounter)
        .where(IdCounter.name == name)
        .values(next_value=IdCounter.next_value + count)
        .returning(IdCounter.next_value)
    ).scalar_one()
    return range(end - count, end)
