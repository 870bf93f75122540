"""Tables of publications: what was asked for, and what is ready but not public yet."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base
from tmlib.db.base import BigId, now


class Publication(Base):
    """An experiment that becomes, or has become, a dataset of a deposition of its own.

    The numbers are given when it begins, since files are named by them, and to nothing else ever.
    ``address`` is the server's, to which published addresses lead. ``state`` tells what the
    experiment was like when it began. Until ``published_at`` nobody sees anything of it.
    """

    __tablename__ = "portal_publications"

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int]
    submission_id: Mapped[int] = mapped_column(BigId, unique=True)
    deposition_id: Mapped[int] = mapped_column(unique=True)
    dataset_id: Mapped[int] = mapped_column(unique=True)
    description: Mapped[dict[str, Any]]
    address: Mapped[str] = mapped_column(Text)
    state: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    published_at: Mapped[datetime | None]


class StagedPart(Base):
    """A part of a publication that is ready, a site for example, and what rows will tell of it.

    ``number`` is that of the site or the acquisition, as ``kind`` says.
    """

    __tablename__ = "portal_staged_parts"

    publication_id: Mapped[int] = mapped_column(
        ForeignKey("portal_publications.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[dict[str, Any]]


class LastNumber(Base):
    """The last id that was given to a row of a class."""

    __tablename__ = "portal_last_numbers"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int]
