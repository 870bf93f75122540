import pytest

from tmlib.microscopes import MetadataFileError, get

XMLNS = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
RECORD = (
    '<bts:MeasurementRecord bts:Type="{kind}" bts:Row="{row}" bts:Column="5" bts:FieldIndex="7" '
    'bts:TimePoint="2" bts:TimelineIndex="1" bts:ZIndex="3" bts:Ch="4" bts:X="-10.5" bts:Y="20" '
    'bts:Z="1">{name}</bts:MeasurementRecord>'
)


@pytest.fixture
def files(tmp_path):
    def write(*records, details="<bts:MeasurementDetail {xmlns}/>"):
        mlf, mrf = tmp_path / "MeasurementData.mlf", tmp_path / "MeasurementDetail.mrf"
        mlf.write_text(f"<bts:MeasurementData {XMLNS}>{''.join(records)}</bts:MeasurementData>")
        mrf.write_text(details.format(xmlns=XMLNS))
        return [mlf, mrf]

    return write


def record(name, kind="IMG", row=3):
    return RECORD.format(name=name, kind=kind, row=row)


def read(paths, *names):
    return get("cellvoyager").read_metadata(paths, names)


def test_records_tell_everything(files):
    image = read(files(record("a.tif")), "a.tif").images["a.tif"]
    assert (image.well, image.channel, image.tpoint, image.zplane, image.site) == (
        "C05",
        "4",
        2,
        3,
        7,
    )
    assert image.stage == (20.0, -10.5)


def test_wells_below_z_have_two_letters(files):
    assert read(files(record("a.tif", row=32)), "a.tif").images["a.tif"].well == "AF05"


def test_errors_and_unknown_images_are_left_out(files):
    paths = files(record("a.tif"), record("oh no", kind="ERR"), record("b.tif"))
    metadata = read(paths, "a.tif", "c.tif")
    assert list(metadata.images) == ["a.tif"]
    assert "1 error" in metadata.warnings[0]


def test_converted_images_are_recognised(files):
    assert list(read(files(record("a.tif")), "a.png").images) == ["a.png"]


def test_pixel_size_comes_from_the_cameras(files):
    channel = '<bts:MeasurementChannel bts:Ch="{}" bts:HorizontalPixelDimension="{}"/>'
    details = "<bts:MeasurementDetail {{xmlns}}>{}{}</bts:MeasurementDetail>"
    same = details.format(channel.format(1, 0.65), channel.format(2, 0.65))
    different = details.format(channel.format(1, 0.65), channel.format(2, 0.325))
    assert read(files(details=same)).pixel_size == 0.65
    assert read(files(details=different)).pixel_size is None


def test_without_both_files_the_names_have_to_do(files):
    paths = files(record("a.tif"))
    assert read(paths[:1], "a.tif") is None
    assert read([], "a.tif") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not xml", "MeasurementData.mlf cannot be read"),
        ("<a/>", "not a CellVoyager measurement"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif', row=99)}</bts:MeasurementData>", "row 99"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif', row='')}</bts:MeasurementData>", "Row"),
        (f"<bts:MeasurementData {XMLNS}>{record('a.tif')}", "cannot be read"),
        (
            f'<!DOCTYPE x [<!ENTITY a "b">]><bts:MeasurementData {XMLNS}>&a;</bts:MeasurementData>',
            "cannot be read",
        ),
    ],
)
def test_broken_metadata_is_named(files, text, words):
    paths = files()
    paths[0].write_text(text)
    with pytest.raises(MetadataFileError, match=words):
        read(paths, "a.tif")


def test_a_broken_detail_file_is_named(files):
    paths = files(details="<a>")
    with pytest.raises(MetadataFileError, match=r"MeasurementDetail\.mrf"):
        read(paths)
