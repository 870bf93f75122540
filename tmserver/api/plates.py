"""Plates."""

from sqlalchemy.orm import Session

from tmlib.experiments import models, plates
from tmlib.uploads import service as uploads
from tmlib.uploads.models import FileUploadStatus
from tmserver.access import ExperimentAccess
from tmserver.api.acquisitions import Acquisition, describe_acquisitions
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Change, Id, Message, Name, NamedPage, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("plate", scope=EXPERIMENT)


class Plate(Schema):
    """A multi-well plate with its acquisitions."""

    id: Id
    name: str
    description: str
    status: FileUploadStatus
    acquisitions: list[Acquisition]


class NewPlate(Body):
    """What a plate is from its beginning."""

    name: Name
    description: Text = ""


class PlateChange(Change):
    """A new name or description."""

    name: Name | None = None
    description: Text | None = None


@routes.get("/plates", permits="read")
def get_plates(access: ExperimentAccess, query: NamedPage) -> list[Plate]:
    """List plates."""
    with access.database.session() as session:
        found = plates.list_plates(
            session,
            access.experiment_id,
            name=query.name,
            limit=query.limit,
            offset=query.offset,
        )
        return [_plate(session, plate) for plate in found]


@routes.post("/plates", permits="write", raises=(409,))
def create_plate(access: ExperimentAccess, body: NewPlate) -> Plate:
    """Add a plate."""
    with access.database.transaction() as session:
        plate = plates.create_plate(session, access.experiment_id, body.name, body.description)
        return _plate(session, plate)


@routes.get("/plates/<plate_id>", permits="read")
def get_plate(access: ExperimentAccess, plate_id: int) -> Plate:
    """Get a plate."""
    with access.database.session() as session:
        return _plate(session, plates.get_plate(session, access.experiment_id, plate_id))


@routes.put("/plates/<plate_id>", permits="write", raises=(409,))
def update_plate(access: ExperimentAccess, plate_id: int, body: PlateChange) -> Message:
    """Rename a plate or describe it anew."""
    with access.database.transaction() as session:
        plates.update_plate(
            session,
            access.experiment_id,
            plate_id,
            name=body.name,
            description=body.description,
        )
    return Message()


@routes.delete("/plates/<plate_id>", permits="write")
def delete_plate(access: ExperimentAccess, plate_id: int) -> Message:
    """Delete a plate with its acquisitions and files."""
    with access.database.transaction() as session:
        plates.delete_plate(session, access.settings.data_dir, access.experiment_id, plate_id)
    return Message()


def _plate(session: Session, plate: models.Plate) -> Plate:
    acquisitions = describe_acquisitions(session, plate.acquisitions)
    return Plate(
        id=plate.id,
        name=plate.name,
        description=plate.description,
        status=uploads.combined_status([acquisition.status for acquisition in acquisitions]),
        acquisitions=acquisitions,
    )
