from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.services.conversion import Conversion, described, write_images
from tmlib.errors import BadInput
from tmlib.experiments.models import ChannelImageFile, Site
from tmlib.microscopes import MetadataFileError

EXAMPLES = {
    "r02c03f01p02-ch4sk1fk1fl1.tiff": ("B03", "4", 1, 2, 1),
    "r16c24f012p01-ch1sk20fk1fl1.tiff": ("P24", "1", 20, 1, 12),
    "r32c48f01p01rc2-ch1sk1fk1fl1.TIFF": ("AF48", "2", 1, 1, 1),
}
METADATA_FILES = ("Index.idx.xml", "Index.xml", "Index.ref.xml")
OTHER_FILES = ("r02c03.tiff", "Flatfield.tiff")

NAME = "r{row:02d}c{column:02d}f{field:02d}p{plane:02d}-ch{channel}sk{time}fk1fl1.tiff"
IMAGE = """<Image Version="1"><id>0</id><State>Ok</State><URL>{name}</URL><Row>{row}</Row>
<Col>{column}</Col><FieldID>{field}</FieldID><PlaneID>{plane}</PlaneID>
<TimepointID>{time}</TimepointID><ChannelID>{channel}</ChannelID><FlimID>1</FlimID>{more}
<PositionX Unit="m">{x}</PositionX><PositionY Unit="m">{y}</PositionY>
<AbsTime>2014-09-12T10:00:0{plane}.5+02:00</AbsTime></Image>"""
CHANNELS = {1: "HOECHST 33342", 2: "Alexa 488"}
FIELDS = {1: (0.0, 0.0), 2: (-0.00065, 0.00065), 3: (0.00065, 0.00065), 4: (0.00065, -0.00065)}


def index(
    folder: Path, images: Iterable[str], namespace: str = "PEHH/HarmonyV5", maps: str = ""
) -> Path:
    path = folder / "Index.idx.xml"
    path.write_text(
        '\ufeff<?xml version="1.0" encoding="utf-8"?><EvaluationInputData '
        f'xmlns="http://www.perkinelmer.com/{namespace}" Version="1"><User>me</User>'
        f"<Plates><Plate><PlateID>p</PlateID></Plate></Plates>{maps}"
        f'<Images Version="1">{"".join(images)}</Images></EvaluationInputData>',
        encoding="utf-8",
    )
    return path


def describe(
    field: int, plane: int = 1, channel: int = 1, *, row: int = 2, column: int = 3, old: bool = True
) -> tuple[str, str]:
    values = {"row": row, "column": column, "field": field, "plane": plane, "time": 0}
    name = NAME.format(**values | {"time": 1}, channel=channel)
    y, x = FIELDS[field]
    more = ""
    if old:
        more = f"<ChannelName>{CHANNELS[channel]}</ChannelName>"
        more += '<ImageResolutionX Unit="m">2.9E-07</ImageResolutionX>'
    return name, IMAGE.format(name=name, **values, channel=channel, more=more, y=y, x=x)


def test_an_index_tells_everything(tmp_path: Path, conversion: Conversion) -> None:
    images = dict(describe(f, p, c) for f in FIELDS for p in (1, 2) for c in CHANNELS)
    write_images(tmp_path, images)
    index(tmp_path, images.values())
    conversion.set(microscope_type="operaphenix")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    cells = conversion.cells()
    places = {
        f: cells[NAME.format(row=2, column=3, field=f, plane=1, channel=1, time=1)] for f in FIELDS
    }
    # y of the stage grows upwards; field 1 is the centre, as on a real plate
    assert places == {1: ("B03", 1, 1), 2: ("B03", 2, 2), 3: ("B03", 0, 2), 4: ("B03", 0, 0)}
    assert {(p.channel, p.z) for p in conversion.shown()} == {
        (name, z) for name in CHANNELS.values() for z in (0, 1)
    }
    assert conversion.pixel_size == 0.29
    assert min(conversion.values(ChannelImageFile.acquired_at)) == datetime(
        2014, 9, 12, 8, 0, 1, 500_000, tzinfo=UTC
    )


def test_sites_lie_where_the_stage_put_them(tmp_path: Path, conversion: Conversion) -> None:
    images = dict(describe(field) for field in FIELDS)
    write_images(tmp_path, images)
    index(tmp_path, [one.replace("2.9E-07", "1.3E-04") for one in images.values()])
    conversion.set(microscope_type="operaphenix")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    columns = (Site.y, Site.x, Site.offset_y, Site.offset_x)
    places = list(zip(*(conversion.values(column) for column in columns), strict=True))
    assert sorted(places) == [(0, 0, 0, 0), (0, 2, 0, 10), (1, 1, 5, 5), (2, 2, 10, 10)]


def test_the_user_may_know_better_how_the_stage_lies(
    tmp_path: Path, conversion: Conversion
) -> None:
    images = dict(describe(field) for field in FIELDS)
    write_images(tmp_path, images)
    index(tmp_path, images.values())
    conversion.set(microscope_type="operaphenix")
    conversion.take(tmp_path)
    found = []
    for directions in ({"stage_y": "down"}, {"stage_x": "left"}, {"stage_y": "up"}):
        assert conversion.convert(**directions) == ""
        cells = conversion.cells()
        found.append([cells[name][1:] for name in images])
    assert found == [
        [(1, 1), (0, 2), (2, 2), (2, 0)],
        [(1, 1), (2, 0), (0, 0), (0, 2)],
        [(1, 1), (2, 2), (0, 2), (0, 0)],
    ]
    with pytest.raises(BadInput, match="must be one of: up, down"):
        conversion.convert(stage_y="left")


def test_newer_indices_describe_channels_once(tmp_path: Path) -> None:
    name, image = describe(2, channel=2, old=False)
    entries = "".join(
        f'<Entry ChannelID="{number}"><ChannelName>{channel}</ChannelName>'
        '<ImageResolutionX Unit="m">5.98E-07</ImageResolutionX></Entry>'
        for number, channel in CHANNELS.items()
    )
    maps = f"<Maps><Map>{entries}</Map></Maps>"
    path = index(tmp_path, [image], "PEHH/HarmonyV7", maps)
    metadata = described("operaphenix", [path], [name])
    assert metadata.images[name].channel == "Alexa 488"
    assert metadata.images[name].stage == pytest.approx((-650, 650))
    assert metadata.pixel_size == 0.598


def test_channels_that_were_not_imaged_do_not_count(tmp_path: Path) -> None:
    images = dict(describe(1, channel=channel) for channel in CHANNELS)
    (name, first), (_, second) = images.items()
    path = index(tmp_path, [first, second.replace("2.9E-07", "5.8E-07")])
    assert described("operaphenix", [path], images).pixel_size is None
    metadata = described("operaphenix", [path], [name])
    assert metadata.pixel_size == 0.29
    assert metadata.images[name].channel == CHANNELS[1]


def test_the_index_of_an_export_is_preferred(tmp_path: Path) -> None:
    name, image = describe(2)
    path = index(tmp_path, [image])
    other = tmp_path / "Index.ref.xml"
    other.write_text(path.read_text().replace("<Row>2</Row>", "<Row>5</Row>"))
    wells = [
        described("operaphenix", paths, [name]).images[name].well
        for paths in ([other, path], [other])
    ]
    assert wells == ["B03", "E03"]


def test_channels_of_one_name_are_numbered(tmp_path: Path) -> None:
    images = dict(describe(1, channel=channel) for channel in CHANNELS)
    path = index(tmp_path, [text.replace("Alexa 488", "HOECHST 33342") for text in images.values()])
    found = described("operaphenix", [path], images).images.values()
    assert [image.channel for image in found] == ["HOECHST 33342 1", "HOECHST 33342 2"]


def test_without_an_index_the_names_tell(tmp_path: Path, conversion: Conversion) -> None:
    write_images(tmp_path, EXAMPLES)
    conversion.set(microscope_type="operaphenix", plate_format=1536)
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {(p.well, p.channel) for p in conversion.shown()} == {
        ("B03", "4"),
        ("P24", "1"),
        ("AF48", "2"),
    }


def test_an_image_that_the_index_does_not_know_is_named(
    tmp_path: Path, conversion: Conversion
) -> None:
    images = dict(describe(field) for field in (1, 2))
    write_images(tmp_path, images)
    index(tmp_path, [describe(1)[1], describe(4)[1]])
    conversion.set(microscope_type="operaphenix")
    conversion.take(tmp_path)
    message = conversion.convert()
    assert '1 of 2 image files ("r02c03f02p01-ch1sk1fk1fl1.tiff"' in message
    assert 'closest that they do mention is "r02c03f04p01-ch1sk1fk1fl1.tiff"' in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<Row>2</Row>", "<Row>40</Row>", "row 40, column 3"),
        ("<FieldID>1<", "<FieldID>one<", '"one" as FieldID of r02c03f01p01'),
        ("EvaluationInputData", "Other", "its root is .*Other"),
        ("</Images>", "", "cannot be read as XML"),
    ],
)
def test_broken_indices_are_named(tmp_path: Path, old: Any, new: Any, words: str) -> None:
    name, image = describe(1)
    path = index(tmp_path, [image])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MetadataFileError, match=rf"Index\.idx\.xml .*{words}"):
        described("operaphenix", [path], [name])


def test_records_of_an_operetta_are_channels(tmp_path: Path, conversion: Conversion) -> None:
    names = [f"r02c07f0{f}p01rc{c}-ch1sk1fk1fl1.tiff" for f in (1, 2) for c in (1, 2)]
    write_images(tmp_path, names)
    conversion.set(microscope_type="operaphenix")
    conversion.take(tmp_path)
    assert conversion.convert() == ""
    assert {(p.well, p.channel) for p in conversion.shown()} == {("B07", "1"), ("B07", "2")}
    index(tmp_path, [describe_record(name) for name in names])
    conversion.take(tmp_path, "other")
    assert conversion.convert() == ""
    shown = [p for p in conversion.shown() if p.plate == "other"]
    assert {(p.well, p.x, p.channel) for p in shown} == {
        ("B07", x, c) for x in (0, 1) for c in CHANNELS.values()
    }


def describe_record(name: str) -> str:
    """What an old index says of an image: hardly more than its name and where it was taken."""
    field, channel = int(name[8]), int(name[14])
    return (
        f"<Image><URL>images/{name}</URL><PositionX>{field}e-4</PositionX><PositionY>0</PositionY>"
        f"<ChannelID>{channel}</ChannelID><ChannelName>{CHANNELS[channel]}</ChannelName></Image>"
    )
