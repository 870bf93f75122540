"""What is told of models that a pipeline loads."""

import copy
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.services.experiments import add_experiment
from tests.services.ledger import experiment
from tests.services.runs import CONVERSION, Run
from tmlib import digests
from tmlib.db import Database
from tmlib.errors import Conflict
from tmlib.experiments import plates
from tmlib.experiments.models import Experiment
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project
from tmlib.portal.publishing.provenance import read_inputs, read_workflow
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads.receiving import receive
from tmlib.uploads.service import register
from tmlib.workflow import what_ran
from tmlib.workflow.models import Fingerprint, WorkflowSettings
from tmlib.workflow.steps.analysis_inputs import digest_of_models

__all__ = ["experiment"]

MODULE = "segment_instanseg"


def project() -> Project:
    handles = copy.deepcopy(dict(registry.get(MODULE).handles))
    for handle in handles["input"]:
        if "key" in handle:
            handle["key"] = "DNA"
        elif handle["name"] == "model":
            handle["value"] = "nuclei.pt"
    step = {"source": f"{MODULE}.py", "handles": f"handles/{MODULE}.handles.yaml"}
    channels = {"channels": [{"name": "DNA"}]}
    pipeline = {"input": channels, "pipeline": [step], "output": {"objects": []}}
    return Project.from_dict({"pipeline": pipeline, "handles": {MODULE: handles}})


def test_models_are_told_and_must_be_those_that_ran(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "nuclei.pt").write_text("weights")
    Run(database, experiment, settings).submit(("image_conversion", CONVERSION))
    with database.transaction() as session:
        # as it is stored where networks are installed, which they need not be here
        stored = session.get_one(WorkflowSettings, experiment.id)
        stored.jterator_project = project().to_dict()
        session.add(
            Fingerprint(
                experiment_id=experiment.id,
                step_name="jterator",
                key="0",
                version=1,
                arguments={},
                inputs={"models": digest_of_models(project(), tmp_path)},
                output="-",
            )
        )
    with database.session() as session:
        what_ran.check_models(session, experiment.id, tmp_path)
        workflow = read_workflow(session, experiment.id, tmp_path)
        assert workflow is not None
        told = {"name": "nuclei.pt", "sha256": digests.digest_of("weights")}
        assert workflow.document["models"] == [told]
        (tmp_path / "nuclei.pt").write_text("other weights")
        with pytest.raises(Conflict, match="A model of the pipeline was changed"):
            what_ran.check_models(session, experiment.id, tmp_path)


def test_files_are_told_in_one_order_whatever_language_the_database_speaks(
    postgresql_url: str, tmp_path: Path
) -> None:
    database = Database(postgresql_url)
    with closing(database):
        with database.transaction() as session:
            # as it is where a database was made for people's language
            session.execute(
                text(
                    "ALTER TABLE microscope_files ALTER COLUMN name "
                    'TYPE varchar(255) COLLATE "und-x-icu"'
                )
            )
            made = add_experiment(session)
            plate = plates.create_plate(session, made.id, "plate")
            acquisition = plates.create_acquisition(session, made.id, plate.id, "one")
        storage = ExperimentStorage(tmp_path, made.id)
        names = ["a.tif", "B.tif", "c.tif"]
        register(database, acquisition, "generic", names)
        for name in names:
            receive(database, storage, plate.id, acquisition.id, name, iter([b"-"]), 1)
        told = read_inputs(database, storage, acquisition.id)
    assert [file["name"] for file in told["files"]] == ["B.tif", "a.tif", "c.tif"]
