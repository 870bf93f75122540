"""The revision of the tables: the one that this version of the product needs, and the database's.

Machines are not all given a new version at the same moment. Whoever finds tables of another version
than its own leaves them alone and says so.
"""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, table

from tmlib.db.engine import Database

TABLE = table("alembic_version", column("version_num"))
"""What tells which revision a database is at."""


def migrations() -> Config:
    """Where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def needed() -> str:
    """The newest revision that this version of the product knows."""
    return _known()[0]


def current(database: Database) -> str | None:
    """The revision that a database is at, or None when it has no tables yet."""
    with database.session() as session:
        context = MigrationContext.configure(session.connection())
        return context.get_current_revision()


def mismatch(database: Database) -> str | None:
    """Why this version cannot work with the tables, in a sentence; None if it can."""
    found = current(database)
    if found == needed():
        return None
    if found is None:
        return "The database has no tables yet: run `tm db upgrade`."
    sentence = f"The tables are of revision {found}, and this version of tmserver needs {needed()}"
    if is_known(found):
        return f"{sentence}: run `tm db upgrade`."
    return f"{sentence}, which is older: install on this machine the version that the others have."


def is_known(revision: str) -> bool:
    """Whether a revision is one that this version can bring up to date."""
    return revision in _known()


@cache
def _known() -> tuple[str, ...]:
    """All revisions, the newest first."""
    scripts = ScriptDirectory.from_config(migrations())
    return tuple(script.revision for script in scripts.walk_revisions())
