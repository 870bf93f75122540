"""``tm catalogue``: the public catalogue."""

import json
from datetime import timedelta
from pathlib import Path

import click

from tmlib.db.base import now
from tmlib.errors import BadInput
from tmlib.portal import bucket_import, sweeping, withdrawal
from tmlib.portal.files import FileStore
from tmlib.settings import Settings
from tmserver.commands.auditing import audited
from tmserver.commands.output import print_table
from tmserver.commands.user import open_database

_File = click.Path(exists=True, dir_okay=False)
_Folder = click.Path(exists=True, file_okay=False)


@click.group()
def catalogue() -> None:
    """Look after the public catalogue, which everybody can read."""


@catalogue.command("import")
@click.argument("document", type=_File)
@click.option(
    "--files",
    type=_Folder,
    help="A folder with the files of the bucket that rows name.",
)
@click.option("--no-file-checks", is_flag=True, help="Take rows whose files are not there.")
@audited
def import_catalogue(document: str, files: str | None, no_file_checks: bool) -> None:
    """Add a catalogue from elsewhere: a JSON document with the rows of each class.

    It is taken as a whole, or not at all when anything in it is wrong.
    """
    try:
        content = json.loads(Path(document).read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{document} is no JSON: {error}") from None
    if files is None and not no_file_checks:
        raise BadInput("Say with --files where the files are, or take rows with --no-file-checks.")
    with open_database() as database:
        counts = bucket_import.import_catalogue(
            database,
            FileStore(Settings().data_dir),
            content,
            Path(files) if files else None,
            without_files=no_file_checks,
        )
    print_table("Imported", ("CLASS", "ROWS"), list(counts.items()))


@catalogue.command("list")
def list_catalogue() -> None:
    """List all depositions, and those that were withdrawn."""
    with open_database() as database, database.session() as session:
        found = withdrawal.list_depositions(session)
    print_table(
        "Depositions",
        ("ID", "DATASETS", "WITHDRAWN", "TITLE"),
        [(number, n_datasets, reason, title) for number, title, n_datasets, reason in found],
    )


@catalogue.command()
@click.option(
    "--days",
    type=click.FloatRange(min=1),
    default=7,
    show_default=True,
    help="Leave what was kept since then: an import that is at work may publish it.",
)
@click.option("--dry-run", is_flag=True, help="Only tell how much it is.")
@audited
def sweep(days: float, dry_run: bool) -> None:
    """Remove contents that no published file has any more.

    Withdrawn depositions, failed publications and imports that were killed leave them.
    """
    before = now() - timedelta(days=days)
    with open_database() as database:
        store = FileStore(Settings().data_dir)
        found = sweeping.sweep(database, store, before, only_count=dry_run)
    what = "could be removed" if dry_run else "removed"
    click.echo(f"{found.n_files} files of {found.size / 1e6:.1f} MB {what}.")


@catalogue.command()
@click.argument("deposition", type=int)
@click.option("--reason", required=True, help="Why, for those who ask for it later.")
@audited
def withdraw(deposition: int, reason: str) -> None:
    """Take a deposition out of the catalogue for good, with its files and all that belongs to it.

    Its number and title stay, with the reason, and no other gets the number.
    """
    with open_database() as database, database.transaction() as session:
        counts = withdrawal.withdraw(session, deposition, reason)
    print_table("Withdrawn", ("CLASS", "ROWS"), list(counts.items()))
