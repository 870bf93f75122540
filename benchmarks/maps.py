"""Maps of an experiment, for benchmarks of their tiles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving import Laboratory
from tmlib.experiments.models import Channel, ChannelLayer, Experiment
from tmlib.ids import encode_id
from tmlib.images.mosaics import (
    PlacedImage,
    base_regions,
    create_mosaic,
    level_regions,
    level_shapes,
    write_base,
    write_level,
)
from tmlib.images.shown_layers import ShownLayer

WINDOW = (0, 4000)
"""Intensities that are shown as black and white."""

VERSION = "0123456789abcdef"


@dataclass(frozen=True)
class ChannelMap:
    """The map of a channel: address and version of its tiles, mosaic, innermost zoom level."""

    address: str
    version: str
    mosaic: Path
    deepest: int


def noise(size: int) -> NDArray[np.uint16]:
    """Pixels (y, x) of a square map of noise, which hardly compresses."""
    return np.random.default_rng(1).poisson(800, (size, size)).astype(np.uint16)


def cells(size: int) -> NDArray[np.uint16]:
    """Pixels (y, x) of a square map of bright blocks on a dark ground, with a camera's noise."""
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.random((size // 16, size // 16)) > 0.8, np.ones((16, 16)))
    pixels: NDArray[np.float64] = blocks * 2000 + rng.normal(200, 12, blocks.shape)
    return pixels.clip(0, 65535).astype(np.uint16)


def add_map(installation: Laboratory, pixels: NDArray[np.uint16]) -> ChannelMap:
    """Add a channel whose map has these pixels (y, x), with all zoom levels."""
    height, width = pixels.shape
    n_levels = len(level_shapes(height, width))
    with installation.database.transaction() as session:
        owner = {"experiment_id": installation.experiment_id}
        experiment = session.get_one(Experiment, installation.experiment_id)
        experiment.map_height, experiment.map_width = height, width
        experiment.map_levels = n_levels
        channel = Channel(**owner, name="DNA", wavelength="1", bit_depth=16, index=0)
        layer = ChannelLayer(
            **owner,
            tpoint=0,
            zplane=0,
            min_intensity=WINDOW[0],
            max_intensity=WINDOW[1],
            version=VERSION,
        )
        channel.layers.append(layer)
        session.add(channel)
        session.flush()
        mosaic = installation.storage.mosaic(channel.id, 0, 0, VERSION)
        layer_id, version = layer.id, ShownLayer.of(layer).version
    create_mosaic(mosaic, height=height, width=width, dtype="uint16", name="DNA")
    for region in base_regions(height, width):
        write_base(mosaic, region, [PlacedImage(0, 0, height, width, lambda: pixels)])
    for level in reversed(range(n_levels - 1)):
        for region in level_regions(height, width, level):
            write_level(mosaic, level, region)
    experiment_id = encode_id(installation.experiment_id)
    address = f"/api/experiments/{experiment_id}/channel_layers/{encode_id(layer_id)}/tiles"
    return ChannelMap(address, version, mosaic, n_levels - 1)
