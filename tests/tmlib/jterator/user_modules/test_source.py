"""What a module of a user takes and gives is read from its text, of which nothing runs."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tmlib.jterator.user_modules.projects import SOURCE, project
from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project
from tmlib.jterator.user_modules.source import MAX_BYTES, MAX_MODULES, read_module

SHIPPED = Path(registry.__file__).parent
# bounds that are imported, and models, are for shipped modules only
MORE_THAN_ALLOWED = {"segment_cellpose", "segment_instanseg", "segment_nuclei"}


@pytest.mark.parametrize("name", sorted(set(registry.names()) - MORE_THAN_ALLOWED))
def test_the_text_of_every_shipped_module_says_what_running_it_says(name: str) -> None:
    text = (SHIPPED / f"{name}.py").read_text()
    shipped, read = registry.get(name), read_module("brought", text)
    expected = {key: kind for key, kind in shipped.annotations.items() if key != "return"}
    assert str(dict(read.annotations)) == str(expected)
    assert str(dict(read.results)) == str(dict(shipped.results))
    assert read.required == shipped.required
    assert read.version == shipped.version
    assert read.compatible_versions == shipped.compatible_versions
    assert dict(read.inputs) == dict(shipped.inputs)
    assert dict(read.outputs) == dict(shipped.outputs)


def test_nothing_runs_while_a_project_is_checked(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'trap')!r}, 'w').close()\n"
    described = project(
        SOURCE.replace('"""Marks', f'{trap}"""Marks').replace(
            "Field(ge=0)", f"Field(ge=0) if open({str(tmp_path / 'trap')!r}, 'w') else None"
        )
    )
    with pytest.raises(PipelineDescriptionError, match=r'"brighter".*"level".*no type'):
        Project.from_dict(described).check()
    described["modules"]["brighter"] = trap + SOURCE
    Project.from_dict(described).check()
    assert not (tmp_path / "trap").exists()
    assert "brighter" not in sys.modules


def test_a_project_comes_back_exactly_as_description_and_as_files(tmp_path: Path) -> None:
    described = project(SOURCE.replace("\n", "\r\n") + "# é \t")
    brought = Project.from_dict(described)
    assert brought.to_dict() == described
    brought.to_directory(tmp_path)
    assert (tmp_path / "modules" / "brighter.py").is_file()
    assert Project.from_directory(tmp_path).to_dict() == described


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("def main", "def mine", ["lacks a function main"]),
        ("VERSION =", "Version =", ["VERSION"]),
        ("class Output(NamedTuple)", "class Output", ["NamedTuple"]),
        (" -> Output", "", ["NamedTuple"]),
        ("plot: bool", "plot", ['"plot"', "type"]),
        ("image: IntensityImage", "*image: int", ["*"]),
        ("level: Annotated", "level: Anotated", ['"level"', "Anotated"]),
        ("Field(ge=0)", "Field(ge=0, description='x')", ['"level"', "Field"]),
        ("def main(", "def main((", ["no valid Python", "line"]),
        ("VERSION =", "\0VERSION =", ["no valid Python"]),
        ('"0.3.0"', '"0.4.0"', ["0.3.0", "0.4.0"]),
        ("mask: LabelImage", "figures: LabelImage", ['no output "mask"', "figures"]),
        ("mask: LabelImage", "mask: str", ['"mask"', "LabelImage", "Figure"]),
        ("image: IntensityImage", "image: int", ['"image"', "a value", "IntensityImage"]),
    ],
)
def test_what_cannot_be_used_is_named(before: str, after: str, words: list[str]) -> None:
    assert before in SOURCE
    with pytest.raises(PipelineDescriptionError) as caught:
        Project.from_dict(project(SOURCE.replace(before, after, 1))).check()
    assert all(word in caught.value.message for word in ["brighter", *words]), caught.value.message


@pytest.mark.parametrize(
    ("modules", "word"),
    [
        ({"smooth": SOURCE}, "shipped"),
        ({"expand": SOURCE}, "shipped"),
        ({"../evil": SOURCE}, "letters"),
        ({"x" * 64: SOURCE}, "letters"),
        ({"own": "#" * (MAX_BYTES + 1)}, "kB"),
        ({f"own{n}": "" for n in range(MAX_MODULES + 1)}, str(MAX_MODULES)),
        ({"own": b"VERSION"}, "text"),
        ([SOURCE], "text"),
    ],
)
def test_names_and_sizes_have_bounds(modules: Any, word: str) -> None:
    with pytest.raises(PipelineDescriptionError, match=word):
        Project.from_dict(project() | {"modules": modules})


def test_names_for_types_are_understood_and_end_somewhere() -> None:
    named = SOURCE.replace("level: Annotated[int, Field(ge=0)]", "level: Level")
    levels = "Level = Annotated[int, Field(ge=0)]\n"
    Project.from_dict(project(named.replace("VERSION", f"{levels}VERSION", 1), level=3)).check()
    circle = "Level = Other | int\nOther = Level | None\n"
    with pytest.raises(PipelineDescriptionError, match='"Level" is no type'):
        Project.from_dict(project(named.replace("VERSION", f"{circle}VERSION", 1))).check()
    doubled = "".join(f"L{n} = L{n + 1} | L{n + 1} | None\n" for n in range(200))
    doubled = f"{doubled}L200 = int\nLevel = L0\n"
    Project.from_dict(project(named.replace("VERSION", f"{doubled}VERSION", 1), level=3)).check()


def test_values_are_checked_against_the_types_in_the_text() -> None:
    Project.from_dict(project(level=3)).check()
    with pytest.raises(PipelineDescriptionError, match=r'"level" of module "brighter".*-1'):
        Project.from_dict(project(level=-1)).check()
