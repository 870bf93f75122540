"""How file names are read: patterns with named groups, and types that are known by them alone."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import regex

from tmlib.microscopes.base import (
    AcquisitionMetadata,
    FileNameError,
    ImageMetadata,
    PatternError,
)
from tmlib.microscopes.wells import normalise_well

IMAGE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".btf", ".tf2", ".tf8", ".stk", ".png", ".jpg", ".jpeg", ".jp2", ".bmp"}
)
"""Suffixes of image files in lower case. Not all of them can be read: see images.reading."""

FIELDS = {
    "w": "well",
    "c": "channel",
    "z": "z-plane",
    "t": "time point",
    "s": "site",
}
"""What a named group of a file-name pattern stands for."""

MAX_PATTERN_LENGTH = 500
_MATCH_SECONDS = 1.0
_COMPARED = 2000


@dataclass(frozen=True)
class FileNames:
    """A microscope type that is known by its file names alone; base of those that know more.

    `suffixes` are those of its images, in lower case. Its patterns are about bare names.
    """

    name: str
    image_pattern: str | None = None
    metadata_pattern: str | None = None
    reverse_rows: bool = False
    suffixes: frozenset[str] = IMAGE_SUFFIXES
    reads_folders: bool = False

    def is_image(self, file_name: str) -> bool:
        """Whether a file of this name is an image."""
        if Path(file_name).suffix.lower() not in self.suffixes:
            return False
        return self.image_pattern is None or _fits(self.image_pattern, file_name)

    def is_metadata(self, file_name: str) -> bool:
        """Whether a file of this name is a metadata file."""
        return self.metadata_pattern is not None and _fits(self.metadata_pattern, file_name)

    def read_names(
        self, file_names: Iterable[str], pattern: str | None = None
    ) -> dict[str, ImageMetadata]:
        """Read the names of image files: see :meth:`Microscope.read_names`."""
        if pattern:
            return match_names(file_names, pattern)
        if not self.image_pattern:
            raise PatternError(
                f'File names of "microscope_type" {self.name} follow no fixed pattern: '
                'give as "regex" a regular expression with the named groups w, c, z, t and s.'
            )
        whole = {name: bare_name(name) for name in file_names}
        images = match_names(whole.values(), self.image_pattern)
        return {name: replace(images[bare], file_name=name) for name, bare in whole.items()}

    def read_metadata(
        self,
        metadata_files: Sequence[Path],
        image_names: Iterable[str],
    ) -> AcquisitionMetadata | None:
        """There is nothing to read."""
        return None


@dataclass(frozen=True)
class SelfDescribing(FileNames):
    """A microscope type whose files say themselves what they show."""

    def read_names(
        self, file_names: Iterable[str], pattern: str | None = None
    ) -> dict[str, ImageMetadata]:
        """Read names if the user gives a pattern; they mean nothing otherwise."""
        if pattern:
            return super().read_names(file_names, pattern)
        return {name: ImageMetadata(name) for name in file_names}


@functools.lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> Any:
    """Compile a file-name pattern.

    Any of the named groups w, c, z, t and s may be absent, others may not be there.

    Raises
    ------
    PatternError
        If it is too long, no regular expression, or has other named groups or none.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise PatternError(
            f"The file-name pattern has {len(pattern)} characters, "
            f"more than the {MAX_PATTERN_LENGTH} that are allowed: simplify it."
        )
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise PatternError(
            f'The file-name pattern "{pattern}" is not a regular expression: {error}.'
        ) from None
    groups = set(compiled.groupindex)
    if unknown := groups - set(FIELDS):
        raise PatternError(
            f'The file-name pattern "{pattern}" has the named group "{min(unknown)}": '
            f"only {_fields()} are understood."
        )
    if not groups:
        raise PatternError(
            f'The file-name pattern "{pattern}" has no named group: mark at least one of '
            f"{_fields()}, for example (?P<s>[0-9]+) for the site."
        )
    return compiled


def bare_name(name: str | None) -> str:
    """A file's name without the folders that it is in, as systems of all kinds write them."""
    return (name or "").strip().replace("\\", "/").rpartition("/")[2]


def _fits(pattern: str, file_name: str) -> bool:
    return regex.search(pattern, bare_name(file_name), timeout=_MATCH_SECONDS) is not None


def match_names(file_names: Iterable[str], pattern: str) -> dict[str, ImageMetadata]:
    """Read what each file shows off its name.

    The pattern may match anywhere in the name, folders included.

    Raises
    ------
    PatternError
        If the pattern cannot be used, or takes too long.
    FileNameError
        If a name does not match, or a number or well in it is none.
    """
    compiled = compile_pattern(pattern)
    file_names = list(file_names)
    images = {}
    unmatched = []
    for file_name in file_names:
        try:
            match = compiled.search(file_name[:255], timeout=_MATCH_SECONDS)
        except TimeoutError:
            raise PatternError(
                f'The file-name pattern "{pattern}" takes too long on "{file_name}": '
                "avoid repetitions within repetitions."
            ) from None
        if match is None:
            unmatched.append(file_name)
            continue
        found = {group: text for group, text in match.groupdict().items() if text}
        images[file_name] = _image_metadata(file_name, pattern, found)
    if unmatched:
        raise FileNameError(_unmatched(unmatched, list(images), pattern))
    return images


def tell_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Names of channels by their numbers; a name that several have is followed by the number."""
    counts = Counter(names.values())
    return {
        number: f"{name} {number}" if counts[name] > 1 else name
        for number, name in names.items()
        if name
    }


def closest(name: str, known: Sequence[str]) -> str | None:
    """The name among the first two thousand that is most like this one, if any is."""
    return next(iter(get_close_matches(name, known[:_COMPARED], n=1)), None)


def _unmatched(unmatched: list[str], matched: list[str], pattern: str) -> str:
    which = f'The file name "{unmatched[0]}" does'
    if len(unmatched) > 1:
        n_files = len(unmatched) + len(matched)
        which = f'"{unmatched[0]}" and {len(unmatched) - 1} more of {n_files} file names do'
    match = closest(unmatched[0], matched)
    like = f'; the closest that does is "{match}"' if match else ""
    return (
        f'{which} not match the pattern "{pattern}"{like}: correct the pattern or delete what is '
        "no image of this acquisition. All uploaded files are kept as they are."
    )


def _image_metadata(file_name: str, pattern: str, found: dict[str, str]) -> ImageMetadata:
    """What the matched groups of one file name say."""
    values: dict[str, Any] = {}
    for group in ("t", "z", "s"):
        if group in found:
            if not (found[group].isascii() and found[group].isdecimal()):
                raise FileNameError(_misread(file_name, pattern, group, found[group], "number"))
            values[{"t": "tpoint", "z": "zplane", "s": "site"}[group]] = int(found[group])
    if "w" in found:
        well = normalise_well(found["w"])
        if well is None:
            raise FileNameError(_misread(file_name, pattern, "w", found["w"], "well like B03"))
        values["well"] = well
    if "c" in found:
        values["channel"] = found["c"]
    return ImageMetadata(file_name, **values)


def _misread(file_name: str, pattern: str, group: str, text: str, expected: str) -> str:
    return (
        f'In the file name "{file_name}" the pattern "{pattern}" finds "{text}" as the '
        f"{FIELDS[group]} (group {group}), which is not a {expected}: correct the pattern. "
        "All uploaded files are kept as they are."
    )


def _fields() -> str:
    return ", ".join(f"{group} ({meaning})" for group, meaning in FIELDS.items())
