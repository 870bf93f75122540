"""Two interfaces that only tests serve, in forms that are not the product's own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, cast

from flask import Response, jsonify, request
from pydantic import BaseModel, Field
from sqlalchemy import Select, String, bindparam

from tmlib.accounts.tokens import hash_secret
from tmlib.errors import Conflict, NotFound
from tmlib.experiments import plates
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.authentication import Claim, TokenClaim, identify
from tmserver.http.api import Api
from tmserver.http.cors import Cors
from tmserver.http.credentials import Credentials
from tmserver.http.documentation import declare_document
from tmserver.http.error_forms import ErrorForm, Failure
from tmserver.http.examples import Examples
from tmserver.http.mounts import add_view, mount
from tmserver.http.operations import current_operation
from tmserver.http.paging import Paging, Part
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes
from tmserver.http.schemas import Body, Schema
from tmserver.pages import declare_reference
from tmserver.scopes import EXPERIMENT, Scope

Item = TypeVar("Item")

# bare lists, integers for ids, errors with a code


class Fault(BaseModel):
    code: int
    message: str


class Faults(ErrorForm):
    invalid_status = 422

    def model(self, status: int) -> type[Fault]:
        return Fault

    def describe(self, failure: Failure) -> Fault:
        return Fault(code=self.status(failure), message=failure.message)


def identify_by_query() -> Claim:
    secret = request.args.get("middle_auth_token")
    return TokenClaim(hash_secret(secret)) if secret else identify()


class Plate(Schema):
    id: int
    name: str


class NewPlate(Body):
    name: str


in_experiment = Routes("plates", scope=EXPERIMENT, prefix="/screen/<experiment_id>")


@in_experiment.get("/plates", permits="read")
def list_plates(access: ExperimentAccess) -> list[Plate]:
    """List plates."""
    with access.database.session() as session:
        found = plates.list_plates(session, access.experiment_id)
        return [Plate.model_validate(plate) for plate in found]


@in_experiment.post("/plates", permits="write", success=(201,), raises=(409,))
def add_plate(access: ExperimentAccess, body: NewPlate) -> int:
    """Add a plate."""
    with access.database.transaction() as session:
        return plates.create_plate(session, access.experiment_id, body.name, "").id


@in_experiment.get("/plates/<plate>", permits="read", raises=(404,))
def show_plate(access: ExperimentAccess, plate: int) -> Plate:
    """Get a plate."""
    with access.database.session() as session:
        return Plate.model_validate(plates.get_plate(session, access.experiment_id, plate))


@in_experiment.post("/upload", permits="write", takes_bytes="*/*")
def count_bytes(access: ExperimentAccess) -> int:
    """Say how much was sent."""
    return len(request.get_data())


@dataclass(frozen=True)
class DeskAccess(UserAccess):
    desk: str


class DeskScope(Scope):
    """The desk of a user, who has no other number than the name."""

    kind = "desk"
    path = "/desks/<desk>"
    variable = "desk"
    key = str
    actions: ClassVar = {"read": DeskAccess}

    def look_up(self, statement: Select[Any]) -> Select[Any]:
        return statement.add_columns(bindparam("resource_id", type_=String).label("desk"))

    def admit(self, user: UserAccess, found: Sequence[Any], action: str) -> DeskAccess:
        [desk] = found
        if desk != user.user.name:
            raise NotFound(f"There is no desk {desk}.")
        return DeskAccess(user.services, user.proof, desk)


at_desk = Routes("desk", scope=DeskScope())


@at_desk.get("/label", permits="read")
def read_label(access: DeskAccess) -> str:
    """Tell whose desk it is."""
    return access.desk


@at_desk.get("/owner", permits="read")
def ask_again(access: DeskAccess) -> str:
    """Tell who still may sit there."""
    return cast(DeskAccess, current_operation().authorize()).user.name


in_installation = Routes("about")
declare_document(in_installation, "/swagger.json")


@in_installation.get("/crash", permits="public", raises=(500,))
def crash(access: Access) -> str:
    """Fail."""
    raise RuntimeError("the secret is 42")


LISTS = Api(
    name="lists",
    title="Bare lists",
    description="Plates with integers for ids.",
    prefix="/lists/v2",
    roots=("/lists",),
    document_path="/lists/v2/swagger.json",
    resources=(in_installation, in_experiment, at_desk),
    errors=Faults(),
    any_content_type=True,
    credentials=Credentials(
        identify_by_query,
        {"query": {"type": "apiKey", "in": "query", "name": "middle_auth_token"}},
    ),
)

# pages with totals, FastAPI's errors, repeated parameters, pages of other sites

WORDS = ("atlas", "cell", "dye", "well")


class Detail(BaseModel):
    detail: str


class Problem(BaseModel):
    type: str
    loc: list[str | int]
    msg: str


class Problems(BaseModel):
    detail: list[Problem]


class Details(ErrorForm):
    invalid_status = 422
    statuses: ClassVar = {409: 400}

    def model(self, status: int) -> type[BaseModel]:
        return Problems if status == self.invalid_status else Detail

    def describe(self, failure: Failure) -> BaseModel:
        if not failure.problems:
            return Detail(detail=failure.message)
        problems = [
            Problem(type=problem["type"], loc=list(problem["loc"]), msg=problem["msg"])
            for problem in failure.problems
        ]
        return Problems(detail=problems)


class Page(Schema):
    skip: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(gt=0)] = 25


class Paged(BaseModel, Generic[Item]):
    total: int
    results: list[Item]
    skip: int
    limit: int


class Totals(Paging):
    def answer_type(self, item: Any) -> Any:
        return Paged[item]

    def answer(self, part: Part[Any], query: Page) -> Any:
        return Paged(total=part.total, results=list(part.items), skip=query.skip, limit=query.limit)


class WhichWords(Page):
    word: list[str] | None = None
    order: Literal["asc", "desc"] = "asc"


class Word(Schema):
    text: str
    length: int


words = Routes("words")
declare_document(words, "/openapi.json")
declare_reference(words, "/docs/page")


@words.get("/words", permits="public", by_form=True)
def list_words(access: Access, query: WhichWords) -> Part[Word]:
    """List words."""
    found = [word for word in WORDS if query.word is None or word in query.word]
    if query.order == "desc":
        found.reverse()
    shown = found[query.skip : query.skip + query.limit]
    return Part([Word(text=word, length=len(word)) for word in shown], len(found))


@words.post("/words", permits="user", success=(201,), raises=(409,))
def add_word(access: UserAccess, body: Word) -> Word:
    """Add a word."""
    if body.text in WORDS:
        raise Conflict(f"There is a word {body.text} already.")
    return body


@words.get("/words/<number>", permits="public")
def show_word(access: Access, number: int) -> Word:
    """Get a word."""
    return Word(text=WORDS[number], length=len(WORDS[number]))


def graph() -> Response:
    """Answer a query, as a library for GraphQL would."""
    return jsonify(data={"asked": request.get_json()["query"]})


def shelf(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An application that knows nothing of this server."""
    if environ["PATH_INFO"] == "/crash":
        raise RuntimeError("the secret is 42")
    start_response("200 OK", [("Content-Type", "text/plain")])
    sent = environ["wsgi.input"].read()
    told = (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ.get("REMOTE_USER"), len(sent))
    return [repr(told).encode("latin-1")]


add_view(words, "/graphql", graph, permits="public", methods=("POST",), only_reads=True)
mount(words, "/shelf", shelf, name="shelf", permits="user")

in_screen = words.within(EXPERIMENT, "/screens/<experiment_id>")
mount(in_screen, "/shelf", shelf, name="shelf_of_screen", permits="read", methods=("GET", "POST"))


TOTALS = Api(
    name="totals",
    title="Pages with totals",
    description="Words.",
    prefix="/totals",
    document_path="/totals/openapi.json",
    resources=(words,),
    errors=Details(),
    paging=Totals(),
    parameters=ParameterRules(repeats=True, takes_unknown=True, takes_empty=True),
    cors=Cors(("https://portal.example",), exposed=("X-Request-ID",)),
    examples=Examples(fields={"word": "cell"}),
)
