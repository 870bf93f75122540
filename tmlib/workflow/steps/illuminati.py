"""Step illuminati: joins the images of all sites into one zoomable map per channel layer.

The name is the original's: illumination-corrected image tiles.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict
from tmlib.experiments.models import Channel, ChannelImageFile, ChannelLayer, Experiment
from tmlib.images import mosaics
from tmlib.images.channel_images import field_path, plane_stamp
from tmlib.images.layout import Box
from tmlib.images.mosaic_regions import (
    Digests,
    KnownRegions,
    is_complete,
    region_digests,
    save_digests,
)
from tmlib.images.mosaics import PlacedImage, Region
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import Batch, JobContext, Step, chunks, logger
from tmlib.workflow.steps.channels import pixel_type, read_channels
from tmlib.workflow.steps.corilla import load_statistics
from tmlib.workflow.steps.plate_map import PlacedSite, PlateMap, draw_layout, read_plate_map
from tmlib.workflow.steps.site_images import SiteImages

_LOW_PERCENTILE = 0.001


@dataclass(frozen=True)
class _Layer:
    """One channel at one time point and focal plane, as it is to be shown.

    ``digests`` tell what each region of its mosaic shows, ``version`` is a digest of them all.
    """

    channel: Channel
    tpoint: int
    zplane: int
    digests: Digests
    version: str
    window: tuple[int, int]

    @property
    def key(self) -> tuple[int, int, int]:
        return self.channel.id, self.tpoint, self.zplane


class Illuminati(Step):
    """Pyramids: one mosaic per channel, time point and focal plane, at all zoom levels.

    The groups of batches are the zoom levels, from full resolution outwards. The old map is
    shown until the new one is complete. A layer whose version is there already is not made again,
    and of others only the regions that no mosaic has.
    """

    name = "illuminati"
    fullname = "Pyramid creation"
    help = "Joins the images of all sites into one zoomable map per channel."
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument("align", bool, "Show what all cycles show, aligned; needs align.", False),
        BATCH_SIZE,
        Argument("clip", bool, "Show intensities up to a percentile as brightest.", False),
        Argument("clip_percent", float, "That percentile.", 99.9, minimum=0),
        Argument("clip_value", int, "Intensity shown as brightest instead.", minimum=1),
        Argument(
            "horizontal_site_displacement",
            int,
            "Pixels between sites of a row; negative if they overlap.",
            0,
        ),
        Argument("illumcorr", bool, "Correct uneven illumination; needs corilla.", False),
        Argument("illumcorr_exceptions", str, "Channels not to correct, with commas between."),
        Argument(
            "vertical_site_displacement",
            int,
            "Pixels between sites of a column; negative if they overlap.",
            0,
        ),
    )

    def create_batches(self, context: JobContext) -> list[list[Batch]]:
        """Lay out the map, create empty mosaics, and cut each level into batches of regions."""
        with context.database.session() as session:
            plate_map = _read_map(session, context)
            layers = _read_layers(session, context, plate_map)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
        height, width = plate_map.size
        known = KnownRegions(context.storage.mosaics)
        outdated = []
        for layer in layers:
            path = context.storage.mosaic(*layer.key, layer.version)
            if is_complete(path):
                continue
            mosaics.create_mosaic(
                path,
                height=height,
                width=width,
                dtype=pixel_type(layer.channel),
                name=layer.channel.name,
                pixel_size=pixel_size,
            )
            outdated.append((layer, known.take(path, height, width, layer.digests)))
        _tell(len(layers), outdated)
        return _levels(outdated, int(context.arguments["batch_size"] or 1))

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
        """Show the new map, and draw the outlines of plates, wells and sites."""
        with context.database.session() as session:
            plate_map = _read_map(session, context)
            layers = _read_layers(session, context, plate_map)
        for layer in layers:
            path = context.storage.mosaic(*layer.key, layer.version)
            if not path.exists():
                raise Conflict(
                    f'The images of channel "{layer.channel.name}" have changed while the map '
                    'was made: submit the workflow again from stage "pyramid_creation".'
                )
            mosaics.set_window(path, *layer.window)
            save_digests(path, layer.digests)
        context.effects.append(lambda session: _show(session, context, plate_map, layers))
        context.effects.append(
            lambda session: draw_layout(session, context.experiment_id, plate_map)
        )


class _Placement:
    """The images of one channel layer, placed on the map and corrected when they are read."""

    def __init__(self, context: JobContext, channel_id: int, tpoint: int, zplane: int) -> None:
        self._tpoint, self._zplane = tpoint, zplane
        with context.database.session() as session:
            self._channel = session.get_one(Channel, channel_id)
            self._sites = _sites_of_layer(
                session, context, _read_map(session, context), channel_id, tpoint, zplane
            )
            self._images = SiteImages(session, context.storage)
        self._correct = _is_corrected(context, self._channel.name)
        self._align = bool(context.arguments["align"])

    def images(self, region: Region) -> list[PlacedImage]:
        """The images that reach into a region."""
        boxes = [(site, site.aligned_box if self._align else site.box) for site in self._sites]
        return [
            PlacedImage(
                box.y,
                box.x,
                box.height,
                box.width,
                partial(
                    self._images.read,
                    site,
                    self._channel.name,
                    t=self._tpoint,
                    z=self._zplane,
                    correct=self._correct,
                    align=self._align,
                ),
            )
            for site, box in boxes
            if _overlap(box, region)
        ]


def _read_map(session: Session, context: JobContext) -> PlateMap:
    gaps = (
        int(context.arguments["vertical_site_displacement"] or 0),
        int(context.arguments["horizontal_site_displacement"] or 0),
    )
    return read_plate_map(session, context.experiment_id, gaps)


def _read_layers(session: Session, context: JobContext, plate_map: PlateMap) -> list[_Layer]:
    """All layers that there are images of."""
    channels = read_channels(session, context.experiment_id)
    _check_exceptions(context, channels)
    windows = _windows(session, context, channels)
    images = SiteImages(session, context.storage)
    planes = session.execute(
        select(ChannelImageFile.channel_id, ChannelImageFile.tpoint, ChannelImageFile.zplane)
        .where(ChannelImageFile.experiment_id == context.experiment_id)
        .distinct()
        .order_by(ChannelImageFile.channel_id, ChannelImageFile.tpoint, ChannelImageFile.zplane)
    ).all()
    by_id = {channel.id: channel for channel in channels}
    layers = []
    for channel_id, tpoint, zplane in planes:
        channel = by_id[channel_id]
        sites = _sites_of_layer(session, context, plate_map, channel_id, tpoint, zplane)
        correct, align = _is_corrected(context, channel.name), bool(context.arguments["align"])
        shown = []
        for site in sites:
            field = site.plate_id, site.well_name, site.field
            store = context.storage.plate_images(site.plate_id)
            plane = {"t": tpoint, "c": channel.index, "z": zplane}
            stamp = plane_stamp(field_path(store, site.well_name, site.field), **plane)
            settings = images.fingerprint(site, channel.name, correct=correct, align=align)
            box = site.aligned_box if align else site.box
            shown.append((box, (field, tuple(plane.values()), settings, stamp)))
        digests = region_digests(*plate_map.size, pixel_type(channel), shown)
        version = hashlib.sha256(repr((plate_map.size, digests)).encode()).hexdigest()[:16]
        layers.append(_Layer(channel, tpoint, zplane, digests, version, windows[channel.name]))
    return layers


def _sites_of_layer(
    session: Session,
    context: JobContext,
    plate_map: PlateMap,
    channel_id: int,
    tpoint: int,
    zplane: int,
) -> list[PlacedSite]:
    """Sites that have an image in a layer, and are not omitted where that would mislead."""
    imaged = set(
        session.scalars(
            select(ChannelImageFile.site_id).where(
                ChannelImageFile.channel_id == channel_id,
                ChannelImageFile.tpoint == tpoint,
                ChannelImageFile.zplane == zplane,
            )
        )
    )
    align = bool(context.arguments["align"])
    return [site for site in plate_map.sites if site.id in imaged and not (align and site.omitted)]


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
        found = statistics.get(channel.name)
        if found is None and clip_value is None:
            raise BadInput(
                f'Channel "{channel.name}" has no illumination statistics, which "clip" needs: '
                "run step corilla before, or switch clip off."
            )
        low = 0 if found is None else found.percentile(_LOW_PERCENTILE)
        high = clip_value if found is None or clip_value is not None else found.percentile(percent)
        # As many gray values as a screen shows, so that noise is not blown up to full contrast.
        least = 255 if pixel_type(channel) == "uint16" else 16
        top = 2**channel.bit_depth - 1
        high = min(max(int(high or 0), low + least), top)
        windows[channel.name] = (min(low, high - 1), high)
    return windows


def _show(session: Session, context: JobContext, plate_map: PlateMap, layers: list[_Layer]) -> None:
    """Show the new mosaics in place of the old ones, which are removed after the commit."""
    experiment = session.get_one(Experiment, context.experiment_id)
    experiment.map_height, experiment.map_width = plate_map.size
    experiment.map_levels = len(mosaics.level_shapes(*plate_map.size))
    experiment.vertical_site_displacement = plate_map.layout.vertical_displacement
    experiment.horizontal_site_displacement = plate_map.layout.horizontal_displacement
    rows = {
        (row.channel_id, row.tpoint, row.zplane): row
        for row in session.scalars(
            select(ChannelLayer).where(ChannelLayer.experiment_id == context.experiment_id)
        )
    }
    for layer in layers:
        row = rows.pop(layer.key, None)
        if row is None:
            channel_id, tpoint, zplane = layer.key
            row = ChannelLayer(
                experiment_id=context.experiment_id,
                channel_id=channel_id,
                tpoint=tpoint,
                zplane=zplane,
            )
            session.add(row)
        row.version = layer.version
        row.min_intensity, row.max_intensity = layer.window
    session.execute(
        delete(ChannelLayer).where(ChannelLayer.id.in_([row.id for row in rows.values()]))
    )
    current = {context.storage.mosaic(*layer.key, layer.version) for layer in layers}
    context.afterwards.extend(
        partial(shutil.rmtree, path, ignore_errors=True)
        for path in context.storage.mosaics.iterdir()
        if path not in current
    )


def _tell(n_layers: int, outdated: list[tuple[_Layer, list[list[Region]]]]) -> None:
    """Say in the log what has to be made."""
    n_regions = sum(len(regions) for _, levels in outdated for regions in levels)
    n_all = sum(len(digests) for layer, _ in outdated for digests in layer.digests)
    logger.info("%d of %d channel layers have to be made", len(outdated), n_layers)
    logger.info("%d of their %d regions have changed", n_regions, n_all)


def _levels(
    outdated: list[tuple[_Layer, list[list[Region]]]], batch_size: int
) -> list[list[Batch]]:
    """Batches per level, full resolution first."""
    n_levels = max((len(levels) for _, levels in outdated), default=0)
    return [
        [
            {
                "channel_id": layer.channel.id,
                "tpoint": layer.tpoint,
                "zplane": layer.zplane,
                "version": layer.version,
                "level": None if level == n_levels - 1 else level,
                "regions": [[r.y, r.x, r.height, r.width] for r in part],
            }
            for layer, levels in outdated
            for part in chunks(levels[level], batch_size)
        ]
        for level in reversed(range(n_levels))
    ]
