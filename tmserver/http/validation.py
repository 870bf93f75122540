"""Describes what is wrong with a request, in one sentence and in detail."""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tmlib.accounts import audit_entries
from tmlib.errors import BadInput
from tmlib.logs import HIDDEN

_MOST_NAMES = 20
_MOST_CHARACTERS = 80

Place = Literal["path", "query", "header", "body"]
"""A part of a request."""


class InvalidRequestError(BadInput):
    """A request does not fit its description.

    Attributes
    ----------
    problems
        What is wrong with it, as pydantic has it; each ``loc`` begins with a `Place`.
    """

    def __init__(self, message: str, problems: Sequence[ErrorDetails]) -> None:
        super().__init__(message)
        self.problems = problems

    @classmethod
    def at(
        cls, place: Place, name: str, message: str, *, kind: str, given: object
    ) -> "InvalidRequestError":
        """An error about a single value."""
        problem: ErrorDetails = {
            "type": kind,
            "loc": (place, name),
            "msg": message,
            "input": given,
        }
        return cls(message, (problem,))

    @classmethod
    def of(cls, error: ValidationError, method: str, place: Place) -> "InvalidRequestError":
        """An error from what pydantic found wrong with a part of a request."""
        message = describe(error, method, in_query=place == "query", in_headers=place == "header")
        problems = [
            ErrorDetails(**{**problem, "loc": (place, *problem["loc"])})
            for problem in error.errors(include_url=False)
        ]
        return cls(message, problems)


def describe(
    error: ValidationError, method: str, *, in_query: bool = False, in_headers: bool = False
) -> str:
    """Name what is missing from a request, or its first invalid field and why it is invalid."""
    details = error.errors(include_url=False)
    missing = [_path(detail) for detail in details if detail["type"] == "missing"]
    if missing:
        names = ", ".join(f'"{name}"' for name in missing[:_MOST_NAMES])
        if len(missing) > _MOST_NAMES:
            names += f" and {len(missing) - _MOST_NAMES} more"
        where = "request" if in_query or in_headers else "request body"
        kind = "headers" if in_headers else f"{'GET' if in_query else method} parameters"
        return f"The following {kind} are required but were missing in the {where}: {names}."
    first = details[0]
    if first["type"] == "value_error" and not first["loc"]:
        return f"{first['ctx']['error']}."
    if first["type"] == "json_invalid" and not first["loc"]:
        return "The request body is not valid JSON: send a JSON object."
    if not first["loc"]:
        return "The request body must be a JSON object."
    return f'Parameter "{_path(first)}" {_problem(first)}.'


def _path(detail: ErrorDetails) -> str:
    return cut(".".join(cut(str(part)) for part in detail["loc"]), 3 * _MOST_CHARACTERS)


def _problem(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    is_secret = any(audit_entries.SECRET.search(str(part)) for part in detail["loc"])
    given = f"is {HIDDEN if is_secret else _shown(detail['input'])}"
    match detail["type"]:
        case "literal_error" | "enum":
            return f"{given}, but must be {context['expected']}"
        case "union_tag_invalid":
            tag, tags = context["tag"], context["expected_tags"]
            return f"has {context['discriminator']} {cut(str(tag))!r}, but it must be one of {tags}"
        case "union_tag_not_found":
            return f"lacks {context['discriminator']}"
        case "extra_forbidden":
            return "is unknown: leave it out"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{given}, but must be a whole number"
        case "float_parsing" | "float_type":
            return f"{given}, but must be a number"
        case "bool_parsing" | "bool_type":
            return f"{given}, but must be true or false"
        case "string_type":
            return f"{given}, but must be text"
        case "list_type" | "tuple_type":
            return f"{given}, but must be a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{given}, but must be an object"
        case "greater_than_equal":
            return f"{given}, but must be at least {context['ge']}"
        case "less_than_equal":
            return f"{given}, but must be at most {context['le']}"
        case "json_invalid" | "json_type":
            return f"{given}, but must be JSON"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"is too long: at most {context['max_length']} characters are allowed"
        case "string_pattern_mismatch":
            return f"{given}, but must not contain control characters"
        case "too_short":
            n_given, least = context["actual_length"], context["min_length"]
            return f"cannot be used: {n_given} were given, but at least {least} must be"
        case "too_long":
            return f"cannot be used: at most {context['max_length']} may be given"
        case "value_error":
            return f"cannot be used: {context['error']}"
        case _:
            message = detail["msg"]
            return f"cannot be used: {message[0].lower()}{message[1:]}"


def cut(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Shorten a text that somebody sent, for a message."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _shown(value: object) -> str:
    """What was sent, as it is written in JSON."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and value.bit_length() > _MOST_CHARACTERS:
        return "a very large number"
    return repr(cut(value)) if isinstance(value, str) else cut(json.dumps(value, default=str))
