"""Experiments."""

from tmclient.resources import Namespace, Resources
from tmclient.session import Resource


class Experiments(Namespace):
    """``client.experiments``: all experiments, and the client's own one."""

    def get(self) -> Resource:
        """The experiment: id, name, description and the name of its owner."""
        experiment: Resource = self._connection.get(self._session.path())
        return experiment

    def create(
        self,
        workflow_type: str = "canonical",
        microscope_type: str = "cellvoyager",
        plate_format: int = 384,
        plate_acquisition_mode: str = "basic",
        description: str = "",
    ) -> Resource:
        """Create an experiment with the name that the client was given.

        Parameters
        ----------
        workflow_type
            The stages and steps that its images go through.
        microscope_type
            Determines which files are images and what their names mean; with ``generic``, the user
            provides a pattern.
        plate_format
            Number of wells of a plate: 1, 6, 12, 24, 48, 96, 384 or 1536.
        plate_acquisition_mode
            ``basic``: several acquisitions of a plate are a time series; ``multiplexing``: they
            are cycles of staining.
        description
            Free text.
        """
        answer = self._connection.post(
            "/api/experiments",
            {
                "name": self._session.require_experiment_name(),
                "description": description,
                "workflow_type": workflow_type,
                "microscope_type": microscope_type,
                "plate_format": plate_format,
                "plate_acquisition_mode": plate_acquisition_mode,
            },
        )
        experiment: Resource = answer["data"]
        self._session.select_experiment(experiment["name"], experiment["id"])
        return experiment

    def rename(self, new_name: str) -> None:
        """Give the experiment another name."""
        self._connection.put(self._session.path(), {"name": new_name})
        self._session.select_experiment(new_name, self._session.experiment_id)

    def describe(self, description: str) -> None:
        """Replace the description of the experiment."""
        self._connection.put(self._session.path(), {"description": description})

    def delete(self) -> None:
        """Delete the experiment with all its images and objects."""
        self._connection.delete(self._session.path())
        self._session.select_experiment(self._session.experiment_name, None)

    def get_workflow_types(self) -> list[str]:
        """The workflow types that an experiment can have."""
        types: list[str] = self._connection.get("/api/workflow_types")
        return types

    def get_microscope_types(self) -> list[str]:
        """The microscope types that an experiment can have."""
        types: list[str] = self._connection.get("/api/microscope_types")
        return types

    def get_acquisition_modes(self) -> list[str]:
        """What several acquisitions of a plate can mean: time points or staining cycles."""
        modes: list[str] = self._connection.get("/api/acquisition_modes")
        return modes

    # last, because the name means the method from here on
    def list(self) -> Resources:
        """All experiments that the user may see."""
        experiments: Resources = self._connection.get("/api/experiments")
        return experiments
