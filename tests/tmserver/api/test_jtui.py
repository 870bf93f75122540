"""What the original viewer's editor of pipelines asks for."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tmserver.conftest import Person
from tmlib.ids import decode_id
from tmlib.jterator.modules import registry

PIPELINE: dict[str, Any] = {
    "description": "Smooths.",
    "input": {"channels": [{"name": "DNA"}], "objects": []},
    "output": {"objects": []},
    "pipeline": [{"source": "smooth.py", "handles": "handles/smooth.handles.yaml", "active": True}],
}
HANDLES: dict[str, Any] = {
    "smooth": {
        "version": registry.get("smooth").version,
        "input": [
            {"name": "image", "type": "IntensityImage", "key": "DNA"},
            {"name": "filter_name", "type": "Character", "value": "gaussian"},
            {"name": "filter_size", "type": "Numeric", "value": 3},
        ],
        "output": [{"name": "smoothed_image", "type": "IntensityImage", "key": "smooth.image"}],
    }
}


def text(pipeline: dict[str, Any] = PIPELINE, **handles: Any) -> str:
    listed = [{"name": key, "description": value} for key, value in (HANDLES | handles).items()]
    return yaml.safe_dump({"pipe": {"description": pipeline}, "handles": listed})


@pytest.fixture
def path(experiment: str) -> str:
    return experiment.replace("/api/", "/jtui/")


def test_a_project_is_kept_as_yaml(owner: Person, experiment: str, path: str) -> None:
    assert owner.post(f"{path}/project", project=text()) == {"success": True}
    project = {"pipeline": PIPELINE, "handles": HANDLES}
    assert owner.get(f"{experiment}/workflow/jtproject") == project
    found = yaml.safe_load(owner.get(f"{path}/project")["jtproject"])
    [step] = found["pipe"]["description"]["pipeline"]
    assert step == {"name": "smooth", **PIPELINE["pipeline"][0]}
    assert found["handles"] == [{"name": "smooth", "description": HANDLES["smooth"]}]
    owner.post(f"{path}/project", project=yaml.safe_dump(found))
    assert owner.get(f"{experiment}/workflow/jtproject") == project


def test_a_project_is_forgotten(owner: Person, experiment: str, path: str) -> None:
    owner.post(f"{path}/project", project=text())
    assert owner.delete(f"{path}/project") == {"success": True}
    assert owner.get(f"{experiment}/workflow/jtproject")["handles"] == {}
    found = yaml.safe_load(owner.get(f"{path}/project")["jtproject"])
    assert found["pipe"]["description"]["pipeline"] == []
    assert found["handles"] == []


BAD = {
    "not valid YAML": "pipe: [",
    '"pipe" and "description"': "pipe: 1",
    "more than 100000 values": "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "\n".join(
        f"{'bcdefg'[i]}: &{'bcdefg'[i]} [{', '.join(['*' + 'abcdef'[i]] * 10)}]" for i in range(5)
    ),
    "YAML: maximum recursion": "&a [*a]",
    "YAML: Object of type date": "2020-01-01",
    "NUL": r'pipe: "\0"',
    '"snooth"': text(
        PIPELINE | {"pipeline": [{"source": "snooth.py", "handles": "smooth.handles.yaml"}]}
    ),
}


@pytest.mark.parametrize("reason", BAD)
@pytest.mark.usefixtures("field")
def test_what_is_no_project_is_refused(owner: Person, path: str, reason: str) -> None:
    before = owner.get(f"{path}/project")
    for action in ("project", "project/check"):
        message = owner.refused("POST", f"{path}/{action}", 400, json={"project": BAD[reason]})
        assert reason in message
    assert owner.get(f"{path}/project") == before


def test_a_project_is_checked_with_the_channels(owner: Person, path: str, field: Path) -> None:
    assert owner.post(f"{path}/project/check", project=text()) == {"success": True}
    pipeline = PIPELINE | {"input": {"channels": [{"name": "RNA"}]}}
    body = {"project": text(pipeline)}
    message = owner.refused("POST", f"{path}/project/check", 400, json=body)
    assert message.startswith("Pipeline check failed: ")
    assert '"RNA"' in message


def test_modules_and_their_handles(owner: Person) -> None:
    found = owner.get("/jtui/available_modules")["jtmodules"]
    assert [module["name"] for module in found["modules"]] == list(registry.names())
    by_name = {module["name"]: module["description"] for module in found["modules"]}
    assert by_name["smooth"] == registry.get("smooth").handles
    [helped] = [module["help"] for module in found["modules"] if module["name"] == "smooth"]
    assert helped == "Smooth an image."
    assert all(module["help"].endswith(".") for module in found["modules"])
    steps = {step["name"]: step["description"] for step in found["registration"]}
    assert steps["smooth"] == PIPELINE["pipeline"][0]


def test_the_text_of_a_module(owner: Person) -> None:
    answer = owner.request("GET", "/jtui/module_source_code?module_name=smooth.py")
    assert answer.mimetype == "text/x-python"
    assert "def main(" in answer.text
    missing = "/jtui/module_source_code?module_name=../settings"
    assert "../settings" in owner.refused("GET", missing, 404)
    assert '"module_name"' in owner.refused("GET", "/jtui/module_source_code", 400)


def test_channels_and_sites(owner: Person, path: str, field: Path) -> None:
    assert owner.get(f"{path}/available_channels") == {"channels": ["DNA", "Actin"]}
    assert owner.post(f"{path}/joblist") == {
        "joblist": {"0": {"plate": "Plate 1", "well": "A01", "y": 0, "x": 1}}
    }


def test_experiments_of_others_are_not_shown(
    path: str, people: dict[str, Person], experiment_id: int
) -> None:
    assert decode_id(path.rpartition("/")[2]) == experiment_id
    for method, part in (("GET", "project"), ("DELETE", "project"), ("POST", "joblist")):
        people["stranger"].refused(method, f"{path}/{part}", 404)
        people["anonymous"].refused(method, f"{path}/{part}", 401)
