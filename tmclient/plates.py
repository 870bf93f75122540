"""Plates, and the acquisitions of their images."""

from typing import Any

from tmclient.resources import Resource, Resources


class Plates(Resources):
    """Methods of the client for plates, acquisitions, wells and sites."""

    def get_plates(self) -> list[Resource]:
        """All plates of the experiment."""
        plates: list[Resource] = self.connection.get(self._path("plates"))
        return plates

    def create_plate(self, name: str, description: str = "") -> Resource:
        """Add a plate."""
        answer = self.connection.post(
            self._path("plates"), {"name": name, "description": description}
        )
        plate: Resource = answer["data"]
        return plate

    def rename_plate(self, name: str, new_name: str) -> None:
        """Give a plate another name."""
        self.connection.put(self._path("plates", self._plate_id(name)), {"name": new_name})

    def describe_plate(self, name: str, description: str) -> None:
        """Replace the description of a plate."""
        path = self._path("plates", self._plate_id(name))
        self.connection.put(path, {"description": description})

    def delete_plate(self, name: str) -> None:
        """Delete a plate with all its images and objects."""
        self.connection.delete(self._path("plates", self._plate_id(name)))

    def get_acquisitions(self, plate_name: str | None = None) -> list[Resource]:
        """The acquisitions of a plate, or of all."""
        acquisitions: list[Resource] = self.connection.get(
            self._path("acquisitions"), plate_name=plate_name
        )
        return acquisitions

    def create_acquisition(self, plate_name: str, name: str, description: str = "") -> Resource:
        """Add an acquisition to a plate."""
        answer = self.connection.post(
            self._path("acquisitions"),
            {"plate_name": plate_name, "name": name, "description": description},
        )
        acquisition: Resource = answer["data"]
        return acquisition

    def rename_acquisition(self, plate_name: str, name: str, new_name: str) -> None:
        """Give an acquisition another name."""
        self.connection.put(self._acquisition_path(plate_name, name), {"name": new_name})

    def describe_acquisition(self, plate_name: str, name: str, description: str) -> None:
        """Replace the description of an acquisition."""
        self.connection.put(self._acquisition_path(plate_name, name), {"description": description})

    def delete_acquisition(self, plate_name: str, name: str) -> None:
        """Delete an acquisition with its files."""
        self.connection.delete(self._acquisition_path(plate_name, name))

    def get_wells(self, plate_name: str | None = None) -> list[Resource]:
        """The wells of a plate, or of all; there are none before metaconfig has run."""
        wells: list[Resource] = self.connection.get(self._path("wells"), plate_name=plate_name)
        return wells

    def describe_well(self, plate_name: str, name: str, description: dict[str, Any]) -> None:
        """Replace what is noted about a well, its treatment for example."""
        identifier = self._id("well", self._path("wells"), name, plate_name=plate_name)
        self.connection.put(self._path("wells", identifier), {"description": description})

    def get_sites(
        self, plate_name: str | None = None, well_name: str | None = None
    ) -> list[Resource]:
        """The sites of a well, a plate, or all; there are none before metaconfig has run."""
        return list(self._pages(self._path("sites"), plate_name=plate_name, well_name=well_name))

    def get_site_shifts(
        self,
        plate_name: str | None = None,
        well_name: str | None = None,
        omitted: bool | None = None,
    ) -> list[Resource]:
        """How the cycles of sites were aligned; there are none before the step align has run."""
        only = None if omitted is None else str(omitted).lower()
        path = self._path("site-shifts")
        return list(self._pages(path, plate_name=plate_name, well_name=well_name, omitted=only))

    def get_site_overlaps(
        self, plate_name: str | None = None, well_name: str | None = None
    ) -> list[Resource]:
        """How neighbouring sites lie to each other; there are none where none overlap enough."""
        path = self._path("site-overlaps")
        return list(self._pages(path, plate_name=plate_name, well_name=well_name))

    def get_cycles(self) -> list[Resource]:
        """The rounds of staining and imaging; there are none before metaconfig has run."""
        cycles: list[Resource] = self.connection.get(self._path("cycles"))
        return cycles

    def _plate_id(self, name: str) -> str:
        return self._id("plate", self._path("plates"), name)

    def _acquisition_path(self, plate_name: str, name: str, *parts: str) -> str:
        identifier = self._id(
            "acquisition", self._path("acquisitions"), name, plate_name=plate_name
        )
        return self._path("acquisitions", identifier, *parts)
