r"""Patterns of texts, with the same meaning on SQLite and PostgreSQL.

In a pattern ``%`` stands for any characters, ``_`` for one, and a backslash takes what follows as
it is. Texts are compared letter for letter; where capitals do not matter they are compared in lower
case, of every alphabet, and a sigma at the end of a word is one like any other. Capitals of regular
expressions are those of ASCII.
"""

import re
import sqlite3

import regex
from sqlalchemy import ColumnElement, Dialect, func, literal
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, Text

from tmlib.db.deadlines import end_now, seconds_left
from tmlib.db.dialects import write_as
from tmlib.db.regular_expressions import translated
from tmlib.errors import BadInput

Column = ColumnElement[str] | InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
"""A column of texts."""

MOST_CHARACTERS = 5000
"""Of a pattern: SQLite takes no more than ten times as many bytes."""

_LOWER, _SEARCH = "unicode_lower", "search_expression"
# which of the two a capital becomes depends on what comes after it, in a pattern too
_FINAL_SIGMA, _SIGMA = "ς", "\N{GREEK SMALL LETTER SIGMA}"
_FLAGS = regex.ASCII | regex.DOTALL
_GLOB = {"%": "*", "_": "?"}
_PART = re.compile(r"\\(.)|\\\Z|(.)", re.DOTALL)


class _Lower(FunctionElement[str]):
    name = "lower_case"
    type = Text()
    inherit_cache = True


class _Contains(FunctionElement[bool]):
    name = "contains"
    type = Boolean()
    inherit_cache = True


class _CodePoints(FunctionElement[str]):
    name = "code_points"
    type = Text()
    inherit_cache = True


write_as(_CodePoints, sqlite="({})", postgresql='(({}) COLLATE "C")')
write_as(_Contains, sqlite="(instr({}) > 0)", postgresql="(strpos({}) > 0)")
write_as(
    _Lower,
    sqlite=f"{_LOWER}({{}})",
    postgresql=(
        f"""replace(lower(({{}}) COLLATE "und-x-icu") COLLATE "C", '{_FINAL_SIGMA}', '{_SIGMA}')"""
    ),
)


def lower_case(text: Column | str) -> ColumnElement[str]:
    """A text in lower case, of every alphabet."""
    return _Lower(literal(text, Text) if isinstance(text, str) else text)


def contains(column: Column, text: str, *, ignores_case: bool = True) -> ColumnElement[bool]:
    """Whether a column contains a text; null if it has none.

    Parameters
    ----------
    column
        Where it is looked for.
    text
        Taken as it is, without patterns.
    ignores_case
        Whether capitals do not matter, of whatever alphabet.
    """
    if ignores_case:
        return _Contains(lower_case(column), lower_case(text))
    return _Contains(column, literal(text, Text))


def code_points(text: Column) -> ColumnElement[str]:
    """A text that is before another one by code points, whatever order the database has."""
    return _CodePoints(text)


def like(
    dialect: Dialect, column: ColumnElement[str], pattern: str, *, ignores_case: bool
) -> ColumnElement[bool]:
    """Whether a column is like a pattern.

    Parameters
    ----------
    dialect
        Of the database.
    column
        What is compared, as a whole.
    pattern
        With ``%`` and ``_``, and a backslash before what is to be taken as it is.
    ignores_case
        Whether capitals do not matter, of whatever alphabet.

    Raises
    ------
    BadInput
        If the pattern is too long.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise BadInput(f"A pattern has more than {MOST_CHARACTERS} characters: shorten it.")
    # escapes one by one, so that a backslash at the end stands for itself
    parts = [
        (escaped or ("" if plain else "\\"), plain) for escaped, plain in _PART.findall(pattern)
    ]
    if dialect.name == "sqlite":
        if ignores_case:
            parts = [(_lower_case(escaped), _lower_case(plain)) for escaped, plain in parts]
            column = lower_case(column)
        glob = "".join(
            _GLOB.get(plain, _as_is(plain)) or _as_is(escaped) for escaped, plain in parts
        )
        return column.op("GLOB", is_comparison=True, return_type=Boolean())(glob)
    ours = literal("".join(plain or f"\\{escaped}" for escaped, plain in parts), Text)
    if ignores_case:
        return lower_case(column).like(lower_case(ours))
    return column.like(ours)


def _as_is(characters: str) -> str:
    """Characters that GLOB is to take as they are."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in characters)


def matches(
    dialect: Dialect, column: ColumnElement[str], expression: str, *, ignores_case: bool
) -> ColumnElement[bool]:
    """Whether a regular expression is found in a column.

    Parameters
    ----------
    dialect
        Of the database.
    column
        Where it is looked for, anywhere.
    expression
        As `tmlib.db.regular_expressions` has it.
    ignores_case
        Whether capitals do not matter, those of ASCII.

    Raises
    ------
    BadInput
        If the expression is wrong, or none that both databases understand alike.
    """
    ours = translated(expression, end=r"\Z" if dialect.name == "sqlite" else "$")
    if dialect.name == "sqlite":
        return func.search_expression(column, ours, ignores_case, type_=Boolean)
    return column.op("~*" if ignores_case else "~", is_comparison=True, return_type=Boolean())(ours)


def teach(connection: sqlite3.Connection) -> None:
    """Let statements of a connection to SQLite do what PostgreSQL's can."""
    connection.create_function(_LOWER, 1, _lower_case_or_none, deterministic=True)
    connection.create_function(_SEARCH, 3, _search, deterministic=True)


def _lower_case(text: str) -> str:
    return text.lower().replace(_FINAL_SIGMA, _SIGMA)


def _lower_case_or_none(text: str | None) -> str | None:
    return None if text is None else _lower_case(text)


def _search(text: str | None, expression: str, ignores_case: bool) -> bool | None:
    if text is None:
        return None
    flags = _FLAGS | (regex.IGNORECASE if ignores_case else 0)
    try:
        return regex.search(expression, text, flags, timeout=seconds_left()) is not None
    except TimeoutError:
        # it counts what all threads compute, so that it may be at the end before the deadline is
        end_now()
        raise
