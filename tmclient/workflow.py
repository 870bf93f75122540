"""The workflow of an experiment: its description, submissions, status and jobs."""

from pathlib import Path
from typing import Any

from tmclient.errors import ResourceError
from tmclient.resources import Namespace, Resources
from tmclient.yaml_files import read_yaml, write_yaml


class Workflow(Namespace):
    """``client.workflow``: the processing of the experiment's images."""

    def download_description(self) -> dict[str, Any]:
        """The stages, steps and arguments of the next workflow, with their meanings."""
        description: dict[str, Any] = self._connection.get(
            self._session.path("workflow", "description")
        )
        return description

    def download_description_file(self, filename: str | Path) -> None:
        """Write the workflow description into a YAML file."""
        write_yaml(Path(filename), self.download_description())

    def upload_description(self, description: dict[str, Any]) -> None:
        """Set the arguments of the next workflow; their names and values suffice."""
        self._connection.post(
            self._session.path("workflow", "description"), {"description": description}
        )

    def upload_description_file(self, filename: str | Path) -> None:
        """Set the arguments of the next workflow from a YAML file."""
        self.upload_description(read_yaml(Path(filename)))

    def submit(self, description: dict[str, Any] | None = None, *, force: bool = False) -> int:
        """Start the workflow; jobs whose results are current are skipped, unless `force` is set.

        Returns
        -------
        int
            Number of the submission.
        """
        content: dict[str, Any] = {} if description is None else {"description": description}
        if force:
            content["force"] = True
        answer = self._connection.post(self._session.path("workflow", "submit"), content)
        submission_id: int = answer["submission_id"]
        return submission_id

    def resubmit(
        self,
        stage_name: str | None = None,
        description: dict[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> int:
        """Run the workflow again, from a stage on if one is named.

        Jobs whose results are current are skipped, unless `force` is set.
        """
        content = {"stage_name": stage_name, "description": description, "force": force or None}
        answer = self._connection.post(
            self._session.path("workflow", "resubmit"),
            {name: value for name, value in content.items() if value is not None},
        )
        submission_id: int = answer["submission_id"]
        return submission_id

    def retry(self) -> int:
        """Repeat only jobs of the latest workflow that failed or were killed, then continue."""
        submission_id: int = self._connection.post(self._session.path("workflow", "retry"))[
            "submission_id"
        ]
        return submission_id

    def kill(self) -> None:
        """Stop the workflow that is running."""
        self._connection.post(self._session.path("workflow", "kill"))

    def get_steps(self) -> Resources:
        """The steps that workflows can have, with JSON schemas of their arguments."""
        steps: Resources = self._connection.get("/api/workflow_steps")
        return steps

    def get_latest(self) -> Resources:
        """What became of the latest workflow of every experiment that the user may see.

        Each has the ``experiment_id``, the ``state`` and when it was submitted and ended.
        """
        latest: Resources = self._connection.get("/api/workflows")
        return latest

    def get_status(self, depth: int = 2) -> dict[str, Any] | None:
        """Status of the workflow as a tree of tasks; None if none was submitted yet.

        With depth 2 the tree holds the workflow, its stages and their steps.
        """
        status: dict[str, Any] | None = self._connection.get(
            self._session.path("workflow", "status"), depth=depth
        )
        return status

    def get_jobs(
        self, step_name: str, step_phase: str | None = None, name: str | None = None
    ) -> Resources:
        """The jobs of a step, sorted by name."""
        jobs: Resources = self._connection.get(
            self._session.path("workflow", "jobs"),
            step_name=step_name,
            step_phase=step_phase,
            name=name,
        )
        return jobs

    def get_job_log(self, step_name: str, name: str) -> dict[str, str]:
        """What a job printed: ``stdout`` and ``stderr``.

        Raises
        ------
        ResourceError
            If the step has no such job.
        """
        jobs = self.get_jobs(step_name, name=name)
        if not jobs:
            raise ResourceError(f'Step "{step_name}" has no job "{name}".')
        log: dict[str, str] = self._connection.get(
            self._session.path("workflow", "jobs", jobs[0]["id"], "log")
        )
        return log
