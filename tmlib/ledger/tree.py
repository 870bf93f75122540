"""The tree of a submission in the ledger: workflow, stages, steps, phases, jobs.

Stages and steps are entered when a workflow is submitted, phases when their step starts, because
only the init phase knows the batches.
"""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from tmlib.db import clock
from tmlib.db.spatial import bulk_insert
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger.models import Job, State, Submission, Task, TaskKind
from tmlib.workflow.description import StageDescription, WorkflowDescription
from tmlib.workflow.fingerprints import TO_BE_DONE, Verdict
from tmlib.workflow.steps.base import Batch

PARALLEL_STAGE = "ParallelWorkflowStage"
SEQUENTIAL_STAGE = "SequentialWorkflowStage"

_PHASE_TYPES = {
    "init": "InitPhase",
    "run": "SingleRunPhase",
    "collect": "CollectPhase",
}

_TASKS = cast(Table, Task.__table__)

# built once, since it runs at the start of every job
_MARK_RUNNING = (
    update(_TASKS)
    .where(_TASKS.c.id == bindparam("task_id"), _TASKS.c.state == State.SUBMITTED)
    .values(state=State.RUNNING, updated_at=clock.present())
    .returning(_TASKS.c.parent_id)
)

_DEFAULTS = {
    column.name: column.default.arg
    for column in cast(Table, Job.__table__).columns
    if isinstance(column.default, ScalarElementColumnDefault)
}


def lock_experiment(session: Session, experiment_id: int) -> None:
    """Let one submission of an experiment after the other through.

    Raises
    ------
    NotFound
        If it was deleted.
    """
    lock = (
        select(Experiment.id)
        .where(Experiment.id == experiment_id, Experiment.deletion_due.is_(None))
        .with_for_update(key_share=True)
    )
    if session.scalar(lock) is None:
        raise NotFound("The experiment was deleted.")


def root(session: Session, submission_id: int, *, lock: bool = False) -> Task:
    """The outermost task of a submission, locked where two jobs may end at the same time."""
    query = select(Task).where(Task.submission_id == submission_id, Task.parent_id.is_(None))
    return session.scalars(query.with_for_update() if lock else query).one()


def children(session: Session, task_id: int) -> Sequence[Task]:
    """The parts of a task in their order."""
    return session.scalars(
        select(Task).where(Task.parent_id == task_id).order_by(Task.position)
    ).all()


def create(
    session: Session, submission_id: int, name: str, description: WorkflowDescription
) -> Task:
    """Enter a workflow with its active stages and steps."""
    workflow = Task(
        submission_id=submission_id,
        kind=TaskKind.WORKFLOW,
        type="Workflow",
        name=name,
        position=0,
    )
    session.add(workflow)
    session.flush()
    create_stages(session, workflow, description.active_stages, first=0)
    return workflow


def create_stages(
    session: Session, workflow: Task, stages: Sequence[StageDescription], first: int
) -> None:
    """Enter the stages from number `first` on, with their active steps."""
    for position, description in enumerate(stages[first:], start=first):
        stage = Task(
            submission_id=workflow.submission_id,
            parent_id=workflow.id,
            kind=TaskKind.STAGE,
            type=PARALLEL_STAGE if description.mode == "parallel" else SEQUENTIAL_STAGE,
            name=description.name,
            position=position,
        )
        session.add(stage)
        session.flush()
        steps = [step for step in description.steps if step.active]
        session.add_all(
            Task(
                submission_id=workflow.submission_id,
                parent_id=stage.id,
                kind=TaskKind.STEP,
                type="WorkflowStep",
                name=step.name,
                position=number,
            )
            for number, step in enumerate(steps)
        )
        session.flush()


def add_run_phase(
    session: Session,
    step: Task,
    groups: list[list[Batch]],
    verdicts: list[list[Verdict]] | None = None,
) -> None:
    """Enter the run phase of a step; several groups of batches become sub-phases."""
    if len(groups) <= 1:
        add_phase(
            session,
            step,
            "run",
            groups[0] if groups else [],
            verdicts[0] if verdicts else None,
        )
        return
    phase = _new_phase(session, step, f"{step.name}_run", "MultiRunPhase", 1)
    for number, batches in enumerate(groups):
        name = f"{step.name}_run-{number:02d}"
        sub_phase = _new_phase(session, phase, name, "SingleRunPhase", number)
        _add_jobs(
            session, sub_phase, step.name, "run", batches, verdicts[number] if verdicts else None
        )


def add_phase(
    session: Session,
    step: Task,
    phase: str,
    batches: list[Batch],
    verdicts: list[Verdict] | None = None,
) -> Task:
    """Enter a phase of a step with its jobs, which wait until the phase is started."""
    position = list(_PHASE_TYPES).index(phase)
    task = _new_phase(session, step, f"{step.name}_{phase}", _PHASE_TYPES[phase], position)
    _add_jobs(session, task, step.name, phase, batches, verdicts)
    return task


def mark_running(session: Session, task_id: int | None) -> None:
    """Mark a phase and all that contain it as running, if they are not already."""
    while task_id is not None:
        task_id = session.scalar(_MARK_RUNNING, {"task_id": task_id})


def steps_of(session: Session, submission_id: int) -> Sequence[Task]:
    """The steps of a submission in their order."""
    stage = aliased(Task)
    return session.scalars(
        select(Task)
        .join(stage, stage.id == Task.parent_id)
        .where(Task.submission_id == submission_id, Task.kind == TaskKind.STEP)
        .order_by(stage.position, Task.position)
    ).all()


def _new_phase(session: Session, parent: Task, name: str, type_name: str, position: int) -> Task:
    phase = Task(
        submission_id=parent.submission_id,
        parent_id=parent.id,
        kind=TaskKind.PHASE,
        type=type_name,
        name=name,
        position=position,
    )
    session.add(phase)
    session.flush()
    return phase


def _add_jobs(
    session: Session,
    phase: Task,
    step_name: str,
    phase_name: str,
    batches: list[Batch],
    verdicts: list[Verdict] | None,
) -> None:
    """Enter the jobs of a phase; those that are skipped are done already."""
    experiment_id = session.scalar(
        select(Submission.experiment_id).where(Submission.id == phase.submission_id)
    )
    moment = clock.read(session)
    judged = verdicts or [TO_BE_DONE] * len(batches)
    skipped = [verdict.skipped for verdict in judged]
    same = {
        **_DEFAULTS,
        "submission_id": phase.submission_id,
        "task_id": phase.id,
        "experiment_id": experiment_id,
        "step_name": step_name,
        "phase": phase_name,
    }
    numbers = range(1, len(batches) + 1)
    columns: dict[str, Sequence[object]] = {
        **{name: [value] * len(batches) for name, value in same.items()},
        "index": numbers,
        "name": [f"{phase.name}_{number:07d}" for number in numbers],
        "batch": batches,
        "state": [State.TERMINATED if skip else State.NEW for skip in skipped],
        "skipped": skipped,
        "reason": [verdict.reason for verdict in judged],
        "exitcode": [0 if skip else None for skip in skipped],
        "finished_at": [moment if skip else None for skip in skipped],
    }
    phase.n_jobs = len(batches)
    phase.n_skipped = phase.n_done = sum(skipped)
    bulk_insert(session, Job, columns)
