"""Annotation tables: what people know of an experiment, and the schemas of such tables."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.accounts import service
from tmlib.annotation import known_schemas, mapobject_tables, tables
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.tables import Level, NewTable, TableChange
from tmlib.errors import BadInput, NotFound
from tmserver.access import ExperimentAccess, UserAccess
from tmserver.annotators import annotator
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Change, Id, Message, Moment, Name, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("annotation table")
in_experiment = routes.within(EXPERIMENT)

_TABLE = "/annotation_tables/<table_name>"
_PLANES_APART = 1000.0  # nanometres, where nobody says what a focal plane is
_NANOMETRES = 1000  # of a micrometre

Resolution = Annotated[list[float], Field(min_length=3, max_length=3)]


class AnnotationSchema(Schema):
    """What the rows of a table are made of, as JSON Schema."""

    name: str = Field(examples=["bound_tag"])
    definition: dict[str, Any] = Field(
        examples=[{"$ref": "#/definitions/BoundTagAnnotation", "definitions": {}}]
    )


class NewSchema(Body):
    """A schema of your own."""

    name: Name = Field(examples=["mitosis"])
    definition: dict[str, Any] = Field(
        examples=[{"type": "object", "properties": {"phase": {"type": "string"}}}]
    )


class AnnotationTableInfo(Schema):
    """What is told about a table; `voxel_resolution` is in nanometres.

    `mapobject_type` is the name of the type whose objects its rows refer to, if they do. You may
    read or write its rows, or decide about it, as `may_read`, `may_write` and `may_decide` say.
    """

    name: str = Field(examples=["mitoses"])
    schema_name: str = Field(examples=["bound_tag"])
    description: str
    owner_id: Id
    owner_name: str | None = Field(examples=["mara"])
    voxel_resolution: list[float] = Field(examples=[[325.0, 325.0, 1000.0]])
    read_permission: Level
    write_permission: Level
    notice: str | None = Field(examples=[None])
    flat_segmentation_source: str | None = Field(examples=[None])
    reference_table: str | None = Field(examples=[None])
    mapobject_type: str | None = Field(examples=[None])
    tracks_targets: bool = Field(examples=[False])
    n_rows: int = Field(examples=[1632])
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    changed_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    deleted_at: datetime | None = Field(examples=[None])
    may_read: bool
    may_write: bool
    may_decide: bool


class TablesQuery(Schema):
    """Which tables: those that there are, or were at a moment; deleted ones too if told so."""

    as_of: Moment | None = Field(None, examples=["2026-01-31T12:00:00Z"])
    with_deleted: bool = False


class NewAnnotationTable(Body):
    """What a table is from its beginning.

    Without `voxel_resolution` it is that of the experiment's images, with focal planes a micrometre
    apart. `mapobject_type` names the type whose objects its rows refer to, in place of
    `reference_table`.
    """

    name: Text = Field(examples=["mitoses"])
    schema_name: Text = Field(examples=["bound_tag"])
    description: Text = ""
    voxel_resolution: Resolution | None = Field(None, examples=[[325.0, 325.0, 1000.0]])
    read_permission: Level = "PUBLIC"
    write_permission: Level = "PRIVATE"
    notice: Text | None = Field(None, examples=[None])
    flat_segmentation_source: Text | None = Field(None, examples=[None])
    reference_table: Text | None = Field(None, examples=[None])
    mapobject_type: Text | None = Field(None, examples=[None])
    tracks_targets: bool = False


class AnnotationTableChange(Change):
    """What shall be different about a table; `owner` is a user, an empty notice removes it."""

    description: Text | None = None
    read_permission: Level | None = None
    write_permission: Level | None = None
    notice: Text | None = Field(None, examples=["Only the left half was looked at."])
    flat_segmentation_source: Text | None = Field(
        None, examples=["precomputed://lab.example/cells"]
    )
    owner: Text | None = Field(None, examples=["mara"])


@routes.get("/api/annotation_schemas", permits="user")
def get_annotation_schemas(access: UserAccess) -> list[AnnotationSchema]:
    """List all schemas: CAVE's, and those that labs have added."""
    with access.database.session() as session:
        found = known_schemas.list_schemas(session)
    return [
        AnnotationSchema(name=name, definition=schema.json_schema())
        for name, schema in found.items()
    ]


@routes.post("/api/annotation_schemas", permits="user", raises=(409,))
def add_annotation_schema(access: UserAccess, body: NewSchema) -> AnnotationSchema:
    """Add a schema of your own under a name that it keeps, for all users."""
    with access.database.transaction() as session:
        schema = known_schemas.add_schema(session, access.user.id, body.name, body.definition)
    return AnnotationSchema(name=schema.name, definition=schema.json_schema())


@routes.get("/api/annotation_schemas/<schema_name>", permits="user", raises=(404,))
def get_annotation_schema(access: UserAccess, schema_name: str) -> AnnotationSchema:
    """Get a schema."""
    with access.database.session() as session:
        try:
            schema = known_schemas.find_schema(session, schema_name)
        except BadInput as error:
            raise NotFound(error.message) from None
    return AnnotationSchema(name=schema.name, definition=schema.json_schema())


@in_experiment.get("/annotation_tables", permits="read")
def get_annotation_tables(
    access: ExperimentAccess, query: TablesQuery
) -> list[AnnotationTableInfo]:
    """List the annotation tables of an experiment, in the order of their creation."""
    with access.database.session() as session:
        found = tables.list_tables(
            session,
            access.experiment_id,
            with_deleted=query.with_deleted,
            as_of=query.as_of,
        )
        return _described(access, session, found)


@in_experiment.post("/annotation_tables", permits="write", raises=(409,))
def create_annotation_table(
    access: ExperimentAccess, body: NewAnnotationTable
) -> AnnotationTableInfo:
    """Make an empty table, which is yours."""
    x, y, z = body.voxel_resolution or _resolution(access)
    if body.mapobject_type is not None and body.reference_table is not None:
        raise BadInput("Give reference_table or mapobject_type, not both.")
    new = NewTable(
        name=body.name,
        schema_name=body.schema_name,
        description=body.description,
        voxel_resolution=(x, y, z),
        read_permission=body.read_permission,
        write_permission=body.write_permission,
        notice=body.notice,
        flat_segmentation_source=body.flat_segmentation_source,
        reference_table=body.reference_table,
        tracks_targets=body.tracks_targets,
    )
    number, who = access.experiment_id, annotator(access)
    with access.database.transaction() as session:
        if body.mapobject_type is not None:
            name = mapobject_tables.name_of(session, number, body.mapobject_type)
            new = replace(new, reference_table=name)
        made = tables.create_table(session, number, who, new)
        return _described(access, session, [made])[0]


@in_experiment.get(_TABLE, permits="read")
def get_annotation_table(access: ExperimentAccess, table_name: str) -> AnnotationTableInfo:
    """Get what is told about a table, also about one that was deleted."""
    with access.database.session() as session:
        found = tables.find_table(session, access.experiment_id, table_name)
        return _described(access, session, [found])[0]


@in_experiment.put(_TABLE, permits="write")
def update_annotation_table(
    access: ExperimentAccess, table_name: str, body: AnnotationTableChange
) -> AnnotationTableInfo:
    """Change what is told about a table of yours, who may use it, or whose it is."""
    with access.database.transaction() as session:
        owner = None if body.owner is None else service.find_user(session, body.owner)
        change = TableChange(
            description=body.description,
            flat_segmentation_source=body.flat_segmentation_source,
            read_permission=body.read_permission,
            write_permission=body.write_permission,
            notice=body.notice,
            owner_id=owner.id if owner else None,
        )
        who = annotator(access)
        changed = tables.update_table(session, access.experiment_id, table_name, who, change)
        return _described(access, session, [changed])[0]


@in_experiment.delete(_TABLE, permits="write")
def delete_annotation_table(access: ExperimentAccess, table_name: str) -> Message:
    """Mark a table of yours as deleted: its name is kept, and nothing of it is lost."""
    with access.database.transaction() as session:
        tables.delete_table(session, access.experiment_id, table_name, annotator(access))
    return Message()


def _described(
    access: ExperimentAccess, session: Session, found: Sequence[AnnotationTable]
) -> list[AnnotationTableInfo]:
    who = annotator(access)
    owners = service.names_of(session, {table.user_id for table in found})
    types = mapobject_tables.names(session, access.experiment_id) if found else {}
    described = []
    for table in found:
        referred = types.get(table.reference_table or "")
        may_read, may_write = (
            tables.may_use(session, table, who, "read"),
            tables.may_use(session, table, who, "write"),
        )
        described.append(
            AnnotationTableInfo(
                name=table.name,
                schema_name=table.schema_name,
                description=table.description,
                owner_id=table.user_id,
                read_permission=table.read_permission,
                write_permission=table.write_permission,
                notice=table.notice,
                flat_segmentation_source=table.flat_segmentation_source,
                reference_table=table.reference_table,
                tracks_targets=table.tracks_targets,
                n_rows=table.n_rows,
                created_at=table.created_at,
                changed_at=table.changed_at,
                deleted_at=table.deleted_at,
                owner_name=owners.get(table.user_id),
                voxel_resolution=[
                    table.voxel_resolution_x,
                    table.voxel_resolution_y,
                    table.voxel_resolution_z,
                ],
                mapobject_type=referred.name if referred else None,
                may_read=may_read,
                may_write=access.may_write and may_write,
                may_decide=access.may_write and tables.decides(table, who),
            )
        )
    return described


def _resolution(access: ExperimentAccess) -> tuple[float, float, float]:
    size = access.experiment.pixel_size
    if size is None:
        raise BadInput(
            "The size of the experiment's pixels is not known: give the voxel_resolution, three "
            "sizes in nanometres."
        )
    return (size * _NANOMETRES, size * _NANOMETRES, _PLANES_APART)
