"""What files of arrays consist of, whatever their format: groups, datasets, types and links."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Links = Literal["only_valid", "all", "none"]
"""Which links are followed: those that lead somewhere, all or else it is an error, or none."""

Selection = tuple[int | slice, ...]
"""One number or range for each dimension."""

MOST_ENTRIES = 10_000

JSON = "application/json"
MEDIA_TYPES = (JSON, "application/octet-stream", "text/csv", "image/tiff")
"""Types of what is sent."""


class MissingError(Exception):
    """What is asked for is not in the file, or must not be read."""


class UnfitError(Exception):
    """What is asked for does not fit a parameter of the request."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Attribute(NamedTuple):
    """What an attribute is like; without a shape it has no value."""

    name: str
    dtype: Any
    shape: list[int] | None


class Attributes(ABC):
    """The attributes of something."""

    @abstractmethod
    def describe(self) -> list[Attribute]:
        """What they are like."""

    @abstractmethod
    def read(self, names: list[str] | None) -> dict[str, Any]:
        """Values of some of them, or of all.

        Raises
        ------
        MissingError
            If one of them is not there.
        """


class Entity:
    """Something in a file, which has a name and attributes."""

    def __init__(self, name: str, attributes: Attributes) -> None:
        self.name = name
        self.attributes = attributes


class Group(Entity, ABC):
    """Holds others."""

    @abstractmethod
    def children(self, links: Links) -> Iterator["Entity | Link"]:
        """What it holds."""


class NamedType(Entity):
    """A type that has a name of its own."""

    def __init__(self, name: str, attributes: Attributes, dtype: np.dtype[Any]) -> None:
        super().__init__(name, attributes)
        self.dtype = dtype


class Dataset(Entity, ABC):
    """An array; `shape` is None if it has no values, or has them in other files."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    chunks: tuple[int, ...] | None
    filters: list[dict[str, Any]] | None

    @abstractmethod
    def read(self, selection: Selection) -> NDArray[Any]:
        """Some of its values; texts as objects.

        Raises
        ------
        UnfitError
            If they are of a type that cannot be sent.
        """


class Link(NamedTuple):
    """A link that was not followed."""

    name: str
    target_path: str
    target_file: str | None = None


class ArrayFile(ABC):
    """A file of arrays."""

    @abstractmethod
    def find(self, path: str, links: Links = "only_valid") -> Entity | Link:
        """What is at a path.

        Raises
        ------
        MissingError
            If there is nothing, or a link that leads nowhere or out of the file.
        """


def parts_of(path: str) -> list[str]:
    """The names in a path.

    Raises
    ------
    MissingError
        If one of them would lead elsewhere.
    """
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or "\0" in part for part in parts):
        raise MissingError(f'There is no "{path}" in the file.')
    return parts


def check_count(count: int, what: str) -> None:
    """Refuse to list more than can be answered.

    Raises
    ------
    UnfitError
        If it is more.
    """
    if count > MOST_ENTRIES:
        message = f"has {count:,} {what}, more than the {MOST_ENTRIES:,} that are listed"
        raise UnfitError("path", message)


def form_of(dtype: np.dtype[Any]) -> Any:
    """A type as text, or as texts by the names of its fields."""
    if dtype.fields is None:
        return dtype.str
    return {name: form_of(field[0]) for name, field in dtype.fields.items()}
