"""HDF5 files and OME-Zarr are read by h5grove's rules, and nothing that is not in them."""

import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from tmlib import beneath
from tmlib.beneath import Opened
from tmlib.errors import NotFound
from tmlib.facility.arrays import answers, service
from tmlib.facility.arrays.answers import Answer
from tmlib.facility.arrays.entities import MissingError, UnfitError
from tmlib.facility.arrays.hdf5 import Hdf5File
from tmlib.facility.arrays.service import ArrayProblem
from tmlib.facility.arrays.zarr_folders import ZarrFolder

COUNTS = np.arange(12, dtype=">f4").reshape(3, 4) - 2
COUNTS[0, 0] = np.nan
IMAGE = np.arange(60, dtype=np.uint16).reshape(6, 10)


@pytest.fixture(scope="module")
def hdf5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HDF5 file with all that is harmless, and much that is not."""
    folder = tmp_path_factory.mktemp("arrays")
    path, other = folder / "Run 1.h5", folder / "other.h5"
    with h5py.File(other, "w") as secret:
        secret["secret"] = [1, 2, 3]
    with h5py.File(path, "w") as made:
        entry = made.create_group("entry")
        entry.attrs["beamline"] = "Confocal"
        counts = entry.create_dataset("counts", data=COUNTS)
        counts.attrs.update({"unit": "photons", "gain": 2.5, "offsets": [1, 2], "none": np.nan})
        entry.create_dataset("image", data=IMAGE, chunks=(3, 5), compression="gzip")
        entry.create_dataset("names", data=["A01", "B02"])
        entry["link"] = h5py.SoftLink("/entry/counts")
        entry["broken"] = h5py.SoftLink("nowhere")
        entry["loop"] = h5py.SoftLink("/entry/loop")
        hostile = made.create_group("hostile")
        hostile["outside"] = h5py.ExternalLink(str(other), "/secret")
        hostile["through"] = h5py.SoftLink("/hostile/outside")
        layout = h5py.VirtualLayout((3,), dtype="i8")
        layout[:] = h5py.VirtualSource(str(other), "secret", shape=(3,))
        hostile.create_virtual_dataset("virtual", layout)
        hostile.create_dataset("raw", (9,), "u1", external=[("/etc/hostname", 0, 9)])
        hostile.create_dataset("huge", (1 << 40,), "u1")
        hostile.create_dataset("bomb", (1 << 31,), "u1", chunks=(1 << 30,), compression="gzip")
        hostile.create_dataset("links", (1,), h5py.ref_dtype)
    return path


@pytest.fixture
def file(hdf5: Path) -> Iterator[Hdf5File]:
    with opened(hdf5) as found:
        yield Hdf5File(found)


def opened(path: Path) -> Opened:
    return beneath.open_below(path.parent, path)


def parsed(answer: Answer) -> Any:
    assert answer.media_type == "application/json"
    return json.loads(answer.content)


def read(
    file: Hdf5File | ZarrFolder, path: str, selection: str | None = None, **how: Any
) -> Answer:
    options: dict[str, Any] = {"dtype": "origin", "form": "json", "flatten": False, **how}
    return answers.data(file, path, selection, **options)


def test_attributes_and_metadata(file: Hdf5File) -> None:
    told = {"unit": "photons", "gain": 2.5, "offsets": [1, 2], "none": None}
    assert parsed(answers.attributes(file, "/entry/counts", None)) == told
    some = parsed(answers.attributes(file, "/entry/link", ["unit", "gain"]))
    assert some == {"unit": "photons", "gain": 2.5}
    entry = parsed(answers.metadata(file, "/entry", "only_valid"))
    children = {child["name"]: child for child in entry.pop("children")}
    assert entry == {
        "attributes": [{"name": "beamline", "dtype": "|O", "shape": []}],
        "name": "entry",
        "type": "group",
    }
    image = {
        "attributes": [],
        "name": "image",
        "chunks": [3, 5],
        "dtype": "<u2",
        "filters": [{"id": 1, "name": "deflate"}],
        "shape": [6, 10],
        "type": "dataset",
    }
    alone = parsed(answers.metadata(file, "entry/image", "only_valid"))
    assert children["image"] == image == alone
    assert children["link"]["shape"] == [3, 4]
    broken = {"name": "broken", "target_path": "nowhere", "type": "soft_link"}
    assert children["broken"] == broken
    link = parsed(answers.metadata(file, "/entry/link", "none"))
    assert link == {"name": "link", "target_path": "/entry/counts", "type": "soft_link"}
    hostile = parsed(answers.metadata(file, "/hostile", "only_valid"))
    children = {child["name"]: child for child in hostile["children"]}
    assert children["outside"]["type"] == "external_link"
    assert children["virtual"]["shape"] is None
    with pytest.raises(MissingError):
        answers.metadata(file, "/entry", "all")


def test_values(file: Hdf5File) -> None:
    counts, image = "/entry/counts", "/entry/image"
    assert parsed(read(file, counts)) == [[None, -1, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]
    assert parsed(read(file, counts, "1:,-1")) == [5, 9]
    assert parsed(read(file, image, "::2, 1", flatten=True)) == [1, 21, 41]
    assert parsed(read(file, image, "5,9")) == 59
    assert parsed(read(file, "/entry/names")) == ["A01", "B02"]
    assert read(file, counts, "1:3", form="bin").content == COUNTS[1:].tobytes()
    safe = read(file, counts, "1:3", form="bin", dtype="safe")
    assert safe.content == COUNTS[1:].astype("<f4").tobytes()
    npy = read(file, image, form="npy")
    assert (np.load(io.BytesIO(npy.content)) == IMAGE).all()
    tiff = read(file, image, form="tiff")
    assert (tifffile.imread(io.BytesIO(tiff.content)) == IMAGE).all()
    assert read(file, image, "0,:3", form="csv").content == b"0\n1\n2\n"
    assert parsed(answers.statistics(file, counts, None)) == {
        "strict_positive_min": 1,
        "positive_min": 0,
        "min": -1,
        "max": 9,
        "mean": pytest.approx(4),
        "std": pytest.approx(np.arange(-1, 10).std()),
    }
    assert parsed(answers.statistics(file, image, "3:3"))["max"] is None


def test_values_and_attributes_of_rare_types(tmp_path: Path) -> None:
    path = tmp_path / "rare.h5"
    long = np.array([1.5, np.inf, 2], np.longdouble)
    compound = np.array([(1.5, 2j)], [("long", np.longdouble), ("complex", "c16")])
    with h5py.File(path, "w") as made:
        made.attrs["nothing"] = h5py.Empty("f4")
        made.attrs["long"], made.attrs["none"] = long, np.zeros((0, 2))
        made["long"], made["compound"] = long, compound
        made["complex"] = np.array([1 + 2j, complex(np.nan, 3)])
        made["empty"], made["zero"] = h5py.Empty("f4"), np.zeros((0, 2))
    file = Hdf5File(opened(path))
    told = parsed(answers.metadata(file, "/", "only_valid"))
    shapes = {one["name"]: one["shape"] for one in told["attributes"]}
    assert shapes == {"nothing": None, "long": [3], "none": [0, 2]}
    rare = {"nothing": None, "long": [1.5, None, 2], "none": []}
    assert parsed(answers.attributes(file, "/", None)) == rare
    assert parsed(read(file, "/long")) == [1.5, None, 2]
    assert parsed(read(file, "/complex")) == [[1, 2], [None, 3]]
    assert parsed(read(file, "/compound")) == [[1.5, [0, 2]]]
    assert parsed(read(file, "/zero")) == []
    assert read(file, "/complex", form="bin").content[:16] == np.array([1 + 2j]).tobytes()
    assert np.load(io.BytesIO(read(file, "/complex", form="npy").content))[0] == 1 + 2j
    for barred, form in (
        ("complex", "csv"),
        ("complex", "tiff"),
        ("long", "tiff"),
        ("zero", "tiff"),
    ):
        with pytest.raises(UnfitError):
            read(file, f"/{barred}", form=form)
    for barred in ("complex", "empty"):
        with pytest.raises(UnfitError):
            answers.statistics(file, f"/{barred}", None)
    assert parsed(answers.statistics(file, "/long", None))["mean"] == 1.75


@pytest.mark.parametrize(
    ("values", "mean", "spread"),
    [
        (np.array([1e38, 3e38], "<f4"), 2e38, 1e38),
        (np.array([60_000, 62_016], "<f2"), 61_008, 1008),
        (np.array([1e308, 1.5e308]), 1.25e308, 0.25e308),
        (np.array([1e-300, 3e-300]), 2e-300, 1e-300),
        (np.array([-(2**63), 2**63 - 1]), -0.5, 2.0**63),
        (np.array([2**64 - 1, 2**64 - 3], np.uint64), 2.0**64, 1),
        (np.full(1000, 16_777_217, np.float64).astype("<f4"), 16_777_216, 0),
        (np.array([True, False]), 0.5, 0.5),
        (np.zeros(3), 0, 0),
    ],
)
def test_statistics_of_numbers_however_large(
    tmp_path: Path, values: NDArray[Any], mean: float, spread: float
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as made:
        made["x"] = values
    told = parsed(answers.statistics(Hdf5File(opened(tmp_path / "x.h5")), "/x", None))
    # whole numbers of 64 bits have more digits than the mean
    exact = 1 if values.dtype.itemsize == 8 and values.dtype.kind in "iu" else 0
    assert told["mean"] == pytest.approx(mean, rel=1e-6, abs=exact)
    assert told["std"] == pytest.approx(spread, rel=1e-6, abs=exact)
    assert (told["min"], told["max"]) == (values.min(), values.max())


@pytest.mark.parametrize(
    ("path", "selection", "form"),
    [
        ("/hostile/outside", None, "json"),
        ("/hostile/through", None, "json"),
        ("/hostile/virtual", None, "json"),
        ("/hostile/raw", None, "json"),
        ("/hostile/huge", None, "bin"),
        ("/hostile/huge", ":2000000", "json"),
        ("/hostile/bomb", "0", "json"),
        ("/hostile/links", None, "json"),
        ("/entry/loop", None, "json"),
        ("/entry", None, "json"),
        ("/entry/names", None, "bin"),
        ("/entry/image", "6", "json"),
        ("/entry/image", "::0", "json"),
        ("/entry/image", "0,0,0", "json"),
        ("/entry/image", "0,x", "json"),
        ("/entry/nothing", None, "json"),
        ("/entry/counts/deeper", None, "json"),
        ("/../other", None, "json"),
        ("/hostile/outside/secret", None, "json"),
    ],
)
def test_what_must_not_be_read(file: Hdf5File, path: str, selection: str | None, form: str) -> None:
    with pytest.raises((MissingError, UnfitError)):
        read(file, path, selection, form=form)


def test_zarr(tmp_path: Path) -> None:
    path = tmp_path / "plate.ome.zarr"
    plate = zarr.open_group(path, mode="w", attributes={"ome": {"version": "0.5"}})
    plate.create_array("B/03", data=IMAGE, chunks=(3, 5))
    file = ZarrFolder(opened(path))
    assert parsed(answers.attributes(file, "/", None)) == {"ome": {"version": "0.5"}}
    [row] = parsed(answers.metadata(file, "/", "only_valid"))["children"]
    assert (row["name"], row["type"]) == ("B", "group")
    [image] = parsed(answers.metadata(file, "/B", "only_valid"))["children"]
    assert (image["shape"], image["chunks"], image["dtype"]) == ([6, 10], [3, 5], "<u2")
    assert parsed(read(file, "/B/03", "4:,7")) == [47, 57]
    for missing in ("/B/04", "/../plate.ome.zarr/B"):
        with pytest.raises(MissingError):
            read(file, missing)
    outside = tmp_path / "outside"
    (path / "B/03/c/0").rename(outside)
    (path / "B/03/c/0").symlink_to(outside)
    with pytest.raises(MissingError):
        read(file, "/B/03", "0")
    assert parsed(read(file, "/B/03", "5,0:2")) == [50, 51]


# of what is in a folder and no part of it
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_links_of_a_zarr_folder(tmp_path: Path) -> None:
    path, other = tmp_path / "plate.zarr", tmp_path / "other.zarr"
    for made in (path, other):
        zarr.open_group(made, mode="w").create_array("B", data=IMAGE)
    (path / "out").symlink_to(other / "B")
    (path / "loop").symlink_to("loop")
    (path / "C").symlink_to("B")
    os.mkfifo(path / "pipe")
    file = ZarrFolder(opened(path))
    told = parsed(answers.metadata(file, "/", "only_valid"))["children"]
    children = {child["name"]: child for child in told}
    assert children["out"] == {
        "name": "out",
        "target_path": str(other / "B"),
        "type": "soft_link",
    }
    assert {name for name, child in children.items() if child["type"] == "dataset"} == {"B", "C"}
    assert parsed(read(file, "/C", "5,9")) == 59
    for barred in ("/out", "/loop", "/pipe", f"/{'n' * 300}"):
        with pytest.raises(MissingError):
            read(file, barred)
    with pytest.raises(MissingError):
        answers.metadata(file, "/", "all")


def test_what_was_opened_is_read_whatever_comes_in_its_place(tmp_path: Path) -> None:
    own, secret = tmp_path / "own", tmp_path / "secret"
    for folder, value in ((own, 1), (secret, 2)):
        folder.mkdir()
        with h5py.File(folder / "a.h5", "w") as made:
            made["x"] = [value]
        zarr.open_group(folder / "a.zarr", mode="w").create_array("x", data=np.array([value]))
    everything: dict[str, Any] = {
        "selection": None,
        "dtype": "origin",
        "form": "json",
        "flatten": False,
    }
    with opened(own / "a.h5") as file, opened(own / "a.zarr") as store:
        for name in ("a.h5", "a.zarr"):
            (own / name).rename(tmp_path / name)
            (own / name).symlink_to(secret / name)
        with service.ask(file, "data", "/x", everything).content as sent:
            assert json.load(sent) == [1]
        assert parsed(read(ZarrFolder(store), "/x")) == [1]


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_zarr_that_would_run_code(tmp_path: Path) -> None:
    path = tmp_path / "array.zarr"
    path.mkdir()
    for compressor, filters in (({"id": "pickle"}, None), (None, [{"id": "pickle"}])):
        described = {
            "zarr_format": 2,
            "shape": [1],
            "chunks": [1],
            "dtype": "<i4",
            "compressor": compressor,
            "filters": filters,
            "fill_value": 0,
            "order": "C",
        }
        (path / ".zarray").write_text(json.dumps(described))
        (path / "0").write_bytes(pickle.dumps(Attack(tmp_path / "made")))
        with pytest.raises((NotFound, ArrayProblem)):
            service.ask(
                opened(path),
                "data",
                "/",
                {"selection": None, "dtype": "origin", "form": "json", "flatten": False},
            )
        assert not (tmp_path / "made").exists()


def test_a_file_that_is_damaged_or_takes_too_long_is_given_up(hdf5: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(hdf5.read_bytes()[:3000])
    with pytest.raises(NotFound, match="cannot be read"):
        service.ask(opened(damaged), "statistics", "/entry/image", {"selection": None})
    with pytest.raises(NotFound, match="cannot be read"):
        service.ask(opened(hdf5), "statistics", "/entry/image", {"selection": None}, seconds=0)


ASK = """
import resource, sys
from pathlib import Path
from tmlib import beneath
from tmlib.errors import Busy
from tmlib.facility.arrays import service
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path(sys.argv[1])
how = {"selection": None, "dtype": "origin", "form": "bin", "flatten": False}
with beneath.open_below(path.parent, path) as file:
    print(service.ask(file, "data", "/small", how).size)
    try:
        print(service.ask(file, "data", "/large", how).size)
    except Busy:
        print("busy")
"""


def test_of_an_answer_that_has_no_room_nothing_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as made:
        made.create_dataset("small", (90_000,), "u1")
        made.create_dataset("large", (200_000,), "u1")
    told = subprocess.run(
        [sys.executable, "-c", ASK, path], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["90000", "busy"]
