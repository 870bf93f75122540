"""Conditions on the fields of annotations: on both databases alike, and refused if senseless."""

from typing import Any

import pytest

from tests.tmlib.annotation.conftest import Laboratory, tagged
from tmlib.annotation import known_schemas
from tmlib.annotation.conditions import MOST_VALUES, Comparison, Condition
from tmlib.errors import BadInput

LARGE = 2**63 - 1


def numbers(
    laboratory: Laboratory, name: str, field: str, comparison: Comparison, value: Any
) -> list[int]:
    conditions = (Condition(field, comparison, value),)
    return [row.id for row in laboratory.read(name, conditions=conditions)]


@pytest.fixture
def counted(laboratory: Laboratory) -> Laboratory:
    """A laboratory with a table of counts, which no schema of CAVE has."""
    definition: dict[str, Any] = {
        "properties": {
            "count": {"type": "integer"},
            "seen": {"type": "boolean"},
            "size": {"type": "number"},
        }
    }
    with laboratory.database.transaction() as session:
        known_schemas.add_schema(session, 1, "counts", definition)
    laboratory.make("counts", "counts")
    laboratory.post(
        "counts",
        {"count": 2**31, "seen": True, "size": 1e300},
        {"count": -LARGE, "seen": False, "size": -0.5},
        {"count": 7},
        {"count": LARGE},
    )
    return laboratory


@pytest.mark.parametrize(
    ("field", "comparison", "value", "expected"),
    [
        ("count", "eq", 2**31, [1]),
        ("count", "in", [LARGE, -LARGE], [2, 4]),
        ("count", "gt", 7, [1, 4]),
        ("count", "lt", LARGE, [1, 2, 3]),
        ("id", "lt", LARGE, [1, 2, 3, 4]),
        ("seen", "eq", True, [1]),
        ("seen", "ne", True, [2]),
        ("seen", "in", [True, False], [1, 2]),
        ("size", "gt", -1, [1, 2]),
    ],
)
def test_values_are_compared(
    counted: Laboratory, field: str, comparison: Comparison, value: Any, expected: list[int]
) -> None:
    assert numbers(counted, "counts", field, comparison, value) == expected


@pytest.mark.parametrize(
    ("field", "comparison", "value", "message"),
    [
        ("seen", "lt", True, "greater nor less"),
        ("seen", "ge", False, "greater nor less"),
        ("seen", "eq", None, "boolean"),
        ("count", "eq", None, "integer"),
        ("count", "not_in", [7, None], "integer"),
        ("count", "lt", 2**63, "less than or equal"),
        ("size", "lt", None, "number"),
        ("size", "lt", float("nan"), "finite"),
        ("count", "in", [7] * (MOST_VALUES + 1), f"{MOST_VALUES + 1} values"),
    ],
)
def test_senseless_conditions_are_refused(
    counted: Laboratory, field: str, comparison: Comparison, value: Any, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        numbers(counted, "counts", field, comparison, value)


def test_texts_are_compared_letter_for_letter(laboratory: Laboratory) -> None:
    laboratory.make("cells")
    tags = ["a", "A", "B", "_b", "é", "50% a_b", "50 aXb", "a\\b", "[a]*?", ""]
    laboratory.post("cells", *map(tagged, tags))

    def found(comparison: Comparison, value: str) -> list[str]:
        return [tags[row - 1] for row in numbers(laboratory, "cells", "tag", comparison, value)]

    for part in ("a", "A", "%", "_", "\\", "[a]", "*", "?", "é", "b", "\\b", ""):
        assert found("contains", part) == [tag for tag in tags if part in tag]
    for tag in tags:
        assert found("lt", tag) == [other for other in tags if other < tag]
        assert found("ge", tag) == [other for other in tags if other >= tag]
    for comparison in ("eq", "contains"):
        with pytest.raises(BadInput, match="NUL"):
            found(comparison, "a\0")
    with pytest.raises(BadInput, match="string"):
        numbers(laboratory, "cells", "tag", "contains", None)
    assert found("contains", "a" * 6000) == []
