"""Sets of files that all contain the OME-XML of the whole set, which is read only once.

The texts differ only in the UUID of the file that contains them.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring

from tmlib.microscopes.file_names import bare_name
from tmlib.microscopes.ome_model import NUMBER, Index, OmeXml, read_ome_xml
from tmlib.microscopes.xml_files import local_name

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = re.compile(r"<(?:[\w.-]+:)?OME\b[^>]*>")
_UUID = re.compile(r'\sUUID\s*=\s*"([^"]*)"')


class FileSet:
    """The OME-XML of a set, with an index of its parts for each file.

    Parameters
    ----------
    text
        The OME-XML without the UUID of the file that contains it.

    Raises
    ------
    OmeXmlError
        If it cannot be used.
    """

    def __init__(self, text: str) -> None:
        self.ome: OmeXml = read_ome_xml(text)
        self._root: Element = fromstring(text)
        self._images = [element for element in self._root if local_name(element) == "Image"]
        self._files: dict[str, set[str]] = defaultdict(set)
        self._data: dict[tuple[int, str], list[Element]] = defaultdict(list)
        self._planes: dict[tuple[int, Index], list[Element]] = defaultdict(list)
        self._wells: dict[str, list[tuple[int, Element]]] = defaultdict(list)
        for number, image in enumerate(self._images):
            self._index_image(number, image)
        for number, plate in enumerate(self._root):
            if local_name(plate) == "Plate":
                for well in plate:
                    for reference in {element.get("ID") for element in well.iter()}:
                        self._wells[reference or ""].append((number, well))

    def knows(self, name: str, uuid: str) -> bool:
        """Whether the file with this UUID is listed with this name and no other."""
        return self._files.get(uuid) == {name} and self.ome.assigns_all

    def excerpt(self, name: str, uuid: str) -> "Element":
        """The part about one file: a new tree, whose top elements may be changed."""
        root = ElementTree.Element(self._root.tag, {**self._root.attrib, "UUID": uuid})
        plates: dict[int, Element] = {}
        added = set()
        for number, indices in self.ome.indices(name, holder=False).items():
            image = self._images[number]
            for plate, well in self._wells.get(image.get("ID", ""), ()):
                if plate not in plates:
                    element = self._root[plate]
                    plates[plate] = ElementTree.SubElement(root, element.tag, element.attrib)
                if id(well) not in added:
                    added.add(id(well))
                    plates[plate].append(well)
            root.append(self._excerpt_image(number, image, name, indices))
        return root

    def _excerpt_image(
        self, number: int, image: "Element", name: str, indices: set[Index]
    ) -> "Element":
        copy = ElementTree.Element(image.tag, image.attrib)
        if len(self._images) > 1:
            copy.set(NUMBER, str(number))
        for child in image:
            if local_name(child) in ("AcquisitionDate", "StageLabel"):
                copy.append(child)
            elif local_name(child) == "Pixels":
                pixels = ElementTree.SubElement(copy, child.tag, child.attrib)
                pixels.extend(element for element in child if local_name(element) == "Channel")
                pixels.extend(self._data[number, name])
                for index in sorted(indices):
                    pixels.extend(self._planes.get((number, index), ()))
        return copy

    def _index_image(self, number: int, image: "Element") -> None:
        for element in _inside_pixels(image):
            if local_name(element) == "Plane":
                z, c, t = (int(element.get(f"The{axis}", "0")) for axis in "ZCT")
                self._planes[number, (z, c, t)].append(element)
            elif local_name(element) == "TiffData":
                for identifier in element:
                    name = bare_name(identifier.get("FileName"))
                    if name:
                        self._data[number, name].append(element)
                        self._files[(identifier.text or "").strip()].add(name)


def find_set(text: str, name: str) -> tuple[FileSet, str] | None:
    """The set of a file that contains this OME-XML, and the file's UUID.

    None if the text is about this file alone, or does not say which of the files it is in.

    Raises
    ------
    OmeXmlError
        If it cannot be used.
    """
    if text.count("FileName=") < 2:
        return None
    root = _ROOT.search(text)
    uuid = root and _UUID.search(root[0])
    if root is None or uuid is None:
        return None
    start = root.start()
    files = _read_set(text[: start + uuid.start()] + text[start + uuid.end() :])
    return (files, uuid[1]) if files.knows(name, uuid[1]) else None


@lru_cache(maxsize=1)
def _read_set(text: str) -> FileSet:
    return FileSet(text)


def _inside_pixels(image: "Element") -> Iterator["Element"]:
    for child in image:
        if local_name(child) == "Pixels":
            yield from child
