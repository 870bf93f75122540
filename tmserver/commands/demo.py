"""``tm demo``: the main job from one command."""

from pathlib import Path
from typing import Any

import click

from tmlib import microscopes
from tmlib.experiments.plate_formats import PLATE_FORMATS
from tmserver.demo.options import DemoOptions
from tmserver.demo.session import run_demo

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LAYOUTS = ("horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical")


def _site_grid(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Rows and columns of sites, written as 2x3."""
    rows, _, columns = value.partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) * int(columns)):
        raise click.BadParameter(f"{value!r} is not a number of rows and columns like 2x3.")
    return int(rows), int(columns)


@click.command()
@click.option("--images", type=_FOLDER, help="Folder with your images; simulated if not given.")
@click.option(
    "--microscope-type",
    type=click.Choice(microscopes.names()),
    help="What made your images; generic if --pattern is given.",
)
@click.option(
    "--pattern",
    help="Regular expression for the names of your images. Named groups say what is where: "
    "(?P<w>...) well, c channel, s site, z plane, t time point.",
)
@click.option("--rows", type=click.IntRange(min=1), help="Rows of sites in a well.")
@click.option("--columns", type=click.IntRange(min=1), help="Columns of sites in a well.")
@click.option(
    "--stitch-layout",
    type=click.Choice(_LAYOUTS),
    default="horizontal",
    show_default=True,
    help="Order in which the sites of a well were imaged.",
)
@click.option(
    "--plate-format",
    type=click.Choice([str(number) for number in PLATE_FORMATS]),
    default="96",
    show_default=True,
    help="Number of wells of the plate.",
)
@click.option("--nuclei-channel", help="Channel of the nuclei; the first if not given.")
@click.option("--cells-channel", help="Channel of the cells; the next one if not given.")
@click.option("--project", type=_FOLDER, help="Your own pipeline: a jterator project folder.")
@click.option(
    "--wells",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Wells of the simulated plate.",
)
@click.option(
    "--sites",
    callback=_site_grid,
    metavar="ROWSxCOLUMNS",
    default="2x2",
    show_default=True,
    help="Sites of a simulated well.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, help="Another number simulates another plate."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5002,
    show_default=True,
    help="Where the viewer is served; 0 takes a free port.",
)
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Instead of TM_DATA_DIR."
)
@click.option(
    "--processes", type=click.IntRange(min=1), help="Worker processes; one per core if not given."
)
@click.option(
    "--facility",
    is_flag=True,
    help="Fill a facility: a week of bookings of two instruments, and three plates, one damaged.",
)
@click.option("--exit", "stop", is_flag=True, help="Stop at the end, with 0 if all went well.")
def demo(**options: Any) -> None:
    """Go from images to a map with every cell on it.

    Starts the server, uploads a simulated plate or your images, runs the whole workflow, prints
    what was found and where to see it.
    """
    run_demo(DemoOptions(**options))
