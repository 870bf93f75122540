"""Listing and uploading microscope files."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tmclient.cancellation import Cancellation, run_in_threads
from tmclient.connection import Connection
from tmclient.conversion import convert_image
from tmclient.errors import (
    RequestError,
    ResourceError,
    ServerUnreachable,
    TmClientError,
    UploadError,
)
from tmclient.multipart import FileForm, files_form
from tmclient.resources import Namespace, Resources
from tmclient.resumable import ResumableUpload, UploadUrls

Progress = Callable[[int, int], None]
"""Called with the number of bytes sent so far and the total number."""

LARGE_FILE = 16 * 1024 * 1024
"""Files of this size or more are sent in pieces, so that they can be resumed."""

SMALL_FILE = 1024 * 1024
"""Smaller files are sent many in a request, unless there are only a few."""

_FEW_FILES = 8
_FILES_PER_REQUEST = 200
_BYTES_PER_REQUEST = 16 * 1024 * 1024

_HAS_ARRIVED = ("ok", "Acquisition complete", "File already uploaded")
_ALREADY_SENDING = "File upload already in progress"
# locked by another request, too many requests, checksum mismatch
_PASSING = (408, 409, 423, 429, 460)


@dataclass(frozen=True)
class Upload:
    """What was done with each file of a folder.

    Attributes
    ----------
    sent
        Names of the files that were sent.
    present
        Names of those that the server had already.
    skipped
        Names of those that are neither images nor metadata of the experiment's microscope type.
    """

    sent: list[str]
    present: list[str]
    skipped: list[str]


class MicroscopeFiles(Namespace):
    """``client.microscope_files``: the image and metadata files of acquisitions."""

    def count_uploaded(self, plate_name: str, acquisition_name: str) -> int:
        """How many files of an acquisition have arrived."""
        acquisition = self._session.acquisition_path(plate_name, acquisition_name)
        count: int = self._connection.get(f"{acquisition}/upload/count")
        return count

    def check_names(
        self, plate_name: str, acquisition_name: str, names: Sequence[str]
    ) -> list[bool]:
        """Whether each file is named as the experiment's microscope type names its files."""
        acquisition = self._session.acquisition_path(plate_name, acquisition_name)
        answer = self._connection.post(f"{acquisition}/upload/validity-check", {"files": [*names]})
        is_valid: list[bool] = answer["is_valid"]
        return is_valid

    def register(self, plate_name: str, acquisition_name: str, path: str | Path) -> str:
        """Use the files of a folder that the server can read itself, without sending them.

        Parameters
        ----------
        path
            Absolute path on the server, below a folder that its administrator has allowed.

        Returns
        -------
        str
            The server's message.
        """
        acquisition = self._session.acquisition_path(plate_name, acquisition_name)
        answer = self._connection.post(f"{acquisition}/register", {"path": str(path)})
        message: str = answer["message"]
        return message

    def upload(
        self,
        plate_name: str,
        acquisition_name: str,
        path: str | Path,
        parallel: int = 1,
        retry: int = 5,
        progress: Progress | None = None,
        *,
        convert: bool = False,
        delete_after_upload: bool = False,
    ) -> Upload:
        """Send the files of a folder; those that the server already has are not sent again.

        The upload of a large file resumes where it broke off, even if the program was restarted.
        The server verifies the SHA-256 digest of each file.

        Parameters
        ----------
        plate_name, acquisition_name
            Where the files belong.
        path
            A folder with all of its subfolders, or a single file. The names of files in subfolders
            begin with these, separated by slashes; hidden files are left out.
        parallel
            How many files to send at the same time; 0 for twice the number of processors.
        retry
            How often to retry a file.
        progress
            Called whenever bytes have arrived.
        convert
            Whether to send images as PNG, which is lossless and often smaller.
        delete_after_upload
            Whether to delete local files once the server has them.

        Raises
        ------
        ResourceError
            If there are no files, or none that the microscope type recognizes.
        UploadError
            If some could not be sent; all others have arrived.
        """
        root = Path(path)
        files = {_sent_name(root, file, convert): file for file in list_files(root)}
        acquisition = self._session.acquisition_path(plate_name, acquisition_name)
        answer = self._connection.post(f"{acquisition}/upload/register", {"files": list(files)})
        waiting = set(answer["data"])
        known = {file["name"] for file in self.list(plate_name, acquisition_name)}
        if not known & files.keys():
            raise ResourceError(
                f"None of the {len(files)} files in {path}, {next(iter(files))} for example, is "
                "an image of the experiment's microscope type: choose the type that fits."
            )
        sent = {name: file for name, file in files.items() if name in waiting & known}
        present = [name for name in files if name in known - waiting]
        sender = _Sender(self._connection, acquisition, retry, delete_after_upload)
        sender.send(sent, parallel or 2 * (os.cpu_count() or 1), progress)
        if delete_after_upload:
            for name in present:
                files[name].unlink()
        return Upload(
            sent=list(sent),
            present=present,
            skipped=[name for name in files if name not in known],
        )

    # last, because the name means the method from here on
    def list(self, plate_name: str, acquisition_name: str) -> Resources:
        """Image and metadata files of an acquisition: id, name and status."""
        acquisition = self._session.acquisition_path(plate_name, acquisition_name)
        return [
            *self._session.pages(f"{acquisition}/images"),
            *self._session.pages(f"{acquisition}/metadata"),
        ]


class _Sender:
    """Sends files to an acquisition and retries those that fail."""

    def __init__(
        self, connection: Connection, acquisition: str, retry: int, delete_after_upload: bool
    ) -> None:
        self._connection = connection
        self._acquisition = acquisition
        self._retry = retry
        self._delete = delete_after_upload
        self._urls = UploadUrls(connection.url + acquisition)
        self._takes_many = True
        self._cancellation = Cancellation()

    def send(self, files: dict[str, Path], parallel: int, progress: Progress | None) -> None:
        """Send all files, then raise an error if some could not be sent."""
        n_bytes = sum(file.stat().st_size for file in files.values())
        count = _Count(n_bytes, progress, self._cancellation)
        failed: dict[str, str] = {}
        for failed_of_group in run_in_threads(
            lambda group: self._send_group(group, count),
            _groups(files),
            max(parallel, 1),
            self._cancellation,
        ):
            failed |= failed_of_group
        if failed:
            raise UploadError(failed, len(files))

    def _send_group(self, files: dict[str, Path], count: "_Count") -> dict[str, str]:
        """Send files, together where the server takes that; tell what went wrong with some."""
        failed: dict[str, str] = {}
        arrived: set[str] = set()
        try:
            if len(files) > 1 and self._takes_many:
                arrived = self._post_files(files)
        except (TmClientError, OSError) as error:
            return dict.fromkeys(files, str(error))
        for name, file in files.items():
            try:
                if name in arrived:
                    count.add(file.stat().st_size)
                    if self._delete:
                        file.unlink()
                else:
                    self._send_file(name, file, count)
            except (TmClientError, OSError) as error:
                failed[name] = str(error)
        return failed

    def _post_files(self, files: dict[str, Path]) -> set[str]:
        """Send small files in one request; tell which of them the server has."""
        url = f"{self._acquisition}/microscope-files"
        try:
            body, content_type = files_form(files)
        except OSError:  # one of them cannot be read
            return set()
        headers = {"Content-Type": content_type}
        for attempt in range(self._retry + 1):
            try:
                response = self._connection.request("POST", url, body=body, headers=headers)
            except (RequestError, ServerUnreachable) as error:
                if _is_refused(error):  # by an older server, or by a proxy that limits requests
                    self._takes_many = False
                    break
                if attempt == self._retry:
                    raise
                self._cancellation.pause(attempt)
            else:
                return _arrived_names(response.json())
        return set()

    def _send_file(self, name: str, file: Path, count: "_Count") -> None:
        size = file.stat().st_size
        if not name.endswith(file.name):
            with TemporaryDirectory(prefix="tm_client_") as folder:
                converted = Path(folder) / f"{file.stem}.png"
                convert_image(file, converted)
                count.resize(size, converted.stat().st_size)
                self._until_there(name, converted, count)
        else:
            self._until_there(name, file, count)
        if self._delete:
            file.unlink()

    def _until_there(self, name: str, file: Path, count: "_Count") -> None:
        """Send one file until the server has it, or refuses it for good."""
        size = file.stat().st_size
        is_large = size >= LARGE_FILE
        url = f"{self._acquisition}/tus"
        large = ResumableUpload(self._connection, url, file, self._urls, name)
        for attempt in range(self._retry + 1):
            try:
                if is_large:
                    large.send(count.add)
                else:
                    self._post_file(name, file)
                break
            except (RequestError, ServerUnreachable) as error:
                if attempt == self._retry or _is_refused(error):
                    raise
            self._cancellation.pause(attempt)
        if not is_large:
            count.add(size)

    def _post_file(self, name: str, file: Path) -> None:
        """Send a small file; that the server has it is known only if it says so."""
        form = FileForm(file, name=name)
        headers = {"Content-Type": form.content_type}
        url = f"{self._acquisition}/microscope-file"
        response = self._connection.request("POST", url, body=form, headers=headers)
        message = response.json()["message"]
        if message == _ALREADY_SENDING:
            raise RequestError(f"{message}.", 409)
        if message not in _HAS_ARRIVED:
            raise ResourceError(
                f'The server did not take it, but answered "{message}": start the upload again.'
            )


class _Count:
    """Counts bytes for several threads, until they are to end."""

    def __init__(self, n_total: int, progress: Progress | None, cancellation: Cancellation) -> None:
        self._n_done = 0
        self._n_total = n_total
        self._progress = progress
        self._cancellation = cancellation
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        """Count bytes that have arrived; a negative number corrects the count."""
        self._cancellation.check()
        with self._lock:
            self._n_done += n
            if self._progress is not None:
                self._progress(self._n_done, self._n_total)

    def resize(self, size: int, new_size: int) -> None:
        """Count a file with the size that it is sent with."""
        with self._lock:
            self._n_total += new_size - size


def _arrived_names(answer: dict[str, Any]) -> set[str]:
    """Names of the files that the server has, by what it answers to many."""
    told = answer.get("data", [])  # where there is none, it was not a server that takes many
    return {one["name"] for one in told if one["status"] == "COMPLETE"}


def _groups(files: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """The files in groups: many small ones together, others and those to be converted alone."""
    sizes = {name: file.stat().st_size for name, file in files.items()}
    small = {
        name
        for name, file in files.items()
        if sizes[name] < SMALL_FILE and name.endswith(file.name)
    }
    together = small if len(small) >= _FEW_FILES else set()
    group: dict[str, Path] = {}
    n_bytes = 0
    for name in (name for name in files if name in together):
        if len(group) == _FILES_PER_REQUEST or n_bytes + sizes[name] > _BYTES_PER_REQUEST:
            yield group
            group, n_bytes = {}, 0
        group[name] = files[name]
        n_bytes += sizes[name]
    if group:
        yield group
    yield from ({name: files[name]} for name in files if name not in together)


def _is_refused(error: TmClientError) -> bool:
    """Whether it is pointless to send a file again."""
    if not isinstance(error, RequestError):
        return False
    may_change = error.status_code in _PASSING or error.type == "UploadInterrupted"
    return error.status_code < 500 and not may_change


def _sent_name(root: Path, file: Path, convert: bool) -> str:
    """Name of a file on the server, relative to the folder that is sent."""
    is_converted = convert and file.suffix.lower() in (".tif", ".tiff")
    sent = file.with_suffix(".png") if is_converted else file
    return sent.name if root.is_file() else sent.relative_to(root).as_posix()


def list_files(path: Path) -> list[Path]:
    """The files of a folder and its subfolders, sorted by name, without hidden ones.

    Raises
    ------
    ResourceError
        If there is no such folder, or it has no files.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ResourceError(f"There is no folder {path}.")
    files: list[Path] = []
    zarrs = [path] if _is_zarr(path.name) else []
    for folder, names, file_names in () if zarrs else os.walk(path, onerror=_fail):
        zarrs += [Path(folder, name) for name in names if _is_zarr(name)]
        names[:] = [name for name in names if not name.startswith(".") and not _is_zarr(name)]
        files += [Path(folder, name) for name in file_names if not name.startswith(".")]
    if not files and zarrs:
        zarr = min(zarrs).name
        raise ResourceError(
            f"{path} contains OME-Zarr folders: upload each of them as one ZIP archive: "
            f"zip -0 -r {zarr}.zip {zarr}"
        )
    if not files:
        raise ResourceError(f"The folder {path} is empty: there is nothing to upload.")
    return sorted(files)


def _fail(error: OSError) -> None:
    raise error


def _is_zarr(name: str) -> bool:
    """Whether a folder is an OME-Zarr image, whose files belong together."""
    return name.lower().endswith(".zarr")
