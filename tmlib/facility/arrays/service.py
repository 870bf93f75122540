"""Finds the file with the arrays of a data collection, and has it read by a process of its own.

The process gets the file as it was opened here, and no name that could lead elsewhere by then.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from tmlib import beneath
from tmlib.beneath import Opened
from tmlib.errors import Busy, NotFound
from tmlib.experiments.models import Acquisition, Experiment, Plate
from tmlib.facility import acquisitions, open_folders
from tmlib.facility.arrays.entities import MEDIA_TYPES
from tmlib.facility.models import Proposal
from tmlib.facility.visibility import Viewer
from tmlib.storage import ExperimentStorage

SECONDS = 30
"""How long a file may take to be read."""

_SUFFIXES = ("", ".h5", ".hdf5", ".ome.zarr", ".zarr")
_HDF5 = (".h5", ".hdf5")
_ZARR = ".zarr"
_AT_ONCE = 4
_PATIENCE = 5
_HEAD = 64 << 10

# each takes memory and a processor
_places = threading.BoundedSemaphore(_AT_ONCE)

What = Literal["attributes", "data", "metadata", "statistics"]


class ArrayProblem(Exception):  # noqa: N818 - what is wrong, for the interface to tell
    """A parameter of a request does not fit the file."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Sending(NamedTuple):
    """What is sent, from where `content` is."""

    media_type: str
    file_name: str | None
    size: int
    content: IO[bytes]


def open_file(
    session: Session, viewer: Viewer, collection_id: int, *, roots: Sequence[Path], data_dir: Path
) -> Opened:
    """The file or folder with the arrays of a data collection that somebody sees; is to be closed.

    It is ``PROPOSAL/EXPERIMENT/PLATE/ACQUISITION``, with ``.h5`` or the like at its end, in one of
    the folders that are open, or else the images of the plate, if they are in one of these.

    Parameters
    ----------
    session, viewer
        Who looks.
    collection_id
        Number of the data collection.
    roots
        The folders that are open.
    data_dir
        The data folder of the installation.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    columns = (
        Proposal.name,
        Experiment.name,
        Plate.name,
        Acquisition.name,
        Plate.id,
        Experiment.id,
    )
    query = acquisitions.visible(viewer, *columns).join(Plate, Plate.id == Acquisition.plate_id)
    row = session.execute(query.where(Acquisition.id == collection_id)).first()
    if row is None:
        raise NotFound("File not found")
    proposal, *folders, name, plate_id, experiment_id = row
    # a name with folders in it would lead to what is another's
    if all(map(open_folders.is_plain, (*folders, name))):
        paths = [Path(*folders, f"{name}{suffix}") for suffix in _SUFFIXES]
        for found in open_folders.open_files(proposal, paths, roots, (*_HDF5, _ZARR)):
            if _has_arrays(found):
                return found
            found.close()
    images = ExperimentStorage(data_dir, experiment_id).plate_images(plate_id)
    for root in roots:
        with contextlib.suppress(OSError):
            return beneath.open_below(root, images)
    raise NotFound("File not found")


def _has_arrays(found: Opened) -> bool:
    return found.is_folder == (found.path.suffix == _ZARR)


def ask(
    file: Opened, what: What, path: str, arguments: dict[str, Any], *, seconds: int = SECONDS
) -> Sending:
    """What a file says.

    Parameters
    ----------
    file
        From :func:`open_file`; whoever has opened it closes it.
    what
        A function of :mod:`tmlib.facility.arrays.answers`.
    path, arguments
        Of it.
    seconds
        How long that may take.

    Raises
    ------
    NotFound
        If there is nothing at the path, or the file cannot be read.
    ArrayProblem
        If another argument does not fit.
    Busy
        If others have files read.
    """
    request = {
        "path_of_file": str(file.path),
        "descriptor": file.descriptor,
        "what": what,
        "path": path,
        "arguments": arguments,
        "seconds": seconds,
    }
    if not _places.acquire(timeout=_PATIENCE):
        raise Busy("Other files are read at the moment: ask again later.")
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever sends it
    try:
        ending = _run(json.dumps(request).encode(), file.descriptor, output, seconds)
        return _sending(output, ending)
    except BaseException:
        output.close()
        raise
    finally:
        _places.release()


def _run(request: bytes, descriptor: int, output: IO[bytes], seconds: int) -> int | None:
    """Have a request answered; gives how the process has ended, None if it was ended here."""
    with subprocess.Popen(
        [sys.executable, "-I", "-B", "-W", "ignore", "-m", "tmlib.facility.arrays.process"],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
    ) as process:
        try:
            process.communicate(request, timeout=seconds)
            return process.returncode
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """Nothing of this process's own environment, which has secrets; few threads and no plug-ins."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLOSC_NTHREADS")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "HDF5_PLUGIN_PATH": "::",
        **dict.fromkeys(threads, "1"),
    }


def _sending(output: IO[bytes], ending: int | None) -> Sending:
    """The answer in the output of a process, if all of it is there."""
    if ending == os.EX_IOERR:
        raise Busy("The server has no room for the answer: ask for less, or again later.")
    size = output.seek(0, os.SEEK_END)
    output.seek(0)
    line = output.readline(_HEAD)
    is_whole = ending == os.EX_OK and line.endswith(b"\n")
    head = json.loads(line) if is_whole else {}
    if "missing" in head:
        raise NotFound(head["missing"])
    if "unfit" in head:
        raise ArrayProblem(head["parameter"], head["unfit"])
    if head.get("media_type") not in MEDIA_TYPES or head["size"] != size - len(line):
        raise NotFound(
            "The file cannot be read: it is damaged, takes too long, or unpacks to too much."
        )
    return Sending(head["media_type"], head["file_name"], head["size"], output)
