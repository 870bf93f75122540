"""Describes a dataset for the BioImage Archive, in PageTab, the format of BioStudies, as TSV.

Blocks of lines are sections, their first line has the type, the accession and that of the section
that it belongs to. Other lines are attributes; a name in ``<>`` refers to a section, and one in
``[]`` tells more of the value above it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tmlib.experiments.csv_lines import csv_line
from tmlib.portal.citation import dois
from tmlib.portal.files import KeptFile
from tmlib.portal.publishing.description import Author, DatasetDescription, PublicationDescription
from tmlib.portal.publishing.drafts import Content
from tmlib.portal.publishing.naming import dataset_folder

SUBMISSION = "submission.tsv"
FILE_LIST = "file_list.tsv"

_STUDY, _COMPONENT, _BIOSAMPLE, _SPECIMEN = (
    "Study-1",
    "Study Component-1",
    "Biosample-1",
    "Specimen-1",
)
_LICENSES = {
    "creativecommons.org/publicdomain/zero/1.0": "CC0",
    "creativecommons.org/licenses/by/4.0": "CC BY 4.0",
}
_ADDRESS = re.compile(r"https?://(?:www\.)?(\S+)")
_ZARR = re.compile(r"(.*?\.zarr)/.*")
_COLUMNS = (
    *("Size in bytes", "Content", "Plate", "Well", "Row of site", "Column of site"),
    *("Channel", "Time point", "Objects"),
)
_MEANT_OTHERWISE = ("(", "[", "<")
_TAB = "\t"
_PARTING = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")

Attributes = Iterable[tuple[str, object]]


def make_submission(description: PublicationDescription, *, dataset_id: int, published: str) -> str:
    """The submission, without attributes that nobody has told.

    Parameters
    ----------
    description
        What is said of the experiment.
    dataset_id
        The number of the dataset, by which the folder of its files is called.
    published
        The day, as ISO 8601.
    """
    dataset = description.dataset
    study: Attributes = (
        ("Title", dataset.title),
        ("Description", dataset.description),
        *_license(description.license),
    )
    component: Attributes = (
        ("Name", dataset.title),
        ("Description", description.deposition.description),
        ("File List", FILE_LIST),
    )
    about: Attributes = (
        ("Title", dataset.title),
        ("ReleaseDate", published),
        ("AttachTo", "BioImages"),
        ("RootPath", dataset_folder(dataset_id).rstrip("/")),
    )
    blocks = [
        _block(("Submission",), about),
        _block(("Study", _STUDY), study),
        *_people(description.authors),
        *(
            _block(
                ("Funding", f"Funding-{number}", _STUDY),
                (("Agency", one.funding_agency_name), ("grant_id", one.grant_id)),
            )
            for number, one in enumerate(description.funding, start=1)
        ),
        *(
            _block(("Publication", f"Publication-{number}", _STUDY), (("DOI", doi),))
            for number, doi in enumerate(dois(dataset.dataset_publications), start=1)
        ),
        *_sample(dataset),
        _block(("Study Component", _COMPONENT, _STUDY), component),
        *_associations(dataset),
    ]
    return "\n".join(blocks)


def make_file_list(dataset_id: int, runs: Sequence[Content], files: Sequence[KeptFile]) -> str:
    """A table of files, with what was done to the well of each.

    A volume of OME-Zarr is a folder, and one entry of it.

    Parameters
    ----------
    dataset_id
        The number of the dataset; paths are those below its folder.
    runs
        What was written of each site, and of the map of each well.
    files
        All of which are listed.
    """
    root = dataset_folder(dataset_id)
    sizes: dict[str, int] = {}
    for file in files:
        zarr = _ZARR.fullmatch(file.key)
        key = zarr[1] if zarr else file.key
        sizes[key] = sizes.get(key, 0) + file.size
    conditions = list(
        dict.fromkeys(name for run in runs for name in run["place"].get("conditions", {}))
    )
    told = {name: known for run in runs for name, known in _told(root, run)}
    places = {f"{root}{run['name']}": run["place"] for run in runs}
    rows = []
    for key, size in sorted(sizes.items()):
        place = places.get("/".join(key.split("/")[:2]), {})
        own = {
            "Size in bytes": size,
            "Content": "metadata",
            "Plate": place.get("plate"),
            "Well": place.get("well"),
            "Row of site": place.get("well_pos_y"),
            "Column of site": place.get("well_pos_x"),
            **told.get(key, {}),
        }
        done = place.get("conditions", {})
        cells = [*map(own.get, _COLUMNS), *map(done.get, conditions)]
        told_cells = ("" if cell is None else _in_one_line(cell) for cell in cells)
        rows.append([key.removeprefix(root), *told_cells])
    return _lines(["Files", *_COLUMNS, *_columns(conditions)], *rows)


def _columns(conditions: Sequence[str]) -> list[str]:
    """Names of the columns of conditions: no other has them, and they mean nothing else."""
    taken = {"files", *map(str.casefold, _COLUMNS)}
    names = []
    for condition in map(_in_one_line, conditions):
        is_plain = condition and not condition.startswith(_MEANT_OTHERWISE)
        name = condition if is_plain else f"Condition {condition}".rstrip()
        if name.casefold() in taken:
            name = f"Condition {condition}"
        different, number = name, 2
        while different.casefold() in taken:
            different, number = f"{name} {number}", number + 1
        taken.add(different.casefold())
        names.append(different)
    return names


def _told(root: str, run: Content) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What volumes and files of objects of a run are."""
    for tomogram in run["tomograms"]:
        known = {
            "Content": "image",
            "Channel": tomogram.get("channel"),
            "Time point": tomogram.get("tpoint"),
        }
        yield tomogram["mrc"], known
        yield tomogram["zarr"], known
        for name in ("picture", "thumbnail"):
            if name in tomogram:
                yield tomogram[name], {**known, "Content": "picture"}
    for annotation in run["annotations"]:
        known = {
            "Content": "annotation",
            "Time point": annotation["tpoint"],
            "Objects": annotation["described"]["object_name"]
            or annotation["described"]["mapobject_type"],
        }
        for shape in annotation["shapes"]:
            for file in shape["files"]:
                yield file["key"], known


def _license(text: str | None) -> Iterator[tuple[str, object]]:
    if text is None:
        return
    address = _ADDRESS.fullmatch(text)
    known = [name for start, name in _LICENSES.items() if address and address[1].startswith(start)]
    yield "License", known[0] if known else text
    if address:
        yield "[URL]", text


def _people(authors: Sequence[Author]) -> Iterator[str]:
    """Authors, and where they work: a section for each place."""
    places: dict[tuple[str, str | None, str | None], str] = {}
    for number, author in enumerate(authors, start=1):
        place = None
        if author.affiliation_name or author.affiliation_identifier:
            name = author.affiliation_name or str(author.affiliation_identifier)
            known = (name, author.affiliation_identifier, author.affiliation_address)
            place = places.setdefault(known, f"o{len(places) + 1}")
        role = "corresponding author" if author.corresponding_author_status else None
        about: Attributes = (
            ("Name", author.name),
            ("E-mail", author.email),
            ("ORCID", author.orcid),
            ("Role", role),
            ("<affiliation>", place),
        )
        yield _block(("Author", f"Author-{number}", _STUDY), about)
    for (name, identifier, address), number_of in places.items():
        about = (("Name", name), ("RORID", identifier), ("Address", address))
        yield _block(("organisation", number_of, _STUDY), about)


def _sample(dataset: DatasetDescription) -> Iterator[str]:
    if entity := _entity(dataset):
        biosample: Attributes = (
            ("Title", _BIOSAMPLE),
            ("Organism", dataset.organism_name),
            ("[NCBI taxon ID]", dataset.organism_taxid if dataset.organism_name else None),
            ("Biological entity", ", ".join(entity)),
        )
        yield _block(("Biosample", _BIOSAMPLE, _STUDY), biosample)
    if dataset.sample_preparation:
        specimen: Attributes = (
            ("Title", _SPECIMEN),
            ("Sample preparation protocol", dataset.sample_preparation),
        )
        yield _block(("Specimen", _SPECIMEN, _STUDY), specimen)


def _entity(dataset: DatasetDescription) -> list[str]:
    """What is known of what was imaged."""
    names = (dataset.cell_strain_name, dataset.cell_name, dataset.tissue_name)
    kind = dataset.sample_type.replace("_", " ") if dataset.sample_type else None
    return [name for name in (*names, kind, dataset.organism_name) if name]


def _associations(dataset: DatasetDescription) -> Iterator[str]:
    about = (
        ("Biosample", _BIOSAMPLE if _entity(dataset) else None),
        ("Specimen", _SPECIMEN if dataset.sample_preparation else None),
    )
    if any(value for _, value in about):
        yield _block(("Associations", "Associations-1", _COMPONENT), about)


def _block(head: Sequence[str], attributes: Attributes) -> str:
    told = ((name, _without_gaps(value)) for name, value in attributes if value is not None)
    return _lines(head, *told)


def _without_gaps(value: object) -> str:
    """A value without lines that have nothing, since these end a block."""
    lines = (_in_one_line(line) for line in str(value).splitlines())
    return "\n".join(line for line in lines if line)


def _in_one_line(value: object) -> str:
    """A value without tabs and ends of lines, which part cells and rows."""
    return _PARTING.sub(" ", str(value)).strip()


def _lines(*rows: Sequence[object]) -> str:
    """Rows with tabs between their cells, in quotation marks where a cell has several lines."""
    return "".join(f"{csv_line(row, _TAB)}\n" for row in rows)
