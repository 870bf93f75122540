"""How py-ISPyB's API looks over HTTP: names of fields, pages, errors, numbers and times."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from tmlib.errors import BadInput
from tmlib.facility.pages import Window
from tmserver.http.error_forms import ErrorForm, Failure, told
from tmserver.http.id_forms import PlainIds
from tmserver.http.paging import Paging, Part
from tmserver.http.schemas import MAX_INT, Text

Item = TypeVar("Item")

PREFIX = "/ispyb/api/v1"

_LARGEST_PAGE = 10_000

# the words of pydantic 1 for what is wrong, which clients know, by those of pydantic 2
_KINDS = {
    "missing": "value_error.missing",
    "int_parsing": "type_error.integer",
    "int_type": "type_error.integer",
    "int_from_float": "type_error.integer",
    "float_parsing": "type_error.float",
    "float_type": "type_error.float",
    "bool_parsing": "value_error.bool",
    "bool_type": "value_error.bool",
    "string_type": "type_error.str",
    "list_type": "type_error.list",
    "dict_type": "type_error.dict",
    "model_type": "type_error.dict",
    "model_attributes_type": "type_error.dict",
    "enum": "type_error.enum",
    "literal_error": "type_error.enum",
    "string_pattern_mismatch": "value_error.str.regex",
    "string_too_short": "value_error.any_str.min_length",
    "string_too_long": "value_error.any_str.max_length",
    "greater_than_equal": "value_error.number.not_ge",
    "greater_than": "value_error.number.not_gt",
    "less_than_equal": "value_error.number.not_le",
    "less_than": "value_error.number.not_lt",
    "too_short": "value_error.list.min_items",
    "too_long": "value_error.list.max_items",
    "json_invalid": "value_error.jsondecode",
    "datetime_parsing": "value_error.datetime",
    "datetime_from_date_parsing": "value_error.datetime",
    "datetime_type": "value_error.datetime",
    "value_error": "value_error",
}


def _without_zone(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


Moment = Annotated[
    datetime,
    PlainSerializer(_without_zone, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A point in time, sent as that of UTC without saying so, as the clients expect."""

Number = Annotated[int, Field(ge=0, le=MAX_INT)]
"""A number of a row."""

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
        return HTTPValidationError(
            detail=[
                ValidationError(
                    loc=list(problem["loc"]),
                    msg="field required" if problem["type"] == "missing" else problem["msg"],
                    type=_KINDS.get(problem["type"], problem["type"]),
                )
                for problem in failure.problems
            ]
        )


class RowNumbers(PlainIds):
    """Numbers of rows as they are, none larger than there can be."""

    def decode(self, text: str) -> int:
        """The number behind an id."""
        number = super().decode(text)
        if number > MAX_INT:
            raise BadInput(f'"{text}" is larger than any id: use one that a list has told.')
        return number
