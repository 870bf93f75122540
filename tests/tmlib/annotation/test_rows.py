"""Rows of annotation tables: numbers, versions, references, and what is refused."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tmlib.annotation import reading, tables
from tmlib.annotation.boxes import Box
from tmlib.annotation.conditions import Condition
from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import (
    Annotation,
    AnnotationRequest,
    AnnotationTable,
    AnnotationTargetChange,
)
from tmlib.db import Database
from tmlib.db.spatial import ANNOTATIONS_RTREE
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments import deletion


def test_numbers_go_on_from_the_greatest(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    assert laboratory.post("cells", tagged("a"), tagged("b")) == [1, 2]
    assert laboratory.post("cells", tagged("c", id=100), tagged("d")) == [100, 101]
    assert laboratory.post("cells", tagged("e", id=50), tagged("f", id=0)) == [50, 102]
    # whoever asks for the number gets it, whoever asks for none gets another
    assert laboratory.post("cells", tagged("g"), tagged("h", id=103)) == [104, 103]
    assert laboratory.update("cells", {"id": 1, "tag": "A"}) == {1: 105}
    assert [row.id for row in laboratory.read("cells")] == [2, 50, *range(100, 106)]


def test_there_are_always_greater_numbers(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    with pytest.raises(InvalidRows, match=rf"less than or equal to {2**52}"):
        laboratory.post("cells", tagged("a", id=2**52 + 1))
    laboratory.post("cells", tagged("a", id=2**52))
    assert laboratory.post("cells", tagged("b")) == [2**52 + 1]
    assert laboratory.update("cells", {"id": 2**52 + 1, "tag": "c"}) == {2**52 + 1: 2**52 + 2}
    assert len(laboratory.read("cells", ids=[2**52 + 2])) == 1
    with laboratory.database.transaction() as session:
        tables.find_table(session, laboratory.experiment_id, "cells").next_id = 2**53
    with pytest.raises(Conflict, match="no numbers left"):
        laboratory.post("cells", tagged("d"), tagged("e"))
    assert laboratory.post("cells", tagged("d")) == [2**53]


def test_derived_points_have_whole_numbers_besides(laboratory: Laboratory) -> None:
    laboratory.make("cells", "derived_tag")
    point = {"position": [1, 2, 3], "dependent_chunk": 2**63 - 1, "root_id": "not kept"}
    [first] = laboratory.post("cells", {"pt": {**point, "level": -5}, "tag": "a"})
    [row] = laboratory.read("cells")
    assert row.values == {
        "pt_position": [1, 2, 3],
        "pt_level": -5,
        "pt_dependent_chunk": 2**63 - 1,
        "tag": "a",
    }
    laboratory.update("cells", {**row.values, "id": first, "tag": "b"})
    assert [again.values for again in laboratory.read("cells")] == [{**row.values, "tag": "b"}]
    laboratory.update("cells", {"id": 2, "pt": point})
    assert laboratory.read("cells")[0].values["pt_level"] is None
    for change, message in (
        ({"dependent_chunk": None}, "dependent_chunk.*integer"),
        ({"dependent_chunk": 2**63}, "dependent_chunk.*less than"),
        ({"level": {"a": 1}}, "level.*integer"),
        ({"level": -(2**63)}, "level.*greater than"),
    ):
        with pytest.raises(InvalidRows, match=message):
            laboratory.post("cells", {"pt": {**point, **change}, "tag": "a"})
    with pytest.raises(InvalidRows, match=r"dependent_chunk.*missing"):
        laboratory.post("cells", {"pt": {"position": [1, 2, 3]}, "tag": "a"})


def test_what_is_not_named_is_kept(laboratory: Laboratory) -> None:
    laboratory.make("nuclei", "nucleus_detection")
    corner = {"position": [0.5, -1, 7]}
    [row] = laboratory.post("nuclei", {"pt": {"position": [1, 2, 3]}, "bb_start": corner})
    new = laboratory.update("nuclei", {"id": row, "volume": 12})[row]
    newest = laboratory.update("nuclei", {"id": new, "bb_start": None})[new]
    found = {row.id: row for row in laboratory.read("nuclei", with_invalid=True)}
    assert found[new].values == {
        "pt_position": [1, 2, 3],
        "bb_start_position": [0.5, -1, 7],
        "bb_end_position": None,
        "volume": 12.0,
    }
    assert found[newest].values["bb_start_position"] is None
    assert (found[row].superseded_by, found[new].supersedes) == (new, row)


def test_rows_may_be_sent_back_as_they_are_shown(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    [first] = laboratory.post("cells", {"pt_position": [1, 2, 3], "tag": "a", "valid": False})
    [row] = laboratory.read("cells")
    laboratory.update("cells", {**row.values, "id": first, "created": "-", "tag": "b"})
    assert [row.values for row in laboratory.read("cells")] == [
        {"pt_position": [1, 2, 3], "tag": "b"}
    ]


def test_the_server_says_who_has_made_a_row(laboratory: Laboratory) -> None:
    laboratory.make("cells", "bound_tag_user")
    laboratory.post("cells", tagged("a", user_id=99), who="tom")
    [row] = laboratory.read("cells")
    assert row.values["user_id"] == row.user_id == laboratory.people["tom"].user_id


def test_history_tells_who_has_changed_what(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    laboratory.post("cells", tagged("a"))
    laboratory.update("cells", {"id": 1, "tag": "b"}, who="tom")
    laboratory.delete("cells", 2, who="eve")
    deleted = laboratory.moment("cells")
    assert laboratory.delete("cells", 2) == [2]
    # what was deleted can be taken up again
    laboratory.update("cells", {"id": 2, "tag": "c"})
    with laboratory.database.session() as session:
        table = tables.find_table(session, laboratory.experiment_id, "cells")
        schema = find_schema(session, table.schema_name)
        for number in (1, 2, 3):
            states = reading.history(session, table, schema, number)
            assert [row.values["tag"] for row in states] == ["a", "b", "c"]
        with pytest.raises(NotFound, match="no annotation 4"):
            reading.history(session, table, schema, 4)
    mara, tom, eve = (laboratory.people[name].user_id for name in ("mara", "tom", "eve"))
    assert [(row.user_id, row.deleted_by) for row in states] == [
        (mara, tom),
        (tom, eve),
        (mara, None),
    ]
    assert states[1].deleted_at == deleted


INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"pt": {"position": [1, 2, float("nan")]}, "tag": "a"}, "pt.position.2", "finite"),
    ({"pt": {"position": [float("inf"), 2, 3]}, "tag": "a"}, "pt.position.0", "finite"),
    ({"pt": {"position": [1, "x", 3]}, "tag": "a"}, "pt.position.1", "number"),
    ({"pt": {"position": [1, 2]}, "tag": "a"}, "pt.position", "at least 3"),
    ({"pt": {"position": [1, 2, 3, 4]}, "tag": "a"}, "pt.position", "at most 3"),
    ({"pt": {"position": [1, 2, 3], "colour": 1}, "tag": "a"}, "pt.colour", "unknown"),
    ({"tag": "a"}, "pt", "missing"),
    ({"pt": None, "tag": "a"}, "pt", "dictionary"),
    (tagged("a", zzz=1), "zzz", "unknown"),
    ({"pt": {"position": [1, 2, 3]}, "tag": 5}, "tag", "string"),
    ({"pt": {"position": [1, 2, 3]}, "tag": "\0"}, "tag", "NUL"),
    (tagged("a", id=-1), "id", "greater than or equal"),
    (tagged("a", id="x"), "id", "integer"),
    (tagged("a", id=7), "id", "row 0 has the id 7"),
]


@pytest.mark.parametrize(("row", "field", "message"), INVALID)
def test_one_bad_row_keeps_all_out(
    laboratory: Laboratory, row: dict[str, Any], field: str, message: str
) -> None:
    laboratory.make("cells")
    with pytest.raises(InvalidRows, match=rf'Row 1 .*"{field}".*{message}') as caught:
        laboratory.post("cells", tagged("good", id=7), row)
    assert caught.value.details["errors"][0]["row"] == 1
    assert laboratory.read("cells") == []


def test_what_cannot_be_updated_leaves_all_as_it_was(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    laboratory.post("cells", tagged("a"), tagged("b"))
    laboratory.update("cells", {"id": 1, "tag": "A"})
    before = laboratory.read("cells", with_invalid=True)
    good = {"id": 2, "tag": "B"}
    for row, error, message in (
        ({"id": 1, "tag": "x"}, Conflict, "superseded by annotation ID 3"),
        ({"id": 9, "tag": "x"}, NotFound, "no annotation 9"),
        ({"tag": "x"}, InvalidRows, 'Row 1 .*"id"'),
        ({"id": 3, "tag": None}, InvalidRows, 'Row 1 .*"tag"'),
        ({"id": 2, "tag": "x"}, InvalidRows, "named twice"),
    ):
        with pytest.raises(error, match=message):
            laboratory.update("cells", good, row)
    with pytest.raises(Conflict, match="an annotation 2 in table cells already"):
        laboratory.post("cells", tagged("x"), tagged("x", id=2))
    with pytest.raises(NotFound, match=r"annotation_id \[99\] not in table cells"):
        laboratory.delete("cells", 99)
    assert laboratory.read("cells", with_invalid=True) == before


def test_references_follow_their_targets_where_the_table_says_so(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    laboratory.post("cells", tagged("a"), tagged("b"))
    for name, tracks in (("follows", True), ("stays", False)):
        laboratory.make(name, "reference_tag", reference_table="cells", tracks_targets=tracks)
        laboratory.post(name, {"target_id": 1, "tag": "x"}, {"target_id": 2, "tag": "y"})
    before = laboratory.moment("follows")
    laboratory.update("cells", {"id": 1, "tag": "A"})
    laboratory.update("cells", {"id": 3, "tag": "AA"})
    laboratory.delete("cells", 2)

    def targets(name: str, **which: Any) -> list[int]:
        return [row.values["target_id"] for row in laboratory.read(name, **which)]

    assert targets("stays") == [1, 2]
    assert targets("follows") == [4, 2]
    assert targets("follows", as_of=before) == [1, 2]
    then = (Condition("target_id", "eq", 1),)
    assert len(targets("follows", as_of=before, conditions=then)) == 1
    assert targets("follows", conditions=then) == []
    with pytest.raises(InvalidRows, match=r'Row 1 .*"target_id".*no 99 in table cells'):
        laboratory.post("follows", {"target_id": 1, "tag": "x"}, {"target_id": 99, "tag": "x"})


def test_a_request_that_comes_again_is_carried_out_once(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    assert laboratory.post("cells", tagged("a"), key="first") == [1]
    assert laboratory.post("cells", tagged("a"), key="first") == [1]
    assert laboratory.post("cells", tagged("a"), key="first", who="tom") == [2]
    with pytest.raises(Conflict, match='"first" has come with another request'):
        laboratory.post("cells", tagged("b"), key="first")
    for _ in range(2):
        assert laboratory.update("cells", {"id": 1, "tag": "A"}, key="second") == {1: 3}
    with pytest.raises(BadInput, match="idempotency key"):
        laboratory.post("cells", tagged("b"), key="")


def test_several_at_once_share_no_number_and_lose_no_row(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    found: list[list[int]] = []

    def work() -> None:
        for _ in range(5):
            found.append(laboratory.post("cells", *(tagged("a") for _ in range(20))))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = sorted(number for ids in found for number in ids)
    assert numbers == list(range(1, 401))
    assert [row.id for row in laboratory.read("cells")] == numbers


def test_rows_are_found_by_what_they_hold_and_where_they_are(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    laboratory.make("others")
    places = [(x, y) for x in (0, 10.25, 1e7) for y in (-5, 5)]
    sent = [tagged(f"{x}|{y}", x=x, y=y, z=n % 2) for n, (x, y) in enumerate(places)]
    laboratory.post("cells", *sent)
    laboratory.post("others", *sent)
    laboratory.delete("cells", 2)
    everywhere = Box(-1e9, -1e9, 0, 1e9, 1e9, 1)

    def numbers(**which: Any) -> list[int]:
        return [row.id for row in laboratory.read("cells", **which)]

    assert numbers(box=everywhere) == [1, 3, 4, 5, 6]
    assert numbers(box=everywhere, with_invalid=True) == [1, 2, 3, 4, 5, 6]
    assert numbers(box=Box(10.25, -5, 0, 10.25, 5, 1)) == [3, 4]
    # single precision cannot tell these apart
    assert numbers(box=Box(1e7 + 1e-3, -5, 0, 2e7, 5, 1)) == []
    assert numbers(box=everywhere._replace(min_z=1)) == [4, 6]
    assert numbers(conditions=(Condition("tag", "in", ["0|-5", "0|5"]),)) == [1]
    assert numbers(conditions=(Condition("tag", "contains", "10.25"),)) == [3, 4]
    assert numbers(conditions=(Condition("id", "gt", 4),), limit=1) == [5]
    assert numbers(after=3) == [4, 5, 6]
    assert numbers(ids=[6, 2, 1, 99]) == [1, 6]
    assert numbers(user_id=laboratory.people["tom"].user_id) == []
    assert numbers(created_since=laboratory.moment("cells")) == []
    for condition, message in (
        (Condition("pt", "eq", 1), 'no values "pt"'),
        (Condition("tag", "in", "a"), "list"),
        (Condition("tag", "eq", 1), "string"),
        (Condition("id", "contains", "1"), "no text"),
    ):
        with pytest.raises(BadInput, match=message):
            numbers(conditions=(condition,))
    with pytest.raises(BadInput, match='no point "tag"'):
        numbers(box=everywhere, field="tag")


def test_a_limit_is_of_all_rows_that_are_asked_for(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    ids = laboratory.post("cells", *(tagged("a") for _ in range(10_002)))
    assert [row.id for row in laboratory.read("cells", ids=ids, limit=3)] == ids[:3]
    assert len(laboratory.read("cells", ids=ids, limit=10_001)) == 10_001


def test_the_points_of_a_row_are_looked_for_one_by_one(laboratory: Laboratory) -> None:
    laboratory.make("synapses", "nocleft_synapse")
    far_apart = {"pre_pt": {"position": [0, 0, 0]}, "post_pt": {"position": [100, 100, 0]}}
    laboratory.post("synapses", far_apart | {"score": 0.5})
    between, first = Box(40, 40, 0, 60, 60, 0), Box(-1, -1, 0, 1, 1, 0)
    assert laboratory.read("synapses", box=between) == []
    assert len(laboratory.read("synapses", box=first)) == 1
    assert len(laboratory.read("synapses", box=first, field="pre_pt")) == 1
    assert laboratory.read("synapses", box=first, field="post_pt") == []
    assert len(laboratory.read("synapses", conditions=(Condition("score", "le", 0.5),))) == 1


def test_numbers_are_kept_as_they_are(laboratory: Laboratory) -> None:
    laboratory.make("cells", "cell_match")
    sent = {
        "pt": {"position": [0.1, -1e15, 2**53]},
        "query_root_id": 2**63 - 1,
        "match_id": 'µ "\\\n\t',
        "score": 1e300,
    }
    laboratory.post("cells", sent, sent | {"score": 5e-324})
    one, other = laboratory.read("cells")
    assert one.values == {
        "pt_position": [0.1, -(10**15), 2**53],
        "query_root_id": 2**63 - 1,
        "match_id": 'µ "\\\n\t',
        "score": 1e300,
        "validation": None,
    }
    assert other.values["score"] == 5e-324


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Posts, updates and deletions of rows by numbers that may exist or not."""
    number = st.integers(1, 12)
    post = st.lists(st.none() | st.none() | st.integers(1, 20), min_size=1, max_size=3)
    change = st.one_of(
        st.tuples(st.just("post"), post),
        st.tuples(st.just("update"), st.lists(number, min_size=1, max_size=3)),
        st.tuples(st.just("delete"), st.lists(number, min_size=1, max_size=3)),
    )
    return draw(st.lists(change, max_size=12))


class Model:
    """What a table should hold, as plainly as it can be said."""

    def __init__(self) -> None:
        self.valid: dict[int, str] = {}
        self.known: set[int] = set()
        self.superseded: set[int] = set()
        self.tags: dict[int, str] = {}

    def enter(self, number: int, tag: str) -> None:
        self.known.add(number)
        self.valid[number] = self.tags[number] = tag

    def post(self, given: list[int | None], tag: str) -> bool:
        explicit = [number for number in given if number]
        if len(set(explicit)) < len(explicit) or self.known & set(explicit):
            return False
        for number in given:
            following = max(self.known, default=0) + 1
            while following in explicit:
                following += 1
            self.enter(number or following, tag)
        return True

    def update(self, ids: list[int], tag: str) -> bool:
        able = self.known - self.superseded
        if len(set(ids)) < len(ids) or not set(ids) <= able:
            return False
        for number in ids:
            self.valid.pop(number, None)
            self.superseded.add(number)
        for _ in ids:
            self.enter(max(self.known) + 1, tag)
        return True

    def delete(self, ids: list[int], tag: str) -> bool:
        for number in ids:
            self.valid.pop(number, None)
        return bool(self.known & set(ids))


_count = iter(range(10**6))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=changes())
def test_a_table_as_of_any_moment_is_what_it_was(
    laboratory: Laboratory, changes: list[tuple[str, Any]]
) -> None:
    name = f"cells_{next(_count)}"
    laboratory.make(name)
    model = Model()
    moments = [(laboratory.moment(name), dict(model.valid))]
    for step, (action, ids) in enumerate(changes):
        tag = f"step {step}"
        sent: list[Any] = {
            "post": [tagged(tag, id=number) for number in ids],
            "update": [{"id": number, "tag": tag} for number in ids],
            "delete": ids,
        }[action]
        went_well = getattr(model, action)(ids, tag)
        try:
            getattr(laboratory, action)(name, *sent)
        except (Conflict, InvalidRows, NotFound):
            assert not went_well
        else:
            assert went_well
            moments.append((laboratory.moment(name), dict(model.valid)))
    for moment, expected in moments:
        assert laboratory.tags(name, as_of=moment) == expected
    assert laboratory.tags(name) == model.valid
    everything = laboratory.tags(name, with_invalid=True)
    assert everything == model.tags


def test_tables_go_with_their_experiment(
    laboratory: Laboratory, database: Database, tmp_path: Path
) -> None:
    laboratory.make("cells")
    laboratory.make("tags", "reference_tag", reference_table="cells", tracks_targets=True)
    laboratory.post("cells", tagged("a"), key="first")
    laboratory.post("tags", {"target_id": 1, "tag": "x"})
    laboratory.update("cells", {"id": 1, "tag": "b"})
    with database.transaction() as session:
        deletion.hide(session, laboratory.experiment_id)
    deletion.finish(database, tmp_path, 60)
    with database.session() as session:
        for model in (Annotation, AnnotationRequest, AnnotationTable, AnnotationTargetChange):
            assert session.scalar(select(func.count()).select_from(model)) == 0
        if database.is_sqlite:
            boxes = text(f"SELECT count(*) FROM {ANNOTATIONS_RTREE}")  # noqa: S608 - a constant
            assert session.scalar(boxes) == 0
