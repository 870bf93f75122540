"""What users can do with workflows."""

from typing import Any

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import lock_experiment
from tmlib.jterator.project import Project
from tmlib.jterator.user_modules.sandbox import check_allowed
from tmlib.ledger import submissions
from tmlib.ledger.models import Submission
from tmlib.ledger.queue import Queue
from tmlib.settings import Settings
from tmlib.workflow import foresight, runs
from tmlib.workflow.description import WORKFLOW_TYPES, WorkflowDescription
from tmlib.workflow.models import WorkflowSettings
from tmlib.workflow.status import jobs, latest_submission, status

__all__ = [
    "WORKFLOW_TYPES",
    "delete_jterator_project",
    "get_description",
    "get_jterator_project",
    "jobs",
    "kill",
    "resubmit",
    "retry",
    "save_description",
    "save_jterator_project",
    "status",
    "submit",
]

_EMPTY_PROJECT: dict[str, Any] = {
    "pipeline": {
        "input": {"channels": [], "objects": []},
        "pipeline": [],
        "output": {"objects": []},
    },
    "handles": {},
}


def get_description(session: Session, experiment_id: int) -> dict[str, Any]:
    """The stored workflow description in its full form, or the default one."""
    settings = session.get(WorkflowSettings, experiment_id)
    if settings is not None and settings.description is not None:
        return WorkflowDescription.from_dict(settings.description).to_dict()
    return WorkflowDescription.default(_workflow_type(session, experiment_id)).to_dict()


def save_description(session: Session, experiment_id: int, description: dict[str, Any]) -> None:
    """Store the workflow description that the next submission follows.

    Raises
    ------
    BadInput
        If it is wrong, or of another type than the experiment.
    """
    _settings(session, experiment_id).description = _parse(
        session, experiment_id, description
    ).to_dict()


def get_jterator_project(session: Session, experiment_id: int) -> dict[str, Any]:
    """The stored jterator project as :class:`tmlib.jterator.project.Project`, or an empty one."""
    settings = session.get(WorkflowSettings, experiment_id)
    if settings is None or settings.jterator_project is None:
        return _EMPTY_PROJECT
    return settings.jterator_project


def save_jterator_project(
    session: Session,
    experiment_id: int,
    project: dict[str, Any],
    settings: Settings | None = None,
) -> None:
    """Check and store a jterator project.

    The channels that it names are checked when the analysis starts: before the images are read
    nobody knows them.

    Raises
    ------
    BadInput
        If the project cannot work.
    Forbidden
        If it brings modules and the settings, by default those of the environment, forbid that.
    """
    parsed = Project.from_dict(project)
    check_allowed(parsed.sources, settings or Settings())
    parsed.check(None, None)
    _settings(session, experiment_id).jterator_project = parsed.to_dict()


def delete_jterator_project(session: Session, experiment_id: int) -> None:
    """Forget the jterator project, if there is one."""
    _settings(session, experiment_id).jterator_project = None


def submit(
    database: Database,
    queue: Queue,
    experiment_id: int,
    user_id: int,
    description: dict[str, Any] | None = None,
    *,
    force: bool = False,
    settings: Settings | None = None,
) -> int:
    """Start the workflow of an experiment.

    What an earlier one made and is current is skipped, unless `force` says otherwise. With the
    settings of the installation what a job would refuse is refused now.

    Returns
    -------
    int
        Number of the submission.

    Raises
    ------
    BadInput
        If the description is wrong, or a job would refuse its work: see
        :mod:`tmlib.workflow.foresight`.
    Conflict
        If a workflow of the experiment is still running.
    """
    with database.transaction() as session:
        if description is not None:
            save_description(session, experiment_id, description)
            session.flush()
        parsed = WorkflowDescription.from_dict(get_description(session, experiment_id))
        if settings is not None:
            foresight.check(session, settings, experiment_id, parsed)
        name = session.get_one(Experiment, experiment_id).name
        submission_id, job_ids = runs.submit(
            session, experiment_id, name, user_id, parsed, force=force
        )
    queue.enqueue(job_ids)
    return submission_id


def resubmit(
    database: Database,
    queue: Queue,
    experiment_id: int,
    description: dict[str, Any] | None = None,
    index: int | None = None,
    stage_name: str | None = None,
    *,
    force: bool = False,
    settings: Settings | None = None,
) -> int:
    """Run the latest workflow again from a stage on, the first one if none is named.

    What is current is skipped, unless `force` says otherwise. With the settings of the
    installation what a job would refuse is refused now.

    Raises
    ------
    BadInput
        If the description is wrong or has no such active stage, or a job would refuse its work.
    NotFound
        If no workflow was ever submitted.
    Conflict
        If it is still running, or an earlier stage has not ended well.
    """
    with database.transaction() as session:
        submission = _latest(session, experiment_id)
        if description is not None:
            save_description(session, experiment_id, description)
            session.flush()
        parsed = WorkflowDescription.from_dict(get_description(session, experiment_id))
        first = _stage_index(parsed, index, stage_name)
        if settings is not None:
            foresight.check(session, settings, experiment_id, parsed, first)
        job_ids = runs.resubmit(session, submission, parsed, first, force=force)
        submission_id = submission.id
    queue.enqueue(job_ids)
    return submission_id


def retry(database: Database, queue: Queue, experiment_id: int) -> int:
    """Do again only what failed or was killed in the latest workflow.

    Limits of jobs are taken from the stored description, in which they may have been raised.

    Raises
    ------
    NotFound
        If no workflow was ever submitted.
    Conflict
        If it is still running, or nothing in it failed.
    """
    with database.transaction() as session:
        submission = _latest(session, experiment_id)
        parsed = WorkflowDescription.from_dict(get_description(session, experiment_id))
        job_ids = runs.retry(session, submission, parsed)
        submission_id = submission.id
    queue.enqueue(job_ids)
    return submission_id


def kill(database: Database, experiment_id: int) -> None:
    """End the running workflow of an experiment; nothing happens if none is running."""
    with database.transaction() as session:
        submissions.kill(session, _latest(session, experiment_id).id, "The workflow was killed.")


def _latest(session: Session, experiment_id: int) -> Submission:
    submission = latest_submission(session, experiment_id)
    if submission is None:
        raise NotFound("No workflow of this experiment was submitted yet: submit one first.")
    return submission


def _stage_index(
    description: WorkflowDescription, index: int | None, stage_name: str | None
) -> int:
    names = [stage.name for stage in description.active_stages]
    if stage_name is not None:
        if stage_name not in names:
            raise BadInput(f'Stage "{stage_name}" is not active: use one of {", ".join(names)}.')
        return names.index(stage_name)
    if index is None:
        return 0
    if not 0 <= index < len(names):
        raise BadInput(f"Stage index is {index}, must be between 0 and {len(names) - 1}.")
    return index


def _parse(
    session: Session, experiment_id: int, description: dict[str, Any]
) -> WorkflowDescription:
    expected = _workflow_type(session, experiment_id)
    parsed = WorkflowDescription.from_dict({"type": expected, **description})
    if parsed.type != expected:
        raise Conflict(
            f'The description is of a "{parsed.type}" workflow, the experiment is "{expected}".'
        )
    return parsed


def _workflow_type(session: Session, experiment_id: int) -> str:
    experiment = session.get(Experiment, experiment_id)
    if experiment is None:
        raise NotFound("There is no such experiment.")
    return experiment.workflow_type


def _settings(session: Session, experiment_id: int) -> WorkflowSettings:
    lock_experiment(session, experiment_id)
    settings = session.get(WorkflowSettings, experiment_id, populate_existing=True)
    if settings is None:
        settings = WorkflowSettings(experiment_id=experiment_id)
        session.add(settings)
    return settings
