"""The names that published things have in the bucket of the catalogue."""

import re
from collections.abc import Iterable

BUCKET = "catalogue"

METADATA = "dataset_metadata.json"
CHECKSUMS = "checksums_sha256.txt"

_REPLACED = re.compile(r"[^A-Za-z0-9_.-]+")
_FIRST_NUMBER = 100
_LONGEST = 100  # since names of files have 255 characters, and consist of several of these


def plate_names(plates: Iterable[tuple[int, str]]) -> dict[int, str]:
    """What plates are called in names of files: all different, of plain characters alone.

    Parameters
    ----------
    plates
        Their ids and names.
    """
    names: dict[int, str] = {}
    for plate_id, name in sorted(plates):
        different = plain(name)
        while different in names.values():
            different += "_"
        names[plate_id] = different
    return names


def plain(name: str) -> str:
    """A name with plain characters alone, cut where it is too long for a file."""
    return _REPLACED.sub("-", name).strip("-.")[:_LONGEST].rstrip("-.") or "unnamed"


def well_run_name(plate: str, well: str) -> str:
    """What the run of the map of a well is called."""
    return f"{plate}_{well}"


def run_name(well_run: str, y: int, x: int) -> str:
    """What the run of a site is called, by what that of its well would be."""
    return f"{well_run}_y{y}_x{x}"


def dataset_folder(dataset_id: int) -> str:
    """The key below which everything of a dataset is, with a slash at its end."""
    return f"{dataset_id}/"


def run_folder(dataset_id: int, run: str) -> str:
    """The same of a run."""
    return f"{dataset_folder(dataset_id)}{run}/"


def spacing_folder(dataset_id: int, run: str, spacing: float) -> str:
    """The same of what has one voxel spacing, in angstroms."""
    return f"{run_folder(dataset_id, run)}Reconstructions/VoxelSpacing{spacing:.3f}/"


def item_folder(parent: str, kind: str, index: int) -> str:
    """The folder of a tomogram or an annotation, which are counted within their run."""
    return f"{parent}{kind}/{_FIRST_NUMBER + index}/"


def s3_address(key: str) -> str:
    """The address of a file, or of a folder, for programs that know S3."""
    return f"s3://{BUCKET}/{key}"


def https_address(server: str, key: str) -> str:
    """The address that any program can get.

    Parameters
    ----------
    server
        The server's own, without a slash at its end.
    key
        Of a file or a folder.
    """
    return f"{server}/s3/{BUCKET}/{key}"
