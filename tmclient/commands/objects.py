"""Object types, features and their values."""

from pathlib import Path

import click

from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)

object_type = resource_group("object-type", "List the types of objects.")


@object_type.command("ls")
@pass_session
def list_types(session: ClientSession) -> None:
    """List the types of objects."""
    types = [
        {**item, "n_features": len(item["features"])}
        for item in session.client.get_mapobject_types()
    ]
    print_resources(types, id="id", name="name", features="n_features")


feature = resource_group("feature", "List features.")


@feature.command("ls")
@click.option("-o", "--object-type", "type_name", required=True)
@pass_session
def list_features(session: ClientSession, type_name: str) -> None:
    """List the features of a type of objects."""
    print_resources(session.client.get_features(type_name), id="id", name="name")


feature_values = resource_group("feature-values", "Download what was measured.")


@feature_values.command("download")
@click.option("-o", "--object-type", "type_name", required=True)
@click.option("-p", "--plate", "plate_name", help="Only objects of this plate.")
@click.option("-w", "--well", "well_name", help="Only objects of this well.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to write the file; here if not given.",
)
@pass_session
def download_values(
    session: ClientSession,
    type_name: str,
    plate_name: str | None,
    well_name: str | None,
    directory: Path,
) -> None:
    """Write the values of all features into a CSV file, a row per object."""
    values = session.client.download_feature_values(type_name, plate_name, well_name)
    parts = (session.experiment_name, plate_name, well_name, type_name, "feature-values.csv")
    name = "_".join(part for part in parts if part).replace("/", "-")
    directory.mkdir(parents=True, exist_ok=True)
    values.to_csv(directory / name, index=False)
    click.echo(directory / name)
