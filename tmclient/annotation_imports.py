"""Imports of annotations: files whose rows a job on the server enters into a table."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from tmclient.annotations import repeated
from tmclient.errors import TmClientError
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource

_PIECE = 256 * 1024

AT_WORK = ("new", "waiting", "running")
"""States of a job that has not ended."""


class AnnotationImports(Namespace):
    """``client.annotation_imports``: rows of annotation tables that come in files."""

    def start(
        self, table_name: str, filename: str | Path, *, file_format: str | None = None
    ) -> Resource:
        """Let a job enter the rows of a file, all of them or none.

        A request whose answer is lost is sent again, and carried out once.

        Parameters
        ----------
        table_name
            The table.
        filename
            A file with columns as in what is downloaded: a point ``pt`` is ``pt_x``, ``pt_y`` and
            ``pt_z``.
        file_format
            ``csv``, ``parquet`` or ``geojson``; by the ending of the file if not given.

        Returns
        -------
        dict
            How the import stands, with its ``id``.
        """
        path = Path(filename)
        headers = {
            "Content-Type": "application/octet-stream",
            "Idempotency-Key": secrets.token_hex(16),
        }
        answer = repeated(
            lambda: self._connection.request(
                "POST",
                self._path(table_name),
                parameters={"format": file_format or path.suffix[1:].lower()},
                body=_Content(path),
                headers=headers,
            )
        )
        started: Resource = answer.json()["data"]
        return started

    def wait(self, table_name: str, import_id: str, interval: float = 0.5) -> Resource:
        """Wait until the rows are entered; how the import stands then.

        Raises
        ------
        TmClientError
            If it failed or was killed.
        """
        while (found := self.get(table_name, import_id))["state"] in AT_WORK:
            time.sleep(interval)
        if found["state"] != "done":
            raise TmClientError(f"No row was entered: {found['error']}")
        return found

    def list(self, table_name: str) -> Resources:
        """The imports into a table, in the order in which they were asked for."""
        found: Resources = self._connection.get(self._path(table_name))
        return found

    def get(self, table_name: str, import_id: str) -> Resource:
        """How an import stands: its ``state``, ``n_rows`` when it is done, or the ``error``."""
        found: Resource = self._connection.get(self._path(table_name, import_id))
        return found

    def kill(self, table_name: str, import_id: str) -> None:
        """End an import whose rows are not entered yet."""
        self._connection.post(self._path(table_name, import_id, "kill"))

    def _path(self, table_name: str, *more: str) -> str:
        return self._session.path("annotation_tables", table_name, "imports", *more)


class _Content:
    """What is in a file, which can be sent several times."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
