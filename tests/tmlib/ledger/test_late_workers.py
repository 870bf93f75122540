"""A worker that was taken for dead comes back when others have long done its job."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from sqlalchemy import select

from tests.services.ledger import ListQueue
from tests.services.runs import CONVERSION, Run, Stage
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.experiments.models import ChannelLayer, Experiment
from tmlib.images import mosaics
from tmlib.images.channel_images import field_path, read_plane
from tmlib.images.label_images import read_labels
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.ledger import execution, lost_jobs
from tmlib.sample import simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service

SIZE = 128
CHANNEL = "A01_C01"
PYRAMID: Stage = ("pyramid_creation", {"illuminati": {}})
ANALYSIS: Stage = ("image_analysis", {"jterator": {}})

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def run(database: Database, experiment: Experiment, settings: Settings, tmp_path: Path) -> Run:
    plate = simulate_plate(
        tmp_path / "simulated", wells=["B02"], rows=1, columns=1, height=SIZE, width=SIZE
    )
    run = Run(database, experiment, settings)
    run.upload("plate", "first", plate.image_files)
    run.run(("image_conversion", CONVERSION))
    save_project(run, quality=True)
    return run


def save_project(run: Run, *, quality: bool) -> None:
    project = nuclei_and_cells(CHANNEL, correct=False, quality=quality).to_dict()
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, project)


def finish_meanwhile(run: Run) -> None:
    """Let others find everything that is lost, and go on to the end."""
    later = now() + timedelta(hours=1)
    with run.database.transaction() as session:
        job_ids = lost_jobs.recover(session, later, max_attempts=3, lost_before=later)
    assert job_ids
    run.work(ListQueue(job_ids))
    assert run.errors() == []


def hold_up(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, run: Run) -> list[str]:
    """Stop whoever first calls a function until others have finished; gives what was called."""
    function: Callable[..., Any] = getattr(target, name)
    held_up: list[str] = []

    def late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(target, name, function)
        held_up.append(name)
        finish_meanwhile(run)
        return function(*arguments, **options)

    monkeypatch.setattr(target, name, late)
    return held_up


def field(run: Run) -> Path:
    with run.database.session() as session:
        (plate,) = session.get_one(Experiment, run.experiment.id).plates
    return field_path(run.storage.plate_images(plate.id), "B02", 0)


def test_a_finished_map_is_not_emptied(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = run.submit(PYRAMID)
    held_up = hold_up(monkeypatch, mosaics, "draft_mosaic", run)
    run.work(queue)
    assert held_up
    with run.database.session() as session:
        layers = session.scalars(select(ChannelLayer)).all()
    for layer in layers:
        path = run.storage.mosaic(layer.channel_id, layer.tpoint, layer.zplane, layer.version)
        tile = mosaics.read_tile(path, z=1, y=0, x=0)
        assert tile is not None
        assert tile.any()


def test_new_labels_are_not_deleted_as_old_ones(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.run(ANALYSIS)
    save_project(run, quality=False)
    queue = run.submit(ANALYSIS)
    held_up = hold_up(monkeypatch, execution, "_clean_up", run)
    run.work(queue)
    assert held_up
    assert read_labels(field(run), "Nuclei", t=0, z=0).any()


def test_new_images_are_not_deleted_as_old_ones(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "sample_B02_T0001F001L01A01Z02C01.tif"
    tifffile.imwrite(
        file, np.ones((SIZE, SIZE), np.uint16), photometric="minisblack", metadata=None
    )
    run.upload("plate", "deeper", [file])
    queue = run.submit(("image_conversion", CONVERSION))
    while "imextract" not in run.next_job(queue):
        run.work(queue, n_jobs=1)
    held_up = hold_up(monkeypatch, execution, "_clean_up", run)
    run.work(queue)
    assert held_up
    assert read_plane(field(run), t=0, c=0, z=0).any()
