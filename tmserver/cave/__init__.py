"""The interface of CAVE: annotation tables as its published client knows them.

An experiment is a datastack and an aligned volume. What is served is `tmlib.annotation`, with the
rules that it has for everybody.
"""

from tmserver.cave import annotations, auth, info, materialization, schemas, tables
from tmserver.cave.credentials import CREDENTIALS
from tmserver.cave.examples import EXAMPLES
from tmserver.cave.faults import Faults
from tmserver.http.api import Api
from tmserver.http.documentation import declare_document
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes

_DOCUMENT = "/annotation/api/swagger.json"

_about = Routes("document")
declare_document(_about, _DOCUMENT)

CAVE = Api(
    name="cave",
    title="Annotation tables",
    description="Annotation tables of experiments, as programs for CAVE know them.",
    resources=(
        _about,
        info.routes,
        schemas.routes,
        tables.routes,
        annotations.routes,
        materialization.routes,
        auth.routes,
    ),
    document_path=_DOCUMENT,
    roots=("/info", "/schema", "/annotation", "/materialize", "/auth/api", "/sticky_auth"),
    errors=Faults(),
    parameters=ParameterRules(takes_unknown=True, takes_empty=True),
    credentials=CREDENTIALS,
    any_content_type=True,
    examples=EXAMPLES,
)
