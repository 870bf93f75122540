"""Does nothing while the tables are of another version of the product, and says so."""

import time

from flask import Flask, request
from sqlalchemy.exc import SQLAlchemyError

from tmlib.db import Database, Process, revision
from tmlib.errors import Conflict, Unavailable
from tmlib.settings import Settings

_SECONDS = 5.0
_ALWAYS_ANSWERED = ("/healthz", "/readyz")


class SchemaVersion:
    """Looks at the database's revision now and then.

    Parameters
    ----------
    database
        The installation's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at = time.monotonic()
        self._problem: str | None = None

    def check(self) -> None:
        """Refuse a request while the tables are not those that this version needs.

        Raises
        ------
        Unavailable
            With the reason.
        """
        if request.path in _ALWAYS_ANSWERED:
            return
        if time.monotonic() - self._looked_at > _SECONDS:
            self._look()
        if self._problem is not None:
            raise Unavailable(self._problem)

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        try:
            self._problem = revision.mismatch(self._database)
        except (SQLAlchemyError, Unavailable):
            # whoever needs the database will tell
            self._problem = None


def refuse_other_version(settings: Settings) -> None:
    """Let nothing start that cannot work with the tables; a database that is away is no reason.

    Raises
    ------
    Conflict
        If the tables are of another version of the product.
    """
    database = Database.of(settings, Process.COMMAND)
    try:
        problem = revision.mismatch(database)
    except (SQLAlchemyError, Unavailable):
        return
    finally:
        database.close()
    if problem is not None:
        raise Conflict(problem)


def register(app: Flask, database: Database) -> None:
    """Check before each request of an application."""
    app.before_request(SchemaVersion(database).check)
