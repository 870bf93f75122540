"""Users: who can log in, and the proof that they are who they say."""

import re
from collections.abc import Collection
from functools import cache
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts.models import PersonalToken, User
from tmlib.db.many import select_among
from tmlib.errors import BadInput, Conflict, NotFound, NotLoggedIn

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 1024
NO_PASSWORD = "!"  # noqa: S105 - no hash, so that no password fits it
WRONG = "The user name or the password is wrong."

_MADE_UP = re.compile(r"(person|contact)-\w+")
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
    user = User(
        name=check_name(name),
        email=check_email(email),
        password_hash=hash_password(password),
        is_admin=is_admin,
    )
    session.add(user)
    _flush(session, user)
    return user


def change_user(
    session: Session,
    user_id: int,
    *,
    name: str | None = None,
    email: str | None = None,
    is_admin: bool | None = None,
    is_active: bool | None = None,
) -> User:
    """Change what is given of a user; disabling ends all logins and personal tokens for good.

    Raises
    ------
    BadInput
        If the name or the address cannot be used.
    Conflict
        If the name or the address is taken, or no administrator would be left.
    NotFound
        If there is no such user.
    """
    user = get_user(session, user_id)
    if is_admin is False or is_active is False:
        _keep_an_administrator(session, user)
    if name is not None:
        user.name = check_name(name)
    if email is not None:
        user.email = check_email(email)
    if is_admin is not None:
        user.is_admin = is_admin
    if is_active is not None:
        if user.is_active and not is_active:
            _end_what_is_open(session, user)
        user.is_active = is_active
    _flush(session, user)
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


def change_password(session: Session, user_id: int, password_hash: str) -> User:
    """Replace a user's password, and end what was opened with the old one.

    Whoever fears that somebody else knows the password must be rid of them: all logins, signed
    URLs and personal tokens stop working.

    Raises
    ------
    Conflict
        If the user has none here.
    NotFound
        If there is no such user.
    """
    user = get_user(session, user_id)
    check_password_is_kept_here(user)
    user.password_hash = password_hash
    _end_what_is_open(session, user)
    session.flush()
    return user


def check_password_is_kept_here(user: User) -> None:
    """Refuse to change the password of somebody who has none here.

    Raises
    ------
    Conflict
        If something else knows the user.
    """
    if user.origin is not None:
        raise Conflict(
            f'The password of "{user.name}" is not kept here: change it where the account comes '
            f"from ({user.origin})."
        )


def set_password(session: Session, name: str, password: str) -> None:
    """Replace the password of the user of this name, see `change_password`."""
    change_password(session, find_user(session, name).id, hash_password(password))


def set_active(session: Session, name: str, *, is_active: bool) -> None:
    """Let a user in again, or lock the user out: also those who are logged in."""
    change_user(session, find_user(session, name).id, is_active=is_active)


def get_user(session: Session, user_id: int) -> User:
    """The user of this number.

    Raises
    ------
    NotFound
        If there is none.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def find_user(session: Session, name: str) -> User:
    """The user of this name.

    Raises
    ------
    NotFound
        If there is none.
    """
    # PostgreSQL refuses to look for a NUL character
    user = session.scalar(select(User).where(User.name == name)) if "\x00" not in name else None
    if user is None:
        raise NotFound(f'There is no user "{name[:80]}".')
    return user


def names_of(session: Session, user_ids: Collection[int | None]) -> dict[int | None, str]:
    """Names of users by their numbers; those that are no longer there are left out."""
    query = select(User.id, User.name)
    wanted = {number for number in user_ids if number is not None}
    return {row.id: row.name for row in select_among(session, query, User.id, wanted)}


def list_users(
    session: Session, *, name: str | None = None, limit: int | None = None, offset: int = 0
) -> list[User]:
    """All users in the order of their names, or the one with a name."""
    query = select(User).order_by(User.name).limit(limit).offset(offset)
    return list(session.scalars(query if name is None else query.where(User.name == name)))


def authenticate(session: Session, name: str, password: str) -> User:
    """The user with this name and password.

    It takes as long for an unknown name as for a known one, so that the time tells nothing.

    Raises
    ------
    NotLoggedIn
        If the name or the password is wrong, or the user is disabled.
    """
    user = session.scalar(select(User).where(User.name == name))
    has_password = user is not None and user.origin is None and user.password_hash != NO_PASSWORD
    matches = _verify(user.password_hash if user and has_password else _unknown_hash(), password)
    if user is None or not has_password or not matches or not user.is_active:
        raise NotLoggedIn(WRONG)
    return user


def check_name(name: str, of: str = "user") -> str:
    """A name that can be used for a user or a group.

    Raises
    ------
    BadInput
        If it is empty, too long or has characters that cannot be told from others.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise BadInput(
            f'"{name[:80]}" is not a usable {of} name: use 1 to 255 letters, digits, spaces '
            'and the characters "_.@+-".'
        )
    return name


def make_up_name(kind: Literal["person", "contact"], number: int | str) -> str:
    """The name for the account of somebody of whom no name is known."""
    return f"{kind}-{number}"


def is_kept_for_its_name(user: User) -> bool:
    """Whether an account, of a portal or an import, waits for the first login of who is called so.

    Nobody has been in it, since nothing knows a password for it.
    """
    is_closed = user.origin is None and user.password_hash == NO_PASSWORD
    return is_closed and _MADE_UP.fullmatch(user.name) is None


def check_email(email: str) -> str:
    """An address that can be used for a user.

    Raises
    ------
    BadInput
        If it has not the form of one.
    """
    if not _EMAIL.fullmatch(email):
        raise BadInput(f'"{email[:80]}" is not an e-mail address: it needs the form name@host.')
    return email


def _keep_an_administrator(session: Session, user: User) -> None:
    # locked, so that two administrators cannot remove each other at the same moment
    query = select(User.id).where(User.is_admin, User.is_active).order_by(User.id)
    if list(session.scalars(query.with_for_update())) == [user.id]:
        raise Conflict(
            f'"{user.name}" is the last administrator who can log in: make somebody else '
            "an administrator first."
        )


def _end_what_is_open(session: Session, user: User) -> None:
    """End all logins, signed URLs and personal tokens of a user."""
    user.login_generation += 1
    session.execute(delete(PersonalToken).where(PersonalToken.user_id == user.id))


def _flush(session: Session, user: User) -> None:
    name, email = user.name, user.email
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f'A user with the name "{name}" or the address "{email}" exists already: '
            "choose another one."
        ) from error


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password[: MAX_PASSWORD_LENGTH + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _unknown_hash() -> str:
    return _HASHER.hash("the password of nobody")
