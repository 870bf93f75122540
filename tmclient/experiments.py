"""Experiments."""

from tmclient.resources import Resource, Resources


class Experiments(Resources):
    """Methods of the client for experiments."""

    def get_experiments(self) -> list[Resource]:
        """All experiments that the user may see."""
        experiments: list[Resource] = self.connection.get("/api/experiments")
        return experiments

    def get_experiment(self) -> Resource:
        """The experiment: id, name, description and the name of its owner."""
        experiment: Resource = self.connection.get(self._path())
        return experiment

    def get_workflow_types(self) -> list[str]:
        """The workflow types that an experiment can have."""
        types: list[str] = self.connection.get("/api/workflow_types")
        return types

    def get_microscope_types(self) -> list[str]:
        """The microscope types that an experiment can have."""
        types: list[str] = self.connection.get("/api/microscope_types")
        return types

    def get_acquisition_modes(self) -> list[str]:
        """What several acquisitions of a plate can be: time points or cycles of staining."""
        modes: list[str] = self.connection.get("/api/acquisition_modes")
        return modes

    def create_experiment(
        self,
        workflow_type: str = "canonical",
        microscope_type: str = "cellvoyager",
        plate_format: int = 384,
        plate_acquisition_mode: str = "basic",
        description: str = "",
    ) -> Resource:
        """Create the experiment whose name the client was given.

        Parameters
        ----------
        workflow_type
            The stages and steps that its images go through.
        microscope_type
            Decides which files are images and what their names mean; ``generic`` for those whose
            pattern the user gives.
        plate_format
            Number of wells of a plate: 1, 6, 12, 24, 48, 96, 384 or 1536.
        plate_acquisition_mode
            ``basic``: several acquisitions of a plate are a time series; ``multiplexing``: they
            are cycles of staining.
        description
            Free text.
        """
        answer = self.connection.post(
            "/api/experiments",
            {
                "name": self._require_experiment_name(),
                "description": description,
                "workflow_type": workflow_type,
                "microscope_type": microscope_type,
                "plate_format": plate_format,
                "plate_acquisition_mode": plate_acquisition_mode,
            },
        )
        experiment: Resource = answer["data"]
        self._experiment_id = experiment["id"]
        return experiment

    def rename_experiment(self, new_name: str) -> None:
        """Give the experiment another name."""
        self.connection.put(self._path(), {"name": new_name})
        self.experiment_name = new_name

    def describe_experiment(self, description: str) -> None:
        """Replace the description of the experiment."""
        self.connection.put(self._path(), {"description": description})

    def delete_experiment(self) -> None:
        """Delete the experiment with all its images and objects."""
        self.connection.delete(self._path())
        self._experiment_id = None
