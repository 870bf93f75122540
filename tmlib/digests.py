"""Digests: short texts that stand for contents, and tell whether bytes are still the same.

They reveal accidents and name what was computed from what. Passwords and tokens are another matter
(:mod:`tmlib.accounts`).
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash
    from io import BufferedReader
    from typing import TypeAlias

    Hash: TypeAlias = _Hash

_ALGORITHM = "sha256"


def digest_of(content: bytes | str, digits: int = 64) -> str:
    """The first hexadecimal digits of the SHA-256 of bytes, or of a text as UTF-8.

    Parameters
    ----------
    content
        What it is made of.
    digits
        How many; 16 are enough to tell versions of a thing apart, 32 to name things of all kinds.
    """
    encoded = content.encode() if isinstance(content, str) else content
    return start(_ALGORITHM, encoded).hexdigest()[:digits]


def digest_of_file(path: Path, digits: int = 64) -> str:
    """As :func:`digest_of`, of what is in a file."""
    with path.open("rb") as file:
        return of_file(file, _ALGORITHM).hexdigest()[:digits]


def digest_of_folder(path: Path, digits: int = 64) -> str:
    """As :func:`digest_of`, of the names and contents of all files below a folder."""
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    lines = (f"{digest_of_file(path / name)}  {name}\n" for name in files)
    return digest_of("".join(lines), digits)


def start(algorithm: str, content: bytes = b"") -> "Hash":
    """A digest that further bytes can be added to (an object of :mod:`hashlib`).

    Parameters
    ----------
    algorithm
        Its name in :mod:`hashlib`. Old ones are good enough for accidents.
    content
        The first bytes.
    """
    return hashlib.new(algorithm, content, usedforsecurity=False)


def of_file(file: "BufferedReader", algorithm: str) -> "Hash":
    """The digest of what is left in an open file; further bytes can be added to it."""
    return hashlib.file_digest(file, lambda: start(algorithm))
