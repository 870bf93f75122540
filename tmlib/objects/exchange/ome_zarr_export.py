"""Label images with the table of their objects as OME-Zarr, in a streamed archive.

Below each site's field, ``labels/<type>`` is the label image and ``tables/<type>`` an AnnData table
(see :mod:`tmlib.objects.exchange.anndata_files`) with a row per object, in the form of feature
tables in NGFF's proposal for tables and in Fractal: ``region`` refers to the label image, and the
column ``label`` of ``obs`` to the object in it.
"""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tmlib.errors import NotFound
from tmlib.images.arrays import write_group
from tmlib.images.channel_images import write_plate_metadata
from tmlib.objects.exchange.anndata_files import AnnDataContent, write_zarr
from tmlib.objects.table.columns import Column
from tmlib.objects.table.object_table import ObjectTable
from tmlib.objects.values.table_streams import Outbox

_PIECE = 1 << 20


class Field(NamedTuple):
    """A site, and the folder of its images within the plate."""

    site_id: int
    path: Path
    well_name: str


def ome_zarr_archive(
    table: ObjectTable,
    type_name: str,
    plate_name: str,
    plate_store: Path,
    fields: Sequence[Field],
    *,
    with_images: bool,
) -> Iterator[bytes]:
    """A ZIP archive whose root is the plate.

    Parameters
    ----------
    table
        Table of the objects.
    type_name, plate_name
        Their names.
    plate_store
        Folder of the plate's images.
    fields
        Sites to include.
    with_images
        Whether to include the channel images, which makes it a plate that every reader can open.

    Raises
    ------
    NotFound
        If no site has labels of these objects.
    """
    if not any(_has_labels(field, type_name) for field in fields):
        raise NotFound(f'There are no label images of "{type_name}" at these sites.')
    if not with_images:
        fields = [field for field in fields if _has_labels(field, type_name)]
    outbox = Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:
        for path, name in _files(table, type_name, plate_name, plate_store, fields, with_images):
            with (
                path.open("rb") as source,
                archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target,
            ):
                while piece := source.read(_PIECE):
                    target.write(piece)
                    yield outbox.take()
    yield outbox.take()


def _files(
    table: ObjectTable,
    type_name: str,
    plate_name: str,
    plate_store: Path,
    fields: Sequence[Field],
    with_images: bool,
) -> Iterator[tuple[Path, str]]:
    """Files of the archive with their names in it; temporary files are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tmserver-") as folder:
        root = Path(folder) / "plate"
        _write_groups(root, plate_name, plate_store, fields, with_images)
        yield from _below(root, root)
        for number, field in enumerate(fields):
            inside = field.path.relative_to(plate_store).as_posix()
            sources: list[tuple[Path, str]] = []
            if _has_labels(field, type_name):
                made = Path(folder) / str(number)
                write_group(made / "labels", {"labels": [type_name]})
                _write_table(made / "tables", table, type_name, field.site_id)
                labels = field.path / "labels" / type_name
                sources = [(made, inside), (labels, f"{inside}/labels/{type_name}")]
            if with_images:
                sources += [
                    (path, f"{inside}/{path.name}")
                    for path in sorted(field.path.iterdir())
                    if path.is_dir() and path.name != "labels"
                ]
            for source, name in sources:
                for path, rest in _below(source, source):
                    yield path, f"{name}/{rest}"


def _has_labels(field: Field, type_name: str) -> bool:
    return (field.path / "labels" / type_name / "zarr.json").is_file()


def _write_groups(
    root: Path, plate_name: str, plate_store: Path, fields: Sequence[Field], with_images: bool
) -> None:
    """Metadata of plate, wells and fields."""
    if with_images:
        wells: dict[str, int] = {}
        for field in fields:
            number = int(field.path.name) + 1
            wells[field.well_name] = max(number, wells.get(field.well_name, 0))
        write_plate_metadata(root, plate_name, wells)
    for field in fields:
        target = root / field.path.relative_to(plate_store)
        for group in (root, target.parent.parent, target.parent, target):
            if not (group / "zarr.json").exists():
                write_group(group)
        if with_images:
            (target / "zarr.json").write_bytes((field.path / "zarr.json").read_bytes())


def _write_table(folder: Path, table: ObjectTable, type_name: str, site_id: int) -> None:
    import zarr  # importing it takes long, and most processes never need it

    zarr.open_group(folder, mode="w", zarr_format=3, attributes={"tables": [type_name]})
    columns: dict[bool, list[Column]] = {True: [], False: []}
    for column in table.columns:
        columns[column.kind == "feature"].append(column)
    rows = np.flatnonzero(table.rows["ref_id"] == site_id)
    content = AnnDataContent(table, rows, columns[True], columns[False])
    write_zarr(
        folder / type_name,
        content,
        type="feature_table",
        table_version="1",
        region={"path": f"../labels/{type_name}"},
        instance_key="label",
    )


def _below(folder: Path, root: Path) -> Iterator[tuple[Path, str]]:
    """All files of a folder with their names in it, metadata before the data."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    for path in sorted(paths, key=lambda path: (path.name != "zarr.json", path.parts)):
        yield path, path.relative_to(root).as_posix()
