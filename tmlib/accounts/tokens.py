"""Personal tokens: they let scripts do what a user may, without the password."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.accounts import identity
from tmlib.accounts.identity import USERS, Account, read
from tmlib.accounts.models import PersonalToken
from tmlib.db import clock
from tmlib.db.base import now
from tmlib.errors import Conflict, NotFound, NotLoggedIn

PREFIX = "tm_"

_HEXADECIMAL = re.compile("[0-9a-f]{32}")
_SHOWN_LENGTH = 10
_FINGERPRINT_LENGTH = 16
_USE_IS_NOTED_EVERY = timedelta(hours=1)

_TOKENS = PersonalToken.__table__
_COLUMNS = (
    _TOKENS.c.id,
    func.substr(_TOKENS.c.token_hash, 1, _FINGERPRINT_LENGTH),
    _TOKENS.c.name,
    _TOKENS.c.write_access,
    _TOKENS.c.expires_at,
    _TOKENS.c.last_used_at,
)
_WITH_USER = select(*identity.COLUMNS, *_COLUMNS, clock.present()).select_from(
    USERS.join(_TOKENS, _TOKENS.c.user_id == USERS.c.id)
)

STATEMENT = _WITH_USER.where(_TOKENS.c.token_hash == bindparam("token_hash"))
"""Asks for a token, and whose it is."""

STATEMENT_OF_SIGNED = _WITH_USER.where(
    func.substr(_TOKENS.c.token_hash, 1, _FINGERPRINT_LENGTH) == bindparam("fingerprint"),
    USERS.c.id == bindparam("user_id"),
)
"""Asks for the token that has signed a URL, and whose it is."""


class Token(NamedTuple):
    """A personal token, see :class:`tmlib.accounts.models.PersonalToken`.

    No other token ever has its ``fingerprint``; its ``id`` another one may get when it is gone.
    """

    id: int
    fingerprint: str
    name: str
    write_access: bool
    expires_at: datetime | None
    last_used_at: datetime | None


def is_token(text: str) -> bool:
    """Whether a text has the form of a personal token."""
    return text.startswith(PREFIX) or _HEXADECIMAL.fullmatch(text) is not None


def create_token(
    session: Session,
    user_id: int,
    name: str,
    *,
    write_access: bool,
    days: int | None = None,
    is_hexadecimal: bool = False,
) -> tuple[PersonalToken, str]:
    """Make a token that works for some days, or until it is removed.

    Parameters
    ----------
    session
        In a transaction.
    user_id
        Whose it is.
    name
        By which the user knows it.
    write_access
        Whether it is good for changes too.
    days
        For how long it works.
    is_hexadecimal
        Whether it has 32 hexadecimal digits, as programs for CAVE want it, and no prefix.

    Returns
    -------
    tuple
        What is kept of the token, and the token itself, which nobody can look up later.

    Raises
    ------
    Conflict
        If the user has a token of this name.
    """
    secret = secrets.token_hex(16) if is_hexadecimal else PREFIX + secrets.token_urlsafe(32)
    token = PersonalToken(
        user_id=user_id,
        name=name,
        token_hash=hash_secret(secret),
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


def check(row: Sequence[Any] | None) -> tuple[Account, Token, Sequence[Any]]:
    """A token that works and whose it is, from what `STATEMENT` has found; the rest of the row.

    Raises
    ------
    NotLoggedIn
        If there is no such token, it has expired or its user was disabled.
    """
    if row is None:
        raise NotLoggedIn("There is no such token (any more): make a new one.")
    account, rest = read(row)
    token, (moment, *rest) = Token(*rest[: len(_COLUMNS)]), rest[len(_COLUMNS) :]
    if not account.is_active:
        raise NotLoggedIn("The user of this token cannot log in any more.")
    if token.expires_at is not None and token.expires_at <= moment:
        raise NotLoggedIn(f'The token "{token.name}" has expired: make a new one.')
    return account, token, rest


def check_signed(row: Sequence[Any] | None) -> tuple[Account, Token, Sequence[Any]]:
    """As `check`, of a signed URL, from what `STATEMENT_OF_SIGNED` has found.

    Raises
    ------
    NotLoggedIn
        If the token that signed it was removed, has expired or its user was disabled.
    """
    try:
        return check(row)
    except NotLoggedIn:
        raise NotLoggedIn("The token that signed this URL does not work any more.") from None


def use_is_noted(token: Token) -> bool:
    """Whether `last_used_at` is recent enough to say when a token was used."""
    last = token.last_used_at
    return last is not None and now() - last < _USE_IS_NOTED_EVERY


def note_use(session: Session, token_id: int) -> None:
    """Remember that a token was used now."""
    token = session.get(PersonalToken, token_id)
    if token is not None:
        token.last_used_at = now()


def hash_secret(secret: str) -> str:
    """What is kept of a token."""
    # the secret is random and long: nothing is won by a slow hash, which passwords need
    return hashlib.sha256(secret.encode()).hexdigest()
