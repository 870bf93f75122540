"""A step for worker pools in processes of their own: its jobs last as long as a test wants.

It takes the place of metaextract. The argument ``batch_size`` says how many jobs there are; in the
data folder each leaves a file ``started-N``, with the processes that worked on it, and waits
while a file ``hold`` is there, or for some milliseconds.
"""

import os
import subprocess
import time
from typing import ClassVar

from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work
from tmlib.workflow.steps.metaextract import Metaextract

# no turn has more than some twenty of them, however fast the machine is
LEAST_SECONDS = 0.005


class Timed(Step):
    """Waits until it may end."""

    name: ClassVar[str] = "metaextract"
    fullname: ClassVar[str] = "Timed"
    help: ClassVar[str] = "Waits until it may end."
    arguments = Metaextract.arguments

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        size = context.arguments["batch_size"]
        assert isinstance(size, int)
        return [[Work({"number": number}) for number in range(size)]]

    def run(self, context: StepContext, batch: Batch) -> None:
        folder = context.settings.data_dir
        with subprocess.Popen(["sleep", "1000"]) as child:
            with (folder / f"started-{batch['number']}").open("a") as file:
                file.write(f"{os.getpid()} {child.pid}\n")
            time.sleep(LEAST_SECONDS)
            while (folder / "hold").exists():
                time.sleep(0.02)
            child.kill()


STEPS["metaextract"] = Timed()
