"""How py-ISPyB's API looks over HTTP: names of fields, pages, errors, numbers and times."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from tmlib.errors import BadInput
from tmlib.facility.moments import without_zone
from tmlib.facility.pages import Window
from tmserver.http.error_forms import ErrorForm, Failure, told
from tmserver.http.id_forms import PlainIds
from tmserver.http.paging import Paging, Part
from tmserver.http.schemas import MAX_INT, Text
from tmserver.ispyb.wording import reworded

Item = TypeVar("Item")

PREFIX = "/ispyb/api/v1"

_LARGEST_PAGE = 10_000


Moment = Annotated[
    datetime,
    PlainSerializer(without_zone, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A point in time, sent as that of UTC without saying so, as the clients expect."""

Number = Annotated[int, Field(ge=0, le=MAX_INT)]
"""A number of a row."""

Name = Annotated[Text, Field(min_length=1, max_length=255)]
Word = Annotated[Text, Field(max_length=255)]
Line = Annotated[Text, Field(max_length=45)]
ProposalName = Annotated[Text, Field(pattern=r"^(\w|-)+\d+$")]
SessionName = Annotated[Text, Field(pattern=r"^(\w|-)+\d+-\d{1,9}$")]


class Model(BaseModel):
    """A part of an answer; fields are named in the form ``beamLineName`` unless they say else."""

    model_config = ConfigDict(
        from_attributes=True,
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Sent(BaseModel):
    """What a request sends: numbers count as text where text is wanted, the unknown for nothing."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class Query(Sent):
    """The query of a request."""


class PageQuery(Query):
    """Asks for a part of a list."""

    skip: Number = 0
    limit: Annotated[int, Field(gt=0, le=_LARGEST_PAGE)] = 25

    @property
    def window(self) -> Window:
        """The part."""
        return Window(self.skip, self.limit)


class Paged(BaseModel, Generic[Item]):
    """A part of a list, and how many there are in all."""

    total: int
    results: list[Item]
    skip: int
    limit: int


class Totals(Paging):
    """Parts of lists with the total, and with what was asked for."""

    def answer_type(self, item: Any) -> Any:
        """A page of items."""
        return Paged[item]

    def answer(self, part: Part[Any], query: Any) -> Any:
        """Such a page; of lists that are sent whole, all is asked for."""
        skip, limit = (query.skip, query.limit) if isinstance(query, PageQuery) else (0, part.total)
        return Paged(total=part.total, results=list(part.items), skip=skip, limit=limit)


class HTTPError(BaseModel):
    """What went wrong."""

    detail: str


class ValidationError(BaseModel):
    """What is wrong with one value."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationError(BaseModel):
    """What is wrong with a request that does not fit its description."""

    detail: list[ValidationError] | str


class Details(ErrorForm):
    """``{"detail": ...}``: a sentence, or a list of what is wrong where."""

    invalid_status: ClassVar[int] = 422
    statuses: ClassVar[dict[int, int]] = {409: 400}

    def model(self, status: int) -> type[BaseModel]:
        """That of requests which do not fit their description, or that of all others."""
        return HTTPValidationError if status == self.invalid_status else HTTPError

    def describe(self, failure: Failure) -> BaseModel:
        """An error as such an object."""
        if not failure.problems:
            return HTTPError(detail=told(failure.message))
        detail = []
        for problem in failure.problems:
            kind, message = reworded(problem)
            detail.append(ValidationError(loc=list(problem["loc"]), msg=message, type=kind))
        return HTTPValidationError(detail=detail)


class RowNumbers(PlainIds):
    """Numbers of rows as they are, none larger than there can be."""

    def decode(self, text: str) -> int:
        """The number behind an id."""
        number = super().decode(text)
        if number > MAX_INT:
            raise BadInput(f'"{text}" is larger than any id: use one that a list has told.')
        return number
