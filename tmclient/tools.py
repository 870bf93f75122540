"""Tools, which look at all objects of an experiment: requests, jobs and results."""

import time
import uuid
from typing import Any

from tmclient.errors import ResourceError, TmClientError
from tmclient.resources import Resource, Resources


class Tools(Resources):
    """Methods of the client for tools."""

    def get_tools(self) -> list[Resource]:
        """The tools that the server has."""
        tools: list[Resource] = self.connection.get("/api/tools")
        return tools

    def request_tool(self, tool_name: str, payload: dict[str, Any]) -> int:
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
        answer = self.connection.post(self._path("tools", "request"), content)
        submission_id: int = answer["data"]["submission_id"]
        return submission_id

    def wait_for_tool(self, submission_id: int, interval: float = 0.5) -> Resource:
        """The result of a tool, as soon as it is there.

        Raises
        ------
        TmClientError
            If the tool failed.
        """
        while True:
            (job,) = self.get_tools_status(submission_id=submission_id)
            if job["state"] == "TERMINATED":
                break
            time.sleep(interval)
        if job["exitcode"]:
            log = self.get_tool_job_log(job["name"], submission_id)["stderr"].strip()
            raise TmClientError(f"The tool failed: {log.splitlines()[-1] if log else 'no reason'}")
        (result,) = self.get_tool_results(submission_id=submission_id)
        return result

    def get_tool_results(
        self, name: str | None = None, submission_id: int | None = None
    ) -> list[Resource]:
        """What tools have found, oldest first."""
        results: list[Resource] = self.connection.get(
            self._path("tools", "results"), name=name, submission_id=submission_id
        )
        return results

    def rename_tool_result(self, name: str, new_name: str) -> None:
        """Give a result another name."""
        self.connection.put(self._result_path(name), {"name": new_name})

    def delete_tool_result(self, name: str) -> None:
        """Delete a result."""
        self.connection.delete(self._result_path(name))

    def get_tools_status(
        self,
        tool_name: str | None = None,
        submission_id: int | None = None,
        state: str | None = None,
    ) -> list[Resource]:
        """Jobs of tools: how far they are."""
        jobs: list[Resource] = self.connection.get(
            self._path("tools", "jobs"),
            tool_name=tool_name,
            submission_id=submission_id,
            state=state,
        )
        return jobs

    def get_tool_job_log(self, name: str, submission_id: int) -> dict[str, str]:
        """What a job printed: ``stdout`` and ``stderr``.

        Raises
        ------
        ResourceError
            If there is no such job.
        """
        jobs = self.get_tools_status(submission_id=submission_id)
        found = [job for job in jobs if job["name"] == name]
        if not found:
            raise ResourceError(f'Submission {submission_id} has no job "{name}".')
        log: dict[str, str] = self.connection.get(
            self._path("tools", "jobs", found[0]["id"], "log")
        )
        return log

    def _result_path(self, name: str) -> str:
        results = self._path("tools", "results")
        return f"{results}/{self._id('tool result', results, name)}"
