"""A file as the body of a form, read while it is sent: memory is needed for one piece of it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

from urllib3.fields import RequestField

_PIECE = 1024 * 1024


class FileForm:
    """A ``multipart/form-data`` body with one file; every iteration reads the file anew.

    Parameters
    ----------
    path
        The file; its size is taken now.
    field
        Name of the form's field.
    """

    def __init__(self, path: Path, field: str = "file") -> None:
        self._path = path
        self._size = path.stat().st_size
        boundary = secrets.token_hex(16)
        head = RequestField(field, b"", filename=path.name)
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
