"""Images of sites, label images, tiles of the map."""

import json
from pathlib import Path

import click

from tmclient.commands.places import (
    EXISTING_FILE,
    FILE,
    INDEX,
    directory_option,
    image_options,
    object_type_option,
)
from tmclient.commands.session import ClientSession, pass_session, resource_group
from tmclient.errors import ResourceError
from tmclient.local_files import write

channel_image = resource_group("channel-image", "Download images of sites.")


@channel_image.command("download")
@image_options
@click.option("-c", "--channel", "channel_name", required=True, help="Name of the channel.")
@click.option("-i", "--cycle-index", type=INDEX, default=0, show_default=True)
@click.option("--correct", is_flag=True, help="Correct uneven light.")
@click.option("--align", is_flag=True, help="Crop the image to the area that all cycles show.")
@click.option(
    "--format", "image_format", type=click.Choice(["png", "tiff"]), default="png", show_default=True
)
@directory_option
@pass_session
def download_image(
    session: ClientSession,
    plate_name: str,
    well_name: str,
    well_pos_y: int,
    well_pos_x: int,
    tpoint: int,
    zplane: int,
    channel_name: str,
    cycle_index: int,
    correct: bool,
    align: bool,
    image_format: str,
    directory: Path,
) -> None:
    """Write the image of a channel at a site into a file."""
    file = session.client.channels.download_image_file(
        channel_name,
        plate_name,
        well_name,
        well_pos_y,
        well_pos_x,
        cycle_index,
        tpoint,
        zplane,
        correct,
        align,
        directory,
        image_format,
    )
    click.echo(file)


segmentation = resource_group("segmentation", "Download and upload label images of sites.")


@segmentation.command("download")
@image_options
@object_type_option
@click.option("--align", is_flag=True, help="Crop the image to the area that all cycles show.")
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "tiff", "npz", "zarr"]),
    default="png",
    show_default=True,
)
@directory_option
@pass_session
def download_segmentation(
    session: ClientSession,
    plate_name: str,
    well_name: str,
    well_pos_y: int,
    well_pos_x: int,
    tpoint: int,
    zplane: int,
    type_name: str,
    align: bool,
    image_format: str,
    directory: Path,
) -> None:
    """Write the label image of a site into a file: 0 is background, n is object n."""
    file = session.client.segmentations.download_image_file(
        type_name,
        plate_name,
        well_name,
        well_pos_y,
        well_pos_x,
        tpoint,
        zplane,
        align,
        directory,
        image_format,
    )
    click.echo(file)


@segmentation.command("upload")
@image_options
@object_type_option
@click.option("--filename", type=EXISTING_FILE, required=True, help="PNG, TIFF or NPZ to read.")
@pass_session
def upload_segmentation(
    session: ClientSession,
    plate_name: str,
    well_name: str,
    well_pos_y: int,
    well_pos_x: int,
    tpoint: int,
    zplane: int,
    type_name: str,
    filename: Path,
) -> None:
    """Upload a label image of a site: 0 is background, n is object n."""
    session.client.segmentations.upload_image_file(
        type_name, plate_name, well_name, well_pos_y, well_pos_x, tpoint, zplane, filename
    )


tile = resource_group("tile", "Download tiles of the map.")

_column = click.option("-x", type=INDEX, required=True, help="Column of the tile.")
_row = click.option("-y", type=INDEX, required=True, help="Row of the tile.")
_level = click.option(
    "--level", type=INDEX, required=True, help="Zoom level; 0 is the whole map in a tile."
)
_tpoint = click.option("-t", "--tpoint", type=INDEX, default=0, show_default=True)
_zplane = click.option("-z", "--zplane", type=INDEX, default=0, show_default=True)


@tile.command("image")
@_column
@_row
@_level
@_tpoint
@_zplane
@click.option("-c", "--channel", "channel_name", required=True, help="Name of the channel.")
@click.option("--min", "minimum", type=INDEX, help="Intensity that becomes black.")
@click.option("--max", "maximum", type=INDEX, help="Intensity that becomes white.")
@click.option("--file", "path", type=FILE, required=True, help="PNG, JPEG or WebP file to write.")
@pass_session
def download_image_tile(
    session: ClientSession,
    x: int,
    y: int,
    level: int,
    tpoint: int,
    zplane: int,
    channel_name: str,
    minimum: int | None,
    maximum: int | None,
    path: Path,
) -> None:
    """Write a tile of a channel, 256 x 256 pixels."""
    formats = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
    image_format = formats.get(path.suffix.lower())
    if image_format is None:
        raise click.UsageError(f"{path} must end with .png, .jpg or .webp.")
    layers = session.client.channels.get_layers(channel_name, tpoint, zplane)
    if not layers:
        raise ResourceError(
            f'There is no map of channel "{channel_name}" at time point {tpoint}, plane {zplane}.'
        )
    content = session.client.channels.download_tile(
        layers[0]["id"],
        x=x,
        y=y,
        z=level,
        minimum=minimum,
        maximum=maximum,
        image_format=image_format,
    )
    write(path, content)


@tile.command("objects")
@_column
@_row
@_level
@_tpoint
@_zplane
@object_type_option
@click.option("--file", "path", type=FILE, required=True, help="GeoJSON file to write.")
@pass_session
def download_object_tile(
    session: ClientSession,
    x: int,
    y: int,
    level: int,
    tpoint: int,
    zplane: int,
    type_name: str,
    path: Path,
) -> None:
    """Write the outlines of the objects in a tile; y is negative downwards."""
    # plates, wells and sites have one layer for all time points
    layers = [
        layer
        for layer in session.client.segmentations.get_layers(type_name)
        if layer["tpoint"] in (tpoint, None) and layer["zplane"] in (zplane, None)
    ]
    if not layers:
        raise ResourceError(
            f'There are no "{type_name}" on the map at time point {tpoint}, plane {zplane}.'
        )
    found = session.client.segmentations.download_tile(layers[0]["id"], x=x, y=y, z=level)
    write(path, json.dumps(found).encode())
