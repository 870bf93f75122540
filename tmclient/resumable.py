"""The tus protocol: a file in pieces, which goes on where it broke off."""

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from tmclient.connection import Connection
from tmclient.errors import RequestError

_VERSION = {"Tus-Resumable": "1.0.0"}
_PIECE = 8 * 1024 * 1024
_CONFLICT = 409
_GONE = (403, 404, _CONFLICT, 410)


class UploadUrls:
    """Remembers where uploads go on, for when the program is ended in the middle of them.

    Parameters
    ----------
    target
        Where files are sent to: the same file may be sent to several places.
    folder
        Where to remember it; below the user's cache if not given.
    """

    def __init__(self, target: str, folder: Path | None = None) -> None:
        self._target = target
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._folder = folder or cache / "tmclient" / "uploads"

    def get(self, file: Path) -> str | None:
        """Id of an upload of a file, if one was begun and the file has not changed since."""
        try:
            return self._note(file).read_text(encoding="utf-8")
        except OSError:
            return None

    def set(self, file: Path, upload_id: str) -> None:
        """Remember the id of an upload."""
        # if nothing can be stored, the file is sent again from the beginning
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._note(file).write_text(upload_id, encoding="utf-8")

    def remove(self, file: Path) -> None:
        """Forget an upload that has ended."""
        with contextlib.suppress(OSError):
            self._note(file).unlink(missing_ok=True)

    def _note(self, file: Path) -> Path:
        status = file.stat()
        parts = (self._target, str(file.resolve()), str(status.st_size), str(status.st_mtime_ns))
        return self._folder / hashlib.sha256("\0".join(parts).encode()).hexdigest()


class ResumableUpload:
    """Sends one file.

    Parameters
    ----------
    connection
        The server and the user.
    url
        Path of the collection of uploads that this one belongs to.
    file
        The file.
    urls
        Where the addresses of unfinished uploads are stored.
    name
        What the server calls the file; its own name if not given.
    """

    def __init__(
        self,
        connection: Connection,
        url: str,
        file: Path,
        urls: UploadUrls,
        name: str | None = None,
    ) -> None:
        self._connection = connection
        self._url = url
        self._file = file
        self._name = name or file.name
        self._urls = urls
        self._size = file.stat().st_size
        self._n_reported = 0
        self._upload_id = urls.get(file)

    def send(self, arrived: Callable[[int], None]) -> None:
        """Send what the server does not have yet.

        Parameters
        ----------
        arrived
            Called with the number of bytes that have arrived since the last call.

        Raises
        ------
        RequestError, ServerUnreachable
            If the upload broke off; another call resumes it.
        """
        try:
            upload_id, offset = self._find() or (self._create(), 0)
        except RequestError as error:
            if error.status_code != _CONFLICT:
                raise
            # only the last answer was lost: everything has arrived
            arrived(self._size - self._n_reported)
            self._urls.remove(self._file)
            return
        with self._file.open("rb") as file:
            file.seek(offset)
            while True:
                arrived(offset - self._n_reported)
                self._n_reported = offset
                piece = file.read(_PIECE)
                if not piece:
                    break
                offset = self._send_piece(upload_id, offset, piece)
                file.seek(offset)
        if offset < self._size:
            raise OSError(f"{self._file} became shorter while it was sent.")
        self._urls.remove(self._file)

    def _find(self) -> tuple[str, int] | None:
        """Find an unfinished upload, and how many bytes of it have arrived."""
        if self._upload_id is None:
            return None
        path = self._path(self._upload_id)
        try:
            response = self._connection.request("HEAD", path, headers=_VERSION)
        except RequestError as error:
            if error.status_code not in _GONE:
                raise
            return None
        return self._upload_id, int(response.headers["Upload-Offset"])

    def _create(self) -> str:
        with self._file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        metadata = {"filename": self._name, "sha256": digest}
        response = self._connection.request(
            "POST",
            self._url,
            headers={
                **_VERSION,
                "Upload-Length": str(self._size),
                "Upload-Metadata": ",".join(
                    f"{name} {base64.b64encode(value.encode()).decode()}"
                    for name, value in metadata.items()
                ),
            },
        )
        # only the id: behind a proxy, the server's address may differ from the user's
        upload_id = urlsplit(response.headers["Location"]).path.rstrip("/").rpartition("/")[2]
        self._upload_id = upload_id
        self._urls.set(self._file, upload_id)
        return upload_id

    def _send_piece(self, upload_id: str, offset: int, piece: bytes) -> int:
        response = self._connection.request(
            "PATCH",
            self._path(upload_id),
            body=piece,
            headers={
                **_VERSION,
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            },
        )
        return int(response.headers["Upload-Offset"])

    def _path(self, upload_id: str) -> str:
        return f"{self._url}/{quote(upload_id, safe='=%')}"
