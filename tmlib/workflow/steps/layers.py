"""The layers of the map: one channel at one time point and focal plane, as it is to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.digests import digest_of
from tmlib.errors import BadInput
from tmlib.experiments.models import Channel, ChannelImageFile
from tmlib.images.channel_images import field_path, plane_stamp
from tmlib.images.map_layout import Box, overlapping
from tmlib.images.mosaic_regions import Digests, region_digests
from tmlib.workflow.arguments import Value
from tmlib.workflow.steps.base import StepContext, digest
from tmlib.workflow.steps.channels import pixel_type, read_channels
from tmlib.workflow.steps.corilla import load_statistics
from tmlib.workflow.steps.plate_map import PlacedSite, PlateMap, read_plate_map
from tmlib.workflow.steps.site_images import SiteImages

VERSION = 1
"""Of the pixels of mosaics: raised whenever the same images come to others."""

_LOW_PERCENTILE = 0.001


@dataclass(frozen=True)
class Layer:
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
        """Id of the channel, time point and focal plane."""
        return self.channel.id, self.tpoint, self.zplane


def read_map(session: Session, context: StepContext) -> PlateMap:
    """The map with the gaps between sites that the arguments want."""
    gaps = (
        int(context.arguments["vertical_site_displacement"] or 0),
        int(context.arguments["horizontal_site_displacement"] or 0),
    )
    return read_plate_map(session, context.experiment_id, gaps)


def read_layers(session: Session, context: StepContext, plate_map: PlateMap) -> list[Layer]:
    """All layers that there are images of."""
    channels = read_channels(session, context.experiment_id)
    check_exceptions(context.arguments, [channel.name for channel in channels])
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
        sites = sites_of_layer(session, context, plate_map, channel_id, tpoint, zplane)
        shown = _shown(context, images, sites, channel, tpoint, zplane)
        digests = region_digests(*plate_map.size, pixel_type(channel), shown)
        version = digest_of(repr((plate_map.size, digests)), 16)
        layers.append(Layer(channel, tpoint, zplane, digests, version, windows[channel.name]))
    return layers


def _shown(
    context: StepContext,
    images: SiteImages,
    sites: Sequence[PlacedSite],
    channel: Channel,
    tpoint: int,
    zplane: int,
) -> list[tuple[Box, object]]:
    """The place of each image of a layer, and what else decides about its pixels."""
    correct = is_corrected(context.arguments, channel.name)
    align = bool(context.arguments["align"])
    boxes = [site.aligned_box if align else site.box for site in sites]
    in_overlap = {i for pair in overlapping(boxes) for i in pair}
    plane = {"t": tpoint, "c": channel.index, "z": zplane}
    shown: list[tuple[Box, object]] = []
    for i, (site, box) in enumerate(zip(sites, boxes, strict=True)):
        field = site.plate_id, site.well_name, site.field
        store = context.storage.plate_images(site.plate_id)
        stamp = plane_stamp(field_path(store, site.well_name, site.field), **plane)
        settings = images.fingerprint(site, channel.name, correct=correct, align=align)
        source = VERSION, field, tuple(plane.values()), settings, stamp
        # of two that overlap each shows its half; earlier versions showed one of them whole
        shown.append((box, (*source, "half") if i in in_overlap else source))
    return shown


def sites_of_layer(
    session: Session,
    context: StepContext,
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


def exceptions(arguments: Mapping[str, Value]) -> list[str]:
    """Names of the channels that are not to be corrected, in any case."""
    given = arguments.get("illumcorr_exceptions")
    return [] if given is None else [name.strip() for name in str(given).split(",")]


def check_exceptions(arguments: Mapping[str, Value], names: Sequence[str]) -> None:
    """Make sure that channels that are not to be corrected are among those of the experiment.

    Raises
    ------
    BadInput
        If one is not.
    """
    for name in exceptions(arguments):
        if name not in names:
            raise BadInput(
                f'"illumcorr_exceptions" names the channel "{name}", the experiment has: '
                f"{', '.join(names)}."
            )


def is_corrected(arguments: Mapping[str, Value], channel_name: str) -> bool:
    """Whether uneven light of a channel is to be corrected."""
    return bool(arguments.get("illumcorr")) and channel_name not in exceptions(arguments)


def digest_of_corrected(arguments: Mapping[str, Value], channels: Sequence[Channel]) -> str:
    """What is known by which channels are to be corrected, whatever they are called meanwhile."""
    return digest(
        sorted(one.recorded_name for one in channels if is_corrected(arguments, one.name))
    )


def _windows(
    session: Session, context: StepContext, channels: Sequence[Channel]
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
