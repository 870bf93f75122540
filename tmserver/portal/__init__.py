"""The public catalogue's interface, which clients of the CryoET Data Portal know."""

from tmserver.http.api import Api
from tmserver.http.cors import ANYBODY, Cors
from tmserver.http.parameters import ParameterRules
from tmserver.portal import files_view, graphql_view
from tmserver.portal.errors import FileErrors, GraphqlErrors
from tmserver.portal.web import descriptions, views
from tmserver.portal.web.rendering import PageErrors

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

FILES = Api(
    name="files",
    title="Files of the public catalogue",
    description=(
        "Published files by their address, and in lists, as S3 serves them to everybody: "
        "GetObject, HeadObject, ListObjectsV2 and HeadBucket. Signatures are not looked at."
    ),
    prefix="",
    roots=("/s3",),
    document_path="/s3/.openapi.json",
    resources=(files_view.routes,),
    errors=FileErrors(),
    parameters=ParameterRules(takes_unknown=True, takes_empty=True),
    cors=Cors(
        (ANYBODY,),
        headers=("Authorization", "Content-Type", "If-Match", "If-None-Match", "Range"),
        exposed=("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified"),
    ),
)

PAGES = Api(
    name="pages",
    title="Pages of the public catalogue",
    description=(
        "The public catalogue for people, without a login: a list of datasets with a search, a "
        "page for each deposition, dataset and run, and how they are cited and downloaded."
    ),
    prefix="",
    roots=("/catalogue",),
    document_path="/catalogue/openapi.json",
    resources=(views.routes, descriptions.routes),
    errors=PageErrors(),
    parameters=ParameterRules(takes_unknown=True),
)
