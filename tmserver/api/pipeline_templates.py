"""Pipelines to start from."""

from pydantic import Field

from tmlib.jterator.projects import templates
from tmlib.jterator.projects.nuclei_and_cells import NUCLEUS_DIAMETER
from tmserver.access import UserAccess
from tmserver.api.workflow import JteratorProject
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text

routes = Routes("pipeline_template")


class TemplateChannel(Schema):
    """A channel that a template needs, by its role, and what it has to show."""

    role: str = Field(examples=["nuclei"])
    help: str = Field(examples=["A stain of the DNA."])


class PipelineTemplate(Schema):
    """A pipeline to start from."""

    name: str = Field(examples=["nuclei"])
    title: str = Field(examples=["Nuclei"])
    help: str = Field(examples=["Finds nuclei."])
    channels: list[TemplateChannel]
    nucleus_diameter: float = Field(description="The usual one, in pixels.", examples=[16])


class TemplateQuery(Schema):
    """Names of the channels by their roles, and how large nuclei are in pixels."""

    nuclei: Text | None = Field(None, examples=["DNA"])
    cells: Text | None = Field(None, examples=["Actin"])
    spots: Text | None = Field(None, examples=["RNA"])
    nucleus_diameter: float | None = Field(None, allow_inf_nan=False, examples=[16])


@routes.get("/api/pipeline_templates", permits="user")
def get_pipeline_templates(access: UserAccess) -> list[PipelineTemplate]:
    """List pipelines to start from."""
    return [
        PipelineTemplate(
            name=one.name,
            title=one.title,
            help=one.help,
            channels=[TemplateChannel(role=role, help=text) for role, text in one.channels.items()],
            nucleus_diameter=NUCLEUS_DIAMETER,
        )
        for one in templates.TEMPLATES
    ]


@routes.get("/api/pipeline_templates/<name>", permits="user", raises=(404,))
def make_pipeline(access: UserAccess, name: str, query: TemplateQuery) -> JteratorProject:
    """Get the project that a template makes for your channels; nothing is stored."""
    channels = {
        role: channel
        for role, channel in query.model_dump(exclude={"nucleus_diameter"}).items()
        if channel is not None
    }
    project = templates.make_project(name, channels, nucleus_diameter=query.nucleus_diameter)
    return JteratorProject.model_validate(project.to_dict())
