"""Plates, and the acquisitions of their images."""

from typing import Any

from tmclient.resources import Namespace, Resources
from tmclient.session import Resource


class Plates(Namespace):
    """``client.plates``: the plates of the experiment."""

    def list(self) -> Resources:
        """All plates of the experiment."""
        plates: Resources = self._connection.get(self._session.path("plates"))
        return plates

    def create(self, name: str, description: str = "") -> Resource:
        """Add a plate."""
        answer = self._connection.post(
            self._session.path("plates"), {"name": name, "description": description}
        )
        plate: Resource = answer["data"]
        return plate

    def rename(self, name: str, new_name: str) -> None:
        """Give a plate another name."""
        self._connection.put(self._session.path("plates", self._plate_id(name)), {"name": new_name})

    def describe(self, name: str, description: str) -> None:
        """Replace the description of a plate."""
        path = self._session.path("plates", self._plate_id(name))
        self._connection.put(path, {"description": description})

    def delete(self, name: str) -> None:
        """Delete a plate with all its images and objects."""
        self._connection.delete(self._session.path("plates", self._plate_id(name)))

    def get_conditions(self, name: str) -> str:
        """The conditions of the wells of a plate as CSV: ``well_name``, then each condition."""
        answer = self._connection.request("GET", self._conditions_path(name))
        return answer.content.decode()

    def put_conditions(self, name: str, content: str) -> dict[str, Any]:
        """Replace the conditions of all wells of a plate, which become columns of all tables.

        Parameters
        ----------
        content
            CSV with a row for each well: ``well_name``, then a column for each condition.

        Returns
        -------
        dict
            ``n_wells``, and ``unknown_wells`` of the file that have no images.
        """
        answer = self._connection.request(
            "PUT",
            self._conditions_path(name),
            body=content.encode(),
            headers={"Content-Type": "text/csv"},
        )
        stored: dict[str, Any] = answer.json()["data"]
        return stored

    def _conditions_path(self, name: str) -> str:
        return self._session.path("plates", self._plate_id(name), "conditions")

    def _plate_id(self, name: str) -> str:
        return self._session.find_id("plate", self._session.path("plates"), name)


class Acquisitions(Namespace):
    """``client.acquisitions``: the acquisitions of plates."""

    def list(self, plate_name: str | None = None) -> Resources:
        """The acquisitions of a plate, or of all."""
        acquisitions: Resources = self._connection.get(
            self._session.path("acquisitions"), plate_name=plate_name
        )
        return acquisitions

    def create(self, plate_name: str, name: str, description: str = "") -> Resource:
        """Add an acquisition to a plate."""
        answer = self._connection.post(
            self._session.path("acquisitions"),
            {"plate_name": plate_name, "name": name, "description": description},
        )
        acquisition: Resource = answer["data"]
        return acquisition

    def rename(self, plate_name: str, name: str, new_name: str) -> None:
        """Give an acquisition another name."""
        self._connection.put(self._session.acquisition_path(plate_name, name), {"name": new_name})

    def describe(self, plate_name: str, name: str, description: str) -> None:
        """Replace the description of an acquisition."""
        self._connection.put(
            self._session.acquisition_path(plate_name, name), {"description": description}
        )

    def delete(self, plate_name: str, name: str) -> None:
        """Delete an acquisition with its files."""
        self._connection.delete(self._session.acquisition_path(plate_name, name))
