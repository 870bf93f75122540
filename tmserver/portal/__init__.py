"""The public catalogue's interface, which clients of the CryoET Data Portal know."""

from tmserver.http.api import Api
from tmserver.http.cors import ANYBODY, Cors
from tmserver.portal import graphql_view
from tmserver.portal.errors import GraphqlErrors

CATALOGUE = Api(
    name="catalogue",
    title="Public catalogue",
    description=(
        "Finished work, for everybody to find and read. One query of GraphQL asks for all that "
        "there is; its schema is at /graphql/schema.graphql."
    ),
    prefix="",
    roots=("/graphql",),
    document_path="/graphql/openapi.json",
    resources=(graphql_view.routes,),
    errors=GraphqlErrors(),
    cors=Cors((ANYBODY,)),
)
