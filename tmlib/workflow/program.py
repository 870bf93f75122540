"""Workflows as a program of the ledger: stages, steps in them, and in these the phases.

Stages and steps are entered when a workflow is submitted. A step begins with its init phase,
from which its others follow, since only that knows the batches.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from tmlib.ledger import programs
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import PHASE
from tmlib.ledger.programs import Assignment, JobContext, Part, PlannedJob, Program
from tmlib.workflow import arguments, fingerprints
from tmlib.workflow.description import StageDescription, WorkflowDescription, batch_arguments
from tmlib.workflow.fingerprints import StepPlan
from tmlib.workflow.models import WORKFLOW, TaskKind
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Step, StepContext


class Workflow(Program):
    """Runs the phases of steps."""

    name: ClassVar[str] = WORKFLOW

    def plan(self, description: dict[str, Any], part_name: str) -> Sequence[Part]:
        """A step begins with its init phase."""
        if part_name not in STEPS:
            return ()
        return [_phase(part_name, "init", "InitPhase", [PlannedJob({})])]

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        """Run a job of a phase; from init the other phases follow."""
        own = StepContext.of(context, batch_arguments(job.description, job.step_name))
        step = STEPS[job.step_name]
        if job.phase == "init":
            return phases(step, fingerprints.plan(own, step))
        if job.phase == "collect":
            step.collect(own)
        else:
            step.run(own, job.batch)
        record = partial(
            fingerprints.record, context=own, step=step, phase=job.phase, batch=job.batch
        )
        context.effects.append(record)
        return ()

    def limits(self, description: dict[str, Any], step_name: str, phase: str) -> Limits:
        """Those of the step's submission arguments."""
        return arguments.limits(description, step_name, phase)


def whole(name: str, description: WorkflowDescription) -> Part:
    """A workflow with its active stages and steps."""
    parts = stages(description.active_stages)
    return Part(TaskKind.WORKFLOW, "Workflow", name, parts)


def stages(descriptions: Sequence[StageDescription]) -> list[Part]:
    """Stages with their active steps."""
    return [
        Part(
            TaskKind.STAGE,
            f"{stage.mode.capitalize()}WorkflowStage",
            stage.name,
            [_step(step.name) for step in stage.steps if step.active],
            is_parallel=stage.mode == "parallel",
        )
        for stage in descriptions
    ]


def phases(step: Step, plan: StepPlan) -> list[Part]:
    """What follows the init phase of a step; several groups of batches become sub-phases."""
    if len(plan.run) <= 1:
        jobs = plan.run[0] if plan.run else []
        run = _phase(step.name, "run", "SingleRunPhase", jobs)
    else:
        groups = [
            _phase(step.name, "run", "SingleRunPhase", jobs, suffix=f"-{number:02d}")
            for number, jobs in enumerate(plan.run)
        ]
        run = Part(PHASE, "MultiRunPhase", f"{step.name}_run", groups)
    if not step.has_collect:
        return [run]
    return [run, _phase(step.name, "collect", "CollectPhase", [plan.collect])]


def _step(name: str) -> Part:
    return Part(TaskKind.STEP, "WorkflowStep", name, n_parts=3 if STEPS[name].has_collect else 2)


def _phase(
    step_name: str, phase: str, type_name: str, jobs: Sequence[PlannedJob], suffix: str = ""
) -> Part:
    name = f"{step_name}_{phase}{suffix}"
    return Part(PHASE, type_name, name, jobs=jobs, step_name=step_name, phase=phase)


programs.register(Workflow())
