"""OME-XML: the field's common form of an image's metadata.

Reference: the OME data model, schema 2016-06.
"""

from xml.etree import ElementTree  # noqa: S405 - writes only; reading goes through defusedxml

from defusedxml.ElementTree import ParseError, fromstring

from tmlib.images.reading import ImageProperties

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def describe(properties: ImageProperties, name: str) -> str:
    """The OME-XML of an image file: its own if it has a readable one, else the least there is.

    The planes of a file that does not say what they are count as focal planes.
    """
    if properties.omexml is not None:
        try:
            fromstring(properties.omexml)
        except ParseError:
            pass
        else:
            return properties.omexml
    root = ElementTree.Element("OME", {"xmlns": _NAMESPACE})
    image = ElementTree.SubElement(root, "Image", {"ID": "Image:0", "Name": name})
    pixels = ElementTree.SubElement(
        image,
        "Pixels",
        {
            "ID": "Pixels:0",
            "DimensionOrder": "XYZCT",
            "Type": f"uint{properties.bit_depth}",
            "SizeX": str(properties.width),
            "SizeY": str(properties.height),
            "SizeZ": str(properties.n_planes),
            "SizeC": "1",
            "SizeT": "1",
        },
    )
    ElementTree.SubElement(pixels, "TiffData")
    return ElementTree.tostring(root, encoding="unicode")


def read_properties(omexml: str) -> ImageProperties:
    """Size, bit depth and number of planes of the first image that OME-XML describes."""
    pixels = next(
        element for element in fromstring(omexml).iter() if element.tag.endswith("}Pixels")
    )
    n_planes = 1
    for axis in ("SizeZ", "SizeC", "SizeT"):
        n_planes *= int(pixels.get(axis, "1"))
    digits = "".join(character for character in pixels.get("Type", "") if character.isdigit())
    return ImageProperties(
        height=int(pixels.get("SizeY", "0")),
        width=int(pixels.get("SizeX", "0")),
        bit_depth=int(digits or "0"),
        n_planes=n_planes,
        omexml=omexml,
    )
