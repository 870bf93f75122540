"""The info service: which datastacks there are, each of which is an experiment."""

from typing import Any

from flask import request
from pydantic import Field

from tmlib.annotation import datastacks
from tmlib.experiments.service import list_experiments
from tmlib.experiments.sharing import ExperimentRow
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema
from tmserver.scopes import DATASTACK

VERSION = "4.3.3"
"""That of the info service whose answers these are like."""

_NANOMETRES = 1000  # of a micrometre

routes = Routes("info")
of_stack = routes.within(DATASTACK, "/info/api/v2")


class AlignedVolume(Schema):
    """Where annotations lie: the map of an experiment."""

    id: int
    name: str = Field(examples=["colon_cells_17"])
    display_name: str = Field(examples=["Colon cells"])
    description: str
    image_source: str = Field(examples=[""])


class Datastack(Schema):
    """An experiment; sizes are those of a pixel of its map, in nanometres, 1 where not known."""

    aligned_volume: AlignedVolume
    description: str
    local_server: str = Field(examples=["https://tm.lab.example"])
    segmentation_source: str = Field(examples=[""])
    skeleton_source: str | None = Field(None, examples=[None])
    analysis_database: str | None = Field(None, examples=[None])
    viewer_site: str = Field(examples=["https://tm.lab.example"])
    synapse_table: str | None = Field(None, examples=[None])
    soma_table: str | None = Field(None, examples=[None])
    viewer_resolution_x: float = Field(examples=[325.0])
    viewer_resolution_y: float = Field(examples=[325.0])
    viewer_resolution_z: float = Field(examples=[1.0])
    proofreading_status_table: str | None = Field(None, examples=[None])
    cell_identification_table: str | None = Field(None, examples=[None])
    proofreading_review_table: str | None = Field(None, examples=[None])


@routes.get("/info/version", permits="public")
def get_version(access: Access) -> str:
    """Tell the version of the info service that answers are like."""
    return VERSION


@routes.get("/info/api/versions", permits="public")
def get_api_versions(access: Access) -> list[int]:
    """Tell the versions of the info service's API."""
    return [2]


@routes.get("/info/api/v2/datastacks", "/info/api/v2/aligned_volume", permits="user")
def get_datastacks(access: UserAccess) -> list[str]:
    """List the experiments that you may see."""
    with access.database.session() as session:
        found = list_experiments(session, None if access.proof.is_admin else access.user.id)
    return [datastacks.name_of(one.id, one.name) for one in found]


@of_stack.get("/datastack/full/<datastack>", "/datastack/<datastack>", permits="read")
def get_datastack(access: ExperimentAccess) -> Datastack:
    """Describe an experiment."""
    experiment = access.experiment
    server = request.url_root.rstrip("/")
    size = pixel_size(experiment)
    return Datastack(
        aligned_volume=_volume(experiment),
        description=experiment.description,
        local_server=server,
        segmentation_source="",
        viewer_site=server,
        viewer_resolution_x=size,
        viewer_resolution_y=size,
        viewer_resolution_z=1.0,
    )


@of_stack.get("/datastack/<datastack>/image_sources", permits="read")
def get_image_sources(access: ExperimentAccess) -> list[dict[str, Any]]:
    """List other places of an experiment's images, of which there are none."""
    return []


@of_stack.get("/aligned_volume/<datastack>", "/aligned_volume/id/<datastack>", permits="read")
def get_aligned_volume(access: ExperimentAccess) -> AlignedVolume:
    """Describe the map of an experiment, by its name or its number."""
    return _volume(access.experiment)


@of_stack.get("/aligned_volume/<datastack>/datastacks", permits="read")
def get_datastacks_of_volume(access: ExperimentAccess) -> list[str]:
    """List the datastacks of a map: the one that has its name."""
    return [datastacks.name_of(access.experiment_id, access.experiment.name)]


def pixel_size(experiment: ExperimentRow) -> float:
    """Size of a pixel of the map in nanometres; 1 where it is not known."""
    return experiment.pixel_size * _NANOMETRES if experiment.pixel_size else 1.0


def _volume(experiment: ExperimentRow) -> AlignedVolume:
    return AlignedVolume(
        id=experiment.id,
        name=datastacks.name_of(experiment.id, experiment.name),
        display_name=experiment.name,
        description=experiment.description,
        image_source="",
    )
