"""Tools, which look at all objects of an experiment: requests, jobs and results."""

import time
import uuid
from typing import Any

from tmclient.errors import ResourceError, TmClientError
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource
from tmclient.tool_results import ToolResults


class Tools(Namespace):
    """``client.tools``: start tools, which look at all objects of a type, and follow their jobs."""

    def list(self) -> Resources:
        """The tools that the server has."""
        tools: Resources = self._connection.get("/api/tools")
        return tools

    def request(self, tool_name: str, payload: dict[str, Any]) -> int:
        """Start a tool.

        Parameters
        ----------
        tool_name
            One of the server's tools.
        payload
            What it is asked, for example ``{"chosen_object_type": "Cells",
            "selected_feature": "Morphology_Area"}`` for the tool ``Heatmap``.

        Returns
        -------
        int
            Number of the submission.
        """
        content = {"tool_name": tool_name, "payload": payload, "session_uuid": str(uuid.uuid4())}
        answer = self._connection.post(self._session.path("tools", "request"), content)
        submission_id: int = answer["data"]["submission_id"]
        return submission_id

    def wait(self, submission_id: int, interval: float = 0.5) -> Resource:
        """Wait until a tool has finished, and return its result.

        Raises
        ------
        TmClientError
            If the tool failed, or its result was deleted before it could be fetched.
        """
        while True:
            (job,) = self.get_jobs(submission_id=submission_id)
            if job["state"] == "TERMINATED":
                break
            time.sleep(interval)
        if job["exitcode"]:
            log = self.get_job_log(job["name"], submission_id)["stderr"].strip()
            raise TmClientError(
                f"The tool failed: {log.splitlines()[-1] if log else 'no reason is known'}"
            )
        results = ToolResults(self._session).list(submission_id=submission_id)
        if not results:
            raise TmClientError("The result of the tool was deleted meanwhile: run the tool again.")
        return results[0]

    def get_jobs(
        self,
        tool_name: str | None = None,
        submission_id: int | None = None,
        state: str | None = None,
    ) -> Resources:
        """The jobs of tools with their status."""
        jobs: Resources = self._connection.get(
            self._session.path("tools", "jobs"),
            tool_name=tool_name,
            submission_id=submission_id,
            state=state,
        )
        return jobs

    def get_job_log(self, name: str, submission_id: int) -> dict[str, str]:
        """What a job printed: ``stdout`` and ``stderr``.

        Raises
        ------
        ResourceError
            If there is no such job.
        """
        jobs = self.get_jobs(submission_id=submission_id)
        found = [job for job in jobs if job["name"] == name]
        if not found:
            raise ResourceError(f'Submission {submission_id} has no job "{name}".')
        log: dict[str, str] = self._connection.get(
            self._session.path("tools", "jobs", found[0]["id"], "log")
        )
        return log

    def kill_job(self, submission_id: int) -> None:
        """End the job of a tool.

        Raises
        ------
        ResourceError
            If there is no such job.
        """
        jobs = self.get_jobs(submission_id=submission_id)
        if not jobs:
            raise ResourceError(f"There is no job of submission {submission_id}.")
        self._connection.post(self._session.path("tools", "jobs", jobs[0]["id"], "kill"))
