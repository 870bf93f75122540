"""Labels on disk: what is asked for comes back, whatever the order and size."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tmlib.tools.conftest import Bench
from tmlib.objects import mapobject_types
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels, service
from tmlib.tools.labels import Labels, UnknownFormat, read, text_of, texts_of, write
from tmlib.tools.sweeping import sweep

CELLS: dict[str, Any] = {"selected_feature": "size"}


@pytest.fixture
def storage(tmp_path: Path) -> ExperimentStorage:
    return ExperimentStorage(tmp_path, 1)


def test_labels_are_found_among_many(
    storage: ExperimentStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_ROWS_PER_GROUP", 1000)
    random = np.random.default_rng(1)
    ids = random.permutation(20_000)[:10_000].astype(np.int64)
    tpoints = random.integers(0, 3, 10_000, dtype=np.int32)
    codes = random.integers(0, 4, 10_000)
    path = write(storage, Labels(ids, tpoints, codes, ("a", "b", "c", "d")))
    stored = read(path).to_pandas()
    assert (np.diff(stored["tpoint"]) >= 0).all()
    known = {
        (id_, tpoint): "abcd"[code] for id_, tpoint, code in zip(ids, tpoints, codes, strict=True)
    }
    wanted = random.integers(-5, 20_005, 500)
    at = random.integers(0, 4, 500, dtype=np.int32)
    expected = [known.get((id_, t), "nan") for id_, t in zip(wanted, at, strict=True)]
    assert texts_of(path, wanted, at).tolist() == expected
    assert "nan" in expected
    assert set(expected) >= set("abcd")


def test_few_labels_are_found_without_reading_all(
    storage: ExperimentStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "_ROWS_PER_GROUP", 1000)
    ids = np.arange(10_000)
    path = write(storage, Labels(ids, np.zeros(10_000, np.int32), ids / 4))
    read_groups = []
    original = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, number: int, columns: list[str]) -> pa.Table:
        read_groups.append(number)
        return original(self, number, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    found = texts_of(path, np.array([4_003, 8_000, 4_001]), np.zeros(3, np.int32))
    assert found.tolist() == ["1000.75", "2000.0", "1000.25"]
    assert read_groups == [4, 8]


@pytest.mark.parametrize("texts", [None, ("0", "1")])
def test_there_may_be_no_labels_at_all(
    storage: ExperimentStorage, texts: tuple[str, ...] | None
) -> None:
    nobody = np.array([], dtype=np.int64)
    values = nobody if texts else nobody.astype(float)
    path = write(storage, Labels(nobody, nobody.astype(np.int32), values, texts))
    assert texts_of(path, np.array([1]), np.array([0], np.int32)).tolist() == ["nan"]
    assert texts_of(path, nobody, nobody.astype(np.int32)).tolist() == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_become_text_with_six_decimals(number: float) -> None:
    assert float(text_of(number)) == pytest.approx(number, abs=5.1e-7)
    assert text_of(-1e-9) == "0.0"


def test_a_file_of_another_kind_is_not_read(storage: ExperimentStorage, tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"tpoint": [1], "mapobject_id": [1], "label": ["a"]}), path)
    with pytest.raises(UnknownFormat, match=r"other\.parquet"):
        read(path)


def test_a_failed_write_leaves_nothing(storage: ExperimentStorage) -> None:
    ids = np.array([1, 2])
    with pytest.raises(IndexError):
        write(storage, Labels(ids, ids.astype(np.int32), ids[:1]))
    assert list(labels.folder(storage).glob("*")) == []


def test_files_that_belong_to_no_result_are_swept_away(bench: Bench) -> None:
    storage, database = bench.laboratory.storage, bench.database
    kept = bench.ask("Heatmap", **CELLS)
    orphan = write(storage, Labels(bench.ids, np.zeros(240, np.int32), bench.values[:, 0]))
    draft = orphan.with_name("1.parquet.tmp")
    draft.touch()
    assert sweep(database, storage) == 0
    os.utime(orphan, (0, 0))
    os.utime(draft, (0, 0))
    os.utime(storage.root / kept.path, (0, 0))
    bench.ask("Heatmap", **CELLS)
    assert not orphan.exists()
    assert not draft.exists()
    assert len(bench.labels(kept)) == 240


def test_results_go_with_their_objects(bench: Bench) -> None:
    storage, database = bench.laboratory.storage, bench.database
    result = bench.ask("Heatmap", **CELLS)
    with database.transaction() as session:
        mapobject_types.delete_type(session, storage, result.mapobject_type_id)
    with database.session() as session:
        assert service.get_results(session, storage.experiment_id) == []
    assert sweep(database, storage, older_than=-60) == 1


def test_objects_that_are_deleted_meanwhile_leave_no_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, database = bench.laboratory.storage, bench.database

    def delete_first(*arguments: object) -> Path:
        with database.transaction() as session:
            mapobject_types.delete_type(session, storage, bench.laboratory.type_id())
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(labels, "write", delete_first)
    submission_id = bench.request("Heatmap", **CELLS)
    bench.work()
    assert "deleted while the tool worked" in bench.job(submission_id)["error"]
