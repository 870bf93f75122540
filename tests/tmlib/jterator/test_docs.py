"""The documents about modules say what is true."""

import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

from tmlib.jterator import modules
from tmlib.jterator.errors import PipelineDescriptionError
from tmlib.jterator.modules import registry
from tmlib.jterator.project import Project

DOCS = Path(__file__).parents[3] / "docs"


def section(name: str) -> str:
    """What docs/modules.md must say about a module."""
    module = registry.get(name)
    source = __import__(f"tmlib.jterator.modules.{name}", fromlist=["main"])
    older = sorted(module.compatible_versions - {module.version})
    also = f" (handles of {', '.join(older)} run, too)" if older else ""
    summary = str(source.__doc__).split("\n\n")[0].replace("\n", " ").strip()
    lines = [
        f"### {name}",
        "",
        f"{summary} Version {module.version}{also}.",
        "",
        "| input | type | default | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{handle['name']}` | {handle['type']} | {default(handle)} | {meaning(handle)} |"
            for handle in module.handles["input"]
        ),
        "",
        "| output | type | meaning |",
        "|---|---|---|",
        *(
            f"| `{handle['name']}` | {handle['type']} | {meaning(handle)} |"
            for handle in module.handles["output"]
        ),
    ]
    return "\n".join(lines) + "\n"


def default(handle: dict[str, Any]) -> str:
    if handle.get("value") is None:
        return ""
    return f"`{yaml.safe_dump(handle['value'], default_flow_style=True).splitlines()[0]}`"


def meaning(handle: dict[str, Any]) -> str:
    options = handle.get("options")
    listed = f" One of {', '.join(f'`{option}`' for option in options)}." if options else ""
    return " ".join(handle["help"].split()) + listed


@pytest.mark.parametrize("name", registry.names())
def test_every_module_is_described_as_it_is(name: str) -> None:
    text = (DOCS / "modules.md").read_text(encoding="utf-8")
    assert section(name) in text, f"docs/modules.md should say:\n\n{section(name)}"


def test_no_other_modules_are_described() -> None:
    text = (DOCS / "modules.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (.*)$", text, re.M) == list(registry.names())


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The code blocks of the page on writing modules, with its module installed."""
    text = (DOCS / "writing-a-module.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|yaml)\n(.*?)```", text, re.S)
    (tmp_path / "subtract_background.py").write_text(blocks[0])
    (tmp_path / "subtract_background.handles.yaml").write_text(blocks[1])
    monkeypatch.setattr(modules, "__path__", [*modules.__path__, str(tmp_path)])
    registry.names.cache_clear()
    yield blocks
    registry.names.cache_clear()
    registry.get.cache_clear()
    sys.modules.pop("tmlib.jterator.modules.subtract_background", None)


def test_example_of_a_module_runs_in_a_pipeline(
    example: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, own_handles, pipeline, script = example
    keys = {
        ("subtract_background", "image"): "DNA",
        ("segment_nuclei", "intensity_image"): "subtract_background.corrected_image",
        ("register_objects", "mask"): "segment_nuclei.label_image",
        ("register_objects", "objects"): "Nuclei",
    }
    handles = {name: registry.get(name).handles for name, _ in keys}
    assert handles["subtract_background"] == yaml.safe_load(own_handles)
    filled = {
        name: {
            "version": each["version"],
            **{
                kind: [
                    handle
                    | (
                        {"key": keys[name, handle["name"]]}
                        if (name, handle["name"]) in keys
                        else {}
                    )
                    for handle in each[kind]
                ]
                for kind in ("input", "output")
            },
        }
        for name, each in handles.items()
    }
    project = Project.from_dict({"pipeline": yaml.safe_load(pipeline), "handles": filled})
    project.to_directory(tmp_path / "my_project")
    y, x = np.mgrid[:200, :240]
    light = 200 + 10 * x + 900 * (np.hypot(y % 50 - 25, x % 60 - 30) < 12)
    tifffile.imwrite(tmp_path / "site.tif", np.random.default_rng(0).poisson(light).astype("u2"))
    (tmp_path / "run.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("run.py")
    assert capsys.readouterr().out == "16 nuclei\n"


def test_example_of_a_module_is_checked_as_the_page_says(example: list[str]) -> None:
    handles = yaml.safe_load(example[1])
    handles["input"][0]["key"] = "DNA"
    handles["input"][1]["value"] = 2
    description = {
        "pipeline": {
            "input": {"channels": [{"name": "DNA"}]},
            "pipeline": [
                {"source": "subtract_background.py", "handles": "subtract_background.handles.yaml"}
            ],
        },
        "handles": {"subtract_background": handles},
    }
    with pytest.raises(PipelineDescriptionError, match=r"width.*subtract_background.*2"):
        Project.from_dict(description).check()
