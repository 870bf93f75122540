"""Conditions of the wells of a plate, as CSV."""

from flask import Response
from pydantic import Field

from tmlib.errors import BadInput
from tmlib.experiments import conditions, plates
from tmserver.access import ExperimentAccess
from tmserver.http.multipart import whole_body
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("plate", scope=EXPERIMENT)

_CONDITIONS = "/plates/<plate_id>/conditions"
_CSV = "text/csv"


class StoredConditions(Schema):
    """How many wells are described now, and which wells of the file have no images."""

    n_wells: int = Field(examples=[96])
    unknown_wells: list[str] = Field(examples=[["H12"]])


@routes.get(_CONDITIONS, permits="read", media=(_CSV,))
def get_conditions(access: ExperimentAccess, plate_id: int) -> Response:
    """Get the conditions of the wells of a plate as CSV: ``well_name``, then each condition."""
    with access.database.session() as session:
        found = conditions.get_conditions(session, access.experiment_id, plate_id)
        name = plates.get_plate(session, access.experiment_id, plate_id).name
    response = Response(conditions.write_conditions(found), mimetype=_CSV)
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}_conditions.csv")
    return response


@routes.put(
    _CONDITIONS, permits="write", raises=(409, 413), takes_bytes=_CSV, max_bytes=PROJECT_BODY
)
def put_conditions(access: ExperimentAccess, plate_id: int) -> StoredConditions:
    """Replace the conditions of all wells of a plate by those of a CSV file.

    They become columns of all tables of objects. Wells that the file leaves out have none then.
    """
    try:
        content = whole_body().decode()
    except UnicodeDecodeError as error:
        raise BadInput("The file is no text in UTF-8: save it as CSV (UTF-8).") from error
    given = conditions.read_conditions(content)
    with access.database.transaction() as session:
        stored = conditions.put_conditions(session, access.experiment_id, plate_id, given)
    return StoredConditions(n_wells=stored.n_wells, unknown_wells=stored.unknown_wells)
