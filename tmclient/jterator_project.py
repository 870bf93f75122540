"""Jterator projects: a pipeline with the handles of its modules."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from tmclient.errors import ResourceError
from tmclient.local_files import write
from tmclient.resources import Namespace, Resources
from tmclient.yaml_files import read_yaml, write_yaml

_HANDLES = ".handles.yaml"


class JteratorProject(Namespace):
    """``client.jterator_project``: the pipeline that finds and measures objects."""

    def download(self) -> dict[str, Any]:
        """The pipeline, the handles of its modules, and the project's own modules, if any."""
        project: dict[str, Any] = self._connection.get(self._session.path("workflow", "jtproject"))
        return project

    def upload(
        self,
        pipeline: dict[str, Any],
        handles: dict[str, dict[str, Any]],
        modules: dict[str, str] | None = None,
    ) -> None:
        """Replace the pipeline, all handles, and the sources of the project's own modules."""
        project = {"pipeline": pipeline, "handles": handles}
        self._connection.put(
            self._session.path("workflow", "jtproject"),
            project | ({"modules": modules} if modules else {}),
        )

    def list_templates(self) -> Resources:
        """Pipelines to start from, with the channels that each needs by their roles."""
        templates: Resources = self._connection.get("/api/pipeline_templates")
        return templates

    def make_from_template(
        self, name: str, channels: dict[str, str], nucleus_diameter: float | None = None
    ) -> dict[str, Any]:
        """Make a project from a template, to be looked at, changed and uploaded.

        Parameters
        ----------
        name
            Of the template.
        channels
            Names of channels by their roles: ``{"nuclei": "DNA", "cells": "Actin"}``.
        nucleus_diameter
            Typical diameter of a nucleus in pixels; the usual one if None.
        """
        project: dict[str, Any] = self._connection.get(
            f"/api/pipeline_templates/{quote(name, safe='')}",
            **channels,
            nucleus_diameter=nucleus_diameter,
        )
        return project

    def download_files(self, directory: str | Path) -> None:
        """Write ``pipeline.yaml``, ``handles/<name>.handles.yaml`` and ``modules/<name>.py``."""
        project = self.download()
        folder = Path(directory) / "handles"
        folder.mkdir(parents=True, exist_ok=True)
        write_yaml(Path(directory) / "pipeline.yaml", project["pipeline"])
        for name, handles in project["handles"].items():
            write_yaml(folder / f"{_file_name(name)}{_HANDLES}", handles)
        for name, source in project.get("modules", {}).items():
            (Path(directory) / "modules").mkdir(exist_ok=True)
            file = Path(directory) / "modules" / f"{_file_name(name)}.py"
            write(file, source.encode())

    def upload_files(self, directory: str | Path) -> None:
        """Replace the project with the files of a folder, in the layout of a download."""
        project = read_jterator_project(Path(directory))
        self.upload(**project)


def read_jterator_project(directory: Path) -> dict[str, Any]:
    """Read ``pipeline.yaml``, ``handles/<name>.handles.yaml`` and ``modules/<name>.py``.

    Raises
    ------
    ResourceError
        If a file is missing or not YAML.
    """
    handles = sorted((directory / "handles").glob(f"*{_HANDLES}"))
    return {
        "pipeline": read_yaml(directory / "pipeline.yaml"),
        "handles": {file.name.removesuffix(_HANDLES): read_yaml(file) for file in handles},
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
