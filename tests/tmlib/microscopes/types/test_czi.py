"""Zeiss's files, written with Zeiss's own library."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services.conversion import Conversion
from tmlib.errors import BadInput
from tmlib.images import sources

EXAMPLES = dict.fromkeys(("screen.czi", "2024-03-14 plate 1.czi"), (None,) * 5)
METADATA_FILES = ()
OTHER_FILES = ("screen.czi.tif", "screen.tif", "czi")

SCENE = (
    '<Scene Index="{i}" Name="P{i}"><CenterPosition>{x},{y}</CenterPosition>'
    '<Shape Name="{well}"><RowIndex>{row}</RowIndex><ColumnIndex>{column}</ColumnIndex></Shape>'
    "</Scene>"
)


@pytest.fixture
def zeiss(conversion: Conversion) -> Conversion:
    pytest.importorskip("bioio_czi", reason='needs the extra "vendor-formats"')
    conversion.set(microscope_type="czi")
    return conversion


def write(path: Path, scenes: list[np.ndarray], places: Any = ()) -> None:
    """Write scenes of pixels (z, channel, y, x), and where they lie: (row, column, y, x)."""
    from pylibCZIrw import czi

    path.parent.mkdir(exist_ok=True)
    with czi.create_czi(str(path)) as file:
        for number, scene in enumerate(scenes):
            for z, c in np.ndindex(scene.shape[:2]):
                plane = {"Z": z, "C": c, "T": 0}
                pixels = scene[z, c][..., np.newaxis]
                file.write(pixels, plane=plane, scene=number, location=(200 * number, 0))
        names = {c: ("DAPI", "GFP")[c] for c in range(scenes[0].shape[1])}
        room = " " * 400 * len(places)
        file.write_metadata(f"t{room}t", channel_names=names, scale_x=6.5e-7, scale_y=6.5e-7)
    if places:
        add_places(path, places)


def add_places(path: Path, places: Any) -> None:
    """Put what the library has no argument for into the room of a long title."""
    content = path.read_bytes()
    start, end = content.index(b"<ImageDocument>"), content.index(b"</ImageDocument>")
    scenes = "".join(
        SCENE.format(i=i, row=row, column=column, y=y, x=x, well=f"{'ABCDEFGH'[row - 1]}{column}")
        for i, (row, column, y, x) in enumerate(places)
    )
    xml = re.sub(r"t +t", "t", content[start:end].decode())
    xml = xml.replace("<Dimensions>", f"<Dimensions><S><Scenes>{scenes}</Scenes></S>", 1)
    fitted = xml.encode().ljust(end - start)
    assert len(fitted) == end - start
    path.write_bytes(content[:start] + fitted + content[end:])


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65535, shape, dtype=np.uint16)


def test_scenes_are_sites_of_wells(tmp_path: Path, zeiss: Conversion) -> None:
    scenes = [pixels(2, 2, 20, 30, seed=i) for i in range(3)]
    places = [(2, 3, 100.0, 520.0), (2, 3, 100.5, 500.0), (8, 12, 900.0, 900.0)]
    write(tmp_path / "in" / "screen.czi", scenes, places)
    zeiss.take(tmp_path / "in")
    assert zeiss.convert("imextract") == ""
    shown = zeiss.shown()
    assert {(p.well, p.y, p.x, p.series[0]) for p in shown} == {
        ("B03", 0, 1, 0),
        ("B03", 0, 0, 1),
        ("H12", 0, 1, 2),  # its only site has the number of the first in B03
    }
    assert zeiss.pixel_size == 0.65
    for one in shown:
        [series], [plane] = one.series, one.planes
        found = sources.read_plane(tmp_path / "in" / "screen.czi", series=series, plane=plane)
        assert np.array_equal(found, scenes[series][one.z, ("DAPI", "GFP").index(one.channel)])


def test_a_scene_without_a_place_is_known_by_its_file(tmp_path: Path, zeiss: Conversion) -> None:
    for i, name in enumerate(("B02_1", "B02_2")):
        write(tmp_path / "in" / f"{name}.czi", [pixels(1, 1, 20, 30, seed=i)])
    zeiss.take(tmp_path / "in")
    regex = r"^(?P<w>[A-H]\d\d)_(?P<s>\d)"
    assert zeiss.convert("imextract", regex=regex, n_vertical=1) == ""
    assert zeiss.cells() == {"B02_1.czi": ("B02", 0, 0), "B02_2.czi": ("B02", 0, 1)}


def test_what_cannot_be_used_is_named(tmp_path: Path, zeiss: Conversion) -> None:
    file = tmp_path / "screen.czi"
    write(file, [np.zeros((1, 1, 20, 30), np.float32)])
    with pytest.raises(BadInput, match=r'"screen\.czi" has float32 pixels in'):
        sources.inspect(file)
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(BadInput, match=r'"screen\.czi" cannot be read'):
        sources.inspect(file)
