"""How much of a workflow is done: a number that only grows while it runs."""

from collections.abc import Mapping, Sequence

from tmlib.ledger.models import State, Task, TaskKind
from tmlib.workflow.steps import STEPS

Children = Mapping[int | None, Sequence[Task]]
"""The tasks of a submission by the numbers of those that contain them."""


def done_ratio(task: Task, children: Children) -> float:
    """How much of a task is done, from 0 to 1.

    Stages weigh alike, in them steps, in them phases, in them jobs. A step counts the phases that
    it will have, so that the ratio does not fall when they appear.
    """
    if task.state is State.TERMINATED and task.exitcode == 0:
        return 1.0
    parts = children.get(task.id, [])
    if task.kind in (TaskKind.PHASE, TaskKind.INTERACTIVE):
        leaves = parts or [task]
        n_jobs = sum(leaf.n_jobs for leaf in leaves)
        return sum(leaf.n_done for leaf in leaves) / n_jobs if n_jobs else 0.0
    n_parts = _n_phases(task) if task.kind is TaskKind.STEP else len(parts)
    return sum(done_ratio(part, children) for part in parts) / n_parts if n_parts else 0.0


def _n_phases(step: Task) -> int:
    known = STEPS.get(step.name)
    return 2 if known is not None and not known.has_collect else 3
