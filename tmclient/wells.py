"""Wells, sites and cycles, which metaconfig reads from the files."""

from typing import Any

from tmclient.resources import Namespace, Resources


class Wells(Namespace):
    """``client.wells``: the wells of plates."""

    def list(self, plate_name: str | None = None) -> Resources:
        """The wells of a plate, or of all; there are none before metaconfig has run."""
        wells: Resources = self._connection.get(self._session.path("wells"), plate_name=plate_name)
        return wells

    def describe(self, plate_name: str, name: str, description: dict[str, Any]) -> None:
        """Replace the notes on a well, its treatment for example."""
        identifier = self._session.find_id(
            "well", self._session.path("wells"), name, plate_name=plate_name
        )
        self._connection.put(self._session.path("wells", identifier), {"description": description})


class Sites(Namespace):
    """``client.sites``: the sites of wells."""

    def list(self, plate_name: str | None = None, well_name: str | None = None) -> Resources:
        """The sites of a well, a plate, or all; there are none before metaconfig has run."""
        return list(
            self._session.pages(
                self._session.path("sites"), plate_name=plate_name, well_name=well_name
            )
        )

    def get_shifts(
        self,
        plate_name: str | None = None,
        well_name: str | None = None,
        omitted: bool | None = None,
    ) -> Resources:
        """How the cycles of sites were aligned; there is nothing before the step align has run."""
        only = None if omitted is None else str(omitted).lower()
        path = self._session.path("site-shifts")
        return list(
            self._session.pages(path, plate_name=plate_name, well_name=well_name, omitted=only)
        )

    def get_overlaps(
        self, plate_name: str | None = None, well_name: str | None = None
    ) -> Resources:
        """How neighbouring sites are placed relative to each other, where they overlap enough."""
        path = self._session.path("site-overlaps")
        return list(self._session.pages(path, plate_name=plate_name, well_name=well_name))


class Cycles(Namespace):
    """``client.cycles``: the rounds of staining and imaging."""

    def list(self) -> Resources:
        """The rounds of staining and imaging; there are none before metaconfig has run."""
        cycles: Resources = self._connection.get(self._session.path("cycles"))
        return cycles
