"""Annotation tables: what people know of an experiment."""

from pathlib import Path

import click

from tmclient.commands.places import EXISTING_FILE
from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)

annotation_table = resource_group("annotation-table", "Look at annotation tables, and export them.")

_name_option = click.option("-n", "--name", required=True, help="Name of the table.")


@annotation_table.command("ls")
@pass_session
def list_tables(session: ClientSession) -> None:
    """List the annotation tables."""
    print_resources(
        session.client.annotation_tables.list(),
        name="name",
        schema="schema_name",
        rows="n_rows",
        description="description",
    )


@annotation_table.command("create")
@_name_option
@click.option("-s", "--schema", required=True, help="Of what its rows are made: bound_tag, ...")
@click.option("-d", "--description", default="", help="What it is for.")
@click.option(
    "--voxel-resolution",
    type=(float, float, float),
    metavar="X Y Z",
    help="In nanometres; that of the images if not given.",
)
@click.option("--reference-table", help="To whose rows its rows refer.")
@pass_session
def create_table(
    session: ClientSession,
    name: str,
    schema: str,
    description: str,
    voxel_resolution: tuple[float, float, float] | None,
    reference_table: str | None,
) -> None:
    """Make an empty table."""
    session.client.annotation_tables.create(
        name,
        schema,
        description=description,
        voxel_resolution=voxel_resolution,
        reference_table=reference_table,
    )


@annotation_table.command("download")
@_name_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "geojson", "parquet", "arrow", "json"]),
    default="csv",
    show_default=True,
    help="Of the file.",
)
@click.option("--file", "target", type=click.Path(path_type=Path), required=True, help="Where to.")
@click.option("--bind", metavar="TYPE", help="Tell which mapobjects of a type contain the points.")
@pass_session
def download_table(
    session: ClientSession, name: str, file_format: str, target: Path, bind: str | None
) -> None:
    """Write the rows of a table into a file."""
    session.client.annotations.download(name, target, file_format=file_format, bind=bind)


@annotation_table.command("import")
@_name_option
@click.option("--file", "path", type=EXISTING_FILE, required=True, help="CSV, Parquet or GeoJSON.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "parquet", "geojson"]),
    help="Of the file; by its ending if not given.",
)
@click.option("--wait", is_flag=True, help="Wait until the rows are entered.")
@pass_session
def import_rows(
    session: ClientSession, name: str, path: Path, file_format: str | None, wait: bool
) -> None:
    """Enter the rows of a file into a table, all of them or none."""
    imports = session.client.annotation_imports
    started = imports.start(name, path, file_format=file_format)
    click.echo(f"Import {started['id']}")
    if wait:
        ended = imports.wait(name, started["id"])
        click.echo(f"{ended['n_rows']} rows entered")


@annotation_table.command("imports")
@_name_option
@pass_session
def list_imports(session: ClientSession, name: str) -> None:
    """List the imports into a table, and how they stand."""
    print_resources(
        session.client.annotation_imports.list(name),
        id="id",
        format="format",
        state="state",
        done="percent_done",
        rows="n_rows",
        error="error",
    )


@annotation_table.command("kill-import")
@_name_option
@click.option("--id", "import_id", required=True, help="Which import.")
@pass_session
def kill_import(session: ClientSession, name: str, import_id: str) -> None:
    """End an import whose rows are not entered yet."""
    session.client.annotation_imports.kill(name, import_id)


@annotation_table.command("rm")
@_name_option
@pass_session
def delete_table(session: ClientSession, name: str) -> None:
    """Mark a table as deleted; nothing of it is lost."""
    session.client.annotation_tables.delete(name)
