"""What is wrong with rows that somebody has sent."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from pydantic_core import ValidationError

from tmlib.errors import BadInput

_MOST_TOLD = 100
_LONGEST_VALUE = 80

UNKNOWN = "it is unknown to the schema: leave it out"
"""What is wrong with a field that the schema does not have."""


class RowProblem(NamedTuple):
    """What is wrong with a field of a row; rows are counted from 0 in the order of the request."""

    row: int
    field: str
    message: str


class InvalidRows(BadInput):
    """Rows that do not fit the schema of their table; none of the request was entered."""

    def __init__(self, problems: Sequence[RowProblem], n_more: int = 0) -> None:
        self.problems, self.n_more = problems, n_more
        first = problems[0]
        message = f'Row {first.row} (counted from 0), field "{first.field}": {first.message}.'
        if others := len(problems) + n_more - 1:
            message += f" There {'is one more problem' if others == 1 else f'are {others} more'}."
        super().__init__(message)
        self.details = {"row": first.row, "errors": [problem._asdict() for problem in problems]}

    @classmethod
    def at(cls, row: int, field: str, message: str) -> Self:
        """A single problem."""
        return cls([RowProblem(row, field, message)])

    def behind(self, n_rows: int) -> Self:
        """The same of rows that are sent behind others."""
        moved = [problem._replace(row=problem.row + n_rows) for problem in self.problems]
        return type(self)(moved, self.n_more)

    @classmethod
    def of(cls, error: ValidationError) -> Self:
        """What pydantic has found wrong with a list of rows."""
        found = error.errors(include_url=False, include_context=False)
        problems = [
            RowProblem(int(row), ".".join(map(str, place)), described(problem))
            for problem in found[:_MOST_TOLD]
            for row, *place in [problem["loc"]]
        ]
        return cls(problems, len(found) - len(problems))


def described(problem: Any) -> str:
    """What is wrong with a value, of all that pydantic has found."""
    if problem["type"] == "missing":
        return "it is missing and required"
    if problem["type"] == "extra_forbidden":
        return UNKNOWN
    if problem["type"] == "string_pattern_mismatch":
        return "it contains a NUL character"
    text = problem["msg"]
    given = repr(problem["input"])
    if len(given) > _LONGEST_VALUE:
        given = f"{given[: _LONGEST_VALUE - 1]}…"
    return f"{text[0].lower()}{text[1:]}, and not {given}"
