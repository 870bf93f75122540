"""Regular expressions that PostgreSQL and Python understand alike."""

import re
from collections.abc import Iterator

from tmlib.errors import BadInput

MOST_CHARACTERS = 200
MOST_REPEATS = 255

_PART = re.compile(
    r"""
    (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<group>\((?:\?:)?)
    | (?P<close>\))
    | (?P<repeat>(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??)
    | (?P<anchor>[\^$])
    | (?P<kind>\\[dswDSW])
    | \\(?P<escaped>[^0-9A-Za-z])
    | (?P<other>[|.])
    | (?P<plain>[^\\\[\]{}*+?])
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"(?P<kind>\\[dsw])|\\(?P<escaped>[^0-9A-Za-z])|(?P<plain>[^\\])", re.DOTALL)


def translated(expression: str, end: str) -> str:
    """An expression in a form that both understand.

    Parameters
    ----------
    expression
        Of characters, sets of them, groups, alternatives, repeats and the anchors of both ends,
        which are those of the whole text.
    end
        What stands for the end of the text.

    Raises
    ------
    BadInput
        If it is wrong, has anything else, or repeats things so often that a search would not end.
    """
    if len(expression) > MOST_CHARACTERS:
        raise BadInput(f"A regular expression has more than {MOST_CHARACTERS} characters.")
    parts: list[str] = []
    level, repeats, repeatable = 0, 1, False
    for kind, part in _parts(expression):
        if kind == "repeat":
            if not repeatable:
                raise _wrong(expression, f"nothing can be repeated before {part}")
            repeats *= max(map(int, re.findall(r"\d+", part)), default=1) or 1
            if repeats > MOST_REPEATS:
                raise _wrong(expression, f"it repeats things more than {MOST_REPEATS} times")
        level += (kind == "group") - (kind == "close")
        if level < 0:
            raise _wrong(expression, "it closes a group that was not opened")
        repeatable = kind not in ("repeat", "group", "anchor") and part != "|"
        parts.append(
            end if part == "$" and kind == "anchor" else _translated(expression, kind, part)
        )
    if level:
        raise _wrong(expression, "a group is not closed")
    result = "".join(parts)
    try:
        re.compile(result)
    except (re.error, OverflowError) as error:
        raise _wrong(expression, str(error)) from None
    return result


def _parts(expression: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(expression):
        part = _PART.match(expression, position)
        if part is None:
            rest = expression[position : position + 10]
            raise _wrong(expression, f"{rest} is not understood here")
        kind = str(part.lastgroup)
        yield kind, part[kind]
        position = part.end()


def _translated(expression: str, kind: str, part: str) -> str:
    if kind in ("plain", "escaped"):
        return _literal(part)
    if kind == "group":
        return "(?:"
    if kind == "set":
        return _set(expression, part)
    return part


def _set(expression: str, part: str) -> str:
    """A set of characters, with all escaped that have no meaning in it."""
    inner = part[1:-1]
    start = "[^" if inner.startswith("^") else "["
    inner = inner.removeprefix("^")
    members = list(_MEMBER.finditer(inner))
    if "".join(member[0] for member in members) != inner or "[:" in inner:
        raise _wrong(expression, f"{part} is not understood")
    parts = [member["kind"] or _literal(member[str(member.lastgroup)]) for member in members]
    end = 0
    for number, member in enumerate(members[1:-1], 1):
        if member["plain"] != "-" or number == end:
            continue
        if number == end + 1 and end:
            raise _wrong(expression, f"in {part} a range begins where another one ends")
        parts[number], end = "-", number + 1
    return f"{start}{''.join(parts)}]"


def _literal(character: str) -> str:
    is_plain = character.isalnum() or not character.isascii() or character.isspace()
    return character if is_plain else f"\\{character}"


def _wrong(expression: str, reason: str) -> BadInput:
    return BadInput(f"The regular expression {expression!r} cannot be used: {reason}.")
