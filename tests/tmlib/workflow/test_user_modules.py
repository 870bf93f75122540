"""Projects that bring modules, saved and run as a workflow."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from tests.services.runs import CONVERSION, Run, Stage
from tests.tmlib.jterator.user_modules.projects import doing, project
from tmlib.db import Database
from tmlib.errors import Forbidden
from tmlib.experiments.models import Experiment
from tmlib.objects.models import MapobjectType
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service

ANALYSIS: Stage = ("image_analysis", {"jterator": {}})

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    folder = tmp_path_factory.mktemp("plate")
    return simulate_plate(folder, wells=["B02"], rows=1, columns=1, height=128, width=128)


@pytest.fixture
def run(plate: SamplePlate, database: Database, experiment: Experiment, settings: Settings) -> Run:
    allowed = settings.model_copy(update={"allow_user_modules": True, "user_module_seconds": 60})
    run = Run(database, experiment, allowed)
    run.upload("plate", "run", plate.image_files)
    run.run(("image_conversion", CONVERSION))
    return run


def save(run: Run, described: dict[str, Any]) -> None:
    described["pipeline"]["input"]["channels"][0]["name"] = "A01_C01"
    described["handles"]["brighter"]["input"][0]["key"] = "A01_C01"
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, described, run.settings)


def test_modules_of_users_find_and_measure_objects(run: Run) -> None:
    described = project(level=1000)
    save(run, described)
    with run.database.session() as session:
        assert service.get_jterator_project(session, run.experiment.id) == described
    run.run(ANALYSIS)
    with run.database.session() as session:
        find = select(MapobjectType.id).where(MapobjectType.name == "Bright")
        type_id = session.scalars(find).one()
    values = select_feature_values(run.database, run.storage, type_id).table()
    assert values.num_rows > 0
    assert (np.asarray(values["Own_area"]) > 0).all()


def test_what_goes_wrong_in_them_is_the_error_of_the_job(run: Run) -> None:
    save(run, project(doing("raise ValueError('too dark')")))
    run.work(run.submit(ANALYSIS))
    [error] = run.errors()
    assert error is not None
    assert error.startswith('Module "brighter" failed: ValueError: too dark')
    assert "Traceback" in run.log("jterator")
    assert "brighter.py" in run.log("jterator")


def test_they_are_refused_where_they_are_not_allowed(run: Run, settings: Settings) -> None:
    assert not Settings().allow_user_modules
    refused = Run(run.database, run.experiment, settings)
    with pytest.raises(Forbidden, match=r'"brighter".*TM_ALLOW_USER_MODULES'):
        save(refused, project())
    # also when the project was saved while it was allowed
    save(run, project())
    refused.work(refused.submit(ANALYSIS))
    [error] = refused.errors()
    assert error is not None
    assert "TM_ALLOW_USER_MODULES" in error
