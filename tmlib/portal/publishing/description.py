"""What people say of an experiment that they publish: titles, authors, funding, identifiers.

Names are those of the catalogue's classes, into whose rows the values go.
"""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from tmlib.portal.declaration.entity import Enumeration
from tmlib.portal.declaration.enumerations import (
    ANNOTATION_METHOD_LINK_TYPE,
    ANNOTATION_METHOD_TYPE,
    SAMPLE_TYPE,
)

_NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"

Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Paragraph = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=_NO_CONTROLS),
]
Orcid = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]$")]


def _value_of(enumeration: Enumeration) -> AfterValidator:
    """Refuses texts that are none of the values of an enumeration."""

    def check(name: str) -> str:
        if name not in enumeration.values:
            raise ValueError(f"it is none of {', '.join(enumeration.values)}")
        return name

    return AfterValidator(check)


def _schema_of(enumeration: Enumeration) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(enumeration.values)})


LinkType = Annotated[
    str, _value_of(ANNOTATION_METHOD_LINK_TYPE), _schema_of(ANNOTATION_METHOD_LINK_TYPE)
]
MethodType = Annotated[str, _value_of(ANNOTATION_METHOD_TYPE), _schema_of(ANNOTATION_METHOD_TYPE)]
SampleType = Annotated[str, _value_of(SAMPLE_TYPE), _schema_of(SAMPLE_TYPE)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Author(_Part):
    """Somebody who made the data; the order of the list is that of publications."""

    name: Line = Field(examples=["Jane Doe"])
    orcid: Orcid | None = Field(None, examples=["0000-0002-1825-0097"])
    email: Line | None = Field(None, examples=["jane@lab.example"])
    affiliation_name: Line | None = Field(None, examples=["University of Somewhere"])
    affiliation_address: Line | None = Field(None, examples=["1 Main Street, Somewhere"])
    affiliation_identifier: Line | None = Field(None, examples=["https://ror.org/02catss52"])
    corresponding_author_status: bool = False
    primary_author_status: bool = False


class Funding(_Part):
    """Who paid."""

    funding_agency_name: Line = Field(examples=["National Science Foundation"])
    grant_id: Line | None = Field(None, examples=["1234567"])


class DepositionDescription(_Part):
    """What is handed in; DOIs and entries of other databases are separated by commas."""

    title: Line = Field(examples=["Colon cancer cells"])
    description: Paragraph = Field(examples=["Nuclei and actin of HT29 cells."])
    deposition_publications: Line | None = Field(None, examples=["10.1101/2024.01.01.123456"])
    related_database_entries: Line | None = Field(None, examples=["S-BIAD1234"])


class DatasetDescription(_Part):
    """The sample; identifiers are those of ontologies."""

    title: Line = Field(examples=["HT29 cells, stained for DNA and actin"])
    description: Paragraph = Field(examples=["384 wells, 9 sites each."])
    sample_type: SampleType | None = Field(None, examples=["cell_line"])
    sample_preparation: Paragraph | None = Field(
        None, examples=["Fixed, stained with Hoechst and phalloidin."]
    )
    grid_preparation: Paragraph | None = Field(None, examples=["None: plates of 384 wells."])
    other_setup: Paragraph | None = Field(None, examples=["Imaged at 37 °C."])
    organism_name: Line | None = Field(None, examples=["Homo sapiens"])
    organism_taxid: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, examples=[9606])
    tissue_name: Line | None = Field(None, examples=["colon"])
    tissue_id: Line | None = Field(None, examples=["UBERON:0001155"])
    cell_name: Line | None = Field(None, examples=["epithelial cell"])
    cell_type_id: Line | None = Field(None, examples=["CL:0000066"])
    cell_strain_name: Line | None = Field(None, examples=["HT-29"])
    cell_strain_id: Line | None = Field(None, examples=["CVCL_0320"])
    cell_component_name: Line | None = Field(None, examples=["nucleus"])
    cell_component_id: Line | None = Field(None, examples=["GO:0005634"])
    assay_label: Line | None = Field(None, examples=["fluorescence microscopy"])
    assay_ontology_id: Line | None = Field(None, examples=["EFO:0009122"])
    disease_name: Line | None = Field(None, examples=["colorectal cancer"])
    disease_ontology_id: Line | None = Field(None, examples=["MONDO:0005575"])
    development_stage_name: Line | None = Field(None, examples=["adult stage"])
    development_stage_ontology_id: Line | None = Field(None, examples=["HsapDv:0000087"])
    dataset_publications: Line | None = Field(None, examples=["10.1101/2024.01.01.123456"])
    related_database_entries: Line | None = Field(None, examples=["S-BIAD1234"])


class MethodLink(_Part):
    """More about how objects were found: source code, documentation, models."""

    link_type: LinkType = Field(examples=["source_code"])
    link: Line = Field(examples=["https://lab.example/pipeline"])
    name: Line | None = Field(None, examples=["pipeline of the lab"])


class ObjectsDescription(_Part):
    """What is said of the objects of a type, which become annotations.

    ``object_id`` is the identifier of an ontology for what they are. They are called
    ``object_name``, and as their type is where that is not given.
    """

    mapobject_type: Line = Field(examples=["Nuclei"])
    object_id: Line = Field(examples=["GO:0005634"])
    object_name: Line | None = Field(None, examples=["nucleus"])
    object_description: Paragraph | None = Field(
        None, examples=["Nuclei of all cells, mitotic ones too."]
    )
    object_state: Line | None = Field(None, examples=["interphase"])
    annotation_method: Line = Field(examples=["segmented by threshold and watershed"])
    method_type: MethodType = Field("automated", examples=["automated"])
    ground_truth_status: bool = False
    method_links: Annotated[list[MethodLink], Field(max_length=20)] = Field(default=[])

    @property
    def name(self) -> str:
        """What the objects are called."""
        return self.object_name or self.mapobject_type


class PublicationDescription(_Part):
    """What is said of an experiment that is published.

    ``license`` is the address of one; others may do nothing with what has none.
    Objects of the types that are in ``annotations`` are published, and no others.
    ``plate_maps`` publishes the stitched map of each well besides its sites, which takes about as
    much space again. ``voxel_spacing``, in angstroms, is wanted only where the size of the
    experiment's pixels is not known.
    """

    deposition: DepositionDescription
    dataset: DatasetDescription
    authors: Annotated[list[Author], Field(min_length=1, max_length=200)]
    funding: Annotated[list[Funding], Field(max_length=100)] = Field(default=[])
    license: Line | None = Field(
        None, examples=["https://creativecommons.org/publicdomain/zero/1.0/"]
    )
    annotations: Annotated[list[ObjectsDescription], Field(max_length=100)] = Field(default=[])
    plate_maps: bool = False
    voxel_spacing: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = Field(
        None, examples=[3250.0]
    )
