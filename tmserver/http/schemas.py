"""Base classes and types for the models of requests and responses."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from tmlib.db.base import in_utc
from tmlib.ids import decode_id, encode_id

MAX_INT = 2**31 - 1  # what a column of both databases holds


Item = TypeVar("Item")


def _refuse_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it contains a NUL character")
    return text


def _read_digits(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def _refuse_number(value: object) -> object:
    """Take no number for seconds since 1970: 20260131 would be a day of that year."""
    is_digits = isinstance(value, str) and re.fullmatch("[-+]?[0-9.]+", value)
    if is_digits or isinstance(value, int | float):
        raise ValueError("a moment is a text like 2026-01-31T12:00:00Z")
    return value


Id = Annotated[
    int,
    PlainSerializer(encode_id, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["MQ=="]}, mode="serialization"),
]
"""A number of the database, sent as an opaque string."""

IdText = Annotated[
    int,
    BeforeValidator(decode_id),
    WithJsonSchema({"type": "string", "examples": ["MQ=="]}),
]
"""A number of the database that a request sends as an opaque string."""

Moment = Annotated[
    datetime, Field(strict=False), BeforeValidator(_refuse_number), AfterValidator(in_utc)
]
"""A point in time that a request sends as text: of UTC, where no time zone is said."""

Text = Annotated[str, AfterValidator(_refuse_nul)]
"""Any text that both databases can keep."""

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
"""A name: one line that is not empty."""

Index = Annotated[int, Field(ge=0, le=MAX_INT)]
"""A number counted from zero."""


WholeNumber = Annotated[int, BeforeValidator(_read_digits)]
"""A whole number that may come as text, as from the form of the original's viewer."""


class Schema(BaseModel):
    """A part of a request or response."""

    model_config = ConfigDict(from_attributes=True)


class Body(Schema):
    """What a request sends as JSON: values of the right types, and nothing that nobody reads."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Change(Body):
    """What shall be different; fields that are left out stay as they are."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set:
            names = " or ".join(f'"{name}"' for name in type(self).model_fields)
            raise ValueError(f"The request body changes nothing: give {names}")
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f'Parameter "{name}" is null: give a value, or leave it out')
        return self


class Page(Schema):
    """Asks for a part of a list; without it the whole list is sent."""

    limit: Annotated[int | None, Field(ge=1, le=MAX_INT)] = None
    offset: Index = 0

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """The part of a short list that is asked for; long ones are cut by the database."""
        return items[self.offset : None if self.limit is None else self.offset + self.limit]


class NamedPage(Page):
    """Asks for what has this name."""

    name: Text | None = None


class Bare(Schema):
    """A response that is sent as it is and not under the key ``data``."""


class Message(Bare):
    """Says that the request was carried out."""

    message: str = "ok"


class Rename(Body):
    """A new name."""

    name: Name


class ImageSize(Schema):
    """Size of the map in pixels at full resolution."""

    width: int
    height: int
