"""Publications: an experiment as a dataset of the public catalogue, for everybody and for good."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tmclient.resources import Namespace, Resources
from tmclient.session import Resource
from tmclient.yaml_files import read_yaml


class Publications(Namespace):
    """``client.publications``: the experiment in the public catalogue."""

    def list(self) -> Resources:
        """The publications of the experiment, in the order in which they were asked for."""
        publications: Resources = self._connection.get(self._session.path("publications"))
        return publications

    def get(self, publication_id: str) -> Resource:
        """How a publication stands: its ``state``, and the numbers that it has in the catalogue."""
        publication: Resource = self._connection.get(
            self._session.path("publications", publication_id)
        )
        return publication

    def create(self, description: Mapping[str, Any]) -> Resource:
        """Begin to publish the experiment, as it is now.

        Parameters
        ----------
        description
            ``deposition`` and ``dataset``, each with ``title`` and ``description`` at least,
            ``authors``, and, where wanted, ``funding`` and ``annotations``, types of objects.
        """
        path = self._session.path("publications")
        created: Resource = self._connection.post(path, dict(description))["data"]
        return created

    def create_from_file(self, filename: str | Path) -> Resource:
        """Begin to publish the experiment; its description is in a YAML file."""
        return self.create(read_yaml(Path(filename)))

    def kill(self, publication_id: str) -> None:
        """End a publication that is not public yet."""
        self._connection.post(self._session.path("publications", publication_id, "kill"))
