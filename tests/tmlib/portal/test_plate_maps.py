"""The maps of wells become runs of the catalogue, besides those of their sites."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from sqlalchemy import select, update

from tests.services.ledger import ListQueue, experiment
from tests.services.runs import CONVERSION, Run
from tests.services.zarr_content import attributes_of, pixels_in
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput, Conflict
from tmlib.experiments.channels import rename_channel
from tmlib.experiments.models import Acquisition, Channel, Experiment, Plate
from tmlib.experiments.plates import delete_acquisition, delete_plate
from tmlib.ledger.execution import Worker
from tmlib.portal import sweeping
from tmlib.portal.files import FileStore, PublishedFile
from tmlib.portal.models import TABLES
from tmlib.portal.publishing import service
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.portal.publishing.well_maps import check_map
from tmlib.programs import publishing
from tmlib.settings import Settings
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow.steps.plate_map import read_plate_map

__all__ = ["experiment"]

WELLS = ("B02", "B03", "B04")
CHANNELS = ("A01_C01", "A01_C02")
SIZE, GAP, SPACING = 300, 20, 3250.0
DESCRIPTION = PublicationDescription.model_validate(
    {
        "deposition": {"title": "Cells", "description": "All of them."},
        "dataset": {"title": "HT29", "description": "Three wells."},
        "authors": [{"name": "Ada"}],
        "plate_maps": True,
        "voxel_spacing": SPACING,
    }
)
CONVERSION_STAGE = (
    "image_conversion",
    CONVERSION | {"metaconfig": {"n_vertical": 1, "n_horizontal": 2}},
)
PYRAMID = ("pyramid_creation", {"illuminati": {"horizontal_site_displacement": GAP}})


@dataclass
class Screen:
    """Wells of two sites, 20 pixels apart, of which not all were imaged in the second channel.

    Attributes
    ----------
    maps
        What the maps show, by well and channel.
    """

    run: Run
    maps: dict[tuple[str, str], NDArray[np.uint16]]

    @property
    def store(self) -> FileStore:
        return FileStore(self.run.settings.data_dir)

    def start(self) -> ListQueue:
        assert publishing.Publishing.name  # whoever runs the jobs knows what they are for
        queue = ListQueue()
        service.start(
            self.run.database,
            queue,
            storage=self.run.storage,
            user_id=self.run.experiment.user_id,
            description=DESCRIPTION,
            address="https://tm.lab.example",
        )
        return queue

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of some classes, and all files."""
        with self.run.database.connection() as connection:
            found = {
                name: [
                    dict(row)
                    for row in connection.execute(
                        select(TABLES[name]).order_by(TABLES[name].c.id)
                    ).mappings()
                ]
                for name in ("Dataset", "Run", "TomogramVoxelSpacing", "Tomogram")
            }
            files = select(PublishedFile.key, PublishedFile.size, PublishedFile.digest)
            found["files"] = [dict(row) for row in connection.execute(files).mappings()]
        return found


@pytest.fixture
def screen(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> Screen:
    random = np.random.default_rng(0)
    maps = {
        (well, channel): np.zeros((SIZE, 2 * SIZE + GAP), np.uint16)
        for well in WELLS
        for channel in CHANNELS
        if (well, channel) != ("B04", "A01_C02")
    }
    files = []
    for (well, channel), pixels in maps.items():
        for field in (0, 1):
            if (well, channel, field) == ("B03", "A01_C02", 1):
                continue
            image = random.integers(1, 4000, (SIZE, SIZE), dtype=np.uint16)
            left = field * (SIZE + GAP)
            pixels[:, left : left + SIZE] = image
            number = channel[-2:]
            file = tmp_path / f"plate_{well}_T0001F{field + 1:03d}L01A01Z01C{number}.tif"
            tifffile.imwrite(file, image, photometric="minisblack", metadata=None)
            files.append(file)
    run = Run(database, experiment, settings)
    run.upload("plate", "first", files)
    return Screen(run, maps)


def test_maps_of_wells_are_published_whole(screen: Screen, tmp_path: Path) -> None:
    screen.run.run(CONVERSION_STAGE, PYRAMID)
    queue = screen.start()
    worker = Worker(screen.run.database, queue, screen.run.settings)
    n_jobs = len(queue.job_ids)
    for _ in range(n_jobs):
        worker.run(queue.job_ids.pop(0))
    assert not screen.read()["Run"]
    # what is ready stays until it is public
    for digit in "0123456789abcdef":
        for path in screen.store.contents(digit):
            os.utime(path, (0, 0))
    a_day_ago = now() - timedelta(days=1)
    assert sweeping.sweep(screen.run.database, screen.store, a_day_ago).n_files == 0
    screen.run.work(queue)
    found = screen.read()
    sites = [f"plate_{well}_y0_x{x}" for well in WELLS for x in (0, 1)]
    wells = [f"plate_{well}" for well in WELLS]
    assert [row["name"] for row in found["Run"]] == sites + wells
    files = {row["key"]: row for row in found["files"]}
    [dataset] = found["Dataset"]
    assert dataset["file_size"] == sum(row["size"] for row in found["files"])
    for key, row in files.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(screen.store.path(row["digest"]))
    runs = {row["id"]: row["name"] for row in found["Run"]}
    maps = [row for row in found["Tomogram"] if runs[row["run_id"]] in wells]
    assert len(maps) == len(screen.maps)
    for row in maps:
        check_tomogram(row, runs[row["run_id"]], screen, files, tmp_path)
    about = json.loads((tmp_path / f"{dataset['id']}/plate_B02/run_metadata.json").read_bytes())
    assert (about["plate"], about["well"], about["voxel_spacing"]) == ("plate", "B02", SPACING)
    assert about["sites"] == [
        {"run_name": "plate_B02_y0_x0", "y": 0, "x": 0},
        {"run_name": "plate_B02_y0_x1", "y": 0, "x": SIZE + GAP},
    ]
    crate = json.loads((tmp_path / f"{dataset['id']}/ro-crate-metadata.json").read_bytes())
    assert {f"{name}/" for name in sites + wells} < {one["@id"] for one in crate["@graph"]}


def check_tomogram(
    row: dict[str, Any], run: str, screen: Screen, files: dict[str, Any], bucket: Path
) -> None:
    """The row, the metadata file and both arrays say the same, and show what was imaged."""
    expected = screen.maps[run.removeprefix("plate_"), row["name"]]
    height, width = expected.shape
    assert (row["size_z"], row["size_y"], row["size_x"]) == (1, height, width)
    assert (row["voxel_spacing"], row["processing"]) == (SPACING, "raw")
    mrc_key, folder = (
        row[name].removeprefix("s3://catalogue/") for name in ("s3_mrc_file", "s3_omezarr_dir")
    )
    metadata = json.loads((bucket / mrc_key).with_name("tomogram_metadata.json").read_bytes())
    assert metadata["size"] == {"x": width, "y": height, "z": 1}
    assert metadata["voxel_spacing"] == SPACING
    assert metadata["illumination_corrected"] is False
    assert {metadata["mrc_file"], metadata["omezarr_dir"]} == {f"{run}.mrc", f"{run}.zarr"}
    assert row["file_size_mrc"] == files[mrc_key]["size"]
    with mrcfile.open(bucket / mrc_key) as mrc:
        assert np.array_equal(mrc.data[0], expected)
        assert float(mrc.voxel_size.x) == SPACING
    inside = [row["size"] for key, row in files.items() if key.startswith(f"{folder}/")]
    assert row["file_size_omezarr"] == sum(inside)
    levels = [pixels_in(bucket / folder / str(level)) for level in range(3)]
    assert np.array_equal(levels[0][0], expected)
    for level, pixels in enumerate(levels):
        z, y, x = pixels.shape
        assert row[f"scale_{level}_dimensions"] == f"{x},{y},{z}"
    # halves of each other
    means = levels[1][0].reshape(height // 4, 2, width // 4, 2).mean(axis=(1, 3))
    assert np.abs(levels[2][0] - means).max() <= 0.5
    [multiscale] = attributes_of(bucket / folder)["multiscales"]
    scales = [one["coordinateTransformations"][0]["scale"][-1] for one in multiscale["datasets"]]
    assert scales == [SPACING, 2 * SPACING, 4 * SPACING]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_light_that_was_corrected_is_told(screen: Screen) -> None:
    correction = {"illumcorr": True, "illumcorr_exceptions": "A01_C02"}
    screen.run.run(
        CONVERSION_STAGE,
        ("image_preprocessing", {"corilla": {}}),
        ("pyramid_creation", {"illuminati": correction}),
    )
    screen.run.work(screen.start())
    found = screen.read()
    maps = {row["id"] for row in found["Run"] if row["name"] in ("plate_B02", "plate_B03")}
    told = {row["name"]: row["processing"] for row in found["Tomogram"] if row["run_id"] in maps}
    assert told == {"A01_C01": "filtered", "A01_C02": "raw"}
    with screen.run.database.session() as session:
        ids = {one.name: one.id for one in session.scalars(select(Channel))}

    def rename(channel: str, name: str) -> None:
        with screen.run.database.transaction() as session:
            rename_channel(session, screen.run.experiment.id, ids[channel], name)

    rename("A01_C02", "Actin")
    with pytest.raises(Conflict, match='"illumcorr_exceptions" names "A01_C02", which no channel'):
        screen.start()
    rename("A01_C01", "A01_C02")
    with pytest.raises(Conflict, match='"illumcorr_exceptions" names channels that were called'):
        screen.start()
    rename("A01_C01", "DNA")
    rename("A01_C02", "A01_C02")
    assert screen.start().job_ids


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_a_map_none_is_published(screen: Screen) -> None:
    screen.run.run(CONVERSION_STAGE)
    with pytest.raises(BadInput, match="run the stage pyramid_creation, or publish it without"):
        screen.start()


def test_files_that_the_workflow_has_not_taken_are_found(screen: Screen) -> None:
    """Whatever clocks of hosts say: one may be an hour ahead."""
    screen.run.run(CONVERSION_STAGE, PYRAMID)
    with screen.run.database.transaction() as session:
        session.execute(update(MicroscopeFile).values(updated_at=now() + timedelta(hours=1)))
    queue = screen.start()
    with screen.run.database.transaction() as session:
        acquisition = session.scalars(select(Acquisition)).one()
        files = [
            MicroscopeFile(
                experiment_id=screen.run.experiment.id,
                acquisition_id=acquisition.id,
                name=name,
                kind=FileKind.METADATA,
                status=status,
            )
            for name, status in (
                ("new.mlf", FileUploadStatus.COMPLETE),
                ("expected.mlf", FileUploadStatus.WAITING),
            )
        ]
        session.add_all(files)
        place = acquisition.plate_id, acquisition.id
    images = screen.run.storage.microscope_images(*place)
    metadata = screen.run.storage.microscope_metadata(*place)
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "new.mlf").touch()
    with pytest.raises(Conflict, match="have arrived or were changed since the workflow ran"):
        screen.start()
    screen.run.work(queue)
    assert "have arrived or were changed since the workflow ran" in str(screen.run.errors())
    assert not screen.read()["Run"]
    with screen.run.database.transaction() as session:
        session.delete(session.get_one(MicroscopeFile, files[0].id))
    assert screen.start().job_ids
    image = next(images.iterdir())
    os.utime(image, (0, 0))
    with pytest.raises(Conflict, match="have arrived or were changed since the workflow ran"):
        screen.start()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_left_after_something_was_deleted_is_not_published(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    """Five plates have a map as large as that of six."""
    file = tmp_path / "plate_B02_T0001F001L01A01Z01C01.tif"
    tifffile.imwrite(file, np.ones((30, 30), np.uint16), photometric="minisblack", metadata=None)
    run = Run(database, experiment, settings)
    for plate in "123456":
        run.upload(plate, "first", [file])
    run.run(("image_conversion", CONVERSION), ("pyramid_creation", {"illuminati": {}}))
    screen = Screen(run, {})
    data_dir = settings.data_dir
    with database.transaction() as session:
        first, second = session.scalars(select(Plate.id).order_by(Plate.id).limit(2))
        of_second = session.scalars(select(Acquisition.id).filter_by(plate_id=second)).one()
        delete_acquisition(session, data_dir, experiment.id, of_second)
    with pytest.raises(Conflict, match="acquisition was deleted since the workflow ran"):
        screen.start()
    with database.transaction() as session:
        size = read_plate_map(session, experiment.id).size
        delete_plate(session, data_dir, experiment.id, first)
    with pytest.raises(Conflict, match="plate or an acquisition was deleted"):
        screen.start()
    with database.session() as session:
        left = read_plate_map(session, experiment.id)
        assert left.size == size
        with pytest.raises(BadInput, match="no map of its present sites"):
            check_map(session, experiment.id, left)
