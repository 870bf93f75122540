"""How wells are called: in file names, in labels of stage positions, by row and column."""

import re
from collections import Counter
from collections.abc import Sequence

WELL = r"(?:[Aa][A-Fa-f]|[A-Za-p])\d{1,2}"
"""A well in a file name, up to AF48. Small letters end at p: s, t, w and z begin other numbers."""

CAPITAL_WELL = r"(?:A[A-F]|[A-Z])\d{1,2}"
"""A well where the rest of a name is the user's, and only capitals tell a row."""

_WELL = re.compile(r"([A-Z]|A[A-F])([0-9]{1,2})")
_ROW_AND_COLUMN = re.compile(r"R([0-9]{1,2})C([0-9]{1,2})")
_QUARTER = re.compile(r"([A-H])([0-9]{1,2})\.([A-D])([1-4])")
_ROW_COLUMN_SITE = re.compile(
    r"row:\s*(?P<row>[a-z]+)\s*,\s*column:\s*(?P<column>\d+)(?:\s*,\s*site:\s*(?P<site>\d+))?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(
    r"(?:well)?[ _:-]*(?P<well>[a-z]{1,2}\d{1,2}|r\d{1,2}c\d{1,2})"
    r"(?:[ _,;:.-]+(?:site|field|fov|position|pos|[sfp])?[ _#:.-]*(?P<site>\d{1,6}))?",
    re.IGNORECASE | re.ASCII,
)
_COUNTED = re.compile(r"[PS]([1-9]\d*)", re.IGNORECASE | re.ASCII)


def normalise_well(text: str) -> str | None:
    """The name of a well with two digits and capitals, None if it is not one.

    "b3" and "r02c03" are "B03". "B03.a1" is "E09": of a plate of 1536 wells, Yokogawa's
    instruments give the place in a plate of 96, and the row and column within its sixteen wells.
    """
    capitals = text.upper()
    if numbers := _ROW_AND_COLUMN.fullmatch(capitals):
        return well_at(int(numbers[1]), int(numbers[2]))
    if quarter := _QUARTER.fullmatch(capitals):
        row, column = ord(quarter[1]) - ord("A"), int(quarter[2]) - 1
        return well_at(4 * row + ord(quarter[3]) - ord("A") + 1, 4 * column + int(quarter[4]))
    match = _WELL.fullmatch(capitals)
    if match is None or int(match[2]) == 0:
        return None
    return f"{match[1]}{int(match[2]):02d}"


def well_at(row: int, column: int) -> str | None:
    """Name of the well in this row and column, counted from 1; None where no plate has one."""
    if not (1 <= row <= 32 and 1 <= column <= 48):
        return None
    letters = chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)
    return f"{letters}{column:02d}"


def read_labels(labels: Sequence[str]) -> list[tuple[str | None, int]]:
    """Well and site that the labels of stage positions say; no well where one says none.

    A label is a well, "B2" for example, or a well and a site, "B02-Site_3" or
    "row:B,column:2,site:3". Positions of one well that have no number are counted from 1. Labels
    that only count positions, "P1" to "P9", are no wells. What has no well is numbered by its
    place in the list, from 1.
    """
    if _only_count(labels):
        return [(None, number) for number in range(1, len(labels) + 1)]
    places: list[tuple[str | None, int]] = []
    n_unnumbered: Counter[str] = Counter()
    for place, label in enumerate(labels, 1):
        well, number = _read_label(label.strip())
        if well is None:
            places.append((None, place))
            continue
        if number is None:
            n_unnumbered[well] += 1
            number = n_unnumbered[well]
        places.append((well, number))
    return places


def read_label(label: str) -> tuple[str | None, int | None]:
    """As :func:`read_labels`, for one label; no number of the site where it has none."""
    return (None, None) if _COUNTED.fullmatch(label.strip()) else _read_label(label.strip())


def names_no_well(label: str) -> bool:
    """Whether a label has the form of a row and a column that no plate has."""
    match = _ROW_COLUMN_SITE.fullmatch(label.strip())
    return match is not None and normalise_well(match["row"] + match["column"]) is None


def _only_count(labels: Sequence[str]) -> bool:
    matches = [match for match in map(_COUNTED.fullmatch, labels) if match is not None]
    numbers = [int(match[1]) for match in matches]
    is_one_letter = len({label[:1] for label in labels}) == 1
    return is_one_letter and numbers == list(range(1, len(labels) + 1))


def _read_label(label: str) -> tuple[str | None, int | None]:
    """Well and number of the site of one label; no well if it says none."""
    if match := _ROW_COLUMN_SITE.fullmatch(label):
        well = normalise_well(match["row"] + match["column"])
    elif match := _LABEL.fullmatch(label):
        well = normalise_well(match["well"])
    else:
        return None, None
    return well, None if match["site"] is None else int(match["site"])
