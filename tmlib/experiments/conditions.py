"""What was done to the wells of a plate: compound, concentration, control, anything.

Conditions are kept with the wells, and become columns of all tables of objects. As a file they are
CSV with a row for each well: ``well_name``, then a column for each condition.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict
from tmlib.experiments.models import Well
from tmlib.experiments.plates import get_plate

WELL_COLUMN = "well_name"
RESERVED = frozenset(
    (
        *("mapobject_id", "label", "tpoint", "zplane", "is_border", "centroid_y", "centroid_x"),
        *("plate_name", "well_name", "well_pos_y", "well_pos_x", "site_id", "n_objects"),
    )
)
"""Columns that tables of objects have anyway."""

_MAX_CONDITIONS = 100
_MAX_LENGTH = 300
_MAX_ROWS = 10_000
_WELL_NAME = re.compile(r"([A-Za-z]{1,2})0*([1-9][0-9]?)")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

Condition = str | float | int | bool


@dataclass(frozen=True)
class StoredConditions:
    """How many wells were described, and the names of those in the file that the plate has not."""

    n_wells: int
    unknown_wells: list[str]


def conditions_of(description: Mapping[str, Any]) -> dict[str, Condition]:
    """What of the description of a well can stand in a column: texts and numbers by name."""
    return {
        name: value
        for name, value in description.items()
        if isinstance(value, str | int | float) and name not in RESERVED and value != ""
    }


def read_conditions(content: str) -> dict[str, dict[str, Condition]]:
    """Conditions by the names of wells, from CSV.

    Cells may be separated by commas, semicolons or tabs, as spreadsheets do. What looks like a
    number is one; empty cells are left out.

    Raises
    ------
    BadInput
        If it is no such file.
    """
    lines = content.removeprefix("\ufeff").splitlines()
    if len(lines) > _MAX_ROWS:
        raise BadInput(f"The file has {len(lines)} rows: {_MAX_ROWS} are the most.")
    first = lines[0] if lines else ""
    separator = max("\t;,", key=first.count)
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
    names = [name.strip() for name in rows[0]] if rows else []
    place = _well_column(names)
    _check_names([name for index, name in enumerate(names) if index != place])
    found: dict[str, dict[str, Condition]] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) > len(names):
            raise BadInput(
                f"Row {number} has {len(cells)} cells, but there are {len(names)} columns."
            )
        cells += [""] * (len(names) - len(cells))
        well = _well_name(cells[place], number)
        if well in found:
            raise BadInput(f'Well "{well}" is described twice: row {number} is the second.')
        found[well] = {
            name: _value(cell, name, number)
            for index, (name, cell) in enumerate(zip(names, cells, strict=True))
            if index != place and cell
        }
    return found


def write_conditions(wells: Sequence[tuple[str, Mapping[str, Condition]]]) -> str:
    """Conditions as CSV, with all names that any well has; empty where a well has none."""
    names = list(dict.fromkeys(name for _, conditions in wells for name in conditions))
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([WELL_COLUMN, *names])
    for well, conditions in wells:
        writer.writerow([well, *(_text(conditions.get(name)) for name in names)])
    return target.getvalue()


def get_conditions(
    session: Session, experiment_id: int, plate_id: int
) -> list[tuple[str, dict[str, Condition]]]:
    """Names and conditions of the wells of a plate that have images.

    Raises
    ------
    NotFound
        If the experiment has no such plate.
    """
    get_plate(session, experiment_id, plate_id)
    return [(well.name, conditions_of(well.description)) for well in _wells(session, plate_id)]


def put_conditions(
    session: Session, experiment_id: int, plate_id: int, given: Mapping[str, dict[str, Condition]]
) -> StoredConditions:
    """Replace the conditions of all wells of a plate; wells that are not given have none then.

    Raises
    ------
    NotFound
        If the experiment has no such plate.
    BadInput
        If none of the wells is one of the plate.
    Conflict
        If no wells of the plate are known yet.
    """
    plate = get_plate(session, experiment_id, plate_id)
    wells = _wells(session, plate_id)
    if not wells:
        raise Conflict(
            f'It is not known yet which wells plate "{plate.name}" has: run the workflow up to '
            "its step metaconfig first."
        )
    names = {well.name for well in wells}
    if given and not names & given.keys():
        raise BadInput(
            f'None of the wells in the file has images on plate "{plate.name}", which has '
            f"{', '.join(sorted(names)[:5])}{' and others' if len(names) > 5 else ''}."
        )
    for well in wells:
        others = set(well.description) - set(conditions_of(well.description))
        kept = {name: well.description[name] for name in well.description if name in others}
        well.description = kept | given.get(well.name, {})
    return StoredConditions(len(names & given.keys()), sorted(given.keys() - names))


def _wells(session: Session, plate_id: int) -> Sequence[Well]:
    return session.scalars(select(Well).where(Well.plate_id == plate_id).order_by(Well.name)).all()


def _well_column(names: Sequence[str]) -> int:
    for place, name in enumerate(names):
        if name.lower() in (WELL_COLUMN, "well", "metadata_well"):
            return place
    raise BadInput(
        'The first row has to name the columns, and one of them has to be "well_name" (or "well").'
    )


def _check_names(names: Sequence[str]) -> None:
    if len(names) > _MAX_CONDITIONS:
        raise BadInput(f"There are {len(names)} conditions: {_MAX_CONDITIONS} are the most.")
    for name in names:
        if not name or len(name) > _MAX_LENGTH or not name.isprintable():
            raise BadInput(f'A column needs a name of 1 to {_MAX_LENGTH} letters: "{name[:80]}".')
        if name in RESERVED:
            raise BadInput(f'All tables have a column "{name}" already: give yours another name.')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f'There are several columns "{twice[0]}": give each a name of its own.')


def _well_name(text: str, number: int) -> str:
    match = _WELL_NAME.fullmatch(text)
    if match is None:
        raise BadInput(f'Row {number} has no well: "{text[:80]}" should be like B03.')
    return f"{match[1].upper()}{int(match[2]):02d}"


def _value(cell: str, name: str, number: int) -> Condition:
    if len(cell) > _MAX_LENGTH:
        raise BadInput(f'"{name}" in row {number} is longer than {_MAX_LENGTH} letters.')
    if not _NUMBER.fullmatch(cell):
        return cell
    value = float(cell)
    if value in (float("inf"), float("-inf")):
        raise BadInput(f'"{name}" in row {number} is too large a number: {cell[:80]}.')
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _text(value: Condition | None) -> str:
    return "" if value is None else str(value)
