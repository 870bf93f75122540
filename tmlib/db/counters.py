"""Numbers given away in blocks, for rows that are inserted in bulk."""

from sqlalchemy import BigInteger, String, update
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db.base import Base
from tmlib.db.engine import Database


class IdCounter(Base):
    """The first number of a table that has not been given away."""

    __tablename__ = "id_counters"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    next_value: Mapped[int] = mapped_column(BigInteger, default=1)


def allocate(database: Database, name: str, count: int) -> range:
    """Reserve `count` numbers in a transaction of its own; unused ones are lost, never reused."""
    with database.transaction() as session:
        end = session.execute(
            update(IdCounter)
            .where(IdCounter.name == name)
            .values(next_value=IdCounter.next_value + count)
            .returning(IdCounter.next_value)
        ).scalar_one()
    return range(end - count, end)
