"""Reads the text files of MetaMorph and its relatives: one ``"key", value, ...`` per line."""

import codecs
import csv
from pathlib import Path

from tmlib.microscopes.base import MetadataFileError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
    lines = _decode(path.read_bytes()).splitlines()
    # programs that write these files again may leave the quotation marks out
    is_quoted = any(line.lstrip().startswith(f'"{first_key}"') for line in lines)
    for line in lines:
        key, _, rest = line.strip().partition(",")
        key = key.strip()
        if is_quoted:
            if len(key) < 3 or not key[0] == key[-1] == '"':
                continue
            key = key[1:-1]
        if key.isidentifier():
            values.setdefault(key, _split(rest))
    if next(iter(values), None) != first_key or "EndFile" not in values:
        raise MetadataFileError(
            f'{path.name} is not what it should be: it begins with "{first_key}" and ends with '
            '"EndFile" when it is whole. Upload the file that the microscope wrote.'
        )
    return values


def number(path: Path, values: dict[str, list[str]], key: str) -> int | None:
    """The whole number that a key has, None if the key is not there.

    Raises
    ------
    MetadataFileError
        If it has something else.
    """
    if key not in values:
        return None
    text = values[key][0]
    if not (text.isascii() and text.isdecimal()):
        raise MetadataFileError(
            f'{path.name} has "{text}" as {key}, which is not a whole number: '
            "upload the file that the microscope wrote."
        )
    return int(text)


def numbered(path: Path, values: dict[str, list[str]], key: str, count_key: str) -> dict[int, str]:
    """The texts of the keys `key`1, `key`2 and so on, "" where one is missing.

    How many there are says `count_key`; where it is missing, all that are there count.
    """
    n = number(path, values, count_key)
    if n is None:
        n = 0
        while f"{key}{n + 1}" in values:
            n += 1
    return {k: ",".join(values.get(f"{key}{k}", [])) for k in range(1, n + 1)}


def is_true(values: dict[str, list[str]], key: str) -> bool:
    """Whether a key says TRUE, or does not say that it is not."""
    return values.get(key, ["TRUE"])[0].upper() == "TRUE"


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if data[1:2] == b"\0":
        return data.decode("utf-16-le", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # of instruments' computers, which run Windows
        return data.decode("cp1252", errors="replace")


def _split(text: str) -> list[str]:
    """Values between commas; what is in quotation marks may have commas itself."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return [part.strip() for part in row] or [""]
