"""Makes the rows of the catalogue from what was said of an experiment and what was written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tmlib.portal import moments
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.publishing.description import ObjectsDescription, PublicationDescription
from tmlib.portal.publishing.drafts import Content
from tmlib.portal.publishing.naming import (
    dataset_folder,
    https_address,
    run_folder,
    s3_address,
    spacing_folder,
)

SOFTWARE = "tmserver"


@dataclass
class Rows:
    """Rows of all classes, which refer to each other by numbers that count from 1 in each class.

    Attributes
    ----------
    server
        The address of the server.
    """

    server: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, /, **values: Any) -> int:
        """Add a row of a class; gives its number."""
        rows = self.rows.setdefault(name, [])
        rows.append({"id": len(rows) + 1, **values})
        return len(rows)

    def addresses(self, attribute: str, key: str) -> dict[str, str]:
        """Both addresses of a file, as attributes; ``{}`` stands for the scheme in their names."""
        return {
            attribute.format("s3"): s3_address(key),
            attribute.format("https"): https_address(self.server, key),
        }

    def document(self, first_of: Callable[[str, int], int]) -> dict[str, list[dict[str, Any]]]:
        """The rows with ids of the catalogue, as the import takes them.

        Parameters
        ----------
        first_of
            Gives the first id for a class and the number of its rows.
        """
        # in one order, since others wait for the numbers of a class that were taken
        shifts = {name: first_of(name, len(rows)) - 1 for name, rows in sorted(self.rows.items())}
        document = {}
        for name, rows in self.rows.items():
            targets = {item.column: item.target for item in ENTITIES[name].items}
            targets["id"] = name
            document[ENTITIES[name].client_name] = [
                {
                    column: value + shifts[targets[column]]
                    if column in targets and value is not None
                    else value
                    for column, value in row.items()
                }
                for row in rows
            ]
        return document


def make_rows(
    server: str,
    dataset_id: int,
    description: PublicationDescription,
    runs: Sequence[Content],
    *,
    size: int,
    received: datetime,
    released: datetime,
) -> Rows:
    """The rows of a publication.

    Parameters
    ----------
    server
        Its address.
    dataset_id
        By which files are named.
    description
        What is said of the experiment.
    runs
        What was written of each site.
    size
        Of all files together, in bytes.
    received, released
        When it was asked for, and when it is public.
    """
    rows = Rows(server)
    release = moments.written(released)
    dates = {
        "deposition_date": moments.written(received),
        "release_date": release,
        "last_modified_date": release,
    }
    # the first run stands for all
    pictures = _pictures(server, runs[0]["tomograms"][0])
    rows.add("Deposition", **description.deposition.model_dump(), **dates, **pictures)
    kinds = ["dataset", "tomogram", *(["annotation"] if description.annotations else [])]
    for kind in kinds:
        rows.add("DepositionType", deposition_id=1, type=kind)
    rows.add(
        "Dataset",
        deposition_id=1,
        **description.dataset.model_dump(),
        **rows.addresses("{}_prefix", dataset_folder(dataset_id)),
        **dates,
        **pictures,
        file_size=float(size),
    )
    for funding in description.funding:
        rows.add("DatasetFunding", dataset_id=1, **funding.model_dump())
    _add_authors(rows, description, "DepositionAuthor", deposition_id=1)
    _add_authors(rows, description, "DatasetAuthor", dataset_id=1)
    for content in runs:
        _add_run(rows, dataset_id, description, content, dates)
    return rows


def _add_authors(rows: Rows, description: PublicationDescription, name: str, **owner: int) -> None:
    for order, author in enumerate(description.authors, start=1):
        rows.add(name, **owner, author_list_order=order, **author.model_dump())


def _add_run(
    rows: Rows,
    dataset_id: int,
    description: PublicationDescription,
    content: Content,
    dates: dict[str, str],
) -> None:
    name, spacing = content["name"], content["spacing"]
    run_id = rows.add(
        "Run",
        dataset_id=1,
        name=name,
        **rows.addresses("{}_prefix", run_folder(dataset_id, name)),
    )
    spacing_id = rows.add(
        "TomogramVoxelSpacing",
        run_id=run_id,
        voxel_spacing=spacing,
        **rows.addresses("{}_prefix", spacing_folder(dataset_id, name, spacing)),
    )
    places = {"deposition_id": 1, "run_id": run_id, "tomogram_voxel_spacing_id": spacing_id}
    for index, tomogram in enumerate(content["tomograms"]):
        tomogram_id = rows.add(
            "Tomogram",
            **places,
            **_tomogram(rows, tomogram),
            voxel_spacing=spacing,
            is_visualization_default=index == 0,
            publications=description.dataset.dataset_publications,
            **dates,
        )
        _add_authors(rows, description, "TomogramAuthor", tomogram_id=tomogram_id)
    for annotation in content["annotations"]:
        _add_annotation(rows, description, annotation, places, dates)


def _add_annotation(
    rows: Rows,
    description: PublicationDescription,
    annotation: Content,
    places: dict[str, int],
    dates: dict[str, str],
) -> None:
    described = ObjectsDescription.model_validate(annotation["described"])
    annotation_id = rows.add(
        "Annotation",
        **places,
        **described.model_dump(exclude={"mapobject_type", "object_name", "method_links"}),
        **rows.addresses("{}_metadata_path", annotation["metadata"]),
        object_name=described.name,
        object_count=annotation["count"],
        annotation_publication=description.dataset.dataset_publications,
        annotation_software=SOFTWARE,
        annotation_ingest_id=f"{described.mapobject_type} t{annotation['tpoint']:03d}",
        **dates,
    )
    _add_authors(rows, description, "AnnotationAuthor", annotation_id=annotation_id)
    for link in described.method_links:
        rows.add("AnnotationMethodLink", annotation_id=annotation_id, **link.model_dump())
    for shape in annotation["shapes"]:
        shape_id = rows.add(
            "AnnotationShape", annotation_id=annotation_id, shape_type=shape["type"]
        )
        for file in shape["files"]:
            rows.add(
                "AnnotationFile",
                annotation_shape_id=shape_id,
                tomogram_voxel_spacing_id=places["tomogram_voxel_spacing_id"],
                format=file["format"],
                **rows.addresses("{}_path", file["key"]),
                file_size=float(file["size"]),
                source="dataset_author",
                is_visualization_default=True,
            )


def _pictures(server: str, tomogram: Content) -> dict[str, str]:
    """The addresses of pictures of a volume, if it has some, as attributes."""
    attributes = {"picture": "key_photo_url", "thumbnail": "key_photo_thumbnail_url"}
    return {
        attribute: https_address(server, tomogram[name])
        for name, attribute in attributes.items()
        if name in tomogram
    }


def _tomogram(rows: Rows, tomogram: Content) -> dict[str, Any]:
    """The attributes of images of a light microscope: nothing was reconstructed from tilts."""
    scales = {
        f"scale_{level}_dimensions": dimensions
        for level, dimensions in enumerate(tomogram["scales"])
    }
    sizes = {f"size_{axis}": size for axis, size in zip("xyz", tomogram["size"], strict=True)}
    return {
        "name": tomogram["name"],
        **sizes,
        **scales,
        **{f"offset_{axis}": 0 for axis in "xyz"},
        **_pictures(rows.server, tomogram),
        "fiducial_alignment_status": "NON_FIDUCIAL",
        "reconstruction_method": "Unknown",
        "reconstruction_software": SOFTWARE,
        "processing": tomogram.get("processing", "raw"),
        "ctf_corrected": False,
        "is_author_submitted": True,
        "is_portal_standard": False,
        **rows.addresses("{}_mrc_file", tomogram["mrc"]),
        "file_size_mrc": float(tomogram["mrc_size"]),
        **rows.addresses("{}_omezarr_dir", tomogram["zarr"]),
        "file_size_omezarr": float(tomogram["zarr_size"]),
    }
