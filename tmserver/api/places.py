"""Where images and objects are: plate, well, site, time point and plane, by name and number."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session
from werkzeug.utils import secure_filename

from tmlib.errors import BadInput, NotFound
from tmlib.experiments import layout
from tmlib.experiments.models import Site
from tmlib.experiments.sharing import ExperimentRow
from tmserver.http.schemas import Index, Schema, Text

Align = Annotated[bool, Field(description="Whether to cut out what the images of all cycles show.")]


class SitePlace(Schema):
    """One plane of a site at one time point."""

    plate_name: Text
    well_name: Text
    well_pos_y: Index
    well_pos_x: Index
    tpoint: Index
    zplane: Index


def find_site(session: Session, experiment_id: int, place: Mapping[str, Any]) -> Site:
    """The site at a place; its position may be left out where the well has only one.

    Parameters
    ----------
    session, experiment_id
        Where to look.
    place
        ``plate_name``, ``well_name``, ``well_pos_y`` and ``well_pos_x``.

    Raises
    ------
    NotFound
        If there is none.
    BadInput
        If there are several.
    """
    plate_name, well_name = place["plate_name"], place["well_name"]
    y, x = place["well_pos_y"], place["well_pos_x"]
    sites = layout.list_sites(
        session, experiment_id, plate_name=plate_name, well_name=well_name, y=y, x=x, limit=2
    )
    if not sites:
        position = ", ".join(f"{axis}={n}" for axis, n in (("y", y), ("x", x)) if n is not None)
        where = f"site at {position}" if position else "site"
        raise NotFound(f'There is no {where} in well "{well_name}" of plate "{plate_name}".')
    if len(sites) > 1:
        raise BadInput(
            f'There are several sites in well "{well_name}" of plate "{plate_name}": '
            'say which of them with "well_pos_y" and "well_pos_x".'
        )
    return sites[0]


def check_alignment(site: Site) -> None:
    """Make sure that the images of all cycles of a site lie on each other.

    Raises
    ------
    NotFound
        If they could not be aligned.
    """
    if site.omitted:
        raise NotFound(
            "The cycles of this site could not be aligned: ask for its image without align."
        )


def file_name(experiment: ExperimentRow, site: Site, tpoint: int, zplane: int, content: str) -> str:
    """Name of a file with one plane of a site; `content` is the end of the name."""
    return secure_filename(
        f"{experiment.name}_{site.well.plate.name}_{site.well.name}"
        f"_y{site.y:03d}_x{site.x:03d}_z{zplane:03d}_t{tpoint:03d}_{content}"
    )
