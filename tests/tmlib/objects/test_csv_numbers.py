"""Numbers as CSV: the fast way writes what Python's own formatting does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tmlib.objects.values.csv_numbers import csv_rows, plain_rows


def check(values: NDArray[np.float64]) -> None:
    numbers = np.arange(len(values), dtype=np.int64) * 10_007
    assert csv_rows(numbers, values) == plain_rows(numbers, values)


def test_a_row() -> None:
    values = np.array([[1.5, -2 / 3, np.nan, 0.0, -1e-9, np.inf, -np.inf, 0.9999999]])
    assert csv_rows(np.array([7]), values) == (
        b"7,1.500000,-0.666667,nan,0.000000,0.000000,inf,-inf,1.000000\r\n"
    )


def test_text_between_number_and_values() -> None:
    numbers, values = np.array([7, 12_345]), np.array([[1.5], [2.0]])
    rows = '7,"50% DMSO, µ",1.500000\r\n12345,"50% DMSO, µ",2.000000\r\n'.encode()
    assert csv_rows(numbers, values, ',"50% DMSO, µ"') == rows
    assert plain_rows(numbers, values, ',"50% DMSO, µ"') == rows


def test_without_values_or_rows() -> None:
    assert csv_rows(np.array([1, 20_000]), np.empty((2, 0))) == b"1\r\n20000\r\n"
    assert csv_rows(np.empty(0, np.int64), np.empty((0, 3))) == b""


@given(arrays(np.float64, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_any_numbers(values: NDArray[np.float64]) -> None:
    check(values)


@given(arrays(np.float64, (3, 4), elements=st.floats(-1e12, 1e12)))
def test_numbers_that_features_have(
    values: NDArray[np.float64],
) -> None:
    check(values)


@given(arrays(np.int64, (3, 4), elements=st.integers(-(2**40), 2**40)), st.sampled_from([7, 128]))
def test_halves_of_the_last_digit_go_to_the_even_one(
    numerators: NDArray[np.int64], denominator: int
) -> None:
    check(numerators / denominator)


@given(arrays(np.int64, (3, 4), elements=st.integers(-(10**13), 10**13)), st.integers(-3, 3))
def test_numbers_beside_a_half(millionths: NDArray[np.int64], steps: int) -> None:
    values = np.asarray((millionths + 0.5) / 1e6, np.float64)
    for _ in range(abs(steps)):
        values = np.nextafter(values, np.sign(steps) * np.inf)
    check(values)


@pytest.mark.parametrize("exponent", range(-8, 18))
def test_powers_of_ten(exponent: int) -> None:
    power = 10.0**exponent
    near = [np.nextafter(power, 0), power, np.nextafter(power, np.inf), -power, 9.9999995 * power]
    check(np.array([near]))


def test_many_rows_are_cut_into_blocks_and_put_together_again() -> None:
    random = np.random.default_rng(0)
    check(random.lognormal(0, 8, (1234, 7)) * random.choice([-1, 1], (1234, 7)))
    numbers = random.integers(0, 2**62, 1234)
    assert csv_rows(numbers, np.empty((1234, 0))) == plain_rows(numbers, np.empty((1234, 0)))
