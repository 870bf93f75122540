from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.services.conversion import Conversion, described, write_images
from tmlib.experiments.models import ChannelImageFile
from tmlib.microscopes import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    MetadataFileError,
    get,
    read_acquisition,
)
from tmlib.sample import simulate_plate

EXAMPLES = {
    "AssayPlate_Greiner_#655090_B03_T0001F002L01A02Z03C04.tif": ("B03", "A02_C04", 1, 3, 2),
    "1536_AF48_T0002F011L01A01Z01C01.png": ("AF48", "A01_C01", 2, 1, 11),
    "Cycle_1_B03.a1_T0001F001L01A01Z01C01.tif": ("E09", "A01_C01", 1, 1, 1),
    "Cycle_1_H12.d4_T0001F001L01A01Z01C01.tif": ("AF48", "A01_C01", 1, 1, 1),
}
METADATA_FILES = ("MeasurementData.mlf", "MeasurementDetail.mrf")
OTHER_FILES = ("DC_sCMOS #1_CAM1.tif", "MeasurementSetting.mes", "plate.wpi")

XMLNS = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
RECORD = (
    '<bts:MeasurementRecord bts:Type="{kind}" bts:Row="{row}" bts:Column="5" bts:FieldIndex="7" '
    'bts:TimePoint="2" bts:TimelineIndex="1" bts:ZIndex="3" bts:Ch="4" bts:X="-10.5" bts:Y="20" '
    'bts:Z="1">{name}</bts:MeasurementRecord>'
)


WriteFiles = Callable[..., list[Path]]


@pytest.fixture
def files(tmp_path: Path) -> WriteFiles:
    def write(*records: str, details: str = "<bts:MeasurementDetail {xmlns}/>") -> list[Path]:
        mlf, mrf = tmp_path / "MeasurementData.mlf", tmp_path / "MeasurementDetail.mrf"
        mlf.write_text(f"<bts:MeasurementData {XMLNS}>{''.join(records)}</bts:MeasurementData>")
        mrf.write_text(details.format(xmlns=XMLNS))
        return [mlf, mrf]

    return write


def record(name: str, kind: str = "IMG", row: int | str = 3) -> str:
    return RECORD.format(name=name, kind=kind, row=row)


def test_a_measurement_becomes_wells_sites_and_planes(
    tmp_path: Path, conversion: Conversion
) -> None:
    simulate_plate(
        tmp_path, wells=["B02", "C03"], rows=2, columns=3, height=32, width=40, n_zplanes=2
    )
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    planes = conversion.shown()
    assert {(p.well, p.y, p.x) for p in planes} == {
        (well, y, x) for well in ("B02", "C03") for y in range(2) for x in range(3)
    }
    assert {(p.channel, p.t, p.z) for p in planes} == {
        (c, 0, z) for c in ("1", "2") for z in range(2)
    }
    cells = conversion.cells()
    # fields are numbered row by row from the top, where y of the stage is largest
    assert cells["sample_B02_T0001F002L01A01Z01C01.tif"] == ("B02", 0, 1)
    assert cells["sample_B02_T0001F004L01A01Z01C01.tif"] == ("B02", 1, 0)
    assert conversion.pixel_size == 0.65
    times = conversion.values(ChannelImageFile.acquired_at)
    assert len(set(times)) == len(planes)


def test_without_metadata_files_the_names_tell(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, EXAMPLES)
    conversion.set(plate_format=1536)
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {(p.well, p.channel) for p in conversion.shown()} == {
        ("B03", "A02_C04"),
        ("AF48", "A01_C01"),
        ("E09", "A01_C01"),
    }


def test_actions_with_one_channel_are_told_apart(files: WriteFiles) -> None:
    action = record("a.tif").replace("bts:Ch=", 'bts:ActionIndex="2" bts:Ch=')
    images = read(files(action, record("b.tif")), "a.tif", "b.tif").images
    assert [image.channel for image in images.values()] == ["A02_4", "A01_4"]


def test_images_that_were_not_uploaded_are_listed(files: WriteFiles) -> None:
    assert read(files(record("a.tif"), record("b.tif")), "a.tif").missing == ["b.tif"]


def read(paths: Sequence[Path], *names: str) -> AcquisitionMetadata:
    return described("cellvoyager", paths, names)


def test_records_tell_everything(files: WriteFiles) -> None:
    image = read(files(record("a.tif")), "a.tif").images["a.tif"]
    assert (image.well, image.channel, image.tpoint, image.zplane, image.site) == (
        "C05",
        "4",
        2,
        3,
        7,
    )
    assert image.stage == (20.0, -10.5)


def test_wells_below_z_have_two_letters(files: WriteFiles) -> None:
    assert read(files(record("a.tif", row=32)), "a.tif").images["a.tif"].well == "AF05"


def test_errors_and_unknown_images_are_left_out(files: WriteFiles) -> None:
    paths = files(record("a.tif"), record("oh no", kind="ERR"), record("b.tif"))
    metadata = read(paths, "a.tif", "c.tif")
    assert list(metadata.images) == ["a.tif"]
    assert "1 error" in metadata.warnings[0]


def test_converted_images_are_recognised(files: WriteFiles) -> None:
    for name in ("a.png", "a.tiff"):
        assert list(read(files(record("a.tif")), name).images) == [name]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({4: 0.65}, 0.65),
        ({1: 0.65, 4: 0.325}, 0.325),  # the first was set up and never imaged
        ({1: 0.65, 2: 0.65}, 0.65),
        ({1: 0.65, 2: 0.325}, None),
        ({}, None),
    ],
)
def test_pixel_size_comes_from_the_cameras_of_imaged_channels(
    files: WriteFiles, sizes: dict[int, float], expected: float | None
) -> None:
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{number}" bts:HorizontalPixelDimension="{size}"/>'
        for number, size in sizes.items()
    )
    details = f"<bts:MeasurementDetail {{xmlns}}>{channels}</bts:MeasurementDetail>"
    paths = files(record("a.tif"), details=details)
    assert read(paths, "a.tif").pixel_size == expected
    # without the records, names have the channels
    name = "plate_C05_T0002F007L01A01Z03C04.tif"
    assert read(paths[1:], name).pixel_size == expected


def test_what_lenses_do_to_pixels_does_no_harm(files: WriteFiles) -> None:
    channel = '<bts:MeasurementChannel bts:Ch="{}" bts:HorizontalPixelDimension="{}"/>'
    channels = channel.format(4, 0.3234) + channel.format(5, 0.3228)
    details = f"<bts:MeasurementDetail {{xmlns}}>{channels}</bts:MeasurementDetail>"
    other = record("b.tif").replace('Ch="4"', 'Ch="5"')
    paths = files(record("a.tif"), other, details=details)
    assert read(paths, "a.tif", "b.tif").pixel_size == 0.3228


def test_names_that_count_wells_need_the_records(files: WriteFiles) -> None:
    names = ["W0029F0001T0001Z001C1.tif", "W0029F0001T0001Z000C1.tif"]
    assert all(map(get("cellvoyager").is_image, names))
    plane, projection = record(f"Image/{names[0]}"), record(f"Projection/{names[1]}")
    projection = projection.replace("bts:Z=", 'bts:ZImageProcessing="Maximum" bts:Z=')
    found = read(files(plane, projection), *names).images.values()
    assert [(image.well, image.channel) for image in found] == [("C05", "4"), ("C05", "4_Maximum")]
    only_details = files(plane)[1:]
    for paths in (only_details, []):
        with pytest.raises(FileNameError, match=r"W0029.* counts the wells .*\.mlf says which"):
            read_acquisition(
                get("cellvoyager"), paths, {name: [ImageMetadata(name)] for name in names}
            )


def test_wells_that_timelines_image_one_after_the_other_share_their_time(
    files: WriteFiles,
) -> None:
    def of_timeline(name: str, timeline: int, tpoint: int, row: int) -> str:
        text = record(name, row=row).replace('TimelineIndex="1"', f'TimelineIndex="{timeline}"')
        return text.replace('TimePoint="2"', f'TimePoint="{tpoint}"')

    paths = files(
        of_timeline("a.tif", 1, 1, row=1),
        of_timeline("b.tif", 2, 2, row=2),
        of_timeline("c.tif", 2, 4, row=2),
    )
    images = read(paths, "a.tif", "b.tif", "c.tif").images.values()
    assert [(image.well, image.tpoint) for image in images] == [("A05", 1), ("B05", 1), ("B05", 2)]


def test_without_metadata_files_the_names_have_to_do(files: WriteFiles) -> None:
    assert get("cellvoyager").read_metadata([], ["a.tif"]) is None


def test_a_metadata_file_that_is_missing_is_reported(files: WriteFiles) -> None:
    mlf, mrf = files(record("a.tif"))
    only_records = read([mlf], "a.tif")
    assert only_records.images["a.tif"].well == "C05"
    assert "There is no .mrf file" in only_records.warnings[0]
    name = next(iter(EXAMPLES))
    only_details = read([mrf], name)
    assert only_details.images[name].well == "B03"
    assert "There is no .mlf file" in only_details.warnings[0]


def test_measurements_are_not_mixed(files: WriteFiles, tmp_path: Path) -> None:
    mlf, mrf = files(record("a.tif"))
    other = tmp_path / "other.mlf"
    other.write_bytes(mlf.read_bytes())
    with pytest.raises(MetadataFileError, match=r"one \.mlf file per measurement"):
        read([mlf, other, mrf], "a.tif")


def test_what_a_record_leaves_out_is_in_the_name(
    tmp_path: Path, conversion: Conversion, files: WriteFiles
) -> None:
    folder = tmp_path / "in"
    name = "plate_C05_T0002F007L01A01Z03C04.tif"
    write_images(folder, [name])
    xmlns = XMLNS.replace("1.0", "2.0")
    for path in files():
        root = path.read_text().partition(" ")[0][1:]
        record = f'<bts:MeasurementRecord bts:X="1" bts:Y="2">{name}</bts:MeasurementRecord>'
        inside = record if path.suffix == ".mlf" else ""
        (folder / path.name).write_text(f"<{root} {xmlns}>{inside}</{root}>")
    conversion.take(folder)
    assert conversion.convert() == ""
    [plane] = conversion.shown()
    assert (plane.well, plane.channel) == ("C05", "A01_C04")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not xml", "MeasurementData.mlf cannot be read"),
        ("<a/>", "root is a, not MeasurementData"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif', row=99)}</bts:MeasurementData>", "row 99"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif', row='')}</bts:MeasurementData>", "Row"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif')}", "cannot be read"),
        (
            f'<!DOCTYPE x [<!ENTITY a "b">]><bts:MeasurementData {XMLNS}>&a;</bts:MeasurementData>',
            "cannot be read",
        ),
    ],
)
def test_broken_metadata_is_named(files: WriteFiles, text: str, words: str) -> None:
    paths = files()
    paths[0].write_text(text)
    with pytest.raises(MetadataFileError, match=words):
        read(paths, "a.tif")


def test_a_broken_detail_file_is_named(files: WriteFiles) -> None:
    paths = files(details="<a>")
    with pytest.raises(MetadataFileError, match=r"MeasurementDetail\.mrf"):
        read(paths)
