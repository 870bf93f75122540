from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.services.conversion import Conversion, described
from tmlib.experiments.models import ChannelImageFile, Site
from tmlib.images import ome_xml as ome_xml_of
from tmlib.images.ome_masters import follow_masters
from tmlib.images.sources import inspect
from tmlib.microscopes import MetadataFileError, ome_model
from tmlib.microscopes.types.ome_tiff import MICROSCOPE

NAMES = ("screen.ome.tif", "a_z1.ome.tiff", "b.ome.btf", "b.ome.tf8", "C.OME.TIF")
EXAMPLES = dict.fromkeys((*NAMES, "W0015F0001T0001Z001C1.tif"), (None,) * 5)
METADATA_FILES = (
    "screen.companion.ome",
    "companion.ome",
    "MeasurementResult.ome.xml",
    "MeasurementResultMIP.ome.tif",
)
OTHER_FILES = ("screen.tif", "screen.ome", "ome.tif", "screen.ome.xml")

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PIXELS = (
    '<Pixels ID="Pixels:{i}" DimensionOrder="{order}" Type="uint16" SizeX="8" SizeY="6" '
    'SizeZ="{z}" SizeC="{c}" SizeT="{t}" PhysicalSizeX="650" PhysicalSizeXUnit="nm" '
    'PhysicalSizeY="0.65">{inside}</Pixels>'
)

ImageText = tuple[int, int, int, str]


def ome_xml(*images: ImageText, plate: str = "", uuid: str = "") -> str:
    """OME-XML of images, each of sizes (z, c, t) and what Pixels has inside."""
    body = "".join(
        f'<Image ID="Image:{i}"><AcquisitionDate>2024-03-14T09:30:00</AcquisitionDate>'
        + PIXELS.format(i=i, order="XYCZT", z=z, c=c, t=t, inside=inside)
        + "</Image>"
        for i, (z, c, t, inside) in enumerate(images)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}" UUID="{uuid}">'
        f"{plate}{body}</OME>"
    )


def write(path: Path, n_planes: int, text: str) -> None:
    planes = np.arange(n_planes * 48, dtype=np.uint16).reshape(n_planes, 6, 8)
    tifffile.imwrite(path, planes, photometric="minisblack", description=text, metadata=None)


def channels(*names: str) -> str:
    return "".join(f'<Channel ID="Channel:{i}" Name="{n}"/>' for i, n in enumerate(names))


@pytest.fixture
def ome(conversion: Conversion) -> Conversion:
    conversion.set(microscope_type="ome-tiff")
    return conversion


def test_what_tifffile_writes_is_understood(tmp_path: Path, ome: Conversion) -> None:
    pixels = np.zeros((2, 3, 2, 6, 8), np.uint16)
    metadata = {"axes": "TZCYX", "Channel": {"Name": ["DAPI", "GFP"]}, "PhysicalSizeX": 0.5}
    metadata |= {"PhysicalSizeY": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=metadata, photometric="minisblack")
    ome.take(tmp_path)
    assert ome.convert("imextract") == ""
    planes = {(p.channel, p.z, p.t): p.planes[0] for p in ome.shown()}
    assert planes == {
        (name, z, t): 6 * t + 2 * z + c
        for c, name in enumerate(("DAPI", "GFP"))
        for z in range(3)
        for t in range(2)
    }
    assert ome.pixel_size == 0.5


def test_images_of_a_file_are_sites_of_wells(tmp_path: Path, ome: Conversion) -> None:
    samples = "".join(
        f'<WellSample ID="s{i}" Index="{i}" PositionX="{x}" PositionY="{y}">'
        f'<ImageRef ID="Image:{i}"/></WellSample>'
        for i, (y, x) in enumerate([(0, 0), (0, 5), (5, 0)])
    )
    plate = f'<Plate ID="p"><Well ID="w" Row="1" Column="2">{samples}</Well></Plate>'
    inside = channels("DAPI", "GFP")
    images = [(1, 2, 1, inside + f'<TiffData IFD="{2 * i}" PlaneCount="2"/>') for i in range(3)]
    write(tmp_path / "a.ome.tif", 6, ome_xml(*images, plate=plate))
    ome.take(tmp_path)
    assert ome.convert() == ""
    assert [(p.well, p.y, p.x, p.channel, p.series, p.planes) for p in ome.shown()] == [
        ("B03", 0, 0, "DAPI", (0,), (0,)),
        ("B03", 0, 0, "GFP", (0,), (1,)),
        ("B03", 0, 1, "DAPI", (1,), (2,)),
        ("B03", 0, 1, "GFP", (1,), (3,)),
        ("B03", 1, 0, "DAPI", (2,), (4,)),
        ("B03", 1, 0, "GFP", (2,), (5,)),
    ]
    assert ome.pixel_size == 0.65


def test_stage_positions_and_times_of_planes(tmp_path: Path, ome: Conversion) -> None:
    for i, (y, x) in enumerate([(10, 20), (10, 10), (0, 20), (0, 10), (0, 0)]):
        inside = '<TiffData/><Plane TheZ="0" TheC="0" TheT="0" DeltaT="250" DeltaTUnit="ms" '
        inside += f'PositionX="{x}" PositionXUnit="mm" PositionY="{y}" PositionYUnit="mm"/>'
        write(tmp_path / f"p{i}.ome.tif", 1, ome_xml((1, 1, 1, inside)))
    ome.take(tmp_path)
    assert ome.convert() == ""
    assert ome.cells() == {
        "p0.ome.tif": ("A01", 1, 2),
        "p1.ome.tif": ("A01", 1, 1),
        "p2.ome.tif": ("A01", 0, 2),
        "p3.ome.tif": ("A01", 0, 1),
        "p4.ome.tif": ("A01", 0, 0),
    }
    expected = datetime(2024, 3, 14, 9, 30, 0, 250_000, tzinfo=UTC)
    assert set(ome.values(ChannelImageFile.acquired_at)) == {expected}


def test_positions_and_size_of_pixels_place_sites(tmp_path: Path, ome: Conversion) -> None:
    samples = "".join(
        f'<WellSample ID="s{i}" Index="{i}" PositionX="{x * 1000}" PositionXUnit="nm" '
        f'PositionY="{y * 1000}" PositionYUnit="nm"><ImageRef ID="Image:{i}"/></WellSample>'
        for i, (y, x) in enumerate([(-4.0, 7.0), (0.1, 3.2), (0.0, 7.2), (-4.1, 3.0)])
    )
    plate = f'<Plate ID="p"><Well ID="w" Row="1" Column="2">{samples}</Well></Plate>'
    images = [(1, 1, 1, f'<TiffData IFD="{i}" PlaneCount="1"/>') for i in range(4)]
    write(tmp_path / "a.ome.tif", 4, ome_xml(*images, plate=plate))
    ome.take(tmp_path)
    assert ome.convert() == ""
    columns = (Site.y, Site.x, Site.offset_y, Site.offset_x)
    places = list(zip(*(ome.values(column) for column in columns), strict=True))
    # pixels of 0.65 micrometres
    assert sorted(places) == [(0, 0, 0, 0), (0, 1, 0, 6), (1, 0, 6, 0), (1, 1, 6, 6)]
    assert ome.convert(stage_positions="ignore") == ""
    assert set(ome.values(Site.offset_y)) == {None}


def test_names_complete_what_the_files_leave_open(tmp_path: Path, ome: Conversion) -> None:
    for well in ("A01", "B12"):
        for time in (1, 2):
            inside = channels("DAPI", "GFP") + "<TiffData/>"
            write(tmp_path / f"{well}_t{time}.ome.tif", 4, ome_xml((2, 2, 1, inside)))
    ome.take(tmp_path)
    assert ome.convert(regex=r"^(?P<w>[A-H]\d\d)_t(?P<t>\d)") == ""
    assert {(p.well, p.channel, p.t, p.z) for p in ome.shown()} == {
        (w, c, t, z)
        for w in ("A01", "B12")
        for c in ("DAPI", "GFP")
        for t in (0, 1)
        for z in (0, 1)
    }


def set_of_files(n: int, uuid: str = "urn:uuid:{i}") -> ImageText:
    data = "".join(
        f'<TiffData FirstC="{i % 2}" FirstT="{i // 2}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="f{i}.ome.tif">{uuid.format(i=i)}</UUID></TiffData>'
        for i in range(n)
    )
    return (1, 2, n // 2, channels("DAPI", "GFP") + data)


def test_every_file_of_a_set_describes_all(tmp_path: Path, ome: Conversion) -> None:
    for i in range(4):
        name = "renamed.ome.tif" if i == 3 else f"f{i}.ome.tif"
        write(tmp_path / name, 1, ome_xml(set_of_files(4), uuid=f"urn:uuid:{i}"))
    ome.take(tmp_path)
    assert ome.convert() == ""
    assert {p.files[0]: (p.channel, p.t) for p in ome.shown()} == {
        "f0.ome.tif": ("DAPI", 0),
        "f1.ome.tif": ("GFP", 0),
        "f2.ome.tif": ("DAPI", 1),
        "renamed.ome.tif": ("GFP", 1),
    }


def test_a_companion_file_describes_all(tmp_path: Path, ome: Conversion) -> None:
    only = f'<OME xmlns="{NAMESPACE}"><BinaryOnly MetadataFile="x.companion.ome" UUID="u"/></OME>'
    for i in range(4):
        write(tmp_path / f"f{i}.ome.tif", 1, only)
    (tmp_path / "x.companion.ome").write_text(ome_xml(set_of_files(6)))
    assert len(ome.take(tmp_path)) == 5
    assert ome.convert() == ""
    assert {p.files[0]: (p.channel, p.t) for p in ome.shown()} == {
        f"f{i}.ome.tif": (("DAPI", "GFP")[i % 2], i // 2) for i in range(4)
    }
    assert ome.pixel_size == 0.65
    assert '2 image files that were not uploaded, "f4.ome.tif"' in ome.log("metaconfig")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ome_xml((1, 1, 1, "<TiffData/>"))[:-40] + "<x></OME>", "it is no XML"),
        (ome_xml((4, 1, 1, "<TiffData/>")), "it has a plane 2, the file has 2"),
        (ome_xml((1, 1, 1, '<TiffData FirstZ="3"/>')), "it has a plane Z=3"),
        (ome_xml((1, 1, 1, '<TiffData IFD="x"/>')), 'it has "x" as IFD'),
        (ome_xml((2, 1, 1, '<TiffData IFD="0" PlaneCount="9"/>')), "it has planes beyond the 2"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, ome: Conversion, text: str, words: str) -> None:
    write(tmp_path / "a.ome.tif", 2, text)
    ome.take(tmp_path)
    message = ome.convert()
    assert f'The image file "a.ome.tif" has OME-XML that cannot be used ({words}' in message


def test_a_broken_companion_file_is_named(tmp_path: Path, ome: Conversion) -> None:
    write(tmp_path / "f0.ome.tif", 1, ome_xml((1, 1, 1, "<TiffData/>")))
    (tmp_path / "x.companion.ome").write_text("<OME")
    ome.take(tmp_path)
    assert "x.companion.ome cannot be used (it is no XML" in ome.convert()


@pytest.mark.parametrize("damage", ["not a TIFF", "a list of planes without an end"])
def test_what_should_describe_a_plate_and_does_not_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "MeasurementResult.ome.tif"
    write(path, 1, ome_xml((1, 1, 1, "<TiffData/>")))
    content = path.read_bytes()
    # the only directory is the next one of itself
    first = int.from_bytes(content[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    looped = content[:end] + content[4:8] + content[end + 4 :]
    path.write_bytes(b"no picture" if damage == "not a TIFF" else looped)
    with pytest.raises(MetadataFileError, match=f"{path.name} cannot be used .*{damage}"):
        described("ome-tiff", [path], [])


def test_files_that_say_the_same_are_reported(tmp_path: Path, ome: Conversion) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        write(tmp_path / name, 1, ome_xml((1, 1, 1, "<TiffData/>")))
    ome.take(tmp_path)
    assert '"a.ome.tif" and "b.ome.tif" show the same well' in ome.convert()


def two_positions(labels: Sequence[str] = ("Pos0", "Pos1"), *, with_stage: bool = True) -> str:
    """Images of two positions, each in a file of its own, as OME-XML without its frame."""
    body = ""
    for i, label in enumerate(labels):
        stage = f' X="{20 * i}" Y="0"' if with_stage else ""
        data = "".join(
            f'<TiffData FirstC="{c}" IFD="{c}" PlaneCount="1">'
            f'<UUID FileName="f{i}.ome.tif">urn:uuid:{i}</UUID></TiffData>'
            for c in range(2)
        )
        inside = channels("DAPI", "GFP") + data
        body += f'<Image ID="Image:{i}"><StageLabel Name="{label}"{stage}/>'
        body += PIXELS.format(i=i, order="XYCZT", z=1, c=2, t=1, inside=inside) + "</Image>"
    return body


def frame(uuid: str, body: str) -> str:
    return f'<OME xmlns="{NAMESPACE.replace("2016-06", "2015-01")}" UUID="{uuid}">{body}</OME>'


def write_master_set(
    folder: Path,
    names: Sequence[str] = ("f0.ome.tif", "f1.ome.tif"),
    master: str = "f0.ome.tif",
    **how: Any,
) -> None:
    """A set of which the first file has the OME-XML of both, as Micro-Manager writes it."""
    only = f'<BinaryOnly MetadataFile="{master}" UUID="urn:uuid:0"/>'
    write(folder / names[0], 2, frame("urn:uuid:0", two_positions(**how)))
    write(folder / names[1], 2, frame("urn:uuid:1", only))


@pytest.mark.parametrize("microscope_type", ["ome-tiff", "generic"])
@pytest.mark.parametrize("with_stage", [True, False])
@pytest.mark.parametrize("names", [("f0.ome.tif", "f1.ome.tif"), ("a.ome.tif", "b.ome.tif")])
def test_a_file_may_have_the_metadata_of_others(
    tmp_path: Path, ome: Conversion, names: Sequence[str], with_stage: bool, microscope_type: Any
) -> None:
    write_master_set(tmp_path, names, with_stage=with_stage)
    ome.set(microscope_type=microscope_type)
    ome.take(tmp_path)
    assert ome.convert("imextract") == ""
    assert [(p.well, p.y, p.x, p.channel, p.files, p.planes) for p in ome.shown()] == [
        ("A01", 0, x, channel, (names[x],), (c,))
        for x in range(2)
        for c, channel in enumerate(("DAPI", "GFP"))
    ]
    assert ome.pixel_size == 0.65
    assert 'called "Pos0", "Pos1", which are no wells' in ome.log("metaconfig")


@pytest.mark.parametrize("suffix", ["xml", "tif"])
def test_a_cq1_describes_a_plate_beside_a_picture_of_it(
    tmp_path: Path, ome: Conversion, suffix: str
) -> None:
    names = {(i, c): f"W0015F000{i}T0001Z001C{c}.tif" for i in (1, 2) for c in (1, 2)}
    samples = "".join(
        f'<WellSample ID="s{i}" Index="{i}"><ImageRef ID="Image:{i}"/></WellSample>' for i in (1, 2)
    )
    plate = f'<Plate ID="p"><Well ID="w" Row="1" Column="2">{samples}</Well></Plate>'
    images = [
        "".join(
            f'<TiffData FirstC="{c - 1}" IFD="0" PlaneCount="1">'
            f'<UUID FileName="Image/{names[i, c]}">urn:uuid:{i}{c}</UUID></TiffData>'
            for c in (1, 2)
        )
        for i in (1, 2)
    ]
    texts = [(1, 2, 1, channels("CH1", "CH2") + files) for files in images]
    text = ome_xml((1, 1, 1, "<TiffData/>"), *texts, plate=plate, uuid="urn:uuid:m")
    master = "MeasurementResult.ome.tif"
    if suffix == "tif":
        tifffile.imwrite(tmp_path / master, np.zeros((4, 5, 3), np.uint8), description=text)
    else:
        (tmp_path / "MeasurementResult.ome.xml").write_text(text)
    for (i, c), name in names.items():
        only = f'<BinaryOnly MetadataFile="{master}"/>'
        write(tmp_path / name, 1, f'<OME xmlns="{NAMESPACE}" UUID="urn:uuid:{i}{c}">{only}</OME>')
    ome.take(tmp_path)
    assert ome.convert() == ""
    assert [(p.well, p.x, p.channel, p.files) for p in ome.shown()] == [
        ("B03", i - 1, f"CH{c}", (name,)) for (i, c), name in names.items()
    ]


def test_a_master_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    names = ("f0.ome.tif", "images/f1.ome.tif")
    write(tmp_path / names[0], 2, frame("urn:uuid:0", two_positions()))
    only = '<BinaryOnly MetadataFile="../f0.ome.tif"/>'
    write(tmp_path / names[1], 2, frame("urn:uuid:1", only))
    described = {name: ome_xml_of.read(inspect(tmp_path / name), name) for name in names}
    followed = follow_masters(described, tmp_path, [], names_tell=False)
    assert followed.warnings == []
    assert [plane.channel for plane in followed.files[names[1]].planes] == ["DAPI", "GFP"]


def test_labels_of_stage_positions_are_wells(tmp_path: Path, ome: Conversion) -> None:
    write_master_set(tmp_path, labels=("B2-Site_0", "B2-Site_1"))
    ome.take(tmp_path)
    assert ome.convert() == ""
    assert {(p.well, p.x) for p in ome.shown()} == {("B02", 0), ("B02", 1)}


@pytest.mark.parametrize(
    ("master", "words"),
    [
        ("f9.ome.tif", 'the file "f9.ome.tif" has its metadata, which was not uploaded'),
        ("x.companion.ome", 'the file "x.companion.ome" has its metadata, which was not uploaded'),
        ("f2.ome.tif", '"f2.ome.tif" has its metadata, which does not mention it'),
    ],
)
def test_a_master_that_does_not_help_is_named(
    tmp_path: Path, ome: Conversion, master: Any, words: str
) -> None:
    only = f'<BinaryOnly MetadataFile="{master}" UUID="urn:uuid:9"/>'
    write(tmp_path / "f1.ome.tif", 2, frame("urn:uuid:1", only))
    write(tmp_path / "f2.ome.tif", 1, ome_xml((1, 1, 1, "<TiffData/>"), uuid="urn:uuid:2"))
    ome.take(tmp_path)
    assert f'"f1.ome.tif" has only pixels and says that {words}' in ome.convert()
    # names that tell what is where make a master unnecessary
    assert ome.convert(regex=r"f(?P<s>\d)") == ""
    assert words in ome.log("metaconfig")


class Counted(dict[Any, Any]):
    """A dictionary that counts how often it is asked."""

    asked = 0

    def get(self, *arguments: Any) -> Any:
        Counted.asked += 1
        return super().get(*arguments)


def test_a_companion_of_very_many_files_is_asked_once_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 20_000
    samples = "".join(
        f'<WellSample ID="s{i}"><ImageRef ID="Image:{i}"/></WellSample>' for i in range(n)
    )
    images = "".join(
        f'<Image ID="Image:{i}"><Pixels SizeX="8" SizeY="6" SizeZ="1" SizeC="1" SizeT="1" '
        f'DimensionOrder="XYZCT"><TiffData><UUID FileName="f{i}.ome.tif">u{i}</UUID></TiffData>'
        "</Pixels></Image>"
        for i in range(n)
    )
    plate = f'<Plate><Well Row="1" Column="2">{samples}</Well></Plate>'
    file = tmp_path / "x.companion.ome"
    file.write_text(f'<OME xmlns="{NAMESPACE}">{plate}{images}</OME>')
    read_files = ome_model._read_files
    monkeypatch.setattr(ome_model, "_read_files", lambda *given: Counted(read_files(*given)))
    monkeypatch.setattr(Counted, "asked", 0)
    metadata = described(MICROSCOPE.name, [file], [f"f{i}.ome.tif" for i in range(n)])
    assert {name: [plane.site for plane in planes] for name, planes in metadata.planes.items()} == {
        f"f{i}.ome.tif": [i] for i in range(n)
    }
    # for its planes and for the size of its pixels
    assert Counted.asked == 2 * n
