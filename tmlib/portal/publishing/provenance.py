"""How what is published came about: the files of the microscope, the workflow, what was measured.

With these three documents the workflow can be run again, and its numbers be compared.
"""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib import digests
from tmlib.db import Database, texts
from tmlib.errors import Conflict
from tmlib.experiments.models import Acquisition, Channel, Experiment, Plate
from tmlib.experiments.ownership import owner
from tmlib.jterator.networks.models import find_model
from tmlib.jterator.project import Project
from tmlib.ledger import submissions, tree
from tmlib.portal.files import files_below
from tmlib.portal.publishing.drafts import Content
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.sources import source_path
from tmlib.workflow import service
from tmlib.workflow.models import WORKFLOW

WORKFLOW_FILE = "provenance/workflow.json"
INPUTS_FILE = "provenance/inputs.json"
MEASUREMENTS_FILE = "provenance/measurements.json"

PRODUCT = "tmserver"

_LIBRARIES = (
    *("numpy", "scipy", "scikit-image", "mahotas", "scikit-learn"),
    *("tifffile", "imagecodecs", "tensorstore", "shapely"),
)
_EXPERIMENT = (
    *("microscope_type", "workflow_type", "plate_format", "plate_acquisition_mode"),
    *("well_spacer_size", "vertical_site_displacement", "horizontal_site_displacement"),
    "pixel_size",
)


@dataclass(frozen=True)
class Workflow:
    """What was done with the images of an experiment.

    Attributes
    ----------
    document
        ``experiment``, its settings; ``description``, the workflow's; ``project``, the pipeline;
        ``models``, names and digests of the files that it loads.
    started, ended
        When, as ISO 8601.
    """

    document: Content
    started: str | None
    ended: str | None


def read_workflow(session: Session, experiment_id: int, models_dir: Path) -> Workflow | None:
    """The latest workflow of an experiment, None if there was none.

    Raises
    ------
    ModuleError
        If a model of the pipeline is not in its folder.
    """
    latest = submissions.latest(session, owner(experiment_id), WORKFLOW)
    if latest is None:
        return None
    experiment = session.get_one(Experiment, experiment_id)
    root = tree.root(session, latest.id)
    channels = session.scalars(
        select(Channel).where(Channel.experiment_id == experiment_id).order_by(Channel.index)
    )
    project = service.get_jterator_project(session, experiment_id)
    models = sorted(set(Project.from_dict(project).models))
    document = {
        "experiment": {
            **{name: getattr(experiment, name) for name in _EXPERIMENT},
            "channel_names": {one.recorded_name: one.name for one in channels},
        },
        "description": latest.description,
        "project": project,
        "models": [
            {"name": name, "sha256": digests.digest_of_file(find_model(models_dir, name))}
            for name in models
        ],
    }
    started, ended = (
        None if moment is None else moment.isoformat()
        for moment in (root.started_at, root.finished_at)
    )
    return Workflow(document, started, ended)


def versions() -> dict[str, str]:
    """What the numbers depend on, besides what is in the documents: names and versions."""
    found = {name: version(name) for name in (PRODUCT, *_LIBRARIES)}
    return {**found, "python": platform.python_version(), "machine": platform.machine()}


def read_versions(crate: Content) -> dict[str, str]:
    """The same from the metadata of a crate.

    Raises
    ------
    LookupError
        If it has none.
    """
    programs = {
        entity["name"]: entity["version"] for entity in crate["@graph"] if "version" in entity
    }
    return {PRODUCT: programs[PRODUCT], **programs}


def read_inputs(database: Database, storage: ExperimentStorage, acquisition_id: int) -> Content:
    """The files of an acquisition as the microscope made them, with their digests.

    Raises
    ------
    Conflict
        If one is not there.
    """
    with database.session() as session:
        acquisition = session.get_one(Acquisition, acquisition_id)
        plate = session.get_one(Plate, acquisition.plate_id)
        files = session.execute(
            select(MicroscopeFile.name, MicroscopeFile.kind)
            .where(
                MicroscopeFile.acquisition_id == acquisition_id,
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
            )
            .order_by(texts.code_points(MicroscopeFile.name))
        ).all()
    told = []
    for name, kind in files:
        folder = (
            storage.microscope_images if kind is FileKind.IMAGE else storage.microscope_metadata
        )(plate.id, acquisition_id)
        path = source_path(folder, name, data_dir=storage.data_dir)
        if path.is_file():
            size, digest = path.stat().st_size, digests.digest_of_file(path)
        elif path.is_dir():
            # an OME-Zarr in a folder of the server counts as a file
            inside = [key for key, _ in files_below(path)]
            parts = [source_path(path, key, data_dir=storage.data_dir) for key in inside]
            size = sum(part.stat().st_size for part in parts)
            digest = digests.digest_of_folder(path)
        else:
            raise Conflict(f'The file "{name}" of the microscope is not there any more.')
        told.append({"name": name, "size": size, "sha256": digest})
    return {"plate": plate.name, "acquisition": acquisition.name, "files": told}
