"""Reads the text files of MetaMorph and its relatives: one ``"key", value, ...`` per line."""

from pathlib import Path

from tmlib.microscopes.base import MetadataFileError


def read_values(path: Path, first_key: str) -> dict[str, list[str]]:
    """The values of each line by key, without quotation marks.

    Users may write anything into a description, in any encoding and over several lines: lines
    without a key are left out.

    Raises
    ------
    MetadataFileError
        If the file does not begin with `first_key`, or its end is missing.
    """
    values: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, rest = line.strip().partition(",")
        if len(key) > 2 and key[0] == key[-1] == '"':
            values.setdefault(key[1:-1], _split(rest))
    if next(iter(values), None) != first_key or "EndFile" not in values:
        raise MetadataFileError(
            f'{path.name} is not what it should be: it begins with "{first_key}" and ends with '
            '"EndFile" when it is whole. Upload the file that the microscope wrote.'
        )
    return values


def number(path: Path, values: dict[str, list[str]], key: str) -> int:
    """The whole number that a key has.

    Raises
    ------
    MetadataFileError
        If it has none.
    """
    text = values.get(key, [""])[0]
    if not (text.isascii() and text.isdecimal()):
        raise MetadataFileError(
            f'{path.name} has "{text}" as {key}, which is not a whole number: '
            "upload the file that the microscope wrote."
        )
    return int(text)


def is_true(values: dict[str, list[str]], key: str) -> bool:
    """Whether a key says TRUE."""
    return values.get(key, [""])[0].upper() == "TRUE"


def _split(text: str) -> list[str]:
    """Values between commas; what is in quotation marks may have commas itself."""
    text = text.strip()
    if text.startswith('"'):
        return [text.strip('"').strip()]
    return [part.strip() for part in text.split(",")]
