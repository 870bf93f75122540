"""All tables of the product, and bringing a database to their present form.

Importing this module completes ``Base.metadata``, tells the ledger who can own jobs, and
experiments who else may see them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection

import tmlib.accounts.models
import tmlib.annotation.models
import tmlib.db.counters
import tmlib.experiments.models
import tmlib.experiments.ownership
import tmlib.facility.models
import tmlib.facility.movies
import tmlib.facility.runs
import tmlib.facility.shipping
import tmlib.facility.specimens
import tmlib.facility.visibility
import tmlib.ledger.models
import tmlib.objects.models
import tmlib.portal.files
import tmlib.portal.models
import tmlib.portal.publishing.models
import tmlib.portal.withdrawal
import tmlib.tools.models
import tmlib.uploads.models
import tmlib.workflow.models  # noqa: F401 - each import registers tables
from tmlib.db import Base, Database, revision
from tmlib.db.hung_servers import unwatched
from tmlib.db.spatial import is_schema_object
from tmlib.errors import Conflict

_LOCK_KEY = 7_461_011  # any number that nothing else in the database locks

# Who waits for a table makes all wait that come later, also those who only want to read it.
_LOCK_SECONDS = 5


def upgrade(database: Database, to: str = "head") -> None:
    """Create the tables or bring them to a revision, in one transaction.

    Several processes may do this at the same time: the second waits and finds nothing to do.

    Raises
    ------
    Conflict
        If they are of a newer version of the product.
    DatabaseBusy
        If somebody uses a table that is to be changed, and does not let go of it. Nothing was
        changed then.
    """
    found = revision.current(database)
    if found is not None and not revision.is_known(found):
        raise Conflict(str(revision.mismatch(database)))
    _run(database, lambda config: command.upgrade(config, to))


def downgrade(database: Database, to: str) -> None:
    """Take the tables back to an earlier revision; ``base`` removes them all."""
    _run(database, lambda config: command.downgrade(config, to))


def _run(database: Database, action: Callable[[Config], None]) -> None:
    config = revision.migrations()
    with _connection(database) as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            connection.execute(text(f"SET LOCAL lock_timeout = {round(_LOCK_SECONDS * 1000)}"))
        config.attributes["connection"] = connection
        action(config)
        if database.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise RuntimeError("The migration has left rows that refer to nothing.")


@contextmanager
def _connection(database: Database) -> Iterator[Connection]:
    """A connection for migrations. On SQLite they may make tables anew that others refer to."""
    with database.engine.connect().execution_options(write=True) as connection:
        if not database.is_sqlite:
            # one that changes all rows of a large table takes as long as it needs
            with unwatched(connection.connection.driver_connection):
                yield connection
            return
        # has no effect inside a transaction, which SQLAlchemy's own methods would begin
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")
        try:
            yield connection
        finally:
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()


def differences(database: Database) -> list[object]:
    """What the tables of a database lack or have too much, compared with the code."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_schema_object, "compare_type": True}
        )
        return list(compare_metadata(context, Base.metadata))
