"""How the tests are shared out among processes."""

import secrets
from pathlib import Path

import pytest

from tests import parallel


@pytest.fixture(params=["sqlite"])
def installation(request: pytest.FixtureRequest) -> str:
    """Stands for a running product, whose tests are told by the name."""
    kind: str = request.param
    return kind


def test_tests_of_a_module_stay_together(request: pytest.FixtureRequest) -> None:
    assert parallel.group(request.node) == "tests/test_parallel.py"


def test_tests_of_a_running_product_stay_together(
    installation: str, request: pytest.FixtureRequest
) -> None:
    assert parallel.group(request.node) == f"installation-{installation}"
    assert request.node.get_closest_marker("slow")


def test_what_all_need_is_made_once_and_whole(pytestconfig: pytest.Config) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("half" if len(made) == 1 else "whole")
        if len(made) == 1:
            raise OSError("The disk is full.")

    name = secrets.token_hex(4)
    with pytest.raises(OSError, match="full"):
        parallel.made_once(pytestconfig, name, make)
    assert parallel.made_once(pytestconfig, name, make).read_text() == "whole"
    assert parallel.made_once(pytestconfig, name, make).read_text() == "whole"
    assert len(made) == 2
