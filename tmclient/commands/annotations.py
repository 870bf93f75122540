"""Annotation tables: what people know of an experiment."""

from pathlib import Path

import click

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
@pass_session
def download_table(session: ClientSession, name: str, file_format: str, target: Path) -> None:
    """Write the rows of a table into a file."""
    session.client.annotations.download(name, target, file_format=file_format)


@annotation_table.command("rm")
@_name_option
@pass_session
def delete_table(session: ClientSession, name: str) -> None:
    """Mark a table as deleted; nothing of it is lost."""
    session.client.annotation_tables.delete(name)
