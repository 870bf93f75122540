"""What a publication tells the BioImage Archive, read by the rules of PageTab."""

import csv
import io
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.services.publisher import DESCRIPTION, Publisher
from tmlib.db import Database
from tmlib.experiments.models import Well
from tmlib.portal.files import FileStore, PublishedFile
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.settings import Settings

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOLD = PublicationDescription.model_validate(
    {
        **DESCRIPTION.model_dump(),
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "dataset": {
            **DESCRIPTION.dataset.model_dump(),
            "sample_preparation": 'Fixed.\r\n\r\nStained\twith "Hoechst".',
        },
        "authors": [
            {
                "name": name,
                "orcid": "0000-0002-1825-0097",
                "email": "ada@lab.example",
                "affiliation_name": place,
                "affiliation_identifier": "https://ror.org/02catss52",
                "corresponding_author_status": name == "Ada",
            }
            for name, place in (("Ada", "University"), ("Bo", "Institute"), ("Cy", "University"))
        ],
    }
)


CONDITIONS = ("[dose]", "plate", "compound", "Condition plate", "COMPOUND")


@dataclass
class Section:
    """A section of a submission: its type, accession and parent, and attributes in order."""

    kind: str
    accession: str
    parent: str
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        [value] = [value for key, value in self.attributes if key == name]
        return value


def read_table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter="\t", strict=True))


def read_sections(text: str) -> list[Section]:
    """Sections, which empty lines end."""
    sections: list[Section] = []
    is_inside = False
    for row in read_table(text):
        if not row:
            is_inside = False
        elif is_inside:
            name, value = row
            assert value
            sections[-1].attributes.append((name, value))
        else:
            kind, accession, parent = (*row, "", "")[:3]
            sections.append(Section(kind, accession, parent))
            is_inside = True
    return sections


def published(database: Database, settings: Settings) -> tuple[dict[str, int], dict[str, str]]:
    """Sizes of all files by their keys, and the two tables."""
    store = FileStore(settings.data_dir)
    with database.session() as session:
        files = session.scalars(select(PublishedFile)).all()
        sizes = {one.key: one.size for one in files}
        tables = {
            one.key.rpartition("/")[2]: store.path(one.digest).read_text(encoding="utf-8")
            for one in files
            if one.key.endswith(".tsv")
        }
    return sizes, tables


def test_a_publication_can_be_submitted_to_the_bioimage_archive(
    database: Database, settings: Settings
) -> None:
    publisher = Publisher(database, settings)
    with database.transaction() as session:
        done = dict(zip(CONDITIONS, (0.5, "odd", "DMSO", 1, "c\td\r\n\ne"), strict=True))
        session.execute(update(Well).where(Well.name == "B02").values(description=done))
    publication = publisher.status(publisher.publish(TOLD)).publication
    sizes, tables = published(database, settings)
    assert publication.published_at is not None
    check_submission(
        read_sections(tables["submission.tsv"]),
        str(publication.dataset_id),
        publication.published_at.date().isoformat(),
    )
    check_files(read_table(tables["file_list.tsv"]), f"{publication.dataset_id}/", sizes)


def check_submission(sections: list[Section], root: str, day: str) -> None:
    submission, study = sections[:2]
    assert (submission.kind, study.kind) == ("Submission", "Study")
    assert submission.attributes == [
        *(("Title", "HT29"), ("ReleaseDate", day)),
        *(("AttachTo", "BioImages"), ("RootPath", root)),
    ]
    assert study.attributes == [
        *(("Title", "HT29"), ("Description", "Two wells.")),
        *(("License", "CC BY 4.0"), ("[URL]", TOLD.license)),
    ]
    by_accession = {one.accession: one for one in sections[1:]}
    assert len(by_accession) == len(sections) - 1
    assert {one.parent for one in sections[2:]} <= by_accession.keys()
    of_kind: dict[str, list[Section]] = {}
    for one in sections:
        of_kind.setdefault(one.kind, []).append(one)
    authors = of_kind["Author"]
    assert [(one["Name"], one["ORCID"]) for one in authors] == [
        (name, "0000-0002-1825-0097") for name in ("Ada", "Bo", "Cy")
    ]
    places = [by_accession[one["<affiliation>"]] for one in authors]
    assert [one["Name"] for one in places] == ["University", "Institute", "University"]
    assert {one.kind for one in places} == {"organisation"}
    assert ("Role", "corresponding author") in authors[0].attributes
    [funding] = of_kind["Funding"]
    assert (funding["Agency"], funding["grant_id"]) == ("Fund", "1")
    [biosample], [specimen] = of_kind["Biosample"], of_kind["Specimen"]
    assert (biosample["Organism"], biosample["[NCBI taxon ID]"]) == ("Homo sapiens", "9606")
    assert specimen["Sample preparation protocol"] == 'Fixed.\nStained with "Hoechst".'
    [component], [associations] = of_kind["Study Component"], of_kind["Associations"]
    assert component["File List"] == "file_list.tsv"
    assert associations.parent == component.accession
    assert associations["Biosample"] == biosample["Title"]
    assert associations["Specimen"] == specimen["Title"]


def check_files(table: list[list[str]], root: str, sizes: dict[str, int]) -> None:
    """All files are listed once, volumes of OME-Zarr as folders, with what was done to them."""
    header, *rows = table
    assert header[0] == "Files"
    conditions = ["compound", "Condition [dose]", "Condition plate", "Condition Condition plate"]
    conditions.append("Condition COMPOUND")
    assert header[-5:] == conditions
    assert len(set(header)) == len(header)
    assert {len(row) for row in rows} == {len(header)}
    listed: list[dict[str, Any]] = [dict(zip(header, row, strict=True)) for row in rows]
    assert len({row["Files"] for row in listed}) == len(rows)
    expected: dict[str, int] = {}
    for key, size in sizes.items():
        path = re.sub(r"\.zarr/.*", ".zarr", key.removeprefix(root))
        expected[path] = expected.get(path, 0) + size
    for name in ("submission.tsv", "file_list.tsv", "checksums_sha256.txt"):
        del expected[name]
    assert {row["Files"]: int(row["Size in bytes"]) for row in listed} == expected
    contents = {row["Content"] for row in listed}
    assert contents == {"image", "picture", "annotation", "metadata"}
    images = [row for row in listed if row["Content"] == "image"]
    assert {(row["Well"], row["Channel"], row["Time point"]) for row in images} == {
        (well, channel, "0") for well in ("A01", "B02") for channel in ("DNA", "Actin")
    }
    for row in images:
        of_second = ["DMSO", "0.5", "odd", "1", "c d e"]
        done = of_second if row["Well"] == "B02" else ["A01", *[""] * 4]
        assert [row[name] for name in (*conditions, "Plate")] == [*done, "Plate 1"]
    masks = [row for row in listed if row["Content"] == "annotation"]
    assert {row["Objects"] for row in masks} == {"cell nucleus"}


def test_what_nobody_has_told_is_left_out(database: Database, settings: Settings) -> None:
    Publisher(database, settings).publish(
        PublicationDescription.model_validate(
            {
                "deposition": {"title": "Cells", "description": "All."},
                "dataset": {"title": "Cells", "description": "All."},
                "authors": [{"name": "Ada"}],
            }
        )
    )
    _, tables = published(database, settings)
    sections = read_sections(tables["submission.tsv"])
    assert [one.kind for one in sections] == ["Submission", "Study", "Author", "Study Component"]
    assert sections[2].attributes == [("Name", "Ada")]
