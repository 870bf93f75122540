"""Step illuminati: joins the images of all sites into one zoomable map per channel layer.

The name is the original's: illumination-corrected image tiles.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Channel, ChannelLayer, Experiment
from tmlib.images import mosaics
from tmlib.images.map_layout import Box
from tmlib.images.mosaic_regions import (
    Cell,
    KnownRegions,
    save_digests,
)
from tmlib.images.mosaics import PlacedImage, Region
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.steps.base import (
    Batch,
    Inputs,
    Step,
    StepContext,
    Work,
    chunks,
    digest,
    logger,
)
from tmlib.workflow.steps.channels import pixel_type, read_channels
from tmlib.workflow.steps.layers import (
    VERSION,
    Layer,
    digest_of_corrected,
    is_corrected,
    read_layers,
    read_map,
    sites_of_layer,
)
from tmlib.workflow.steps.plate_map import (
    PlateMap,
    draw_layout,
    layout_objects,
)
from tmlib.workflow.steps.site_images import SiteImages


class Illuminati(Step):
    """Pyramids: one mosaic per channel, time point and focal plane, at all zoom levels.

    The groups of batches are the zoom levels, from full resolution outwards. The old map is
    shown until the new one is complete. Only the regions that no mosaic has are made: also of a
    job that has to be done again, the others are taken over.
    """

    name = "illuminati"
    fullname = "Pyramid creation"
    help = "Joins the images of all sites into one zoomable map per channel."
    version = VERSION
    has_collect = True
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument("align", bool, "Show what all cycles show, aligned; needs align.", False),
        BATCH_SIZE,
        Argument("clip", bool, "Show intensities up to a percentile as brightest.", False),
        Argument("clip_percent", float, "That percentile.", 99.9, minimum=0, maximum=100),
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

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """Lay out the map, create mosaics, and cut each level into batches of regions.

        Regions that are known to be as they should are named in the batches, but not made again.
        """
        with context.database.session() as session:
            plate_map = read_map(session, context)
            layers = read_layers(session, context, plate_map)
            pixel_size = session.get_one(Experiment, context.experiment_id).pixel_size
        if plate_map.is_regular_by_choice:
            logger.info("Sites lie in a regular grid as asked for, not where the stage put them")
        height, width = plate_map.size
        known = KnownRegions(None if context.force else context.storage.mosaics)
        missing: list[list[set[Region]]] = []
        for layer in layers:
            mosaic = path = context.storage.mosaic(*layer.key, layer.version)
            if context.force or not mosaics.is_mosaic(path, height, width):
                mosaic = mosaics.draft_mosaic(
                    path,
                    height=height,
                    width=width,
                    dtype=pixel_type(layer.channel),
                    name=layer.channel.name,
                    pixel_size=pixel_size,
                )
                context.effects.append(partial(_put_in_place, context, mosaic, path))
            missing.append([set(m) for m in known.take(mosaic, height, width, layer.digests)])
        _tell(layers, missing)
        return _levels(plate_map, layers, missing, int(context.arguments["batch_size"] or 1))

    def collect_inputs(self, context: StepContext) -> Inputs:
        """Which layers are shown, of which light was corrected, and where everything lies."""
        with context.database.session() as session:
            plate_map = read_map(session, context)
            layers = read_layers(session, context, plate_map)
            channels = read_channels(session, context.experiment_id)
        return {
            "corrected channels": digest_of_corrected(context.arguments, channels),
            "images": digest([(layer.key, layer.version, layer.window) for layer in layers]),
            "layout": plate_map.digest(),
        }

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        """What the files of all regions are known by; those that are black have none."""
        found: list[str | None] = []
        for batch in batches:
            layer = batch["channel_id"], batch["tpoint"], batch["zplane"]
            path = context.storage.mosaic(*layer, batch["version"])
            regions = [Region(*region) for region in batch["regions"] + batch["known"]]
            try:
                stamps = mosaics.region_stamps(path, batch["level"], regions)
            except NotFound:
                found.append(None)
            else:
                found.append(digest(sorted(stamps)))
        return found

    def are_current(
        self, context: StepContext, session: Session, batches: Sequence[Batch], known: Sequence[str]
    ) -> list[bool]:
        """Whether all regions are known, also those of a new mosaic, or as they were left."""
        found = self.outputs(context, session, batches)
        return [
            not batch["regions"] or one == other
            for batch, one, other in zip(batches, found, known, strict=True)
        ]

    def collect_output(self, context: StepContext, session: Session) -> str:
        """What is shown: the layers, and the outlines of plates, wells and sites."""
        experiment = session.get_one(Experiment, context.experiment_id)
        layers = session.execute(
            select(
                *(ChannelLayer.channel_id, ChannelLayer.tpoint, ChannelLayer.zplane),
                *(ChannelLayer.version, ChannelLayer.min_intensity, ChannelLayer.max_intensity),
            )
            .where(ChannelLayer.experiment_id == context.experiment_id)
            .order_by(ChannelLayer.channel_id, ChannelLayer.tpoint, ChannelLayer.zplane)
        )
        return digest(
            (experiment.map_height, experiment.map_width, experiment.map_levels),
            (experiment.vertical_site_displacement, experiment.horizontal_site_displacement),
            [tuple(row) for row in layers],
            layout_objects(session, context.experiment_id),
        )

    def key(self, batch: Batch) -> str:
        """Name of a batch by its layer and place, whatever of it is known already."""
        regions = sorted(batch["regions"] + batch["known"])
        layer = batch["channel_id"], batch["tpoint"], batch["zplane"]
        return digest(*layer, batch["level"], regions)

    def run(self, context: StepContext, batch: Batch) -> None:
        """Write the regions of a batch."""
        layer = batch["channel_id"], batch["tpoint"], batch["zplane"]
        path = context.storage.mosaic(*layer, batch["version"])
        regions = [Region(*region) for region in batch["regions"]]
        if batch["level"] is None and regions:
            place = _Placement(context, *layer)
            for region in regions:
                mosaics.write_base(path, region, place.images(region))
        else:
            for region in regions:
                mosaics.write_level(path, batch["level"], region)
        logger.info("%d regions written", len(regions))

    def collect(self, context: StepContext) -> None:
        """Show the new map, and draw the outlines of plates, wells and sites."""
        with context.database.session() as session:
            plate_map = read_map(session, context)
            layers = read_layers(session, context, plate_map)
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

    def __init__(self, context: StepContext, channel_id: int, tpoint: int, zplane: int) -> None:
        self._tpoint, self._zplane = tpoint, zplane
        with context.database.session() as session:
            self._channel = session.get_one(Channel, channel_id)
            self._sites = sites_of_layer(
                session, context, read_map(session, context), channel_id, tpoint, zplane
            )
            self._images = SiteImages(session, context.storage)
        self._correct = is_corrected(context.arguments, self._channel.name)
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


def _overlap(box: Box, region: Region) -> bool:
    return (
        box.y < region.y + region.height
        and region.y < box.y + box.height
        and box.x < region.x + region.width
        and region.x < box.x + box.width
    )


def _put_in_place(context: StepContext, draft: Path, path: Path, session: Session) -> None:
    """Let an empty mosaic take its place, as an effect: a late worker must not empty a full one."""
    mosaics.put_in_place(draft, path)
    context.afterwards.append(lambda: mosaics.clear_drafts(path))


def _show(session: Session, context: StepContext, plate_map: PlateMap, layers: list[Layer]) -> None:
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


def _tell(layers: list[Layer], missing: list[list[set[Region]]]) -> None:
    """Say in the log what has to be made."""
    n_layers = sum(any(levels) for levels in missing)
    n_regions = sum(len(regions) for levels in missing for regions in levels)
    n_all = sum(len(digests) for layer in layers for digests in layer.digests)
    logger.info("%d of %d channel layers have to be made", n_layers, len(layers))
    logger.info("%d of all %d regions have changed", n_regions, n_all)


def _levels(
    plate_map: PlateMap,
    layers: list[Layer],
    missing: list[list[set[Region]]],
    batch_size: int,
) -> list[list[Work]]:
    """Work per level, full resolution first."""
    n_levels = max((len(layer.digests) for layer in layers), default=0)
    groups = []
    for level in reversed(range(n_levels)):
        regions = mosaics.regions_by_cell(*mosaics.level_shapes(*plate_map.size)[level])
        groups.append(
            [
                _work(layer, None if level == n_levels - 1 else level, part, regions, absent[level])
                for layer, absent in zip(layers, missing, strict=True)
                for part in chunks(sorted(layer.digests[level].items()), batch_size)
            ]
        )
    return groups


def _work(
    layer: Layer,
    level: int | None,
    cells: list[tuple[Cell, str]],
    regions: dict[Cell, Region],
    missing: set[Region],
) -> Work:
    """The work of some regions of a level, which is None for the base."""
    wanted = [regions[cell] for cell, _ in cells]
    batch = {
        "channel_id": layer.channel.id,
        "tpoint": layer.tpoint,
        "zplane": layer.zplane,
        "version": layer.version,
        "level": level,
        "regions": [[r.y, r.x, r.height, r.width] for r in wanted if r in missing],
        "known": [[r.y, r.x, r.height, r.width] for r in wanted if r not in missing],
    }
    return Work(batch, {"images": digest([shown for _, shown in cells])})
