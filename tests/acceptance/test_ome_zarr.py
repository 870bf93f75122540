"""The files that a workflow leaves behind, looked at with other programs' eyes."""

import json
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services import environments, napari_reader
from tests.services.installation import Installation
from tests.services.zarr_content import array_in, attributes_of, pixels_in, validated
from tmlib.ids import decode_id
from tmlib.sample import SamplePlate

NAPARI_SESSION = Path(__file__).with_name("napari_session.py")


@dataclass(frozen=True)
class Opened:
    """A folder as napari's reader gives it: what its layers are, and their pixels."""

    layers: list[dict[str, Any]]
    pixels: list[NDArray[Any]]

    @classmethod
    def load(cls, path: Path) -> "Opened":
        layers = json.loads(path.with_suffix(".json").read_text())
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as pixels:
            return cls(layers, list(pixels.values()))


@pytest.fixture(scope="session")
def napari(request: pytest.FixtureRequest) -> Path:
    """An interpreter with napari's reader, kept for later runs of the tests."""
    if find_library("fontconfig") is None:
        pytest.skip("napari needs a library of the machine: install it (on Debian libfontconfig1)")
    return environments.python_with(
        request.config, "napari", napari_reader.REQUIREMENTS, napari_reader.READER
    )


@pytest.fixture
def folder(installation: Installation, finished: Finished) -> Path:
    """The folder of the finished experiment."""
    number = decode_id(finished.client.experiment_id)
    return installation.data_dir / "experiments" / f"experiment_{number}"


def test_the_plate_is_valid_and_other_readers_open_it(
    folder: Path, sample_plate: SamplePlate
) -> None:
    [plate] = (folder / "images").glob("*.ome.zarr")
    listed = validated(plate).ome_attributes.plate.wells
    wells = {well.path.replace("/", "") for well in listed}
    assert wells == set(sample.WELLS)
    [node] = list(Reader(parse_url(str(plate)))())[:1]
    assert node.data[0].shape[1] == 2
    site = sample_plate.sites[-1]
    field = plate / site.well[0] / site.well[1:] / str(sample.COLUMNS * site.y + site.x)
    validated(field)
    stored = pixels_in(field / "0")[0, 0, 0]
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
        validated(path)
        [node] = list(Reader(parse_url(str(path)))())[:1]
        assert node.data[0].shape == (size["height"], size["width"])
        assert max(node.data[-1].shape) <= 256


@pytest.mark.timeout(900)  # the first run also installs the reader
def test_napari_opens_plates_maps_and_labels(
    folder: Path, finished: Finished, napari: Path, tmp_path: Path
) -> None:
    [plate] = (folder / "images").glob("*.ome.zarr")
    mosaics = sorted((folder / "mosaics").glob("*.ome.zarr"))
    field = plate / "B" / "02" / "0"
    labels = field / "labels" / "Nuclei"
    environments.run(napari, NAPARI_SESSION, tmp_path, plate, *mosaics, labels)
    found = [Opened.load(tmp_path / str(i)) for i in range(len(mosaics) + 2)]
    _check_plate(found[0], plate)
    for path, opened in zip(mosaics, found[1:-1], strict=True):
        _check_map(opened, path)
    _check_labels(found[-1], field)


def _check_plate(opened: Opened, plate: Path) -> None:
    """The first field of each well, with its labels, where the well lies on the plate."""
    kinds = [layer["kind"] for layer in opened.layers]
    assert kinds == ["image", *("labels" for _ in sample.OBJECT_TYPES)]
    image, *labels = opened.layers
    pixels, *objects = opened.pixels
    assert image["channel_axis"] == 1
    assert len(image["name"]) == 2
    for i, row in enumerate(("B", "C")):
        for j, column in enumerate(("02", "04")):
            rows, columns = (slice(k * sample.SIZE, (k + 1) * sample.SIZE) for k in (i, j))
            shown = [array[..., rows, columns] for array in opened.pixels]
            if f"{row}{column}" not in sample.WELLS:
                assert not any(array.any() for array in shown)
                continue
            assert np.array_equal(shown[0], pixels_in(plate / row / column / "0" / "0"))
            stored = plate / row / column / "0" / "labels"
            names = attributes_of(stored)["ome"]["labels"]
            for array, name in zip(shown[1:], names, strict=True):
                assert array.any()
                assert np.array_equal(array, pixels_in(stored / name / "0"))
    for layer in labels:
        assert layer["scale"] == image["scale"]
    assert {array.shape[-2:] for array in objects} == {pixels.shape[-2:]}


def _check_map(opened: Opened, path: Path) -> None:
    [layer], [pixels] = opened.layers, opened.pixels
    ome = attributes_of(path)["ome"]
    assert layer["kind"] == "image"
    assert ome["multiscales"][0]["name"] in layer["name"]
    assert layer["scale"] == _stored_scale(path)
    assert layer["axis_labels"] == ["y", "x"]
    assert layer["units"] == ["micrometer", "micrometer"]
    assert np.array_equal(pixels, pixels_in(path / "0"))
    levels = [dataset["path"] for dataset in ome["multiscales"][0]["datasets"]]
    assert layer["shapes"] == [list(array_in(path / level).shape) for level in levels]


def _check_labels(opened: Opened, field: Path) -> None:
    """Asked for labels, the reader opens the image that they say they belong to as well."""
    image, *labels = opened.layers
    pixels, *objects = opened.pixels
    assert image["kind"] == "image"
    assert np.array_equal(pixels, pixels_in(field / "0"))
    assert image["scale"] == _stored_scale(field, without_axis=1)
    assert [layer["kind"] for layer in labels] == ["labels"] * len(sample.OBJECT_TYPES)
    for layer, array in zip(labels, objects, strict=True):
        own = field / "labels" / layer["name"].removeprefix("labels/").rpartition("/")[2]
        assert np.array_equal(array, pixels_in(own / "0"))
        assert array.any()
        assert layer["scale"] == image["scale"]


def _stored_scale(path: Path, without_axis: int | None = None) -> list[float]:
    [dataset, *_] = attributes_of(path)["ome"]["multiscales"][0]["datasets"]
    [transformation] = dataset["coordinateTransformations"]
    return [size for axis, size in enumerate(transformation["scale"]) if axis != without_axis]
