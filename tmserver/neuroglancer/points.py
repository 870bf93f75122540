"""Points of annotation tables, in the files that Neuroglancer asks for."""

from typing import Any

from flask import Response

from tmlib.annotation import reading, tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.precomputed import BY_ID, RELATED, Points
from tmlib.annotation.reading import Selection
from tmlib.errors import NotFound
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.http.routing import Routes
from tmserver.neuroglancer.links import PREFIX, read_moment
from tmserver.neuroglancer.requested import points_in_cell, read_number
from tmserver.scopes import DATASTACK

_BYTES = "application/octet-stream"
_KEPT_FOR = 600  # seconds; what a link gives does not change
_FOLDER = "/<datastack>/<table>/<field>/<moment>/<link>"

routes = Routes("points", scope=DATASTACK, prefix=PREFIX)


@routes.get(f"{_FOLDER}/info", permits="read", raises=(403,))
def get_points_info(
    access: ExperimentAccess, table: str, field: str, moment: str, link: str
) -> dict[str, Any]:
    """Describe points of a table as of a moment.

    Whoever sends a token can have any text in place of the link's signature.
    """
    return _points(access, table, field, moment).info()


@routes.get(f"{_FOLDER}/{BY_ID}/<row>", permits="read", raises=(403,), media=(_BYTES,))
def get_point(
    access: ExperimentAccess, table: str, field: str, moment: str, link: str, row: str
) -> Response:
    """Get a point by the number of its row."""
    return _sent(_points(access, table, field, moment).one(read_number(row)))


@routes.get(f"{_FOLDER}/{RELATED}/<target>", permits="read", raises=(403,), media=(_BYTES,))
def get_related_points(
    access: ExperimentAccess, table: str, field: str, moment: str, link: str, target: str
) -> Response:
    """Get the points of the rows that refer to a target."""
    return _sent(_points(access, table, field, moment).related(read_number(target)))


@routes.get(f"{_FOLDER}/<level>/<cell>", permits="read", raises=(403,), media=(_BYTES,))
def get_points_in_cell(
    access: ExperimentAccess,
    table: str,
    field: str,
    moment: str,
    link: str,
    level: str,
    cell: str,
) -> Response:
    """Get the points in a cell of a level: `1_2_0` of `spatial3`."""
    return _sent(points_in_cell(_points(access, table, field, moment), level, cell))


def _points(access: ExperimentAccess, name: str, field: str, moment: str) -> Points:
    as_of = read_moment(moment)
    with access.database.session() as session:
        who = annotator(access)
        table = tables.open_table(session, access.experiment_id, name, who, "read", as_of=as_of)
        schema = find_schema(session, table.schema_name)
    if field not in schema.points:
        raise NotFound(f'The rows of table {table.name} have no point "{field[:80]}".')
    # nothing that is still to come may be taken for what was at a moment
    as_of = min(as_of, table.changed_at)

    def make() -> Points:
        voxel = (table.voxel_resolution_x, table.voxel_resolution_y, table.voxel_resolution_z)
        # of its own: whoever waits to read must not keep a connection from others
        with access.database.session() as session:
            rows = reading.read_rows(session, table, schema, Selection(as_of=as_of))
            return Points(schema, field, voxel, rows, table.reference_table)

    return access.services.recent_points.get((table.id, field, as_of), make)


def _sent(content: bytes) -> Response:
    response = Response(content, mimetype=_BYTES)
    response.headers["Cache-Control"] = f"private, max-age={_KEPT_FOR}"
    return response
