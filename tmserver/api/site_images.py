"""Images of single sites: the pixels of a channel, the labels of segmented objects."""

from typing import Annotated

import imagecodecs
import numpy as np
from flask import Response
from pydantic import AliasChoices, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.utils import secure_filename

from tmlib.errors import NotFound
from tmlib.experiments import channels, layout
from tmlib.experiments.models import ChannelImageFile, Cycle
from tmlib.images.alignment import Residues, Shift, crop
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels
from tmlib.images.layout import Box
from tmlib.images.reading import GrayImage
from tmlib.objects import service
from tmlib.workflow.steps.plate_map import PlacedSite
from tmlib.workflow.steps.site_images import SiteImages
from tmserver.access import ExperimentAccess
from tmserver.routing import Routes
from tmserver.schemas import Index, Schema, Text

routes = Routes("site_image")

_EXPERIMENT = "/api/experiments/<experiment_id>"
_PNG_LEVEL = 1


class SiteImageQuery(Schema):
    """Which site, time point and plane; ``align`` cuts out what the images of all cycles show."""

    plate_name: Text
    well_name: Text
    well_pos_y: Index
    well_pos_x: Index
    tpoint: Index
    zplane: Index
    align: bool = False


class ChannelImageQuery(SiteImageQuery):
    """Which image of a channel, and whether to correct uneven light."""

    cycle_index: Index
    correct: Annotated[bool, Field(validation_alias=AliasChoices("correct", "illumcorr"))] = False


@routes.get(
    f"{_EXPERIMENT}/channels/<channel_id>/image-file",
    f"{_EXPERIMENT}/channels/<channel_id>/image-files",
    permits="read",
    media=("image/png",),
)
def get_channel_image_file(
    access: ExperimentAccess, channel_id: int, query: ChannelImageQuery
) -> Response:
    """Get the image of a channel at a site: 8 or 16 bit gray, as it was imaged."""
    with access.database.session() as session:
        channel = channels.get_channel(session, access.experiment_id, channel_id)
        site = _site(session, access.experiment_id, query)
        _check_image(session, site, channel_id, query)
        images = SiteImages(session, access.storage)
    if query.correct:
        statistics, *_ = images.fingerprint(site, channel.name, correct=True, align=False)
        if statistics is None:
            raise NotFound(
                f'There are no illumination statistics of channel "{channel.name}": '
                "run the step corilla, or ask for the image without correction."
            )
    pixels = images.read(
        site,
        channel.name,
        t=query.tpoint,
        z=query.zplane,
        correct=query.correct,
        align=query.align,
    )
    name = (
        f"{access.experiment.name}_{query.plate_name}_{query.well_name}"
        f"_y{query.well_pos_y:03d}_x{query.well_pos_x:03d}"
        f"_z{query.zplane:03d}_t{query.tpoint:03d}_{channel.name}.png"
    )
    response = Response(_png(pixels), mimetype="image/png")
    response.headers.set("Content-Disposition", "attachment", filename=secure_filename(name))
    return response


@routes.get(f"{_EXPERIMENT}/mapobject_types/<mapobject_type_id>/segmentations", permits="read")
def get_segmentations(
    access: ExperimentAccess, mapobject_type_id: int, query: SiteImageQuery
) -> list[list[int]]:
    """Get the label image of a site, row by row: 0 is background, n the object with label n."""
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        site = _site(session, access.experiment_id, query)
    if (query.tpoint, query.zplane) not in {(one.tpoint, one.zplane) for one in found.layers}:
        raise NotFound(
            f'There are no "{found.name}" at time point {query.tpoint}, plane {query.zplane}.'
        )
    field = field_path(access.storage.plate_images(site.plate_id), site.well_name, site.field)
    labels = read_labels(field, found.name, t=query.tpoint, z=query.zplane)
    if query.align:
        # labels lie on the images of the reference cycle
        labels = crop(labels, Shift(0, 0), site.residues)
    rows: list[list[int]] = labels.tolist()
    return rows


def _site(session: Session, experiment_id: int, query: SiteImageQuery) -> PlacedSite:
    sites = layout.list_sites(
        session,
        experiment_id,
        plate_name=query.plate_name,
        well_name=query.well_name,
        y=query.well_pos_y,
        x=query.well_pos_x,
    )
    if not sites:
        raise NotFound(
            f"There is no site at y={query.well_pos_y}, x={query.well_pos_x} in well "
            f'"{query.well_name}" of plate "{query.plate_name}".'
        )
    [site] = sites
    if query.align and site.omitted:
        raise NotFound(
            "The cycles of this site could not be aligned: ask for its image without align."
        )
    return PlacedSite(
        site.id,
        site.well.plate_id,
        site.well.name,
        site.field,
        # alone, and not beside all others on the map
        Box(0, 0, site.height, site.width),
        Residues(site.top_residue, site.bottom_residue, site.left_residue, site.right_residue),
        site.omitted,
    )


def _check_image(
    session: Session, site: PlacedSite, channel_id: int, query: ChannelImageQuery
) -> None:
    """Make sure that the channel was imaged there, in this cycle."""
    files = ChannelImageFile
    found = session.scalar(
        select(files.id)
        .outerjoin(Cycle, Cycle.id == files.cycle_id)
        .where(
            files.site_id == site.id,
            files.channel_id == channel_id,
            files.tpoint == query.tpoint,
            files.zplane == query.zplane,
            func.coalesce(Cycle.index, 0) == query.cycle_index,
        )
        .limit(1)
    )
    if found is None:
        raise NotFound(
            f"There is no image of this channel in cycle {query.cycle_index} at time point "
            f"{query.tpoint}, plane {query.zplane} of the site."
        )


def _png(pixels: GrayImage) -> bytes:
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=_PNG_LEVEL))
