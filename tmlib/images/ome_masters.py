"""OME-TIFF files that contain only pixels and refer to another file for their OME-XML."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tmlib.errors import BadInput
from tmlib.images.ome_xml import DescribedFile
from tmlib.images.reading import inspect_image
from tmlib.microscopes.file_names import bare_name
from tmlib.microscopes.ome_model import OmeXml, OmeXmlError, read_ome_xml


@dataclass(frozen=True)
class FollowedSet:
    """The files of an acquisition, with the metadata from their master files.

    Attributes
    ----------
    files
        By name of the file.
    warnings
        Sentences for the user about files whose master is of no use.
    """

    files: dict[str, DescribedFile]
    warnings: list[str]


def follow_masters(
    described: Mapping[str, DescribedFile],
    folder: Path,
    metadata_names: Collection[str],
    *,
    names_tell: bool,
) -> FollowedSet:
    """Complete files that contain only pixels with the metadata from their master.

    The master is the file that they name, or the one with its UUID, if it was renamed.

    Parameters
    ----------
    described
        The description of each image file, by its name.
    folder
        The folder with the files.
    metadata_names
        Names of metadata files, which the microscope type reads: masters among them are left to it.
    names_tell
        Whether file names tell enough, so that a missing master is harmless.

    Raises
    ------
    BadInput
        If a master is missing, unusable or does not list a file, unless names tell enough.
    """
    by_uuid = {file.uuid: name for name, file in described.items() if file.uuid is not None}
    by_name = {bare_name(name): name for name in described}
    # CQ1 names MeasurementResult.ome.tif where MeasurementResult.ome.xml has the same
    known_metadata = set(map(_stem, metadata_names))
    opened: dict[str, OmeXml] = {}
    files = dict(described)
    problems: list[str] = []
    for name, file in described.items():
        if file.master is None or _stem(file.master.file_name) in known_metadata:
            continue
        beside = str(PurePosixPath(name).parent / file.master.file_name)
        found = beside if beside in described else by_uuid.get(file.master.uuid or "")
        if found is None and file.master.uuid is None:
            found = by_name.get(file.master.file_name)
        if found is None or found == name:
            problems.append(_not_there(name, file.master.file_name))
            continue
        if found not in opened:
            opened[found] = _open(folder / found, found)
        followed = _follow(name, file, opened[found])
        if followed is None:
            problems.append(
                f'"{name}" has only pixels and says that "{file.master.file_name}" has its '
                "metadata, which does not mention it: upload the files as the microscope wrote "
                "them, with the names that it gave them."
            )
            continue
        files[name] = followed
    if problems and not names_tell:
        raise BadInput(_together(problems))
    return FollowedSet(files, [_together(problems)] if problems else [])


def _stem(name: str) -> str:
    return PurePosixPath(bare_name(name)).stem


def _not_there(name: str, master: str) -> str:
    if master.endswith("companion.ome"):
        way = 'upload it too, in an experiment with "microscope_type" ome-tiff'
    else:
        way = "upload it too"
    return (
        f'"{name}" has only pixels and says that the file "{master}" has its metadata, which was '
        f"not uploaded: {way}."
    )


def _open(path: Path, name: str) -> OmeXml:
    """The OME-XML that a master has for all files."""
    try:
        return read_ome_xml(inspect_image(path).omexml or "")
    except OmeXmlError as error:
        raise BadInput(
            f'The OME-XML in "{name}", which has the metadata of other files, cannot be used '
            f"({error}): export the images anew."
        ) from None


def _follow(name: str, file: DescribedFile, ome: OmeXml) -> DescribedFile | None:
    """A master's description of a file; None if there is none that fits."""
    listed = ome.names_by_uuid.get(file.uuid or "", bare_name(name))
    planes = [replace(plane, file_name=name) for plane in ome.planes(listed)]
    if not planes or max(plane.plane or 0 for plane in planes) >= file.properties.n_planes:
        return None
    return replace(file, planes=planes, pixel_size=ome.pixel_size(listed))


def _together(problems: Iterable[str]) -> str:
    first, *others = problems
    return first if not others else f"{first} The same is so with {len(others)} more files."
