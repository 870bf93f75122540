"""Reads OME-XML: which plane of which file shows what.

Reference: the OME data model, schema 2016-06; older versions differ in their namespace alone as
far as it is read here.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from tmlib.microscopes.base import ImageMetadata
from tmlib.microscopes.file_names import bare_name, tell_apart
from tmlib.microscopes.wells import read_label, well_at
from tmlib.microscopes.xml_files import local_name, moment, number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_PLANES = 10_000_000
_MICROMETRES = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "\u03bcm": 1.0,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
}
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}

Index = tuple[int, int, int]
_StoredPlane = tuple[int, Index]


NUMBER = "{tmserver}Number"
"""Attribute of an image that was cut out of OME-XML of several: its number there, from 0."""


class OmeXmlError(ValueError):
    """A text is no OME-XML that can be used."""


@dataclass(frozen=True)
class Master:
    """The file that holds the OME-XML of a file which says that it has only pixels itself."""

    file_name: str
    uuid: str | None


@dataclass(frozen=True)
class _Position:
    """Where an image was taken: what the plate of the OME-XML says, or the label of the stage."""

    well: str | None = None
    site: int | None = None
    stage: tuple[float, float] | None = None
    label: str | None = None


@dataclass(frozen=True)
class _Image:
    """One image: its axes, what its channels are called, where its planes are stored.

    `files` has, by name of the file (None: the one that holds the OME-XML), the number of a plane
    in the file and its (z, c, t). `number` is that of an image that was cut out of a set.
    """

    sizes: Index
    channels: tuple[str | None, ...]
    pixel_size: float | None
    position: _Position
    stages: dict[Index, tuple[float, float]]
    times: dict[Index, datetime]
    files: dict[str | None, list[tuple[int, Index]]]
    number: int | None


@dataclass(frozen=True)
class OmeXml:
    """The images that OME-XML describes.

    Attributes
    ----------
    images
        In their order.
    uuid
        Of the file that holds the OME-XML, if it has one.
    master
        Which other file has what should be here, if this only says so.
    names_by_uuid
        Names of the files that planes are assigned to, by their UUID.
    """

    images: tuple[_Image, ...]
    uuid: str | None = None
    master: Master | None = None
    names_by_uuid: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_names(self) -> set[str]:
        """Names of all files that it assigns planes to."""
        return {name for name in self._images_of if name is not None}

    @cached_property
    def _images_of(self) -> dict[str | None, list[int]]:
        """Numbers of the images that have planes in each file: sets have thousands of both."""
        found: dict[str | None, list[int]] = defaultdict(list)
        for i, image in enumerate(self.images):
            for name in image.files:
                found[name].append(i)
        return dict(found)

    def _stored(self, file_name: str, holder: bool) -> Iterator[tuple[int, list[_StoredPlane]]]:
        """Numbers of the images with planes in a file, and these: number in the file and index."""
        numbers = set(self._images_of.get(file_name, ()))
        if holder:
            numbers.update(self._images_of.get(None, ()))
        for i in sorted(numbers):
            files = self.images[i].files
            planes = files.get(file_name, []) + (files.get(None, []) if holder else [])
            if planes:
                yield i, planes

    def planes(self, file_name: str, *, holder: bool = False) -> list[ImageMetadata]:
        """The planes of a file, in their order.

        Parameters
        ----------
        file_name
            Name of the file.
        holder
            Whether it is the file that holds the OME-XML, to which all planes belong that are not
            assigned to any file.
        """
        found = []
        stored = list(self._stored(file_name, holder))
        for series, (place, planes) in enumerate(stored):
            image = self.images[place]
            # images that nothing else tells apart are sites
            own = place if len(self.images) > 1 else image.number
            for plane, index in planes:
                one = _describe(image, file_name, index)
                site = one.site if one.site is not None else own
                found.append(replace(one, site=site, series=series, plane=plane))
        return sorted(found, key=lambda plane: plane.plane or 0)

    @property
    def assigns_all(self) -> bool:
        """Whether all planes are assigned to files by name."""
        return None not in self._images_of

    def indices(self, file_name: str, *, holder: bool) -> dict[int, set[Index]]:
        """By number of the image which of its planes (z, c, t) are in a file."""
        return {
            image: {index for _, index in planes}
            for image, planes in self._stored(file_name, holder)
        }

    def pixel_size(self, file_name: str, *, holder: bool = False) -> float | None:
        """Width and height of a pixel in micrometres, if all images of a file have the same."""
        sizes = {self.images[image].pixel_size for image, _ in self._stored(file_name, holder)}
        return sizes.pop() if len(sizes) == 1 else None


def read_ome_xml(text: str | bytes) -> OmeXml:
    """Read OME-XML.

    Raises
    ------
    OmeXmlError
        If it is no XML or contradicts itself.
    """
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise OmeXmlError(f"it is no XML: {error}") from None
    if local_name(root) != "OME":
        raise OmeXmlError(f"its root is {root.tag}, not OME")
    positions = dict(_positions(root))
    uuid = root.get("UUID")
    return OmeXml(
        tuple(
            _read_image(element, positions.get(element.get("ID", ""), _Position()), uuid)
            for element in _children(root, "Image")
        ),
        uuid,
        next(map(_read_master, _children(root, "BinaryOnly")), None),
        {
            (element.text or "").strip(): bare_name(element.get("FileName"))
            for element in _children(root, "Image", "Pixels", "TiffData", "UUID")
            if element.get("FileName")
        },
    )


def _read_master(element: "Element") -> Master:
    return Master(bare_name(element.get("MetadataFile")), element.get("UUID"))


def _describe(image: _Image, file_name: str, index: Index) -> ImageMetadata:
    """What one plane shows. An axis of length one says nothing about its only plane."""
    z, c, t = index
    n_z, _, n_t = image.sizes
    return ImageMetadata(
        file_name,
        image.position.well,
        image.channels[c],
        t if n_t > 1 else None,
        z if n_z > 1 else None,
        image.position.site,
        image.stages.get(index, image.position.stage),
        image.times.get(index),
        label=image.position.label,
    )


def _children(element: "Element", *names: str) -> Iterator["Element"]:
    """Descendants along a path of names, in whatever namespace."""
    first, *rest = names
    for child in element:
        if local_name(child) == first:
            yield from _children(child, *rest) if rest else [child]


def _positions(root: "Element") -> Iterator[tuple[str, _Position]]:
    """Well and site by id of the image; sites are the samples of a well in their order."""
    for well in _children(root, "Plate", "Well"):
        row, column = (_whole(well, name, 0) for name in ("Row", "Column"))
        is_known = well.get("Row") is not None and well.get("Column") is not None
        name = well_at(row + 1, column + 1) if is_known else None
        if name is None and is_known:
            raise OmeXmlError(f"it has a well in row {row}, column {column}, counted from 0")
        for site, sample in enumerate(_children(well, "WellSample")):
            stage = _stage(sample)
            for reference in _children(sample, "ImageRef"):
                yield reference.get("ID", ""), _Position(name, site, stage)


def _read_image(element: "Element", position: _Position, uuid: str | None) -> _Image:
    pixels = next(_children(element, "Pixels"), None)
    if pixels is None:
        raise OmeXmlError(f"its image {element.get('ID')} has no Pixels")
    channels = list(_children(pixels, "Channel"))
    samples = _whole(channels[0], "SamplesPerPixel", 1) if channels else 1
    sizes = (
        _whole(pixels, "SizeZ", 1),
        max(_whole(pixels, "SizeC", 1) // max(samples, 1), 1),
        _whole(pixels, "SizeT", 1),
    )
    number = element.get(NUMBER)
    n_planes = sizes[0] * sizes[1] * sizes[2]
    if min(sizes) < 1 or n_planes > _MAX_PLANES:
        raise OmeXmlError(f"its image {element.get('ID')} has {n_planes} planes")
    stages, times = _read_planes(element, pixels)
    return _Image(
        sizes,
        _channel_names(channels, sizes[1]),
        _pixel_size(pixels),
        _with_label(position, next(_children(element, "StageLabel"), None)),
        stages,
        times,
        _read_files(pixels, sizes, uuid),
        None if number is None else int(number),
    )


def _with_label(position: _Position, label: "Element | None") -> _Position:
    """What the label of the stage's position adds to what the plate says."""
    if label is None:
        return position
    name = label.get("Name") or ""
    well, site = read_label(name)
    known = replace(position, stage=position.stage or _stage(label, ""))
    if position.well is not None or well is None:
        return replace(known, label=name if position.well is None else None)
    return replace(known, well=well, site=site)


def _channel_names(channels: list["Element"], n: int) -> tuple[str | None, ...]:
    """Names of the channels, with their numbers where they have none or share one."""
    given = [channel.get("Name") or channel.get("Fluor") for channel in channels[:n]]
    given += [None] * (n - len(given))
    if n == 1:
        return (given[0],)
    names = tell_apart({str(i): name or "" for i, name in enumerate(given)})
    return tuple(names.get(str(i), str(i)) for i in range(n))


def _read_planes(
    element: "Element", pixels: "Element"
) -> tuple[dict[Index, tuple[float, float]], dict[Index, datetime]]:
    """Stage positions and times of the planes that have any."""
    date = next((moment(child.text) for child in _children(element, "AcquisitionDate")), None)
    stages: dict[Index, tuple[float, float]] = {}
    times: dict[Index, datetime] = {}
    for plane in _children(pixels, "Plane"):
        index = (_whole(plane, "TheZ", 0), _whole(plane, "TheC", 0), _whole(plane, "TheT", 0))
        stage = _stage(plane)
        if stage is not None:
            stages[index] = stage
        seconds = number(plane.get("DeltaT"))
        if date is not None and seconds is not None:
            unit = _SECONDS.get(plane.get("DeltaTUnit", "s"), 1.0)
            times[index] = date + timedelta(seconds=seconds * unit)
    return stages, times


def _read_files(
    pixels: "Element", sizes: Index, uuid: str | None
) -> dict[str | None, list[tuple[int, Index]]]:
    """Where the planes are stored: see the specification of OME-TIFF."""
    files: dict[str | None, list[tuple[int, Index]]] = defaultdict(list)
    order = pixels.get("DimensionOrder", "XYZCT")
    n_all = sizes[0] * sizes[1] * sizes[2]
    for data in _children(pixels, "TiffData"):
        name = None
        for identifier in _children(data, "UUID"):
            if uuid is None or (identifier.text or "").strip() != uuid:
                name = bare_name(identifier.get("FileName")) or None
        starts = tuple(_whole(data, f"First{axis}", 0) for axis in "ZCT")
        first = _flatten(order, sizes, (starts[0], starts[1], starts[2]))
        plane = _whole(data, "IFD", 0)
        n = _whole(data, "PlaneCount", n_all - first if data.get("IFD") is None else 1)
        if not 0 <= n <= n_all - first or plane < 0:
            raise OmeXmlError(f"it has planes beyond the {n_all} of an image")
        files[name] += [(plane + i, _unflatten(order, sizes, first + i)) for i in range(n)]
    return dict(files)


def _flatten(order: str, sizes: Index, index: Index) -> int:
    """Number of a plane in its image, by (z, c, t)."""
    by_axis = dict(zip("ZCT", zip(index, sizes, strict=True), strict=True))
    flat, stride = 0, 1
    for axis in order[2:]:
        position, size = by_axis.get(axis, (0, 1))
        if not 0 <= position < size:
            raise OmeXmlError(f"it has a plane {axis}={position}, counted from 0, of {size}")
        flat += position * stride
        stride *= size
    return flat


def _unflatten(order: str, sizes: Index, flat: int) -> Index:
    by_axis = dict(zip("ZCT", sizes, strict=True))
    found = {}
    for axis in order[2:]:
        flat, found[axis] = divmod(flat, by_axis.get(axis, 1))
    return found.get("Z", 0), found.get("C", 0), found.get("T", 0)


def _pixel_size(pixels: "Element") -> float | None:
    """Size of a pixel in micrometres, if it is square."""
    sizes = []
    for axis in "XY":
        size = number(pixels.get(f"PhysicalSize{axis}"))
        unit = _MICROMETRES.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        sizes.append(size * unit if size is not None and unit is not None else 0.0)
    is_square = sizes[0] > 0 and abs(sizes[0] - sizes[1]) <= 0.01 * sizes[0]
    return round(sizes[0], 9) if is_square else None


def _stage(element: "Element", prefix: str = "Position") -> tuple[float, float] | None:
    """Position of the stage (y, x), in micrometres if the unit is a length."""
    found = []
    for axis in "YX":
        value = number(element.get(f"{prefix}{axis}"))
        if value is None:
            return None
        found.append(value * _MICROMETRES.get(element.get(f"{prefix}{axis}Unit", ""), 1.0))
    return found[0], found[1]


def _whole(element: "Element", name: str, default: int) -> int:
    text = element.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise OmeXmlError(f'it has "{text}" as {name}, which is not a whole number') from None
