"""Annotation tables: names, references, who may, and what deletion leaves."""

import pytest

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tmlib.accounts import groups
from tmlib.annotation import known_schemas, mapobject_tables, tables
from tmlib.annotation.tables import Annotator, TableChange
from tmlib.errors import BadInput, Conflict, Forbidden, NotFound
from tmlib.objects.mapobject_types import ensure_mapobject_type


@pytest.mark.parametrize("name", ["", "Cells", "1cells", "ce-lls", "cells\n", "_", "a" * 101, "µ"])
def test_names_that_cannot_be_used_are_refused(laboratory: Laboratory, name: str) -> None:
    with pytest.raises(BadInput, match="Table name error"):
        laboratory.make(name)


def test_a_table_needs_what_its_schema_says(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    for error, message, name, options in (
        (Conflict, "Table cells already exists", "cells", {}),
        (BadInput, "Schema type: nope is not a known", "a", {"schema": "nope"}),
        (BadInput, "must be a ReferenceAnnotation", "a", {"reference_table": "cells"}),
        (BadInput, "must be supplied", "a", {"schema": "reference_tag"}),
        (BadInput, "itself", "a", {"schema": "reference_tag", "reference_table": "a"}),
        (
            BadInput,
            "No table named 'zzz' exists",
            "a",
            {"schema": "reference_tag", "reference_table": "zzz"},
        ),
        (BadInput, "no user 99", "a", {"owner_id": 99}),
    ):
        with pytest.raises(error, match=message):
            laboratory.make(name, **options)
    assert laboratory.make("b", owner_id=laboratory.people["tom"].user_id).user_id == (
        laboratory.people["tom"].user_id
    )


def test_rows_may_refer_to_mapobjects(laboratory: Laboratory) -> None:
    with laboratory.database.transaction() as session:
        expected = {}
        for name, shown in (
            ("big-cells 3", "mapobjects_big_cells_3"),
            ("Big Cells", "mapobjects_big_cells"),
            # with its number it would have the name of the first
            ("big cells", "mapobjects_big_cells_3_3"),
            ("Big-Cells", "mapobjects_big_cells_4"),
        ):
            ensure_mapobject_type(session, laboratory.experiment_id, name, "Site")
            # those that were there keep their names
            expected[shown] = name
            found = mapobject_tables.names(session, laboratory.experiment_id)
            assert {shown: one.name for shown, one in found.items()} == expected
    laboratory.make("remarks", "reference_tag", reference_table="mapobjects_big_cells")
    with pytest.raises(BadInput, match="no 7 in table mapobjects_big_cells"):
        laboratory.post("remarks", {"target_id": 7, "tag": "odd"})
    with pytest.raises(BadInput, match="no such mapobject type"):
        laboratory.make("others", "reference_tag", reference_table="mapobjects_nuclei")
    with pytest.raises(BadInput, match="begin with mapobjects_"):
        laboratory.make("mapobjects_mine")


def test_a_deleted_table_is_gone_and_its_name_is_kept(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    laboratory.post("cells", tagged("a"))
    before = laboratory.moment("cells")
    experiment_id, mara = laboratory.experiment_id, laboratory.people["mara"]
    with laboratory.database.transaction() as session:
        with pytest.raises(Forbidden, match="not the owner"):
            tables.delete_table(session, experiment_id, "cells", laboratory.people["tom"])
        tables.delete_table(session, experiment_id, "cells", mara)
    with laboratory.database.transaction() as session:
        with pytest.raises(NotFound, match="deleted already"):
            tables.delete_table(session, experiment_id, "cells", mara)
        assert tables.list_tables(session, experiment_id) == []
        assert len(tables.list_tables(session, experiment_id, with_deleted=True)) == 1
        assert len(tables.list_tables(session, experiment_id, as_of=before)) == 1
    for use in (laboratory.read, lambda name: laboratory.post(name, tagged("b"))):
        with pytest.raises(NotFound, match="Table cells was deleted"):
            use("cells")
    with pytest.raises(Conflict, match="already exists"):
        laboratory.make("cells")
    with pytest.raises(BadInput, match="was deleted"):
        laboratory.make("tags", "reference_tag", reference_table="cells")


MAY = {
    ("PRIVATE", "mara"): True,
    ("PRIVATE", "tom"): False,
    ("PRIVATE", "eve"): False,
    ("GROUP", "mara"): True,
    ("GROUP", "tom"): True,
    ("GROUP", "eve"): False,
    ("PUBLIC", "mara"): True,
    ("PUBLIC", "tom"): True,
    ("PUBLIC", "eve"): True,
}


def test_owners_groups_and_others_may_what_the_table_says(laboratory: Laboratory) -> None:
    """Tom is in a group with Mara, whose table it is, and Eve is in none."""
    mara, tom = laboratory.people["mara"], laboratory.people["tom"]
    with laboratory.database.transaction() as session:
        group = groups.create_group(session, "imaging", mara.user_id)
        groups.put_member(session, group.id, tom.user_id, is_owner=False)
    for reading in ("PRIVATE", "GROUP", "PUBLIC"):
        for writing in ("PRIVATE", "GROUP", "PUBLIC"):
            name = f"{reading}_{writing}".lower()
            laboratory.make(name, read_permission=reading, write_permission=writing)
            for person in laboratory.people:
                for level, use in (
                    (reading, lambda: laboratory.read(name, who=person)),  # noqa: B023 - called at once
                    (writing, lambda: laboratory.post(name, tagged("a"), who=person)),  # noqa: B023 - called at once
                ):
                    if MAY[level, person]:
                        use()
                    else:
                        with pytest.raises(Forbidden, match=name):
                            use()
            administrator = Annotator(laboratory.people["eve"].user_id, is_admin=True)
            with laboratory.database.session() as session:
                tables.open_table(session, laboratory.experiment_id, name, administrator, "write")


def test_a_table_can_be_given_away(laboratory: Laboratory) -> None:
    laboratory.make("cells", write_permission="PRIVATE", notice="careful")
    change = TableChange(owner_id=laboratory.people["tom"].user_id, notice="")
    with laboratory.database.transaction() as session:
        table = tables.update_table(
            session, laboratory.experiment_id, "cells", laboratory.people["mara"], change
        )
        assert table.notice is None
    laboratory.post("cells", tagged("a"), who="tom")
    with pytest.raises(Forbidden, match="by its owner"):
        laboratory.post("cells", tagged("a"))


def test_a_schema_of_a_lab_is_used_like_others(laboratory: Laboratory) -> None:
    definition: dict[str, object] = {
        "properties": {
            "pt": {"$ref": "#/definitions/BoundSpatialPoint"},
            "phase": {
                "type": ["string", "null"],
                "enum": ["prophase", "anaphase", None],
                "default": "prophase",
            },
        },
        "required": ["pt", "phase"],
    }
    with laboratory.database.transaction() as session:
        known_schemas.add_schema(session, 1, "mitosis", definition)
        with pytest.raises(BadInput, match="name of a schema"):
            known_schemas.add_schema(session, 1, "Mitosis", definition)
        with pytest.raises(Conflict, match="schema bound_tag already"):
            known_schemas.add_schema(session, 1, "bound_tag", definition)
        with pytest.raises(BadInput, match="cannot be used"):
            known_schemas.add_schema(
                session, 1, "wrong", {"properties": {"a": {"type": "string", "enum": [1]}}}
            )
        assert list(known_schemas.list_schemas(session))[-1] == "mitosis"
    with (
        pytest.raises(Conflict, match="schema mitosis already"),
        laboratory.database.transaction() as session,
    ):
        known_schemas.add_schema(session, 1, "mitosis", definition)
    laboratory.make("dividing", "mitosis")
    position = {"pt": {"position": [1, 2, 3]}}
    laboratory.post("dividing", position | {"phase": "anaphase"})
    with pytest.raises(BadInput, match="'prophase' or 'anaphase'"):
        laboratory.post("dividing", position | {"phase": "lunch"})
