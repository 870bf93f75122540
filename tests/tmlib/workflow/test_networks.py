"""Models of neural networks come from the folder that the administrator has chosen."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.services.runs import CONVERSION, Run, Stage
from tests.tmlib.jterator.networks.test_networks import project
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.objects.models import Mapobject
from tmlib.sample import simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service

pytest.importorskip("torch", reason='the extra "deep-learning" is not installed')
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]


def test_a_workflow_finds_the_model(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    from tests.tmlib.jterator.networks import tiny_models

    plate = simulate_plate(
        tmp_path / "plate", wells=["B02"], rows=1, columns=1, height=128, width=128
    )
    run = Run(database, experiment, settings)
    run.upload("plate", "run", plate.image_files)
    described = project("segment_instanseg", model="threshold.pt").to_dict()
    described["pipeline"]["input"]["channels"][0]["name"] = "A01_C01"
    described["handles"]["segment_instanseg"]["input"][0]["key"] = "A01_C01"
    with database.transaction() as session:
        service.save_jterator_project(session, experiment.id, described)
    analysis: Stage = ("image_analysis", {"jterator": {}})
    run.work(run.submit(("image_conversion", CONVERSION), analysis))
    [error] = run.errors()
    assert error is not None
    assert '"threshold.pt"' in error
    assert "TM_MODELS_DIR" in error

    models = tmp_path / "models"
    models.mkdir()
    tiny_models.save_script(tiny_models.Threshold(), models / "threshold.pt")
    run.settings = settings.model_copy(update={"models_dir": models})
    run.work(run.submit(analysis))
    assert run.errors() == [error]
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(Mapobject)) == 4
