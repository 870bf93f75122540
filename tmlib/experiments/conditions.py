"""What was done to the wells of a plate: compound, concentration, control, anything.

Conditions are kept with the wells, and become columns of all tables of objects. As a file they are
CSV with a row for each well: ``well_name``, then a column for each condition.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput, Conflict
from tmlib.experiments.csv_lines import csv_line
from tmlib.experiments.layout import get_well
from tmlib.experiments.models import Well
from tmlib.experiments.plates import get_plate, lock_plate

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
_MAX_NAME_BYTES = 240  # names of columns are names of files, with a prefix where one is taken
_MAX_ROWS = 10_000
_MAX_WHOLE = 10**15
_WELL_NAME = re.compile(r"([A-Za-z]{1,2})0*([1-9][0-9]?)")
_INTEGER = r"(0|[1-9][0-9]*)"
_WHOLE = rf"(?=[0-9]{{1,15}}(?![0-9])){_INTEGER}([eE][+-][0-9]+)?"
_DECIMAL = rf"({_INTEGER}\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = re.compile(f"[+-]?({_WHOLE}|{_DECIMAL})")
_MAX_NUMBER = 1e308
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

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
        if isinstance(value, str | int | float)
        and name not in RESERVED
        and value != ""
        and _fault(name, value) is None
    }


def read_conditions(content: str) -> dict[str, dict[str, Condition]]:
    """Conditions by the names of wells, from CSV.

    Cells may be separated by commas, semicolons or tabs, as spreadsheets do. A column has numbers
    if all of its cells are numbers, else texts as they are written; empty cells are left out.
    Identifiers are no numbers: ``00123``, ``1E5`` and whole numbers of more than 15 digits.

    Raises
    ------
    BadInput
        If it is no such file.
    """
    content = content.removeprefix("\ufeff")
    first = next(iter(content.splitlines()), "")
    separator = max("\t;,", key=first.count)
    rows = _rows(content, separator)
    names = next(rows, [])
    place = _well_column(names)
    _check_names([name for index, name in enumerate(names) if index != place])
    found: dict[str, dict[str, str]] = {}
    for number, cells in enumerate(rows, start=2):
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
        described = dict(zip(names, cells, strict=True))
        del described[names[place]]
        found[well] = {name: cell for name, cell in described.items() if cell}
        _check_cells(found[well], number)
    return _with_numbers(found, has_decimal_commas=separator == ";")


def write_conditions(wells: Sequence[tuple[str, Mapping[str, Condition]]]) -> str:
    """Conditions as CSV, with all names that any well has; empty where a well has none."""
    names = list(dict.fromkeys(name for _, conditions in wells for name in conditions))
    rows = [[well, *(_text(known.get(name)) for name in names)] for well, known in wells]
    return "".join(f"{csv_line(row)}\n" for row in ([WELL_COLUMN, *names], *rows))


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

    Neither have those that were forgotten, when they are recorded again.

    Raises
    ------
    NotFound
        If the experiment has no such plate.
    BadInput
        If none of the wells is one of the plate.
    Conflict
        If no wells of the plate are known yet.
    """
    # conditions are part of a description: what is written to that at once must not be lost
    plate = lock_plate(session, experiment_id, plate_id)
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
        well.description = _notes(well.description) | given.get(well.name, {})
    plate.well_descriptions = {
        name: _notes(description) for name, description in plate.well_descriptions.items()
    }
    return StoredConditions(len(names & given.keys()), sorted(given.keys() - names))


def describe_well(
    session: Session, experiment_id: int, well_id: int, description: dict[str, Any]
) -> None:
    """Replace the notes on a well; its texts and numbers are conditions.

    Raises
    ------
    NotFound
        If the experiment has no such well.
    BadInput
        If a text is too long, or a text or a number could not stand in a column of tables and
        exports.
    """
    plate_id = get_well(session, experiment_id, well_id).plate_id
    for name, value in description.items():
        if isinstance(value, str | int | float):
            fault = _fault_of_given(name, value)
            if fault is not None:
                raise BadInput(fault)
    lock_plate(session, experiment_id, plate_id)
    # whoever changed the plate until now may have changed the well, or forgotten it
    session.expire_all()
    well = get_well(session, experiment_id, well_id)
    others = [one.description for one in _wells(session, plate_id) if one.id != well_id]
    given = conditions_of(description)
    n_names = len(given.keys() | {name for one in others for name in conditions_of(one)})
    if n_names > _MAX_CONDITIONS and given:
        raise BadInput(
            f"The wells of the plate would have {n_names} conditions: {_MAX_CONDITIONS} are the "
            "most."
        )
    well.description = description


def _notes(description: Mapping[str, Any]) -> dict[str, Any]:
    """What of the description of a well is no condition."""
    conditions = conditions_of(description)
    return {name: value for name, value in description.items() if name not in conditions}


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
        fault = _fault_of_name(name)
        if fault is not None:
            raise BadInput(fault)
        if name in RESERVED:
            raise BadInput(f'All tables have a column "{name}" already: give yours another name.')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f'There are several columns "{twice[0]}": give each a name of its own.')


def _fault(name: str, value: Condition) -> str | None:
    """Why a condition cannot stand in a column, if it cannot."""
    fault = _fault_of_name(name)
    if fault is not None:
        return fault
    if isinstance(value, str):
        if _NO_TEXT.search(value):
            return f'"{name}" of a well has a character that cannot be printed: leave it out.'
    elif not -_MAX_NUMBER <= value <= _MAX_NUMBER:
        return f'"{name}" of a well is no number up to {_MAX_NUMBER:g}: give a smaller one.'
    return None


def _fault_of_given(name: str, value: Condition) -> str | None:
    """Why a condition is not taken from a user, if it is not; one that was taken before stays."""
    fault = _fault(name, value)
    if fault is None and isinstance(value, str) and len(value) > _MAX_LENGTH:
        return f'"{name}" of a well has more than {_MAX_LENGTH} letters: shorten it.'
    return fault


def _fault_of_name(name: str) -> str | None:
    if not name or not name.isprintable():
        return f'A column needs a name of letters that can be printed: "{_printed(name)}".'
    if name in (".", ".."):
        return f'No column can have the name "{name}", as no file can: give it another one.'
    if len(name.encode()) > _MAX_NAME_BYTES:
        return f'The name of a column has {_MAX_NAME_BYTES} bytes at most: "{name[:80]}".'
    return None


def _printed(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:80])


def _well_name(text: str, number: int) -> str:
    match = _WELL_NAME.fullmatch(text)
    if match is None:
        raise BadInput(f'Row {number} has no well: "{text[:80]}" should be like B03.')
    return f"{match[1].upper()}{int(match[2]):02d}"


def _rows(content: str, separator: str) -> Iterator[list[str]]:
    """Rows of a file, each as its cells without the spaces around them."""
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    for number in range(1, _MAX_ROWS + 1):
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise BadInput(
                f"Row {number} is not CSV ({error}): does a quotation mark miss its other one?"
            ) from error
        if row is None:
            return
        yield [cell.strip() for cell in row]
    if next(rows, None) is not None:
        raise BadInput(f"The file has more than {_MAX_ROWS} rows.")


def _check_cells(cells: Mapping[str, str], number: int) -> None:
    for name, cell in cells.items():
        fault = _fault_of_given(name, cell)
        if fault is not None:
            raise BadInput(f"Row {number}: {fault}")


def _with_numbers(
    wells: Mapping[str, dict[str, str]], *, has_decimal_commas: bool
) -> dict[str, dict[str, Condition]]:
    """Conditions of wells with numbers in all columns that have only numbers."""
    found: dict[str, dict[str, Condition]] = {well: {**cells} for well, cells in wells.items()}
    for name in {name for cells in wells.values() for name in cells}:
        given = {well: cells[name] for well, cells in wells.items() if name in cells}
        if has_decimal_commas and not any("." in cell for cell in given.values()):
            given = {well: cell.replace(",", ".") for well, cell in given.items()}
        if all(map(_NUMBER.fullmatch, given.values())):
            for well, cell in given.items():
                found[well][name] = _number(cell)
                fault = _fault(name, found[well][name])
                if fault is not None:
                    raise BadInput(f"Well {well}: {fault}")
    return found


def _number(cell: str) -> float:
    value = float(cell)
    # a longer whole number would come back as a text
    return int(value) if value.is_integer() and abs(value) < _MAX_WHOLE else value


def _text(value: Condition | None) -> str:
    return "" if value is None else str(value)
