"""What a class of the catalogue is declared with: its attributes, their types and relations.

Names are those of the Python client, with underscores; GraphQL's follow from them.
"""

import enum
from dataclasses import dataclass
from functools import cached_property


class Kind(enum.Enum):
    """The type of an attribute's values.

    Texts order by code point and enumerations by their names. Moments are in UTC. A matrix is a
    list of lists of numbers, by which nothing is filtered; it orders by how it is written.
    """

    INTEGER = "Int"
    FLOAT = "Float"
    TEXT = "String"
    BOOLEAN = "Boolean"
    MOMENT = "DateTime"
    ENUMERATION = "enumeration"
    MATRIX = "[[Float!]!]"


@dataclass(frozen=True)
class Enumeration:
    """A type whose values are some names."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Scalar:
    """An attribute with a value of its own."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    enumeration: Enumeration | None = None

    @cached_property
    def wire_name(self) -> str:
        """Its name in GraphQL."""
        return camel(self.name)

    @property
    def column(self) -> str:
        """The column with its value."""
        return self.name

    @property
    def is_number(self) -> bool:
        """Whether values can be added up."""
        return self.kind in (Kind.INTEGER, Kind.FLOAT)

    @property
    def has_extremes(self) -> bool:
        """Whether the smallest and the largest value are told."""
        return self.is_number or self.kind in (Kind.TEXT, Kind.MOMENT)


@dataclass(frozen=True)
class Item:
    """A relation to at most one row, whose id is in a column here."""

    name: str
    target: str
    description: str | None = None
    required: bool = False

    @cached_property
    def wire_name(self) -> str:
        """Its name in GraphQL."""
        return camel(self.name)

    @cached_property
    def wire_key(self) -> str:
        """The name in GraphQL of the id that it refers to."""
        return camel(self.column)

    @property
    def column(self) -> str:
        """The column with the id."""
        return f"{self.name}_id"


@dataclass(frozen=True)
class Many:
    """A relation to all rows that refer to one."""

    name: str
    target: str

    @cached_property
    def wire_name(self) -> str:
        """Its name in GraphQL."""
        return camel(self.name)


Attribute = Scalar | Item | Many


@dataclass(frozen=True, eq=False)
class Entity:
    """A class of the catalogue.

    Attributes
    ----------
    name
        As GraphQL has it.
    root
        The field of GraphQL's query that lists it.
    description
        What it is, if that is told.
    attributes
        In the order of the schema.
    client_name
        As the Python client has it.
    """

    name: str
    root: str
    description: str | None
    attributes: tuple[Attribute, ...]
    client_name: str

    @cached_property
    def scalars(self) -> tuple[Scalar, ...]:
        """Attributes with values of their own, ``id`` among them."""
        return tuple(one for one in self.attributes if isinstance(one, Scalar))

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Relations to one row."""
        return tuple(one for one in self.attributes if isinstance(one, Item))

    @cached_property
    def lists(self) -> tuple[Many, ...]:
        """Relations to all rows that refer to one."""
        return tuple(one for one in self.attributes if isinstance(one, Many))

    @cached_property
    def columns(self) -> dict[str, Scalar | Item]:
        """What has a column, by the name of that."""
        return {one.column: one for one in self.attributes if not isinstance(one, Many)}

    @cached_property
    def fields(self) -> dict[str, Scalar | Item]:
        """The same by the name in GraphQL: values, and ids of what items refer to."""
        return {
            one.wire_name if isinstance(one, Scalar) else one.wire_key: one
            for one in self.columns.values()
        }

    @cached_property
    def relations(self) -> dict[str, Item | Many]:
        """Relations by their name in GraphQL."""
        return {one.wire_name: one for one in self.attributes if not isinstance(one, Scalar)}


def camel(name: str) -> str:
    """GraphQL's name of an attribute: ``scale_0_dimensions`` is ``scale0Dimensions``."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def entity(
    name: str,
    root: str,
    description: str | None,
    *attributes: Attribute,
    client_name: str | None = None,
) -> Entity:
    """Declare a class."""
    return Entity(name, root, description, attributes, client_name or name)


def text(name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare a text."""
    return Scalar(name, Kind.TEXT, description, required)


def integer(name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare a whole number of 32 bits."""
    return Scalar(name, Kind.INTEGER, description, required)


def number(name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare a number."""
    return Scalar(name, Kind.FLOAT, description, required)


def boolean(name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare something that is so or not."""
    return Scalar(name, Kind.BOOLEAN, description, required)


def moment(name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare a point in time."""
    return Scalar(name, Kind.MOMENT, description, required)


def matrix(name: str, description: str) -> Scalar:
    """Declare a list of lists of numbers."""
    return Scalar(name, Kind.MATRIX, description)


def one_of(kind: Enumeration, name: str, description: str, *, required: bool = False) -> Scalar:
    """Declare a value of an enumeration."""
    return Scalar(name, Kind.ENUMERATION, description, required, kind)


ID = integer("id", "Numeric identifier (May change!)", required=True)
