"""What is kept of the OME-XML of image files."""

from dataclasses import replace
from typing import Any

import pytest

from tmlib.images import file_sets
from tmlib.images.ome_xml import describe, read
from tmlib.images.reading import ImageProperties
from tmlib.microscopes.ome_model import OmeXmlError


def properties(n_planes: int = 1, omexml: str | None = None, **more: Any) -> ImageProperties:
    return ImageProperties(60, 80, 16, n_planes, omexml, **more)


def test_a_file_without_ome_xml_has_focal_planes() -> None:
    described = read(describe(properties(3, pixel_size=0.65), "a.tif"), "a.tif")
    assert described.properties == properties(3)
    assert [(p.plane, p.zplane, p.channel, p.tpoint) for p in described.planes] == [
        (i, i, None, None) for i in range(3)
    ]
    assert described.pixel_size == 0.65


def test_hyperstacks_have_channels_and_time_points() -> None:
    text = describe(properties(12, n_channels=2, n_tpoints=3), "a.tif")
    assert [(p.channel, p.zplane, p.tpoint) for p in read(text, "a.tif").planes] == [
        (c, z, t) for t in range(3) for z in range(2) for c in ("0", "1")
    ]


def many_files(n: int, size: str = "80") -> str:
    data = "".join(
        f'<TiffData FirstT="{i}" IFD="0"><UUID FileName="{i}.tif">u{i}</UUID></TiffData>'
        for i in range(n)
    )
    planes = "".join(f'<Plane TheT="{i}" PositionX="{i}" PositionY="0"/>' for i in range(n))
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06"><Experimenter ID="me"/>'
        '<Plate ID="p"><Well Row="0" Column="1"><WellSample><ImageRef ID="i"/></WellSample></Well>'
        '<Well Row="0" Column="2"><WellSample><ImageRef ID="j"/></WellSample></Well></Plate>'
        f'<Image ID="i"><Pixels DimensionOrder="XYZTC" SizeX="{size}" SizeY="60" SizeZ="1" '
        f'SizeC="1" SizeT="{n}" Type="float">{data}{planes}</Pixels></Image>'
        f'<Image ID="j"><Pixels SizeX="1" SizeY="1"><TiffData><UUID FileName="other.tif">o</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )


def test_of_a_set_only_the_own_part_is_kept() -> None:
    whole = many_files(300)
    text = describe(properties(omexml=whole), "17.tif")
    assert "Experimenter" not in text
    assert "16.tif" not in text
    assert "other.tif" not in text
    assert text.count("Plane ") == 1
    described = read(text, "17.tif")
    [plane] = described.planes
    assert (plane.well, plane.tpoint, plane.site, plane.stage) == ("A02", 17, 0, (0.0, 17.0))
    assert plane.plane == 0


def test_size_and_type_are_those_of_the_file() -> None:
    described = read(describe(properties(omexml=many_files(2, size="9")), "1.tif"), "1.tif")
    assert described.properties == properties()


def test_what_belongs_to_other_files_alone_is_nothing() -> None:
    described = read(describe(properties(2, many_files(3)), "unknown.tif"), "unknown.tif")
    assert [plane.zplane for plane in described.planes] == [0, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<OME", "no XML"),
        ("<Image/>", "its root is Image"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><OME>&a;</OME>', "no XML"),
        ('<OME><Image ID="i"/></OME>', "i has no Pixels"),
        ('<OME><Image><Pixels SizeZ="0"/></Image></OME>', "has 0 planes"),
        ('<OME><Image><Pixels SizeZ="99999999"/></Image></OME>', "99999999 planes"),
        ('<OME><Plate><Well Row="99" Column="0"/></Plate></OME>', "row 99"),
    ],
)
def test_what_cannot_be_used_is_an_error(text: str, words: str) -> None:
    with pytest.raises(OmeXmlError, match=words):
        describe(properties(omexml=text), "a.tif")


def held_by(i: int, n: int) -> str:
    """The OME-XML of a set of n files as the file of this number holds it."""
    return many_files(n).replace("<OME ", f'<OME UUID="u{i}" ', 1)


def test_a_set_is_read_once_and_says_the_same_as_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 200
    plain = {
        i: read(describe(properties(omexml=many_files(n)), f"{i}.tif"), f"{i}.tif") for i in (0, 7)
    }
    calls = []
    read_set = file_sets.FileSet

    def counted(text: str) -> file_sets.FileSet:
        calls.append(text)
        return read_set(text)

    monkeypatch.setattr(file_sets, "FileSet", counted)
    file_sets._read_set.cache_clear()
    for i in range(n):
        text = describe(properties(omexml=held_by(i, n)), f"{i}.tif")
        assert len(text) < 1500
        described = read(text, f"{i}.tif")
        assert [plane.tpoint for plane in described.planes] == [i]
        if i in plain:
            assert replace(described, uuid=None) == plain[i]
    assert len(calls) == 1


def test_a_renamed_file_of_a_set_is_known_by_its_uuid() -> None:
    described = read(describe(properties(omexml=held_by(5, 9)), "renamed.tif"), "renamed.tif")
    assert [plane.tpoint for plane in described.planes] == [5]
