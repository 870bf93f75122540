"""Runs: the periods in which a facility counts its time."""

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tmlib.db import Base
from tmlib.facility import pages
from tmlib.facility.pages import Page, Window


class Run(Base):
    """A period, such as a quarter of a year."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(45))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]


def list_runs(session: Session, window: Window) -> Page[Run]:
    """All runs, the latest first."""
    query = select(Run).order_by(Run.starts_at.desc(), Run.id.desc())
    found = pages.read(session, query, window)
    return Page([row[0] for row in found.rows], found.total)
