"""What tools have found, and the models that they have trained."""

import time
from pathlib import Path
from typing import Any

from tmclient.annotation_imports import AT_WORK
from tmclient.errors import TmClientError
from tmclient.resources import Namespace, Resources
from tmclient.session import Resource


class ToolResults(Namespace):
    """``client.tool_results``: what tools have found."""

    def list(self, name: str | None = None, submission_id: int | None = None) -> Resources:
        """What tools have found, oldest first."""
        results: Resources = self._connection.get(
            self._session.path("tools", "results"), name=name, submission_id=submission_id
        )
        return results

    def rename(self, name: str, new_name: str) -> None:
        """Give a result another name."""
        self._connection.put(self._result_path(name), {"name": new_name})

    def delete(self, name: str) -> None:
        """Delete a result."""
        self._connection.delete(self._result_path(name))

    def compare(self, name: str, other_name: str) -> Resources:
        """Count objects by their labels in one result and in another."""
        results = self._session.path("tools", "results")
        other_id = self._session.find_id("tool result", results, other_name)
        pairs: Resources = self._connection.get(
            f"{self._result_path(name)}/agreement", other_id=other_id
        )
        return pairs

    def save_as_table(
        self,
        name: str,
        table_name: str,
        *,
        tpoint: int | None = None,
        wait: bool = True,
        interval: float = 0.5,
        **options: Any,
    ) -> Resource:
        """Save the labels of a result as a new annotation table: a row for each object.

        Parameters
        ----------
        name
            Name of the result.
        table_name
            Name of the table, which must be new.
        tpoint
            Of which time point the labels are, if the result has several.
        wait
            Whether to wait until the table is there.
        interval
            How many seconds to wait before looking again.
        options
            ``description``, ``read_permission`` and ``write_permission``; see
            ``client.annotation_tables``.

        Returns
        -------
        dict
            How it stands: ``state``, and ``n_rows`` when it is done.

        Raises
        ------
        TmClientError
            If it was waited for and failed: there is no table then.
        """
        path = f"{self._result_path(name)}/annotation_tables"
        content = {"name": table_name, "tpoint": tpoint, **options}
        found: Resource = self._connection.post(path, content)["data"]
        while wait and found["state"] in AT_WORK:
            time.sleep(interval)
            [found] = [
                one
                for one in self._connection.get(path)
                if one["submission_id"] == found["submission_id"]
            ]
        if wait and found["state"] != "done":
            raise TmClientError(f"No table was made: {found['error']}")
        return found

    def download_labels(self, name: str, path: str | Path, form: str = "csv") -> Path:
        """Write the labels of a result into a file: a row for each object and time point.

        Parameters
        ----------
        name
            Name of the result.
        path
            The file, or an existing folder.
        form
            ``csv``, ``parquet`` or ``arrow``.
        """
        return self._download(f"{self._result_path(name)}/labels", path, form)

    def download_wells(self, name: str, path: str | Path, form: str = "csv") -> Path:
        """Write the result of each well into a file; arguments as for labels."""
        return self._download(f"{self._result_path(name)}/wells", path, form)

    def _download(self, address: str, path: str | Path, form: str) -> Path:
        return self._connection.download(address, Path(path), {"format": form})

    def _result_path(self, name: str) -> str:
        results = self._session.path("tools", "results")
        return f"{results}/{self._session.find_id('tool result', results, name)}"


class ToolModels(Namespace):
    """``client.tool_models``: models that tools have trained."""

    def list(self, *, of_all_experiments: bool = False) -> Resources:
        """Trained models of the experiment, or of all experiments that the user may see."""
        path = "/api/tools/models" if of_all_experiments else self._session.path("tools", "models")
        models: Resources = self._connection.get(path)
        return models

    def download(self, name: str, path: str | Path) -> Path:
        """Write a trained model into a file or folder, to be uploaded elsewhere."""
        return self._connection.download(f"{self._model_path(name)}/file", Path(path))

    def upload(self, name: str, path: str | Path) -> Resource:
        """Add a trained model to the experiment, from a downloaded file."""
        answer = self._connection.request(
            "POST",
            self._session.path("tools", "models"),
            parameters={"name": name},
            body=Path(path).read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        model: Resource = answer.json()["data"]
        return model

    def rename(self, name: str, new_name: str) -> None:
        """Give a model another name."""
        self._connection.put(self._model_path(name), {"name": new_name})

    def delete(self, name: str) -> None:
        """Delete a model."""
        self._connection.delete(self._model_path(name))

    def _model_path(self, name: str) -> str:
        models = self._session.path("tools", "models")
        return f"{models}/{self._session.find_id('tool model', models, name)}"
