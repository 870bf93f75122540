"""A file as the body of a form, with its digest, read as it is sent."""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from urllib3.fields import RequestField

_PIECE = 1024 * 1024


def files_form(files: Mapping[str, Path]) -> tuple[bytes, str]:
    """A ``multipart/form-data`` body with several small files, and its content type.

    Parameters
    ----------
    files
        The files by their names in the form.
    """
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for name, file in files.items():
        content = file.read_bytes()
        head = _head(boundary, "file", name, hashlib.sha256(content).digest())
        parts += [head, content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


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
        self._head = _head(boundary, field, name or path.name, digest)
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


def _head(boundary: str, field: str, name: str, digest: bytes) -> bytes:
    """What comes before the content of a file, whose SHA-256 is told."""
    checked = {"Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
    head = RequestField(field, b"", filename=name, headers=checked)
    head.make_multipart(content_type="application/octet-stream")
    if any(character in name for character in '"\\%'):
        # quoted, they arrive as others; the last of both names counts
        exact = f"filename*=UTF-8''{quote(name, safe='')}"
        head.headers["Content-Disposition"] = f"{head.headers['Content-Disposition']}; {exact}"
    return f"--{boundary}\r\n{head.render_headers()}".encode()
