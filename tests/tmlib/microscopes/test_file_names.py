import pytest

from tmlib.errors import BadInput
from tmlib.microscopes import FileNameError, ImageMetadata, PatternError, get, names


def test_all_types_are_there():
    assert set(names()) == {"cellvoyager", "visiview", "metamorph", "generic"}
    with pytest.raises(BadInput, match="operetta"):
        get("operetta")


@pytest.mark.parametrize(
    ("microscope", "name", "expected"),
    [
        ("cellvoyager", "my plate_B03_T0002F011L01A02Z03C04.tif", ("B03", "A02_C04", 2, 3, 11)),
        ("visiview", "exp_A02_w2FITC_s3_t7.stk", ("A02", "FITC", 7, 0, 3)),
        ("visiview", "exp_w1DAPI_s3.tif", ("A01", "DAPI", 0, 0, 3)),
        ("metamorph", "exp_C04_s2_w1.TIF", ("C04", "1", 0, 0, 2)),
        ("metamorph", "exp_C04_s2.tif", ("C04", "1", 0, 0, 2)),
    ],
)
def test_types_know_their_file_names(microscope, name, expected):
    microscope = get(microscope)
    assert microscope.is_image(name)
    well, channel, tpoint, zplane, site = expected
    image = microscope.read_names([name])[name]
    assert image == ImageMetadata(name, well, channel, tpoint, zplane, site)


def test_files_are_told_apart():
    assert get("cellvoyager").is_metadata("MeasurementData.mlf")
    assert get("cellvoyager").is_metadata("MeasurementDetail.mrf")
    assert not get("cellvoyager").is_image("MeasurementData.mlf")
    assert not get("cellvoyager").is_image("DC_sCMOS #1_CAM1.tif")
    assert get("visiview").is_metadata("exp.nd")
    assert not get("metamorph").is_image("exp_C04_s2_w1_thumb.TIF")
    assert not get("metamorph").is_metadata("exp.nd")


@pytest.mark.parametrize("name", ["a.tif", "b.TIFF", "c.Png", "d.stk"])
def test_a_generic_image_is_known_by_its_suffix(name):
    assert get("generic").is_image(name)
    assert not get("generic").is_metadata(name)


@pytest.mark.parametrize("name", ["notes.txt", "tif", "x.tif.part"])
def test_other_files_are_no_images(name):
    assert not get("generic").is_image(name)


def test_a_pattern_of_the_user_replaces_the_own_one():
    pattern = r"POS(?P<s>\d+)_(?P<c>[DFR])\."
    for microscope in ("generic", "cellvoyager"):
        images = get(microscope).read_names(["01_POS076_F.TIF"], pattern)
        assert images["01_POS076_F.TIF"] == ImageMetadata("01_POS076_F.TIF", channel="F", site=76)


def test_wells_are_written_alike():
    images = get("generic").read_names(["x_b3_1.tif"], r"_(?P<w>[a-z]\d)_(?P<s>\d)")
    assert images["x_b3_1.tif"].well == "B03"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (None, "named groups"),
        (r"(?P<s>\d+", "not a regular expression"),
        (r"(?P<site>\d+)", '"site"'),
        (r"\d+", "no named group"),
        ("(?P<s>1)" + "x" * 500, "508 characters"),
    ],
)
def test_unusable_patterns_are_refused(pattern, words):
    with pytest.raises(PatternError, match=words):
        get("generic").read_names(["1.tif"], pattern)


@pytest.mark.parametrize(
    ("name", "pattern", "words"),
    [
        ("holiday.tif", r"s(?P<s>\d+)", 'holiday.tif" does not match the pattern'),
        ("sab.tif", r"s(?P<s>[a-z]+)", '"ab" as the site'),
        ("s٣.tif", r"s(?P<s>\d+)", "not a number"),
        ("A0.tif", r"(?P<w>..)\.", '"A0" as the well'),
    ],
)
def test_names_that_do_not_fit_are_named_and_nothing_is_lost(name, pattern, words):
    with pytest.raises(FileNameError, match=words) as error:
        get("generic").read_names([name], pattern)
    assert "kept" in error.value.message


def test_the_first_name_that_does_not_match_is_named_and_the_others_counted():
    with pytest.raises(FileNameError, match=r'"a\.tif" and 2 more of 4 file names do not match'):
        get("generic").read_names(["a.tif", "s1.tif", "b.tif", "c.tif"], r"s(?P<s>\d+)")


def test_a_pattern_that_never_ends_is_stopped():
    with pytest.raises(PatternError, match="too long"):
        get("generic").read_names(["ab" * 60 + ".tif"], r"(?P<c>(?:\w|\w\w|[a-z])+)+\d(?=(x|\1)+)")
