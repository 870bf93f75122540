"""Logins: what a password has opened, until it expires or is ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.orm import Session

from tmlib.accounts.identity import COLUMNS, USERS, Account, read
from tmlib.accounts.models import RevokedLogin
from tmlib.db import Database, clock
from tmlib.errors import NotLoggedIn

_REMOVED_AT_ONCE = 1000

# tokens end by the clocks of web servers, which may be late
_KEPT_SECONDS = 3600.0

_REVOKED = RevokedLogin.__table__

STATEMENT = (
    select(*COLUMNS, exists().where(_REVOKED.c.login_id == bindparam("login_id")))
    .select_from(USERS)
    .where(USERS.c.id == bindparam("user_id"))
)
"""Asks whose a login is, and whether it was ended."""


def check(row: Sequence[Any] | None, generation: int) -> tuple[Account, Sequence[Any]]:
    """The account of a login, from what `STATEMENT` has found, and the rest of the row.

    Parameters
    ----------
    row
        What the statement has found, if anything.
    generation
        The user's `login_generation` when the password was given.

    Raises
    ------
    NotLoggedIn
        If the login was ended or its user disabled.
    """
    account, (is_revoked, *rest) = read(row) if row is not None else (None, (True,))
    if account is None or not account.is_active:
        raise NotLoggedIn("The user of this token cannot log in any more.")
    if is_revoked or account.login_generation != generation:
        raise NotLoggedIn("This login has ended: log in again.")
    return account, rest


def revoke(session: Session, login_id: str, expires_at: datetime) -> None:
    """End a login; it is remembered until it would have expired by itself."""
    session.merge(RevokedLogin(login_id=login_id, expires_at=expires_at))
    session.flush()


def remove_expired(database: Database) -> None:
    """Forget ended logins that would have expired by themselves."""
    has_expired = RevokedLogin.expires_at < clock.after(-_KEPT_SECONDS)
    expired = select(RevokedLogin.login_id).where(has_expired)
    with database.session() as session:
        login_ids = session.scalars(expired.limit(_REMOVED_AT_ONCE)).all()
    if login_ids:
        with database.transaction() as session:
            session.execute(delete(RevokedLogin).where(RevokedLogin.login_id.in_(login_ids)))
