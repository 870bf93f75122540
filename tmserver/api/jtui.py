"""What the original viewer's editor of pipelines asks for: projects as YAML, and the modules.

Its answers stand for themselves and are not under the key ``data``.
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from flask import Response
from pydantic import Field
from sqlalchemy import select

from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Plate, Site, Well
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project
from tmlib.jterator.yaml_texts import load_yaml
from tmlib.workflow import preview_jobs, service
from tmlib.workflow.steps.channels import read_channels
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import Bare, Body, Schema, Text
from tmserver.scopes import EXPERIMENT

PREFIX = "/jtui/experiments/<experiment_id>"

routes = Routes("jtui")
in_experiment = routes.within(EXPERIMENT, PREFIX)

_MAX_VALUES = 100_000  # in a project

_TEXT = """\
pipe:
  description:
    input:
      channels: [{name: Channel 1}]
      objects: []
    output:
      objects: []
    pipeline:
      - {name: smooth, source: smooth.py, handles: handles/smooth.handles.yaml, active: true}
handles:
  - name: smooth
    description: {version: 0.1.0, input: [], output: []}
"""


class Success(Bare):
    """Says that the request was carried out."""

    success: bool = True


class ProjectText(Body):
    """A project as YAML: its pipeline under ``pipe``, and the ``handles`` of its modules."""

    project: str = Field(max_length=1_000_000, examples=[_TEXT])


class StoredProject(Bare):
    """The project of an experiment as YAML."""

    jtproject: str = Field(examples=[_TEXT])


class ModuleHandles(Schema):
    """A module with the handles that it has by default, and in a sentence what it does."""

    name: str = Field(examples=["smooth"])
    help: str = Field(examples=["Smooth an image."])
    description: dict[str, Any] = Field(examples=[{"version": "0.1.0", "input": [], "output": []}])


class Step(Schema):
    """How a module is put into a pipeline."""

    handles: str = Field(examples=["handles/smooth.handles.yaml"])
    source: str = Field(examples=["smooth.py"])
    active: bool


class ModuleStep(Schema):
    """A module as a step of a pipeline."""

    name: str = Field(examples=["smooth"])
    description: Step


class Modules(Schema):
    """All modules, in order of their names."""

    modules: list[ModuleHandles]
    registration: list[ModuleStep]


class AvailableModules(Bare):
    """All modules that a pipeline can have."""

    jtmodules: Modules


class AvailableChannels(Bare):
    """Names of the channels."""

    channels: list[str] = Field(examples=[["Channel 1"]])


class ModuleQuery(Schema):
    """Which module is meant."""

    module_name: Text = Field(examples=["smooth"])


class JobSite(Schema):
    """A site on which the pipeline can be tried out."""

    plate: str = Field(examples=["Plate XY"])
    well: str = Field(examples=["D04"])
    y: int
    x: int


class JobList(Bare):
    """Sites by their numbers, counted from 0."""

    joblist: dict[str, JobSite] = Field(
        examples=[{"0": {"plate": "Plate XY", "well": "D04", "y": 0, "x": 0}}]
    )


@in_experiment.get("/project", permits="read")
def get_project(access: ExperimentAccess) -> StoredProject:
    """Get the project: the pipeline that finds and measures objects."""
    with access.database.session() as session:
        project = service.get_jterator_project(session, access.experiment_id)
    return StoredProject(jtproject=_to_text(project))


@in_experiment.post("/project", permits="write", max_bytes=PROJECT_BODY)
def save_project(access: ExperimentAccess, body: ProjectText) -> Success:
    """Check and store the project; modules that it brings stay as they are."""
    project = read_project_text(access, body.project)
    with access.database.transaction() as session:
        service.save_jterator_project(session, access.experiment_id, project, access.settings)
    return Success()


@in_experiment.delete("/project", permits="write")
def delete_project(access: ExperimentAccess) -> Success:
    """Forget the project."""
    with access.database.transaction() as session:
        service.delete_jterator_project(session, access.experiment_id)
    return Success()


@in_experiment.post("/project/check", permits="write", is_event=False, max_bytes=PROJECT_BODY)
def check_project(access: ExperimentAccess, body: ProjectText) -> Success:
    """Check whether a project can run on the images of the experiment; nothing is stored."""
    project = read_project_text(access, body.project)
    try:
        with access.database.session() as session:
            preview_jobs.check(session, access.experiment_id, project, access.settings)
    except BadInput as error:
        raise BadInput(f"Pipeline check failed: {error.message}") from error
    return Success()


@routes.get("/jtui/available_modules", permits="user")
def get_available_modules(access: UserAccess) -> AvailableModules:
    """List the modules that a pipeline can have."""
    modules = [registry.get(name) for name in registry.names()]
    return AvailableModules(
        jtmodules=Modules(
            modules=[
                ModuleHandles(
                    name=module.name, help=module.summary, description=dict(module.handles)
                )
                for module in modules
            ],
            registration=[
                ModuleStep(
                    name=module.name,
                    description=Step(
                        handles=f"handles/{module.name}.handles.yaml",
                        source=f"{module.name}.py",
                        active=True,
                    ),
                )
                for module in modules
            ],
        )
    )


@routes.get("/jtui/module_source_code", permits="user", raises=(404,), media=("text/x-python",))
def get_module_source_code(access: UserAccess, query: ModuleQuery) -> Response:
    """Get the text of a module."""
    try:
        module = registry.get(query.module_name.removesuffix(".py"))
    except BadInput as error:
        raise NotFound(error.message) from error
    path = inspect.getfile(module.main)
    return Response(Path(path).read_bytes(), mimetype="text/x-python")


@in_experiment.get("/available_channels", permits="read")
def get_available_channels(access: ExperimentAccess) -> AvailableChannels:
    """List the names of the channels."""
    with access.database.session() as session:
        channels = read_channels(session, access.experiment_id)
    return AvailableChannels(channels=[channel.name for channel in channels])


@in_experiment.post("/joblist", permits="write")
def create_joblist(access: ExperimentAccess) -> JobList:
    """List the sites that a pipeline can be tried out on, numbered in the order of their ids."""
    query = (
        select(Plate.name, Well.name, Site.y, Site.x)
        .select_from(Site)
        .join(Well, Well.id == Site.well_id)
        .join(Plate, Plate.id == Well.plate_id)
        .where(Site.experiment_id == access.experiment_id)
        .order_by(Site.id)
    )
    with access.database.session() as session:
        rows = session.execute(query).all()
    return JobList(
        joblist={
            str(index): JobSite(plate=plate, well=well, y=y, x=x)
            for index, (plate, well, y, x) in enumerate(rows)
        }
    )


def read_project_text(access: ExperimentAccess, text: str) -> dict[str, Any]:
    """A project from YAML, with the modules that the stored one brings.

    Raises
    ------
    BadInput
        If the text is no project.
    """
    project = _from_text(text)
    with access.database.session() as session:
        stored = service.get_jterator_project(session, access.experiment_id)
    if stored.get("modules"):
        project["modules"] = stored["modules"]
    return project


def _to_text(project: Mapping[str, Any]) -> str:
    """A project as the original viewer has it."""
    pipeline = dict(project["pipeline"])
    steps = Project.from_dict(project).pipeline.pipeline
    pipeline["pipeline"] = [
        {"name": step.name, **described}
        for step, described in zip(steps, pipeline.get("pipeline") or [], strict=True)
    ]
    handles = [
        {"name": name, "description": description}
        for name, description in project["handles"].items()
    ]
    text: str = yaml.safe_dump(
        {"pipe": {"description": pipeline}, "handles": handles},
        sort_keys=False,
        allow_unicode=True,
    )
    return text


def _from_text(text: str) -> dict[str, Any]:
    """A project from the form of the original viewer."""
    try:
        content = load_yaml(text)
        _count(content, 0)
        # what JSON does not have, dates for example, no project needs
        plain = json.dumps(content)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"The project is not valid YAML: {reason}.") from error
    if "\\u0000" in plain:
        raise BadInput("The project has a NUL character: remove it.")
    content = json.loads(plain)
    try:
        pipeline = dict(content["pipe"]["description"])
        pipeline["pipeline"] = [
            {key: value for key, value in step.items() if key != "name"}
            for step in pipeline.get("pipeline") or []
        ]
        handles = {one["name"]: one["description"] for one in content["handles"] or []}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(
            'The project must have the pipeline under "pipe" and "description", and a list '
            '"handles" of entries with "name" and "description".'
        ) from None
    return {"pipeline": pipeline, "handles": handles}


def _count(value: object, n_values: int) -> int:
    """How many values there are, with each as often as it is referred to.

    A short text can refer to its parts so often that what it describes fills any memory.
    """
    n_values += 1
    if n_values > _MAX_VALUES:
        raise BadInput(f"The project has more than {_MAX_VALUES} values: make it smaller.")
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list):
        parts = value
    for part in parts:
        n_values = _count(part, n_values)
    return n_values
