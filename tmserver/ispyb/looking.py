"""Reads for whoever sends a request."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from tmlib.facility import visibility
from tmlib.facility.visibility import Viewer
from tmserver.access import UserAccess


@contextmanager
def looking(access: UserAccess) -> Iterator[tuple[Session, Viewer]]:
    """A session to read with, and the user who looks."""
    with access.database.session() as session:
        yield session, viewer_of(access, session)


def viewer_of(access: UserAccess, session: Session) -> Viewer:
    """The user who looks."""
    return visibility.viewer(session, access.user.id, is_admin=access.proof.is_admin)
