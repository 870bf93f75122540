"""Descriptions of errors, and the forms that interfaces give them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tmserver.http.validation import cut

_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Failure:
    """Why a request was not carried out.

    Attributes
    ----------
    status
        The status of HTTP that fits best.
    kind
        The name of the error.
    message
        One sentence for the sender.
    problems
        What is wrong with which part of the request, if it does not fit its description: as
        pydantic has it, and each ``loc`` begins with ``path``, ``query``, ``header`` or ``body``.
    headers
        What the answer has to have besides.
    details
        What programs may want to know besides.
    """

    status: int
    kind: str
    message: str
    problems: Sequence[ErrorDetails] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


class ErrorForm(ABC):
    """How an interface reports errors.

    Attributes
    ----------
    media_type
        Of all error responses.
    invalid_status
        Status of the answer to a request that does not fit its description.
    statuses
        Statuses that are replaced, and by which.
    """

    media_type: ClassVar[str] = "application/json"
    invalid_status: ClassVar[int] = 400
    statuses: ClassVar[Mapping[int, int]] = {}

    @abstractmethod
    def model(self, status: int) -> type[BaseModel]:
        """The model of answers with a status, for the OpenAPI document."""

    @abstractmethod
    def describe(self, failure: Failure) -> BaseModel:
        """An error as one of these models."""

    def content(self, failure: Failure) -> bytes:
        """The body of the answer."""
        return self.describe(failure).model_dump_json().encode()

    def status(self, failure: Failure) -> int:
        """The status of the answer."""
        if failure.problems:
            return self.invalid_status
        return self.statuses.get(failure.status, failure.status)


def told(message: str) -> str:
    """A message, shortened to a reasonable length."""
    return cut(message, _MOST_CHARACTERS)
