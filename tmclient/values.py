"""Feature values of objects and their positions: tables of any length."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmclient.cancellation import Cancellation, run_in_threads
from tmclient.errors import ResourceError, ServerUnreachable
from tmclient.places import Place, Selection
from tmclient.resources import Namespace
from tmclient.wells import Wells

if TYPE_CHECKING:
    from pandas import DataFrame

VALUES, METADATA, PROFILES = "feature-values", "metadata", "profiles"


class FeatureValues(Namespace):
    """``client.feature_values``: feature values of objects, and their positions."""

    def download(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> "DataFrame":
        """Feature values of all objects of a type, or of those in a part of the experiment.

        Returns
        -------
        pandas.DataFrame
            A row per object and time point: ``mapobject_id``, then a column per feature.
        """
        place = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        return self._table(mapobject_type_name, VALUES, place)

    def iterate(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> Iterator["DataFrame"]:
        """Feature values of objects, in parts that fit into memory."""
        place = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        with self._batches(mapobject_type_name, VALUES, place) as reader:
            for batch in reader:
                yield batch.to_pandas()

    def download_metadata(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> "DataFrame":
        """Positions of all objects of a type, or of those in a part of the experiment.

        Returns
        -------
        pandas.DataFrame
            A row per object, time point and plane: ``mapobject_id``, as in the feature values, then
            the names and positions of plate, well and site, the object's label there, its values
            in tool results, and the conditions of its well in columns ``Metadata_...``.
        """
        place = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        return self._table(mapobject_type_name, METADATA, place)

    def iterate_metadata(
        self,
        mapobject_type_name: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
    ) -> Iterator["DataFrame"]:
        """Positions of objects, in parts that fit into memory."""
        place = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        with self._batches(mapobject_type_name, METADATA, place) as reader:
            for batch in reader:
                yield batch.to_pandas()

    def download_profiles(
        self, mapobject_type_name: str, *, selection: Selection | None = None
    ) -> "DataFrame":
        """Feature values of objects beside what tells them apart, as pycytominer reads them.

        Parameters
        ----------
        selection
            Objects in a part of the experiment; all if not given.

        Returns
        -------
        pandas.DataFrame
            A row per object and time point: ``mapobject_id``, columns ``Metadata_...`` with the
            names and positions of plate, well and site and the conditions of the well, and a
            column per feature.
        """
        return self._table(mapobject_type_name, PROFILES, selection or Selection())

    def download_file(
        self,
        mapobject_type_name: str,
        target: str | Path,
        *,
        content: str = VALUES,
        table_format: str = "csv",
        selection: Selection | None = None,
    ) -> Path:
        """Write feature values or positions of objects into a file.

        Parameters
        ----------
        target
            The file; or an existing folder, in which the server chooses the file's name.
        content
            ``feature-values``, ``metadata``, or ``profiles``: see :meth:`download_profiles`.
        table_format
            ``csv``, ``parquet`` or ``arrow``.
        selection
            Objects in a part of the experiment; all if not given.

        Returns
        -------
        pathlib.Path
            The file.
        """
        path, parameters = self._request(
            mapobject_type_name, content, selection or Selection(), table_format
        )
        return self._connection.download(path, Path(target), parameters)

    def download_files(
        self,
        mapobject_type_name: str,
        directory: str | Path,
        parallel: int = 1,
        table_format: str = "csv",
    ) -> list[Path]:
        """Write feature values and positions of objects, into two files for each well.

        Parameters
        ----------
        directory
            The folder; it is made if it is not there.
        parallel
            How many files to download at the same time; 0 for a suitable number.
        table_format
            ``csv``, ``parquet`` or ``arrow``.

        Returns
        -------
        list of pathlib.Path
            The files.
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)

        cancellation = Cancellation()

        def download(task: tuple[Selection, str]) -> Path:
            selection, content = task
            path, parameters = self._request(mapobject_type_name, content, selection, table_format)
            return self._connection.download(path, folder, parameters, cancellation)

        wells = Wells(self._session).list()
        selections = [Selection(well["plate_name"], well["name"]) for well in wells]
        tasks = [(selection, content) for selection in selections for content in (VALUES, METADATA)]
        return run_in_threads(download, tasks, parallel or None, cancellation)

    def upload(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int,
        data: "DataFrame",
    ) -> None:
        """Store feature values of the objects of a site.

        Parameters
        ----------
        data
            A row for each object, a column for each feature; the index holds the labels.
        """
        place = Place(plate_name, well_name, well_pos_y, well_pos_x, tpoint).parameters()
        del place["zplane"]
        numbers = data.astype(float)
        # JSON has no number for a value that is missing
        values = numbers.astype(object).where(numbers.notna(), None).to_numpy().tolist()
        self._connection.post(
            self._session.type_path(mapobject_type_name, VALUES),
            {
                **place,
                "names": [str(name) for name in data.columns],
                "labels": [int(label) for label in data.index],
                "values": values,
            },
        )

    def upload_file(
        self,
        mapobject_type_name: str,
        plate_name: str,
        well_name: str,
        well_pos_y: int,
        well_pos_x: int,
        tpoint: int,
        filename: str | Path,
        index_col: str = "object_number",
    ) -> None:
        """Store feature values of the objects of a site from a CSV file.

        Parameters
        ----------
        filename
            The file: a row for each object, a column for each feature.
        index_col
            The column with the labels.
        """
        import pandas as pd

        try:
            data = pd.read_csv(filename, index_col=index_col)
            data = data.set_index(data.index.astype(int)).astype(float)
        except (ValueError, TypeError) as error:
            raise ResourceError(
                f"{filename} is no table of numbers with a column {index_col}: {error}"
            ) from error
        self.upload(
            mapobject_type_name, plate_name, well_name, well_pos_y, well_pos_x, tpoint, data
        )

    def _table(self, mapobject_type_name: str, content: str, selection: Selection) -> "DataFrame":
        with self._batches(mapobject_type_name, content, selection) as reader:
            table: DataFrame = reader.read_all().to_pandas()
        return table

    def _request(
        self, mapobject_type_name: str, content: str, selection: Selection, table_format: str
    ) -> tuple[str, dict[str, Any]]:
        """Path and query of a table."""
        parameters = selection.parameters() | {"format": table_format}
        if content == PROFILES:
            content, parameters = VALUES, parameters | {"metadata": "true"}
        return self._session.type_path(mapobject_type_name, content), parameters

    @contextmanager
    def _batches(
        self, mapobject_type_name: str, content: str, selection: Selection
    ) -> Iterator[Any]:
        """Open an Arrow stream (``pyarrow.RecordBatchReader``), which is read as it arrives."""
        import pyarrow as pa

        path, parameters = self._request(mapobject_type_name, content, selection, "arrow")
        with self._connection.stream(path, parameters) as response:
            try:
                yield pa.ipc.open_stream(response.raw)
            except pa.ArrowInvalid as error:
                raise ServerUnreachable(
                    f"The answer of {self._connection.url} broke off: {error}"
                ) from error
