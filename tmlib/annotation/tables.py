"""Annotation tables: making and changing them, and who may read and write their rows."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from tmlib.accounts.models import GroupMember, User
from tmlib.annotation import mapobject_tables
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.moments import begin_table, lock_tables
from tmlib.annotation.schemas import Schema
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound

Level = Literal["PRIVATE", "GROUP", "PUBLIC"]
"""Who may: the owner; who is in a group with the owner; everybody who may use the experiment."""

Use = Literal["read", "write"]

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,99}", re.ASCII)


class Annotator(NamedTuple):
    """Who reads or writes annotations, and whether as an administrator."""

    user_id: int
    is_admin: bool = False


@dataclass(frozen=True, kw_only=True)
class NewTable:
    """What a table is from its beginning.

    Attributes
    ----------
    name
        Lower-case letters, digits and underscores; it is never given to another table.
    schema_name
        Of what its rows are made.
    description
        For people.
    voxel_resolution
        Of x, y and z in nanometres: the unit of the coordinates.
    read_permission, write_permission
        Who may use the rows, of those who may use the experiment.
    notice
        Told to everybody who reads the table.
    flat_segmentation_source
        Where a segmentation lies that the table is about.
    reference_table
        To whose rows the rows refer, if the schema has a target.
    tracks_targets
        Whether rows refer to the new row when their target is updated.
    owner_id
        Whose it is, if not the maker's.
    """

    name: str
    schema_name: str
    description: str
    voxel_resolution: tuple[float, float, float]
    read_permission: Level = "PUBLIC"
    write_permission: Level = "PRIVATE"
    notice: str | None = None
    flat_segmentation_source: str | None = None
    reference_table: str | None = None
    tracks_targets: bool = False
    owner_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class TableChange:
    """What shall be different about a table; None leaves it. An empty notice removes it."""

    description: str | None = None
    flat_segmentation_source: str | None = None
    read_permission: Level | None = None
    write_permission: Level | None = None
    notice: str | None = None
    owner_id: int | None = None


def create_table(
    session: Session, experiment_id: int, who: Annotator, new: NewTable
) -> AnnotationTable:
    """Make an empty table.

    Raises
    ------
    BadInput
        If the name, the schema, the resolution or the reference cannot be used.
    Conflict
        If there is, or was, a table of this name.
    """
    moment = begin_table(session, experiment_id)
    _check_name(new.name)
    schema = find_schema(session, new.schema_name)
    if not all(math.isfinite(size) and size > 0 for size in new.voxel_resolution):
        raise BadInput("The voxel resolution must be three sizes in nanometres, greater than 0.")
    _check_reference(session, experiment_id, schema, new)
    if new.owner_id is not None:
        _check_user(session, new.owner_id)
    x, y, z = new.voxel_resolution
    table = AnnotationTable(
        experiment_id=experiment_id,
        name=new.name,
        schema_name=schema.name,
        user_id=new.owner_id or who.user_id,
        description=new.description,
        notice=new.notice or None,
        flat_segmentation_source=new.flat_segmentation_source,
        reference_table=new.reference_table,
        tracks_targets=new.tracks_targets,
        voxel_resolution_x=x,
        voxel_resolution_y=y,
        voxel_resolution_z=z,
        read_permission=new.read_permission,
        write_permission=new.write_permission,
        created_at=moment,
        changed_at=moment,
    )
    session.add(table)
    try:
        session.flush()
    except IntegrityError as error:
        raise _taken(new.name) from error
    return table


def list_tables(
    session: Session,
    experiment_id: int,
    *,
    with_deleted: bool = False,
    as_of: datetime | None = None,
) -> list[AnnotationTable]:
    """Tables of an experiment in the order of their creation, now or at an earlier moment."""
    query = select(AnnotationTable).where(AnnotationTable.experiment_id == experiment_id)
    if as_of is not None:
        query = query.where(AnnotationTable.created_at <= as_of)
    if not with_deleted:
        deleted_at = AnnotationTable.deleted_at
        is_there = deleted_at.is_(None)
        query = query.where(is_there if as_of is None else or_(is_there, deleted_at > as_of))
    return list(session.scalars(query.order_by(AnnotationTable.id)))


def find_table(session: Session, experiment_id: int, name: str) -> AnnotationTable:
    """The table of a name, also one that was deleted.

    Raises
    ------
    NotFound
        If there never was one.
    """
    query = select(AnnotationTable).where(
        AnnotationTable.experiment_id == experiment_id, AnnotationTable.name == name
    )
    table = session.scalar(query) if _NAME.fullmatch(name) else None
    if table is None:
        raise NotFound(f"No table named '{name[:100]}' exists.")
    return table


def open_table(
    session: Session,
    experiment_id: int,
    name: str,
    who: Annotator,
    use: Use,
    *,
    as_of: datetime | None = None,
) -> AnnotationTable:
    """The table of a name, if somebody may read or write its rows.

    Parameters
    ----------
    session
        To read with.
    experiment_id
        Of which the table is.
    name
        Its name.
    who
        Who wants to use it; what counts is who may at present.
    use
        For what.
    as_of
        The moment at which it has to be there, the present if None: one that was deleted later is
        found too.

    Raises
    ------
    NotFound
        If there is none, or it was deleted.
    Forbidden
        If it is not for this user.
    """
    if use == "write" and mapobject_tables.is_one(name):
        raise Forbidden(f"Table {name[:100]} shows mapobjects: it can be read, and referred to.")
    table = find_table(session, experiment_id, name)
    if as_of is not None and table.created_at > as_of:
        raise NotFound(f"Table {name} was not there yet at that moment.")
    if table.deleted_at is not None and (as_of is None or table.deleted_at <= as_of):
        raise NotFound(f"Table {name} was deleted: its rows can be used no more.")
    if may_use(session, table, who, use):
        return table
    verb = "read" if use == "read" else "written"
    if _level(table, use) == "PRIVATE":
        raise Forbidden(f"Table {name} can only be {verb} by its owner.")
    raise Forbidden(f"Table {name} can only be {verb} by those who are in a group with its owner.")


def may_use(session: Session, table: AnnotationTable, who: Annotator, use: Use) -> bool:
    """Whether somebody who may do so with the experiment may read or write the rows of a table."""
    level = _level(table, use)
    if level == "PUBLIC" or decides(table, who):
        return True
    return level == "GROUP" and _share_group(session, table.user_id, who.user_id)


def decides(table: AnnotationTable, who: Annotator) -> bool:
    """Whether somebody decides about a table: its owner, and administrators."""
    return who.is_admin or table.user_id == who.user_id


def update_table(
    session: Session, experiment_id: int, name: str, who: Annotator, change: TableChange
) -> AnnotationTable:
    """Change what is told about a table, who may use it, or whose it is.

    Raises
    ------
    BadInput
        If the new owner is not known.
    NotFound
        If there is no such table.
    Forbidden
        If it is somebody else's.
    """
    table = _owned(session, experiment_id, name, who)
    if change.owner_id is not None:
        _check_user(session, change.owner_id)
        table.user_id = change.owner_id
    if change.notice is not None:
        table.notice = change.notice or None
    for field in (
        "description",
        "flat_segmentation_source",
        "read_permission",
        "write_permission",
    ):
        if (value := getattr(change, field)) is not None:
            setattr(table, field, value)
    session.flush()
    return table


def delete_table(session: Session, experiment_id: int, name: str, who: Annotator) -> None:
    """Mark a table as deleted: it is listed no more, and nothing of it is lost.

    Raises
    ------
    NotFound
        If there is none, or it was deleted before.
    Forbidden
        If it is somebody else's.
    """
    table = _owned(session, experiment_id, name, who)
    moment = lock_tables(session, [table.id])
    if table.deleted_at is not None:
        raise NotFound(f"Table {name} was deleted already.")
    table.deleted_at = moment
    session.flush()


def check_free(session: Session, experiment_id: int, name: str) -> None:
    """Refuse a name that a new table cannot have.

    Raises
    ------
    BadInput
        If no table can have it.
    Conflict
        If there is, or was, a table of this name.
    """
    _check_name(name)
    query = select(AnnotationTable.id).where(
        AnnotationTable.experiment_id == experiment_id, AnnotationTable.name == name
    )
    if session.scalar(query) is not None:
        raise _taken(name)


def _taken(name: str) -> Conflict:
    return Conflict(f"Table {name} already exists, or did once: choose another name.")


def _check_name(name: str) -> None:
    if not name:
        raise BadInput("Table name error: Table name cannot be empty.")
    if not _NAME.fullmatch(name) or not re.search("[a-z]", name):
        raise BadInput(
            "Table name error: Invalid table name. Table name must include at least one letter, "
            "and can only contain lowercase letters, numbers, and underscores (_), at most 100."
        )
    if name.startswith(mapobject_tables.PREFIX):
        raise BadInput(
            f"Table name error: names that begin with {mapobject_tables.PREFIX} are those of "
            "mapobject types."
        )


def _check_reference(session: Session, experiment_id: int, schema: Schema, new: NewTable) -> None:
    if not schema.is_reference:
        if new.reference_table is not None or new.tracks_targets:
            raise BadInput(
                f"Reference table must be a ReferenceAnnotation schema type: {schema.name} has no "
                "target_id."
            )
        return
    if not new.reference_table:
        raise BadInput(
            "Reference metadata must be supplied as a dict in the form "
            '{"reference_table": "your_target_table"}.'
        )
    if new.reference_table == new.name:
        raise BadInput("A table cannot refer to itself.")
    if mapobject_tables.is_one(new.reference_table):
        mapobject_tables.find_type(session, experiment_id, new.reference_table)
        return
    try:
        target = find_table(session, experiment_id, new.reference_table)
    except NotFound as error:
        raise BadInput(error.message) from None
    # whoever deletes it, or updates rows that others refer to, is waited for, and knows of this one
    session.refresh(target, with_for_update={"read": True})
    if target.deleted_at is not None:
        raise BadInput(f"Table {target.name} was deleted: no other can refer to it.")


def _check_user(session: Session, user_id: int) -> None:
    if user_id >= 2**31 or session.get(User, user_id) is None:
        raise BadInput(f"There is no user {user_id}.")


def _owned(session: Session, experiment_id: int, name: str, who: Annotator) -> AnnotationTable:
    table = find_table(session, experiment_id, name)
    if not decides(table, who):
        raise Forbidden(
            f"You cannot do this because you are not the owner of this table: {name} is user "
            f"{table.user_id}'s."
        )
    return table


def _level(table: AnnotationTable, use: Use) -> str:
    return table.read_permission if use == "read" else table.write_permission


def _share_group(session: Session, one: int, other: int) -> bool:
    mine, theirs = aliased(GroupMember), aliased(GroupMember)
    shared = exists().where(
        mine.user_id == one, theirs.user_id == other, mine.group_id == theirs.group_id
    )
    return bool(session.scalar(select(shared)))
