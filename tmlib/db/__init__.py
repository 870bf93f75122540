"""The database: engine and sessions, table base, spatial columns, migrations."""

from tmlib.db.base import Base, Timestamps
from tmlib.db.connections import Connections, Process
from tmlib.db.engine import Database

__all__ = ["Base", "Connections", "Database", "Process", "Timestamps"]
