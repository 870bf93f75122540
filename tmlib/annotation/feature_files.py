"""Reading GeoJSON files: their features one after the other.

All of them as objects would take ten times the memory of the file.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from tmlib.errors import TooLarge

_AT_ONCE = 2**20
_SPACE = re.compile(r"[ \t\n\r]*")
_BEGINS_VALUE = '"{[-0123456789tfnN'
_LONGEST_SIGN = 12  # of what a broken value tells only at its end, \ud83d\ude00 for example


def read_features(file: TextIO, longest: int) -> Iterator[tuple[Any, int]]:
    """The features of a collection, and how many characters each of them takes.

    Parameters
    ----------
    file
        A text file at its beginning.
    longest
        So many characters may a feature have.

    Raises
    ------
    ValueError
        If it is no collection of features.
    TooLarge
        If a feature, or another value in the file, is too long.
    """
    text = _Text(file, longest)
    is_there = False
    text.take("{")
    end = text.take('"}', stays='"')
    while end != "}":
        key, _ = text.value('"')
        text.take(":")
        if key == "features" and text.next_sign() == "[":
            is_there = True
            text.take("[")
            end = text.take("{]", stays="{")
            while end != "]":
                yield text.value("{")
                end = text.take(",]")
        else:
            text.value(_BEGINS_VALUE)
        end = text.take(",}")
    if not is_there:
        raise ValueError('it has no "features"')


class _Text:
    """A JSON text of which a part is known, which is read on when more is needed."""

    def __init__(self, file: TextIO, longest: int) -> None:
        self._file, self._longest = file, longest
        self._decode = json.JSONDecoder().raw_decode
        self._known, self._at, self._n_before = "", 0, 0
        self._is_all = False

    def next_sign(self) -> str:
        """The sign that comes next but for space, and stays there; none at the end."""
        while True:
            if (space := _SPACE.match(self._known, self._at)) is not None:
                self._at = space.end()
            if self._at < len(self._known) or self._is_all:
                return self._known[self._at : self._at + 1]
            self._read_on()

    def take(self, signs: str, stays: str = "") -> str:
        """Go behind the next sign, which has to be one of these; some of them stay there."""
        sign = self.next_sign()
        if not sign or sign not in signs:
            place = self._n_before + self._at
            raise ValueError(f"there is no {' or '.join(signs)} at character {place}")
        self._at += sign not in stays
        return sign

    def value(self, signs: str) -> tuple[Any, int]:
        """Go behind a value, which begins with one of these signs; it, and its length."""
        self.take(signs, stays=signs)
        while True:
            value, end = None, len(self._known)
            try:
                value, end = self._decode(self._known, self._at)
            except json.JSONDecodeError as error:
                if self._is_all or not self._is_cut(error):
                    place = self._n_before + error.pos
                    raise ValueError(f"{error.msg} at character {place}") from None
            length = end - self._at
            if length > self._longest:
                raise TooLarge(
                    f"The value at character {self._n_before + self._at} of the file has more than "
                    f"{self._longest} characters: leave it out."
                )
            # a number that ends where the text is cut may go on
            if end < len(self._known) or self._is_all:
                self._at = end
                return value, length
            self._read_on()

    def _is_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether a value may be broken only because no more of the text is known."""
        is_at_end = error.pos > len(self._known) - _LONGEST_SIGN
        return is_at_end or error.msg.startswith("Unterminated string")

    def _read_on(self) -> None:
        rest = self._known[self._at :]
        # as much again, so that what is decoded more than once is not more than twice as much
        some = self._file.read(max(_AT_ONCE, len(rest)))
        self._n_before += self._at
        self._known, self._at, self._is_all = rest + some, 0, not some
