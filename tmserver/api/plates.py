"""Plates."""

from itertools import islice

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
        return _plates(session, found)


@routes.post("/plates", permits="write", raises=(409,))
def create_plate(access: ExperimentAccess, body: NewPlate) -> Plate:
    """Add a plate."""
    with access.database.transaction() as session:
        plate = plates.create_plate(session, access.experiment_id, body.name, body.description)
        return _plates(session, [plate])[0]


@routes.get("/plates/<plate_id>", permits="read")
def get_plate(access: ExperimentAccess, plate_id: int) -> Plate:
    """Get a plate."""
    with access.database.session() as session:
        plate = plates.get_plate(session, access.experiment_id, plate_id)
        return _plates(session, [plate])[0]


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


def _plates(session: Session, found: list[models.Plate]) -> list[Plate]:
    """Plates as they are sent, with what two statements tell of all their acquisitions."""
    described = describe_acquisitions(
        session, [acquisition for plate in found for acquisition in plate.acquisitions]
    )
    of_all = iter(described)
    answers = []
    for plate in found:
        acquisitions = list(islice(of_all, len(plate.acquisitions)))
        status = uploads.combined_status([acquisition.status for acquisition in acquisitions])
        answers.append(
            Plate(
                id=plate.id,
                name=plate.name,
                description=plate.description,
                status=status,
                acquisitions=acquisitions,
            )
        )
    return answers
