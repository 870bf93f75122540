"""What the user of the installation does: sends a small plate and lets a workflow run over it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.acceptance.torture.victim import WAIT_SECONDS
from tmclient import RequestError, ServerUnreachable, TmClient, UploadError
from tmlib.ids import decode_id
from tmlib.sample import SamplePlate, simulate_plate
from tmserver.demo.analysis import choose_project, describe_workflow
from tmserver.demo.plate import Grid, Plate, read_plate

RUN_SECONDS = 240
PLATE, ACQUISITION = "plate", "acquisition"

Answer = TypeVar("Answer")


def make_plate(folder: Path) -> Plate:
    """A plate of two wells with two sites each, and two channels."""
    simulated: SamplePlate = simulate_plate(
        folder, wells=["B02", "C03"], rows=1, columns=2, height=128, width=128, seed=3
    )
    return read_plate(simulated.folder, "cellvoyager", None, 96, Grid())


class Story:
    """One experiment, from its creation to the end of its workflow.

    Parameters
    ----------
    client
        Of the experiment's owner, with the name that the experiment is to have.
    plate
        What is sent.
    """

    def __init__(self, client: TmClient, plate: Plate) -> None:
        self._client = client
        self._plate = plate

    def begin(self) -> int:
        """Create the experiment; gives its number."""
        created = self._client.create_experiment(
            microscope_type=self._plate.microscope_type, plate_format=self._plate.plate_format
        )
        self._client.create_plate(PLATE)
        self._client.create_acquisition(PLATE, ACQUISITION)
        return decode_id(created["id"])

    def send(self) -> None:
        """Upload the plate and submit its workflow, again and again until that is done."""
        project = choose_project(self._plate, None, None, None).to_dict()
        self._insist(
            lambda client: client.upload_microscope_files(PLATE, ACQUISITION, self._plate.folder)
        )
        self._insist(
            lambda client: client.upload_jterator_project(project["pipeline"], project["handles"])
        )
        self._insist(self._submit)

    def _submit(self, client: TmClient) -> None:
        try:
            client.submit_workflow(describe_workflow(self._plate))
        except RequestError as error:
            # an earlier request got through, and only its answer was lost
            if error.status_code != 409:
                raise

    def wait_for_end(self) -> dict[str, Any]:
        """The status of the workflow at its end, as the server says."""
        deadline = time.monotonic() + RUN_SECONDS
        while True:
            status = self._insist(lambda client: client.get_workflow_status())
            assert status is not None
            if status["done"]:
                return status
            if time.monotonic() > deadline:
                raise TimeoutError(f"The workflow does not end: {status}")
            time.sleep(0.1)

    def repeat(self) -> None:
        """Submit the workflow once more, and let it make everything again."""
        self._insist(lambda client: client.resubmit_workflow(force=True))

    def go_on(self) -> None:
        """Run the workflow once more, which skips what stands."""
        self._insist(lambda client: client.resubmit_workflow())
        self.wait_for_end()

    def delete(self) -> None:
        """Delete the experiment with all that belongs to it."""
        self._insist(lambda client: client.delete_experiment())
        self._client.close()

    def _insist(self, call: Callable[[TmClient], Answer]) -> Answer:
        """Repeat a call while the server cannot answer, as any user would."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return call(self._client)
            except (ServerUnreachable, UploadError) as error:
                reason: Exception = error
            except RequestError as error:
                if error.status_code < 500:
                    raise
                reason = error
            if time.monotonic() > deadline:
                raise TimeoutError("The server does not recover.") from reason
            time.sleep(0.1)
