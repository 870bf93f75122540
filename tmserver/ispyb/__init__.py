"""py-ISPyB's interface: the facility as its clients know it."""

from tmserver.http.api import Api
from tmserver.http.documentation import declare_document
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes
from tmserver.ispyb import (
    administration,
    authentication,
    datacollections,
    events,
    options,
    processings,
    proposals,
    samples,
    sessions,
    statistics,
)
from tmserver.ispyb.credentials import CREDENTIALS
from tmserver.ispyb.examples import EXAMPLES
from tmserver.ispyb.forms import PREFIX, Details, RowNumbers, Totals
from tmserver.pages import declare_reference

_documents = Routes("Documents")
declare_document(_documents, "/openapi.json")
declare_reference(_documents, "/docs")

ISPYB = Api(
    name="ispyb",
    title="Facility",
    description="Proposals, sessions of instruments, samples, and what came of them.",
    prefix=PREFIX,
    roots=("/ispyb",),
    document_path=f"{PREFIX}/openapi.json",
    resources=(
        authentication.routes,
        authentication.current_user,
        options.routes,
        proposals.routes,
        proposals.persons,
        sessions.routes,
        samples.routes,
        events.routes,
        datacollections.routes,
        processings.routes,
        statistics.routes,
        administration.routes,
        administration.webservices,
        _documents,
    ),
    errors=Details(),
    ids=RowNumbers(),
    paging=Totals(),
    parameters=ParameterRules(repeats=True, takes_unknown=True, takes_empty=True),
    credentials=CREDENTIALS,
    any_content_type=True,
    examples=EXAMPLES,
)
