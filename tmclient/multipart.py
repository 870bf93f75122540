"""A file as the body of a form, with its digest, read as it is sent."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from urllib3.fields import RequestField

_PIECE = 1024 * 1024


class FileForm:
    """A ``multipart/form-data`` body with one file, which is read by each iteration.

    Parameters
    ----------
    path
        The file; its size and digest are determined at once.
    field
        Name of the form's field.
    name
        Name of the file in the form; its own name if not given.
    """

    def __init__(self, path: Path, field: str = "file", name: str | None = None) -> None:
        self._path = path
        self._size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        boundary = secrets.token_hex(16)
        checked = {"Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
        head = RequestField(field, b"", filename=name or path.name, headers=checked)
        head.make_multipart(content_type="application/octet-stream")
        self._head = f"--{boundary}\r\n{head.render_headers()}".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        left = self._size
        with self._path.open("rb") as file:
            while left:
                piece = file.read(min(_PIECE, left))
                if not piece:
                    raise OSError(f"{self._path} became shorter while it was sent.")
                left -= len(piece)
                yield piece
        yield self._tail
