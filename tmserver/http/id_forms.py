"""How interfaces spell ids of the database."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from tmlib.errors import BadInput
from tmlib.ids import decode_id

_MOST_DIGITS = 18


class IdForm(ABC):
    """How the paths of an interface spell the numbers that views take."""

    schema: ClassVar[dict[str, Any]]
    """What the OpenAPI document says of an id in a path."""

    example: ClassVar[Any]

    @abstractmethod
    def decode(self, text: str) -> int:
        """The number behind an id.

        Raises
        ------
        BadInput
            If it cannot be one.
        """


class OpaqueIds(IdForm):
    """Base64 of the number, ``MQ==`` for 1; see `tmlib.ids`."""

    schema: ClassVar[dict[str, Any]] = {"type": "string"}
    example = "MQ=="

    def decode(self, text: str) -> int:
        """The number behind an id."""
        return decode_id(text)


class PlainIds(IdForm):
    """The number itself."""

    schema: ClassVar[dict[str, Any]] = {"type": "integer"}
    example = 1

    def decode(self, text: str) -> int:
        """The number behind an id."""
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise BadInput(f'"{text}" is not a valid id: use a whole number.')
        return int(text)
