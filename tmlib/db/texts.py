r"""Patterns of texts, with the same meaning on SQLite and PostgreSQL.

In a pattern ``%`` stands for any characters, ``_`` for one, and a backslash takes what follows as
it is. Texts are compared letter for letter; where capitals do not matter they are compared in lower
case, of every alphabet. Capitals of regular expressions are those of ASCII.
"""

import re
import sqlite3

import regex
from sqlalchemy import ColumnElement, Dialect, collate, func, literal
from sqlalchemy.types import Boolean, Text

from tmlib.db.regular_expressions import translated
from tmlib.errors import BadInput

MOST_CHARACTERS = 5000
"""Of a pattern: SQLite takes no more than ten times as many bytes."""

_LOWER, _SEARCH = "unicode_lower", "search_expression"
_EVERY_ALPHABET = "und-x-icu"
_SEARCH_SECONDS = 0.2
_FLAGS = regex.ASCII | regex.DOTALL
_GLOB = {"%": "*", "_": "?"}
_PART = re.compile(r"\\(.)|\\\Z|(.)", re.DOTALL)


def like(
    dialect: Dialect, column: ColumnElement[str], pattern: str, *, ignores_case: bool
) -> ColumnElement[bool]:
    """Whether a column is like a pattern.

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
            parts = [(escaped.lower(), plain.lower()) for escaped, plain in parts]
            column = func.unicode_lower(column, type_=Text)
        glob = "".join(
            _GLOB.get(plain, _as_is(plain)) or _as_is(escaped) for escaped, plain in parts
        )
        return column.op("GLOB", is_comparison=True, return_type=Boolean())(glob)
    ours = literal("".join(plain or f"\\{escaped}" for escaped, plain in parts), Text)
    if ignores_case:
        return _lower(column).like(_lower(ours))
    return column.like(ours)


def _as_is(characters: str) -> str:
    """Characters that GLOB is to take as they are."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in characters)


def _lower(text: ColumnElement[str]) -> ColumnElement[str]:
    return collate(func.lower(collate(text, _EVERY_ALPHABET), type_=Text), "C")


def matches(
    dialect: Dialect, column: ColumnElement[str], expression: str, *, ignores_case: bool
) -> ColumnElement[bool]:
    """Whether a regular expression is found in a column.

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
    connection.create_function(_LOWER, 1, _lower_case, deterministic=True)
    connection.create_function(_SEARCH, 3, _search, deterministic=True)


def _lower_case(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _search(text: str | None, expression: str, ignores_case: bool) -> bool | None:
    if text is None:
        return None
    flags = _FLAGS | (regex.IGNORECASE if ignores_case else 0)
    found = regex.search(expression, text, flags, timeout=_SEARCH_SECONDS)
    return found is not None
