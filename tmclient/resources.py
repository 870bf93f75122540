"""What all parts of the client share: the experiment, and looking things up by name."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tmclient.connection import Connection
from tmclient.errors import ResourceError

Resource = dict[str, Any]
"""Something on the server as JSON: ``id``, usually ``name``, and what else it has."""

_PAGE = 10_000


class Resources:
    """Resources of one experiment, addressed by name as users know them.

    Parameters
    ----------
    connection
        The server and the user.
    experiment_name
        The experiment; None for a client that only lists experiments.
    """

    def __init__(self, connection: Connection, experiment_name: str | None) -> None:
        self.connection = connection
        self.experiment_name = experiment_name
        self._experiment_id: str | None = None

    @property
    def experiment_id(self) -> str:
        """Id of the experiment, looked up once.

        Raises
        ------
        ResourceError
            If there is no experiment of this name.
        """
        if self._experiment_id is None:
            name = self._require_experiment_name()
            self._experiment_id = self._find("experiment", "/api/experiments", name)["id"]
        return self._experiment_id

    def _require_experiment_name(self) -> str:
        if not self.experiment_name:
            raise ResourceError("Give the name of an experiment.")
        return self.experiment_name

    def _path(self, *parts: str) -> str:
        """Path of something in the experiment."""
        tail = "".join(f"/{quote(part, safe='=')}" for part in parts)
        return f"/api/experiments/{quote(self.experiment_id, safe='=')}{tail}"

    def _pages(self, path: str, **parameters: Any) -> Iterator[Resource]:
        """All items of a list that may be long, asked for in parts."""
        offset = 0
        while True:
            page = self.connection.get(path, limit=_PAGE, offset=offset, **parameters)
            yield from page
            if len(page) < _PAGE:
                return
            offset += _PAGE

    def _find(self, kind: str, path: str, name: str, **parameters: Any) -> Resource:
        """The one thing of this name in a list.

        Raises
        ------
        ResourceError
            If there is none, or several.
        """
        answer = self.connection.get(path, name=name, **parameters)
        found: list[Resource] = [item for item in answer if item["name"] == name]
        if len(found) != 1:
            there = "no" if not found else "more than one"
            raise ResourceError(f'There is {there} {kind} "{name}".')
        return found[0]

    def _id(self, kind: str, path: str, name: str, **parameters: Any) -> str:
        identifier: str = self._find(kind, path, name, **parameters)["id"]
        return identifier
