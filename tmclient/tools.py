"""Tools, which look at all objects of an experiment: requests, jobs and results."""

import time
import uuid
from pathlib import Path
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
            If the tool failed, or its result was deleted before it could be fetched.
        """
        while True:
            (job,) = self.get_tools_status(submission_id=submission_id)
            if job["state"] == "TERMINATED":
                break
            time.sleep(interval)
        if job["exitcode"]:
            log = self.get_tool_job_log(job["name"], submission_id)["stderr"].strip()
            raise TmClientError(f"The tool failed: {log.splitlines()[-1] if log else 'no reason'}")
        results = self.get_tool_results(submission_id=submission_id)
        if not results:
            raise TmClientError("The result of the tool was deleted meanwhile: run the tool again.")
        return results[0]

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

    def kill_tool_job(self, submission_id: int) -> None:
        """End the job of a tool.

        Raises
        ------
        ResourceError
            If there is no such job.
        """
        jobs = self.get_tools_status(submission_id=submission_id)
        if not jobs:
            raise ResourceError(f"There is no job of submission {submission_id}.")
        self.connection.post(self._path("tools", "jobs", jobs[0]["id"], "kill"))

    def download_tool_labels(self, name: str, path: str | Path, form: str = "csv") -> Path:
        """Write the labels of a result into a file: a row for each object and time point.

        Parameters
        ----------
        name
            Of the result.
        path
            The file, or an existing folder.
        form
            ``csv``, ``parquet`` or ``arrow``.
        """
        return self._download(f"{self._result_path(name)}/labels", path, form)

    def download_tool_wells(self, name: str, path: str | Path, form: str = "csv") -> Path:
        """Write what a tool has found out about wells into a file, as for labels."""
        return self._download(f"{self._result_path(name)}/wells", path, form)

    def _download(self, address: str, path: str | Path, form: str) -> Path:
        return self.connection.download(address, Path(path), {"format": form})

    def compare_tool_results(self, name: str, other_name: str) -> list[Resource]:
        """How many objects have which label in one result and which in another one."""
        results = self._path("tools", "results")
        other_id = self._id("tool result", results, other_name)
        pairs: list[Resource] = self.connection.get(
            f"{self._result_path(name)}/agreement", other_id=other_id
        )
        return pairs

    def get_tool_models(self, *, of_all_experiments: bool = False) -> list[Resource]:
        """Trained models, of the experiment or of all that you may see."""
        path = "/api/tools/models" if of_all_experiments else self._path("tools", "models")
        models: list[Resource] = self.connection.get(path)
        return models

    def download_tool_model(self, name: str, path: str | Path) -> Path:
        """Write a trained model into a file or folder, to be brought in elsewhere."""
        return self.connection.download(f"{self._model_path(name)}/file", Path(path))

    def upload_tool_model(self, name: str, path: str | Path) -> Resource:
        """Bring a trained model into the experiment, from a file that was exported."""
        answer = self.connection.request(
            "POST",
            self._path("tools", "models"),
            parameters={"name": name},
            body=Path(path).read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        model: Resource = answer.json()["data"]
        return model

    def rename_tool_model(self, name: str, new_name: str) -> None:
        """Give a model another name."""
        self.connection.put(self._model_path(name), {"name": new_name})

    def delete_tool_model(self, name: str) -> None:
        """Delete a model."""
        self.connection.delete(self._model_path(name))

    def _model_path(self, name: str) -> str:
        models = self._path("tools", "models")
        return f"{models}/{self._id('tool model', models, name)}"

    def _result_path(self, name: str) -> str:
        results = self._path("tools", "results")
        return f"{results}/{self._id('tool result', results, name)}"
