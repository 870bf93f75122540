"""Where the files of an experiment live below the data folder."""

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tmlib.errors import BadInput

logger = logging.getLogger(__name__)

_MAX_PATH_BYTES = 255
# lone surrogates stand for bytes that are not UTF-8, as in names that the disk has
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f\ud800-\udfff]{1,255}")


def check_file_name(name: str) -> str:
    """Return `name` if it is a plain file name that stays in the folder it is put in.

    Raises
    ------
    BadInput
        If it is empty, too long, hidden, or contains a path separator or control characters.
    """
    if not _FILE_NAME.fullmatch(name) or name.startswith(".") or len(name.encode()) > 255:
        raise BadInput(
            f'"{name[:80]}" is not a usable file name: send the bare name, without folders.'
        )
    return name


def check_file_path(name: str) -> str:
    """Return `name` if it is a file name, or one with folders, that stays in the folder it is in.

    Folders are parted by slashes: "TimePoint_1/ZStep_2/plate_B02_s1_w1.tif".

    Raises
    ------
    BadInput
        If a part of it is no plain name, or it is longer than 255 bytes.
    """
    is_plain = all(
        _FILE_NAME.fullmatch(part) and not part.startswith(".") for part in name.split("/")
    )
    if not is_plain or len(name.encode()) > _MAX_PATH_BYTES:
        raise BadInput(
            f'"{name[:80]}" is not a usable file name: send the name of a file, with the folders '
            "that it is in if they tell something, parted by /, in UTF-8 and in all no longer than "
            f"{_MAX_PATH_BYTES} bytes."
        )
    return name


def make_private(folder: Path) -> None:
    """Let nobody but its owner into a folder, which is made if it is not there.

    Whoever cannot change the rights of a folder, because it is another's, is told so in the log.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    databases = list(folder.glob("*.db*"))
    try:
        folder.chmod(0o700)
        for database in databases:
            database.chmod(0o600)
    except PermissionError:
        logger.warning(
            'The data folder "%s" belongs to somebody else, so others may be able to read it.',
            folder,
        )


def trash_folder(data_dir: Path) -> Path:
    """Folder for what was deleted of experiments and is to be removed when there is time."""
    return data_dir / "experiments" / ".trash"


Stamp = tuple[int, ...]
"""What a file is known by: it changes whenever the file is written again."""


def file_stamp(path: Path | str) -> Stamp | None:
    """Time (nanoseconds) and size (bytes) of a file; None if there is none. It is not read.

    Of a folder, an OME-Zarr for example, the latest time in it, its size and number of files.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - a path object would cost more than the look
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISDIR(status.st_mode):
        return status.st_mtime_ns, status.st_size
    latest, size, n_files = status.st_mtime_ns, 0, 0
    for folder, _, names in os.walk(path):
        latest = max(latest, Path(folder).stat().st_mtime_ns)
        for name in names:
            found = file_stamp(f"{folder}/{name}") or (0, 0)
            latest, size, n_files = max(latest, found[0]), size + found[1], n_files + 1
    return latest, size, n_files


def remove_orphans(
    files: Iterable[Path], listed: Container[Path], *, older_than: float = 86_400
) -> int:
    """Remove files that were written but never recorded, by a job that was killed for example.

    Parameters
    ----------
    files
        What is there.
    listed
        Files that are in use, as the database lists them.
    older_than
        Age in seconds; younger files may belong to a job that still runs.

    Returns
    -------
    int
        How many were removed.
    """
    latest = time.time() - older_than
    orphans = [file for file in files if file not in listed and file.stat().st_mtime <= latest]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)


@dataclass(frozen=True)
class ExperimentStorage:
    """The folders of one experiment.

    Attributes
    ----------
    data_dir
        The data folder of the installation.
    experiment_id
        Number of the experiment.
    """

    data_dir: Path
    experiment_id: int

    @property
    def root(self) -> Path:
        """Everything that belongs to the experiment."""
        return self.data_dir / "experiments" / f"experiment_{self.experiment_id}"

    def acquisition(self, plate_id: int, acquisition_id: int) -> Path:
        """Files of an acquisition, as uploaded."""
        return (
            self.root
            / "plates"
            / f"plate_{plate_id}"
            / "acquisitions"
            / f"acquisition_{acquisition_id}"
        )

    def microscope_images(self, plate_id: int, acquisition_id: int) -> Path:
        """Image files of an acquisition, as uploaded."""
        return self.acquisition(plate_id, acquisition_id) / "microscope_images"

    def microscope_metadata(self, plate_id: int, acquisition_id: int) -> Path:
        """Metadata files of an acquisition, as uploaded."""
        return self.acquisition(plate_id, acquisition_id) / "microscope_metadata"

    def plate_images(self, plate_id: int) -> Path:
        """Channel images of a plate: an OME-Zarr HCS plate."""
        return self.root / "images" / f"plate_{plate_id}.ome.zarr"

    @property
    def mosaics(self) -> Path:
        """All pyramids of the experiment."""
        return self.root / "mosaics"

    def mosaic(self, channel_id: int, tpoint: int, zplane: int, version: str) -> Path:
        """One version of the pyramid of a channel layer: an OME-Zarr multiscale image."""
        return self.mosaics / f"channel_{channel_id}_t{tpoint}_z{zplane}_{version}.ome.zarr"

    @property
    def illumination(self) -> Path:
        """Illumination statistics."""
        return self.root / "illumination"

    def features(self, mapobject_type_id: int) -> Path:
        """Feature values of a mapobject type: Parquet files."""
        return self.root / "features" / f"type_{mapobject_type_id}"

    def layer_tiles(self, segmentation_layer_id: int) -> Path:
        """What tiles of a segmentation layer are made from; can be made again from the database."""
        return self.root / "tiles" / f"layer_{segmentation_layer_id}"

    def delete(self) -> None:
        """Remove all files of the experiment; nothing happens if there are none."""
        shutil.rmtree(self.root, ignore_errors=True)


def all_storages(data_dir: Path) -> Iterator[ExperimentStorage]:
    """The folders of all experiments that have files."""
    start = "experiment_"
    for folder in (data_dir / "experiments").glob(f"{start}*"):
        if re.fullmatch("[0-9]+", number := folder.name.removeprefix(start)):
            yield ExperimentStorage(data_dir, int(number))
