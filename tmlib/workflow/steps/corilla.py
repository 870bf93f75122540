"""Step corilla: learns from all images of a channel how uneven its light is.

The name is the original's: correct illumination.
"""

import random
import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Channel, ChannelImageFile, IllumstatsFile, Plate, Site, Well
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.storage import ExperimentStorage
from tmlib.workflow.steps.base import Batch, JobContext, Step, logger
from tmlib.workflow.steps.channels import read_channels

_MAX_IMAGES = 20_000
_FEW_IMAGES = 100


class Corilla(Step):
    """Statistics of illumination, one job per channel."""

    name = "corilla"
    fullname = "Illumination statistics"
    help = "Measures per channel how uneven the illumination of the images is."

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """One job per channel."""
        with context.database.session() as session:
            channels = read_channels(session, context.experiment_id)
        return [[{"channel_id": channel.id} for channel in channels]]

    def run(self, context: JobContext, batch: Batch) -> None:
        """Take up all images of a channel, or a random choice where there are very many."""
        with context.database.session() as session:
            channel = session.get_one(Channel, batch["channel_id"])
            planes = session.execute(
                select(
                    ChannelImageFile.tpoint,
                    ChannelImageFile.zplane,
                    Site.field,
                    Well.name,
                    Plate.id.label("plate_id"),
                )
                .join(Site, Site.id == ChannelImageFile.site_id)
                .join(Well, Well.id == Site.well_id)
                .join(Plate, Plate.id == Well.plate_id)
                .where(ChannelImageFile.channel_id == channel.id)
                .order_by(ChannelImageFile.site_id, ChannelImageFile.tpoint, ChannelImageFile.id)
            ).all()
        if len(planes) > _MAX_IMAGES:
            planes = random.Random(channel.index).sample(planes, _MAX_IMAGES)  # noqa: S311 - a sample, no secret
        if len(planes) < _FEW_IMAGES:
            logger.warning(
                "channel %s has only %d images: its light is corrected less",
                channel.name,
                len(planes),
            )
        statistics: IlluminationStatistics | None = None
        for plane in planes:
            path = field_path(context.storage.plate_images(plane.plate_id), plane.name, plane.field)
            pixels = read_plane(path, t=plane.tpoint, c=channel.index, z=plane.zplane)
            if statistics is None:
                statistics = IlluminationStatistics(*pixels.shape)
            statistics.update(pixels)
        if statistics is not None:
            self._keep(context, channel, statistics)

    def _keep(
        self, context: JobContext, channel: Channel, statistics: IlluminationStatistics
    ) -> None:
        file_name = f"channel_{channel.id}_{secrets.token_hex(8)}.npz"
        statistics.save(context.storage.illumination / file_name)
        path = f"{context.storage.illumination.name}/{file_name}"
        context.effects.append(
            lambda session: _record(session, context, channel.id, path, statistics.n_images)
        )


def _record(
    session: Session, context: JobContext, channel_id: int, path: str, n_images: int
) -> None:
    """List the new file in place of the old one, which is removed after the commit."""
    outdated = session.scalars(
        delete(IllumstatsFile)
        .where(IllumstatsFile.channel_id == channel_id)
        .returning(IllumstatsFile.path)
    ).all()
    session.add(
        IllumstatsFile(
            experiment_id=context.experiment_id, channel_id=channel_id, path=path, n_images=n_images
        )
    )
    context.afterwards.extend((context.storage.root / name).unlink for name in outdated)


def load_statistics(
    session: Session, storage: ExperimentStorage
) -> dict[str, IlluminationStatistics]:
    """Illumination statistics by name of the channel; none where corilla has not run."""
    rows = session.execute(
        select(Channel.name, IllumstatsFile.path)
        .join(IllumstatsFile, IllumstatsFile.channel_id == Channel.id)
        .where(Channel.experiment_id == storage.experiment_id)
    )
    return {row.name: IlluminationStatistics.load(storage.root / row.path) for row in rows}


def load_corrections(
    session: Session, storage: ExperimentStorage
) -> dict[str, IlluminationCorrection]:
    """Illumination corrections by name of the channel; none where corilla has not run."""
    return {
        name: IlluminationCorrection.from_statistics(statistics)
        for name, statistics in load_statistics(session, storage).items()
    }
