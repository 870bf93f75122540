"""Tables of users, of what proves who they are, and of attempts to guess it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps
from tmlib.db.base import BigId


class User(Timestamps, Base):
    """Somebody who can log in.

    ``password_hash`` is an argon2 hash; the password itself is never stored.
    ``login_generation`` is written into every login and signed URL; counting it up ends them all.
    ``origin`` names what knows the user instead of a password kept here, and ``subject`` is what
    the user is called there for good.
    """

    __tablename__ = "users"
    __table_args__ = (Index(None, "origin", "subject", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    login_generation: Mapped[int] = mapped_column(default=0)
    origin: Mapped[str | None] = mapped_column(String(50))
    subject: Mapped[str | None] = mapped_column(String(255))


class PersonalToken(Timestamps, Base):
    """Lets a script do what a user may, for reading or also for writing, until it expires.

    Only ``token_hash`` is kept of the token, and its first characters by which the user knows it.
    """

    __tablename__ = "personal_tokens"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(20))
    write_access: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Group(Timestamps, Base):
    """Users with whom something can be shared as one.

    ``origin`` names what decides about it elsewhere.
    """

    __tablename__ = "groups"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it from the class

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    origin: Mapped[str | None] = mapped_column(String(50))


class GroupMember(Base):
    """A user in a group; owners decide who is in it."""

    __tablename__ = "group_members"

    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    is_owner: Mapped[bool] = mapped_column(default=False)


class RevokedLogin(Base):
    """A login that was ended before it expires."""

    __tablename__ = "revoked_logins"

    login_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class FailedLogin(Base):
    """A login with a wrong name or password, from a network address.

    While ``is_open`` nobody knows yet whether the password is right.
    """

    __tablename__ = "failed_logins"
    __table_args__ = (Index(None, "name", "failed_at"), Index(None, "address", "failed_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(45))
    failed_at: Mapped[datetime] = mapped_column(index=True)
    is_open: Mapped[bool] = mapped_column(default=False, server_default=false())


class AuditEntry(Base):
    """Something that somebody did or was refused, see :mod:`tmlib.accounts.audit_entries`.

    Without foreign keys, since it outlives users and what was done to.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "user_name", "id"),
        Index(None, "resource_kind", "resource_id", "id"),
        Index(None, "resource_kind", "resource_name", "id"),
        Index(None, "action", "id"),
        {"sqlite_autoincrement": True},  # numbers are cursors, so none comes twice
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(255))
    status: Mapped[int]
    user_id: Mapped[int | None]
    user_name: Mapped[str] = mapped_column(String(255))
    resource_kind: Mapped[str | None] = mapped_column(String(50))
    resource_id: Mapped[int | None]
    resource_name: Mapped[str | None] = mapped_column(String(255))
    details: Mapped[dict[str, Any]]
    address: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(64))
