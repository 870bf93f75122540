"""Puts the planes of files together to the planes of sites: one each, or a stack projected."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tmlib.errors import BadInput
from tmlib.images.reading import ImageProperties
from tmlib.microscopes import PlaneMetadata
from tmlib.microscopes.file_names import bare_name
from tmlib.workflow.steps.base import logger
from tmlib.workflow.steps.configuration import Plane


def join_planes(
    acquired: Sequence[PlaneMetadata],
    properties: Mapping[str, ImageProperties],
    cells: Mapping[tuple[str, int], tuple[int, int]],
    *,
    mip: bool,
) -> list[Plane]:
    """The planes to make, each of one plane of a file, or of a whole stack if it is projected.

    Parameters
    ----------
    acquired
        The planes of the files.
    properties
        Of the files, by name.
    cells
        Row and column of each site, by name of the well and number of the site.
    mip
        Whether to project the focal planes of a site; the log says where some have fewer.

    Raises
    ------
    BadInput
        If two planes show the same, or planes of a stack differ in size.
    """
    sources: dict[tuple[str, tuple[int, int], str, int, int], list[PlaneMetadata]]
    sources = defaultdict(list)
    depths = defaultdict(list)
    for plane in acquired:
        zplane = 0 if mip else plane.zplane
        cell = cells[plane.well, plane.site]
        key = (plane.well, cell, plane.channel, plane.tpoint, zplane)
        sources[key].append(plane)
        depths[key, plane.zplane].append(plane)
    for same in depths.values():
        if len(same) > 1:
            raise BadInput(_collision(same))
    if mip:
        _warn_of_fewer(sources)
    return [
        Plane(*key, sources=tuple(planes), properties=_agreed(planes, properties))
        for key, planes in sources.items()
    ]


def _warn_of_fewer(
    sources: Mapping[tuple[str, tuple[int, int], str, int, int], Sequence[PlaneMetadata]],
) -> None:
    """Say of which sites fewer focal planes are projected than of others."""
    depths: dict[str, set[int]] = defaultdict(set)
    stacks: dict[str, list[tuple[str, set[int]]]] = defaultdict(list)
    for (well, cell, channel, tpoint, _), planes in sources.items():
        own = {plane.zplane for plane in planes}
        depths[channel] |= own
        place = f"well {well}, row {cell[0]} and column {cell[1]} of sites, time point {tpoint}"
        stacks[channel].append((place, own))
    for channel, found in stacks.items():
        fewer = [(place, own) for place, own in found if own != depths[channel]]
        if fewer:
            place, own = fewer[0]
            logger.warning(
                'Channel "%s" has %d focal planes; %d of %d projections are made of fewer: '
                "%d at %s, for example.",
                channel,
                len(depths[channel]),
                len(fewer),
                len(found),
                len(own),
                place,
            )


def _collision(planes: Sequence[PlaneMetadata]) -> str:
    names = sorted({plane.file_name for plane in planes})
    if len(names) == 1:
        return (
            f'Several planes of "{names[0]}" show the same well, site, channel, time point and '
            "focal plane according to its metadata: export it anew, one file per plane."
        )
    if bare_name(names[0]) == bare_name(names[-1]):
        return (
            f'"{names[0]}" and "{names[-1]}" have one name in different folders, and nothing tells '
            'what the folders mean: give a "regex" that reads it off their names, or upload each '
            "folder as an acquisition of its own."
        )
    return (
        f'The files "{names[0]}" and "{names[-1]}" show the same well, site, channel, time point '
        "and focal plane: correct the pattern of the file names so that it tells them apart, or "
        "delete one of them."
    )


def _agreed(
    planes: Sequence[PlaneMetadata], properties: Mapping[str, ImageProperties]
) -> ImageProperties:
    """The properties that the files of a plane have in common."""
    names = sorted({plane.file_name for plane in planes})
    first = properties[names[0]]
    for name in names:
        other = properties[name]
        if (other.height, other.width) != (first.height, first.width):
            raise BadInput(
                f'"{name}" has {other.height} x {other.width} pixels, "{names[0]}" has '
                f"{first.height} x {first.width}: the focal planes of a site must be of one size."
            )
    return first
