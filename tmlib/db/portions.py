"""How much is removed in one transaction, so that those who want to write get their turn."""

import time

from tmlib.db.engine import Database

_ROWS = 10_000

# SQLite has one writer at a time, and those who wait look again after 0.1 s at the latest.
_ROWS_OF_SQLITE = 2_500
_PAUSE_SECONDS = 0.1


def rows(database: Database) -> int:
    """How many rows to remove in one transaction."""
    return _ROWS_OF_SQLITE if database.is_sqlite else _ROWS


def give_way(database: Database) -> None:
    """Let others write before the next portion."""
    if database.is_sqlite:
        time.sleep(_PAUSE_SECONDS)
