"""Puts together what metadata files, image files and their names tell about an acquisition."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tmlib.errors import BadInput
from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    Microscope,
)
from tmlib.microscopes.file_names import bare_name, closest

_SHOWN = 5


@dataclass(frozen=True)
class PlaneMetadata:
    """One plane of an image file and all that is known of it.

    Attributes
    ----------
    file_name, series, plane
        Where it is stored: file, image of the file, plane of the file, from 0.
    well, channel, site
        What it shows: "A01", "1" and 0 where nothing tells.
    tpoint, zplane
        Counted from 0 without gaps over the acquisition.
    stage, time
        As in :class:`~tmlib.microscopes.base.ImageMetadata`.
    """

    file_name: str
    series: int
    plane: int
    well: str
    channel: str
    tpoint: int
    zplane: int
    site: int
    stage: tuple[float, float] | None
    time: datetime | None


@dataclass(frozen=True)
class Acquired:
    """All planes of an acquisition.

    Attributes
    ----------
    planes
        In the order of the files' names.
    pixel_size
        Width and height of a pixel in micrometres, if the metadata files tell.
    warnings
        Sentences for the user about what was found odd but did no harm.
    is_grid
        Whether stage positions are rows and columns of sites, and no lengths.
    """

    planes: list[PlaneMetadata]
    pixel_size: float | None
    warnings: list[str]
    is_grid: bool = False


def read_acquisition(
    microscope: Microscope,
    metadata_files: Sequence[Path],
    files: Mapping[str, Sequence[ImageMetadata]],
    pattern: str | None = None,
) -> Acquired:
    """Find out what all planes of an acquisition show.

    Metadata files come first, then what the image files say themselves. What both leave open is
    completed from the file names where these fit.

    Parameters
    ----------
    microscope
        The microscope type.
    metadata_files
        All metadata files.
    files
        The planes of each image file, by its name, and what the file says about them.
    pattern
        Of the user for the file names; all must fit it if it is needed.

    Raises
    ------
    PatternError, FileNameError
        If the file names cannot be read and are needed.
    MetadataFileError
        If a metadata file cannot be used.
    BadInput
        If the metadata files do not know an image file.
    """
    metadata = _read_metadata(microscope, metadata_files, list(files))
    warnings = []
    omitted = metadata.omitted if metadata is not None else set()
    planes = {name: list(files[name]) for name in sorted(files.keys() - omitted)}
    if metadata is not None:
        _check_known(metadata, list(planes))
        warnings = [*metadata.warnings, *_missing(metadata)]
        planes |= {name: listed for name, listed in metadata.planes.items() if name in planes}
    documented = metadata.images if metadata is not None else {}
    if not all(_is_complete(name, documented, told) for name, told in planes.items()):
        named = _read_names(microscope, planes, pattern, has_metadata=metadata is not None)
    else:
        named = {}
        if pattern:
            warnings.append("The metadata tells everything: the pattern of names is not used.")
    merged = [
        _merge(plane, documented.get(name), named.get(name))
        for name, told in planes.items()
        for plane in told
    ]
    warnings += _without_well(merged)
    return Acquired(
        _number(merged),
        metadata.pixel_size if metadata is not None else None,
        warnings,
        metadata is not None and metadata.is_grid,
    )


def _read_metadata(
    microscope: Microscope, metadata_files: Sequence[Path], names: Sequence[str]
) -> AcquisitionMetadata | None:
    """What metadata files tell. Few types know folders: to the others files have bare names."""
    if microscope.reads_folders or not metadata_files:
        return microscope.read_metadata(metadata_files, names)
    whole: dict[str, str] = {}
    for name in names:
        other = whole.setdefault(bare_name(name), name)
        if other != name:
            raise BadInput(
                f'"{other}" and "{name}" have the same name, so the metadata files do not tell '
                "them apart: upload each folder as an acquisition of its own."
            )
    found = microscope.read_metadata(metadata_files, whole)
    if found is None:
        return None
    return replace(
        found,
        images={
            whole[name]: replace(image, file_name=whole[name])
            for name, image in found.images.items()
        },
        planes={
            whole[name]: [replace(plane, file_name=whole[name]) for plane in planes]
            for name, planes in found.planes.items()
        },
    )


@dataclass(frozen=True)
class _Merged:
    """What a plane shows; times and depths count first by file, then within the file."""

    known: ImageMetadata
    time: tuple[int, int] | None
    depth: tuple[int, int] | None


def _check_known(metadata: AcquisitionMetadata, names: list[str]) -> None:
    unknown = [name for name in names if name not in metadata.images]
    if not unknown:
        return
    listed = ", ".join(f'"{name}"' for name in unknown[:_SHOWN])
    match = closest(unknown[0], metadata.missing)
    like = f'; the closest that they do mention is "{match}"' if match else ""
    raise BadInput(
        f"The metadata files do not mention {len(unknown)} of {len(names)} image files "
        f"({listed}{like}): upload the metadata files that belong to them, or delete the images."
    )


def _missing(metadata: AcquisitionMetadata) -> list[str]:
    """A warning about images that the metadata knows and that are not there."""
    if not metadata.missing:
        return []
    return [
        f"The metadata files mention {len(metadata.missing)} image files that were not uploaded, "
        f'"{metadata.missing[0]}" for example.'
    ]


def _without_well(merged: Sequence[_Merged]) -> list[str]:
    """A warning about images of which nothing tells the well."""
    names = sorted({one.known.file_name for one in merged if one.known.well is None})
    if not names:
        return []
    n_files = len({one.known.file_name for one in merged})
    labels = sorted({one.known.label or "" for one in merged if one.known.well is None} - {""})
    called = ""
    if labels:
        listed = ", ".join(f'"{label}"' for label in labels[:_SHOWN])
        more = ", ..." if len(labels) > _SHOWN else ""
        called = (
            f" Positions of the stage are called {listed}{more}, which are no wells; those that "
            "are understood are like B2, B02-3 (the third site) or row:B,column:2,site:3."
        )
    return [
        f'Nothing tells the well of {len(names)} of {n_files} image files, "{names[0]}" for '
        f"example: they count as well A01.{called} Names of files that have the well are read with "
        'the argument "regex".'
    ]


def _is_complete(
    name: str, documented: Mapping[str, ImageMetadata], planes: Sequence[ImageMetadata]
) -> bool:
    """Whether nothing about a file's planes is left for its name to tell."""
    whole = documented.get(name, ImageMetadata(name))
    merged = [_complete(whole, plane) for plane in planes]
    return all(
        None not in (one.well, one.channel, one.tpoint, one.zplane)
        and (one.site is not None or one.stage is not None)
        for one in merged
    )


def _read_names(
    microscope: Microscope,
    planes: Mapping[str, Sequence[ImageMetadata]],
    pattern: str | None,
    *,
    has_metadata: bool,
) -> dict[str, ImageMetadata]:
    """What the file names tell, as far as it is needed."""
    if pattern:
        return microscope.read_names(planes, pattern)
    if has_metadata:
        return _read_fitting(microscope, planes)
    if microscope.image_pattern is None:
        speak_for_themselves = all(map(_tells_what_it_is, planes.values()))
        if speak_for_themselves or len(planes) == 1:
            return {}
    return microscope.read_names(planes)


def _read_fitting(microscope: Microscope, names: Iterable[str]) -> dict[str, ImageMetadata]:
    """What the names tell, if the type has a pattern and they fit it."""
    if microscope.image_pattern is None:
        return {}
    try:
        return microscope.read_names(names)
    except FileNameError:
        return {}


def _tells_what_it_is(planes: Sequence[ImageMetadata]) -> bool:
    """Whether a file says more about its planes than how many there are."""
    return all(
        any(
            value is not None
            for value in (plane.well, plane.channel, plane.site, plane.stage, plane.tpoint)
        )
        for plane in planes
    )


def _complete(one: ImageMetadata, other: ImageMetadata) -> ImageMetadata:
    """What two sources tell together; the first is right where they differ."""
    return ImageMetadata(
        one.file_name,
        one.well if one.well is not None else other.well,
        one.channel if one.channel is not None else other.channel,
        one.tpoint if one.tpoint is not None else other.tpoint,
        one.zplane if one.zplane is not None else other.zplane,
        one.site if one.site is not None else other.site,
        one.stage if one.stage is not None else other.stage,
        one.time if one.time is not None else other.time,
        other.series,
        other.plane,
        one.label if one.label is not None else other.label,
    )


def _merge(
    plane: ImageMetadata, documented: ImageMetadata | None, named: ImageMetadata | None
) -> _Merged:
    """Join what is known of a plane with what metadata file and name say about its whole file."""
    nothing = ImageMetadata(plane.file_name)
    documented, named = documented or nothing, named or nothing
    whole = _complete(documented, named)
    known = _complete(_complete(documented, plane), named)
    return _Merged(
        replace(known, series=plane.series, plane=plane.plane),
        _place(whole.tpoint, plane.tpoint),
        _place(whole.zplane, plane.zplane),
    )


def _place(of_file: int | None, within: int | None) -> tuple[int, int] | None:
    return None if of_file is None and within is None else (of_file or 0, within or 0)


def _count(
    places: Sequence[tuple[str | None, tuple[int, int] | None]],
) -> list[int]:
    """Number of each channel's place among all of them, counted from 0.

    Without a place are images of which there is only one. If it is so with a channel, it belongs to
    the first one of the others.
    """
    known = {place for _, place in places if place is not None}
    placed = {channel for channel, place in places if place is not None}
    first = min(known, default=(0, 0))
    found = [
        place if place is not None else (0, 0) if channel in placed else first
        for channel, place in places
    ]
    ranks = {place: rank for rank, place in enumerate(sorted(set(found)))}
    return [ranks[place] for place in found]


def _number(merged: Sequence[_Merged]) -> list[PlaneMetadata]:
    """Count time points and focal planes from 0, and sites that only the stage tells apart."""
    tpoints = _count([(one.known.channel, one.time) for one in merged])
    zplanes = _count([(one.known.channel, one.depth) for one in merged])
    places: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    planes = []
    for one, tpoint, zplane in zip(merged, tpoints, zplanes, strict=True):
        known = one.known
        well = known.well or "A01"
        site = known.site
        if site is None and known.stage is not None:
            place = round(known.stage[0]), round(known.stage[1])
            site = places[well].setdefault(place, len(places[well]))
        planes.append(
            PlaneMetadata(
                known.file_name,
                known.series,
                known.plane or 0,
                well,
                known.channel or "1",
                tpoint,
                zplane,
                site or 0,
                known.stage,
                known.time,
            )
        )
    return planes
