"""Object types, features and their values."""

from pathlib import Path

import click

from tmclient.commands.places import (
    EXISTING_FILE,
    directory_option,
    object_type_option,
    parallel_option,
    site_options,
    tpoint_option,
)
from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)
from tmclient.places import Selection
from tmclient.values import METADATA, PROFILES, VALUES

object_type = resource_group("object-type", "List, create, rename and delete types of objects.")


@object_type.command("ls")
@pass_session
def list_types(session: ClientSession) -> None:
    """List the types of objects."""
    types = [
        {**item, "n_features": len(item["features"])} for item in session.client.object_types.list()
    ]
    print_resources(types, id="id", name="name", features="n_features")


@object_type.command("create")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def create_type(session: ClientSession, name: str) -> None:
    """Add a type of objects."""
    session.client.object_types.create(name)


@object_type.command("rename")
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_type(session: ClientSession, name: str, new_name: str) -> None:
    """Rename a type of objects."""
    session.client.object_types.rename(name, new_name)


@object_type.command("rm")
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_type(session: ClientSession, name: str) -> None:
    """Delete a type with all its objects and their features."""
    session.client.object_types.delete(name)


feature = resource_group("feature", "List, rename and delete features.")


@feature.command("ls")
@object_type_option
@pass_session
def list_features(session: ClientSession, type_name: str) -> None:
    """List the features of a type of objects."""
    print_resources(session.client.features.list(type_name), id="id", name="name")


@feature.command("rename")
@object_type_option
@click.option("-n", "--name", required=True, help="Its present name.")
@click.option("--new-name", required=True)
@pass_session
def rename_feature(session: ClientSession, type_name: str, name: str, new_name: str) -> None:
    """Rename a feature."""
    session.client.features.rename(type_name, name, new_name)


@feature.command("rm")
@object_type_option
@click.option("-n", "--name", required=True, help="Its name.")
@pass_session
def delete_feature(session: ClientSession, type_name: str, name: str) -> None:
    """Delete a feature with all its values."""
    session.client.features.delete(type_name, name)


feature_values = resource_group("feature-values", "Download and upload feature values.")


@feature_values.command("download")
@object_type_option
@click.option("-p", "--plate", "plate_name", help="Only objects of this plate.")
@click.option("-w", "--well", "well_name", help="Only objects of this well.")
@click.option(
    "--format",
    "table_format",
    type=click.Choice(["csv", "parquet", "arrow"]),
    default="csv",
    show_default=True,
)
@click.option("--per-well", is_flag=True, help="Write two files for each well instead of two.")
@click.option(
    "--profiles",
    is_flag=True,
    help="Write one file, with positions and conditions in columns Metadata_..., for pycytominer.",
)
@parallel_option
@directory_option
@pass_session
def download_values(
    session: ClientSession,
    type_name: str,
    plate_name: str | None,
    well_name: str | None,
    table_format: str,
    per_well: bool,
    profiles: bool,
    parallel: int,
    directory: Path,
) -> None:
    """Write the values of all features, and the positions of the objects: a row per object."""
    if per_well and profiles:
        raise click.UsageError("--profiles writes one file: leave out --per-well.")
    if per_well:
        files = session.client.feature_values.download_files(
            type_name, directory, parallel, table_format
        )
    else:
        directory.mkdir(parents=True, exist_ok=True)
        files = [
            session.client.feature_values.download_file(
                type_name,
                directory,
                content=content,
                table_format=table_format,
                selection=Selection(plate_name, well_name),
            )
            for content in ((PROFILES,) if profiles else (VALUES, METADATA))
        ]
    for file in files:
        click.echo(file)


@feature_values.command("upload")
@site_options
@tpoint_option
@object_type_option
@click.option("--filename", type=EXISTING_FILE, required=True, help="CSV file to read.")
@click.option(
    "--index-col", default="object_number", show_default=True, help="Its column with the labels."
)
@pass_session
def upload_values(
    session: ClientSession,
    plate_name: str,
    well_name: str,
    well_pos_y: int,
    well_pos_x: int,
    tpoint: int,
    type_name: str,
    filename: Path,
    index_col: str,
) -> None:
    """Upload feature values of a site: a row per object, a column per feature."""
    session.client.feature_values.upload_file(
        type_name, plate_name, well_name, well_pos_y, well_pos_x, tpoint, filename, index_col
    )
