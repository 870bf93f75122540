"""Workflow descriptions in both forms, and what is said about wrong ones."""

import json
from typing import Any

import pytest

from tmlib.errors import BadInput
from tmlib.workflow.description import WorkflowDescription, batch_arguments


def test_the_full_form_comes_back_as_it_was_sent() -> None:
    full = WorkflowDescription.default("canonical").to_dict()
    again = WorkflowDescription.from_dict(json.loads(json.dumps(full))).to_dict()
    assert json.dumps(again) == json.dumps(full)


def test_arguments_are_shown_with_help_choices_and_default() -> None:
    full = WorkflowDescription.default("canonical").to_dict()
    metaconfig = full["stages"][0]["steps"][1]
    assert [argument["name"] for argument in metaconfig["batch_args"]] == [
        "mip",
        "n_horizontal",
        "n_vertical",
        "regex",
        "stage_positions",
        "stage_x",
        "stage_y",
        "stitch_layout",
    ]
    layout = metaconfig["batch_args"][-1]
    assert layout["choices"] == ["horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical"]
    assert (layout["default"], layout["value"], layout["required"]) == (
        "horizontal",
        "horizontal",
        False,
    )


def test_the_minimal_form_sets_values_and_keeps_defaults() -> None:
    description = minimal("metaconfig", [{"name": "n_vertical", "value": "2"}])
    arguments = batch_arguments(WorkflowDescription.from_dict(description).to_dict(), "metaconfig")
    assert arguments["n_vertical"] == 2
    assert arguments["stitch_layout"] == "horizontal"


def test_empty_text_means_no_value() -> None:
    description = minimal("metaconfig", [{"name": "regex", "value": ""}])
    arguments = batch_arguments(WorkflowDescription.from_dict(description).to_dict(), "metaconfig")
    assert arguments["regex"] is None


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ({"type": "linear"}, ["linear", "canonical"]),
        ({"type": "canonical", "stages": "all"}, ["stages", "list"]),
        ({"type": "canonical", "stages": [{"name": "analysis"}]}, ["analysis", "image_analysis"]),
        ({"type": "canonical", "stages": []}, ["no active stage"]),
        (
            {
                "type": "canonical",
                "stages": [{"name": "image_analysis"}, {"name": "image_conversion"}],
            },
            ["order"],
        ),
        (
            {
                "type": "canonical",
                "stages": [{"name": "image_conversion", "steps": [{"name": "imextract"}]}],
            },
            ["imextract", "metaconfig"],
        ),
    ],
)
def test_a_wrong_description_is_refused_with_a_reason(
    description: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(BadInput) as error:
        WorkflowDescription.from_dict(description)
    assert all(word in error.value.message for word in words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_vertical", "two", ["n_vertical", "whole number"]),
        ("n_vertical", 0, ["n_vertical", "at least 1"]),
        ("mip", "maybe", ["mip", "true or false"]),
        ("stitch_layout", "diagonal", ["stitch_layout", "zigzag_vertical"]),
        ("regex", 3, ["regex", "text"]),
        ("regex", "(?P<s>[0-9+", ["(?P<s>[0-9+", "not a regular expression"]),
        ("regex", "(?P<site>[0-9]+)", ['"site"', "s (site)"]),
        ("regex", "[0-9]+", ["no named group", "(?P<s>"]),
        ("mip", 0, ["mip", "true or false"]),
        ("n_vertical", 2.0, ["n_vertical", "whole number"]),
        ("n_vertical", True, ["n_vertical", "whole number"]),
        ("n_vertcal", 2, ['"n_vertcal"', 'did you mean "n_vertical"?']),
    ],
)
def test_a_wrong_argument_is_refused_with_a_reason(
    name: str, value: object, words: list[str]
) -> None:
    with pytest.raises(BadInput) as error:
        WorkflowDescription.from_dict(minimal("metaconfig", [{"name": name, "value": value}]))
    assert all(word in error.value.message for word in words)


@pytest.mark.parametrize("value", ["nan", "inf", 101, -1])
def test_a_percentile_is_a_share_of_a_hundred(value: object) -> None:
    step = {"name": "illuminati", "batch_args": [{"name": "clip_percent", "value": value}]}
    stages = [{"name": "pyramid_creation", "steps": [step]}]
    with pytest.raises(BadInput, match="clip_percent"):
        WorkflowDescription.from_dict({"type": "canonical", "stages": stages})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage": []}, ['"stage"', '"stages"']),
        ({"stages": [{"name": "image_analysis", "activ": False}]}, ['"activ"', '"active"']),
        ({"stages": [{"name": "image_analysis", "active": "false"}]}, ["true or false"]),
        (
            {"stages": [{"name": "image_analysis", "steps": [{"name": "jterator", "args": []}]}]},
            ["jterator", '"args"'],
        ),
    ],
)
def test_what_nobody_reads_is_refused(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        WorkflowDescription.from_dict({"type": "canonical"} | change)
    assert all(word in error.value.message for word in words)


def minimal(step: str, arguments: list[dict[str, object]]) -> dict[str, Any]:
    return {
        "type": "canonical",
        "stages": [
            {
                "name": "image_conversion",
                "steps": [
                    {"name": "metaextract"},
                    {"name": step, "batch_args": arguments, "submission_args": []},
                ],
            }
        ],
    }
