"""Values as tools take them: objects left out while they are read, or afterwards."""

import logging

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.tmlib.tools.conftest import FEATURES, PER_SITE, Bench, grid
from tmlib.errors import BadInput
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.tools.values import Values, read


def read_all(bench: Bench, *, only_complete: bool = False) -> Values:
    laboratory = bench.laboratory
    stored = select_feature_values(
        laboratory.database,
        laboratory.storage,
        laboratory.type_id("Cells"),
        features=["roundness", "size"],
    )
    return read(stored, only_complete=only_complete)


def measure_again(bench: Bench, site: int, values: NDArray[np.float64], zplane: int = 0) -> None:
    measured = pd.DataFrame(values, columns=FEATURES, index=range(1, PER_SITE + 1))
    bench.laboratory.record(site, grid(), measured, zplane=zplane)


def assert_same(found: Values, expected: Values) -> None:
    for name in ("mapobject_ids", "tpoints", "site_ids", "matrix"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert found.features == expected.features
    assert found.counts() == expected.counts()


@pytest.mark.parametrize("zplanes", [[0], [0, 1]], ids=["one plane", "several planes"])
def test_objects_that_lack_a_value(
    bench: Bench, zplanes: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    for zplane in zplanes:
        values = bench.values[:PER_SITE] + zplane
        values[3 + zplane :: 7, 0] = np.nan
        values[10:20, 2] = -np.inf
        values[:, 1] = np.nan  # nobody asks for it
        measure_again(bench, 1, values, zplane)
    with caplog.at_level(logging.WARNING, "tmlib.job"):
        expected = read_all(bench).complete()
        found = read_all(bench, only_complete=True)
    assert expected.counts()["n_missing"] > 10
    assert_same(found.complete(), expected)
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert len(told) == 2
    assert len(set(told)) == 1


def test_nothing_is_left_out_where_nothing_lacks(bench: Bench) -> None:
    found = read_all(bench, only_complete=True)
    assert_same(found, read_all(bench))
    assert np.array_equal(found.matrix, bench.values[:, [2, 0]])
    assert found.complete() is found


def test_where_all_lack_a_value_it_is_said_which_one(bench: Bench) -> None:
    for site in range(4):
        values = bench.values[:PER_SITE].copy()
        values[::2, 0], values[1::2, 2] = np.nan, np.nan
        measure_again(bench, site, values)
    with pytest.raises(BadInput, match="Every object lacks a value of one of the selected"):
        read_all(bench, only_complete=True).complete()
