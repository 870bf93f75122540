from pathlib import Path
from typing import Any

import pytest

from tests.services.conversion import Conversion, described, write_images
from tmlib.microscopes import MetadataFileError

EXAMPLES = {
    "Week1_22123_B02_s1_w1E78EB128-BD0D-4D94-A6AD-3FF28BB1B105.tif": ("B02", "1", None, None, 1),
    "JUMP_A01_s12_w5.tif": ("A01", "5", None, None, 12),
    "idr0008_A01_s1_[08B7F3AC-5D6E-4F2A-8C3B-2A5B1E6D7F80].tif": ("A01", None, None, None, 1),
    "HWY0000008_P24_w2.TIF": ("P24", "2", None, None, None),
    "1536 wells_AF48_s1_w112345678-ABCD-4D94-A6AD-3FF28BB1B105.tif": ("AF48", "1", None, None, 1),
    "x_b2_s1_w10.tiff": ("B02", "10", None, None, 1),
    "x_B02_s1_w1_z3_t2.tif": ("B02", "1", 2, 3, 1),
    "timepoint1/HCS.ai_t1_C05_s0_w0_z2.tif": ("C05", "0", 1, 2, 0),
}
METADATA_FILES = ("Week1_22123.HTD", "plate.htd")
OTHER_FILES = (
    "Week1_22123_B02_s1_w1_thumbE78EB128-BD0D-4D94-A6AD-3FF28BB1B105.tif",
    "Week1_22123.txt",
    "B02_s1_w1.tif",
)

HTD = """"HTSInfoFile", Version 1.0\r
"Description", "A test, of course"\r
"PlateType", 6\r
"TimePoints", 1\r
"XWells", 12\r
"YWells", 8\r
"WellsSelection1", {wells}\r
"Sites", TRUE\r
"XSites", 3\r
"YSites", 2\r
"SiteSelection1", TRUE, FALSE, TRUE\r
"SiteSelection2", FALSE, TRUE, TRUE\r
"Waves", TRUE\r
"NWavelengths", 2\r
"WaveName1", "{first}"\r
"WaveName2", "FITC"\r
"EndFile"\r
"""


def htd(folder: Path, first: str = "DAPI", end: int | None = None, name: str = "plate.HTD") -> Path:
    text = HTD.format(wells=", ".join(["TRUE"] * 12), first=first)
    path = folder / name
    path.write_bytes(text[:end].encode("latin-1"))
    return path


def test_sites_lie_where_they_were_selected(tmp_path: Path, conversion: Conversion) -> None:
    names = [f"plate_A0{w}_s{s}_w{c}.tif" for w in (1, 2) for s in range(1, 5) for c in (1, 2)]
    write_images(tmp_path, names)
    htd(tmp_path)
    conversion.set(microscope_type="imagexpress")
    assert len(conversion.take(tmp_path)) == 17
    assert conversion.convert() == ""
    cells = conversion.cells()
    assert [cells[f"plate_A02_s{s}_w1.tif"][1:] for s in range(1, 5)] == [
        (0, 0),
        (0, 2),
        (1, 1),
        (1, 2),
    ]
    assert {p.channel for p in conversion.shown()} == {"DAPI", "FITC"}
    # they are places in a grid, of which nobody knows how far they are apart
    assert "WARNING" not in conversion.log("metaconfig")


def test_without_an_htd_file_the_names_tell(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, ["p_A01_w1.tif", "p_A01_w2.tif"])
    conversion.set(microscope_type="imagexpress")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert [(p.y, p.x, p.channel) for p in conversion.shown()] == [(0, 0, "1"), (0, 0, "2")]


def test_channels_of_one_name_are_numbered(tmp_path: Path) -> None:
    images = described("imagexpress", [htd(tmp_path, first="FITC")], ["p_A01_s1_w1.tif"])
    assert images.images["p_A01_s1_w1.tif"].channel == "FITC 1"


def test_descriptions_in_other_encodings_do_no_harm(tmp_path: Path) -> None:
    path = htd(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"A test", b"\xb5m\r\nand more"))
    images = described("imagexpress", [path], ["p_A01_s2_w2.tif"]).images
    assert images["p_A01_s2_w2.tif"].stage == (0.0, 2.0)


def test_sites_that_were_not_selected_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataFileError, match=r"plate\.HTD has 4 sites .*_s7_.* number 7"):
        described("imagexpress", [htd(tmp_path)], ["p_A01_s7_w1.tif"])


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MetadataFileError, match=r'plate\.HTD .*"EndFile"'):
        described("imagexpress", [htd(tmp_path, end=200)], [])
    path = htd(tmp_path)
    path.write_text(path.read_text().replace('"XSites", 3', '"XSites", many'))
    with pytest.raises(MetadataFileError, match='"many" as XSites'):
        described("imagexpress", [path], [])
    paths = [htd(tmp_path), htd(tmp_path, first="Other", name="other.HTD")]
    with pytest.raises(MetadataFileError, match=r"different ones, other\.HTD, plate\.HTD"):
        described("imagexpress", paths, [])


def test_a_plate_of_one_site_a_well_selects_none(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, ["p_A01_w1.tif", "p_A01_w2.tif", "p_A02_w1.tif", "p_A02_w2.tif"])
    lines = htd(tmp_path).read_text().splitlines()
    kept = [line for line in lines if "SiteSelection" not in line]
    text = (
        "\n".join(kept).replace('"XSites", 3', '"XSites", 1').replace('"YSites", 2', '"YSites", 1')
    )
    (tmp_path / "plate.HTD").write_text(text)
    conversion.set(microscope_type="imagexpress")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {(p.well, p.y, p.x, p.channel) for p in conversion.shown()} == {
        (well, 0, 0, channel) for well in ("A01", "A02") for channel in ("DAPI", "FITC")
    }


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        (("SiteSelection",), [(y, x) for y in (0.0, 1.0) for x in (0.0, 1.0, 2.0)]),
        (("XSites", "YSites"), [(0.0, 0.0), (0.0, 2.0), (1.0, 1.0), (1.0, 2.0)]),
        (("XSites", "YSites", "SiteSelection", "Sites"), [(0.0, 0.0)]),
        (("NWavelengths", "Waves", "SiteSelection2", "YSites"), [(0.0, 0.0), (0.0, 2.0)]),
    ],
)
def test_what_a_file_leaves_out_follows_from_the_rest(
    tmp_path: Path, left_out: Any, expected: Any
) -> None:
    path = htd(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(x for x in lines if not x[1:].startswith(left_out)))
    names = [f"p_A01_s{s}_w2.tif" for s in range(1, len(expected) + 1)]
    images = described("imagexpress", [path], names).images.values()
    assert [image.stage for image in images] == expected
    assert {image.channel for image in images} == {"FITC"}


def test_folders_are_time_points_and_focal_planes(tmp_path: Path) -> None:
    names = [
        f"TimePoint_{t}/ZStep_{z}/p_A01_s1_w{c}.tif"
        for t in (1, 2)
        for z in (0, 1, 2)
        for c in (1, 2)
        if c == 1 or z == 0
    ]
    paths = []
    for folder in (tmp_path, tmp_path / "TimePoint_1", tmp_path / "TimePoint_2"):
        folder.mkdir(exist_ok=True)
        paths.append(htd(folder))
    metadata = described("imagexpress", paths, names)
    # a channel that was only projected is a plane, of the other one there are better ones
    assert {(i.channel, i.tpoint, i.zplane) for i in metadata.images.values()} == {
        *(("DAPI", t, z) for t in (1, 2) for z in (1, 2)),
        *(("FITC", t, 1) for t in (1, 2)),
    }
    assert metadata.omitted == {n for n in names if "ZStep_0" in n and "_w1" in n}
    assert "2 images in folders ZStep_0" in metadata.warnings[0]


def test_projections_may_lie_beside_the_folders_of_planes(tmp_path: Path) -> None:
    number = "E94C24BD-45E4-450A-9919-257C714278F"
    stack = [f"2024/12/ZStep_{z}/p_A01_s1_w1{number}{z}.tif" for z in (1, 2)]
    projection, only = f"2024/12/p_A01_s1_w1{number}3.tif", f"2024/12/p_A01_s1_w2{number}4.tif"
    metadata = described("imagexpress", [htd(tmp_path)], [*stack, projection, only])
    assert metadata.omitted == {projection}
    assert {(i.channel, i.zplane) for i in metadata.images.values()} == {
        ("DAPI", 1),
        ("DAPI", 2),
        ("FITC", 1),
    }


@pytest.mark.parametrize(
    ("selection", "sites", "expected"),
    [
        # numbers of the whole grid, since the imaged ones are not so many
        ("FALSE, FALSE, TRUE", (3, 5, 6), [(0.0, 2.0), (1.0, 1.0), (1.0, 2.0)]),
        ("FALSE, FALSE, TRUE", (1, 2, 3), [(0.0, 2.0), (1.0, 1.0), (1.0, 2.0)]),
    ],
)
def test_numbers_of_sites_may_count_the_whole_grid(
    tmp_path: Path, selection: str, sites: Any, expected: Any
) -> None:
    path = htd(tmp_path)
    path.write_text(path.read_text().replace("TRUE, FALSE, TRUE", selection))
    images = described("imagexpress", [path], [f"p_A01_s{s}_w1.tif" for s in sites]).images
    assert [image.stage for image in images.values()] == expected


def test_a_selection_of_nothing_selects_all(tmp_path: Path) -> None:
    path = htd(tmp_path)
    head, tail = path.read_text().split('"SiteSelection1"')
    path.write_text(f'{head}"SiteSelection1"{tail.replace(" TRUE", " FALSE")}')
    [image] = described("imagexpress", [path], ["p_A01_s6_w1.tif"]).images.values()
    assert image.stage == (1.0, 2.0)


def test_folders_that_were_left_behind_are_reported(tmp_path: Path) -> None:
    path = htd(tmp_path)
    text = path.read_text().replace('"TimePoints", 1', '"TimePoints", 3')
    path.write_text(text.replace('"XWells"', '"ZSeries", TRUE\n"ZSteps", 5\n"XWells"'))
    [warning] = described("imagexpress", [path], ["p_A01_s1_w1.tif"]).warnings
    assert "3 time points (TimePoint_1 and so on) and 5 focal planes" in warning
