"""Takes a plate through the product as any client would, over HTTP."""

from collections.abc import Callable
from typing import Any

from rich.console import Console

from tmclient import TmClient
from tmclient.commands.files import upload_with_progress
from tmclient.progress import watch_workflow
from tmlib.jterator.project import Project
from tmserver.demo.analysis import describe_workflow
from tmserver.demo.plate import Plate

_PLATE = "plate"
_ACQUISITION = "acquisition"


def run(client: TmClient, plate: Plate, project: Project, console: Console) -> dict[str, Any]:
    """Upload a plate, run the canonical workflow on it and show how far it is.

    Returns
    -------
    dict
        The status of the workflow at its end.
    """
    submit(client, plate, project, console)
    return watch_workflow(client, console)


def submit(
    client: TmClient,
    plate: Plate,
    project: Project,
    console: Console,
    name: str = _PLATE,
    on_created: Callable[[], object] = lambda: None,
) -> None:
    """Upload a plate into a new experiment and start the workflow.

    Parameters
    ----------
    client
        Knows the experiment from then on.
    plate, project
        What is uploaded and done.
    console
        Where progress is shown.
    name
        The plate's name.
    on_created
        Called when the experiment is there, before anything is in it.
    """
    client.experiment_name = _free_name(client, plate.folder.resolve().name)
    client.experiments.create(
        microscope_type=plate.microscope_type, plate_format=plate.plate_format
    )
    on_created()
    client.plates.create(name)
    client.acquisitions.create(name, _ACQUISITION)
    console.print(f'Experiment "{client.experiment_name}"', highlight=False, markup=False)
    upload = upload_with_progress(client, name, _ACQUISITION, plate.folder, console)
    console.print(f"  {len(upload.sent)} files uploaded", highlight=False)
    description = project.to_dict()
    client.jterator_project.upload(
        description["pipeline"], description["handles"], description.get("modules")
    )
    client.workflow.submit(describe_workflow(plate))


def _free_name(client: TmClient, wanted: str) -> str:
    """The wanted name for an experiment, numbered if it is taken."""
    taken = {experiment["name"] for experiment in client.experiments.list()}
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name
