"""Users: who can log in, and the proof that they are who they say."""

import re
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.models import User
from tmlib.errors import BadInput, Conflict, NotFound, NotLoggedIn

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1024

_NAME = re.compile(r"[\w.@+-][\w .@+-]{0,254}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,255}")
_HASHER = PasswordHasher()


def create_user(
    session: Session, name: str, password: str, email: str, *, is_admin: bool = False
) -> User:
    """Add a user who can log in from now on.

    Raises
    ------
    BadInput
        If the name, the password or the address cannot be used.
    Conflict
        If the name or the address is taken.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise BadInput(
            f'"{name[:80]}" is not a usable user name: use 1 to 255 letters, digits, spaces '
            'and the characters "_.@+-".'
        )
    if not _EMAIL.fullmatch(email):
        raise BadInput(f'"{email[:80]}" is not an e-mail address: it needs the form name@host.')
    user = User(name=name, email=email, password_hash=hash_password(password), is_admin=is_admin)
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'A user with the name "{name}" or the address "{email}" exists already: '
            "choose another one."
        ) from error
    return user


def hash_password(password: str) -> str:
    """The argon2 hash of a password that is to be kept.

    Raises
    ------
    BadInput
        If the password is too short to protect anything, or absurdly long.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise BadInput(
            f"The password has {len(password)} characters: it must have at least "
            f"{MIN_PASSWORD_LENGTH} and at most {MAX_PASSWORD_LENGTH}."
        )
    return _HASHER.hash(password)


def set_password(session: Session, name: str, password: str) -> None:
    """Replace a user's password."""
    find_user(session, name).password_hash = hash_password(password)


def set_active(session: Session, name: str, *, is_active: bool) -> None:
    """Let a user in again, or lock the user out: also those who are logged in."""
    find_user(session, name).is_active = is_active


def find_user(session: Session, name: str) -> User:
    """The user of this name.

    Raises
    ------
    NotFound
        If there is none.
    """
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise NotFound(f'There is no user "{name}".')
    return user


def list_users(session: Session) -> list[User]:
    """All users in the order of their names."""
    return list(session.scalars(select(User).order_by(User.name)))


def authenticate(session: Session, name: str, password: str) -> User:
    """The user with this name and password.

    It takes as long for an unknown name as for a known one, so that the time tells nothing.

    Raises
    ------
    NotLoggedIn
        If the name or the password is wrong, or the user is disabled.
    """
    user = session.scalar(select(User).where(User.name == name))
    matches = _verify(_unknown_hash() if user is None else user.password_hash, password)
    if user is None or not matches or not user.is_active:
        raise NotLoggedIn("The user name or the password is wrong.")
    return user


def get_active_user(session: Session, user_id: int) -> User:
    """The user that a token speaks of.

    Raises
    ------
    NotLoggedIn
        If the user was removed or disabled after the token was issued.
    """
    user = session.get(User, user_id)
    if user is None or not user.is_active:
        raise NotLoggedIn("The user of this token cannot log in any more.")
    return user


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password[: MAX_PASSWORD_LENGTH + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _unknown_hash() -> str:
    return _HASHER.hash("the password of nobody")
