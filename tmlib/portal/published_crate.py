"""What the crate of a published dataset says of how its numbers came about.

Needed of a crate is the folder with its metadata, not the images. Somebody else has made it, so
nothing is read that it leads to outside, and nothing is taken for what was looked at before.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tmlib import beneath, digests, durable_files
from tmlib.beneath import LeadsOut, Opened
from tmlib.errors import BadInput
from tmlib.portal.publishing.crate import CRATE
from tmlib.portal.publishing.provenance import (
    INPUTS_FILE,
    MEASUREMENTS_FILE,
    WORKFLOW_FILE,
    read_versions,
)
from tmlib.storage import check_file_name, check_file_path

_MOST_TOLD = 10
_MOST_BYTES = 1 << 30  # a million files of a microscope take a sixth
_PIECE = 1 << 20

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class File(_Part):
    """A file that the dataset was made from, by its name."""

    name: str
    sha256: Sha256


class ExperimentSettings(_Part):
    """Those that the numbers depend on; names of channels are by those of the microscope."""

    microscope_type: str
    workflow_type: str
    plate_format: int
    plate_acquisition_mode: str
    well_spacer_size: int
    vertical_site_displacement: int
    horizontal_site_displacement: int
    pixel_size: float | None
    channel_names: dict[str, str] = {}


class Workflow(_Part):
    """What was run: the description of the workflow, the pipeline, and the models that it loads."""

    experiment: ExperimentSettings
    description: dict[str, Any]
    project: dict[str, Any]
    models: list[File] = []


class Acquisition(_Part):
    """Files of the microscope."""

    plate: str
    acquisition: str
    files: list[File]


class Inputs(_Part):
    """All files of the microscope."""

    acquisitions: list[Acquisition]


class Measured(_Part):
    """How many rows of values objects of a type have, and the digest of all of them."""

    objects: int
    sha256: str


class Site(_Part):
    """What was measured at a site, by the type of objects."""

    plate: str
    well: str
    well_pos_y: int
    well_pos_x: int
    measured: dict[str, Measured]


class Measurements(_Part):
    """What was measured at all sites."""

    sites: list[Site]


@dataclass(frozen=True)
class PublishedCrate:
    """What a crate tells of how its dataset came about.

    Attributes
    ----------
    workflow
        What was run.
    acquisitions
        The files of the microscope.
    sites
        What was measured at each.
    versions
        Of programs and libraries.
    """

    workflow: Workflow
    acquisitions: list[Acquisition]
    sites: list[Site]
    versions: dict[str, str]


def read_crate(folder: Path) -> PublishedCrate:
    """Read a crate.

    Raises
    ------
    BadInput
        If there is none of a dataset that a workflow was run for, or nothing was measured.
    """
    try:
        with beneath.open_below(folder, folder) as opened:
            workflow, inputs, measurements, crate = (
                _document(opened, name)
                for name in (WORKFLOW_FILE, INPUTS_FILE, MEASUREMENTS_FILE, CRATE)
            )
        read = PublishedCrate(
            Workflow.model_validate(workflow),
            Inputs.model_validate(inputs).acquisitions,
            Measurements.model_validate(measurements).sites,
            read_versions(crate),
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        place = " ".join(map(str, wrong["loc"]))
        raise _no_crate(folder, f"{error.title}: {place}: {wrong['msg']}") from None
    except KeyError as error:
        raise _no_crate(folder, f"{CRATE} has no {error}") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _no_crate(folder, str(error)) from None
    if not any(site.measured for site in read.sites):
        raise BadInput(
            f"The crate in {folder} says of no site what its pipeline has measured: there is "
            "nothing to compare."
        )
    return read


def _document(folder: Opened, name: str) -> Any:
    """What is in a document of the crate.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not in the crate, is too large, or is no JSON.
    """
    try:
        found = beneath.open_in(folder, name)
    except LeadsOut:
        raise ValueError(f"{name} leads out of it, or is no file") from None
    if found.is_folder:
        found.close()
        raise ValueError(f"{name} is a folder")
    with found.reader() as file:
        if found.status.st_size > _MOST_BYTES:
            raise ValueError(f"{name} is larger than {_MOST_BYTES} bytes")
        return json.loads(file.read(_MOST_BYTES))


def _no_crate(folder: Path, reason: str) -> BadInput:
    return BadInput(f"{folder} is no crate of a dataset that can be computed again: {reason}")


def find_files(crate: PublishedCrate, folder: Path) -> list[list[Path]]:
    """The files of the microscope, of each acquisition in the order of the crate.

    They lie in ``plate/acquisition/`` below the folder, or in the folder itself; either may be a
    link, as the folder is of who asks.

    Raises
    ------
    BadInput
        If one is not there, or has another content.
    """
    found: list[list[Path]] = []
    for acquisition in crate.acquisitions:
        below = _folder_of(acquisition, folder)
        place = below if below.is_dir() else folder
        found.append([place / check_file_path(file.name) for file in acquisition.files])
    if not any(found):
        raise BadInput("The crate names no files of a microscope: there is nothing to compute.")
    _check(_with_told(crate, found))
    return found


def _folder_of(acquisition: Acquisition, folder: Path) -> Path:
    """That of an acquisition in another one, which no name leads out of."""
    names = (acquisition.plate, acquisition.acquisition)
    if any(name in (".", "..") or "/" in name or "\0" in name for name in names):
        return folder
    return folder.joinpath(*names)


def _with_told(crate: PublishedCrate, found: Sequence[Sequence[Path]]) -> list[tuple[Path, File]]:
    told = [file for acquisition in crate.acquisitions for file in acquisition.files]
    return list(zip(chain(*found), told, strict=True))


def check_folders(crate: PublishedCrate, found: Sequence[Sequence[Path]]) -> None:
    """Make sure that each OME-Zarr is still what it was, since it was read where it lies.

    Raises
    ------
    BadInput
        If one is not there, or has another content.
    """
    _check([(path, file) for path, file in _with_told(crate, found) if path.is_dir()])


def take_models(crate: PublishedCrate, folder: Path | None, target: Path) -> None:
    """Copy the models of the pipeline into a folder, which is made, as they were published.

    Raises
    ------
    BadInput
        If one is not in the folder or has another content, or no folder is given.
    """
    target.mkdir()
    models = crate.workflow.models
    if models and folder is None:
        names = ", ".join(f'"{model.name}"' for model in models)
        raise BadInput(f"The pipeline loads {names}: name the folder of its models.")
    if folder is not None:
        _check([(folder / check_file_name(model.name), model) for model in models])
        for model in models:
            _copy(folder / model.name, model, target / model.name)


def _copy(path: Path, file: File, target: Path) -> None:
    """Copy a file, unless it has become another one since it was looked at."""
    content = digests.start("sha256")
    with (
        beneath.open_wherever(path).reader() as source,
        durable_files.writing(target, sync="none") as copy,
    ):
        while piece := source.read(_PIECE):
            content.update(piece)
            copy.write(piece)
        if content.hexdigest() != file.sha256:
            raise changed(path)


def changed(path: Path) -> BadInput:
    """What is said of a file that was another one when it was looked at."""
    return BadInput(f"{path} was changed while it was used: leave it alone, and try again.")


def _check(files: Sequence[tuple[Path, File]]) -> None:
    problems = list(_problems(files))
    if problems:
        told = "\n".join(f"  {problem}" for problem in problems[:_MOST_TOLD])
        raise BadInput(
            f"{len(problems)} files are not those that the dataset was made from:\n{told}"
        )


def _problems(files: Sequence[tuple[Path, File]]) -> Iterable[str]:
    """What is wrong; files of two acquisitions may have one name, and are two then."""
    wanted: dict[Path, set[str]] = defaultdict(set)
    for path, file in files:
        wanted[path].add(file.sha256)
    for path, expected in wanted.items():
        try:
            found = _digest(path)
        except (FileNotFoundError, NotADirectoryError):
            yield f"{path} is not there"
            continue
        except LeadsOut:
            yield f"{path} is neither a file nor a folder"
            continue
        except OSError as error:
            yield f"{path} cannot be read: {error.strerror}"
            continue
        if len(expected) > 1:
            yield (
                f"{path} is named {len(expected)} times, with different contents: put the files of "
                "each acquisition into PLATE/ACQUISITION/"
            )
        elif found not in expected:
            yield f"{path} has another content"


def _digest(path: Path) -> str:
    """That of a file, or of an OME-Zarr, which is a folder."""
    found = beneath.open_wherever(path)
    if found.is_folder:
        found.close()
        return digests.digest_of_folder(found.path)
    with found.reader() as file:
        return digests.of_file(file, "sha256").hexdigest()
