"""Workflows and the jterator projects that they run."""

from pathlib import Path
from typing import Any

import yaml

from tmclient.errors import ResourceError
from tmclient.resources import Resource, Resources

_HANDLES = ".handles.yaml"


class Workflows(Resources):
    """Methods of the client for workflows."""

    def download_workflow_description(self) -> dict[str, Any]:
        """The stages, steps and arguments of the next workflow, with their meanings."""
        description: dict[str, Any] = self.connection.get(self._path("workflow", "description"))
        return description

    def download_workflow_description_file(self, filename: str | Path) -> None:
        """Write the workflow description into a YAML file."""
        _write_yaml(Path(filename), self.download_workflow_description())

    def upload_workflow_description(self, description: dict[str, Any]) -> None:
        """Set the arguments of the next workflow; names and values are enough."""
        self.connection.post(self._path("workflow", "description"), {"description": description})

    def upload_workflow_description_file(self, filename: str | Path) -> None:
        """Set the arguments of the next workflow from a YAML file."""
        self.upload_workflow_description(_read_yaml(Path(filename)))

    def submit_workflow(
        self, description: dict[str, Any] | None = None, *, force: bool = False
    ) -> int:
        """Start the workflow; jobs whose results still stand are skipped, unless `force` is set.

        Returns
        -------
        int
            Number of the submission.
        """
        content: dict[str, Any] = {} if description is None else {"description": description}
        if force:
            content["force"] = True
        answer = self.connection.post(self._path("workflow", "submit"), content)
        submission_id: int = answer["submission_id"]
        return submission_id

    def resubmit_workflow(
        self,
        stage_name: str | None = None,
        description: dict[str, Any] | None = None,
        *,
        force: bool = False,
    ) -> int:
        """Run the workflow again, from a stage on if one is named.

        Jobs whose results still stand are skipped, unless `force` has everything done again.
        """
        content = {"stage_name": stage_name, "description": description, "force": force or None}
        answer = self.connection.post(
            self._path("workflow", "resubmit"),
            {name: value for name, value in content.items() if value is not None},
        )
        submission_id: int = answer["submission_id"]
        return submission_id

    def retry_workflow(self) -> int:
        """Do again only what failed or was killed in the latest workflow, and go on from there."""
        submission_id: int = self.connection.post(self._path("workflow", "retry"))["submission_id"]
        return submission_id

    def kill_workflow(self) -> None:
        """Stop the workflow that is running."""
        self.connection.post(self._path("workflow", "kill"))

    def get_workflow_status(self, depth: int = 2) -> dict[str, Any] | None:
        """How far the workflow is, a tree of tasks; None if none was ever submitted.

        With depth 2 the tree holds the workflow, its stages and their steps.
        """
        status: dict[str, Any] | None = self.connection.get(
            self._path("workflow", "status"), depth=depth
        )
        return status

    def get_workflow_jobs(
        self, step_name: str, step_phase: str | None = None, name: str | None = None
    ) -> list[Resource]:
        """The jobs of a step in the order of their names."""
        jobs: list[Resource] = self.connection.get(
            self._path("workflow", "jobs"), step_name=step_name, step_phase=step_phase, name=name
        )
        return jobs

    def get_workflow_job_log(self, step_name: str, name: str) -> dict[str, str]:
        """What a job printed: ``stdout`` and ``stderr``.

        Raises
        ------
        ResourceError
            If the step has no such job.
        """
        jobs = self.get_workflow_jobs(step_name, name=name)
        if not jobs:
            raise ResourceError(f'Step "{step_name}" has no job "{name}".')
        log: dict[str, str] = self.connection.get(
            self._path("workflow", "jobs", jobs[0]["id"], "log")
        )
        return log

    def download_jterator_project(self) -> dict[str, Any]:
        """The pipeline, the handles of its modules, and the modules that it brings, if any."""
        project: dict[str, Any] = self.connection.get(self._path("workflow", "jtproject"))
        return project

    def upload_jterator_project(
        self,
        pipeline: dict[str, Any],
        handles: dict[str, dict[str, Any]],
        modules: dict[str, str] | None = None,
    ) -> None:
        """Replace the pipeline, all handles, and the sources of modules that come with them."""
        project = {"pipeline": pipeline, "handles": handles}
        self.connection.put(
            self._path("workflow", "jtproject"), project | ({"modules": modules} if modules else {})
        )

    def download_jterator_project_files(self, directory: str | Path) -> None:
        """Write ``pipeline.yaml``, ``handles/<name>.handles.yaml`` and ``modules/<name>.py``."""
        project = self.download_jterator_project()
        folder = Path(directory) / "handles"
        folder.mkdir(parents=True, exist_ok=True)
        _write_yaml(Path(directory) / "pipeline.yaml", project["pipeline"])
        for name, handles in project["handles"].items():
            _write_yaml(folder / f"{_file_name(name)}{_HANDLES}", handles)
        for name, source in project.get("modules", {}).items():
            (Path(directory) / "modules").mkdir(exist_ok=True)
            file = Path(directory) / "modules" / f"{_file_name(name)}.py"
            file.write_bytes(source.encode())

    def upload_jterator_project_files(self, directory: str | Path) -> None:
        """Replace the project by the files of a folder, laid out as they are downloaded."""
        project = read_jterator_project(Path(directory))
        self.upload_jterator_project(**project)


def read_jterator_project(directory: Path) -> dict[str, Any]:
    """Read ``pipeline.yaml``, ``handles/<name>.handles.yaml`` and ``modules/<name>.py``.

    Raises
    ------
    ResourceError
        If a file is not there or is no YAML.
    """
    handles = sorted((directory / "handles").glob(f"*{_HANDLES}"))
    return {
        "pipeline": _read_yaml(directory / "pipeline.yaml"),
        "handles": {file.name.removesuffix(_HANDLES): _read_yaml(file) for file in handles},
        "modules": {
            file.stem: _read_text(file) for file in sorted((directory / "modules").glob("*.py"))
        },
    }


def _file_name(name: str) -> str:
    if Path(name).name != name:
        raise ResourceError(f'The module name "{name}" cannot be a file name.')
    return name


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ResourceError(f"{path} cannot be read: {error}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ResourceError(f"There is no file {path}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ResourceError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(content, dict):
        raise ResourceError(f"{path} must hold names and values.")
    return content


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
