"""Tokens that let one request through, soon: for images and downloads, which send no headers."""

import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.accounts.tokens import hash_secret
from tmlib.db import clock
from tmlib.facility.models import OneTimeToken

LIFETIME_SECONDS = 10.0

_BYTES = 96


def create(session: Session, user_id: int, path: str) -> str:
    """Make a token for a path; those that were never used and have expired are forgotten."""
    session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < clock.present()))
    secret = secrets.token_urlsafe(_BYTES)
    expires_at = session.execute(select(clock.after(LIFETIME_SECONDS))).scalar_one()
    session.add(
        OneTimeToken(
            token_hash=hash_secret(secret), user_id=user_id, path=path, expires_at=expires_at
        )
    )
    session.flush()
    return secret


def use(session: Session, secret: str, path: str) -> int | None:
    """Whose a token is, which is good for this path and not used yet; it is used up then."""
    if "\x00" in path:
        return None  # no text of PostgreSQL has that, and so none was made
    used = (
        delete(OneTimeToken)
        .where(
            OneTimeToken.token_hash == hash_secret(secret),
            OneTimeToken.path == path,
            OneTimeToken.expires_at > clock.present(),
        )
        .returning(OneTimeToken.user_id)
    )
    return session.scalar(used)
