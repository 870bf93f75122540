"""What tests of files share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed, in order."""
    taken: list[str] = []
    fsync, replace = os.fsync, os.replace

    def name_of(path: Path) -> str:
        return "draft" if path.suffix == ".tmp" else path.name

    def noting_fsync(descriptor: int) -> None:
        fsync(descriptor)
        taken.append(f"sync {name_of(Path(f'/proc/self/fd/{descriptor}').readlink())}")

    def noting_replace(source: Path, target: Path) -> None:
        replace(source, target)
        taken.append(f"{name_of(source)} -> {name_of(target)}")

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    return taken
