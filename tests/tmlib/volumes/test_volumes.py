"""Volumes there and back, beside the libraries of those who made the formats."""

import itertools
import json
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from tmlib.errors import BadInput
from tmlib.volumes import blocks, mrc, ome_zarr

SHAPE = (5, 130, 261)
SPACING = 13.48


def volume(dtype: str) -> NDArray[Any]:
    values = np.random.default_rng(1).integers(0, 100, SHAPE)
    return (values if dtype != "bool" else values > 50).astype(dtype)


class Watched:
    """A volume that notes how much of it is read at once."""

    def __init__(self, voxels: NDArray[Any]) -> None:
        self._voxels = voxels
        self.shape, self.dtype = voxels.shape, voxels.dtype
        self.most = 0

    def __getitem__(self, block: blocks.Block) -> NDArray[Any]:
        part = self._voxels[block]
        self.most = max(self.most, part.size)
        return part


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "uint8", "int16", "uint16", "float16", "float32", "float64"],
)
def test_mrc_files_hold_all_values(tmp_path: Path, dtype: str) -> None:
    path, voxels = tmp_path / "new" / "volume.mrc", volume(dtype)
    mrc.write(path, voxels, SPACING)
    # the validator itself adds up in the type of the voxels, which overflows
    assert dtype == "float16" or mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert file.is_volume()
        assert file.data.dtype == mrc.stored_type(dtype)
        assert np.array_equal(file.data, voxels.astype(file.data.dtype))
        assert file.voxel_size.tolist() == pytest.approx((SPACING,) * 3, rel=1e-6)
        assert float(file.header.dmean) == pytest.approx(float(voxels.mean()), rel=1e-3)
    with mrc.opened(path) as again:
        assert again.shape == SHAPE
        assert again.spacing == pytest.approx(SPACING, rel=1e-6)
        for block in blocks.blocks(SHAPE, 100):
            assert np.array_equal(again[block], voxels[block])
    assert [one.name for one in path.parent.iterdir()] == ["volume.mrc"]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32"]
)
def test_ome_zarr_has_three_levels(tmp_path: Path, dtype: str) -> None:
    path, voxels = tmp_path / "new" / "volume.zarr", volume(dtype)
    ome_zarr.write(path, voxels, SPACING)
    group = zarr.open_group(path, mode="r", zarr_format=2)
    arrays: list[Any] = [group[str(level)] for level in range(3)]
    assert [array.shape for array in arrays] == [(5, 130, 261), (3, 65, 131), (2, 33, 66)]
    assert {array.dtype.name for array in arrays} == {dtype}
    assert np.array_equal(arrays[0][:], voxels)
    for larger, smaller in itertools.pairwise(arrays):
        whole = larger[:].astype(float)
        whole = np.pad(whole, [(0, size % 2) for size in whole.shape], mode="edge")
        eighths = [whole[z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
        means = np.mean(eighths, axis=0)
        if voxels.dtype.kind != "f":
            means = np.rint(means)
        assert np.array_equal(smaller[:], means.astype(dtype))
    levels = ome_zarr.open_levels(path)
    assert [level.spacing for level in levels] == [SPACING, 2 * SPACING, 4 * SPACING]
    assert np.array_equal(levels[0][1:3, 5:9, 0:7], voxels[1:3, 5:9, 0:7])
    location = parse_url(path)
    assert location is not None
    [node] = Reader(location)()
    assert [axis["unit"] for axis in node.metadata["axes"]] == ["angstrom"] * 3
    assert [data.shape for data in node.data] == [array.shape for array in arrays]
    assert json.loads((path / ".zattrs").read_text())["multiscales"][0]["version"] == "0.4"
    [[low, high]] = node.metadata["contrast_limits"]
    smallest = arrays[2][:].astype(float)
    assert (low, high) == pytest.approx(tuple(np.percentile(smallest, (1, 99.9))))
    assert ome_zarr.contrast_of((path / ".zattrs").read_bytes()) == (low, high)


@pytest.mark.parametrize(
    ("shape", "chunks", "last"),
    [((130, 129, 20), (128, 128, 20), "1/1/0"), ((1, 1030, 2000), (1, 1024, 1024), "0/1/1")],
)
def test_flat_volumes_are_in_few_files(
    tmp_path: Path, shape: tuple[int, int, int], chunks: tuple[int, int, int], last: str
) -> None:
    path = tmp_path / "volume.zarr"
    ome_zarr.write(path, np.zeros(shape, "uint8"), SPACING)
    array: Any = zarr.open_group(path, mode="r")["0"]
    assert array.chunks == chunks
    # each chunk that there can be is a file of its own, as programs of the field expect
    assert (path / "0" / last).is_file()


@pytest.mark.parametrize(
    ("voxels", "contrast"),
    [
        (np.full((1, 2, 2), 7, "uint16"), (7, 8)),
        (np.full((1, 2, 2), np.nan, "float32"), (0, 1)),
        (np.array([[[0] * 8 * 2000 + [9] * 8]] * 8, "uint8"), (0, 9)),
    ],
)
def test_volumes_with_few_intensities_have_a_contrast(
    tmp_path: Path, voxels: Any, contrast: tuple[float, float]
) -> None:
    path = tmp_path / "volume.zarr"
    ome_zarr.write(path, voxels, SPACING)
    assert ome_zarr.contrast_of((path / ".zattrs").read_bytes()) == contrast


def test_volumes_may_say_nothing_of_their_contrast(tmp_path: Path) -> None:
    ome_zarr.write(tmp_path / "labels.zarr", volume("uint8"), SPACING, labels=True)
    for told in (
        (tmp_path / "labels.zarr" / ".zattrs").read_bytes(),
        *(b"", b"[]"),
        b'{"omero": {"channels": [{"window": {"start": 2, "end": 1}}]}}',
        b'{"omero": {"channels": [{"window": {"start": NaN, "end": 1}}]}}',
        b'{"omero": {"channels": [{"window": {"start": 0, "end": 1%s}}]}}' % (b"0" * 400),
        b'{"omero": {"channels": [{"window": null}]}}',
        b"[" * 100_000,
    ):
        assert ome_zarr.contrast_of(told) is None


def test_smaller_levels_of_labels_have_no_new_numbers(tmp_path: Path) -> None:
    voxels = volume("uint32")
    ome_zarr.write(tmp_path / "labels.zarr", voxels, SPACING, labels=True)
    whole, half, quarter = ome_zarr.open_levels(tmp_path / "labels.zarr")
    everything = (slice(None),) * 3
    assert np.array_equal(half[everything], voxels[::2, ::2, ::2])
    assert np.array_equal(quarter[everything], voxels[::4, ::4, ::4])
    assert whole.dtype == np.uint32


def test_volumes_are_read_and_written_block_by_block(tmp_path: Path) -> None:
    voxels = np.zeros((300, 300, 300), "uint8")
    for write in (mrc.write, ome_zarr.write):
        source = Watched(voxels)
        write(tmp_path / write.__module__, source, 1.0)
        assert source.most <= 256**3


@pytest.mark.parametrize("write", [mrc.write, ome_zarr.write])
@pytest.mark.parametrize(
    ("voxels", "spacing"),
    [
        (np.zeros((3, 4)), 1.0),
        (np.zeros((0, 4, 4)), 1.0),
        (np.zeros((2, 2, 2), "complex64"), 1.0),
        (np.zeros((2, 2, 2), "uint8"), 0.0),
        (np.zeros((2, 2, 2), "uint8"), float("nan")),
    ],
)
def test_what_is_no_volume_is_refused(
    tmp_path: Path, write: Any, voxels: NDArray[Any], spacing: float
) -> None:
    with pytest.raises(BadInput):
        write(tmp_path / "volume", voxels, spacing)
    assert list(tmp_path.iterdir()) == []


def test_voxels_of_64_bits_are_rounded_in_mrc_files(tmp_path: Path) -> None:
    voxels = np.full((2, 2, 2), 0.1)
    mrc.write(tmp_path / "a.mrc", voxels, 1.0)
    with mrc.opened(tmp_path / "a.mrc") as file:
        assert np.array_equal(file[np.s_[:, :, :]], voxels.astype("float32"))
    with pytest.raises(BadInput, match="too large for float32"):
        mrc.write(tmp_path / "b.mrc", voxels * 1e300, 1.0)
    assert [one.name for one in tmp_path.iterdir()] == ["a.mrc"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    class Broken(Watched):
        def __getitem__(self, block: blocks.Block) -> NDArray[Any]:
            raise OSError("away")

    for write in (mrc.write, ome_zarr.write):
        with pytest.raises(OSError, match="away"):
            write(tmp_path / "volume", Broken(volume("uint8")), 1.0)
        assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "volume.mrc").write_bytes(b"-" * 2000)
    with pytest.raises(BadInput, match="is no MRC file"), mrc.opened(tmp_path / "volume.mrc"):
        pass
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BadInput, match="is no volume"):
            ome_zarr.open_levels(path)
