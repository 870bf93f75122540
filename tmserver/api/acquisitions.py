"""Acquisitions."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.experiments import models, plates, quality
from tmlib.uploads import service as uploads
from tmlib.uploads.models import FileUploadStatus
from tmserver.access import ExperimentAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Change, Id, Message, Name, NamedPage, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("acquisition", scope=EXPERIMENT)


class Acquisition(Schema):
    """What one run of the microscope wrote for a plate.

    When its first and last image were taken is known once step metaconfig has run, if the
    microscope's metadata tell.
    """

    id: Id
    name: str
    description: str
    status: FileUploadStatus
    plate_name: str
    first_acquired_at: datetime | None
    last_acquired_at: datetime | None


class NewAcquisition(Body):
    """What an acquisition is from its beginning; ``plate_name`` must exist."""

    plate_name: Annotated[Text, Field(min_length=1)]
    name: Name
    description: Text = ""


class AcquisitionChange(Change):
    """A new name or description."""

    name: Name | None = None
    description: Text | None = None


class AcquisitionQuery(NamedPage):
    """Which acquisitions are asked for."""

    plate_name: Text | None = None


@routes.get("/acquisitions", permits="read")
def get_acquisitions(access: ExperimentAccess, query: AcquisitionQuery) -> list[Acquisition]:
    """List acquisitions."""
    with access.database.session() as session:
        found = plates.list_acquisitions(
            session,
            access.experiment_id,
            name=query.name,
            plate_name=query.plate_name,
            limit=query.limit,
            offset=query.offset,
        )
        return describe_acquisitions(session, found)


@routes.post("/acquisitions", permits="write", raises=(409,))
def create_acquisition(access: ExperimentAccess, body: NewAcquisition) -> Acquisition:
    """Add an acquisition to a plate."""
    with access.database.transaction() as session:
        plate = plates.find_plate(session, access.experiment_id, body.plate_name)
        acquisition = plates.create_acquisition(
            session, access.experiment_id, plate.id, body.name, body.description
        )
        return describe_acquisitions(session, [acquisition])[0]


@routes.get("/acquisitions/<acquisition_id>", permits="read")
def get_acquisition(access: ExperimentAccess, acquisition_id: int) -> Acquisition:
    """Get an acquisition."""
    with access.database.session() as session:
        acquisition = plates.get_acquisition(session, access.experiment_id, acquisition_id)
        return describe_acquisitions(session, [acquisition])[0]


@routes.put("/acquisitions/<acquisition_id>", permits="write", raises=(409,))
def update_acquisition(
    access: ExperimentAccess, acquisition_id: int, body: AcquisitionChange
) -> Message:
    """Rename an acquisition or describe it anew."""
    with access.database.transaction() as session:
        plates.update_acquisition(
            session,
            access.experiment_id,
            acquisition_id,
            name=body.name,
            description=body.description,
        )
    return Message()


@routes.delete("/acquisitions/<acquisition_id>", permits="write")
def delete_acquisition(access: ExperimentAccess, acquisition_id: int) -> Message:
    """Delete an acquisition with its files."""
    with access.database.transaction() as session:
        plates.delete_acquisition(
            session, access.settings.data_dir, access.experiment_id, acquisition_id
        )
    return Message()


def describe_acquisitions(
    session: Session, acquisitions: list[models.Acquisition]
) -> list[Acquisition]:
    """Acquisitions as they are sent, with the status of their uploads."""
    if not acquisitions:
        return []
    ids = [one.id for one in acquisitions]
    statuses = uploads.acquisition_statuses(session, ids)
    times = quality.acquisition_times(session, ids)
    return [
        Acquisition(
            id=acquisition.id,
            name=acquisition.name,
            description=acquisition.description,
            status=statuses[acquisition.id],
            plate_name=acquisition.plate.name,
            first_acquired_at=times.get(acquisition.id, (None, None))[0],
            last_acquired_at=times.get(acquisition.id, (None, None))[1],
        )
        for acquisition in acquisitions
    ]
