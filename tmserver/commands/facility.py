"""``tm facility``: proposals, bookings and what belongs to them."""

import json
from pathlib import Path

import click

from tmlib.errors import BadInput
from tmlib.facility.ispyb_import import import_rows
from tmserver.commands.auditing import audited
from tmserver.commands.output import print_table
from tmserver.commands.user import open_database

_File = click.Path(exists=True, dir_okay=False)


@click.group()
def facility() -> None:
    """Look after proposals, the bookings of instruments, and people."""


@facility.command("import")
@click.argument("document", type=_File)
@click.option(
    "--leave-out", multiple=True, metavar="TABLE", help="Do not take this table; may be repeated."
)
@audited
def import_facility(document: str, leave_out: tuple[str, ...]) -> None:
    """Take over an ISPyB database: a JSON document with the rows of each table.

    It is taken as a whole, or not at all when anything in it is wrong.
    """
    try:
        content = json.loads(Path(document).read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{document} is no JSON: {error}") from None
    with open_database() as database, database.transaction() as session:
        counts = import_rows(session, content, leave_out=leave_out)
    print_table("Imported", ("TABLE", "ROWS"), list(counts.items()))
