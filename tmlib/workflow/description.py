"""Workflow descriptions: which stages and steps run, with which arguments.

The full form, which users get, has every argument with its help and allowed values; the minimal
form, which they may send, has only names and values.
"""

from dataclasses import dataclass, replace
from typing import Any

from tmlib.errors import BadInput
from tmlib.workflow.arguments import SUBMISSION_ARGUMENTS, Value, check_keys, parse_arguments
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Step

CANONICAL: dict[str, tuple[str, ...]] = {
    "image_conversion": ("metaextract", "metaconfig", "imextract"),
    "image_preprocessing": ("corilla",),
    "pyramid_creation": ("illuminati",),
    "image_analysis": ("jterator",),
}

MULTIPLEXING = CANONICAL | {"image_preprocessing": ("corilla", "align")}

WORKFLOW_STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "canonical": CANONICAL,
    "multiplexing": MULTIPLEXING,
}

WORKFLOW_TYPES = tuple(WORKFLOW_STAGES)

_MODES = ("sequential", "parallel")

_STEP_KEYS = ("name", "fullname", "help", "active", "batch_args", "submission_args")

_STEP_DEPENDENCIES = {"metaconfig": ("metaextract",), "imextract": ("metaconfig",)}


@dataclass(frozen=True)
class StepDescription:
    """A step with the values of its arguments."""

    name: str
    active: bool
    batch_arguments: dict[str, Value]
    submission_arguments: dict[str, Value]

    @property
    def step(self) -> Step:
        """The code of the step."""
        return STEPS[self.name]

    def to_dict(self) -> dict[str, Any]:
        """The full form."""
        batch = sorted(self.step.arguments, key=lambda argument: argument.name)
        return {
            "name": self.name,
            "fullname": self.step.fullname,
            "help": self.step.help,
            "active": self.active,
            "batch_args": [
                argument.describe(self.batch_arguments[argument.name]) for argument in batch
            ],
            "submission_args": [
                argument.describe(self.submission_arguments[argument.name])
                for argument in SUBMISSION_ARGUMENTS
            ],
        }


@dataclass(frozen=True)
class StageDescription:
    """A stage: steps that run one after the other, or at the same time."""

    name: str
    mode: str
    active: bool
    steps: tuple[StepDescription, ...]

    def to_dict(self) -> dict[str, Any]:
        """The full form."""
        return {
            "name": self.name,
            "mode": self.mode,
            "active": self.active,
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass(frozen=True)
class WorkflowDescription:
    """What a workflow does."""

    type: str
    stages: tuple[StageDescription, ...]

    def to_dict(self) -> dict[str, Any]:
        """The full form."""
        return {"type": self.type, "stages": [stage.to_dict() for stage in self.stages]}

    @property
    def active_stages(self) -> tuple[StageDescription, ...]:
        """The stages that will run."""
        return tuple(stage for stage in self.stages if stage.active)

    def with_limits_of(self, other: "WorkflowDescription") -> "WorkflowDescription":
        """The same work with the submission arguments of another description."""
        limits = {
            step.name: step.submission_arguments for stage in other.stages for step in stage.steps
        }
        stages = tuple(
            replace(
                stage,
                steps=tuple(
                    replace(
                        step,
                        submission_arguments=limits.get(step.name, step.submission_arguments),
                    )
                    for step in stage.steps
                ),
            )
            for stage in self.stages
        )
        return replace(self, stages=stages)

    @classmethod
    def default(cls, workflow_type: str) -> "WorkflowDescription":
        """All stages and steps of a type with default arguments."""
        return cls.from_dict({"type": workflow_type})

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "WorkflowDescription":
        """Read a description in the full or the minimal form.

        Raises
        ------
        BadInput
            If a stage, step or argument is unknown, in the wrong place or has a wrong value.
        """
        check_keys(given, ("type", "stages"), "The workflow description")
        workflow_type = given.get("type")
        if workflow_type not in WORKFLOW_STAGES:
            raise BadInput(
                f'The "type" of the workflow is {workflow_type!r}, must be one of: '
                f"{', '.join(WORKFLOW_TYPES)}."
            )
        known = WORKFLOW_STAGES[workflow_type]
        stages = given.get("stages")
        if stages is None:
            stages = [{"name": name} for name in known]
        parsed = tuple(_parse_stage(stage, known) for stage in _objects(stages, "stages"))
        _check_order([stage.name for stage in parsed], list(known), "stage")
        if not any(stage.active for stage in parsed):
            raise BadInput("The workflow description has no active stage: there is nothing to do.")
        return cls(workflow_type, parsed)


def batch_arguments(description: dict[str, Any], step_name: str) -> dict[str, Value]:
    """Batch arguments of one step.

    Parameters
    ----------
    description
        What was submitted, in the full form; of the other steps nothing is read.
    step_name
        Which step.
    """
    for stage in description["stages"]:
        for step in stage["steps"]:
            if step["name"] == step_name:
                return parse_arguments(
                    STEPS[step_name].arguments, step["batch_args"], step_name, "batch_args"
                )
    raise KeyError(step_name)


def _objects(items: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadInput(f'"{name}" of the workflow description must be a list of objects.')
    return items


def _parse_stage(given: dict[str, Any], known: dict[str, tuple[str, ...]]) -> StageDescription:
    name = given.get("name")
    if name not in known:
        raise BadInput(f"Stage {name!r} is unknown: use {', '.join(known)}.")
    check_keys(given, ("name", "mode", "active", "steps"), f'Stage "{name}"')
    mode = given.get("mode", "sequential")
    if mode not in _MODES:
        raise BadInput(f'Mode of stage "{name}" is {mode!r}, must be {" or ".join(_MODES)}.')
    steps = given.get("steps")
    if steps is None:
        steps = [{"name": step} for step in known[name]]
    parsed = tuple(_parse_step(step, name, known[name]) for step in _objects(steps, "steps"))
    names = [step.name for step in parsed]
    _check_order(names, list(known[name]), "step")
    for step in parsed:
        for dependency in _STEP_DEPENDENCIES.get(step.name, ()):
            if dependency not in names:
                raise BadInput(f'Step "{step.name}" needs step "{dependency}" before it.')
    return StageDescription(name, mode, _is_active(given, f'Stage "{name}"'), parsed)


def _parse_step(given: dict[str, Any], stage: str, known: tuple[str, ...]) -> StepDescription:
    name = given.get("name")
    if name not in known:
        raise BadInput(f'Step {name!r} is unknown in stage "{stage}": use {", ".join(known)}.')
    check_keys(given, _STEP_KEYS, f'Step "{name}"')
    return StepDescription(
        name,
        _is_active(given, f'Step "{name}"'),
        parse_arguments(STEPS[name].arguments, given.get("batch_args", []), name, "batch_args"),
        parse_arguments(
            SUBMISSION_ARGUMENTS, given.get("submission_args", []), name, "submission_args"
        ),
    )


def _is_active(given: dict[str, Any], what: str) -> bool:
    active = given.get("active", True)
    if not isinstance(active, bool):
        raise BadInput(
            f'"active" of {what[0].lower()}{what[1:]} is {active!r}, must be true or false.'
        )
    return active


def _check_order(names: list[str], known: list[str], kind: str) -> None:
    if len(set(names)) < len(names):
        raise BadInput(f"A {kind} is named twice in the workflow description.")
    if names != [name for name in known if name in names]:
        raise BadInput(f"The {kind}s must be in this order: {', '.join(known)}.")
