import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.common.omero import Omero

from tests.services.zarr_content import array_in, validated
from tmlib.errors import BadInput, Conflict, NotFound, Unavailable
from tmlib.images.channel_images import (
    FieldShape,
    field_path,
    plane_stamp,
    read_plane,
    write_plane,
    write_plate_metadata,
)

SHAPE = FieldShape(n_tpoints=2, n_channels=2, n_zplanes=1, height=300, width=260)
NAMES = ["DNA", "actin"]


def pixels(seed: int = 0, shape: FieldShape = SHAPE) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return rng.poisson(100, (shape.height, shape.width)).astype(shape.dtype)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return tmp_path / "plate_1.ome.zarr"


def write(path: Path, seed: int = 0, t: int = 0, c: int = 0, **options: Any) -> None:
    write_plane(path, SHAPE, NAMES, t=t, c=c, z=0, pixels=pixels(seed), **options)


def test_planes_are_read_as_they_were_written(plate: Path) -> None:
    path = field_path(plate, "B03", 0)
    assert path == plate / "B" / "03" / "0"
    for seed, (t, c) in enumerate([(0, 0), (0, 1), (1, 1)]):
        write(path, seed, t, c)
    assert (read_plane(path, t=0, c=1, z=0) == pixels(1)).all()
    assert (read_plane(path, t=1, c=1, z=0) == pixels(2)).all()


def test_planes_that_were_never_written_are_not_black(plate: Path) -> None:
    path = field_path(plate, "B03", 0)
    black = np.zeros((300, 260), np.uint16)
    write_plane(path, SHAPE, NAMES, t=0, c=0, z=0, pixels=black)
    assert (read_plane(path, t=0, c=0, z=0) == black).all()
    for field, t, c in [(0, 1, 0), (0, 2, 0), (0, -1, 0), (5, 0, 0)]:
        with pytest.raises(NotFound, match=f"t={t}, c={c}, z=0 in plate_1.ome.zarr/B/03/{field}"):
            read_plane(field_path(plate, "B03", field), t=t, c=c, z=0)


def test_writing_again_gives_the_same_bytes(plate: Path) -> None:
    path = field_path(plate, "B03", 0)

    def content() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in sorted(plate.rglob("*")) if p.is_file()}

    write(path)
    first = content()
    write(path)
    assert content() == first
    write(path, seed=1)
    assert (read_plane(path, t=0, c=0, z=0) == pixels(1)).all()


WRITER = """
import sys
from pathlib import Path
import numpy as np
from tmlib.images.channel_images import FieldShape, write_plane
for t in (0, 1):
    c = int(sys.argv[2])
    pixels = np.full((300, 260), 10 * t + c, np.uint16)
    shape = FieldShape(2, 2, 1, 300, 260)
    write_plane(Path(sys.argv[1]), shape, ["DNA", "actin"], t=t, c=c, z=0, pixels=pixels)
"""

FORKER = """
import os, sys
from pathlib import Path
from tmlib.images.channel_images import read_plane
if os.fork() == 0:
    os._exit(int(read_plane(Path(sys.argv[1]), t=1, c=1, z=0).max()))
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_several_processes_may_write_one_field(plate: Path) -> None:
    path = field_path(plate, "A01", 0)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(c)]) for c in (0, 1, 1)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for t in (0, 1):
        for c in (0, 1):
            assert (read_plane(path, t=t, c=c, z=0) == 10 * t + c).all()
    # workers fork after the import
    assert subprocess.run([sys.executable, "-c", FORKER, path], check=False).returncode == 11


def test_what_a_killed_writer_left_does_no_harm(plate: Path) -> None:
    path = field_path(plate, "A01", 0)
    write(path)
    shard = path / "0" / "c" / "0" / "0" / "0" / "0" / "0"
    whole = shard.read_bytes()
    shard.unlink()
    shard.with_name("0.__lock").write_bytes(whole[:1000])
    with pytest.raises(NotFound):
        read_plane(path, t=0, c=0, z=0)
    write(path)
    assert (read_plane(path, t=0, c=0, z=0) == pixels()).all()
    assert [p.name for p in shard.parent.iterdir()] == ["0"]


def test_images_that_do_not_fit_are_refused(plate: Path) -> None:
    path = field_path(plate, "A01", 0)
    with pytest.raises(BadInput, match=r"10 x 10 pixels \(uint16\)"):
        write_plane(path, SHAPE, NAMES, t=0, c=0, z=0, pixels=np.zeros((10, 10), np.uint16))
    with pytest.raises(BadInput, match="uint8"):
        write_plane(path, SHAPE, NAMES, t=0, c=0, z=0, pixels=np.zeros((300, 260), np.uint8))
    with pytest.raises(BadInput, match="c=2"):
        write(path, c=2)
    write(path)
    small = FieldShape(1, 1, 1, 64, 64, "uint8")
    with pytest.raises(Conflict, match="A/01/0"):
        write_plane(path, small, ["DNA"], t=0, c=0, z=0, pixels=np.zeros((64, 64), np.uint8))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_the_job_can_be_repeated(small_disk: Path) -> None:
    path = field_path(small_disk / "plate_1.ome.zarr", "A01", 0)
    random = np.random.default_rng(0).integers(0, 65535, (300, 260)).astype(np.uint16)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(120_000))
    with pytest.raises(Unavailable, match=r"disk is full.*A/01/0.*run the job again"):
        write_plane(path, SHAPE, NAMES, t=0, c=0, z=0, pixels=random)
    with pytest.raises(NotFound):
        read_plane(path, t=0, c=0, z=0)
    ballast.unlink()
    write(path)
    assert (read_plane(path, t=0, c=0, z=0) == pixels()).all()


@pytest.fixture
def full_plate(plate: Path) -> Path:
    wells = {"B03": 2, "AA12": 1, "B01": 1}
    for well, n_fields in wells.items():
        for field in range(n_fields):
            write(field_path(plate, well, field), field, pixel_size=0.65)
            write(field_path(plate, well, field), field, c=1, pixel_size=0.65)
    write_plate_metadata(plate, "my plate", wells)
    return plate


def test_the_plate_is_valid_ome_ngff(full_plate: Any) -> None:
    hcs = validated(full_plate)
    described = hcs.ome_attributes.plate
    assert described.name == "my plate"
    assert [row.name for row in described.rows] == ["B", "AA"]
    assert [well.path for well in described.wells] == ["B/01", "B/03", "AA/12"]
    assert len(list(hcs.well_groups)) == 3
    well = validated(full_plate / "B" / "03")
    assert [image.path for image in well.ome_attributes.well.images] == ["0", "1"]
    field = validated(full_plate / "B/03/1")
    axes = field.ome_attributes.multiscales[0].axes
    assert [(axis.name, axis.unit) for axis in axes[-2:]] == [
        ("y", "micrometer"),
        ("x", "micrometer"),
    ]
    omero: Any = Omero.model_validate(field.ome_attributes.omero)
    assert [channel.label for channel in omero.channels] == NAMES


def test_other_readers_see_the_pixels(full_plate: Any) -> None:
    array = array_in(full_plate / "B/03/1/0")
    assert array.shape == (2, 2, 1, 300, 260)
    assert np.array_equal(np.asarray(array[0, 1, 0]), pixels(1))
    assert array.shards == (1, 1, 1, 512, 512)
    assert array.chunks == (1, 1, 1, 256, 256)
    node = next(iter(Reader(parse_url(str(full_plate)))()))
    assert node.data[0].shape[-2:] == (2 * 300, 3 * 260)


def test_metadata_can_be_written_again(full_plate: Any) -> None:
    before = (full_plate / "zarr.json").stat().st_ino
    write_plate_metadata(full_plate, "my plate", {"B03": 2, "AA12": 1, "B01": 1})
    assert (full_plate / "zarr.json").stat().st_ino == before
    write_plate_metadata(full_plate, "new name", {"B03": 2, "AA12": 1, "B01": 1})
    attributes = json.loads((full_plate / "zarr.json").read_text())["attributes"]
    assert attributes["ome"]["plate"]["name"] == "new name"


def test_a_plane_that_is_there_already_keeps_its_stamp(tmp_path: Path) -> None:
    field, shape = tmp_path / "f", FieldShape(1, 1, 1, 30, 40)
    one, other = np.full((30, 40), 5, np.uint16), np.full((30, 40), 6, np.uint16)
    stamps = []
    for pixels in (one, one, other):
        write_plane(field, shape, ["DAPI"], t=0, c=0, z=0, pixels=pixels)
        stamps.append(plane_stamp(field, t=0, c=0, z=0))
    assert stamps[0] == stamps[1] != stamps[2]
