"""The schemas that tables can be made of: CAVE's, and those that labs have added."""

import re

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationSchema
from tmlib.annotation.schemas import Schema, cave_schemas, check_schema, read_json_schema
from tmlib.errors import BadInput, Conflict

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)


def list_schemas(session: Session) -> dict[str, Schema]:
    """All schemas by name, those of labs at the end."""
    query = select(AnnotationSchema).order_by(AnnotationSchema.name)
    added = {row.name: read_json_schema(row.name, row.definition) for row in session.scalars(query)}
    return {**cave_schemas(), **added}


def find_schema(session: Session, name: str) -> Schema:
    """The schema of a name.

    Raises
    ------
    BadInput
        If there is none.
    """
    if (known := cave_schemas().get(name)) is not None:
        return known
    row = session.get(AnnotationSchema, name) if _NAME.fullmatch(name) else None
    if row is None:
        raise BadInput(f"Schema type: {name[:100]} is not a known annotation type.")
    return read_json_schema(row.name, row.definition)


def add_schema(session: Session, user_id: int, name: str, definition: dict[str, object]) -> Schema:
    """Add a schema under a name that it keeps; see `tmlib.annotation.schemas.read_json_schema`.

    Raises
    ------
    BadInput
        If the name or the schema cannot be used.
    Conflict
        If the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            "The name of a schema has lower-case letters, digits and underscores, at most 100."
        )
    schema = read_json_schema(name, definition)
    check_schema(schema, definition)
    taken = Conflict(f"There is a schema {name} already: choose another name.")
    if name in cave_schemas():
        raise taken
    session.add(AnnotationSchema(name=name, definition=definition, user_id=user_id))
    try:
        session.flush()
    except IntegrityError as error:
        raise taken from error
    return schema
