"""``tm verify``: computing a published dataset again."""

import tempfile
from pathlib import Path

import click

from tmlib import schema
from tmlib.db import Database, revision
from tmlib.errors import BadInput
from tmlib.portal import published_crate, verification
from tmlib.portal.published_crate import PublishedCrate
from tmlib.portal.publishing.provenance import versions
from tmlib.settings import Settings
from tmserver.command_line import FAILURE
from tmserver.commands.output import print_table

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_DIFFERENT = 1


class _NotCompared(click.ClickException):
    """It is not known whether the numbers are the same; programs that compare exit like that."""

    exit_code = 2


@click.command()
@click.argument("crate", type=_FOLDER)
@click.option(
    "--files",
    type=_FOLDER,
    required=True,
    help="The files of the microscope: in PLATE/ACQUISITION/ below this folder, or in it.",
)
@click.option("--models", type=_FOLDER, help="The models that the pipeline loads.")
@click.option(
    "--database-url",
    help="An empty database to compute in; one of SQLite, gone at the end, if not given.",
)
def verify(crate: Path, files: Path, models: Path | None, database_url: str | None) -> None:
    """Run the workflow of a published dataset again, and tell whether the numbers are the same.

    CRATE is the folder with ro-crate-metadata.json. Nothing of the installation is used or
    changed. The exit code is 0 if all numbers are equal, 1 if those of a well differ, and 2 if they
    could not be compared.
    """
    click.get_current_context().meta[FAILURE] = _NotCompared
    published = published_crate.read_crate(crate)
    found = published_crate.find_files(published, files)
    _tell_versions(published)
    with tempfile.TemporaryDirectory(prefix="tm-verify-") as folder:
        url = database_url or f"sqlite:///{folder}/verify.db"
        models_dir = Path(folder, "models")
        published_crate.take_models(published, models, models_dir)
        settings = Settings(data_dir=Path(folder), database_url=url, models_dir=models_dir)
        database = Database(url)
        try:
            if revision.current(database) is not None:
                raise BadInput("The database is in use already: name an empty one.")
            schema.upgrade(database)
            results = verification.verify(database, settings, published, found)
        finally:
            database.close()
    print_table(
        "Numbers",
        ("PLATE", "WELL", "OBJECTS", "PUBLISHED", "FOUND", "EQUAL"),
        [
            (one.plate, one.well, one.objects, one.published, one.found, _yes(one.is_equal))
            for one in results
        ],
    )
    differ = sorted({f"{one.plate} {one.well}" for one in results if not one.is_equal})
    if differ:
        click.echo(f"The numbers differ in {', '.join(differ)}.")
        raise SystemExit(_DIFFERENT)
    click.echo("All numbers are equal.")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _tell_versions(crate: PublishedCrate) -> None:
    """Say which programs are not of the versions that the dataset was made with."""
    for name, present in versions().items():
        before = crate.versions.get(name)
        if before != present:
            click.echo(f"{name} is {present} here, and was {before or 'not named'}.")
