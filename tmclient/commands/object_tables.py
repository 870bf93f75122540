"""The table of all objects of a type: rows, statistics, and files of other programs."""

import math
import sys
from pathlib import Path
from typing import Any

import click

from tmclient.commands.places import (
    EXISTING_FILE,
    FOLDER,
    INDEX,
    object_type_option,
    tpoint_option,
    zplane_option,
)
from tmclient.commands.session import (
    ClientSession,
    pass_session,
    print_resources,
    resource_group,
)
from tmclient.errors import TmClientError
from tmclient.places import Selection

object_table = resource_group(
    "object-table", "Look at the table of all objects of a type, export and import objects."
)

_plate_option = click.option("-p", "--plate", "plate_name", help="Only objects of this plate.")
_well_option = click.option("-w", "--well", "well_name", help="Only objects of this well.")
_columns_option = click.option(
    "-c", "--column", "columns", multiple=True, help="Name of a column; may be repeated."
)
_filter_option = click.option(
    "--where",
    "conditions",
    type=(str, float, float),
    multiple=True,
    metavar="COLUMN MIN MAX",
    help="Only objects whose value is in this range; may be repeated. Use inf and -inf.",
)


@object_table.command("ls")
@object_type_option
@pass_session
def list_columns(session: ClientSession, type_name: str) -> None:
    """List the columns of the table: metadata, features, results of tools."""
    columns = session.client.object_tables.get_columns(type_name)
    print_resources(columns, name="name", kind="kind", type="type")


@object_table.command("download")
@object_type_option
@_columns_option
@_filter_option
@_plate_option
@_well_option
@click.option("--sort", help="Name of a column to sort by.")
@click.option("--descending", is_flag=True, help="Largest values first.")
@click.option("-n", "--rows", type=click.IntRange(min=1), help="How many rows at most.")
@pass_session
def download_rows(
    session: ClientSession,
    type_name: str,
    columns: tuple[str, ...],
    conditions: tuple[tuple[str, float, float], ...],
    plate_name: str | None,
    well_name: str | None,
    sort: str | None,
    descending: bool,
    rows: int | None,
) -> None:
    """Print rows of the table as CSV."""
    pages = session.client.object_tables.iterate(
        type_name,
        columns or None,
        filters=_filters(conditions),
        sort=[{"column": sort, "descending": descending}] if sort else (),
        selection=Selection(plate_name, well_name),
        page_size=min(rows or 1_000, 1_000),
    )
    n_printed = 0
    for page in pages:
        part = page if rows is None else page.head(rows - n_printed)
        part.to_csv(sys.stdout, index=False, header=not n_printed)
        n_printed += len(part)
        if n_printed == rows:
            break


@object_table.command("groups")
@object_type_option
@_columns_option
@_filter_option
@_plate_option
@_well_option
@click.option(
    "--by",
    type=click.Choice(["plate", "well", "site"]),
    default="well",
    show_default=True,
    help="What to group objects by.",
)
@pass_session
def download_groups(
    session: ClientSession,
    type_name: str,
    columns: tuple[str, ...],
    conditions: tuple[tuple[str, float, float], ...],
    plate_name: str | None,
    well_name: str | None,
    by: str,
) -> None:
    """Print statistics of columns by plate, well or site as CSV."""
    if not columns:
        raise TmClientError("Name the columns to describe with --column.")
    names = ("plate_name", "well_name", "well_pos_y", "well_pos_x")
    groups = session.client.object_tables.get_groups(
        type_name,
        columns,
        names[: {"plate": 1, "well": 2, "site": 4}[by]],
        filters=_filters(conditions),
        selection=Selection(plate_name, well_name),
    )
    groups.to_csv(sys.stdout, index=False)


@object_table.command("export")
@object_type_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["h5ad", "geojson", "ome-zarr"]),
    required=True,
    help="AnnData; outlines for QuPath; label images with tables of a plate or well.",
)
@_columns_option
@_filter_option
@_plate_option
@_well_option
@click.option("--classification", help="Column with the classes, for GeoJSON.")
@click.option("--images", is_flag=True, help="With the channel images, for OME-Zarr.")
@click.option("--directory", type=FOLDER, default=Path(), help="Folder to write into.")
@pass_session
def export_objects(
    session: ClientSession,
    type_name: str,
    file_format: str,
    columns: tuple[str, ...],
    conditions: tuple[tuple[str, float, float], ...],
    plate_name: str | None,
    well_name: str | None,
    classification: str | None,
    images: bool,
    directory: Path,
) -> None:
    """Export objects for another program: with all features, or the given columns."""
    directory.mkdir(parents=True, exist_ok=True)
    client = session.client
    query: dict[str, Any] = {
        "columns": columns or None,
        "filters": _filters(conditions),
        "selection": Selection(plate_name, well_name),
    }
    if file_format == "h5ad":
        file = client.object_files.download_anndata(type_name, directory, **query)
    elif file_format == "geojson":
        file = client.object_files.download_geojson(
            type_name, directory, classification=classification, **query
        )
    elif plate_name is None:
        raise TmClientError("Name the plate with --plate.")
    else:
        file = client.object_files.download_ome_zarr(
            type_name, directory, plate_name, well_name, images=images
        )
    click.echo(file)


@object_table.command("import")
@object_type_option
@click.option("--filename", type=EXISTING_FILE, required=True, help="GeoJSON file with polygons.")
@tpoint_option
@zplane_option
@_plate_option
@_well_option
@click.option("-y", "--well-pos-y", type=INDEX, help="Row in the well.")
@click.option("-x", "--well-pos-x", type=INDEX, help="Column in the well.")
@click.option(
    "--overlaps",
    type=click.Choice(["refuse", "first"]),
    default="refuse",
    show_default=True,
    help="Whether pixels that objects share go to the first of them.",
)
@pass_session
def import_objects(
    session: ClientSession,
    type_name: str,
    filename: Path,
    tpoint: int,
    zplane: int,
    plate_name: str | None,
    well_name: str | None,
    well_pos_y: int | None,
    well_pos_x: int | None,
    overlaps: str,
) -> None:
    """Import polygons as objects: in pixels of the map, or of the given site."""
    site = Selection(plate_name, well_name, well_pos_y, well_pos_x)
    session.client.object_types.create(type_name)
    stored = session.client.object_files.upload_geojson(
        type_name,
        filename,
        tpoint=tpoint,
        zplane=zplane,
        site=None if site == Selection() else site,
        overlaps=overlaps,
    )
    click.echo(
        f"{stored['n_objects']} objects at {stored['n_sites']} sites; "
        f"{stored['n_cut']} were cut at the border of their site."
    )


def _filters(conditions: tuple[tuple[str, float, float], ...]) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    for column, low, high in conditions:
        given = {"min": low, "max": high}
        bounds = {name: value for name, value in given.items() if not math.isinf(value)}
        filters.append({"column": column, **(bounds or {"missing": False})})
    return filters
