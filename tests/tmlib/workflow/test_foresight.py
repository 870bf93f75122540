"""What a job would refuse is refused when the workflow is submitted, and nothing else is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tifffile
from sqlalchemy import update

from tests.services.conversion import Conversion, write_images
from tests.services.runs import Stage
from tmlib.errors import BadInput
from tmlib.experiments.models import Experiment
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile
from tmlib.workflow import foresight, service
from tmlib.workflow.description import WorkflowDescription

PATTERN = r"(?P<w>[A-H]\d\d)_s(?P<s>\d)_(?P<c>\w+)\."
NAMES = [f"B0{well}_s{site}_{channel}.tif" for well in (1, 2) for site in range(4)
         for channel in ("DNA", "Actin")]  # fmt: skip


@pytest.fixture
def uploaded(conversion: Conversion, tmp_path: Path) -> Conversion:
    """Files of two wells with four sites and two channels, of which only the names tell."""
    conversion.set(microscope_type="generic")
    write_images(tmp_path / "images", NAMES)
    conversion.take(tmp_path / "images")
    return conversion


def check(run: Conversion, *stages: tuple[str, Mapping[str, Mapping[str, Any]]]) -> None:
    with run.database.session() as session:
        workflow_type = session.get_one(Experiment, run.experiment.id).workflow_type
        description = WorkflowDescription.from_dict(
            {
                "type": workflow_type,
                "stages": [
                    {
                        "name": stage,
                        "steps": [
                            {
                                "name": step,
                                "batch_args": [
                                    {"name": name, "value": value}
                                    for name, value in arguments.items()
                                ],
                            }
                            for step, arguments in steps.items()
                        ],
                    }
                    for stage, steps in stages
                ],
            }
        )
        foresight.check(session, run.settings, run.experiment.id, description)


def converting(**arguments: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    arguments = {"regex": PATTERN} | arguments
    return "image_conversion", {"metaextract": {}, "metaconfig": arguments, "imextract": {}}


def take_pipeline(run: Conversion, *channels: str, objects: str | None = None) -> None:
    taken = {
        "channels": [{"name": name} for name in channels],
        "objects": [{"name": objects}] if objects else [],
    }
    pipeline = {"input": taken, "pipeline": [], "output": {"objects": []}}
    with run.database.transaction() as session:
        service.save_jterator_project(
            session, run.experiment.id, {"pipeline": pipeline, "handles": {}}
        )


def test_what_fits_passes(uploaded: Conversion) -> None:
    take_pipeline(uploaded, "DNA", "Actin")
    analysis: Stage = ("image_analysis", {"jterator": {}})
    check(uploaded, converting(n_vertical=2), analysis)
    uploaded.convert("imextract", regex=PATTERN)
    check(uploaded, analysis)


def test_channels_get_the_names_again_that_users_gave(uploaded: Conversion) -> None:
    uploaded.set(channel_names={"DNA": "nuclei"})
    take_pipeline(uploaded, "nuclei", "Actin")
    check(uploaded, converting(), ("image_analysis", {"jterator": {}}))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_vertical": 3, "n_horizontal": 2}, "there are 4 sites"),
        ({"n_vertical": 3}, "there are 4 sites"),
        ({"regex": r"x(?P<s>\d)"}, 'not match the pattern "x'),
        ({"regex": r"(?P<w>s\d)"}, "not a well"),
        ({"regex": None}, "a regular expression with the named groups"),
    ],
)
def test_names_must_fit(uploaded: Conversion, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check(uploaded, converting(**arguments))


def test_wells_must_lie_on_the_plate(uploaded: Conversion) -> None:
    uploaded.set(plate_format=1)
    with pytest.raises(BadInput, match="B01"):
        check(uploaded, converting())


def test_files_that_tell_themselves_are_not_judged_by_their_names(
    conversion: Conversion, tmp_path: Path
) -> None:
    conversion.set(microscope_type="generic")
    folder = tmp_path / "images"
    write_images(folder, [])
    for i in range(2):
        tifffile.imwrite(
            folder / f"one{i}.ome.tif",
            [[i]],
            dtype="uint16",
            metadata={
                "axes": "YX",
                "Channel": {"Name": "DNA"},
                "Plane": {"PositionX": [i * 5.0], "PositionY": [0.0]},
            },
        )
    conversion.take(folder)
    take_pipeline(conversion, "DNA")
    check(conversion, converting(regex=None, n_vertical=7), ("image_analysis", {"jterator": {}}))


def test_files_must_have_arrived(uploaded: Conversion) -> None:
    with uploaded.database.transaction() as session:
        session.execute(
            update(MicroscopeFile)
            .where(MicroscopeFile.name == NAMES[0])
            .values(status=FileUploadStatus.UPLOADING)
        )
    with pytest.raises(BadInput, match=f'1 of 16 image files.*"{NAMES[0]}"'):
        check(uploaded, converting())


@pytest.mark.parametrize("is_converted", [False, True])
def test_channels_must_be_there_in_the_end(uploaded: Conversion, is_converted: bool) -> None:
    take_pipeline(uploaded, "DNA", "Lamp")
    if is_converted:
        uploaded.convert("imextract", regex=PATTERN)
    for stages in ([converting()], []) if is_converted else ([converting()],):
        with pytest.raises(BadInput, match=r'"Lamp".*Actin'):
            check(uploaded, *stages, ("image_analysis", {"jterator": {}}))
        pyramid = ("pyramid_creation", {"illuminati": {"illumcorr_exceptions": "Lamp"}})
        with pytest.raises(BadInput, match=r'"Lamp".*Actin'):
            check(uploaded, *stages, pyramid)


def test_channels_of_cycles_are_known_by_their_cycle(uploaded: Conversion, tmp_path: Path) -> None:
    uploaded.set(plate_acquisition_mode="multiplexing", workflow_type="multiplexing")
    write_images(tmp_path / "more", NAMES)
    uploaded.take(tmp_path / "more", acquisition="second")
    take_pipeline(uploaded, "0_DNA", "1_Actin")
    analysis: Stage = ("image_analysis", {"jterator": {}})
    check(uploaded, converting(), analysis)
    take_pipeline(uploaded, "2_DNA")
    with pytest.raises(BadInput, match=r'"2_DNA".*0_DNA'):
        check(uploaded, converting(), analysis)


def test_stored_objects_must_be_there_when_nothing_can_make_them(uploaded: Conversion) -> None:
    uploaded.convert("imextract", regex=PATTERN)
    take_pipeline(uploaded, "DNA", objects="Drawn")
    with pytest.raises(BadInput, match='"Drawn"'):
        check(uploaded, ("image_analysis", {"jterator": {}}))


@pytest.mark.parametrize("arguments", [{"illumcorr": True}, {"clip": True}])
def test_light_is_corrected_only_where_it_is_measured(
    uploaded: Conversion, arguments: dict[str, Any]
) -> None:
    pyramid = ("pyramid_creation", {"illuminati": arguments})
    with pytest.raises(BadInput, match=f'"{next(iter(arguments))}".*"corilla"'):
        check(uploaded, converting(), pyramid)
    check(uploaded, converting(), ("image_preprocessing", {"corilla": {}}), pyramid)
    check(uploaded, ("pyramid_creation", {"illuminati": {"clip": True, "clip_value": 9}}))


def test_what_is_required_is_asked_for(uploaded: Conversion) -> None:
    uploaded.set(workflow_type="multiplexing")
    preprocessing = "image_preprocessing"
    with pytest.raises(BadInput, match='"ref_cycle" of step "align" is required'):
        check(uploaded, (preprocessing, {"align": {"ref_wavelength": "DNA"}}))
    with pytest.raises(BadInput, match="plate_acquisition_mode"):
        check(uploaded, (preprocessing, {"align": {"ref_wavelength": "DNA", "ref_cycle": 0}}))
