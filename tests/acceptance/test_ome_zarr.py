"""The files that a workflow leaves behind, looked at with other programs' eyes."""

from pathlib import Path

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services.installation import Installation
from tmlib.ids import decode_id
from tmlib.sample import SamplePlate


@pytest.fixture
def folder(installation: Installation, finished: Finished) -> Path:
    """The folder of the finished experiment."""
    number = decode_id(finished.client.experiment_id)
    return installation.data_dir / "experiments" / f"experiment_{number}"


def test_the_plate_is_valid_and_other_readers_open_it(
    folder: Path, sample_plate: SamplePlate
) -> None:
    [plate] = (folder / "images").glob("*.ome.zarr")
    validated = ome_zarr_models.open_ome_zarr(zarr.open_group(plate, mode="r"))
    wells = {well.path.replace("/", "") for well in validated.ome_attributes.plate.wells}
    assert wells == set(sample.WELLS)
    [node] = list(Reader(parse_url(str(plate)))())[:1]
    assert node.data[0].shape[1] == 2
    site = sample_plate.sites[-1]
    field = plate / site.well[0] / site.well[1:] / str(sample.COLUMNS * site.y + site.x)
    ome_zarr_models.open_ome_zarr(zarr.open_group(field, mode="r"))
    stored = zarr.open_group(field, mode="r")["0"][0, 0, 0]
    [source] = [
        path
        for path in sample_plate.image_files
        if f"_{site.well}_" in path.name
        and f"F{site.field:03d}" in path.name
        and "C01" in path.name
    ]
    assert np.array_equal(stored, tifffile.imread(source))


def test_the_maps_are_valid_and_other_readers_open_them(folder: Path, finished: Finished) -> None:
    maps = sorted((folder / "mosaics").glob("*.ome.zarr"))
    assert len(maps) == 2
    size = finished.client.get_channels()[0]["layers"][0]["image_size"]
    for path in maps:
        ome_zarr_models.open_ome_zarr(zarr.open_group(path, mode="r"))
        [node] = list(Reader(parse_url(str(path)))())[:1]
        assert node.data[0].shape == (size["height"], size["width"])
        assert max(node.data[-1].shape) <= 256
