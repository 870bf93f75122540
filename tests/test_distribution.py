"""What is installed from a wheel is all that the product needs."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("tmclient", "tmlib", "tmserver", "workers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel that is built from what the repository holds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    left_out = shutil.ignore_patterns("node_modules", "__pycache__", "src", "test")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, timeout=240)
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_everything_that_is_imported_or_read_is_there(wheel: set[str]) -> None:
    viewer = ROOT / "tmserver" / "viewer"
    expected = {
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and viewer not in path.parents and "__pycache__" not in path.parts
    }
    assert expected - wheel == set()


def test_the_viewer_is_there_as_it_was_built(wheel: set[str]) -> None:
    dist = ROOT / "tmserver" / "viewer" / "dist"
    built = {path.relative_to(ROOT).as_posix() for path in dist.rglob("*") if path.is_file()}
    assert built
    assert built <= wheel
    assert not [name for name in wheel if name.startswith("tmserver/viewer/src")]
