"""Rows that come in files: entered by a job, all of them or none, and once."""

import io
import json
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.services.ledger import ListQueue
from tests.tmlib.annotation.conftest import Laboratory, tagged
from tests.tmlib.portal.test_publishing import Killed, killed_at
from tmlib.accounts.models import User
from tmlib.annotation import exports, import_jobs, imports, row_files, tables
from tmlib.annotation.import_jobs import Importing
from tmlib.annotation.imports import ImportStatus
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.row_files import FileFormat
from tmlib.annotation.tables import Annotator
from tmlib.db import clock
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound, TooLarge
from tmlib.experiments import sharing
from tmlib.ledger import lost_jobs
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import JobStatus
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

CSV = "tag,pt_x,pt_y,pt_z\n"


class Importer:
    """Somebody who imports files into tables, and the workers."""

    def __init__(self, laboratory: Laboratory, settings: Settings) -> None:
        self.laboratory, self.settings = laboratory, settings
        self.storage = ExperimentStorage(settings.data_dir, laboratory.experiment_id)
        self.queue = ListQueue()
        assert Importing.name  # whoever runs the jobs knows what they are for

    def start(self, name: str, content: str | bytes, form: str = "csv", **options: Any) -> int:
        encoded = content.encode() if isinstance(content, str) else content
        sent = imports.receive(self.storage, [encoded[:3], encoded[3:]])
        place = self.laboratory.place(name, **options)
        return imports.start(self.storage, self.queue, place, FileFormat(form), sent)

    def work(self) -> None:
        worker = Worker(self.laboratory.database, self.queue, self.settings)
        while self.queue.interactive_ids:
            worker.run(self.queue.interactive_ids.pop(0))

    def find_lost_jobs(self) -> None:
        """What workers do when others were killed; time passes meanwhile."""
        with self.laboratory.database.transaction() as session:
            later = clock.read(session) + timedelta(hours=1)
            found = lost_jobs.recover(session, later, 1000, later, interactive=True)
            self.queue.enqueue(found, interactive=True)

    def status(self, name: str, number: int) -> ImportStatus:
        with self.laboratory.database.session() as session:
            mara = self.laboratory.people["mara"]
            return imports.get_import(session, self.laboratory.experiment_id, name, number, mara)

    def done(self, name: str, content: str | bytes, form: str = "csv", **options: Any) -> int:
        """Import to the end; gives how many rows were entered."""
        status = self._ended(name, content, form, **options)
        assert (status.state, status.error, status.percent_done) == (JobStatus.DONE, None, 100)
        assert status.of.n_rows is not None
        return status.of.n_rows

    def failed(self, name: str, content: str | bytes, form: str = "csv", **options: Any) -> str:
        """Import what cannot be; gives what is told of it."""
        status = self._ended(name, content, form, **options)
        assert (status.state, status.of.n_rows) == (JobStatus.FAILED, None)
        return str(status.error)

    def _ended(self, name: str, *sent: Any, **options: Any) -> ImportStatus:
        number = self.start(name, *sent, **options)
        self.work()
        return self.status(name, number)

    def exported(self, name: str, form: str) -> bytes:
        with self.laboratory.database.session() as session:
            table = tables.find_table(session, self.laboratory.experiment_id, name)
            schema = find_schema(session, table.schema_name)
        rows = self.laboratory.read(name)
        stream = exports.AnnotationStream(schema, rows)
        if form == "csv":
            return b"".join(stream.csv())
        if form == "geojson":
            return b"".join(exports.geojson(schema, rows))
        buffer = io.BytesIO()
        pq.write_table(pa.concat_tables(stream.tables()), buffer, row_group_size=3)
        return buffer.getvalue()

    def files(self) -> list[Path]:
        return list((self.storage.root / "annotation_imports").glob("*"))


@pytest.fixture
def importer(laboratory: Laboratory, settings: Settings) -> Importer:
    laboratory.make("cells")
    return Importer(laboratory, settings)


def test_what_was_exported_is_imported(importer: Importer, monkeypatch: Any) -> None:
    monkeypatch.setattr(row_files, "_AT_ONCE", 3)
    laboratory = importer.laboratory
    laboratory.make("lines", "contact")
    ends = {"sidea_pt": {"position": [1.5, -2, 0]}, "sideb_pt": {"position": [3e5, 4, 1]}}
    sent: list[dict[str, Any]] = [
        {**ends, "size": number or None, "id": 10 * number + 2} for number in range(5)
    ]
    sent[1]["ctr_pt"] = {"position": [7, 8, 9]}
    laboratory.post("lines", *sent)
    tags = ["a", 'b,\n"c"', "é", "", " 1", "true", "7"]
    laboratory.post("cells", *(tagged(tag, n + 0.1, -n) for n, tag in enumerate(tags)))
    laboratory.make("chunks", "derived_tag")
    point = {"position": [1, 2, 3], "dependent_chunk": 2**60}
    laboratory.post("chunks", {"pt": point, "tag": "a"}, {"pt": {**point, "level": 2}, "tag": "b"})
    tables_made = (("lines", "contact"), ("cells", "bound_tag"), ("chunks", "derived_tag"))
    for name, schema in tables_made:
        expected = [(row.id, row.values) for row in laboratory.read(name)]
        for form in FileFormat:
            laboratory.make(f"{name}_{form}", schema)
            assert importer.done(f"{name}_{form}", importer.exported(name, form), form) == len(
                expected
            )
            found = laboratory.read(f"{name}_{form}")
            assert [(row.id, row.values) for row in found] == expected
    assert importer.files() == []


def test_numbers_go_on_where_none_is_given(importer: Importer) -> None:
    laboratory = importer.laboratory
    laboratory.post("cells", tagged("first"))
    sheet = "id,pt_x,pt_y,pt_z,tag\n,1,2,3,a\n3,1,2,3,b\n\n,1,2,3,c\n"
    assert importer.done("cells", sheet) == 3
    assert laboratory.tags("cells") == {1: "first", 2: "a", 3: "b", 4: "c"}
    flat: dict[str, Any] = {"type": "Feature", "properties": {"tag": "d"}, "geometry": {}}
    flat["geometry"] |= {"type": "Point", "coordinates": [5, 6]}
    collection = {"name": [{}], "features": [flat], "type": "FeatureCollection"}
    assert importer.done("cells", json.dumps(collection, indent=1), "geojson") == 1
    assert laboratory.read("cells")[-1].values == {"pt_position": [5, 6, 0], "tag": "d"}
    assert importer.done("cells", '{"features": [ ]}', "geojson") == 0
    moments = {row.created_at for row in laboratory.read("cells") if row.id in (2, 3, 4)}
    assert len(moments) == 1
    [row] = laboratory.read("cells", ids=[5])
    laboratory.update("cells", {"id": 5, "tag": "e"})
    assert laboratory.tags("cells", as_of=row.created_at)[5] == "d"


def test_numbers_are_those_of_a_request(importer: Importer, monkeypatch: Any) -> None:
    """Later rows go on from the greatest number, also where a row has brought it."""
    monkeypatch.setattr(row_files, "_AT_ONCE", 2)
    laboratory = importer.laboratory
    laboratory.make("others")
    ids = (None, 7, None, None, 9, None, 3)
    sent = [tagged(str(number), id=one) for number, one in enumerate(ids)]
    assert laboratory.post("others", *sent) == [1, 7, 8, 10, 9, 11, 3]
    lines = [f"{one or ''},{number},1,2,0\n" for number, one in enumerate(ids)]
    assert importer.done("cells", "id," + CSV + "".join(lines)) == len(ids)
    assert laboratory.tags("cells") == laboratory.tags("others")


def parquet(**columns: Sequence[Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        ("csv", CSV + "a,1,2,3\nb,1,two,3\n", 'Row 1 (counted from 0), field "pt.position.1"'),
        (
            "csv",
            CSV + "a,1,2,3\n" * 7 + "b,1,,3\n",
            'Row 7 (counted from 0), field "pt.position.1"',
        ),
        ("csv", CSV + "a,1,2,3\nb,1,2\n", "Row 1 (counted from 0)"),
        ("csv", CSV + "a,1,2,nan\n", "finite"),
        ("csv", "tag,pt_x,pt_y\na,1,2\n", 'field "pt.position.2"'),
        ("csv", "pt_x,pt_y,pt_z\n1,2,3\n", 'field "tag": it is missing'),
        ("csv", CSV + "a,1,2,3\n" + "\n" * 9 + "b,1,,3\n", "Row 1 (counted from 0)"),
        *(
            ("csv", CSV + f"a,1,2,3\nb,1,{number},3\n", 'Row 1 (counted from 0), field "pt')
            for number in ("1_000", "1 000", "1..5", "0x1f", "\u0663", "\uff17")
        ),
        ("csv", "id," + CSV + "1_0,a,1,2,3\n", 'field "id"'),
        ("csv", "colour," + CSV + "red,a,1,2,3\n", 'Column "colour" of the file: it is unknown'),
        ("parquet", parquet(tag=["a"], colour=["red"]), 'Column "colour"'),
        ("geojson", '{"features": [{"properties": {"colour": 1}}]}', 'field "colour": it is un'),
        (
            "geojson",
            json.dumps({"features": [{"id": "1_0", "properties": tagged("a")}]}),
            'field "id"',
        ),
        ("csv", "tag," + CSV + "a,a,1,2,3\n", 'several columns "tag"'),
        ("csv", "id," + CSV + "x,a,1,2,3\n", 'field "id"'),
        ("csv", "id," + CSV + "5,a,1,2,3\n" * 2, 'Row 1 (counted from 0), field "id": row 0'),
        ("csv", "id," + CSV + "9,a,1,2,3\n1,a,1,2,3\n", "there is an annotation 1"),
        ("csv", CSV + 'a"b,1,2,3\n"x"y,1,2,3\n', "no CSV"),
        ("csv", b"\xff\xfe", "UTF-8"),
        ("csv", "\n", "no columns"),
        ("parquet", CSV, "no Parquet"),
        ("parquet", parquet(pt_x=[1], pt_y=[2], pt_z=[None], tag=["a"]), 'field "pt.position.2"'),
        ("parquet", parquet(pt_x=[1.0], pt_y=[2], pt_z=[3], tag=[7]), 'field "tag"'),
        ("geojson", '{"features": 7}', "no GeoJSON"),
        ("geojson", '{"type": "FeatureCollection"}', 'no "features"'),
        ("geojson", '{"features": [{"properties": {"tag": "a"}}]}', 'field "pt"'),
        ("geojson", '{"features": [{"geometry": {"type": "Polygon"}}]}', "no point"),
        ("geojson", '{"features": [{}', "no GeoJSON"),
        ("geojson", '{"features": [' + "[" * 100_000, "no GeoJSON"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_entered(
    importer: Importer, form: str, content: str | bytes, message: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(row_files, "_AT_ONCE", 4)
    importer.laboratory.post("cells", tagged("first"))
    assert message in importer.failed("cells", content, form)
    assert importer.laboratory.tags("cells", with_invalid=True) == {1: "first"}


def test_files_that_are_too_large(importer: Importer, monkeypatch: Any) -> None:
    monkeypatch.setattr(row_files, "MOST_ROWS", 2)
    three: dict[str, Sequence[Any]] = {
        "pt_x": [1] * 3,
        "pt_y": [1] * 3,
        "pt_z": [1] * 3,
        "tag": ["a"] * 3,
    }
    assert "more than 2 rows" in importer.failed("cells", CSV + "a,1,2,3\n" * 3)
    assert "has 3 rows" in importer.failed("cells", parquet(**three), "parquet")
    monkeypatch.setattr(row_files, "_MOST_BYTES", 10)
    two = {name: values[:2] for name, values in three.items()}
    assert "Row group 0" in importer.failed("cells", parquet(**two), "parquet")
    monkeypatch.undo()
    monkeypatch.setattr(import_jobs, "MOST_BYTES", 300)
    assert "more than 300 bytes as JSON" in importer.failed("cells", CSV + "a,1,2,3\n" * 9)
    before = importer.files()
    monkeypatch.setattr(imports, "MOST_BYTES", 10)
    with pytest.raises(TooLarge, match="more than 10 bytes"):
        importer.start("cells", CSV)
    with pytest.raises(BadInput, match="no file"):
        importer.start("cells", "")
    assert importer.files() == before


def test_small_files_that_become_large(importer: Importer, monkeypatch: Any) -> None:
    columns: dict[str, Any] = {f"pt_{axis}": [1] * 4000 for axis in "xyz"}
    repeated = parquet(**columns, tag=["a" * 5000] * 4000)
    nested = parquet(pt_position=[[1.0] * 200_000], tag=["a"])
    assert max(map(len, (repeated, nested))) < 10_000
    monkeypatch.setattr(row_files, "MOST_BYTES", 10**6)
    monkeypatch.setattr(row_files, "_MOST_BYTES", 10**6)
    assert "4000 rows from row 0" in importer.failed("cells", repeated, "parquet")
    assert "Row group 0" in importer.failed("cells", nested, "parquet")
    alike = io.BytesIO()
    pq.write_table(
        pa.table({"tag": ["a" * 5000] * 4000}),
        alike,
        use_dictionary=False,
        column_encoding={"tag": "DELTA_BYTE_ARRAY"},
    )
    assert "encoding DELTA_BYTE_ARRAY" in importer.failed("cells", alike.getvalue(), "parquet")
    documents = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1"]))
    for other in ([["a"]], documents):
        assert "nor plain texts" in importer.failed("cells", parquet(tag=other), "parquet")
    assert importer.done("cells", parquet(pt_position=[[1.0, 2, 3]], tag=["a"]), "parquet") == 1


def test_lines_with_nothing_in_them_are_no_rows(importer: Importer, monkeypatch: Any) -> None:
    monkeypatch.setattr(row_files, "_AT_ONCE", 3)
    sheet = "\n\r\n" + CSV + "a, 1,+2.5e1,3\n" + "\n" * 10 + 'b,1,2,3\n"c\n\nd",1,2,3\n\n'
    assert importer.done("cells", sheet) == 3
    assert importer.laboratory.tags("cells") == {1: "a", 2: "b", 3: "c\n\nd"}
    assert importer.laboratory.read("cells")[0].values["pt_position"] == [1, 25, 3]


def test_rows_that_take_much_memory(importer: Importer, monkeypatch: Any) -> None:
    names = ",".join(f"a{number}" for number in range(200_000))
    assert 'Column "a0"' in importer.failed("cells", names)
    monkeypatch.setattr(row_files, "_LONGEST_ROW", 200)
    collection = {"a": [3.25], "features": [{"properties": tagged("a" * 50)}] * 20, "b": -1.5e7}
    assert importer.done("cells", CSV + "a,1,2,3\n" * 100) == 100
    assert importer.done("cells", json.dumps(collection), "geojson") == 20
    many = '"b\n",' * 50
    for sheet in (CSV + f"a,1,2,3\n{many}\n", CSV + "a" * 300, many):
        assert "more than 200 characters" in importer.failed("cells", sheet)
    long: list[dict[str, Any]] = [
        {"features": [{"a": [[]] * 100}]},
        {"features": [], "a": "a" * 300},
    ]
    for wrong in long:
        assert "more than 200 characters" in importer.failed("cells", json.dumps(wrong), "geojson")


def test_references_and_who_may(importer: Importer) -> None:
    laboratory = importer.laboratory
    laboratory.post("cells", tagged("first"))
    laboratory.make("remarks", "reference_tag", reference_table="cells")
    assert importer.done("remarks", "target_id,tag\n1,odd\n") == 1
    assert "Row 1 (counted from 0)" in importer.failed("remarks", "target_id,tag\n1,a\n77,b\n")
    laboratory.make("mine", write_permission="PRIVATE")
    before = importer.files()
    with pytest.raises(Forbidden):
        importer.start("mine", CSV, who="tom")
    with pytest.raises(NotFound):
        importer.start("nothing", CSV)
    assert importer.files() == before
    number = importer.start("mine", CSV + "a,1,2,3\n")
    with laboratory.database.transaction() as session:
        mara = laboratory.people["mara"]
        tables.delete_table(session, laboratory.experiment_id, "mine", mara)
    importer.work()
    assert "was deleted" in str(importer.status("mine", number).error)


def test_who_may_no_more_when_the_rows_are_entered(importer: Importer) -> None:
    laboratory = importer.laboratory
    experiment_id, mara = laboratory.experiment_id, laboratory.people["mara"]
    laboratory.people["mara"] = Annotator(mara.user_id, is_admin=True)  # was one until now
    number = importer.start("cells", CSV + "a,1,2,3\n")

    def refused() -> str:
        importer.work()
        status = importer.status("cells", number)
        assert (status.state, status.of.n_rows) == (JobStatus.FAILED, None)
        return str(status.error)

    with laboratory.database.transaction() as session:
        sharing.unshare_experiment(session, experiment_id, mara.user_id)
    assert "not shared with you" in refused()
    number = importer.start("cells", CSV + "a,1,2,3\n")
    with laboratory.database.transaction() as session:
        sharing.share_experiment(session, experiment_id, mara.user_id, write_access=False)
    assert "not change it" in refused()
    number = importer.start("cells", CSV + "a,1,2,3\n")
    with laboratory.database.transaction() as session:
        session.get_one(User, mara.user_id).is_admin = True
    importer.work()
    assert importer.status("cells", number).of.n_rows == 1
    number = importer.start("cells", CSV + "a,1,2,3\n")
    with laboratory.database.transaction() as session:
        session.get_one(User, mara.user_id).is_active = False
    assert "cannot log in" in refused()


def test_a_request_that_is_sent_again_is_carried_out_once(importer: Importer) -> None:
    sheet = CSV + "a,1,2,3\n"
    first = importer.start("cells", sheet, key="once")
    assert importer.start("cells", sheet, key="once") == first
    with pytest.raises(Conflict, match="another request"):
        importer.start("cells", CSV, key="once")
    assert len(importer.files()) == 1
    importer.work()
    assert importer.laboratory.tags("cells") == {1: "a"}


def test_what_is_killed_enters_nothing_and_leaves_no_file(importer: Importer) -> None:
    laboratory = importer.laboratory
    number = importer.start("cells", CSV + "a,1,2,3\n")
    imports.stop(importer.storage, laboratory.place("cells"), number)
    assert importer.files() == []
    importer.work()
    assert importer.status("cells", number).state is JobStatus.KILLED
    assert laboratory.tags("cells") == {}
    done = importer.start("cells", CSV + "b,1,2,3\n")
    importer.work()
    imports.stop(importer.storage, laboratory.place("cells"), done)
    assert importer.status("cells", done).state is JobStatus.DONE
    # what a failed one leaves is removed with the next, and what is not known yet stays
    importer.failed("cells", CSV + "b\n")
    sent = imports.receive(importer.storage, [b"x"])
    assert importer.done("cells", CSV + "b,1,2,3\n") == 1
    assert importer.files() == [sent.path]


def test_killed_at_any_moment_rows_are_entered_once(importer: Importer, monkeypatch: Any) -> None:
    monkeypatch.setattr(row_files, "_AT_ONCE", 5)
    laboratory = importer.laboratory
    sheet = CSV + "".join(f"{n},{n},2,3\n" for n in range(20))
    importer.start("cells", sheet)
    with killed_at(laboratory.database, 10**9) as n_moments:
        importer.work()
    laboratory.make("others")
    number = importer.start("others", sheet)
    moments = sorted(random.Random(5).sample(range(n_moments[0]), 8))  # noqa: S311 - no secrets
    n_killed = 0
    for moment in [*moments, 10**9]:
        importer.find_lost_jobs()
        try:
            with killed_at(laboratory.database, moment):
                importer.work()
        except Killed:
            n_killed += 1
            importer.queue.interactive_ids.clear()
        n_rows = importer.status("others", number).of.n_rows
        assert len(laboratory.read("others")) == (n_rows or 0)
    assert n_killed > 3, (n_killed, moments)
    assert importer.status("others", number).state is JobStatus.DONE
    assert [row.values for row in laboratory.read("others")] == [
        row.values for row in laboratory.read("cells")
    ]
