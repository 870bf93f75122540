"""Personal tokens: they let scripts do what a user may, without the password."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.models import PersonalToken, User
from tmlib.db import clock
from tmlib.db.base import now
from tmlib.errors import Conflict, NotFound, NotLoggedIn

PREFIX = "tm_"

_SHOWN_LENGTH = 10
_USE_IS_NOTED_EVERY = timedelta(hours=1)


def create_token(
    session: Session, user_id: int, name: str, *, write_access: bool, days: int | None = None
) -> tuple[PersonalToken, str]:
    """Make a token that works for some days, or until it is removed.

    Returns
    -------
    tuple
        What is kept of the token, and the token itself, which nobody can look up later.

    Raises
    ------
    Conflict
        If the user has a token of this name.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    token = PersonalToken(
        user_id=user_id,
        name=name,
        token_hash=_hash(secret),
        prefix=secret[:_SHOWN_LENGTH],
        write_access=write_access,
        expires_at=None if days is None else clock.read(session) + timedelta(days=days),
    )
    session.add(token)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'You have a token "{name}" already: choose another name or remove that token.'
        ) from error
    return token, secret


def list_tokens(session: Session, user_id: int) -> list[PersonalToken]:
    """All tokens of a user, also those that have expired, in the order of creation."""
    query = select(PersonalToken).where(PersonalToken.user_id == user_id)
    return list(session.scalars(query.order_by(PersonalToken.id)))


def delete_token(session: Session, user_id: int, token_id: int) -> None:
    """Remove a token of a user; it stops working at once.

    Raises
    ------
    NotFound
        If the user has no such token.
    """
    token = session.get(PersonalToken, token_id)
    if token is None or token.user_id != user_id:
        raise NotFound("You have no such token.")
    session.delete(token)


def find_token(session: Session, secret: str) -> tuple[User, PersonalToken]:
    """A token that works, and whose it is, from one query.

    Raises
    ------
    NotLoggedIn
        If it is none, has expired or its user was disabled.
    """
    query = select(User, PersonalToken, clock.present()).join(
        PersonalToken, PersonalToken.user_id == User.id
    )
    found = session.execute(query.where(PersonalToken.token_hash == _hash(secret))).one_or_none()
    if found is None:
        raise NotLoggedIn("There is no such token (any more): make a new one.")
    user, token, moment = found
    if not user.is_active:
        raise NotLoggedIn("The user of this token cannot log in any more.")
    if token.expires_at is not None and token.expires_at <= moment:
        raise NotLoggedIn(f'The token "{token.name}" has expired: make a new one.')
    return user, token


def find_user_of_token(session: Session, user_id: int, token_id: int) -> User:
    """The user who has this token, which must still work, from one query.

    Raises
    ------
    NotLoggedIn
        If the token was removed, has expired or its user was disabled.
    """
    query = select(User).join(PersonalToken, PersonalToken.user_id == User.id)
    works = or_(PersonalToken.expires_at.is_(None), PersonalToken.expires_at > clock.present())
    user = session.scalar(
        query.where(PersonalToken.id == token_id, User.id == user_id, User.is_active, works)
    )
    if user is None:
        raise NotLoggedIn("The token that signed this URL does not work any more.")
    return user


def use_is_noted(token: PersonalToken) -> bool:
    """Whether `last_used_at` is recent enough to say when a token was used."""
    last: datetime | None = token.last_used_at
    return last is not None and now() - last < _USE_IS_NOTED_EVERY


def note_use(session: Session, token_id: int) -> None:
    """Remember that a token was used now."""
    token = session.get(PersonalToken, token_id)
    if token is not None:
        token.last_used_at = now()


def _hash(secret: str) -> str:
    # the secret is random and long: nothing is won by a slow hash, which passwords need
    return hashlib.sha256(secret.encode()).hexdigest()
