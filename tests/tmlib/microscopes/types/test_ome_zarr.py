"""OME-Zarr in: written by the product itself, by the ome-zarr package and by hand."""

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from ome_zarr.format import FormatV04, FormatV05

from tests.services.conversion import Conversion
from tmlib.errors import BadInput
from tmlib.images import channel_images
from tmlib.images.channel_images import FieldShape, field_path, read_plane
from tmlib.images.ome_xml import read
from tmlib.images.sources import inspect
from tmlib.images.sources import read_plane as read_source

with warnings.catch_warnings():
    # the package warns of its own classes
    warnings.simplefilter("ignore", DeprecationWarning)
    from ome_zarr.writer import write_image, write_plate_metadata, write_well_metadata

EXAMPLES = dict.fromkeys(
    ("plate.ome.zarr.zip", "A01_s1.zarr.zip", "plate.ozx", "folder.ome.zarr"), (None,) * 5
)
METADATA_FILES = ()
OTHER_FILES = ("plate.zip", "zarr.json", "plate.ome.tif")

ZIPPED = pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


@pytest.fixture
def screen(conversion: Conversion) -> Conversion:
    conversion.set(microscope_type="ome-zarr")
    return conversion


def pixels(*shape: int, seed: int = 0, dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def archive(folder: Path, file: Path, inside: str = "", compression: int = 0) -> Path:
    """Zip a folder, which becomes the folder `inside` of the archive."""
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w", compression) as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, Path(inside) / path.relative_to(folder))
    return file


def axes(names: str) -> list[dict[str, str]]:
    kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
    length = {"type": "space", "unit": "micrometer"}
    return [{"name": name} | kinds.get(name, length) for name in names]


def foreign_plate(
    folder: Path,
    version: FormatV04 | FormatV05,
    fields: Mapping[tuple[str, str, str], NDArray[Any]],
    names: str = "tczyx",
    translations: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """A plate of the package ome-zarr: the pixels of each field by (row, column, field)."""
    root = zarr.open_group(folder, mode="w", zarr_format=version.zarr_format)
    rows, columns = (sorted({key[i] for key in fields}) for i in (0, 1))
    wells = sorted({f"{row}/{column}" for row, column, _ in fields})
    write_plate_metadata(root, rows, columns, wells, fmt=version)
    for well in wells:
        group = root.require_group(well)
        own = [field for row, column, field in fields if f"{row}/{column}" == well]
        write_well_metadata(group, own, fmt=version)
        row, column = well.split("/")
        for field in own:
            target = group.require_group(field)
            write_image(
                fields[row, column, field],
                target,
                fmt=version,
                axes=names,
                storage_options={"chunks": (1,) * (len(names) - 2) + (16, 16)},
            )
            describe(target, names, translations[field] if translations else None)


def describe(group: zarr.Group, names: str, translation: tuple[float, float] | None) -> None:
    """Add what the package takes in other ways from release to release."""
    attributes = group.attrs.asdict()
    ome: Any = attributes.get("ome", attributes)
    ome["multiscales"][0]["axes"] = axes(names)
    head = [1.0] * (len(names) - 2)
    steps = [{"type": "scale", "scale": [*head, 0.325, 0.325]}]
    if translation:
        moved = [0.0] * (len(names) - 2) + list(translation)
        steps.append({"type": "translation", "translation": moved})
    ome["multiscales"][0]["datasets"][0]["coordinateTransformations"] = steps
    ome["omero"] = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}
    group.attrs.put(attributes)


def stored(screen: Conversion) -> dict[tuple[str, tuple[int, int], str, int, int], NDArray[Any]]:
    """The planes that the product has taken, by well, (y, x), channel, time point, focal plane."""
    shown = screen.shown()
    channels = sorted({one.channel for one in shown})
    [plate] = (screen.storage.root / "images").iterdir()
    fields: dict[str, list[tuple[int, int]]] = {}
    for one in shown:
        if (one.y, one.x) not in fields.setdefault(one.well, []):
            fields[one.well].append((one.y, one.x))
    return {
        (one.well, (one.y, one.x), one.channel, one.t, one.z): read_plane(
            field_path(plate, one.well, sorted(fields[one.well]).index((one.y, one.x))),
            t=one.t,
            c=channels.index(one.channel),
            z=one.z,
        )
        for one in shown
    }


@ZIPPED
def test_a_plate_of_the_product_itself_comes_back(
    tmp_path: Path, screen: Conversion, compression: Any
) -> None:
    plate, shape = tmp_path / "plate.ome.zarr", FieldShape(2, 2, 3, 70, 300)
    planes: dict[tuple[str, tuple[int, int], str, int, int], NDArray[Any]] = {}
    for well, field in (("B03", 0), ("B03", 1), ("H12", 0)):
        for t, c, z in np.ndindex(2, 2, 3):
            image = pixels(70, 300, seed=len(planes))
            channel_images.write_plane(
                field_path(plate, well, field),
                shape,
                ["DAPI", "GFP"],
                t=t,
                c=c,
                z=z,
                pixels=image,
                pixel_size=0.65,
            )
            planes[well, (field, 0), ("DAPI", "GFP")[c], t, z] = image
    channel_images.write_plate_metadata(plate, "plate", {"B03": 2, "H12": 1})
    archive(plate, tmp_path / "in" / "plate.ome.zarr.zip", "plate.ome.zarr", compression)
    screen.take(tmp_path / "in")
    assert screen.convert("imextract", n_horizontal=1) == ""
    found = stored(screen)
    assert found.keys() == planes.keys()
    assert all(np.array_equal(found[key], planes[key]) for key in planes)
    assert screen.pixel_size == 0.65


@pytest.mark.parametrize("version", [FormatV04(), FormatV05()], ids=["0.4", "0.5"])
def test_plates_of_the_ome_zarr_package_are_read(
    tmp_path: Path, screen: Conversion, version: str
) -> None:
    fields = {
        ("C", "1", "0"): pixels(1, 2, 2, 40, 30, seed=1),
        ("C", "1", "7"): pixels(1, 2, 2, 40, 30, seed=2),
        ("D", "10", "0"): pixels(1, 2, 2, 40, 30, seed=3),
    }
    foreign_plate(tmp_path / "p", version, fields, translations={"0": (0, 9.75), "7": (0, 0)})
    archive(tmp_path / "p", tmp_path / "in" / "plate.ozx")
    screen.take(tmp_path / "in")
    assert screen.convert("imextract") == ""
    found = stored(screen)
    # in C01 the second field lies on the left
    places = {("C01", (0, 1)): ("C", "1", "0"), ("C01", (0, 0)): ("C", "1", "7")}
    places["D10", (0, 1)] = "D", "10", "0"
    assert len(found) == 12
    for (well, cell, channel, t, z), plane in found.items():
        field = fields[places[well, cell]]
        assert np.array_equal(plane, field[t, ("DAPI", "GFP").index(channel), z])
    assert screen.pixel_size == 0.325


def test_single_images_are_known_by_their_names(tmp_path: Path, screen: Conversion) -> None:
    for i, name in enumerate(("B02_1", "B02_2", "B03_1")):
        group = zarr.open_group(tmp_path / name, mode="w", zarr_format=2)
        write_image(
            pixels(2, 20, 30, seed=i, dtype="uint8"),
            group,
            fmt=FormatV04(),
            axes="cyx",
        )
        archive(tmp_path / name, tmp_path / "in" / f"{name}.ome.zarr.zip", name)
    screen.take(tmp_path / "in")
    assert screen.convert("imextract", regex=r"^(?P<w>[A-H]\d\d)_(?P<s>\d)") == ""
    found = stored(screen)
    assert {key[:3] for key in found} == {
        (well, cell, channel)
        for well, cell in (("B02", (0, 0)), ("B02", (0, 1)), ("B03", (0, 0)))
        for channel in "01"
    }
    assert np.array_equal(
        found["B02", (0, 1), "1", 0, 0], pixels(2, 20, 30, seed=1, dtype="uint8")[1]
    )
    assert screen.pixel_size is None


@pytest.mark.parametrize("listed", [True, False])
def test_images_of_a_collection_are_sites(tmp_path: Path, screen: Conversion, listed: Any) -> None:
    root = zarr.open_group(tmp_path / "c", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    if listed:
        root.require_group("OME").attrs["series"] = ["0", "1"]
    for i in range(2):
        group = root.require_group(str(i))
        image = pixels(20, 30, seed=i)
        write_image(image, group, fmt=FormatV04(), axes="yx")
    archive(tmp_path / "c", tmp_path / "in" / "c.zarr.zip")
    screen.take(tmp_path / "in")
    assert screen.convert("imextract", n_vertical=1) == ""
    found = stored(screen)
    for i in range(2):
        assert np.array_equal(found["A01", (0, i), "1", 0, 0], pixels(20, 30, seed=i))


def test_a_folder_is_read_like_its_archive(tmp_path: Path) -> None:
    fields = {("A", "1", "0"): pixels(1, 2, 1, 40, 30)}
    foreign_plate(tmp_path / "p.zarr", FormatV05(), fields)
    file = archive(tmp_path / "p.zarr", tmp_path / "p.zarr.zip")
    assert inspect(tmp_path / "p.zarr") == inspect(file)
    one, other = (read_source(source, plane=1) for source in (tmp_path / "p.zarr", file))
    assert np.array_equal(one, other)
    assert np.array_equal(one, fields["A", "1", "0"][0, 1, 0])


@pytest.fixture(scope="module")
def good_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "p.zarr"
    foreign_plate(folder, FormatV04(), {("A", "1", "0"): pixels(1, 2, 1, 40, 30)})
    return folder


@pytest.fixture
def plate(tmp_path: Path, good_plate: Path) -> Path:
    """A good plate of one well, to be spoilt."""
    return shutil.copytree(good_plate, tmp_path / "p.zarr")


def edit(file: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def well(content: Any) -> Any:
    return content["well"]["images"][0]


def rename_well(content: Any) -> None:
    content["plate"]["rows"][0]["name"] = "first"


SPOILT = [
    (".zattrs", lambda content: content.pop("plate"), "neither a plate nor a well nor an image"),
    (".zattrs", lambda content: content["plate"]["wells"][0].pop("rowIndex"), '"rowIndex" is miss'),
    (".zattrs", lambda content: content["plate"].update(wells=3), "a part of them has another"),
    (".zattrs", rename_well, 'a well "first1"'),
    ("A/1/.zattrs", lambda content: well(content).update(path="../../../x"), "no path in it"),
    ("A/1/.zattrs", lambda content: well(content).update(path="9"), '"A/1/9", which is not there'),
    ("A/1/0/.zattrs", lambda content: content["multiscales"][0]["axes"].reverse(), "the axes"),
    ("A/1/0/.zattrs", lambda content: content["multiscales"][0].pop("axes"), "no OME-NGFF of"),
    ("A/1/0/*/.zarray", lambda content: content.update(dtype="<f4"), "float32 pixels"),
    ("A/1/0/*/.zarray", lambda content: content.update(shape=[1, 2, 1, 10**5, 10**5]), "planes of"),
    ("A/1/0/*/.zarray", lambda content: content.update(chunks=[1, 2, 1, 10**5, 10**5]), "chunks"),
    ("A/1/0/*/.zarray", lambda content: content.update(compressor={"id": "?"}), "no array in"),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("file", "change", "words"), SPOILT)
def test_what_cannot_be_used_is_an_error(
    tmp_path: Path, plate: Path, zipped: bool, file: Any, change: Any, words: str
) -> None:
    [target, *_] = sorted(plate.glob(file))
    edit(target, change)
    source = archive(plate, tmp_path / "x.zarr.zip") if zipped else plate
    with pytest.raises(BadInput, match=rf'image file "{source.name}" (has|refers|lists).*{words}'):
        inspect(source)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("version", [FormatV04(), FormatV05()], ids=["0.4", "0.5"])
def test_what_is_missing_is_named_and_the_rest_used(
    tmp_path: Path, screen: Conversion, version: str, zipped: bool
) -> None:
    fields = {("A", str(i), f): pixels(1, 1, 1, 20, 30) for i in (1, 2, 3) for f in ("0", "1")}
    tree = tmp_path / "p.zarr"
    foreign_plate(tree, version, fields)
    shutil.rmtree(tree / "A" / "1" / "1")
    shutil.rmtree(tree / "A" / "2")
    full = min(path.name for path in (tree / "A" / "3" / "1").iterdir() if path.is_dir())
    shutil.rmtree(tree / "A" / "3" / "1" / full)
    file = archive(tree, tmp_path / "in" / "p.zarr.zip") if zipped else tree
    assert [(p.well, p.site) for p in read(inspect(file), file.name).planes] == [
        ("A01", 0),
        ("A03", 0),
    ]
    if zipped:
        screen.take(tmp_path / "in")
        assert screen.convert("imextract") == ""
        assert len(screen.shown()) == 2
        log = screen.log("metaextract")
        named = f'lists "A/1/1", "A/2", "A/3/1/{full}", which are not there, missing in it'
        assert named in log.replace('"A/2", "A/1/1"', '"A/1/1", "A/2"')


@pytest.mark.parametrize("mode", ["basic", "multiplexing"])
def test_acquisitions_of_a_plate_are_time_points_or_cycles(
    tmp_path: Path, screen: Conversion, mode: str
) -> None:
    fields = {("B", c, f): pixels(1, 2, 1, 20, 30, seed=int(c + f)) for c in "12" for f in "0123"}
    tree = tmp_path / "p.zarr"
    foreign_plate(tree, FormatV04(), fields)
    for column in "12":
        edit(tree / "B" / column / ".zattrs", number_runs)
    edit(tree / ".zattrs", lambda content: content["plate"].update(acquisitions=[{"id": 7}]))
    archive(tree, tmp_path / "in" / "p.zarr.zip")
    screen.set(plate_acquisition_mode=mode)
    screen.take(tmp_path / "in")
    assert screen.convert("imextract", n_horizontal=2) == ""
    cells = {(p.well, p.x, p.t if mode == "basic" else p.cycle) for p in screen.shown()}
    assert cells == {(w, x, run) for w in ("B01", "B02") for x in (0, 1) for run in (0, 1)}
    found = stored(screen)
    name, t = ("GFP", 1) if mode == "basic" else ("1_GFP", 0)
    # the plate lists acquisition 7 as its first
    assert np.array_equal(found["B02", (0, 1), name, t, 0], fields["B", "2", "2"][0, 1, 0])


def number_runs(content: Any) -> None:
    """Make of four images two of one acquisition and two of another, by turns."""
    for i, image in enumerate(content["well"]["images"]):
        image["acquisition"] = (7, 3)[i % 2 == 0]


def test_a_well_of_several_acquisitions_needs_its_plate(tmp_path: Path) -> None:
    fields = {("B", "1", f): pixels(1, 2, 1, 20, 30) for f in "0123"}
    foreign_plate(tmp_path / "p.zarr", FormatV04(), fields)
    edit(tmp_path / "p.zarr" / "B" / "1" / ".zattrs", number_runs)
    file = archive(tmp_path / "p.zarr" / "B" / "1", tmp_path / "well.zarr.zip")
    with pytest.raises(BadInput, match="a well of 2 acquisitions: zip the whole plate"):
        inspect(file)


def test_wells_of_early_versions_are_known_by_their_path(tmp_path: Path) -> None:
    foreign_plate(tmp_path / "p.zarr", FormatV04(), {("C", "4", "0"): pixels(1, 1, 1, 20, 30)})

    def forget(content: Any) -> None:
        for key in ("rowIndex", "columnIndex"):
            content["plate"]["wells"][0].pop(key)

    edit(tmp_path / "p.zarr" / ".zattrs", forget)
    [plane] = read(inspect(tmp_path / "p.zarr"), "p.zarr").planes
    assert plane.well == "C04"


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path, plate: Path) -> None:
    shutil.move(plate / "A" / "1" / "0", tmp_path / "elsewhere")
    (plate / "A" / "1" / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="link out of its folder"):
        inspect(plate)


def truncate(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])


def lead_out(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("../x", "")


def swell(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("bomb", b"", zipfile.ZIP_DEFLATED)
        target.getinfo("bomb").file_size = 1_200_000_000


def lock(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("secret", b"")
        target.getinfo("secret").flag_bits |= 1


def add_another(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("two/.zgroup", "{}")


def empty(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("notes.txt", "Nothing here.")


def garble(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as target:
        target.writestr(".zattrs", "[")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncate, "is truncated or damaged"),
        (lambda file: file.write_text("These are no pixels."), "no ZIP archive"),
        (lead_out, r'refers to "\.\./x", which is no path'),
        (swell, "unpacks to 1,200,000,000 bytes"),
        (lock, "is encrypted"),
        (add_another, 'several OME-Zarr, "one" and "two"'),
        (empty, "holds no OME-Zarr"),
        (garble, "no JSON object"),
    ],
)
def test_archives_that_could_do_harm_are_refused(
    tmp_path: Path, plate: Path, spoil: Any, words: str
) -> None:
    file = archive(plate, tmp_path / "x.zarr.zip", "one")
    spoil(file)
    with pytest.raises(BadInput, match=words):
        inspect(file)


def test_damage_of_pixels_is_named(tmp_path: Path, plate: Path) -> None:
    for chunk in (plate / "A" / "1" / "0").rglob("0"):
        if chunk.is_file():
            chunk.write_bytes(b"?")
    file = archive(plate, tmp_path / "x.zarr.zip")
    inspect(file)
    with pytest.raises(BadInput, match=r'"x\.zarr\.zip" is damaged at "A/1/0"'):
        read_source(file)
    with pytest.raises(BadInput, match='has no plane 2 in "A/1/0"'):
        read_source(file, plane=2)
