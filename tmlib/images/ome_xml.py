"""OME-XML, the common form of image metadata, which is stored for each file.

Reference: the OME data model, schema 2016-06. It is parsed in :mod:`tmlib.microscopes.ome_model`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring

from tmlib.images.containers import ContainedImage, split_plane
from tmlib.images.file_sets import find_set
from tmlib.images.layout import well_position
from tmlib.images.reading import ImageProperties
from tmlib.microscopes.base import ImageMetadata
from tmlib.microscopes.file_names import bare_name
from tmlib.microscopes.ome_model import NUMBER, Index, Master, OmeXml, OmeXmlError, read_ome_xml
from tmlib.microscopes.xml_files import local_name

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_KEPT = {
    "OME": {"Plate", "Image"},
    "Plate": {"Well"},
    "Well": {"WellSample"},
    "WellSample": {"ImageRef"},
    "Image": {"AcquisitionDate", "StageLabel", "Pixels"},
    "Pixels": {"Channel", "TiffData", "Plane"},
    "TiffData": {"UUID"},
}


@dataclass(frozen=True)
class DescribedFile:
    """The description of a file in OME-XML.

    Attributes
    ----------
    properties
        Size, bit depth and number of planes.
    planes
        The planes of the file with their metadata.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    uuid
        The identifier by which other files refer to it, if given.
    master
        The other file with its metadata, if it contains only pixels.
    """

    properties: ImageProperties
    planes: list[ImageMetadata]
    pixel_size: float | None
    uuid: str | None = None
    master: Master | None = None


def describe(properties: ImageProperties, name: str) -> str:
    """The OME-XML of an image file: the relevant part of its own, or a minimal one.

    Files of a set often contain the OME-XML of the whole set, of which only the file's part is
    kept. Size and bit depth are those of the file, whatever its OME-XML says. Planes without
    metadata count as focal planes.

    Raises
    ------
    OmeXmlError
        If the file's own OME-XML contradicts the file or itself.
    """
    only = None
    if properties.omexml is not None:
        found = find_set(properties.omexml, name)
        ome = read_ome_xml(properties.omexml) if found is None else found[0].ome
        planes = ome.planes(name, holder=found is None)
        beyond = [plane.plane for plane in planes if (plane.plane or 0) >= properties.n_planes]
        if beyond:
            raise OmeXmlError(f"it has a plane {beyond[0]}, the file has {properties.n_planes}")
        if planes and found is not None:
            root = found[0].excerpt(name, found[1])
            for pixels in _all_pixels(root):
                _set_size(pixels, properties)
            return ElementTree.tostring(root, encoding="unicode")
        if planes:
            return _excerpt(properties, name, ome.indices(name, holder=True))
        only = ome if ome.master is not None else None
    return _least(properties, name, only)


def _least(properties: ImageProperties, name: str, only: OmeXml | None) -> str:
    """A minimal description of a file, and the file with the full one."""
    root = ElementTree.Element("OME", {"xmlns": _NAMESPACE})
    if only is not None and only.master is not None:
        if only.uuid is not None:
            root.set("UUID", only.uuid)
        master = ElementTree.SubElement(root, "BinaryOnly", {"MetadataFile": only.master.file_name})
        if only.master.uuid is not None:
            master.set("UUID", only.master.uuid)
    image = ElementTree.SubElement(root, "Image", {"ID": "Image:0", "Name": name})
    pixels = ElementTree.SubElement(
        image,
        "Pixels",
        {
            "ID": "Pixels:0",
            "DimensionOrder": "XYCZT",
            "SizeZ": str(properties.n_planes // (properties.n_channels * properties.n_tpoints)),
            "SizeC": str(properties.n_channels),
            "SizeT": str(properties.n_tpoints),
        },
    )
    _set_size(pixels, properties)
    if properties.pixel_size is not None:
        for axis in "XY":
            pixels.set(f"PhysicalSize{axis}", repr(properties.pixel_size))
    ElementTree.SubElement(pixels, "TiffData")
    return ElementTree.tostring(root, encoding="unicode")


def describe_images(properties: ImageProperties, images: Sequence[ContainedImage]) -> str:
    """The OME-XML of a file with many images; the planes of each are counted from 0."""
    root = ElementTree.Element("OME", {"xmlns": _NAMESPACE})
    wells: dict[str, Element] = {}
    samples: dict[tuple[str, int], Element] = {}
    if any(image.well is not None for image in images):
        plate = ElementTree.SubElement(root, "Plate", {"ID": "Plate:0"})
        for name in dict.fromkeys(image.well for image in images if image.well is not None):
            row, column = well_position(name)
            place = {"ID": f"Well:{name}", "Row": str(row), "Column": str(column)}
            wells[name] = ElementTree.SubElement(plate, "Well", place)
    for number, image in enumerate(images):
        if image.well is not None:
            site = image.well, number if image.site is None else image.site
            if site not in samples:
                sample = {"ID": f"WellSample:{number}", "Index": str(number)}
                samples[site] = ElementTree.SubElement(wells[image.well], "WellSample", sample)
            ElementTree.SubElement(samples[site], "ImageRef", {"ID": f"Image:{number}"})
        _describe_image(root, number, image, properties)
    return ElementTree.tostring(root, encoding="unicode")


def _describe_image(
    root: "Element", number: int, image: ContainedImage, properties: ImageProperties
) -> None:
    element = ElementTree.SubElement(root, "Image", {"ID": f"Image:{number}", "Name": image.name})
    start = min(image.times.values(), default=None)
    if start is not None:
        ElementTree.SubElement(element, "AcquisitionDate").text = start.isoformat()
    n_tpoints = image.n_all_tpoints or image.n_tpoints
    sizes = dict(zip("ZCT", (image.n_zplanes, image.n_channels, n_tpoints), strict=True))
    pixels = ElementTree.SubElement(
        element,
        "Pixels",
        {"ID": f"Pixels:{number}", "DimensionOrder": "XYZCT"}
        | {f"Size{axis}": str(size) for axis, size in sizes.items()},
    )
    _set_size(pixels, properties)
    if image.pixel_size is not None:
        for axis in "XY":
            pixels.set(f"PhysicalSize{axis}", repr(image.pixel_size))
    for i, name in enumerate(image.channels):
        ElementTree.SubElement(pixels, "Channel", {"ID": f"Channel:{number}:{i}", "Name": name})
    stored = {"IFD": "0", "FirstT": str(image.first_tpoint), "PlaneCount": str(image.n_planes)}
    ElementTree.SubElement(pixels, "TiffData", stored)
    if image.stage is None and not image.times:
        return
    for plane in range(image.n_planes):
        z, c, t = split_plane(plane, image.n_zplanes, image.n_channels)
        place = z, c, t + image.first_tpoint
        of_plane = ElementTree.SubElement(
            pixels, "Plane", {f"The{axis}": str(i) for axis, i in zip("ZCT", place, strict=True)}
        )
        if start is not None and (z, c, t) in image.times:
            of_plane.set("DeltaT", repr((image.times[z, c, t] - start).total_seconds()))
        if image.stage is not None:
            for axis, position in zip("YX", image.stage, strict=True):
                of_plane.set(f"Position{axis}", repr(position))
                of_plane.set(f"Position{axis}Unit", "µm")


def read(omexml: str, name: str) -> DescribedFile:
    """Read the description that :func:`describe` wrote; the file name may include folders."""
    ome = read_ome_xml(omexml)
    bare = bare_name(name)
    planes = [replace(plane, file_name=name) for plane in ome.planes(bare, holder=True)]
    pixels = next(
        element for element in fromstring(omexml).iter() if local_name(element) == "Pixels"
    )
    return DescribedFile(
        ImageProperties(
            height=int(pixels.get("SizeY", "0")),
            width=int(pixels.get("SizeX", "0")),
            bit_depth=int(pixels.get("Type", "").removeprefix("uint") or "0"),
            n_planes=len(planes),
        ),
        planes,
        ome.pixel_size(bare, holder=True),
        ome.uuid,
        ome.master,
    )


def _set_size(pixels: "Element", properties: ImageProperties) -> None:
    pixels.set("Type", f"uint{properties.bit_depth}")
    pixels.set("SizeX", str(properties.width))
    pixels.set("SizeY", str(properties.height))


def _all_pixels(root: "Element") -> Iterator["Element"]:
    return (element for element in root.iter() if local_name(element) == "Pixels")


def _excerpt(properties: ImageProperties, name: str, indices: Mapping[int, set[Index]]) -> str:
    """A file's own OME-XML without the parts about other files and unused elements."""
    root = fromstring(properties.omexml or "")
    uuid = root.get("UUID")
    _prune(root)
    kept = set()
    images = [element for element in root if local_name(element) == "Image"]
    for number, image in enumerate(images):
        stored = indices.get(number)
        if not stored:
            root.remove(image)
            continue
        kept.add(image.get("ID"))
        if len(images) > 1:
            image.set(NUMBER, str(number))
        pixels = next(element for element in image if local_name(element) == "Pixels")
        _set_size(pixels, properties)
        for element in list(pixels):
            if not _is_of(element, name, uuid, stored):
                pixels.remove(element)
    for plate in [element for element in root if local_name(element) == "Plate"]:
        for well in list(plate):
            if not {reference.get("ID") for reference in well.iter()} & kept:
                plate.remove(well)
    return ElementTree.tostring(root, encoding="unicode")


def _prune(element: "Element") -> None:
    """Remove descendants that are not used."""
    for child in list(element):
        if local_name(child) in _KEPT.get(local_name(element), set()):
            _prune(child)
        else:
            element.remove(child)


def _is_of(element: "Element", name: str, uuid: str | None, stored: set[Index]) -> bool:
    """Whether an element of Pixels is about the file of this name, which contains it."""
    if local_name(element) == "Plane":
        return tuple(int(element.get(f"The{axis}", "0")) for axis in "ZCT") in stored
    identifiers = list(element)
    return not identifiers or any(
        bare_name(identifier.get("FileName")) in (name, "")
        or (uuid is not None and (identifier.text or "").strip() == uuid)
        for identifier in identifiers
    )
