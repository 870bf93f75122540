"""py-ISPyB's interface: the facility as its clients know it."""

from tmserver.http.api import Api
from tmserver.http.documentation import declare_document
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes
from tmserver.ispyb import (
    administration,
    arrays,
    authentication,
    datacollections,
    events,
    images,
    lab_contacts,
    legacy,
    legacy_movies,
    maps,
    movies,
    options,
    processings,
    proposals,
    proteins,
    results,
    runs,
    samples,
    sessions,
    shipping,
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
        proteins.routes,
        samples.routes,
        images.samples,
        lab_contacts.routes,
        shipping.shippings,
        shipping.dewars,
        shipping.containers,
        events.routes,
        datacollections.routes,
        images.routes,
        images.data,
        arrays.routes,
        maps.routes,
        movies.routes,
        movies.quality,
        processings.routes,
        results.routes,
        statistics.routes,
        runs.routes,
        administration.routes,
        administration.webservices,
        legacy.routes,
        legacy_movies.routes,
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
