"""Lists of which a request gets a part."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Part(Generic[Item]):
    """Some items of a list, and how many there are in all: what a view returns, in no form yet."""

    items: Sequence[Item]
    total: int


class Paging(ABC):
    """How an interface tells a part of a list."""

    @abstractmethod
    def answer_type(self, item: Any) -> Any:
        """The type of an answer with items of a type, which pydantic can write."""

    @abstractmethod
    def answer(self, part: Part[Any], query: Any) -> Any:
        """An answer of that type.

        Parameters
        ----------
        part
            What the view has found.
        query
            The view's parameter of this name, which asks for the part.
        """


class PlainLists(Paging):
    """The items alone."""

    def answer_type(self, item: Any) -> Any:
        """A list."""
        return list[item]

    def answer(self, part: Part[Any], query: Any) -> Any:
        """The items, without how many there are in all."""
        return list(part.items)
