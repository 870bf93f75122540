"""The annotation service: tables."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Response, after_this_request
from pydantic import BeforeValidator, Field
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables, tables
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.tables import Level, NewTable, TableChange
from tmlib.errors import BadInput, NotFound
from tmlib.objects.models import MapobjectType
from tmserver.access import Access, ExperimentAccess
from tmserver.annotators import annotator
from tmserver.cave.info import pixel_size
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Moment, Schema, Text
from tmserver.scopes import DATASTACK

VERSION = "4.35.0"
"""That of the annotation service whose answers these are like."""

routes = Routes("annotation")
in_stack = routes.within(DATASTACK)

UserId = Annotated[
    int, BeforeValidator(lambda value: int(value) if str(value).isdigit() else value)
]
"""A user's number, which may come as text."""


class Reference(Body):
    """To which table rows refer, and whether they follow its updates."""

    reference_table: Text = Field(examples=["cells"])
    track_target_id_updates: bool | None = None


class NewMetadata(Body):
    """What a table is from its beginning."""

    description: Text
    voxel_resolution_x: float = Field(examples=[325.0])
    voxel_resolution_y: float = Field(examples=[325.0])
    voxel_resolution_z: float = Field(examples=[1000.0])
    read_permission: Level = "PUBLIC"
    write_permission: Level = "PRIVATE"
    user_id: UserId | None = None
    notice_text: Text | None = None
    flat_segmentation_source: Text | None = None
    table_metadata: Reference | None = Field(None, examples=[None])


class NewTableBody(Body):
    """A new table."""

    schema_type: Text = Field(examples=["bound_tag"])
    table_name: Text = Field(examples=["cells"])
    metadata: NewMetadata


class MetadataChange(Body):
    """What shall be different about a table."""

    description: Text | None = None
    read_permission: Level | None = None
    write_permission: Level | None = None
    user_id: UserId | None = None
    notice_text: Text | None = None
    flat_segmentation_source: Text | None = None


class TableChangeBody(Body):
    """A table, and what shall be different about it."""

    table_name: Text = Field(examples=["cells"])
    metadata: MetadataChange


class WhichTables(Schema):
    """Which tables are listed: all, or those that are, or were at a moment, not deleted."""

    filter_valid: bool = True
    timestamp: Moment | None = Field(None, examples=["2026-01-31T12:00:00.000000"])


class TableMetadata(Schema):
    """What is told about a table; times are UTC."""

    id: int
    schema_type: str = Field(examples=["bound_tag"])
    table_name: str = Field(examples=["cells"])
    valid: bool
    created: str = Field(examples=["2026-01-31T12:00:00.000000"])
    deleted: str | None = Field(examples=[None])
    user_id: str = Field(examples=["1"])
    description: str
    notice_text: str | None
    reference_table: str | None = Field(examples=[None])
    flat_segmentation_source: str | None = Field(examples=[None])
    voxel_resolution_x: float = Field(examples=[325.0])
    voxel_resolution_y: float = Field(examples=[325.0])
    voxel_resolution_z: float = Field(examples=[1000.0])
    write_permission: Level
    read_permission: Level
    last_modified: str = Field(examples=["2026-01-31T12:00:00.000000"])


def tell_notice(table: AnnotationTable) -> None:
    """Let the answer to the present request tell a table's notice in a header."""
    if table.notice is None:
        return
    # a header is one line of Latin-1 without control characters; the metadata has the true text
    printable = "".join(one if one.isprintable() else " " for one in table.notice)
    line = " ".join(printable.split()).encode("latin-1", "replace").decode("latin-1")

    @after_this_request
    def tell(response: Response) -> Response:
        response.headers["Warning"] = f"Table Owner Notice: {line}"
        return response


@routes.get("/annotation/version", permits="public")
def get_annotation_version(access: Access) -> str:
    """Tell the version of the annotation service that answers are like."""
    return VERSION


@routes.get("/annotation/api/versions", permits="public")
def get_annotation_api_versions(access: Access) -> list[int]:
    """Tell the versions of the annotation service's API."""
    return [2]


@in_stack.get("/table", permits="read")
def get_tables(access: ExperimentAccess, query: WhichTables) -> list[str]:
    """List the names of the tables of an experiment, at the end those of mapobject types."""
    with access.database.session() as session:
        found = tables.list_tables(
            session,
            access.experiment_id,
            with_deleted=not query.filter_valid,
            as_of=query.timestamp,
        )
        of_objects = mapobject_tables.names(session, access.experiment_id)
    return [*(table.name for table in found), *of_objects]


@in_stack.post("/table", permits="write", raises=(409,), media=("text/html",))
def create_table(access: ExperimentAccess, body: NewTableBody) -> Response:
    """Make an empty table; the answer is its name alone."""
    given = body.metadata
    reference = given.table_metadata
    new = NewTable(
        name=body.table_name,
        schema_name=body.schema_type,
        description=given.description,
        voxel_resolution=(
            given.voxel_resolution_x,
            given.voxel_resolution_y,
            given.voxel_resolution_z,
        ),
        read_permission=given.read_permission,
        write_permission=given.write_permission,
        notice=_notice(given.notice_text),
        flat_segmentation_source=given.flat_segmentation_source,
        reference_table=reference.reference_table if reference else None,
        tracks_targets=bool(reference and reference.track_target_id_updates),
        owner_id=given.user_id,
    )
    with access.database.transaction() as session:
        table = tables.create_table(session, access.experiment_id, annotator(access), new)
    return Response(table.name, mimetype="text/html")


@in_stack.put("/table", permits="write")
def update_metadata(access: ExperimentAccess, body: TableChangeBody) -> TableMetadata:
    """Change what is told about a table of yours, who may use it, or whose it is."""
    given = body.metadata
    change = TableChange(
        description=given.description,
        flat_segmentation_source=given.flat_segmentation_source,
        read_permission=given.read_permission,
        write_permission=given.write_permission,
        notice=_notice(given.notice_text),
        owner_id=given.user_id,
    )
    with access.database.transaction() as session:
        table = tables.update_table(
            session, access.experiment_id, body.table_name, annotator(access), change
        )
    return describe(table)


@in_stack.get("/table/<table>", permits="read")
def get_table_metadata(access: ExperimentAccess, table: str) -> TableMetadata:
    """Get what is told about a table."""
    with access.database.session() as session:
        if mapobject_tables.is_one(table):
            mapobject_type = find_type(session, access, table)
            return _describe_type(access, mapobject_type, table)
        found = tables.find_table(session, access.experiment_id, table)
    tell_notice(found)
    return describe(found)


@in_stack.delete("/table/<table>", permits="write")
def delete_table(access: ExperimentAccess, table: str) -> bool:
    """Mark a table of yours as deleted."""
    with access.database.transaction() as session:
        tables.delete_table(session, access.experiment_id, table, annotator(access))
    return True


def find_type(session: Session, access: ExperimentAccess, table: str) -> MapobjectType:
    """The mapobject type that a table shows.

    Raises
    ------
    NotFound
        If there is none.
    """
    try:
        return mapobject_tables.find_type(session, access.experiment_id, table)
    except BadInput as error:
        raise NotFound(error.message) from None


def created(access: ExperimentAccess) -> datetime:
    """When a table of objects has begun: with the experiment."""
    return _naive(access.experiment.created_at)


def _describe_type(
    access: ExperimentAccess, mapobject_type: MapobjectType, table: str
) -> TableMetadata:
    size = pixel_size(access.experiment)
    begun = created(access).isoformat()
    return TableMetadata(
        id=mapobject_type.id,
        schema_type=mapobject_tables.SCHEMA,
        table_name=table,
        valid=True,
        created=begun,
        deleted=None,
        user_id=str(access.experiment.user_id),
        description=f"Objects of the type {mapobject_type.name}, to be read and referred to.",
        notice_text=None,
        reference_table=None,
        flat_segmentation_source=None,
        voxel_resolution_x=size,
        voxel_resolution_y=size,
        voxel_resolution_z=1.0,
        write_permission="PRIVATE",
        read_permission="PUBLIC",
        last_modified=begun,
    )


def _notice(text: str | None) -> str | None:
    return "" if text is not None and text.lower() == "none" else text


def describe(table: AnnotationTable) -> TableMetadata:
    """What is told about a table."""
    return TableMetadata(
        id=table.id,
        schema_type=table.schema_name,
        table_name=table.name,
        valid=table.deleted_at is None,
        created=_naive(table.created_at).isoformat(),
        deleted=None if table.deleted_at is None else _naive(table.deleted_at).isoformat(),
        user_id=str(table.user_id),
        description=table.description,
        notice_text=table.notice,
        reference_table=table.reference_table,
        flat_segmentation_source=table.flat_segmentation_source,
        voxel_resolution_x=table.voxel_resolution_x,
        voxel_resolution_y=table.voxel_resolution_y,
        voxel_resolution_z=table.voxel_resolution_z,
        write_permission=table.write_permission,
        read_permission=table.read_permission,
        last_modified=_naive(table.changed_at).isoformat(),
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
