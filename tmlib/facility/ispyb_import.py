"""Moves a facility in: takes over the rows of an ISPyB database, all of them or none."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tmlib.db import sequences
from tmlib.errors import BadInput
from tmlib.facility.ispyb_tables import NUMBERED, TABLES, Import, Rows, Table

_MOST_PROBLEMS = 20


def import_rows(
    session: Session, document: Any, *, leave_out: Collection[str] = ()
) -> Counter[str]:
    """Take over the rows of an ISPyB database; how many of each table.

    Parameters
    ----------
    session
        To write with; nothing of it must be kept after an error.
    document
        Lists of rows by the names of tables; rows are objects with values by names of columns.
    leave_out
        Tables that are not taken over.

    Raises
    ------
    BadInput
        If something is wrong: the message names it with table and number.
    """
    work = Import(session, _read(document, leave_out))
    _refuse(_dangling(work))
    for name, table in TABLES.items():
        for row in work.rows[name]:
            _add(work, name, table, row)
    for model in NUMBERED:
        sequences.pass_over(session, model)
    return Counter({name: len(found) for name, found in work.rows.items() if found})


def _read(document: Any, leave_out: Collection[str]) -> Rows:
    if not isinstance(document, dict):
        raise BadInput('The document must be an object: {"Proposal": [{"proposalId": 1}]}.')
    unknown = sorted(document.keys() - TABLES.keys() - set(leave_out))
    if unknown:
        raise BadInput(
            f"Of these tables nothing can be taken over: {', '.join(unknown)}. Leave them out of "
            "the document, or say that they are to be left out."
        )
    problems: list[str] = []
    found: dict[str, list[Any]] = {name: [] for name in TABLES}
    for name, table in TABLES.items():
        sent = document.get(name, []) if name not in leave_out else []
        if not isinstance(sent, list):
            problems.append(f"{name} must be a list of rows")
            continue
        seen: set[int] = set()
        for position, values in enumerate(sent):
            try:
                row = table.row.model_validate(values)
            except ValidationError as error:
                problems += _told(name, table, position, values, error)
                continue
            found[name].append(row)
            number = getattr(row, table.key) if table.key else None
            if number in seen:
                problems.append(f"{table.name_of(name, row)}: there are two rows of this number")
            elif number is not None:
                seen.add(number)
    _refuse(problems)
    return found


def _told(
    name: str, table: Table, position: int, values: Any, error: ValidationError
) -> Iterator[str]:
    """What is wrong with a row."""
    alias = table.row.model_fields[table.key].alias if table.key else None
    number = values.get(alias) if isinstance(values, dict) and alias else None
    which = f"{name} {number}" if number is not None else f"{name}, row {position + 1}"
    for problem in error.errors(include_url=False, include_input=False):
        place = ".".join(map(str, problem["loc"])) or "the row"
        yield f"{which}: {place}: {problem['msg'].removeprefix('Value error, ')}"


def _dangling(work: Import) -> Iterator[str]:
    """References to rows that are not in the document, whether or not they are here."""
    for name, table in TABLES.items():
        for row in work.rows[name]:
            for column, other in table.refers.items():
                number = getattr(row, column)
                if number is not None and number not in work.known[other]:
                    alias = table.row.model_fields[column].alias
                    yield f"{table.name_of(name, row)}: {alias} {number} is in no row of {other}"


def _refuse(problems: Iterator[str] | list[str]) -> None:
    found = list(problems)
    if found:
        more = len(found) - _MOST_PROBLEMS
        tail = [f"and {more} more"] if more > 0 else []
        told = "\n".join([*found[:_MOST_PROBLEMS], *tail])
        raise BadInput(f"Nothing was taken over:\n{told}")


def _add(work: Import, name: str, table: Table, row: Any) -> None:
    which = table.name_of(name, row)
    try:
        made = table.make(work, row)
        if made is None:
            return
        number = getattr(row, table.key) if table.key else None
        is_taken = number is not None and made not in work.session
        if is_taken and work.session.get(type(made), number) is not None:
            raise BadInput("there is one of this number already")
        work.session.add(made)
        work.session.flush()
    except BadInput as error:
        _refuse([f"{which}: {error.message}"])
    except IntegrityError as error:
        _refuse([f"{which}: it contradicts what is there already ({error.orig})"])
