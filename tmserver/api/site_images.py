"""Images of single sites: the pixels of a channel."""

import io
from enum import StrEnum
from typing import Annotated, Literal

import imagecodecs
import numpy as np
from flask import Response
from pydantic import AliasChoices, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.errors import NotFound
from tmlib.experiments import channels
from tmlib.experiments.models import ChannelImageFile, Cycle, Site
from tmlib.images.alignment import Residues
from tmlib.images.map_layout import Box
from tmlib.images.reading import GrayImage
from tmlib.images.tiff_files import write_tiff
from tmlib.workflow.steps.plate_map import PlacedSite
from tmlib.workflow.steps.site_images import SiteImages
from tmserver.access import ExperimentAccess
from tmserver.api.places import Align, check_alignment, file_name, find_site
from tmserver.http.negotiation import accepted_form, file_response
from tmserver.http.routing import Routes
from tmserver.http.schemas import Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("site_image", scope=EXPERIMENT)

_CHANNEL = "/channels/<channel_id>"
_PNG_LEVEL = 1


class ImageFormat(StrEnum):
    """The forms that an image can be sent in; both keep every pixel."""

    PNG = "png"
    TIFF = "tiff"

    @property
    def media_type(self) -> str:
        """What the content is called over HTTP."""
        return f"image/{self}"


class ChannelImageQuery(Schema):
    """Which image of a channel, and how it is sent.

    The position of the site may be left out where its well has only one. ``correct`` corrects
    uneven light. Without ``format`` the header ``Accept`` decides, and PNG is sent if it does not.
    """

    plate_name: Text
    well_name: Text
    well_pos_y: Index | None = None
    well_pos_x: Index | None = None
    tpoint: Index
    zplane: Index
    cycle_index: Index
    align: Align = False
    correct: Annotated[bool, Field(validation_alias=AliasChoices("correct", "illumcorr"))] = False
    format: Literal["png", "tiff"] | None = None


@routes.get(
    f"{_CHANNEL}/image-file",
    f"{_CHANNEL}/image-files",
    permits="read",
    media=tuple(one.media_type for one in ImageFormat),
)
def get_channel_image_file(
    access: ExperimentAccess, channel_id: int, query: ChannelImageQuery
) -> Response:
    """Get the image of a channel at a site: 8 or 16 bit gray, as it was imaged."""
    with access.database.session() as session:
        channel = channels.get_channel(session, access.experiment_id, channel_id)
        site = find_site(session, access.experiment_id, query.model_dump())
        if query.align:
            check_alignment(site)
        _check_image(session, site, channel_id, query)
        images = SiteImages(session, access.storage)
    place = _place(site)
    if query.correct:
        statistics, *_ = images.fingerprint(place, channel.name, correct=True, align=False)
        if statistics is None:
            raise NotFound(
                f'There are no illumination statistics of channel "{channel.name}": '
                "the step corilla has to run, and finds none if all images are black. Ask for the "
                "image without correction."
            )
    pixels = images.read(
        place,
        channel.name,
        t=query.tpoint,
        z=query.zplane,
        correct=query.correct,
        align=query.align,
    )
    form = ImageFormat(query.format) if query.format else accepted_form(ImageFormat)
    form = form or ImageFormat.PNG
    name = file_name(access.experiment, site, query.tpoint, query.zplane, f"{channel.name}.{form}")
    return file_response(_encode(pixels, form, access.experiment.pixel_size), form, name)


def _place(site: Site) -> PlacedSite:
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


def _check_image(session: Session, site: Site, channel_id: int, query: ChannelImageQuery) -> None:
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


def _encode(pixels: GrayImage, form: ImageFormat, pixel_size: float | None) -> bytes:
    if form is ImageFormat.PNG:
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=_PNG_LEVEL))
    file = io.BytesIO()
    write_tiff(file, pixels, pixel_size)
    return file.getvalue()
