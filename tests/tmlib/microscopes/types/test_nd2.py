"""Nikon's files, which only Nikon's software writes: a stand-in for bioio's reader is used."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, Self

import dask.array
import numpy as np
import pytest

from tests.services.conversion import Conversion
from tmlib.errors import Unavailable
from tmlib.images import sources

EXAMPLES = dict.fromkeys(("screen.nd2", "2024-03-14 plate 1.nd2"), (None,) * 5)
METADATA_FILES = ()
OTHER_FILES = ("screen.nd", "screen.tif", "nd2")

SHAPE = {"T": 2, "C": 2, "Z": 3, "Y": 20, "X": 30}
NAMES = ("B02_0000", "B02_0001", "C11_0000")
STAGE = ((100.0, 50.0), (80.0, 50.0), (900.0, 900.0))


class Dimensions(dict[str, tuple[int]]):
    """Lengths by name, each in a tuple."""

    order = "".join(SHAPE)

    def __getitem__(self, name: str) -> tuple[int]:
        return (SHAPE[name],)


class Reader:
    """What the product uses of bioio's readers, of pixels (scene, t, c, z, y, x)."""

    scenes = NAMES
    dims = Dimensions()
    dtype = np.dtype("uint16")
    channel_names: ClassVar = ["DAPI", "GFP"]
    physical_pixel_sizes = SimpleNamespace(Z=1.0, Y=0.325, X=0.325)
    pixels = np.random.default_rng(0).integers(0, 999, (3, *SHAPE.values()), dtype=np.uint16)

    def __init__(self, path: str) -> None:
        self._scene = 0

    def set_scene(self, scene: int) -> None:
        self._scene = scene

    def get_image_dask_data(self, order: str, **index: int) -> dask.array.Array:
        assert order == "YX"
        return dask.array.from_array(self.pixels[self._scene])[tuple(index[a] for a in "TCZ")]


class ND2File:
    """What the product uses of the library that knows the stage."""

    loop = SimpleNamespace(
        type="XYPosLoop",
        parameters=SimpleNamespace(
            points=[SimpleNamespace(stagePositionUm=SimpleNamespace(x=x, y=y)) for x, y in STAGE]
        ),
    )
    volume = SimpleNamespace(cameraTransformationMatrix=(-1.0, 0.01, -0.01, -1.0))
    metadata = SimpleNamespace(channels=[SimpleNamespace(volume=volume)])
    experiment = (SimpleNamespace(type="TimeLoop"), loop)

    def __init__(self, path: Path) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def nikon(conversion: Conversion, monkeypatch: pytest.MonkeyPatch) -> Conversion:
    monkeypatch.setitem(sys.modules, "bioio_nd2", SimpleNamespace(Reader=Reader))
    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=ND2File))
    conversion.set(microscope_type="nd2")
    return conversion


def test_positions_are_sites_of_wells_as_the_camera_saw_them(
    tmp_path: Path, nikon: Conversion
) -> None:
    (tmp_path / "screen.nd2").touch()
    nikon.take(tmp_path)
    assert nikon.convert("imextract") == ""
    shown = nikon.shown()
    # the camera is turned by half a circle: where the stage's x is larger is on the left
    assert {(p.well, p.y, p.x, p.series[0]) for p in shown} == {
        ("B02", 0, 0, 0),
        ("B02", 0, 1, 1),
        ("C11", 0, 0, 2),
    }
    assert len(shown) == 3 * 2 * 2 * 3
    for one in shown:
        [series], [plane] = one.series, one.planes
        found = sources.read_plane(tmp_path / "screen.nd2", series=series, plane=plane)
        c = Reader.channel_names.index(one.channel)
        assert np.array_equal(found, Reader.pixels[series, one.t, c, one.z])
    assert nikon.pixel_size == 0.325


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio_nd2", None)
    (tmp_path / "screen.nd2").touch()
    with pytest.raises(Unavailable, match=r'"screen\.nd2" needs bioio-nd2.*"vendor-formats"'):
        sources.inspect(tmp_path / "screen.nd2")
