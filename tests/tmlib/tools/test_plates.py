"""Tools that look at wells, beside the same formulas written down well by well."""

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from tests.tmlib.tools.conftest import Bench
from tests.tmlib.tools.plates import FEATURES, N_COLUMNS, N_ROWS, Screen, make_screen
from tmlib.errors import BadInput
from tmlib.experiments.conditions import Condition
from tmlib.experiments.models import Well as WellRow
from tmlib.images.layout import well_name
from tmlib.tools.base import Finding
from tmlib.tools.payloads import WellCondition
from tmlib.tools.plates.plate_statistics import median_polish, z_prime
from tmlib.tools.plates.wells import Layout, Well, WellTable

DMSO = {"column": "compound", "value": "DMSO"}
NEGATIVE, POSITIVE = ["A01", "B01", "C1"], ["A06", "D06"]
BOTH: dict[str, Any] = {"selected_features": list(FEATURES)}


@pytest.fixture
def screen() -> Screen:
    return make_screen()


def rows(finding: Finding) -> dict[tuple[str, str], dict[str, Any]]:
    """The table of wells, by plate and well."""
    assert len(json.dumps([figure.attributes for figure in finding.plots])) < 50_000
    json.dumps(finding.attributes, allow_nan=False)
    return {(row["plate"], row["well"]): row for row in finding.wells.to_pylist()}


def of_well(screen: Screen, plate: str, well: str, feature: int = 0) -> list[float]:
    found = screen.values[(screen.plates == plate) & (screen.wells == well), feature]
    assert len(found) == 10
    return list(found)


def test_wells_are_aggregated(screen: Screen) -> None:
    names = ["median", "mean", "std", "mad"]
    finding = screen.ask("Aggregation", **BOTH, statistics=names)
    found = rows(finding)
    assert len(found) == 2 * N_ROWS * N_COLUMNS
    for (plate, well), row in found.items():
        for feature, name in enumerate(FEATURES):
            values = of_well(screen, plate, well, feature)
            middle = statistics.median(values)
            deviation = statistics.median(abs(value - middle) for value in values)
            assert row[f"mean({name})"] == pytest.approx(statistics.fmean(values))
            assert row[f"median({name})"] == pytest.approx(middle)
            assert row[f"std({name})"] == pytest.approx(statistics.stdev(values))
            assert row[f"mad({name})"] == pytest.approx(1.4826 * deviation, rel=1e-5)
        assert row["n_objects"] == 10
    expected = [
        found[place]["median(size)"] for place in zip(screen.plates, screen.wells, strict=True)
    ]
    assert finding.labels.values.tolist() == expected
    assert (finding.attributes["min"], finding.attributes["max"]) == (min(expected), max(expected))
    assert [figure.type for figure in finding.plots] == ["plate", "plate", "histogram"]
    [plate] = finding.plots[0].attributes["data"]
    assert plate["z"][1][2] == pytest.approx(found["plate 1", "B03"]["median(size)"], rel=1e-5)


@pytest.fixture
def dead(screen: Screen) -> Screen:
    """The screen, without objects in C03 of both plates, which were looked for."""
    is_dead = screen.wells == "C03"
    sites = np.unique(screen.site_ids[is_dead])
    layout = replace(
        screen.layout, empty_site_ids=sites, empty_tpoints=np.zeros(len(sites), np.int32)
    )
    return replace(
        screen,
        layout=layout,
        **{
            name: getattr(screen, name)[~is_dead]
            for name in ("site_ids", "plates", "wells", "values")
        },
    )


def test_a_well_in_which_all_cells_are_dead_has_none(dead: Screen) -> None:
    finding = dead.ask("Aggregation", **BOTH, statistics=["count", "mean", "sum", "mad"])
    found = rows(finding)
    assert len(found) == finding.attributes["n_wells"] == 2 * N_ROWS * N_COLUMNS
    for (_, well), row in found.items():
        n_objects = 0 if well == "C03" else 10
        assert row["n_objects"] == row["count(size)"] == n_objects
        assert (row["mean(size)"] is None) == (n_objects == 0)
    [heatmap] = finding.plots[0].attributes["data"]
    assert heatmap["z"][2][2] == 0
    assert finding.attributes["min"] == 0


@pytest.mark.parametrize("method", ["zscore", "robust_zscore", "bscore"])
def test_dead_wells_do_not_disturb_normalisation(dead: Screen, method: str) -> None:
    found = rows(dead.ask("Normalisation", **BOTH, options={"method": method}))
    assert found["plate 1", "C03"]["n_objects"] == 0
    assert found["plate 1", "C03"]["median(size)"] is None
    without = replace(
        dead,
        layout=replace(
            dead.layout, empty_site_ids=np.empty(0, np.int32), empty_tpoints=np.empty(0, np.int32)
        ),
    )
    others = rows(without.ask("Normalisation", **BOTH, options={"method": method}))
    assert {place: row for place, row in found.items() if row["n_objects"]} == others


def test_dead_wells_are_in_the_list_of_wells_and_no_controls(dead: Screen) -> None:
    controls: dict[str, Any] = {
        "negative_controls": [*NEGATIVE, "C03"],
        "positive_controls": POSITIVE,
    }
    finding = dead.ask("HitList", selected_feature="size", **controls)
    row = rows(finding)["plate 1", "C03"]
    assert (row["n_objects"], row["ssmd"], row["is_hit"]) == (0, None, False)
    fewer = dead.ask(
        "HitList", selected_feature="size", negative_controls=NEGATIVE, positive_controls=POSITIVE
    )
    assert finding.attributes["plates"] == fewer.attributes["plates"]
    with pytest.raises(BadInput, match="Only 1 positive controls"):
        dead.ask(
            "HitList",
            selected_feature="size",
            negative_controls=NEGATIVE,
            positive_controls=["A06", "C03"],
        )


def test_values_that_are_missing_do_not_count(screen: Screen) -> None:
    screen.values[(screen.wells == "A01"), 0] = np.nan
    screen.values[np.flatnonzero(screen.wells == "A02")[0], 0] = np.inf
    finding = screen.ask("Aggregation", **BOTH, statistics=["mean"])
    found = rows(finding)
    assert found["plate 1", "A01"]["mean(size)"] is None
    assert found["plate 1", "A01"]["mean(brightness)"] is not None
    assert all(math.isfinite(row["mean(size)"]) for row in found.values() if row["mean(size)"])
    assert len(finding.labels.values) == len(screen.values) - 20
    assert finding.attributes["n_missing"] == 21
    screen.values[:, 0] = np.nan
    with pytest.raises(BadInput, match='"size"'):
        screen.ask("Aggregation", **BOTH)


def test_time_points_are_kept_apart(screen: Screen) -> None:
    tpoints = (np.arange(len(screen.values)) % 2).astype(np.int32)
    finding = screen.ask("Aggregation", tpoints, selected_features=["size"], statistics=["sum"])
    table = finding.wells.to_pandas()
    assert sorted(table["tpoint"].unique()) == [0, 1]
    assert table["n_objects"].sum() == len(screen.values)
    total = screen.values[tpoints == 1, 0].sum()
    assert table[table["tpoint"] == 1]["sum(size)"].sum() == pytest.approx(total)


@pytest.mark.parametrize("controls", [(), ("A01", "C03")])
@pytest.mark.parametrize("method", ["zscore", "robust_zscore"])
def test_scores_are_of_the_plate(screen: Screen, method: str, controls: tuple[str, ...]) -> None:
    options = {"method": method, "control_wells": controls}
    finding = screen.ask("Normalisation", **BOTH, options=options)
    for feature, name in enumerate(FEATURES):
        scores = finding.labels.columns[name]
        for plate in ("plate 1", "plate 2"):
            is_here = screen.plates == plate
            is_standard = np.isin(screen.wells, controls) if controls else is_here
            standard = list(screen.values[is_here & is_standard, feature])
            if method == "zscore":
                center, spread = statistics.fmean(standard), statistics.stdev(standard)
            else:
                center = statistics.median(standard)
                spread = 1.4826022 * statistics.median(abs(value - center) for value in standard)
            expected = (screen.values[is_here, feature] - center) / spread
            assert np.allclose(scores[is_here], expected, rtol=1e-6)
    assert np.array_equal(finding.labels.values, finding.labels.columns["size"])
    assert finding.attributes["columns"] == list(FEATURES)
    assert len(rows(finding)) == 48


def polished(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of a plate when medians of rows and columns are taken away again and again."""
    left = grid.copy()
    for _ in range(10):
        for line in (*left, *left.T):
            line -= statistics.median(line)
    return left


def test_b_scores_are_free_of_rows_and_columns(screen: Screen) -> None:
    finding = screen.ask("Normalisation", selected_features=["size"], options={"method": "bscore"})
    found = rows(finding)
    for plate in ("plate 1", "plate 2"):
        grid = np.empty((N_ROWS, N_COLUMNS))
        scores = np.empty_like(grid)
        for well in (one for one in screen.layout.wells if one.plate == plate):
            grid[well.row, well.column] = statistics.median(of_well(screen, plate, well.name))
            scores[well.row, well.column] = found[plate, well.name]["bscore(size)"]
        left = polished(grid)
        deviation = statistics.median(np.abs(left - np.median(left)).ravel())
        # the sweeps end when little changes
        assert np.allclose(scores, left / (1.4826 * deviation), atol=0.15)
        assert np.abs(np.median(scores, axis=1)).max() < 0.2
        assert np.median(np.abs(scores - np.median(scores))) == pytest.approx(0.6745, rel=1e-3)
        is_here = screen.plates == plate
        values = finding.labels.values[is_here]
        middle = np.median(values)
        assert np.median(np.abs(values - middle)) == pytest.approx(0.6745, rel=1e-3)
        raw, wells = screen.values[is_here, 0], screen.wells[is_here]
        # objects of a well are all moved by the same, and those of a plate scaled by the same
        steps = [np.diff(values[wells == name]) for name in ("A01", "D06")]
        raw_steps = [np.diff(raw[wells == name]) for name in ("A01", "D06")]
        assert np.ptp(np.concatenate(steps) / np.concatenate(raw_steps)) < 1e-9


def test_median_polish_takes_away_what_is_of_rows_and_columns() -> None:
    of_row, of_column = np.array([0.0, 1, 5, -2]), np.array([3.0, 0, -1])
    plate = 7 + of_row[:, None] + of_column
    plate[1, 2] = np.nan
    plate[2, 1] += 100
    overall, rows_, columns = median_polish(plate)
    residuals = plate - overall - rows_[:, None] - columns
    # the sweeps end when little changes
    assert residuals[2, 1] == pytest.approx(100, abs=0.1)
    residuals[2, 1] = 0
    assert np.nanmax(np.abs(residuals)) < 0.1


def test_hits_differ_from_the_controls_of_their_plate(screen: Screen) -> None:
    is_hit = (screen.plates == "plate 2") & (screen.wells == "C04")
    screen.values[is_hit, 0] += 25
    screen.values[np.isin(screen.wells, ["A06", "D06"]), 0] += 30
    payload: dict[str, Any] = {"selected_feature": "size", "threshold": 5, "direction": "up"}
    controls: dict[str, Any] = {"negative_controls": NEGATIVE, "positive_controls": POSITIVE}
    finding = screen.ask("HitList", **payload, **controls, statistic="mean")
    found = rows(finding)

    def mean(plate: str, well: str) -> float:
        return statistics.fmean(of_well(screen, plate, well))

    for plate, quality in zip(("plate 1", "plate 2"), finding.attributes["plates"], strict=True):
        negative = [mean(plate, name) for name in ("A01", "B01", "C01")]
        positive = [mean(plate, name) for name in POSITIVE]
        m_n, s_n = statistics.fmean(negative), statistics.stdev(negative)
        m_p, s_p = statistics.fmean(positive), statistics.stdev(positive)
        assert quality["plate"] == plate
        assert quality["z_prime"] == pytest.approx(1 - 3 * (s_p + s_n) / abs(m_p - m_n), rel=1e-5)
        assert quality["ssmd"] == pytest.approx((m_p - m_n) / math.hypot(s_p, s_n), rel=1e-5)
        for well in ("B04", "C04", "D02"):
            row, value = found[plate, well], mean(plate, well)
            assert row["z_score"] == pytest.approx((value - m_n) / s_n)
            assert row["ssmd"] == pytest.approx((value - m_n) / (math.sqrt(2) * s_n))
            assert row["is_hit"] == (row["ssmd"] >= 5)
    [hit, *_] = finding.attributes["hits"]
    assert (hit["plate"], hit["well"]) == ("plate 2", "C04")
    assert finding.attributes["n_hits"] == sum(row["is_hit"] for row in found.values())
    assert found["plate 1", "A06"]["is_positive_control"]
    assert not found["plate 1", "A06"]["is_hit"]
    assert found["plate 1", "C01"]["is_negative_control"]
    assert np.unique(finding.labels.values[is_hit]) == [found["plate 2", "C04"]["ssmd"]]


def test_controls_are_chosen_by_their_conditions(screen: Screen) -> None:
    by_name = screen.ask(
        "HitList", selected_feature="size", negative_controls=NEGATIVE, positive_controls=POSITIVE
    )
    given: dict[str, dict[str, Condition]] = {
        "A01": {"compound": "DMSO", "nM": 0},
        "B01": {"compound": "DMSO"},
        "C01": {"compound": "water", "nM": 0},
        "A06": {"compound": "taxol", "nM": 5},
        "D06": {"compound": "taxol", "nM": 5.0},
        "C04": {"compound": "taxol", "nM": "0 or 5"},
    }
    wells = tuple(
        well._replace(conditions=given.get(well.name, {})) for well in screen.layout.wells
    )
    described = replace(screen, layout=replace(screen.layout, wells=wells))
    found = described.ask(
        "HitList",
        selected_feature="size",
        negative_controls=[{"column": "compound", "value": "DMSO"}, {"column": "nM", "value": 0.0}],
        positive_controls=[{"column": "nM", "value": 5}],
    )
    assert found.attributes == by_name.attributes
    assert found.wells.equals(by_name.wells)
    controls = [{"column": "nM", "value": "0"}, "b1"]
    scores = described.ask(
        "Normalisation", **BOTH, options={"method": "zscore", "control_wells": controls}
    )
    by_name = screen.ask(
        "Normalisation", **BOTH, options={"method": "zscore", "control_wells": NEGATIVE}
    )
    assert np.array_equal(scores.labels.values, by_name.labels.values)


def test_controls_must_have_objects_and_differ(screen: Screen) -> None:
    controls: dict[str, Any] = {"negative_controls": NEGATIVE, "positive_controls": POSITIVE}
    payload: dict[str, Any] = {"selected_feature": "size"} | controls
    screen.values[(screen.plates == "plate 2") & (screen.wells == "D06")] = np.nan
    with pytest.raises(BadInput, match='Only 1 positive controls of plate "plate 2"'):
        screen.ask("HitList", **payload)
    screen.values[:] = 1
    with pytest.raises(BadInput, match="all the same value"):
        screen.ask("HitList", **payload)
    with pytest.raises(BadInput, match="same value in all objects"):
        screen.ask("Normalisation", **BOTH, options={"method": "zscore"})


def test_z_prime_of_groups_with_the_same_mean_is_none() -> None:
    assert math.isnan(z_prime(np.array([1.0, 3]), np.array([2.0, 2])))


def wells_payload(negative: list[Any], positive: list[Any]) -> dict[str, Any]:
    wells = {"negative_controls": negative, "positive_controls": positive}
    return {"selected_feature": "size"} | wells


@pytest.mark.parametrize(
    ("tool", "payload", "message"),
    [
        ("HitList", wells_payload(["B02"], ["B03"]), 'Plate "plate01" has 1 of the control wells'),
        ("HitList", wells_payload(["B02", "B04"], ["B03"]), 'did you mean "B03"?'),
        ("HitList", wells_payload([DMSO], ["B03"]), "has 1 of the control wells compound: DMSO"),
        ("HitList", wells_payload(["B02", DMSO | {"column": "compond"}], ["B03"]), '"compound"?'),
        ("HitList", wells_payload([DMSO | {"value": "water"}], ["B03"]), "choose one of DMSO"),
        ("HitList", wells_payload(["B02", "B3"], ["B03"]), '"B03" cannot be a negative and a pos'),
        (
            "Normalisation",
            BOTH | {"options": {"method": "zscore", "control_wells": ["H12"]}},
            'No plate has a well "H12"',
        ),
    ],
)
def test_controls_are_checked_at_once(
    bench: Bench, tool: str, payload: dict[str, Any], message: str
) -> None:
    with bench.laboratory.database.transaction() as session:
        well = session.scalars(select(WellRow).where(WellRow.name == "B02")).one()
        well.description = {"compound": "DMSO"}
    with pytest.raises(BadInput) as caught:
        bench.request(tool, **payload)
    assert message in caught.value.message
    assert bench.queue.interactive_ids == []


def test_wells_are_those_of_the_experiment(bench: Bench) -> None:
    result = bench.ask("Aggregation", selected_features=["size"], statistics=["mean"])
    assert result.type == "ContinuousToolResult"
    assert result.wells_path is not None
    path = bench.laboratory.storage.root / result.wells_path
    table = WellTable(path)
    [wells] = table.tables()
    assert wells.schema == table.schema
    assert wells["well"].to_pylist() == ["B02", "B03"]
    halves = bench.values[:, 0].reshape(2, -1)
    assert np.allclose(wells["mean(size)"].to_numpy(), halves.mean(axis=1))
    stored = bench.labels(result)
    assert np.allclose(stored["label"], np.repeat(halves.mean(axis=1), halves.shape[1]))
    assert b"".join(table.csv()).startswith(b'"plate","well","tpoint","n_objects","mean(size)"')


def test_wells_and_values_are_found_by_their_names(screen: Screen) -> None:
    assert screen.layout.wells_of(np.array([10, 12], np.int32)).tolist() == [0, 1]
    named = screen.layout.are_chosen(("a2", "D6"))
    assert [screen.layout.wells[i] for i in np.flatnonzero(named)][:2] == [
        Well("plate 1", "A02", 0, 1),
        Well("plate 1", "D06", 3, 5),
    ]


VALUES: tuple[Condition, ...] = (1, 1.0, 0.5, True, "1", "1.0", "0.5", "True", "taxol")


def conditioned(column: str, values: Iterable[Condition]) -> tuple[Well, ...]:
    return tuple(
        Well("plate", well_name(*divmod(number, 24)), *divmod(number, 24), {column: value})
        for number, value in enumerate(values)
    )


def test_numbers_are_compared_as_such_and_with_texts_as_they_are_written() -> None:
    layout = Layout(conditioned("drug", VALUES))
    for wanted in VALUES:
        asked = (WellCondition(column="drug", value=wanted),)
        layout.check_chosen(asked)
        assert layout.are_chosen(asked).tolist() == [
            value == wanted
            if all(type(one) in (int, float) for one in (value, wanted))
            else str(value) == str(wanted)
            for value in VALUES
        ]


def test_each_value_is_looked_at_as_often_for_many_controls_as_for_one() -> None:
    looks = 0

    class Counted(str):
        __slots__ = ()

        def __str__(self) -> str:
            nonlocal looks
            looks += 1
            return str.__str__(self)

    layout = Layout(conditioned("drug", [Counted(number) for number in range(384)]))
    controls = [WellCondition(column="drug", value=str(number)) for number in range(384)]
    layout.check_controls(tuple(controls), 384)
    assert looks < 384 * 10
