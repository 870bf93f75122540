"""Microscope files: which there are, and sending them."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tmclient.errors import RequestError, ResourceError, ServerUnreachable, UploadError
from tmclient.multipart import FileForm
from tmclient.plates import Plates
from tmclient.resources import Resource

Progress = Callable[[int, int], None]
"""Called with the number of files that have been dealt with and the number of all."""

_ALREADY_SENDING = "File upload already in progress"


@dataclass(frozen=True)
class Upload:
    """What became of the files of a folder.

    Attributes
    ----------
    sent
        Names of the files that were sent now.
    present
        Those that the server had already.
    skipped
        Those that are neither images nor metadata of the experiment's microscope type.
    """

    sent: list[str]
    present: list[str]
    skipped: list[str]


class MicroscopeFiles(Plates):
    """Methods of the client for microscope files."""

    def get_microscope_files(self, plate_name: str, acquisition_name: str) -> list[Resource]:
        """Image and metadata files of an acquisition: id, name and status."""
        acquisition = self._acquisition_path(plate_name, acquisition_name)
        images: list[Resource] = self.connection.get(f"{acquisition}/images")
        metadata: list[Resource] = self.connection.get(f"{acquisition}/metadata")
        return images + metadata

    def upload_microscope_files(
        self,
        plate_name: str,
        acquisition_name: str,
        path: str | Path,
        parallel: int = 1,
        retry: int = 5,
        progress: Progress | None = None,
    ) -> Upload:
        """Send the files of a folder; those that the server already has are not sent again.

        Parameters
        ----------
        plate_name, acquisition_name
            Where the files belong.
        path
            A folder, whose sub-folders and hidden files are left out, or a single file.
        parallel
            How many files are sent at the same time; 0 for twice the number of processors.
        retry
            How often a file is sent again when that fails.
        progress
            Called after each file.

        Raises
        ------
        ResourceError
            If there are no files, or none of a kind that the server knows.
        UploadError
            If some could not be sent; all others have arrived.
        """
        files = {file.name: file for file in list_files(Path(path))}
        acquisition = self._acquisition_path(plate_name, acquisition_name)
        answer = self.connection.post(f"{acquisition}/upload/register", {"files": list(files)})
        waiting = set(answer["data"])
        known = {file["name"] for file in self.get_microscope_files(plate_name, acquisition_name)}
        if not known & files.keys():
            raise ResourceError(
                f"None of the {len(files)} files in {path}, {next(iter(files))} for example, is "
                "an image of the experiment's microscope type: choose the type that fits."
            )
        sent = [name for name in files if name in waiting & known]
        self._send_files(
            f"{acquisition}/microscope-file",
            [files[name] for name in sent],
            parallel or 2 * (os.cpu_count() or 1),
            retry,
            progress or (lambda n_done, n_total: None),
        )
        return Upload(
            sent=sent,
            present=[name for name in files if name in known - waiting],
            skipped=[name for name in files if name not in known],
        )

    def _send_files(
        self, url: str, files: Sequence[Path], parallel: int, retry: int, progress: Progress
    ) -> None:
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(max_workers=max(parallel, 1)) as pool:
            running = {pool.submit(self._send_file, url, file, retry): file for file in files}
            for n_done, future in enumerate(as_completed(running), start=1):
                try:
                    future.result()
                except (RequestError, ServerUnreachable, OSError) as error:
                    failed[running[future].name] = str(error)
                progress(n_done, len(files))
        if failed:
            raise UploadError(failed, len(files))

    def _send_file(self, url: str, file: Path, retry: int) -> None:
        """Send one file until the server has it, or it is clear that it will not take it."""
        for attempt in range(retry + 1):
            last = attempt == retry
            try:
                message = self._post_file(url, file)
            except (RequestError, ServerUnreachable) as error:
                refused = isinstance(error, RequestError) and error.status_code < 500
                if refused or last:
                    raise
            else:
                if message != _ALREADY_SENDING:
                    return
                if last:
                    raise RequestError(f"{message}.", 409)
            time.sleep(min(0.3 * 2**attempt, 10))

    def _post_file(self, url: str, file: Path) -> str:
        form = FileForm(file)
        response = self.connection.request("POST", url, body=form, content_type=form.content_type)
        return str(response.json()["message"])


def list_files(path: Path) -> list[Path]:
    """The files of a folder that are neither hidden nor in a sub-folder, by name.

    Raises
    ------
    ResourceError
        If there is no such folder, or no file in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ResourceError(f"There is no folder {path}.")
    files = sorted(
        file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise ResourceError(f"The folder {path} is empty: there is nothing to upload.")
    return files
