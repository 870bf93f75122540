"""Options that select images and objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
INDEX = click.IntRange(min=0)

object_type_option = click.option(
    "-o", "--object-type", "type_name", required=True, help="Type of the objects."
)
directory_option = click.option(
    "--directory",
    type=FOLDER,
    default=Path(),
    help="Folder to write into; the current one if not given.",
)
parallel_option = click.option(
    "--parallel",
    type=click.IntRange(min=0),
    is_flag=False,
    flag_value=0,
    default=1,
    show_default=True,
    metavar="[N]",
    help="How many to transfer at the same time; without a number, a suitable one.",
)


def site_options(command: Command) -> Command:
    """Add options for a site: ``plate_name``, ``well_name``, ``well_pos_y``, ``well_pos_x``."""
    for option in (
        click.option("-x", "--well-pos-x", type=INDEX, required=True, help="Column in the well."),
        click.option("-y", "--well-pos-y", type=INDEX, required=True, help="Row in the well."),
        click.option("-w", "--well", "well_name", required=True, help="Name of the well."),
        click.option("-p", "--plate", "plate_name", required=True, help="Name of the plate."),
    ):
        command = option(command)
    return command


def tpoint_option(command: Command) -> Command:
    """Add an option for a time point: ``tpoint``."""
    option = click.option("-t", "--tpoint", type=INDEX, default=0, show_default=True)
    return option(command)


def zplane_option(command: Command) -> Command:
    """Add an option for a focal plane: ``zplane``."""
    option = click.option("-z", "--zplane", type=INDEX, default=0, show_default=True)
    return option(command)


def image_options(command: Command) -> Command:
    """Add options for an image of a site."""
    return site_options(tpoint_option(zplane_option(command)))
