r"""Fast conversion of numbers to CSV, as ``"%d,%.6f,%.6f\r\n"`` formats every row.

A number is split into groups of digits, and a table contains the text of each group in the four
bytes of one uint32. Unused characters (leading zeros, an absent sign) are NUL in the tables and
removed from all rows at once.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_DECIMALS = 6
_ROWS = 500  # as many as stay in the processor's cache
_LARGEST = 1e16  # larger numbers have more digits than four groups
# A generous bound for the rounding error of the product of a fraction with 10 ** 6.
_UNSURE = 1e-9


def csv_rows(numbers: NDArray[np.int64], values: NDArray[np.float64], constant: str = "") -> bytes:
    r"""Rows of CSV text, ended by ``\r\n``: a whole number, then values with 6 decimals.

    Missing values are ``nan``. What is rounded to zero has no sign.

    Parameters
    ----------
    numbers
        First column, shape (n,), not negative.
    values
        Other columns, shape (n, p).
    constant
        Text after the first column of every row, with the comma before it.
    """
    return b"".join(
        _rows(numbers[start : start + _ROWS], values[start : start + _ROWS], constant)
        for start in range(0, len(numbers), _ROWS)
    )


def plain_rows(
    numbers: NDArray[np.int64], values: NDArray[np.float64], constant: str = ""
) -> bytes:
    """The same as :func:`csv_rows`, for all numbers, formatted one by one."""
    row = "%d" + constant.replace("%", "%%") + f",%.{_DECIMALS}f" * values.shape[1] + "\r\n"
    rounded = np.where(np.abs(values) <= 5e-7, 0.0, values)  # not "-0.000000"
    lines = zip(numbers.tolist(), rounded.tolist(), strict=True)
    return "".join(row % (number, *line) for number, line in lines).encode()


def _rows(numbers: NDArray[np.int64], values: NDArray[np.float64], constant: str) -> bytes:
    is_finite = np.isfinite(values)
    is_complete = bool(is_finite.all())
    size = np.abs(values if is_complete else np.where(is_finite, values, 0.0))
    whole = np.floor(size)
    fraction = size - whole  # without any rounding
    scaled = fraction * 10**_DECIMALS
    decimals = np.rint(scaled)
    if size.max(initial=0) >= _LARGEST or _is_unsure(fraction, scaled, decimals):
        return plain_rows(numbers, values, constant)
    carried = decimals == 10**_DECIMALS
    if carried.any():
        whole += carried
        decimals[carried] = 0
    is_negative = (values < 0) & ((whole != 0) | (decimals != 0) | ~is_finite)
    cells = _cells(is_negative, whole.astype(np.int64), decimals.astype(np.int32))
    if not is_complete:
        cells[~is_finite, 1:] = 0
        cells[~is_finite, 1] = np.where(np.isnan(values[~is_finite]), _NAN, _INFINITY)
    identifiers = _whole_words(numbers)
    n, n_first = identifiers.shape
    between = _words(constant.encode())
    n_before = n_first + len(between)
    text = np.empty((n, n_before + cells[0].size + 1), np.uint32)
    text[:, :n_first] = identifiers
    text[:, n_first:n_before] = between
    text[:, n_before:-1] = cells.reshape(n, -1)
    text[:, -1] = _LINE_END
    return text.tobytes().translate(None, b"\0")


def _is_unsure(
    fraction: NDArray[np.float64], scaled: NDArray[np.float64], decimals: NDArray[np.float64]
) -> bool:
    """Whether the rounding of some number's last digit is uncertain.

    Halves are rounded to even. A true half is a multiple of 1/128, and its product is exact;
    numbers that only look like halves are formatted by the slow method.
    """
    is_near = np.abs(scaled - decimals) > 0.5 - _UNSURE
    return bool(is_near.any() and (fraction[is_near] * 128 % 1 != 0).any())


def _cells(
    is_negative: NDArray[np.bool_], whole: NDArray[np.int64], decimals: NDArray[np.int32]
) -> NDArray[np.uint32]:
    """Words of all values, shape (n, p, words): separator and sign, integer part, decimals."""
    groups = _whole_words(whole)
    cells = np.empty((*whole.shape, groups.shape[-1] + 3), np.uint32)
    cells[..., 0] = _SEPARATOR[is_negative.astype(np.int8)]
    cells[..., 1:-2] = groups
    thousands = decimals // 1000
    cells[..., -2] = _POINT.take(thousands)
    cells[..., -1] = _THREE.take(decimals - thousands * 1000)
    return cells


def _whole_words(whole: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Words of integers, four digits each, as many as the largest of them needs."""
    digits = len(str(whole.max(initial=0)))
    words = np.empty((*whole.shape, -(-digits // 4)), np.uint32)
    rest = whole.astype(np.int32) if digits < 9 else whole
    for position in range(words.shape[-1] - 1, -1, -1):
        higher = rest // 10_000
        group = rest - higher * 10_000
        group += (higher > 0) * 10_000  # with leading zeros if there are digits before it
        words[..., position] = (_LAST if position == words.shape[-1] - 1 else _OTHER).take(group)
        rest = higher
    return words


def _words(text: bytes) -> NDArray[np.uint32]:
    """Words of any text."""
    return np.frombuffer(text + bytes(-len(text) % 4), np.uint32)


def _table(texts: Iterable[str]) -> NDArray[np.uint32]:
    return np.frombuffer(b"".join(text.encode().rjust(4, b"\0") for text in texts), np.uint32)


_WITH_ZEROS = _table(f"{i:04d}" for i in range(10_000))
_LAST = np.concatenate([_table(str(i) for i in range(10_000)), _WITH_ZEROS])
_OTHER = np.concatenate([_table(str(i) if i else "" for i in range(10_000)), _WITH_ZEROS])
_POINT = _table(f".{i:03d}" for i in range(1000))
_THREE = _table(f"{i:03d}" for i in range(1000))
_SEPARATOR = _table([",", ",-"])
_NAN, _INFINITY, _LINE_END = _table(["nan", "inf", "\r\n"])
