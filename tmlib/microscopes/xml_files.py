"""Reads XML files from outside: no entities, and one sentence when they are broken."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from tmlib.microscopes.base import MetadataFileError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def local_name(element: "Element") -> str:
    """Name of an element without its namespace, which differs between versions of a format."""
    return element.tag.rpartition("}")[2]


def local_attributes(element: "Element") -> dict[str, str]:
    """Attributes of an element by their names without namespaces."""
    return {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


def whole_number(path: Path, key: str, file_name: str, text: str | None) -> int | None:
    """A whole number that a metadata file says about an image, None if it says none.

    Raises
    ------
    MetadataFileError
        If it says something else.
    """
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise MetadataFileError(
            f'{path.name} has "{text[:80]}" as {key} of {file_name}, which is not a whole number: '
            "upload the file that the microscope wrote."
        ) from None


def read_elements(path: Path, root_name: str, names: set[str]) -> Iterator["Element"]:
    """The elements of some names one after the other: a file may have a million of them.

    Raises
    ------
    MetadataFileError
        If the file is no XML or its root is another.
    """
    try:
        parents: list[Element] = []
        for event, element in iterparse(path, events=("start", "end")):
            if event == "start":
                if not parents and local_name(element) != root_name:
                    raise MetadataFileError(
                        f"{path.name} is not what it should be: its root is {element.tag}, "
                        f"not {root_name}. Upload the file that the microscope wrote."
                    )
                parents.append(element)
                continue
            parents.pop()
            if local_name(element) in names and parents:
                yield element
                parents[-1].remove(element)
    except (ParseError, DefusedXmlException) as error:
        raise MetadataFileError(
            f"{path.name} cannot be read as XML ({error}): "
            "upload the file that the microscope wrote."
        ) from None


def number(text: str | None) -> float | None:
    """A text as a finite number, None if it is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None


def moment(text: str | None) -> datetime | None:
    """A point in time as ISO 8601 writes it, in UTC where no zone is given; None if it is none."""
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
