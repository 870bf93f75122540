"""Logins: what a password has opened, until it expires or is ended."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.accounts.models import RevokedLogin, User
from tmlib.db import Database, clock
from tmlib.errors import NotLoggedIn

_REMOVED_AT_ONCE = 1000

# tokens end by the clocks of web servers, which may be late
_KEPT_SECONDS = 3600.0


def find_user(session: Session, user_id: int, generation: int, login_id: str | None = None) -> User:
    """The user who logged in, from one query.

    Parameters
    ----------
    session
        Of the database.
    user_id
        Who logged in.
    generation
        The user's `login_generation` of then.
    login_id
        The login, if it can be ended on its own.

    Raises
    ------
    NotLoggedIn
        If the login was ended or its user disabled.
    """
    revoked = select(RevokedLogin).where(RevokedLogin.login_id == login_id).exists()
    found = session.execute(select(User, revoked).where(User.id == user_id)).one_or_none()
    if found is None or not found[0].is_active:
        raise NotLoggedIn("The user of this token cannot log in any more.")
    user, is_revoked = found
    if is_revoked or user.login_generation != generation:
        raise NotLoggedIn("This login has ended: log in again.")
    return user


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
