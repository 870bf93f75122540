"""Step illuminati: joins the images of all sites into one zoomable map per channel layer.

The name is the original's: illumination-corrected image tiles.
"""

import secrets
import shutil
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelImageFile, ChannelLayer, Experiment
from tmlib.images import mosaics
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.illumination import IlluminationCorrection
from tmlib.images.layout import Box
from tmlib.images.mosaics import PlacedImage, Region
from tmlib.images.reading import GrayImage
from tmlib.objects.static_objects import PlacedRectangle, record_static_objects
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, JobContext, Step, chunks, logger
from tmlib.workflow.steps.channels import pixel_type, read_channels, read_field_shape
from tmlib.workflow.steps.corilla import load_corrections, load_statistics
from tmlib.workflow.steps.plate_map import PlacedSite, PlateMap, read_plate_map

_LOW_PERCENTILE = 0.001


class Illuminati(Step):
    """Pyramids: one mosaic per channel, time point and focal plane, at all zoom levels.

    The groups of batches are the zoom levels, from full resolution outwards.
    """

    name = "illuminati"
    fullname = "Pyramid creation"
    help = "Joins the images of all sites into one zoomable map per channel."
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        BATCH_SIZE,
        Argument("clip", bool, "Show intensities up to a percentile as brightest.", False),
        Argument("clip_percent", float, "That percentile.", 99.9, minimum=0),
        Argument("clip_value", int, "Intensity shown as brightest instead.", minimum=1),
        Argument("illumcorr", bool, "Correct uneven illumination; needs corilla.", False),
        Argument("illumcorr_exceptions", str, "Channels not to correct, with commas between."),
    )

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Lay out the map, create empty mosaics, and cut each level into batches of regions."""
        with context.database.session() as session:
            plate_map = read_plate_map(session, context.experiment_id)
            channels = read_channels(session, context.experiment_id)
            shape, _ = read_field_shape(session, context.experiment_id)
            planes = session.execute(
                select(
                    ChannelImageFile.channel_id, ChannelImageFile.tpoint, ChannelImageFile.zplane
                )
                .where(ChannelImageFile.experiment_id == context.experiment_id)
                .distinct()
                .order_by(
                    ChannelImageFile.channel_id, ChannelImageFile.tpoint, ChannelImageFile.zplane
                )
            ).all()
            windows = _windows(session, context, channels)
        _check_exceptions(context, channels)
        height, width = plate_map.size
        version = secrets.token_hex(8)
        by_id = {channel.id: channel for channel in channels}
        layers = []
        for channel_id, tpoint, zplane in planes:
            mosaics.create_mosaic(
                context.storage.mosaic(channel_id, tpoint, zplane, version),
                height=height,
                width=width,
                dtype=shape.dtype,
                name=by_id[channel_id].name,
            )
            minimum, maximum = windows[by_id[channel_id].name]
            layers.append(
                ChannelLayer(
                    experiment_id=context.experiment_id,
                    channel_id=channel_id,
                    tpoint=tpoint,
                    zplane=zplane,
                    min_intensity=minimum,
                    max_intensity=maximum,
                    version=version,
                )
            )
        context.effects.append(lambda session: _record(session, context, plate_map, layers))
        size = int(context.arguments["batch_size"] or 1)
        return _levels(
            height, width, [(p.channel_id, p.tpoint, p.zplane) for p in planes], version, size
        )

    def run(self, context: JobContext, batch: Batch) -> None:
        """Write the regions of a batch."""
        layer = batch["channel_id"], batch["tpoint"], batch["zplane"]
        path = context.storage.mosaic(*layer, batch["version"])
        regions = [Region(*region) for region in batch["regions"]]
        if batch["level"] is None:
            place = _Placement(context, *layer)
            for region in regions:
                mosaics.write_base(path, region, place.images(region))
        else:
            for region in regions:
                mosaics.write_level(path, batch["level"], region)
        logger.info("%d regions written", len(regions))

    def collect(self, context: JobContext) -> None:
        """Draw the outlines of plates, wells and sites."""
        with context.database.session() as session:
            plate_map = read_plate_map(session, context.experiment_id)
        context.effects.append(
            lambda session: record_static_objects(
                session,
                context.experiment_id,
                plates=_rectangles(plate_map.plate_boxes()),
                wells=_rectangles(plate_map.well_boxes()),
                sites=_rectangles([(site.id, site.box) for site in plate_map.sites]),
            )
        )


class _Placement:
    """The images of one channel layer, placed on the map and corrected when they are read."""

    def __init__(self, context: JobContext, channel_id: int, tpoint: int, zplane: int) -> None:
        self._storage = context.storage
        self._tpoint, self._zplane = tpoint, zplane
        with context.database.session() as session:
            self._channel = session.get_one(Channel, channel_id)
            imaged = set(
                session.scalars(
                    select(ChannelImageFile.site_id).where(
                        ChannelImageFile.channel_id == channel_id,
                        ChannelImageFile.tpoint == tpoint,
                        ChannelImageFile.zplane == zplane,
                    )
                )
            )
            sites = read_plate_map(session, context.experiment_id).sites
            self._sites = [site for site in sites if site.id in imaged]
            self._correction: IlluminationCorrection | None = None
            if _is_corrected(context, self._channel.name):
                corrections = load_corrections(session, context.storage)
                self._correction = corrections.get(self._channel.name)

    def images(self, region: Region) -> list[PlacedImage]:
        """The images that reach into a region."""
        return [
            PlacedImage(
                site.box.y,
                site.box.x,
                site.box.height,
                site.box.width,
                partial(self._read, site),
            )
            for site in self._sites
            if _overlap(site.box, region)
        ]

    def _read(self, site: PlacedSite) -> GrayImage:
        path = field_path(self._storage.plate_images(site.plate_id), site.well_name, site.field)
        pixels = read_plane(path, t=self._tpoint, c=self._channel.index, z=self._zplane)
        return pixels if self._correction is None else self._correction.correct(pixels)


def _overlap(box: Box, region: Region) -> bool:
    return (
        box.y < region.y + region.height
        and region.y < box.y + box.height
        and box.x < region.x + region.width
        and region.x < box.x + box.width
    )


def _exceptions(context: JobContext) -> list[str]:
    given = context.arguments["illumcorr_exceptions"]
    return [] if given is None else [name.strip() for name in str(given).split(",")]


def _check_exceptions(context: JobContext, channels: Sequence[Channel]) -> None:
    names = [channel.name for channel in channels]
    for name in _exceptions(context):
        if name not in names:
            raise BadInput(
                f'"illumcorr_exceptions" names the channel "{name}", the experiment has: '
                f"{', '.join(names)}."
            )


def _is_corrected(context: JobContext, channel_name: str) -> bool:
    return bool(context.arguments["illumcorr"]) and channel_name not in _exceptions(context)


def _windows(
    session: Session, context: JobContext, channels: Sequence[Channel]
) -> dict[str, tuple[int, int]]:
    """The intensities shown as darkest and brightest, by name of the channel."""
    clip_value = context.arguments["clip_value"]
    if not context.arguments["clip"] and clip_value is None:
        return {channel.name: (0, 2**channel.bit_depth - 1) for channel in channels}
    statistics = load_statistics(session, context.storage)
    percent = float(context.arguments["clip_percent"] or 100)
    windows = {}
    for channel in channels:
        if channel.name not in statistics:
            raise BadInput(
                f'Channel "{channel.name}" has no illumination statistics, which "clip" needs: '
                "run step corilla before, or switch clip off."
            )
        low = statistics[channel.name].percentile(_LOW_PERCENTILE)
        high = statistics[channel.name].percentile(percent) if clip_value is None else clip_value
        # As many gray values as a screen shows, so that noise is not blown up to full contrast.
        least = 255 if pixel_type(channel) == "uint16" else 16
        top = 2**channel.bit_depth - 1
        high = min(max(int(high), low + least), top)
        windows[channel.name] = (min(low, high - 1), high)
    return windows


def _record(
    session: Session, context: JobContext, plate_map: PlateMap, layers: list[ChannelLayer]
) -> None:
    """Show the new mosaics, which fill up as the jobs run, in place of the old ones."""
    outdated = session.scalars(
        select(ChannelLayer).where(ChannelLayer.experiment_id == context.experiment_id)
    ).all()
    for old in outdated:
        path = context.storage.mosaic(old.channel_id, old.tpoint, old.zplane, old.version)
        context.afterwards.append(partial(shutil.rmtree, path, ignore_errors=True))
    session.execute(delete(ChannelLayer).where(ChannelLayer.experiment_id == context.experiment_id))
    experiment = session.get_one(Experiment, context.experiment_id)
    experiment.map_height, experiment.map_width = plate_map.size
    experiment.map_levels = len(mosaics.level_shapes(*plate_map.size))
    session.add_all(layers)


def _levels(
    height: int, width: int, layers: list[tuple[int, int, int]], version: str, batch_size: int
) -> list[list[Batch]]:
    """Batches per level, full resolution first."""
    base = mosaics.base_regions(height, width)
    n_levels = len(mosaics.level_shapes(height, width))
    levels: list[tuple[int | None, list[Region]]] = [(None, base)]
    for level in reversed(range(n_levels - 1)):
        levels.append((level, mosaics.level_regions(height, width, level)))
    return [
        [
            {
                "channel_id": channel_id,
                "tpoint": tpoint,
                "zplane": zplane,
                "version": version,
                "level": level,
                "regions": [[r.y, r.x, r.height, r.width] for r in part],
            }
            for channel_id, tpoint, zplane in layers
            for part in chunks(regions, batch_size)
        ]
        for level, regions in levels
    ]


def _rectangles(boxes: list[tuple[int, Box]]) -> list[PlacedRectangle]:
    return [PlacedRectangle(ref_id, *_sides(box)) for ref_id, box in boxes]


def _sides(box: Box) -> tuple[int, int, int, int]:
    return box.y, box.x, box.height, box.width
