from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.services.conversion import Conversion, described, write_images
from tests.services.stk import write_stk
from tmlib.microscopes import ImageMetadata, MetadataFileError, get

EXAMPLES = {
    "exp_A02_w2FITC_s3_t7.stk": ("A02", "FITC", 7, None, 3),
    "exp_w1DAPI_s3.tif": (None, "DAPI", None, None, 3),
    "exp_w1Confocal 405_t12.tif": (None, "Confocal 405", 12, None, None),
    "exp_w2.TIF": (None, None, None, None, None),
    "exp_s3.tif": (None, None, None, None, 3),
    "exp_s3_t1.tif": (None, None, 1, None, 3),
    "exp_AB02_w2FITC_s3.stk": ("AB02", "FITC", None, None, 3),
    "exp_A2_w1GFP_2 x_s3.stk": ("A02", "GFP_2 x", None, None, 3),
    "exp.stk": (None, None, None, None, None),
    "exp_C04.STK": ("C04", None, None, None, None),
}
METADATA_FILES = ("exp.nd",)
OTHER_FILES = ("exp_thumb.stk", "exp.txt", "overview.tif", "exp_thumb_w1DAPI_s3.tif")

POSITIONS = ("row:A,column:1,site:1", "row:A,column:1,site:2", "row:B,column:11,site:1")


def write_nd(
    path: Path,
    positions: Sequence[str] = POSITIONS,
    waves: Sequence[str] = ("DAPI", "FITC"),
    n_zsteps: int = 1,
) -> Path:
    lines = [
        '"NDInfoFile", Version 1.0',
        '"Description", File recreated from images.',
        '"StartTime1", 20150617 14:54:34',
        '"DoTimelapse", FALSE',
        '"NTimePoints", 1',
        f'"DoStage", {str(bool(positions)).upper()}',
        f'"NStagePositions", {len(positions)}',
        *(f'"Stage{i}", "{text}"' for i, text in enumerate(positions, 1)),
        f'"DoWave", {str(bool(waves)).upper()}',
        f'"NWavelengths", {len(waves)}',
        *(f'"WaveName{i}", "{text}"' for i, text in enumerate(waves, 1)),
        '"DoZSeries", TRUE',
        f'"NZSteps", {n_zsteps}',
        '"WaveInFileName", TRUE',
        '"EndFile"',
    ]
    path.write_bytes("\r\n".join(lines).encode())
    return path


WriteNd = Callable[..., Path]


@pytest.fixture
def nd(tmp_path: Path) -> WriteNd:
    def write(*arguments: Any, name: str = "exp.nd", **more: Any) -> Path:
        return write_nd(tmp_path / name, *arguments, **more)

    return write


def names_of(
    positions: Sequence[str], waves: Sequence[str] = ("w1DAPI", "w2FITC"), suffix: str = "stk"
) -> list[str]:
    return [f"exp_{w}_s{s}.{suffix}" for s in range(1, len(positions) + 1) for w in waves]


def test_stacks_become_focal_planes_of_sites(
    tmp_path: Path, conversion: Conversion, nd: WriteNd
) -> None:
    nd(n_zsteps=3)
    for name in names_of(POSITIONS):
        write_stk(tmp_path / name, np.arange(3 * 6 * 8, dtype=np.uint16).reshape(3, 6, 8))
    conversion.set(microscope_type="visiview")
    assert len(conversion.take(tmp_path)) == 7
    assert conversion.convert("imextract") == ""
    planes = conversion.shown()
    assert {(p.well, p.y, p.x) for p in planes} == {("A01", 0, 0), ("A01", 0, 1), ("B11", 0, 0)}
    assert {(p.channel, p.z, p.planes) for p in planes} == {
        (c, z, (z,)) for c in ("DAPI", "FITC") for z in range(3)
    }
    assert conversion.pixel_size == 0.65


def test_stacks_are_projected(tmp_path: Path, conversion: Conversion, nd: WriteNd) -> None:
    nd(n_zsteps=3)
    for name in names_of(POSITIONS):
        write_stk(tmp_path / name, np.zeros((3, 6, 8), np.uint16))
    conversion.set(microscope_type="visiview")
    conversion.take(tmp_path)
    assert conversion.convert(mip=True) == ""
    assert {(p.z, p.planes) for p in conversion.shown()} == {(0, (0, 1, 2))}


def test_a_missing_nd_file_is_asked_for(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, ["exp_w1DAPI_s1.tif"])
    conversion.set(microscope_type="visiview")
    conversion.take(tmp_path)
    message = conversion.convert()
    assert "one .nd file per acquisition, here is none" in message
    assert "exp_w1DAPI_s1.tif" in message


def read(path: Path, *names: str) -> dict[str, ImageMetadata]:
    return described("visiview", [path], names).images


def test_positions_without_wells_are_sites(nd: WriteNd) -> None:
    path = nd(positions=("Position1", "row:B,column:2"))
    first, second = read(path, "exp_C03_w1DAPI_s1.tif", "exp_w1DAPI_s2.tif").values()
    assert (first.well, first.site) == ("C03", 1)
    assert (second.well, second.site) == ("B02", 1)


def test_labels_that_are_wells_count_as_such(nd: WriteNd) -> None:
    path = nd(positions=("B2", "B2", "H12-Site_3", "Well c04", "r05c06"))
    images = read(path, *(f"exp_w1DAPI_s{s}.tif" for s in range(1, 6))).values()
    assert [(image.well, image.site) for image in images] == [
        ("B02", 1),
        ("B02", 2),
        ("H12", 3),
        ("C04", 1),
        ("E06", 1),
    ]


@pytest.mark.parametrize("labels", [("P1", "P2"), ("Pos0", "left edge"), ("S1",)])
def test_labels_that_are_no_wells_are_named(
    tmp_path: Path, conversion: Conversion, nd: WriteNd, labels: NDArray[Any]
) -> None:
    nd(positions=labels, waves=("DAPI",))
    write_images(tmp_path, [f"exp_w1DAPI_s{s}.tif" for s in range(1, len(labels) + 1)])
    conversion.set(microscope_type="visiview")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {p.well for p in conversion.shown()} == {"A01"}
    log = conversion.log("metaconfig")
    assert all(f'"{label}"' in log for label in labels)
    assert "which are no wells" in log


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_nd_files_of_other_encodings_are_read(nd: WriteNd, encoding: str) -> None:
    path = nd(positions=("B2",), waves=("Grün",))
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    [image] = read(path, "exp_w1Grün_s1.tif").values()
    assert (image.well, image.channel) == ("B02", "Grün")


def test_what_an_nd_file_leaves_out_is_counted(nd: WriteNd) -> None:
    path = nd(positions=("B2", "B3"))
    lines = [
        line.replace('"', "")
        for line in path.read_text().splitlines()
        if not line.startswith(('"N', '"Do')) or "NDInfo" in line
    ]
    path.write_text("\n".join(lines))
    [image] = read(path, "exp_w2_s2.tif").values()
    assert (image.well, image.channel) == ("B03", "FITC")


def test_channels_have_the_names_that_the_microscope_gives_them(nd: WriteNd) -> None:
    images = read(nd(waves=("Confocal 405", "")), "exp_w1_s1.tif", "exp_w2GFP_s1.tif")
    assert [image.channel for image in images.values()] == ["Confocal 405", "GFP"]


def test_without_a_stage_there_is_one_site(nd: WriteNd) -> None:
    assert read(nd(positions=()), "exp_w1DAPI_t3.tif")["exp_w1DAPI_t3.tif"].tpoint == 3


@pytest.mark.parametrize(
    ("positions", "name", "words"),
    [
        (POSITIONS, "exp_w1DAPI_s4.tif", "3 stage positions, but .* at number 4"),
        (POSITIONS, "exp_w1DAPI.tif", "does not say at which"),
        (("row:Z,column:0",), "exp_w1DAPI_s1.tif", '"row:Z,column:0" as Stage1'),
    ],
)
def test_an_nd_file_that_does_not_fit_is_named(
    nd: WriteNd, positions: Sequence[str], name: str, words: str
) -> None:
    with pytest.raises(MetadataFileError, match=rf"exp\.nd has .*{words}"):
        read(nd(positions), name)


def test_broken_nd_files_are_named(nd: WriteNd) -> None:
    path = nd()
    text = path.read_text()
    for broken in (text[:150], "something else", text.replace("NDInfoFile", "Other")):
        path.write_text(broken)
        with pytest.raises(MetadataFileError, match=r"exp\.nd is not what it should be"):
            read(path)
    path.write_text(text.replace('"NWavelengths", 2', '"NWavelengths", two'))
    with pytest.raises(MetadataFileError, match='"two" as NWavelengths'):
        read(path)
    with pytest.raises(MetadataFileError, match=r"here is exp\.nd, two\.nd"):
        get("visiview").read_metadata([path, nd(name="two.nd")], [])
