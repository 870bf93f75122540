"""Publications: experiments that become datasets of the public catalogue."""

from datetime import datetime

from flask import request
from pydantic import Field

from tmlib.portal.publishing import service
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.portal.publishing.service import PublicationStatus
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, Message, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("publication", scope=EXPERIMENT)

_PUBLICATION = "/publications/<publication_id>"


class PublicationInfo(Schema):
    """How a publication stands.

    The numbers are those that the deposition and the dataset have in the catalogue from
    ``published_at`` on. ``state`` is ``waiting``, ``running``, ``done``, ``failed`` or ``killed``.
    """

    id: Id
    user_id: Id
    deposition_id: int = Field(examples=[10000])
    dataset_id: int = Field(examples=[10000])
    title: str = Field(examples=["Colon cancer cells"])
    state: str = Field(examples=["running"])
    percent_done: float = Field(examples=[50.0])
    error: str | None = Field(None, examples=[None])
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    published_at: datetime | None = Field(None, examples=["2026-01-31T12:30:00Z"])
    is_withdrawn: bool = Field(examples=[False])


@routes.get("/publications", permits="read")
def get_publications(access: ExperimentAccess) -> list[PublicationInfo]:
    """List the publications of an experiment, in the order in which they were asked for."""
    with access.database.session() as session:
        return [_info(one) for one in service.list_publications(session, access.experiment_id)]


@routes.post("/publications", permits="owner", raises=(409,))
def publish_experiment(access: ExperimentAccess, body: PublicationDescription) -> PublicationInfo:
    """Publish an experiment, as it is now: for everybody, and for good.

    Its sites become runs of a dataset, in a deposition of its own. Nobody sees anything of it
    before all of it is there.
    """
    number = service.start(
        access.database,
        access.services.queue,
        storage=access.storage,
        user_id=access.user.id,
        description=body,
        address=request.url_root.rstrip("/"),
    )
    return _read(access, number)


@routes.get(_PUBLICATION, permits="read")
def get_publication(access: ExperimentAccess, publication_id: int) -> PublicationInfo:
    """Get how a publication stands."""
    return _read(access, publication_id)


@routes.post(f"{_PUBLICATION}/kill", permits="owner")
def kill_publication(access: ExperimentAccess, publication_id: int) -> Message:
    """End a publication that is not public yet; nothing of it will be."""
    with access.database.transaction() as session:
        service.stop(session, access.experiment_id, publication_id)
    return Message()


def _read(access: ExperimentAccess, number: int) -> PublicationInfo:
    with access.database.session() as session:
        return _info(service.get_publication(session, access.experiment_id, number))


def _info(status: PublicationStatus) -> PublicationInfo:
    publication = status.publication
    return PublicationInfo(
        id=publication.id,
        user_id=publication.user_id,
        deposition_id=publication.deposition_id,
        dataset_id=publication.dataset_id,
        title=publication.description["deposition"]["title"],
        state=status.state,
        percent_done=status.percent_done,
        error=status.error,
        created_at=publication.created_at,
        published_at=publication.published_at,
        is_withdrawn=status.is_withdrawn,
    )
