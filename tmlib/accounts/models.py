"""Tables of users."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps


class User(Timestamps, Base):
    """Somebody who can log in.

    ``password_hash`` is an argon2 hash; the password itself is never stored.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
