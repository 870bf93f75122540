"""What the crate of a published dataset says of how its numbers came about.

Needed of a crate is the folder with its metadata, not the images.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tmlib import digests
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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class File(_Part):
    """A file that the dataset was made from, by its name."""

    name: str
    sha256: str


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
        workflow, inputs, measurements, crate = (
            json.loads((folder / name).read_bytes())
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


def _no_crate(folder: Path, reason: str) -> BadInput:
    return BadInput(f"{folder} is no crate of a dataset that can be computed again: {reason}")


def find_files(crate: PublishedCrate, folder: Path) -> list[list[Path]]:
    """The files of the microscope, of each acquisition in the order of the crate.

    They lie in ``plate/acquisition/`` below the folder, or in the folder itself.

    Raises
    ------
    BadInput
        If one is not there, or has another content.
    """
    found: list[list[Path]] = []
    for acquisition in crate.acquisitions:
        below = folder / acquisition.plate / acquisition.acquisition
        place = below if below.is_dir() else folder
        found.append([place / check_file_path(file.name) for file in acquisition.files])
    if not any(found):
        raise BadInput("The crate names no files of a microscope: there is nothing to compute.")
    told = [file for acquisition in crate.acquisitions for file in acquisition.files]
    _check(list(zip(chain(*found), told, strict=True)))
    return found


def check_models(crate: PublishedCrate, folder: Path | None) -> None:
    """Make sure that the models of the pipeline are there.

    Raises
    ------
    BadInput
        If one is not in the folder or has another content, or no folder is given.
    """
    models = crate.workflow.models
    if models and folder is None:
        names = ", ".join(f'"{model.name}"' for model in models)
        raise BadInput(f"The pipeline loads {names}: name the folder of its models.")
    if folder is not None:
        _check([(folder / check_file_name(model.name), model) for model in models])


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
        if not path.exists():
            yield f"{path} is not there"
        elif len(expected) > 1:
            yield (
                f"{path} is named {len(expected)} times, with different contents: put the files of "
                "each acquisition into PLATE/ACQUISITION/"
            )
        elif _digest(path) not in expected:
            yield f"{path} has another content"


def _digest(path: Path) -> str:
    """That of a file, or of an OME-Zarr, which is a folder."""
    return digests.digest_of_folder(path) if path.is_dir() else digests.digest_of_file(path)
