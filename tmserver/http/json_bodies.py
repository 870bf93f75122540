"""Checks JSON before it is parsed, since the result can take many times its memory."""

import re

import numpy as np

from tmlib.errors import BadInput, TooLarge

MAX_DEPTH = 64
MAX_DIGITS = 300
_CONTAINER_ITEMS = 10
_PORTION = 1 << 20

_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))


def check_json(content: bytes, max_items: int) -> None:
    """Make sure that parsing a JSON text takes no unreasonable amount of memory.

    Parameters
    ----------
    content
        The text; it need not be valid.
    max_items
        How many values there may be. An object or a list counts for ten, it takes as much memory.

    Raises
    ------
    TooLarge
        If there are more.
    BadInput
        If lists and objects are nested too deeply, or a number has too many digits.
    """
    n_containers = content.count(b"[") + content.count(b"{")
    n_items = content.count(b",") + _CONTAINER_ITEMS * n_containers
    is_plain = n_items <= max_items and n_containers <= MAX_DEPTH
    if is_plain and not _LONG_NUMBER.search(content):
        return
    # brackets and commas inside strings are only text
    content = _STRING.sub(b"", content)
    n_containers = content.count(b"[") + content.count(b"{")
    if content.count(b",") + _CONTAINER_ITEMS * n_containers > max_items:
        raise TooLarge(f"The request has more than {max_items} values: send fewer at once.")
    if n_containers > MAX_DEPTH and _depth(content) > MAX_DEPTH:
        raise BadInput(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    if _LONG_NUMBER.search(content):
        raise BadInput(f"The JSON has a number with more than {MAX_DIGITS} digits.")


def _depth(content: bytes) -> int:
    """How deeply brackets are nested."""
    deepest = level = 0
    for start in range(0, len(content), _PORTION):
        piece = np.frombuffer(content, np.uint8, min(_PORTION, len(content) - start), start)
        steps = np.isin(piece, (ord("["), ord("{"))).astype(np.int32)
        steps -= np.isin(piece, (ord("]"), ord("}")))
        levels = level + np.cumsum(steps)
        deepest, level = max(deepest, int(levels.max())), int(levels[-1])
    return deepest
