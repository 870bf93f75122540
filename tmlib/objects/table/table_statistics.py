"""Statistics of columns of an object table: of groups of objects, and of all of them.

Missing values are counted and left out of everything else. Quantiles are interpolated between the
two nearest values, and the standard deviation is that of a sample (n - 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.objects.table.bins import count_in_bins
from tmlib.objects.table.columns import Column, ColumnValues
from tmlib.objects.table.object_table import ObjectTable
from tmlib.objects.table.table_rows import SortKey, in_order

MAX_GROUPS = 100_000
_MAX_CODES = 2**22  # combinations that are counted without sorting them

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Groups of rows.

    Attributes
    ----------
    codes
        Group of each of the n rows, shape (n,); the number of groups for rows outside all groups.
    sizes
        Number of rows of each of the g groups, shape (g,).
    n_objects
        Number of objects of each group, shape (g,): an object at several time points or planes
        counts once.
    keys
        For each grouping column, its values in the groups, shape (g,) each.
    """

    codes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    n_objects: NDArray[np.int64]
    keys: list[ColumnValues]


@dataclass(frozen=True)
class Statistics:
    """Statistics of a column in g groups; arrays have shape (g,), with nan if there is no value.

    ``quantiles`` has shape (g, q).
    """

    count: NDArray[np.int64]
    missing: NDArray[np.int64]
    mean: _Floats
    std: _Floats
    minimum: _Floats
    maximum: _Floats
    quantiles: _Floats


@dataclass(frozen=True)
class Histogram:
    """Counts of values between b + 1 edges; the last bin includes both of its edges.

    ``below`` and ``above`` count values outside of all bins.
    """

    edges: list[float]
    counts: list[int]
    below: int
    above: int


@dataclass(frozen=True)
class AskedPlaces:
    """Requested places, with or without objects.

    Attributes
    ----------
    rows
        Which rows of the table are requested, shape (n,).
    empty
        Which sites without objects, of :attr:`ObjectTable.empty_sites`, are requested; shape (e,).
    """

    rows: NDArray[np.bool_]
    empty: NDArray[np.bool_]


def group(
    table: ObjectTable,
    by: Sequence[Column],
    chosen: NDArray[np.bool_],
    places: AskedPlaces | None = None,
) -> Groups:
    """Group the chosen rows by the values of columns, in the order of the columns.

    If all columns are positions, each of the `places` has a group, even without rows.

    Raises
    ------
    BadInput
        If a column has floating-point numbers, or there are too many groups.
    """
    _check_groups(table, by)
    if not by or not all(map(table.tells_place, by)):
        places = None
    rows = chosen if places is None else places.rows
    columns = [values.of(np.flatnonzero(rows)) for values in table.values_of(by)]
    counts = chosen[rows]
    if places is not None:
        empty = np.flatnonzero(places.empty)
        columns = [
            ColumnValues(np.concatenate([values.numbers, more.of(empty).numbers]), values.texts)
            for values, more in zip(columns, table.empty_sites.values_of(by), strict=True)
        ]
        counts = np.concatenate([counts, np.zeros(len(empty), bool)])
    codes, n_groups = _codes(columns, len(counts))
    if n_groups > MAX_GROUPS:
        raise BadInput(
            f"There are {n_groups} groups, more than {MAX_GROUPS}: group by fewer columns, or by "
            "plate, well or site."
        )
    sizes = np.bincount(codes[counts], minlength=n_groups)
    all_codes = np.full(len(chosen), n_groups, np.int64)
    all_codes[chosen] = codes[counts]
    first = np.zeros(n_groups, np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    n_objects = _count_different(all_codes[chosen], table.rows["mapobject_id"][chosen], n_groups)
    return Groups(all_codes, sizes, n_objects, [values.of(first) for values in columns])


def _count_different(
    codes: NDArray[np.int64], ids: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """Number of different ids in each group."""
    order = np.lexsort((ids, codes))
    codes, ids = codes[order], ids[order]
    is_first = np.ones(len(ids), bool)
    is_first[1:] = (np.diff(ids) != 0) | (np.diff(codes) != 0)
    return np.bincount(codes[is_first], minlength=n_groups)


def _check_groups(table: ObjectTable, by: Sequence[Column]) -> None:
    for column in by:
        # concentrations of wells are few, however many objects there are
        if column.type == "float" and not table.tells_place(column):
            raise BadInput(
                f'Objects cannot be grouped by "{column.name}", which is measured: choose a column '
                "of texts or whole numbers."
            )


def _codes(columns: Sequence[ColumnValues], n: int) -> tuple[NDArray[np.int64], int]:
    """Consecutive numbers of the combinations of values in n rows, and how many there are."""
    codes = np.zeros(n, np.int64)
    n_codes = 1
    for values in columns:
        numbers = _levels(values)
        lowest = int(numbers.min(initial=0))
        size = int(numbers.max(initial=0)) - lowest + 1
        if n_codes * size > _MAX_CODES:
            _, codes = np.unique(codes, return_inverse=True)
            found, numbers = np.unique(numbers, return_inverse=True)
            n_codes, lowest, size = int(codes.max(initial=0)) + 1, 0, len(found)
        codes = codes * size + (numbers - lowest)
        n_codes *= size
    n_present, codes = _dense(codes, n_codes)
    return codes, n_present


def _levels(values: ColumnValues) -> NDArray[np.int64]:
    """Whole numbers in the order of the values; -1 for what is missing."""
    if values.numbers.dtype.kind != "f":
        return np.where(values.is_missing, -1, values.numbers.astype(np.int64))
    levels = np.full(len(values.numbers), -1, np.int64)
    present = ~values.is_missing
    levels[present] = np.unique(values.numbers[present], return_inverse=True)[1]
    return levels


def _dense(codes: NDArray[np.int64], n_codes: int) -> tuple[int, NDArray[np.int64]]:
    """Consecutive codes in the same order, and how many there are."""
    if n_codes > _MAX_CODES:
        found, dense = np.unique(codes, return_inverse=True)
        return len(found), dense.astype(np.int64)
    occurs = np.bincount(codes, minlength=n_codes) > 0
    places = np.cumsum(occurs) - 1
    return int(occurs.sum()), places[codes]


def describe_groups(
    table: ObjectTable, column: Column, groups: Groups, quantiles: Sequence[float]
) -> Statistics:
    """Statistics of a column in each group.

    Raises
    ------
    BadInput
        If the column has texts.
    """
    if column.type == "text":
        raise BadInput(f'"{column.name}" has texts, which have no mean: choose another column.')
    values = table.values(column)
    order = in_order(table, [SortKey(column)])
    assert order is not None  # noqa: S101 - there is a key
    n_groups = len(groups.sizes)
    kind = np.uint16 if n_groups < 2**16 - 1 else np.int64  # small ones are sorted by counting
    codes = np.where(values.is_missing, n_groups, groups.codes).astype(kind)
    by_group = order[np.argsort(codes[order], kind="stable")]
    count = np.bincount(codes, minlength=n_groups + 1)[:n_groups]
    numbers = values.numbers[by_group[: count.sum()]].astype(np.float64)
    return _describe_sorted(numbers, count, groups.sizes - count, quantiles)


def _describe_sorted(
    numbers: _Floats,
    count: NDArray[np.int64],
    missing: NDArray[np.int64],
    quantiles: Sequence[float],
) -> Statistics:
    """Statistics of groups whose numbers are contiguous and ascending within each."""
    present = count > 0
    starts = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.intp)[present]
    sizes = count[present]
    results = {name: np.full(len(count), np.nan) for name in ("mean", "std", "min", "max")}
    at_quantiles = np.full((len(count), len(quantiles)), np.nan)
    if len(sizes):
        mean = np.add.reduceat(numbers, starts) / sizes
        squares = np.add.reduceat((numbers - np.repeat(mean, sizes)) ** 2, starts)
        several = sizes > 1
        results["mean"][present] = mean
        results["std"][present] = np.where(
            several, np.sqrt(squares / np.maximum(sizes - 1, 1)), np.nan
        )
        results["min"][present] = numbers[starts]
        results["max"][present] = numbers[starts + sizes - 1]
        places = np.multiply.outer(sizes - 1, np.asarray(quantiles, np.float64))
        low = np.floor(places).astype(np.intp)
        high = np.minimum(low + 1, (sizes - 1)[:, np.newaxis])
        left, right = numbers[starts[:, np.newaxis] + low], numbers[starts[:, np.newaxis] + high]
        at_quantiles[present] = left + (right - left) * (places - low)
    return Statistics(
        count, missing, results["mean"], results["std"], results["min"], results["max"],
        at_quantiles,
    )  # fmt: skip


def histogram(
    numbers: _Floats, bins: int, minimum: float | None = None, maximum: float | None = None
) -> Histogram:
    """Count finite numbers in bins of equal width, from the smallest to the largest by default.

    Raises
    ------
    BadInput
        If the bounds are not in order.
    """
    low = numbers.min(initial=np.inf) if minimum is None else minimum
    high = numbers.max(initial=-np.inf) if maximum is None else maximum
    if not len(numbers) and (minimum is None or maximum is None):
        low, high = 0.0, 1.0
    if low > high:
        if minimum is not None and maximum is not None:
            raise BadInput(f'"min" is {minimum:g}, but must not be larger than "max", {maximum:g}.')
        high = low if maximum is None else high
        low = high if minimum is None else low
    counts, edges = count_in_bins(numbers, bins, low, high)
    below, above = int((numbers < edges[0]).sum()), int((numbers > edges[-1]).sum())
    return Histogram(edges.tolist(), counts.tolist(), below, above)
