"""What modules need beyond the product is said before anything runs."""

import sys
from typing import Any

import pytest

from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project


def description(model: str) -> dict[str, Any]:
    handles = dict(registry.get("segment_cellpose").handles)
    inputs = [dict(handle) for handle in handles["input"]]
    inputs[0]["key"] = "DNA"
    inputs[1]["value"] = model
    return {
        "pipeline": {
            "input": {"channels": [{"name": "DNA"}]},
            "pipeline": [{"source": "segment_cellpose.py", "handles": "find.handles.yaml"}],
        },
        "handles": {"find": handles | {"input": inputs}},
    }


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PipelineDescriptionError, match=r'"find".*"torch".*deep-learning'):
        Project.from_dict(description("cyto3")).check()


@pytest.mark.parametrize("model", ["../secret", "/etc/passwd", ".hidden", "", "a\0b"])
def test_models_stay_in_their_folder(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setattr(registry.Module, "is_installed", True)
    with pytest.raises(PipelineDescriptionError, match=r'"model" of module "find"'):
        Project.from_dict(description(model)).check()
