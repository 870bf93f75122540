"""The database: engine and sessions, table base, spatial columns, migrations."""

from tmlib.db.base import Base, Timestamps
from tmlib.db.engine import Database

__all__ = ["Base", "Database", "Timestamps"]
