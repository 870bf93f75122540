"""The table of all objects of a type: single columns of it."""

from typing import TYPE_CHECKING, Any

from tmclient.errors import ServerUnreachable
from tmclient.objects import Mapobjects
from tmclient.places import Selection

if TYPE_CHECKING:
    from pandas import DataFrame


class ObjectTables(Mapobjects):
    """Methods of the client for tables of objects."""

    def download_values(
        self,
        mapobject_type_name: str,
        column: str,
        plate_name: str | None = None,
        well_name: str | None = None,
        well_pos_y: int | None = None,
        well_pos_x: int | None = None,
        tpoint: int | None = None,
        dtype: str = "float64",
    ) -> "DataFrame":
        """One column for all objects of a type, or for those in a part of the experiment.

        Parameters
        ----------
        column
            A feature, a result of a tool, or metadata, ``well_name`` for example.
        dtype
            ``float64`` or ``float32``: type of floating-point numbers.

        Returns
        -------
        pandas.DataFrame
            ``mapobject_id``, ``tpoint`` if none was asked for, and the column; texts are
            categories.
        """
        selection = Selection(plate_name, well_name, well_pos_y, well_pos_x, tpoint)
        parameters = {**selection.parameters(), "column": column, "dtype": dtype}
        path = self._type_path(mapobject_type_name, "values")
        table: DataFrame = self._arrow(path, parameters).to_pandas()
        return table

    def _arrow(self, path: str, parameters: dict[str, Any]) -> Any:
        """An Arrow stream that is not long, as ``pyarrow.Table``."""
        import pyarrow as pa

        parameters = {**parameters, "format": "arrow"}
        with self.connection.stream(path, parameters) as response:
            try:
                return pa.ipc.open_stream(response.raw).read_all()
            except pa.ArrowInvalid as error:
                raise ServerUnreachable(
                    f"The answer of {self.connection.url} broke off: {error}"
                ) from error
