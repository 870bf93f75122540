"""What is wrong is told in the words of pydantic 1, as pydantic 1 itself has them."""

from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import v1
from pydantic_core import ErrorDetails

from tmserver.ispyb.wording import reworded


class Way(Enum):
    UP = "up"
    DOWN = "down"
    NONE = "none"


def refuse_bad(text: str) -> str:
    if text == "bad":
        raise ValueError("it is bad")
    return text


class Old(v1.BaseModel):
    number: int = v1.Field(1, ge=1, le=5)
    share: float = v1.Field(0.5, gt=0.1, lt=0.9)
    is_on: bool = False
    text: str = v1.Field("aa", min_length=2, max_length=3, regex="^[a-z]+$")
    numbers: list[int] = v1.Field([1], min_items=1, max_items=2)
    by_name: dict[str, int] = {}
    way: Way = Way.UP
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    document: v1.Json[Any] = None
    check = v1.validator("text", allow_reuse=True)(lambda text: refuse_bad(text))


class New(pydantic.BaseModel):
    number: Annotated[int, pydantic.Field(ge=1, le=5)] = 1
    share: Annotated[float, pydantic.Field(gt=0.1, lt=0.9)] = 0.5
    is_on: bool = False
    text: Annotated[str, pydantic.Field(min_length=2, max_length=3, pattern="^[a-z]+$")] = "aa"
    numbers: Annotated[list[int], pydantic.Field(min_length=1, max_length=2)] = [1]
    by_name: dict[str, int] = {}
    way: Literal["up", "down", "none"] = "up"
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    document: pydantic.Json[Any] = None

    @pydantic.field_validator("text")
    @classmethod
    def check(cls, text: str) -> str:
        return refuse_bad(text)


WRONG: dict[str, tuple[Any, ...]] = {
    "number": (0, 6, "x", [], None),
    "share": (0.1, 0.9, "x", [], None),
    "is_on": ("perhaps", [], None),
    "text": ("a", "aaaa", "A1", [], None, "bad"),
    "numbers": ([], [1, 2, 3], 3, None, ["x"]),
    "by_name": (3, None, {"a": "x"}),
    "way": ("left", None),
    "at": ("soon", [], None, "2026-13-01"),
    "document": ("[", []),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_each_problem_is_told_as_pydantic_1_would(name: str, value: Any) -> None:
    with pytest.raises(v1.ValidationError) as old:
        Old(**{name: value})
    with pytest.raises(pydantic.ValidationError) as new:
        New(**{name: value})
    expected = [(one["type"], one["msg"]) for one in old.value.errors()]
    problems = [
        ErrorDetails(**{**one, "loc": ("query", *one["loc"])}) for one in new.value.errors()
    ]
    assert [reworded(problem) for problem in problems] == expected
