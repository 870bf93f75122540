"""Whether what is stored of an experiment's workflow is what its results were made by.

Descriptions and pipelines can be changed after they ran, and files can arrive, or go with their
plate or acquisition. What ran is known from the fingerprints of the jobs.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from tmlib.errors import Conflict
from tmlib.experiments.models import Acquisition, Channel, ChannelImageFile
from tmlib.experiments.ownership import owner
from tmlib.jterator.project import Project
from tmlib.ledger import submissions, tree
from tmlib.ledger.models import Submission, Task
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.workflow import service
from tmlib.workflow.description import WorkflowDescription
from tmlib.workflow.fingerprints import COLLECT
from tmlib.workflow.models import WORKFLOW, Fingerprint
from tmlib.workflow.steps.analysis_inputs import (
    digest_of_channels,
    digest_of_models,
    digest_of_pipeline,
)
from tmlib.workflow.steps.channels import read_channels
from tmlib.workflow.steps.configuration import digest_of_acquisitions
from tmlib.workflow.steps.layers import digest_of_corrected, exceptions
from tmlib.workflow.steps.microscope_files import digests_of_images, digests_of_metadata

_EXTRACTION, _CONFIGURATION = "metaextract", "metaconfig"
_MAP, _ANALYSIS = "illuminati", "jterator"


def check_is_stored(session: Session, experiment_id: int) -> None:
    """Make sure that the stored description, pipeline and files tell how results were made.

    Nothing is refused where no workflow was ever submitted.

    Raises
    ------
    Conflict
        If the latest workflow or the analysis has not ended well, or something was changed since.
    """
    latest = submissions.latest(session, owner(experiment_id), WORKFLOW)
    if latest is None:
        return
    root = tree.root(session, latest.id)
    if root.exitcode != 0:
        raise Conflict("The latest workflow has not ended well: retry it, or run it again.")
    _check_description(session, latest, root)
    _check_pipeline(session, experiment_id)
    _check_light(session, experiment_id)
    _check_all_read(session, experiment_id)
    _check_acquisitions(session, experiment_id)


def check_files(session: Session, storage: ExperimentStorage) -> None:
    """Make sure that files of the microscope are those that the workflow took, by size and time.

    Those that step imextract has deleted are not missed.

    Raises
    ------
    Conflict
        If some were added or changed.
    """
    rows = session.execute(
        select(Fingerprint.step_name, Fingerprint.arguments, Fingerprint.inputs).where(
            Fingerprint.experiment_id == storage.experiment_id,
            Fingerprint.step_name.in_((_EXTRACTION, _CONFIGURATION)),
            Fingerprint.key != COLLECT,
        )
    ).all()
    read = [row for row in rows if row.step_name == _EXTRACTION]
    configured = [row for row in rows if row.step_name == _CONFIGURATION]
    if read:
        size = int(read[0].arguments["batch_size"] or 1)
        taken = {row.inputs["files"] for row in read}
        if not taken.issuperset(digests_of_images(session, storage, size)):
            raise _arrived()
    taken = {row.inputs.get("metadata files") for row in configured}
    if configured and not taken.issuperset(digests_of_metadata(session, storage).values()):
        raise _arrived()


def check_models(session: Session, experiment_id: int, folder: Path) -> None:
    """Make sure that the models of the stored pipeline are those that the analysis took.

    Parameters
    ----------
    session, experiment_id
        Whose pipeline.
    folder
        Where the administrator keeps models.

    Raises
    ------
    Conflict
        If one was changed, or is gone.
    """
    project = Project.from_dict(service.get_jterator_project(session, experiment_id))
    expected = digest_of_models(project, folder)
    inputs = session.scalars(select(Fingerprint.inputs).where(_of_analysis(experiment_id)))
    if any(one.get("models", expected) != expected for one in inputs):
        raise Conflict(
            "A model of the pipeline was changed since the workflow ran: run it again, or put the "
            "earlier one back."
        )


def _check_description(session: Session, latest: Submission, root: Task) -> None:
    """A resubmission from a later stage may bring other arguments, or other steps, of earlier ones.

    All fingerprints of a step have the arguments that it was planned with last.
    """
    described = {
        step.name: step.batch_arguments
        for stage in WorkflowDescription.from_dict(latest.description).active_stages
        for step in stage.steps
        if step.active
    }
    entered = {
        step.name
        for stage in tree.children(session, root.id)
        for step in tree.children(session, stage.id)
    }
    planned = session.execute(
        select(Fingerprint.step_name, Fingerprint.arguments).where(
            Fingerprint.experiment_id == latest.owner_id
        )
    )
    ran = {row.step_name: row.arguments for row in planned}
    if missing := sorted(ran.keys() - described.keys()):
        raise Conflict(
            f'The latest workflow is without step "{missing[0]}", whose results are there: submit '
            "the whole workflow, of which only what is not current is done."
        )
    changed = [name for name, arguments in ran.items() if described[name] != arguments]
    if changed or entered != described.keys():
        raise _changed("description")


def _check_pipeline(session: Session, experiment_id: int) -> None:
    rows = session.execute(
        select(Fingerprint.inputs, Fingerprint.output).where(_of_analysis(experiment_id))
    ).all()
    if any(row.output is None for row in rows):
        raise Conflict("The image analysis that was begun last has not ended well: run it again.")
    project = service.get_jterator_project(session, experiment_id)
    stored = digest_of_pipeline(project)
    if any(row.inputs.get("pipeline", stored) != stored for row in rows):
        raise _changed("pipeline")
    if rows:
        described = Project.from_dict(project)
        channels = read_channels(session, experiment_id)
        wanted = [one.name for one in described.pipeline.input.channels]
        _check_names(channels, wanted, "pipeline")
        expected = digest_of_channels(described, channels)
        if any(row.inputs.get("channels", expected) != expected for row in rows):
            raise _renamed("pipeline")


def _check_light(session: Session, experiment_id: int) -> None:
    """Which channels were corrected is told by the names that they had."""
    of_step = Fingerprint.experiment_id == experiment_id, Fingerprint.step_name == _MAP
    row = session.execute(
        select(Fingerprint.arguments, Fingerprint.inputs).where(
            *of_step, Fingerprint.key == COLLECT
        )
    ).one_or_none()
    if row is None:
        return
    where, channels = 'argument "illumcorr_exceptions"', read_channels(session, experiment_id)
    _check_names(channels, exceptions(row.arguments), where)
    expected = digest_of_corrected(row.arguments, channels)
    if row.inputs.get("corrected channels", expected) != expected:
        raise _renamed(where)


def _check_names(channels: Sequence[Channel], wanted: Iterable[str], where: str) -> None:
    """Make sure that channels that are named somewhere have not got other names since."""
    if gone := set(wanted).difference(one.name for one in channels):
        told = ", ".join(f'"{name}"' for name in sorted(gone))
        raise Conflict(
            f"The {where} names {told}, which no channel is called any more: name the channels "
            f"as before, or run the workflow again with another {where.partition(' ')[0]}."
        )


def _renamed(where: str) -> Conflict:
    return Conflict(
        f"The {where} names channels that were called otherwise when the workflow ran: name the "
        "channels as before, or run the workflow again."
    )


def _check_all_read(session: Session, experiment_id: int) -> None:
    if session.scalar(
        select(
            exists().where(
                MicroscopeFile.experiment_id == experiment_id,
                MicroscopeFile.status == FileUploadStatus.COMPLETE,
                MicroscopeFile.kind == FileKind.IMAGE,
                MicroscopeFile.omexml.is_(None),
            )
        )
    ):
        raise _arrived()


def _arrived() -> Conflict:
    return Conflict(
        "Files of the microscope have arrived or were changed since the workflow ran: run it "
        "again, or delete them."
    )


def _check_acquisitions(session: Session, experiment_id: int) -> None:
    """Files go with their acquisition, and what was made of them stays."""
    known = session.scalars(
        select(Fingerprint.inputs).where(
            Fingerprint.experiment_id == experiment_id,
            Fingerprint.step_name == _CONFIGURATION,
            Fingerprint.key == COLLECT,
        )
    ).one_or_none()
    # neither one that is still empty, nor one whose images step imextract has deleted
    has_files = exists().where(
        MicroscopeFile.acquisition_id == Acquisition.id,
        MicroscopeFile.status == FileUploadStatus.COMPLETE,
    )
    has_planes = exists().where(ChannelImageFile.acquisition_id == Acquisition.id)
    present = session.execute(
        select(Acquisition.plate_id, Acquisition.id)
        .where(Acquisition.experiment_id == experiment_id, or_(has_files, has_planes))
        .order_by(Acquisition.id)
    ).all()
    expected = digest_of_acquisitions((row.plate_id, row.id) for row in present)
    if known is not None and known.get("acquisitions", expected) != expected:
        raise Conflict(
            "A plate or an acquisition was deleted since the workflow ran, and its results are "
            "still there: run it again."
        )


def _of_analysis(experiment_id: int) -> ColumnElement[bool]:
    return and_(Fingerprint.experiment_id == experiment_id, Fingerprint.step_name == _ANALYSIS)


def _changed(what: str) -> Conflict:
    return Conflict(
        f"The {what} was changed since the workflow ran: run it again, or put the earlier one back."
    )
