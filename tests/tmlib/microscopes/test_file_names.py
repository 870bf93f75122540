import pytest

from tmlib.microscopes import FileNameError, ImageMetadata, PatternError, get


@pytest.mark.parametrize("name", ["a.tif", "b.TIFF", "c.Png", "d.stk"])
def test_a_generic_image_is_known_by_its_suffix(name: str) -> None:
    assert get("generic").is_image(name)
    assert not get("generic").is_metadata(name)


@pytest.mark.parametrize("name", ["notes.txt", "tif", "x.tif.part"])
def test_other_files_are_no_images(name: str) -> None:
    assert not get("generic").is_image(name)


def test_a_pattern_of_the_user_replaces_the_own_one() -> None:
    pattern = r"POS(?P<s>\d+)_(?P<c>[DFR])\."
    for microscope in ("generic", "cellvoyager"):
        images = get(microscope).read_names(["01_POS076_F.TIF"], pattern)
        assert images["01_POS076_F.TIF"] == ImageMetadata("01_POS076_F.TIF", channel="F", site=76)


def test_wells_are_written_alike() -> None:
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
def test_unusable_patterns_are_refused(pattern: str, words: str) -> None:
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
def test_names_that_do_not_fit_are_named_and_nothing_is_lost(
    name: str, pattern: str, words: str
) -> None:
    with pytest.raises(FileNameError, match=words) as error:
        get("generic").read_names([name], pattern)
    assert "kept" in error.value.message


def test_the_first_name_that_does_not_match_is_named_and_the_others_counted() -> None:
    with pytest.raises(FileNameError, match=r'"a\.tif" and 2 more of 4 file names do not match'):
        get("generic").read_names(["a.tif", "s1.tif", "b.tif", "c.tif"], r"s(?P<s>\d+)")


def test_the_closest_name_that_does_match_is_given() -> None:
    with pytest.raises(FileNameError, match=r'closest that does is "DAPI_s12\.tif"'):
        get("generic").read_names(["DAPI_12.tif", "DAPI_s12.tif", "F_s1.tif"], r"_s(?P<s>\d+)")


def test_rows_and_columns_may_be_numbers() -> None:
    images = get("generic").read_names(["r02c11.tif", "r32c48.tif"], r"(?P<w>r\d+c\d+)")
    assert [image.well for image in images.values()] == ["B11", "AF48"]
    with pytest.raises(FileNameError, match='"r33c01" as the well'):
        get("generic").read_names(["r33c01.tif"], r"(?P<w>r\d+c\d+)")


def test_a_group_that_finds_nothing_says_nothing() -> None:
    images = get("generic").read_names(["a.tif"], r"^(?P<c>\w*?)a?(?P<s>\d*)\.")
    assert images["a.tif"] == ImageMetadata("a.tif")


def test_a_pattern_that_never_ends_is_stopped() -> None:
    with pytest.raises(PatternError, match="too long"):
        get("generic").read_names(["ab" * 60 + ".tif"], r"(?P<c>(?:\w|\w\w|[a-z])+)+\d(?=(x|\1)+)")
