"""Tables of objects in files, which the programs that they are for read back."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr_models
import pytest
import zarr

from tests.services import anndata_reader, environments
from tests.services.zarr_content import attributes_of, pixels_in, validated
from tests.tmserver.api.conftest import LABELS, PLACE
from tests.tmserver.api.crowd import Crowd, crowd
from tests.tmserver.conftest import Person
from tmlib.settings import Settings

__all__ = ["crowd"]

MEAN = "Intensity, mean"


@pytest.fixture(scope="session")
def anndata(request: pytest.FixtureRequest) -> Path:
    """An interpreter with anndata, kept for later runs of the tests."""
    return environments.python_with(request.config, "anndata", anndata_reader.REQUIREMENTS)


def read(anndata: Path, folder: Path, *sources: Path) -> list[dict[str, Any]]:
    target = folder / "found.json"
    environments.run(anndata, anndata_reader.SESSION, target, *sources)
    found: list[dict[str, Any]] = json.loads(target.read_text())
    return found


def download(owner: Person, path: str, target: Path, **query: Any) -> Path:
    answer = owner.request("GET", path, query_string=query)
    assert answer.status_code == 200, answer.text
    if (length := answer.headers.get("Content-Length")) is not None:
        assert int(length) == len(answer.data)
    target.write_bytes(answer.data)
    return target


@pytest.mark.timeout(900)  # the first run also installs anndata
def test_anndata_reads_the_same(
    crowd: Crowd, anndata: Path, settings: Settings, tmp_path: Path
) -> None:
    classes, path = crowd.clustering(), f"{crowd.path}/anndata"
    every = download(crowd.owner, path, tmp_path / "every.h5ad")
    some = download(
        crowd.owner, path, tmp_path / "some.h5ad",
        columns='["Area"]', dtype="float32", well_name="A01",
        filter=json.dumps([{"column": "Area", "min": 50}]),
    )  # fmt: skip
    none = download(
        crowd.owner, path, tmp_path / "none.h5ad", columns="[]",
        filter=json.dumps([{"column": "Area", "min": 1e9}]),
    )  # fmt: skip
    found, part, nothing = read(anndata, tmp_path, every, some, none)
    frame = crowd.frame
    assert found["features"] == ["Area", MEAN]
    expected = frame[["Area", MEAN]].astype(object).where(frame[["Area", MEAN]].notna(), None)
    assert found["X"] == expected.to_numpy().tolist()
    # an object at several time points has a name for each
    assert found["index"] == [f"{row.mapobject_id}_t{row.tpoint}_z0" for row in frame.itertuples()]
    assert found["spatial"] == frame[["centroid_x", "centroid_y"]].to_numpy().tolist()
    for name in ("mapobject_id", "label", "tpoint", "is_border", "plate_name", "well_pos_x"):
        assert found["obs"][name] == frame[name].tolist()
    assert sorted(found["categorical"]) == sorted(["plate_name", "well_name", classes])
    page = crowd.owner.get(f"{crowd.path}/table", columns=json.dumps([classes]))
    assert found["obs"][classes] == [row[0] for row in page["rows"]]
    chosen = frame.query("Area >= 50 and well_name == 'A01'")
    assert (part["features"], part["dtype"]) == (["Area"], "float32")
    assert part["X"] == chosen[["Area"]].to_numpy().tolist()
    assert (nothing["features"], nothing["index"]) == ([], [])
    assert list((settings.resolved_cache_dir / "exports").iterdir()) == []


@pytest.mark.timeout(900)  # the first run also installs anndata
def test_labels_with_their_tables(owner: Person, cells: str, anndata: Path, tmp_path: Path) -> None:
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    site = {name: PLACE[name] for name in PLACE if name != "zplane"}
    owner.post(f"{cells}/feature-values", **site, names=["Size"], labels=[1, 7], values=[[4], [7]])
    sources = []
    for images in ("false", "true"):
        query = {"plate_name": "Plate 1", "well_name": "A01", "images": images}
        archive = download(owner, f"{cells}/ome-zarr", tmp_path / f"{images}.zip", **query)
        folder = tmp_path / images
        zipfile.ZipFile(archive).extractall(folder)
        field = folder / "A" / "01" / "0"
        assert zarr.open_group(field / "tables", mode="r").attrs["tables"] == ["Cells"]
        validated(field / "labels" / "Cells")
        assert np.array_equal(pixels_in(field / "labels" / "Cells" / "0")[0, 0], LABELS)
        assert attributes_of(field / "labels")["ome"]["labels"] == ["Cells"]
        table = attributes_of(field / "tables" / "Cells")
        assert (table["type"], table["instance_key"]) == ("feature_table", "label")
        assert (field / "tables" / table["region"]["path"]).resolve() == field / "labels" / "Cells"
        # an archive is a store too
        with zarr.storage.ZipStore(archive, mode="r") as store:
            assert "A/01/0/labels/Cells" in zarr.open_group(store, mode="r")
        sources.append(field / "tables" / "Cells")
    ome_zarr_models.open_ome_zarr(zarr.open_group(tmp_path / "true", mode="r"))
    image = zarr.open_group(tmp_path / "true" / "A" / "01" / "0", mode="r")
    ome_zarr_models.open_ome_zarr(image)
    for found in read(anndata, tmp_path, *sources):
        assert (found["features"], found["X"]) == (["Size"], [[4.0], [7.0]])
        assert found["obs"]["label"] == [1, 7]
        assert found["obs"]["well_name"] == ["A01", "A01"]


def test_what_cannot_be_exported(
    crowd: Crowd, owner: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{crowd.path}/anndata"
    for query, reason in (
        ({"columns": '["well_name"]'}, "is no feature"),
        ({"columns": '["Nothing"]'}, 'no column "Nothing"'),
        ({"dtype": "int8"}, "'float32' or 'float64'"),
    ):
        assert reason in owner.refused("GET", path, 400, query_string=query)
    archive = f"{crowd.path}/ome-zarr"
    assert '"plate_name"' in owner.refused("GET", archive, 400)
    assert '"Plate 9"' in owner.refused("GET", f"{archive}?plate_name=Plate 9", 404)
    assert "no label images" in owner.refused("GET", f"{archive}?plate_name=Plate 1", 404)

    def full(*_: Any, **__: Any) -> io.BytesIO:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", full)
        assert "No space left" in owner.refused("GET", path, 503)
    shutil.rmtree(settings.resolved_cache_dir)
    for file in crowd.storage.root.rglob("*.parquet"):
        file.unlink()
    for route in (path, f"{archive}?plate_name=Plate 1"):
        owner.refused("GET", route, 409)
    for name in ("anndata", "ome-zarr?plate_name=Plate 1"):
        owner.refused("GET", f"{crowd.experiment}/mapobject_types/99/{name}", 404)
