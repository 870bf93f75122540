"""All microscope types, each with what its own test says about it."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tmlib.errors import BadInput
from tmlib.microscopes import ImageMetadata, PatternError, get, names, recognise, types

DOCUMENT = Path(__file__).parents[3] / "docs" / "microscopes.md"
MODULES = [module.name for module in pkgutil.iter_modules(types.__path__)]


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"tmlib.microscopes.types.{request.param}")


@pytest.fixture
def examples(module: ModuleType) -> ModuleType:
    """The test of a type, which has examples of names."""
    short = module.__name__.rpartition(".")[2]
    return importlib.import_module(f"tests.tmlib.microscopes.types.test_{short}")


def test_every_module_is_a_type(module: ModuleType) -> None:
    assert get(module.MICROSCOPE.name) is module.MICROSCOPE
    assert len(names()) == len(MODULES)


def test_a_type_claims_its_own_files(module: ModuleType, examples: ModuleType) -> None:
    microscope = module.MICROSCOPE
    for name in examples.EXAMPLES:
        assert microscope.is_image(name), name
        assert not microscope.is_metadata(name), name
    for name in examples.METADATA_FILES:
        assert microscope.is_metadata(name), name
        assert not microscope.is_image(name), name
    for name in examples.OTHER_FILES:
        assert not microscope.is_image(name), name
        assert not microscope.is_metadata(name), name


def test_a_type_reads_its_own_names(module: ModuleType, examples: ModuleType) -> None:
    microscope = module.MICROSCOPE
    if microscope.image_pattern is None:
        with pytest.raises(PatternError, match="named groups"):
            microscope.read_names(examples.EXAMPLES)
        return
    images = microscope.read_names(examples.EXAMPLES)
    assert images == {
        name: ImageMetadata(name, well, channel, tpoint, zplane, site)
        for name, (well, channel, tpoint, zplane, site) in examples.EXAMPLES.items()
    }
    assert microscope.name in recognise(list(examples.EXAMPLES))


def test_a_type_is_documented(module: ModuleType, examples: ModuleType) -> None:
    microscope = module.MICROSCOPE
    example = next(iter(examples.EXAMPLES))
    cells = [
        microscope.name,
        microscope.image_pattern,
        example,
        microscope.metadata_pattern,
        "up" if microscope.reverse_rows else "down",
    ]
    texts = ["" if cell is None else f"`{cell}`".replace("|", r"\|") for cell in cells]
    texts[-1] = texts[-1].strip("`")
    assert f"| {' | '.join(texts)} |" in DOCUMENT.read_text()


def test_only_known_types_are_recognised() -> None:
    assert recognise(["holiday.jpg", "notes.txt"]) == []
    assert recognise(["AS_1_D03f00d0.tif", "AS_1_D03f01d0.tif", "x.txt"]) == ["cellomics"]


def test_unknown_types_are_refused_with_the_closest() -> None:
    with pytest.raises(BadInput, match='"cellvoyger": did you mean "cellvoyager"'):
        get("cellvoyger")
    with pytest.raises(BadInput, match=r"\?\?\?.: use one of axio"):
        get("???")


def test_the_documented_example_of_a_type_works() -> None:
    code, lists, *_ = DOCUMENT.read_text().split("```python\n")[1:]
    type_of_example: dict[str, Any] = {}
    exec(code.partition("```")[0], type_of_example)  # noqa: S102 - the project's own document
    exec(lists.partition("```")[0], type_of_example)  # noqa: S102 - see above
    microscope = type_of_example["MICROSCOPE"]
    for name, values in type_of_example["EXAMPLES"].items():
        assert microscope.is_image(name)
        assert microscope.read_names([name])[name] == ImageMetadata(name, *values)
    assert not any(map(microscope.is_image, type_of_example["OTHER_FILES"]))
