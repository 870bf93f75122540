"""What our pipeline has made is published, downloaded by the CryoET Data Portal's client, and shown
by Neuroglancer."""

import hashlib
import json
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import mrcfile
import numpy as np
import psutil
import pytest
import requests
import yaml
import zarr
from click.testing import CliRunner
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from playwright.sync_api import Page

from tests.acceptance import sample
from tests.acceptance.sample import Finished
from tests.services import catalogue_client, environments, neuroglancer
from tests.services.browser import browser_page
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmclient.command_line import cli
from tmlib.settings import Settings

SESSION = Path(__file__).with_name("published_dataset_session.py")
COPICK = SESSION.with_name("copick_session.py")
DEADLINE_SECONDS = 240
N_KILLED = 2
TITLE = "Simulated cells, published"
DESCRIPTION = {
    "deposition": {"title": TITLE, "description": "Of nobody."},
    "dataset": {"title": TITLE, "description": "Two wells.", "sample_type": "in_silico"},
    "authors": [{"name": "Ada", "orcid": "0000-0002-1825-0097"}],
    "funding": [{"funding_agency_name": "Fund", "grant_id": "1"}],
    "annotations": [
        {
            "mapobject_type": kind,
            "object_id": "GO:0005634",
            "annotation_method": "threshold and watershed",
            "method_links": [{"link_type": "source_code", "link": "https://lab.example"}],
        }
        for kind in sample.OBJECT_TYPES
    ],
    "plate_maps": True,
    "voxel_spacing": 3250.0,
}

# the first run also installs the clients
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def published(
    installation: Installation, finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> TmClient:
    """The client of an experiment that is published."""
    publish(installation, finished.client, tmp_path_factory.mktemp("publication"))
    return finished.client


def test_the_published_client_downloads_what_the_pipeline_has_made(
    installation: Installation, published: TmClient, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    client = published
    for version in catalogue_client.VERSIONS:
        folder = tmp_path / version
        kept = download(installation, pytestconfig, version, folder)
        check_rows(kept, client)
        root = folder / str(kept["dataset"]["id"])
        lines = (root / "checksums_sha256.txt").read_text().splitlines()
        assert len(lines) == sum(path.is_file() for path in root.rglob("*")) - 1
        for line in lines:
            digest, _, name = line.partition("  ")
            assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest
        check_volumes(kept, client, folder)
    check_maps(kept, client, root)
    check_anonymous(installation, kept, root)
    for row in kept["tomograms"]:
        check_files(row, root)


def test_copick_opens_a_published_run(
    installation: Installation, published: TmClient, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    if pytestconfig.getoption("--databases") != "all":
        pytest.skip("copick and what it needs are 800 MB, which make test-all installs")
    kept = download(installation, pytestconfig, catalogue_client.VERSIONS[0], tmp_path / "client")
    [run_id] = [one["id"] for one in kept["runs"] if one["name"] == kept["run"]]
    copick = environments.python_with(pytestconfig, "copick", ["copick==1.31.0"])
    environments.run(copick, COPICK, installation.url, kept["dataset"]["id"], run_id, tmp_path)
    check_copick(json.loads((tmp_path / "found.json").read_bytes()), kept, published, tmp_path)


def download(
    installation: Installation, config: pytest.Config, version: str, folder: Path
) -> dict[str, Any]:
    """Download everything with the published client; tells what it has found."""
    folder.mkdir()
    python = catalogue_client.python(config, version)
    environments.run(python, SESSION, installation.url, TITLE, folder)
    kept: dict[str, Any] = json.loads((folder / "kept.json").read_bytes())
    return kept


def test_neuroglancer_shows_what_was_published(
    installation: Installation, published: TmClient, pytestconfig: pytest.Config
) -> None:
    [first, *_] = runs_seen(installation)
    text = requests.get(f"{installation.url}/catalogue/runs/{first}", timeout=60).text
    [picture] = re.findall(r'<img[^>]* src="([^"]*)"', text)
    shown = requests.get(urljoin(f"{installation.url}/catalogue/runs/", picture), timeout=60)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")
    found = re.search(f'href=.{Settings().neuroglancer_url}/#!([^"]*)', text)
    assert found is not None
    # it looks for other versions of Zarr than this one
    with neuroglancer.served(pytestconfig) as address, browser_page(expected=("404",)) as page:
        page.goto(f"{address}/#!{found[1]}")
        layers = neuroglancer.wait_until_drawn(page)
        image, *hidden = [one["name"] for one in layers if one["type"] == "image"]
        assert len(hidden) == len(published.channels.list()) - 1
        seen = neuroglancer.picture(page)
        for kind, color in zip(sample.OBJECT_TYPES, ([255, 255, 0], [0, 255, 255]), strict=True):
            [points, labels] = sorted(
                (one["name"] for one in layers if one["name"].startswith(kind)), reverse=True
            )
            assert (seen == color).all(axis=2).any()
            places = page.evaluate("name => neuroglancer.points(name)", points)
            assert len(places) > 10
            below = [value_at(page, labels, place) for place in places]
            # each lies on an object of its own, but for those that bend around their centres
            assert len(set(below) - {0}) > 0.9 * len(places)
        edge = sample.SIZE - 1
        corners = [[0, 0, 0], [edge, 0, 0], [0, edge, 0], [edge, edge, 0]]
        assert None not in [value_at(page, image, place) for place in corners]
        assert value_at(page, image, [edge + 1, 0, 0]) is None


def value_at(page: Page, layer: str, place: Sequence[float]) -> float | None:
    """What Neuroglancer has of a layer at a place (x, y, z)."""
    value: float | None = page.evaluate(
        "([name, place]) => neuroglancer.valueAt(name, place)", [layer, place]
    )
    return value


def publish(installation: Installation, client: TmClient, folder: Path) -> None:
    """Publish by command, while workers are killed; nobody sees a part of it."""
    path = folder / "publication.yaml"
    path.write_text(yaml.safe_dump(DESCRIPTION))
    login = ["-H", installation.url, "-u", USER, "-p", PASSWORD]
    words = ["publication", "-e", str(client.experiment_name)]
    created = CliRunner().invoke(cli, [*login, *words, "create", "--file", str(path)])
    assert created.exit_code == 0, created.output
    assert created.output.startswith("Deposition ")
    deadline = time.monotonic() + DEADLINE_SECONDS
    n_killed = 0
    while (status := client.publications.list()[-1])["state"] != "done":
        assert status["error"] is None
        assert time.monotonic() < deadline, status
        seen = runs_seen(installation)
        # what was published between the two questions is seen whole
        assert not seen or client.publications.list()[-1]["state"] == "done"
        if n_killed < N_KILLED and status["state"] == "running":
            n_killed += 1
            for worker in installation.children("celery"):
                with suppress(psutil.NoSuchProcess):
                    worker.send_signal(signal.SIGKILL)
    assert n_killed > 0
    assert len(runs_seen(installation)) == len(sample.WELLS) * (sample.ROWS * sample.COLUMNS + 1)
    listed = CliRunner().invoke(cli, [*login, *words, "ls"])
    assert TITLE in listed.output


def runs_seen(installation: Installation) -> list[int]:
    """The runs of the dataset that everybody sees."""
    query = f'{{runs(where: {{dataset: {{title: {{_eq: "{TITLE}"}}}}}}) {{id}}}}'
    answer = requests.post(f"{installation.url}/graphql", json={"query": query}, timeout=60)
    return [one["id"] for one in answer.json()["data"]["runs"]]


def check_rows(kept: dict[str, Any], client: TmClient) -> None:
    """What was said, and what was found, is in the rows."""
    assert kept["dataset"]["sample_type"] == "in_silico"
    assert kept["deposition"]["title"] == TITLE
    assert sorted(kept["types"]) == ["annotation", "dataset", "tomogram"]
    assert [one["orcid"] for one in kept["authors"]] == ["0000-0002-1825-0097"]
    assert [one["grant_id"] for one in kept["funding"]] == ["1"]
    sites = client.sites.list(sample.PLATE)
    names = [f"{sample.PLATE}_{one['well_name']}_y{one['y']}_x{one['x']}" for one in sites]
    names += [f"{sample.PLATE}_{well}" for well in sample.WELLS]
    assert sorted(one["name"] for one in kept["runs"]) == sorted(names)
    channels = [channel["name"] for channel in client.channels.list()]
    assert len(kept["tomograms"]) == len(names) * len(channels)
    for one in kept["annotations"]:
        assert one["links"] == ["https://lab.example"]
    found = sum(one["object_count"] for one in kept["annotations"])
    values = [client.feature_values.download(kind) for kind in sample.OBJECT_TYPES]
    assert found == sum(map(len, values))
    assert kept["formats"] == sorted(
        ["InstanceSegmentationMask mrc", "InstanceSegmentationMask zarr", "Point ndjson"] * 2
    )


def check_volumes(kept: dict[str, Any], client: TmClient, folder: Path) -> None:
    """The volumes of a run are its images, and its masks what was segmented."""
    well, y, x = kept["run"].split("_")[1:]
    site = (sample.PLATE, well, int(y[1:]), int(x[1:]))
    for channel in client.channels.list():
        image = client.channels.download_image(channel["name"], *site, correct=False)
        place = folder / "single" / channel["name"]
        [path] = [one for one in place.glob("*.mrc") if one.name.startswith(sample.PLATE)]
        assert mrcfile.validate(path)
        with mrcfile.open(path) as mrc:
            assert np.array_equal(mrc.data[0], image)
        volume: Any = zarr.open_group(place / f"{path.stem}.zarr", mode="r")
        assert np.array_equal(volume["0"][0], image)
        for kind in sample.OBJECT_TYPES:
            labels = client.segmentations.download_image(kind, *site)
            with mrcfile.open(place / f"{kind}-1.0_instancesegmask.mrc") as mask:
                assert np.array_equal(mask.data[0], labels)
            masks: Any = zarr.open_group(place / f"{kind}-1.0_instancesegmask.zarr", mode="r")
            assert np.array_equal(masks["0"][0], labels)
            points = (place / f"{kind}-1.0_point.ndjson").read_text().splitlines()
            assert len(points) == len(np.unique(labels)) - 1


def check_maps(kept: dict[str, Any], client: TmClient, root: Path) -> None:
    """The maps of wells show the images of their sites, where their metadata says."""
    for well in sample.WELLS:
        run = f"{sample.PLATE}_{well}"
        about = json.loads((root / run / "run_metadata.json").read_bytes())
        assert len(about["sites"]) == sample.ROWS * sample.COLUMNS
        rows = {one["name"]: one for one in kept["tomograms"] if one["run"] == run}
        metadata = sorted((root / run).glob("Reconstructions/*/Tomograms/*/tomogram_metadata.json"))
        assert len(metadata) == len(rows) == len(client.channels.list())
        for path in metadata:
            told = json.loads(path.read_bytes())
            row = rows[told["tomogram_name"]]
            assert (row["processing"], told["illumination_corrected"]) == ("filtered", True)
            shape = tuple(row[f"size_{axis}"] for axis in "zyx")
            assert mrcfile.validate(path.with_name(told["mrc_file"]))
            with mrcfile.open(path.with_name(told["mrc_file"])) as mrc:
                pixels = np.asarray(mrc.data)
            volume: Any = zarr.open_group(path.with_name(told["omezarr_dir"]), mode="r")
            assert pixels.shape == shape
            assert np.array_equal(volume["0"], pixels)
            for place in about["sites"]:
                y, x = place["run_name"].removeprefix(f"{run}_").split("_")
                site = (sample.PLATE, well, int(y[1:]), int(x[1:]))
                image = client.channels.download_image(told["channel"], *site)
                inside = pixels[0, place["y"] :, place["x"] :]
                assert np.array_equal(inside[: image.shape[0], : image.shape[1]], image)


def check_files(row: dict[str, Any], root: Path) -> None:
    """Files of a volume are what its row says, for whoever asks and whoever reads them."""
    size, spacing = int(row["file_size_mrc"]), row["voxel_spacing"]
    head = requests.head(row["https_mrc_file"], timeout=60)
    assert int(head.headers["Content-Length"]) == size
    end = requests.get(row["https_mrc_file"], headers={"Range": "bytes=-7"}, timeout=60)
    assert (end.status_code, end.headers["Content-Range"]) == (
        206,
        f"bytes {size - 7}-{size - 1}/{size}",
    )
    path, folder = (
        root / row[name].partition(f"/catalogue/{root.name}/")[2]
        for name in ("s3_mrc_file", "s3_omezarr_dir")
    )
    assert path.read_bytes()[-7:] == end.content
    assert mrcfile.validate(path)
    shape = tuple(row[f"size_{axis}"] for axis in "zyx")
    with mrcfile.open(path) as mrc:
        assert (mrc.data.shape, mrc.data.dtype) == (shape, np.uint16)
        assert mrc.voxel_size.item() == pytest.approx((spacing,) * 3)
    inside = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    assert row["file_size_omezarr"] == inside
    location = parse_url(folder)
    assert location is not None
    [node] = Reader(location)()
    levels = [tuple(map(int, row[f"scale_{n}_dimensions"].split(",")))[::-1] for n in range(3)]
    assert [level.shape for level in node.data] == levels
    assert {level.dtype for level in node.data} == {np.dtype(np.uint16)}
    scales = [one[0]["scale"] for one in node.metadata["coordinateTransformations"]]
    assert scales == [[spacing * 2**n] * 3 for n in range(3)]


def check_anonymous(installation: Installation, kept: dict[str, Any], root: Path) -> None:
    """zarr, by way of s3fs, opens volumes in the bucket without credentials."""
    options = {"anon": True, "endpoint_url": f"{installation.url}/s3"}
    opened = [one for one in kept["tomograms"] if one["run"] == kept["run"]]
    assert opened
    for one in opened:
        address = one["s3_omezarr_dir"]
        volume: Any = zarr.open_group(address, mode="r", storage_options=options)
        here = root / address.partition(f"catalogue/{root.name}/")[2]
        downloaded: Any = zarr.open_group(here, mode="r")
        for level in ("0", "1", "2"):
            assert np.array_equal(volume[level], downloaded[level])


def check_copick(
    found: dict[str, Any], kept: dict[str, Any], client: TmClient, folder: Path
) -> None:
    """copick sees all runs, and the images and objects of one."""
    assert found["runs"] == len(kept["runs"])
    assert {found["spacing"]} == {one["voxel_spacing"] for one in kept["tomograms"]}
    counts = [one["object_count"] for one in kept["annotations"] if one["run"] == kept["run"]]
    assert (found["picks"], found["masks"]) == (sorted(counts), sorted(counts))
    volumes = [np.load(path) for path in sorted(folder.glob("tomogram_*.npy"))]
    well, y, x = kept["run"].split("_")[1:]
    site = (sample.PLATE, well, int(y[1:]), int(x[1:]))
    images = [
        client.channels.download_image(channel["name"], *site, correct=False)
        for channel in client.channels.list()
    ]
    assert len(volumes) == len(images)
    for image in images:
        assert any(np.array_equal(volume[0], image) for volume in volumes)
