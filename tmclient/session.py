"""The server, the user and the experiment that all requests of a client are about."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tmclient.connection import Connection
from tmclient.errors import ResourceError

Resource = dict[str, Any]
"""A resource of the server as JSON: ``id``, usually ``name``, and other fields."""

_PAGE = 10_000


class Session:
    """A connection and an experiment, whose resources are looked up by name.

    Parameters
    ----------
    connection
        The server and the user.
    experiment_name
        The experiment; None for a client that only lists experiments.
    """

    def __init__(self, connection: Connection, experiment_name: str | None) -> None:
        self.connection = connection
        self._experiment_name = experiment_name
        self._experiment_id: str | None = None

    @property
    def experiment_name(self) -> str | None:
        """Name of the experiment; another one may be set at any time."""
        return self._experiment_name

    @experiment_name.setter
    def experiment_name(self, name: str | None) -> None:
        if name != self._experiment_name:
            self._experiment_id = None
        self._experiment_name = name

    @property
    def experiment_id(self) -> str:
        """Id of the experiment, looked up once.

        Raises
        ------
        ResourceError
            If there is no experiment of this name.
        """
        if self._experiment_id is None:
            name = self.require_experiment_name()
            self._experiment_id = self.find_id("experiment", "/api/experiments", name)
        return self._experiment_id

    def require_experiment_name(self) -> str:
        """Name of the experiment.

        Raises
        ------
        ResourceError
            If none was given.
        """
        if not self._experiment_name:
            raise ResourceError("Give the name of an experiment.")
        return self._experiment_name

    def select_experiment(self, name: str | None, identifier: str | None) -> None:
        """Use an experiment whose id is known already, or unknown again if None."""
        self._experiment_name = name
        self._experiment_id = identifier

    def path(self, *parts: str) -> str:
        """Path of a resource of the experiment."""
        tail = "".join(f"/{quote(part, safe='=')}" for part in parts)
        return f"/api/experiments/{quote(self.experiment_id, safe='=')}{tail}"

    def acquisition_path(self, plate_name: str, name: str) -> str:
        """Path of an acquisition."""
        acquisitions = self.path("acquisitions")
        identifier = self.find_id("acquisition", acquisitions, name, plate_name=plate_name)
        return self.path("acquisitions", identifier)

    def type_path(self, name: str, *parts: str) -> str:
        """Path of a type of objects, or of something below it."""
        identifier = self.find_id("object type", self.path("mapobject_types"), name)
        return self.path("mapobject_types", identifier, *parts)

    def pages(self, path: str, **parameters: Any) -> Iterator[Resource]:
        """All items of a list that may be long, asked for in parts."""
        offset = 0
        while True:
            page = self.connection.get(path, limit=_PAGE, offset=offset, **parameters)
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def find(self, kind: str, path: str, name: str, **parameters: Any) -> Resource:
        """The one resource of this name in a list.

        Raises
        ------
        ResourceError
            If there are none or several.
        """
        answer = self.connection.get(path, name=name, **parameters)
        found: list[Resource] = [item for item in answer if item["name"] == name]
        if len(found) != 1:
            there = "no" if not found else "more than one"
            raise ResourceError(f'There is {there} {kind} "{name}".')
        return found[0]

    def find_id(self, kind: str, path: str, name: str, **parameters: Any) -> str:
        """Id of the one resource of this name in a list; raises like :meth:`find`."""
        identifier: str = self.find(kind, path, name, **parameters)["id"]
        return identifier
