"""Links to points of annotation tables, for Neuroglancer and what else reads its format."""

from datetime import datetime
from typing import Annotated

from flask import request
from pydantic import Field

from tmlib.annotation import datastacks, tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.errors import BadInput
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.authentication import end_of_signature
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Moment, Schema, Text
from tmserver.neuroglancer.links import Link
from tmserver.scopes import EXPERIMENT

routes = Routes("annotation link", scope=EXPERIMENT)

_DAY = 24 * 3600
_URL = "https://tm.lab.example/precomputed/colon_cells_17/cells/pt/1769860800000000/WzEsMV0.c2ln"


class NewLink(Body):
    """Which points of a table, and for how long the link shall be good.

    Without `field` it is the first point of the rows; without `as_of` they are as they are now, and
    stay so.
    """

    field: Text | None = Field(None, examples=["pt"])
    as_of: Moment | None = Field(None, examples=[None])
    seconds: Annotated[int, Field(ge=1, le=30 * _DAY)] = _DAY


class AnnotationLink(Schema):
    """A folder of precomputed annotations; `source` is what Neuroglancer takes for a layer."""

    url: str = Field(examples=[_URL])
    source: str = Field(examples=[f"precomputed://{_URL}"])
    as_of: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    expires_at: datetime = Field(examples=["2026-02-01T12:00:00Z"])


@routes.post("/annotation_tables/<table_name>/links", permits="read", is_event=False)
def link_annotation_points(
    access: ExperimentAccess, table_name: str, body: NewLink
) -> AnnotationLink:
    """Make a link by which others, and programs that send no headers, can read points as you.

    It ends earlier when the login or token that this request is sent with ends, when you change
    your password or may no longer read the table.
    """
    with access.database.session() as session:
        table = tables.open_table(
            session,
            access.experiment_id,
            table_name,
            annotator(access),
            "read",
            as_of=body.as_of,
        )
        schema = find_schema(session, table.schema_name)
    if not schema.points:
        raise BadInput(f"The rows of table {table.name} have no points.")
    field = body.field or schema.points[0]
    schema.point_column(field)
    stack = datastacks.name_of(access.experiment_id, access.experiment.name)
    # what has changed until then changes no more
    as_of = min(body.as_of or table.changed_at, table.changed_at)
    expires_at = end_of_signature(access.proof, body.seconds)
    path = Link(stack, table.name, field, as_of).signed(access.proof, expires_at)
    url = f"{request.url_root.rstrip('/')}{path}"
    return AnnotationLink(
        url=url, source=f"precomputed://{url}", as_of=as_of, expires_at=expires_at
    )
