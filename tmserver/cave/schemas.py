"""The schema service: what rows of each type are made of."""

from typing import Any

from pydantic import Field

from tmlib.annotation import known_schemas
from tmlib.errors import BadInput, NotFound
from tmserver.access import Access, UserAccess
from tmserver.http.routing import Routes
from tmserver.http.schemas import Schema, Text

VERSION = "5.26.3"
"""That of the package whose schemas these are."""

routes = Routes("schema")


class WhichSchemas(Schema):
    """Names of schemas, with commas between them."""

    schema_names: Text = Field(examples=["bound_tag,synapse"])


@routes.get("/schema/versions", permits="public")
def get_schema_versions(access: Access) -> list[int]:
    """Tell the versions of the schema service's API."""
    return [2]


@routes.get("/schema/views/version", permits="public")
def get_package_version(access: Access) -> str:
    """Tell the version of the package whose schemas these are."""
    return VERSION


@routes.get("/schema/api/v2/type", "/schema/type", permits="user")
def get_schemas(access: UserAccess) -> list[str]:
    """List the names of all schemas: CAVE's, and those that labs have added."""
    with access.database.session() as session:
        return list(known_schemas.list_schemas(session))


@routes.get("/schema/api/v2/type/<name>", "/schema/type/<name>", permits="user", raises=(404,))
def get_schema(access: UserAccess, name: str) -> dict[str, Any]:
    """Get a schema as JSON Schema."""
    with access.database.session() as session:
        try:
            return known_schemas.find_schema(session, name).json_schema()
        except BadInput as error:
            raise NotFound(error.message) from None


@routes.post("/schema/api/v2/types", permits="user", raises=(404,), only_reads=True)
def post_schema_names(access: UserAccess, query: WhichSchemas) -> dict[str, dict[str, Any]]:
    """Get several schemas by their names."""
    return {name: get_schema(access, name) for name in query.schema_names.split(",")}


@routes.get("/schema/api/v2/types", permits="user", raises=(404,))
def get_several_schemas(access: UserAccess, query: WhichSchemas) -> dict[str, dict[str, Any]]:
    """Get several schemas by their names."""
    return {name: get_schema(access, name) for name in query.schema_names.split(",")}


@routes.get("/schema/api/v2/types_all", permits="user")
def get_all_schemas(access: UserAccess) -> dict[str, dict[str, Any]]:
    """Get all schemas by their names."""
    with access.database.session() as session:
        found = known_schemas.list_schemas(session)
    return {name: schema.json_schema() for name, schema in found.items()}
