"""Channels of an experiment, and the images that their planes are stored in."""

from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelImageFile, Site
from tmlib.images.channel_images import FieldShape


def read_channels(session: Session, experiment_id: int) -> list[Channel]:
    """All channels in the order of the images' channel axis."""
    return list(
        session.scalars(
            select(Channel).where(Channel.experiment_id == experiment_id).order_by(Channel.index)
        )
    )


def pixel_type(channel: Channel) -> Literal["uint8", "uint16"]:
    """Type of a channel's pixels."""
    return "uint8" if channel.bit_depth <= 8 else "uint16"


def read_field_shape(session: Session, experiment_id: int) -> tuple[FieldShape, list[str]]:
    """Shape of every site's image, and the names along its channel axis.

    Raises
    ------
    BadInput
        If no images are known yet.
    """
    channels = read_channels(session, experiment_id)
    last_tpoint, last_zplane = session.execute(
        select(func.max(ChannelImageFile.tpoint), func.max(ChannelImageFile.zplane)).where(
            ChannelImageFile.experiment_id == experiment_id
        )
    ).one()
    site = session.scalars(select(Site).where(Site.experiment_id == experiment_id).limit(1)).first()
    if site is None or last_tpoint is None or not channels:
        raise BadInput("The experiment has no images yet: run the image conversion stage first.")
    shape = FieldShape(
        n_tpoints=last_tpoint + 1,
        n_channels=len(channels),
        n_zplanes=last_zplane + 1,
        height=site.height,
        width=site.width,
        dtype=pixel_type(channels[0]),
    )
    return shape, [channel.name for channel in channels]
