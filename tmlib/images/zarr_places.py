"""The images that an OME-Zarr lists, and which of them are present."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tmlib.images.reading import ImageFileError
from tmlib.images.zarr_files import ZarrFiles, check_key
from tmlib.microscopes.wells import normalise_well

_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """The place of an image in the hierarchy.

    Attributes
    ----------
    path
        Path in the hierarchy.
    well
        Name of its well.
    run
        Number of its acquisition, from 0 in the plate's order.
    field
        Number of the image in its well and acquisition, from 0, if there are several acquisitions.
    """

    path: str
    well: str | None = None
    run: int = 0
    field: int | None = None


@dataclass
class Places:
    """The images of an OME-Zarr.

    Attributes
    ----------
    path, files
        The folder or archive.
    found
        All images that are present; those of a plate in the order of its wells and their fields.
    missing
        Groups, and arrays of full resolution, that are listed but missing.

    Raises
    ------
    ImageFileError
        If it is not a usable OME-Zarr, or none of its images is present.
    """

    path: Path
    files: ZarrFiles
    found: list[Place] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for place in self._find():
            missing = self._missing(place.path)
            if missing is None:
                self.found.append(place)
            else:
                self.missing.append(missing)
        if self.missing and not self.found:
            raise ImageFileError(
                self.path, f"lists {self._listed()}, missing in it: copy or zip it anew."
            )

    def _missing(self, image: str) -> str | None:
        """What of an image is not there: its group, or its array of full resolution."""
        if not self.files.has_group(image):
            return image
        # metadata are read where the array is not called as most are: there may be very many
        if self.files.has_array(f"{image}/0".lstrip("/")):
            return None
        try:
            key = (self.attributes(image) or {})["multiscales"][0]["datasets"][0]["path"]
        except (KeyError, IndexError, TypeError):
            return None  # whoever opens it says what is wrong
        array = check_key(self.path, f"{image}/{key}".lstrip("/"))
        return None if self.files.has_array(array) else array

    @property
    def warnings(self) -> list[str]:
        """Sentences about images that are left out because they are missing."""
        if not self.missing:
            return []
        return [
            f'The image file "{self.path.name}" lists {self._listed()}, missing in it: what is '
            "missing is left out. If it was imaged, copy or zip it anew."
        ]

    def attributes(self, group: str) -> dict[str, Any] | None:
        """The OME-NGFF metadata of a group, of any version; None if there is no group."""
        prefix = f"{group}/" if group else ""
        node = self.files.json(f"{prefix}zarr.json")
        if node is not None:
            attributes = node.get("attributes") or {}
            ome = attributes.get("ome", attributes)
        elif (ome := self.files.json(f"{prefix}.zattrs")) is None:
            return {} if self.files.json(f"{prefix}.zgroup") is not None else None
        if not isinstance(ome, dict):
            raise ImageFileError(self.path, f'has metadata in "{group}" that are no OME-NGFF.')
        return ome

    def incomplete(self, group: str, error: Exception) -> ImageFileError:
        """The error for metadata that is not OME-NGFF, from the exception raised by reading it."""
        where = f'in "{group}" ' if group else ""
        what = "a part of them has another form"
        if isinstance(error, KeyError):
            what = f'"{error.args[0]}" is missing'
        return ImageFileError(
            self.path,
            f"has metadata {where}that are no OME-NGFF of version 0.4 or 0.5 ({what}): "
            "export it anew.",
        )

    def _listed(self) -> str:
        listed = ", ".join(f'"{group}"' for group in self.missing[:_SHOWN])
        more = len(self.missing) - _SHOWN
        which = f"{listed} and {more} more" if more > 0 else listed
        return f"{which}, which {'are' if len(self.missing) > 1 else 'is'} not there"

    def _find(self) -> Iterator[Place]:
        """The places of all listed images."""
        ome = self.attributes("")
        if ome is None:
            raise ImageFileError(self.path, "is no OME-Zarr: it has no metadata at its top.")
        if "plate" in ome:
            yield from self._of_plate(ome["plate"])
        elif "well" in ome:
            yield from self._of_lonely_well(ome["well"])
        elif "multiscales" in ome:
            yield Place("")
        elif ome.get("bioformats2raw.layout") == 3:
            yield from self._of_collection()
        else:
            raise ImageFileError(
                self.path,
                "has neither a plate nor a well nor an image at its top: "
                "zip the folder that your software calls .ome.zarr.",
            )

    def _of_plate(self, plate: Any) -> Iterator[Place]:
        try:
            names = [(well["path"], _well_name(plate, well)) for well in plate["wells"]]
            listed = [run["id"] for run in plate.get("acquisitions") or []]
            hash(tuple(listed))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise self.incomplete("", error) from None
        images: list[tuple[str, str, object]] = []
        for path, name in names:
            well_name = normalise_well(name)
            if well_name is None:
                raise ImageFileError(
                    self.path, f'has a well "{name}": wells are called A01 to AF48.'
                )
            key = check_key(self.path, path)
            if not self.files.has_group(key):
                self.missing.append(key)
                continue
            well = (self.attributes(key) or {}).get("well", {})
            images += [(image, well_name, run) for image, run in self._of_well(key, well)]
        # an image that names no acquisition belongs to the first
        named = {run for _, _, run in images} - {None}
        others = sorted(named - set(listed), key=lambda run: (str(type(run)), run))
        order = [run for run in listed if run in named] + others
        n_fields: Counter[tuple[str, int]] = Counter()
        for image, well_name, run in images:
            number = 0 if run is None else order.index(run)
            place = n_fields[well_name, number]
            n_fields[well_name, number] += 1
            yield Place(image, well_name, number, place if len(order) > 1 else None)

    def _of_lonely_well(self, well: Any) -> Iterator[Place]:
        images = self._of_well("", well)
        n_runs = len({run for _, run in images})
        if n_runs > 1:
            raise ImageFileError(
                self.path,
                f"is a well of {n_runs} acquisitions: zip the whole plate, whose acquisitions are "
                "told apart.",
            )
        yield from (Place(image) for image, _ in images)

    def _of_well(self, path: str, well: Any) -> list[tuple[str, object]]:
        """Path and acquisition of the fields of a well."""
        try:
            images = [(image["path"], image.get("acquisition")) for image in well["images"]]
            hash(tuple(run for _, run in images))
        except (KeyError, AttributeError, TypeError) as error:
            raise self.incomplete(path, error) from None
        return [(check_key(self.path, f"{path}/{image}".lstrip("/")), run) for image, run in images]

    def _of_collection(self) -> Iterator[Place]:
        """Images of bioformats2raw: listed in the group OME, else numbered from 0."""
        listed = (self.attributes("OME") or {}).get("series")
        if isinstance(listed, list):
            yield from (Place(check_key(self.path, str(path))) for path in listed)
            return
        number = 0
        while self.attributes(str(number)) is not None:
            yield Place(str(number))
            number += 1


def _well_name(plate: Any, well: Any) -> str:
    """Name of a well from its row and column, or from its path in early versions."""
    if "rowIndex" not in well and "columnIndex" not in well:
        return str(well["path"]).strip("/").replace("/", "")
    row, column = plate["rows"][well["rowIndex"]], plate["columns"][well["columnIndex"]]
    return f"{row['name']}{column['name']}"
