"""Step corilla: learns from all images of a channel how uneven its light is.

The name is the original's: correct illumination.
"""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib import durable_files
from tmlib.db import Database
from tmlib.digests import digest_of_file
from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelImageFile, IllumstatsFile, Plate, Site, Well
from tmlib.images.camera_offset import CameraOffset, averages
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.exposures import MAX_SAMPLE, Exposures, Levels
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics
from tmlib.images.reading import GrayImage
from tmlib.images.surfaces import Field
from tmlib.storage import ExperimentStorage, file_stamp, remove_orphans
from tmlib.workflow.arguments import Argument
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work, digest, logger
from tmlib.workflow.steps.channels import read_channels
from tmlib.workflow.steps.stored_planes import StoredPlanes

_MAX_IMAGES = 20_000
_FEW_IMAGES = 100
_MAX_NAMED = 50


@dataclass(frozen=True)
class _Plane:
    """Where an image is stored, and what users call it."""

    name: str
    path: Path
    tpoint: int
    zplane: int

    def read(self, channel: Channel) -> GrayImage:
        return read_plane(self.path, t=self.tpoint, c=channel.index, z=self.zplane)


class Corilla(Step):
    """Statistics of illumination, one job per channel, or per channel and plate."""

    name = "corilla"
    fullname = "Illumination statistics"
    help = "Measures per channel how uneven the illumination of the images is."
    version = 2
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument(
            "camera_offset",
            int,
            "What the camera reads without light, which uneven light does not change; "
            "estimated from the images of a channel if it is not given.",
            minimum=0,
        ),
        Argument("per_plate", bool, "Measure the light of every plate for itself.", False),
    )

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """One job per channel, or per channel and plate."""
        with context.database.session() as session:
            channels = read_channels(session, context.experiment_id)
            plate_ids: Sequence[int | None] = [None]
            if context.arguments["per_plate"]:
                plate_ids = session.scalars(
                    select(Plate.id)
                    .where(Plate.experiment_id == context.experiment_id)
                    .order_by(Plate.id)
                ).all()
            planes = StoredPlanes(session, context.storage)
        return [
            [
                Work(
                    {"channel_id": channel.id, "plate_id": plate_id},
                    {"images": digest(planes.of_channel(channel.id, plate_id))},
                )
                for channel in channels
                for plate_id in plate_ids
            ]
        ]

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        """Delete all other statistics than these."""
        kept = {(batch["channel_id"], batch["plate_id"]) for batch in current}
        context.effects.append(lambda session: _forget_others(session, context, kept))

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What the files of statistics are known by; a channel without images has none."""
        rows = session.scalars(
            select(IllumstatsFile).where(IllumstatsFile.experiment_id == context.experiment_id)
        )
        files = {(row.channel_id, row.plate_id): row.path for row in rows}
        outputs: list[str | None] = []
        for batch in batches:
            path = files.get((batch["channel_id"], batch["plate_id"]))
            stamp = file_stamp(context.storage.root / path) if path else None
            outputs.append(digest(path, stamp) if path is None or stamp else None)
        return outputs

    def run(self, context: StepContext, batch: Batch) -> None:
        """Take up all images of a channel, or a random choice where there are very many.

        Only one image of each site tells about the light, that of its first time point and
        middle plane: what shows the same cells again would take them for light. Black, saturated
        and blank images are left out.
        """
        with context.database.session() as session:
            channel = session.get_one(Channel, batch["channel_id"])
            telling, others = _planes(session, context.storage, channel, batch["plate_id"])
        choice = random.Random(channel.index)  # noqa: S311 - a sample, no secret
        if len(telling) > _MAX_IMAGES:
            telling = choice.sample(telling, _MAX_IMAGES)
        others = choice.sample(others, min(len(others), _MAX_IMAGES - len(telling)))
        usual = _Usual.of(context, channel, telling)
        statistics: IlluminationStatistics | None = None
        left_out = []
        for plane in telling:
            pixels = plane.read(channel)
            if fault := usual.exposures.fault(Levels.of(pixels)):
                left_out.append(f"{plane.name} ({fault})")
                continue
            if statistics is None:
                height, width = pixels.shape
                statistics = IlluminationStatistics(height, width, usual.camera_offset)
            statistics.update(pixels)
        _tell_of_images(channel, len(telling), left_out)
        if statistics is None:
            return
        for plane in others:
            pixels = plane.read(channel)
            if usual.exposures.fault(Levels.of(pixels)) is None:
                statistics.update_percentiles(pixels)
        self._keep(context, channel, batch["plate_id"], statistics)

    def _keep(
        self,
        context: StepContext,
        channel: Channel,
        plate_id: int | None,
        statistics: IlluminationStatistics,
    ) -> None:
        before, after = IlluminationCorrection.from_statistics(statistics).flatness(statistics)
        logger.info(
            "light of channel %s varies by %.1f %%, by %.1f %% after correction (%d images)",
            channel.name,
            100 * before,
            100 * after,
            statistics.n_images,
        )
        folder = context.storage.illumination
        draft = folder / f"channel_{channel.id}_{secrets.token_hex(8)}.npz"
        statistics.save(draft)
        file_name = f"{digest_of_file(draft, 16)}_{draft.name}"
        durable_files.move(draft, folder / file_name)
        row = IllumstatsFile(
            experiment_id=context.experiment_id,
            channel_id=channel.id,
            plate_id=plate_id,
            path=f"{context.storage.illumination.name}/{file_name}",
            n_images=statistics.n_images,
            flatness_before=before,
            flatness_after=after,
        )
        context.effects.append(lambda session: _record(session, row))


def _record(session: Session, row: IllumstatsFile) -> None:
    session.execute(
        delete(IllumstatsFile).where(
            IllumstatsFile.channel_id == row.channel_id, IllumstatsFile.plate_id == row.plate_id
        )
    )
    session.add(row)


def _planes(
    session: Session, storage: ExperimentStorage, channel: Channel, plate_id: int | None
) -> tuple[list[_Plane], list[_Plane]]:
    """Images of a channel: one of each site, and all others."""
    query = (
        select(
            ChannelImageFile.site_id,
            ChannelImageFile.tpoint,
            ChannelImageFile.zplane,
            Site.field,
            Well.name,
            Plate.id.label("plate_id"),
            Plate.name.label("plate_name"),
        )
        .join(Site, Site.id == ChannelImageFile.site_id)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(ChannelImageFile.channel_id == channel.id)
        .order_by(
            ChannelImageFile.site_id,
            ChannelImageFile.tpoint,
            ChannelImageFile.zplane,
            ChannelImageFile.id,
        )
    )
    if plate_id is not None:
        query = query.where(Plate.id == plate_id)
    sites: dict[int, list[_Plane]] = {}
    for row in session.execute(query):
        path = field_path(storage.plate_images(row.plate_id), row.name, row.field)
        name = f"site {row.field} of well {row.name} of plate {row.plate_name}"
        sites.setdefault(row.site_id, []).append(_Plane(name, path, row.tpoint, row.zplane))
    telling: list[_Plane] = []
    others: list[_Plane] = []
    for planes in sites.values():
        stack = [plane for plane in planes if plane.tpoint == planes[0].tpoint]
        middle = stack[len(stack) // 2]
        telling.append(middle)
        others.extend(plane for plane in planes if plane is not middle)
    return telling, others


def _tell_of_images(channel: Channel, n_images: int, left_out: Sequence[str]) -> None:
    """Log which images tell nothing about the light, and whether enough are left."""
    if left_out:
        rest = len(left_out) - _MAX_NAMED
        logger.warning(
            "%d of %d images of channel %s tell nothing about its light and are left out: %s%s",
            len(left_out),
            n_images,
            channel.name,
            ", ".join(left_out[:_MAX_NAMED]),
            f" and {rest} more" if rest > 0 else "",
        )
    n_left = n_images - len(left_out)
    if n_left < _FEW_IMAGES:
        logger.warning(
            "channel %s has only %d images that tell about its light: it is corrected less",
            channel.name,
            n_left,
        )


@dataclass(frozen=True)
class _Usual:
    """What is usual among the images of a channel, and what the camera reads without light."""

    exposures: Exposures
    camera_offset: int

    @classmethod
    def of(cls, context: StepContext, channel: Channel, planes: Sequence[_Plane]) -> Self:
        """From images that are spread over all of them.

        Raises
        ------
        BadInput
            If what the user says cannot be the reading of the camera without light.
        """
        chosen = np.linspace(0, len(planes) - 1, min(len(planes), MAX_SAMPLE)).astype(int)
        levels, images = [], []
        for i in chosen:
            pixels = planes[i].read(channel)
            levels.append(Levels.of(pixels))
            images.append(averages(pixels))
        given = context.arguments["camera_offset"]
        if given is not None:
            offset = int(given)
            _check_offset(offset, [one for one in levels if Exposures(levels).fault(one) is None])
        else:
            offset = _estimate_offset(levels, images)
            logger.info("camera offset of channel %s, as estimated: %d", channel.name, offset)
        return cls(Exposures(levels, offset), offset)


def _estimate_offset(levels: Sequence[Levels], images: Sequence[Field]) -> int:
    """The camera offset; once more without what turns out to be hardly brighter than it."""
    offset = 0
    for _ in range(2):
        exposures = Exposures(levels, offset)
        estimate = CameraOffset()
        for one, image in zip(levels, images, strict=True):
            if exposures.fault(one) is None:
                estimate.add_averages(image)
        offset = estimate.estimate()
    return offset


def _check_offset(offset: int, levels: Sequence[Levels]) -> None:
    if offset and levels and levels[0].dark < offset:
        raise BadInput(
            f'Argument "camera_offset" of step "corilla" is {offset}, but many pixels are darker '
            f"(the darkest {levels[0].lowest}): give what the camera reads without light, or 0."
        )


def _forget_others(
    session: Session, context: StepContext, kept: set[tuple[int, int | None]]
) -> None:
    rows = session.scalars(
        select(IllumstatsFile).where(IllumstatsFile.experiment_id == context.experiment_id)
    )
    for row in rows:
        if (row.channel_id, row.plate_id) not in kept:
            session.delete(row)
            path = context.storage.root / row.path
            context.afterwards.append(partial(path.unlink, missing_ok=True))
    context.afterwards.append(lambda: sweep(context.database, context.storage))


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove statistics of an experiment that no table lists; gives their number.

    See :func:`tmlib.storage.remove_orphans`.
    """
    with database.session() as session:
        listed = session.scalars(
            select(IllumstatsFile.path).where(IllumstatsFile.experiment_id == storage.experiment_id)
        )
        in_use = {storage.root / path for path in listed}
    return remove_orphans(storage.illumination.glob("*"), in_use, older_than=older_than)


def _files(session: Session, experiment_id: int) -> dict[tuple[str, int | None], str]:
    """Paths by name of the channel and id of the plate."""
    rows = session.execute(
        select(Channel.name, IllumstatsFile.plate_id, IllumstatsFile.path)
        .join(IllumstatsFile, IllumstatsFile.channel_id == Channel.id)
        .where(Channel.experiment_id == experiment_id)
        .order_by(IllumstatsFile.id)
    )
    return {(row.name, row.plate_id): row.path for row in rows}


def load_statistics(
    session: Session, storage: ExperimentStorage
) -> dict[str, IlluminationStatistics]:
    """Illumination statistics by name of the channel; none where corilla has not run.

    Of several plates with their own light only the percentiles say something together.
    """
    found: dict[str, IlluminationStatistics] = {}
    for (name, _), path in _files(session, storage.experiment_id).items():
        statistics = IlluminationStatistics.load(storage.root / path)
        if name in found:
            found[name].merge(statistics)
        else:
            found[name] = statistics
    return found


class Corrections:
    """Illumination corrections of an experiment, loaded when they are needed.

    Parameters
    ----------
    session
        Used only while this is made.
    storage
        Folders of the experiment.
    """

    def __init__(self, session: Session, storage: ExperimentStorage) -> None:
        self._storage = storage
        self._files = _files(session, storage.experiment_id)
        self._loaded: dict[str, IlluminationCorrection] = {}

    def path(self, channel_name: str, plate_id: int) -> str | None:
        """The file of statistics for a channel and plate; None where corilla has not run."""
        common = self._files.get((channel_name, None))
        return self._files.get((channel_name, plate_id), common)

    def content(self, channel_name: str, plate_id: int) -> str | None:
        """What is the same for the same statistics; None where corilla has not run."""
        path = self.path(channel_name, plate_id)
        return path and Path(path).name.partition("_channel_")[0]

    def correct(self, channel_name: str, plate_id: int, pixels: GrayImage) -> GrayImage:
        """Correct an image (y, x), or return it as it is where corilla has not run."""
        path = self.path(channel_name, plate_id)
        if path is None:
            return pixels
        if path not in self._loaded:
            self._loaded[path] = IlluminationCorrection.load(self._storage.root / path)
        return self._loaded[path].correct(pixels)
