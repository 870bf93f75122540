"""The Python client against the running product: nothing gets lost, nothing changes on the way."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services.breaking_proxy import breaking_proxy
from tests.services.installation import USER, Installation, await_removal
from tmclient import (
    LoginError,
    RequestError,
    ResourceError,
    TmClient,
    UploadError,
    files,
    resumable,
)
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.ids import decode_id
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.storage import ExperimentStorage

SITE = (sample.PLATE, "B02", 0, 1)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Send all images in pieces, as large files are."""
    monkeypatch.setattr(files, "LARGE_FILE", 100_000)
    monkeypatch.setattr(resumable, "_PIECE", 64 * 1024)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_an_upload_that_breaks_goes_on_and_is_analysed(
    installation: Installation, small_pieces: None, tmp_path: Path
) -> None:
    plate = simulate_plate(
        tmp_path / "plate", wells=["B02"], rows=1, columns=2, height=400, width=400
    )
    size = 400 * 400 * 2
    token = None
    with installation.client("breaks") as client:
        created = client.create_experiment(microscope_type="cellvoyager", plate_format=96)
        client.create_plate("plate")
        client.create_acquisition("plate", "first")
        token = client.create_token("uploader", scope="write", days=1)["token"]
    with breaking_proxy(installation.url) as proxy:
        proxy.limit = 2 * size - 20_000
        with (
            TmClient(url=proxy.url, token=token, experiment_name="breaks") as client,
            pytest.raises(UploadError, match=r"\d of 6 files could not be sent"),
        ):
            client.upload_microscope_files("plate", "first", plate.folder, retry=0)
        sent_before, proxy.limit = proxy.n_sent, None
        # what a new program does, which knows nothing of the first
        with TmClient(url=proxy.url, token=token, experiment_name="breaks") as client:
            assert client.count_uploaded_files("plate", "first") == 3
            upload = client.upload_microscope_files("plate", "first", plate.folder, parallel=2)
            assert (len(upload.sent), len(upload.present)) == (3, 3)
            files = client.get_microscope_files("plate", "first")
            assert [file["status"] for file in files] == ["COMPLETE"] * 6
        # most of the file in whose middle it broke was not sent again
        assert proxy.n_sent - sent_before < 2.5 * size
    folder = ExperimentStorage(installation.data_dir, decode_id(created["id"])).root
    for file in (*plate.image_files, *plate.metadata_files):
        (stored,) = folder.glob(f"plates/*/*/*/*/{file.name}")
        assert stored.read_bytes() == file.read_bytes()

    with installation.client("breaks") as client:
        project = nuclei_and_cells("1", "2").to_dict()
        client.upload_jterator_project(project["pipeline"], project["handles"])
        client.submit_workflow()
        assert not sample.wait_for_end(client)["failed"]
        for site in plate.sites:
            labels = client.download_segmentation_image("Nuclei", "plate", "B02", site.y, site.x)
            assert sample.f1_score(site.nuclei(), labels) >= 0.9
        client.delete_experiment()
        client.delete_token("uploader")


def test_names_arrive_as_they_are(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plates = ['a"b', "a%22b", "50%", "%0A", "ü 日本", "it's; x=(1)", "a&quot;b", "*"]
    names = {f"{plate}_A01_T0001F001L01A01Z01C01.tif" for plate in plates}
    folder = tmp_path / "images"
    with installation.client("names") as client:
        created = client.experiments.create(microscope_type="cellvoyager", plate_format=96)
        client.plates.create("plate")
        stored = ExperimentStorage(installation.data_dir, decode_id(created["id"])).root
        for how, smallest in (("together", 16), ("alone", 0), ("in pieces", 0)):
            monkeypatch.setattr(files, "SMALL_FILE", smallest)
            if how == "in pieces":
                monkeypatch.setattr(files, "LARGE_FILE", 1)
            for name in names:
                (folder / how / "100%").mkdir(parents=True, exist_ok=True)
                (folder / how / "100%" / name).write_text(name)
            client.acquisitions.create("plate", how)
            upload = client.microscope_files.upload(
                "plate", how, folder / how, delete_after_upload=True
            )
            assert set(upload.sent) == {f"100%/{name}" for name in names}
            assert client.microscope_files.count_uploaded("plate", how) == len(names)
            assert not [file for file in folder.rglob("*") if file.is_file()]
        arrived = [file for file in stored.rglob("100%/*") if file.is_file()]
        assert sorted(file.name for file in arrived) == sorted([*names] * 3)
        assert all(file.read_text() == file.name for file in arrived)
        backslash = "a\\b_A01_T0001F001L01A01Z01C01.tif"
        (folder / backslash).write_text("x")
        with pytest.raises(RequestError, match="not a usable file name"):
            client.microscope_files.upload("plate", "alone", folder, delete_after_upload=True)
        assert (folder / backslash).exists()
        client.experiments.delete()


def test_values_are_the_same_in_all_forms(finished: Finished, tmp_path: Path) -> None:
    client = finished.client
    values = client.download_feature_values("Nuclei")
    assert list(values.dtypes)[:2] == [np.dtype("int64"), np.dtype("float64")]
    parts = list(client.iterate_feature_values("Nuclei"))
    assert_frame_equal(pd.concat(parts, ignore_index=True), values, check_exact=True)
    parquet = client.download_table_file("Nuclei", tmp_path, table_format="parquet")
    assert parquet.suffix == ".parquet"
    assert_frame_equal(pd.read_parquet(parquet), values, check_exact=True)
    wells = client.download_feature_values_and_metadata_files("Nuclei", tmp_path, parallel=2)
    assert len(wells) == 2 * len(sample.WELLS)
    text = pd.concat([pd.read_csv(file) for file in wells if "values" in file.name])
    # text has six digits after the point
    text, values = (one.set_index("mapobject_id").sort_index() for one in (text, values))
    assert_frame_equal(text, values, check_exact=False, rtol=0, atol=0.6e-6)


def test_values_are_those_of_the_labels_and_images(
    finished: Finished, sample_plate: SamplePlate
) -> None:
    client = finished.client
    labels = client.download_segmentation_image("Nuclei", *SITE)
    image = client.download_channel_image("1", *SITE, correct=False)
    (sent,) = (
        f for f in sample_plate.image_files if "_B02_T0001F002" in f.name and "C01" in f.name
    )
    assert np.array_equal(image, tifffile.imread(sent))
    places = client.download_object_metadata("Nuclei", *SITE)
    table = places.merge(client.download_feature_values("Nuclei", *SITE), on="mapobject_id")
    table = table.set_index("label").sort_index()
    assert list(table.index) == [label for label in np.unique(labels) if label]
    assert list(table.Morphology_Area) == list(np.bincount(labels.ravel())[1:])
    first = int(table.mapobject_id.iloc[0])
    assert client.get_mapobject(first)["label"] == table.index[0]
    pictures = client.exhibit_mapobject(first, ["1", "2"], extra_margin=3)
    rows, columns = np.nonzero(labels == table.index[0])
    height = min(rows.max() + 4, sample.SIZE) - max(rows.min() - 3, 0)
    width = min(columns.max() + 4, sample.SIZE) - max(columns.min() - 3, 0)
    assert [picture.shape for picture in pictures] == [(height, width, 3)] * 2


def test_files_hold_what_arrays_do(finished: Finished, tmp_path: Path) -> None:
    client = finished.client
    image = client.download_channel_image("1", *SITE)
    for image_format in ("png", "tiff"):
        file = client.download_channel_image_file(
            "1", *SITE, directory=tmp_path, image_format=image_format
        )
        assert file.suffix.startswith(f".{image_format[:3]}")
        read: Callable[[Path], Any] = tifffile.imread if image_format == "tiff" else files_pixels
        assert np.array_equal(read(file), image)
    labels = client.download_segmentation_image("Cells", *SITE)
    for image_format in ("png", "tiff", "npz", "zarr"):
        file = client.download_segmentation_image_file(
            "Cells", *SITE, directory=tmp_path, image_format=image_format
        )
        assert file.is_file()
        if image_format in ("png", "tiff"):
            read = tifffile.imread if image_format == "tiff" else files_pixels
            assert np.array_equal(read(file), labels)


def files_pixels(file: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image)


def test_tiles_are_the_map(finished: Finished) -> None:
    client = finished.client
    (layer,) = client.get_channel_layers("1", 0, 0)
    zoom = layer["max_zoom"]
    tile = client.download_channel_tile_image(layer["id"], x=0, y=0, z=zoom, minimum=0, maximum=400)
    image = client.download_channel_image("1", sample.PLATE, "B02", 0, 0)
    expected = np.clip(image[:256, :256].astype(float) / 400, 0, 1) * 255
    assert np.abs(tile - expected).max() <= 1
    (layer,) = client.get_segmentation_layers("Nuclei", 0, 0)
    found = client.download_segmentation_tile(layer["id"], x=0, y=0, z=zoom)
    labels = client.download_segmentation_image("Nuclei", sample.PLATE, "B02", 0, 0)
    places = client.download_object_metadata("Nuclei", sample.PLATE, "B02", 0, 0)
    here = places[places.label.isin(np.unique(labels[:256, :256]))]
    assert {feature["id"] for feature in found["features"]} >= set(here.mapobject_id)


@pytest.fixture
def drawn(finished: Finished) -> Iterator[TmClient]:
    """A type of objects for a test to draw."""
    finished.client.create_mapobject_type("Drawn")
    yield finished.client
    finished.client.delete_mapobject_type("Drawn")


def test_objects_and_values_of_others_come_back_as_they_went(
    drawn: TmClient, tmp_path: Path
) -> None:
    labels = np.zeros((sample.SIZE, sample.SIZE), np.int32)
    labels[10:20, 30:50], labels[200:300, 0:7] = 70_000, 3
    drawn.upload_segmentation_image("Drawn", *SITE, tpoint=0, zplane=0, image=labels)
    assert np.array_equal(drawn.download_segmentation_image("Drawn", *SITE), labels)
    for name in ("labels.tif", "labels.npz"):
        smaller = labels // 10
        np.savez(tmp_path / "labels.npz", segmentation=smaller)
        tifffile.imwrite(tmp_path / "labels.tif", smaller)
        drawn.upload_segmentation_image_file("Drawn", *SITE, 0, 0, tmp_path / name)
        assert np.array_equal(drawn.download_segmentation_image("Drawn", *SITE), smaller)
        drawn.upload_segmentation_image("Drawn", *SITE, tpoint=0, zplane=0, image=labels)
    with pytest.raises(ResourceError, match=r"labels\.bmp is no label image"):
        drawn.upload_segmentation_image_file("Drawn", *SITE, 0, 0, tmp_path / "labels.bmp")
    csv = tmp_path / "values.csv"
    csv.write_text("object_number,hue,age\n70000,0.1,\n3,-2.5e-9,4\n")
    drawn.upload_feature_value_file("Drawn", *SITE, tpoint=0, filename=csv)
    values = drawn.download_feature_values("Drawn")
    table = drawn.download_object_metadata("Drawn").merge(values, on="mapobject_id")
    table = table.set_index("label").loc[[70_000, 3], ["hue", "age"]]
    assert np.array_equal(table, [[0.1, np.nan], [-2.5e-9, 4]], equal_nan=True)
    drawn.rename_feature("Drawn", "hue", "colour")
    drawn.delete_feature("Drawn", "age")
    assert list(drawn.download_feature_values("Drawn")) == ["mapobject_id", "colour"]
    unknown = pd.DataFrame({"size": [1.0]}, index=[5])
    with pytest.raises(RequestError, match=r"label.* 5"):
        drawn.upload_feature_values("Drawn", *SITE, tpoint=0, data=unknown)


def test_how_light_and_alignment_are_is_told(finished: Finished) -> None:
    found = finished.client.get_illumination()
    assert {one["channel_name"] for one in found} == {"1", "2"}
    assert finished.client.get_site_shifts(sample.PLATE, "B02", omitted=False) == []
    client = finished.client
    client.describe_experiment("new words")
    client.describe_plate(sample.PLATE, "of a plate")
    (acquisition,) = client.get_acquisitions(sample.PLATE)
    client.describe_acquisition(sample.PLATE, acquisition["name"], "of its images")
    client.describe_well(sample.PLATE, "B02", {"treatment": "DMSO"})
    assert client.get_experiment()["description"] == "new words"
    assert client.get_plates()[0]["description"] == "of a plate"
    assert client.get_acquisitions()[0]["description"] == "of its images"
    assert client.get_wells()[0]["description"] == {"treatment": "DMSO"}


def test_tools_are_asked_and_tell(finished: Finished) -> None:
    client = finished.client
    assert "Heatmap" in [tool["name"] for tool in client.get_tools()]
    payload = {"chosen_object_type": "Nuclei", "selected_feature": "Morphology_Area"}
    submission = client.request_tool("Heatmap", payload)
    result = client.wait_for_tool(submission, interval=0.1)
    assert result["tool_name"] == "Heatmap"
    (job,) = client.get_tools_status(submission_id=submission)
    assert {"stdout", "stderr"} <= client.get_tool_job_log(job["name"], submission).keys()
    layer = client.get_segmentation_layers("Nuclei")[0]["id"]
    zoom = client.get_channels()[0]["layers"][0]["max_zoom"]
    tile = client.download_labeled_tile(layer, x=0, y=0, z=zoom, result_id=result["id"])
    values = client.download_feature_values("Nuclei").set_index("mapobject_id").Morphology_Area
    labels = {one["id"]: float(one["properties"]["label"]) for one in tile["features"]}
    assert labels
    assert labels == {number: values[number] for number in labels}
    client.rename_tool_result(result["name"], "areas")
    assert [one["name"] for one in client.get_tool_results()] == ["areas"]
    client.delete_tool_result("areas")
    assert client.get_tool_results() == []


def test_models_and_wells_of_tools_go_into_files(finished: Finished, tmp_path: Path) -> None:
    client = finished.client
    of_nuclei = {"chosen_object_type": "Nuclei", "selected_features": ["Morphology_Area"]}
    options = {"method": "kmeans", "k": 2}

    def ask(tool: str, **payload: Any) -> dict[str, Any]:
        result = client.wait_for_tool(client.request_tool(tool, payload), interval=0.1)
        client.rename_tool_result(result["name"], tool)
        return result

    ask("Clustering", **of_nuclei, options=options)
    (model,) = client.get_tool_models()
    file = client.download_tool_model(model["name"], tmp_path)
    client.delete_tool_model(model["name"])
    imported = client.upload_tool_model("sizes", file)
    assert imported["features"] == ["Morphology_Area"]
    client.rename_tool_model("sizes", "two sizes")
    (model,) = client.get_tool_models(of_all_experiments=True)
    ask("Prediction", chosen_object_type="Nuclei", model_id=model["id"])
    pairs = client.compare_tool_results("Clustering", "Prediction")
    assert all(pair["label"] == pair["other_label"] for pair in pairs)
    ask("Aggregation", **of_nuclei, statistics=["mean"])
    wells = pd.read_csv(client.download_tool_wells("Aggregation", tmp_path))
    labels = pd.read_parquet(client.download_tool_labels("Clustering", tmp_path, "parquet"))
    assert len(wells) == len(client.get_wells())
    assert wells["n_objects"].sum() == len(labels) == sum(pair["n_objects"] for pair in pairs)
    submission = client.request_tool("Aggregation", of_nuclei)
    client.wait_for_tool(submission, interval=0.1)
    client.kill_tool_job(submission)
    for result in client.get_tool_results():
        client.delete_tool_result(result["name"])
    client.delete_tool_model("two sizes")


@pytest.fixture
def friend(installation: Installation) -> Iterator[str]:
    """Another user."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, "friend", "a friend's password", "friend@example.org")
    yield "friend"
    await_removal(database)
    with database.transaction() as session:
        session.delete(service.find_user(session, "friend"))
    database.close()


def test_experiments_are_shared_and_given_away(installation: Installation, friend: str) -> None:
    other = TmClient(url=installation.url, username=friend, password="a friend's password")
    with installation.client("shared") as client, other:
        client.create_experiment()
        other.experiment_name = "shared"
        client.share_experiment(friend)
        assert client.get_shares() == [{"user": friend, "permission": "read"}]
        assert other.get_plates() == []
        with pytest.raises(RequestError) as caught:
            other.create_plate("mine")
        assert caught.value.status_code == 403
        client.share_experiment(friend, "write")
        other.create_plate("mine")
        client.transfer_experiment(friend)
        assert other.get_experiment()["user"] == friend
        other.unshare_experiment(USER)
        with pytest.raises(RequestError) as caught:
            client.get_plates()
        assert caught.value.status_code == 404
        other.delete_experiment()


def test_tokens_do_what_they_are_for(installation: Installation, friend: str) -> None:
    password = "a friend's password"
    with TmClient(url=installation.url, username=friend, password=password) as client:
        secret = client.create_token("reader", days=1)["token"]
        assert [token["name"] for token in client.get_tokens()] == ["reader"]
        with TmClient(url=installation.url, token=secret, experiment_name="x") as reader:
            assert reader.get_profile()["name"] == friend
            with pytest.raises(RequestError, match="only read"):
                reader.create_experiment()
            client.delete_token("reader")
            with pytest.raises(LoginError, match="no such token"):
                reader.get_experiments()
        client.change_password(password, "another long password")
        client.update_profile("new@example.org")
        assert client.get_profile()["email"] == "new@example.org"
        client.log_out()
    with (
        TmClient(url=installation.url, username=friend, password=password) as client,
        pytest.raises(LoginError, match="wrong"),
    ):
        client.get_experiments()


def test_signed_addresses_need_no_login(finished: Finished, tmp_path: Path) -> None:
    import requests

    client = finished.client
    layer = client.get_channels()[0]["layers"][0]["id"]
    path = f"/api/experiments/{client.experiment_id}/channel_layers/{layer}/tiles"
    (url,) = client.sign_urls([path], seconds=60)
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(f"{url}&x=0&y=0&z=0&format=png", timeout=60)
    assert response.content == client.download_channel_tile(layer, x=0, y=0, z=0)


def test_images_can_be_sent_as_png_and_deleted_here(
    installation: Installation, tmp_path: Path
) -> None:
    plate = simulate_plate(
        tmp_path / "plate", wells=["B02"], rows=1, columns=1, height=128, width=128
    )
    folder = tmp_path / "images"
    folder.mkdir()
    for file in (*plate.image_files, *plate.metadata_files):
        shutil.copy(file, folder)
    with installation.client("converted") as client:
        client.create_experiment(microscope_type="cellvoyager", plate_format=96)
        client.create_plate("plate")
        client.create_acquisition("plate", "first")
        upload = client.upload_microscope_files(
            "plate", "first", folder, convert=True, delete_after_upload=True
        )
        assert {Path(name).suffix for name in upload.sent} == {".png", ".mlf", ".mrf"}
        assert not list(folder.iterdir())
        for file in plate.image_files:
            (stored,) = installation.data_dir.glob(f"experiments/*/plates/*/*/*/*/{file.stem}.png")
            assert np.array_equal(files_pixels(stored), tifffile.imread(file))
        client.delete_experiment()
