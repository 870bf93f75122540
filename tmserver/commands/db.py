"""``tm db``: the tables of the database."""

from contextlib import AbstractContextManager, closing

import click

from tmlib import schema
from tmlib.db import Database, Process, revision
from tmlib.errors import Conflict
from tmlib.settings import Settings
from tmserver.commands.auditing import audited


@click.group()
def db() -> None:
    """Create, upgrade and check the database's tables."""


@db.command()
@audited
def upgrade() -> None:
    """Create the tables, or bring them to the form that this version needs.

    `tm serve` does this by itself; on a cluster run it once before starting a new version.
    """
    with _connect() as database:
        schema.upgrade(database)
        click.echo(f"The database is at revision {revision.current(database)}.")


@db.command()
def current() -> None:
    """Show the revision of the tables, and the one that this version needs."""
    with _connect() as database:
        found = revision.current(database)
    click.echo(f"revision {found or 'none'}, needed {revision.needed()}")


@db.command()
def check() -> None:
    """Exit with code 1 unless the tables are what this version needs."""
    with _connect() as database:
        if problem := revision.mismatch(database):
            raise Conflict(problem)
        if found := schema.differences(database):
            raise Conflict(f"The tables are not what this version needs: {found}")
    click.echo("The tables are what this version needs.")


def _connect() -> AbstractContextManager[Database]:
    return closing(Database.of(Settings(), Process.COMMAND))
