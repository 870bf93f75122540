"""How the pipelines that come with the product are put together."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project


class TemplateStep(NamedTuple):
    """A module of a pipeline, with values and keys of its handles other than the usual ones."""

    module: str
    settings: Mapping[str, Any]


def build(
    steps: Mapping[str, TemplateStep],
    *,
    channels: Sequence[str],
    objects: Mapping[str, bool],
    correct: bool,
) -> Project:
    """Make a project of steps, which are given by their names, in their order.

    Parameters
    ----------
    steps
        Outputs have keys that begin with the name of the step.
    channels
        What the steps take.
    objects
        What is kept, and whether with outlines.
    correct
        Whether the pipeline gets images that are corrected for illumination.
    """
    pipeline = {
        "input": {"channels": [{"name": name, "correct": correct} for name in channels]},
        "pipeline": [
            {
                "source": f"{step.module}.py",
                "handles": f"handles/{name}.handles.yaml",
                "active": True,
            }
            for name, step in steps.items()
        ],
        "output": {
            "objects": [
                {"name": name, "as_polygons": outlined} for name, outlined in objects.items()
            ]
        },
    }
    handles = {name: _handles(name, step) for name, step in steps.items()}
    return Project.from_dict({"pipeline": pipeline, "handles": handles})


def _handles(name: str, step: TemplateStep) -> dict[str, Any]:
    """The shipped handles of the module, with settings filled in and keys named by the step."""
    handles = copy.deepcopy(dict(registry.get(step.module).handles))
    for handle in [*handles["input"], *handles["output"]]:
        field = "key" if "key" in handle else "value"
        if handle["name"] in step.settings:
            handle[field] = step.settings[handle["name"]]
        elif field == "key" and handle["key"]:
            handle["key"] = f"{name}.{handle['name']}"
    return handles
