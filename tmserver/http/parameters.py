"""Parses the query, the headers and the JSON body of a request."""

import functools
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qs

from flask import request
from pydantic import AliasChoices, BaseModel, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from tmlib.errors import BadInput
from tmserver.authentication import SIGNATURE
from tmserver.http.json_bodies import check_json
from tmserver.http.multipart import whole_body
from tmserver.http.validation import InvalidRequestError, cut
from tmserver.serving.limits import SMALL_BODY

FORM = "application/x-www-form-urlencoded"

_MAX_FIELDS = 100

_large_bodies = threading.Semaphore()

Sent = Mapping[str, Sequence[str]]
"""Values by the names under which they were sent."""


@dataclass(frozen=True)
class ParameterRules:
    """How an interface reads queries.

    Attributes
    ----------
    repeats
        Whether a parameter may be repeated to send a list. Otherwise the first value counts.
    takes_unknown
        Whether unknown parameters are ignored instead of refused.
    takes_empty
        Whether a parameter without a value counts as an empty text, instead of being ignored.
    """

    repeats: bool = False
    takes_unknown: bool = False
    takes_empty: bool = False


def parse_query(model: type[BaseModel], sent: Sent, rules: ParameterRules) -> BaseModel:
    """Parse a query, in which unknown parameters are ignored also if the model itself says so.

    Raises
    ------
    InvalidRequestError
        If it does not fit the model.
    """
    given = {
        name: values
        for name, values in sent.items()
        if rules.takes_empty or (values[-1] if rules.repeats else values[0]) != ""
    }
    if not rules.takes_unknown and model.model_config.get("extra") != "ignore":
        _refuse_unknown(model, given)
    lists = _lists_of(model) if rules.repeats else frozenset()
    chosen: dict[str, Any] = {
        name: list(values) if name in lists else values[-1] if rules.repeats else values[0]
        for name, values in given.items()
    }
    try:
        return model.model_validate(chosen)
    except ValidationError as error:
        raise InvalidRequestError.of(error, request.method, "query") from None


def _refuse_unknown(model: type[BaseModel], given: Sent) -> None:
    known = names_of(model)
    for name in sorted(given.keys() - known - {SIGNATURE}):
        like = get_close_matches(name, known, n=1)
        meant = f'did you mean "{like[0]}"?' if like else "leave it out."
        message = f'Parameter "{cut(name)}" is unknown: {meant}'
        raise InvalidRequestError.at(
            "query", cut(name), message, kind="extra_forbidden", given=cut(given[name][0])
        )


def read_form(max_items: int) -> Sent:
    """Read a query that was sent as a form in the body of the present request.

    Raises
    ------
    BadInput
        If it cannot be read.
    TooLarge
        If it has more than `max_items` values.
    UnsupportedMediaType
        If the body is no form.
    """
    content = whole_body()
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"Send the query as a form, with Content-Type: {FORM}.")
    try:
        sent = parse_qs(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise BadInput(f"The form cannot be read: {error}.") from None
    for values in sent.values():
        for value in values:
            check_json(value.encode(), max_items)
    return sent


def parse_headers(model: type[BaseModel]) -> BaseModel:
    """Parse headers of the present request.

    Raises
    ------
    InvalidRequestError
        If they do not fit the model.
    """
    names = [field.alias or name for name, field in model.model_fields.items()]
    given = {name: request.headers[name] for name in names if name in request.headers}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError.of(error, request.method, "header") from None


def parse_body(
    model: type[BaseModel], max_items: int, *, any_content_type: bool = False
) -> BaseModel:
    """Parse the body of the present request as JSON.

    Raises
    ------
    InvalidRequestError
        If it is not JSON, or does not fit the model.
    BadInput, TooLarge
        If parsing it would take an unreasonable amount of memory.
    UnsupportedMediaType
        If its ``Content-Type`` is something else.
    """
    content = whole_body()
    if not content:
        content = b"{}"
    elif not (any_content_type or request.is_json):
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    # one at a time, since parsing takes several times the memory of the body
    with _large_bodies if len(content) > SMALL_BODY else nullcontext():
        check_json(content, max_items)
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            raise InvalidRequestError.of(error, request.method, "body") from None


@functools.cache
def names_of(model: type[BaseModel]) -> frozenset[str]:
    """Names under which the fields of a query are sent."""
    return frozenset(name for names in _names_of_fields(model).values() for name in names)


@functools.cache
def _lists_of(model: type[BaseModel]) -> frozenset[str]:
    """Names under which the fields of a query are sent that take several values."""
    return frozenset(
        name
        for field, names in _names_of_fields(model).items()
        if _is_list(model.model_fields[field].annotation)
        for name in names
    )


def _names_of_fields(model: type[BaseModel]) -> dict[str, list[str]]:
    found = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        found[name] = [choice for choice in choices if isinstance(choice, str)]
    return found


def _is_list(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_is_list(option) for option in get_args(hint))
    return origin in (list, tuple, set, frozenset)
