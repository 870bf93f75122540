"""A step whose jobs do nothing, or sleep, in the place of metaextract: for pools of a benchmark.

The argument ``batch_size`` says how many jobs there are, the environment how long one sleeps.
"""

import os
import time
from typing import ClassVar

from celery import shared_task

from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work
from tmlib.workflow.steps.metaextract import Metaextract

SLEEP_SECONDS = "BENCHMARK_SLEEP_SECONDS"
BARE_TASK = "benchmark.nothing"


class Idle(Step):
    """Does nothing for a while."""

    name: ClassVar[str] = "metaextract"
    fullname: ClassVar[str] = "Idle"
    help: ClassVar[str] = "Does nothing for a while."
    arguments = Metaextract.arguments

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        """As many jobs as are asked for."""
        n_jobs = int(str(context.arguments["batch_size"]))
        return [[Work({"number": number}) for number in range(n_jobs)]]

    def run(self, context: StepContext, batch: Batch) -> None:
        """Sleep."""
        time.sleep(float(os.environ.get(SLEEP_SECONDS, "0")))


STEPS["metaextract"] = Idle()


@shared_task(name=BARE_TASK, queue="jobs", ignore_result=True)
def do_nothing(number: int) -> None:
    """What Celery alone is measured with."""
