"""Datasets, with who made them and who paid."""

from tmlib.portal.declaration.entity import (
    ID,
    Item,
    Many,
    boolean,
    entity,
    integer,
    moment,
    number,
    one_of,
    text,
)
from tmlib.portal.declaration.enumerations import SAMPLE_TYPE

DATASET = entity(
    "Dataset",
    "datasets",
    "A collection of imaging experiments on the same organism",
    Item(
        "deposition",
        "Deposition",
        "Reference to the deposition this dataset is associated with",
        required=True,
    ),
    Many("funding_sources", "DatasetFunding"),
    Many("authors", "DatasetAuthor"),
    Many("runs", "Run"),
    text("title", "Title of a CryoET dataset", required=True),
    text(
        "description",
        (
            "A short description of a CryoET dataset, similar to an "
            "abstract for a journal article or dataset."
        ),
        required=True,
    ),
    text(
        "assay_label",
        (
            "Label for the type of assay performed in a CryoET dataset, "
            "e.g. cryo-electron tomography"
        ),
    ),
    text(
        "assay_ontology_id",
        "EFO ontology identifier for the type of assay performed in a CryoET dataset",
    ),
    text(
        "development_stage_name",
        (
            "Development stage of the organism from which a "
            "biological sample used the study is derived."
        ),
    ),
    text("development_stage_ontology_id", "Ontology identifier for the development stage"),
    text(
        "disease_name",
        (
            "Name of the disease associated with the biological sample "
            "used in a CryoET study, e.g. Alzheimer’s disease"
        ),
    ),
    text(
        "disease_ontology_id",
        (
            "Ontology identifier for the disease associated with "
            "the biological sample used in a CryoET study"
        ),
    ),
    text(
        "organism_name",
        (
            "Name of the organism from which a biological sample used in"
            " a CryoET study is derived from, e.g. homo sapiens"
        ),
    ),
    integer("organism_taxid", "NCBI taxonomy identifier for the organism, e.g. 9606"),
    text(
        "tissue_name",
        (
            "Name of the tissue from which a biological sample used in a "
            "CryoET study is derived from."
        ),
    ),
    text("tissue_id", "The ontology identifier for the tissue."),
    text(
        "cell_name",
        "Name of the cell from which a biological sample used in a CryoET study is derived from.",
    ),
    text("cell_type_id", "The ontology identifier for the cell type."),
    text("cell_strain_name", "Cell line or strain for the sample."),
    text("cell_strain_id", "Link to more information about the cell strain"),
    one_of(
        SAMPLE_TYPE,
        "sample_type",
        (
            "Type of samples used in a CryoET study. (cell, tissue, "
            "organism, intact organelle, in-vitro mixture, in-silico "
            "synthetic data, other)"
        ),
    ),
    text("sample_preparation", "Describe how the sample was prepared."),
    text("grid_preparation", "Describe Cryo-ET grid preparation."),
    text(
        "other_setup",
        (
            "Describe other setup not covered by sample preparation or "
            "grid preparation that may make this dataset unique in the "
            "same publication"
        ),
    ),
    text("key_photo_url", "URL for the dataset preview image."),
    text("key_photo_thumbnail_url", "URL for the thumbnail of preview image."),
    text("cell_component_name", "Name of the cellular component"),
    text(
        "cell_component_id",
        "If the dataset focuses on a specific part of a cell, the subset is included here",
    ),
    moment(
        "deposition_date",
        "Date when a dataset is initially received by the Data Portal.",
        required=True,
    ),
    moment(
        "release_date", "Date when a dataset is made available on the Data Portal.", required=True
    ),
    moment("last_modified_date", "Date when a released dataset is last modified.", required=True),
    text(
        "dataset_publications",
        "Comma-separated list of DOIs for publications associated with the dataset.",
    ),
    text(
        "related_database_entries",
        (
            "If a CryoET dataset is also deposited into "
            "another database, enter the database identifier "
            "here (e.g. EMPIAR-11445). Use a comma to "
            "separate multiple identifiers."
        ),
    ),
    text("s3_prefix", "The S3 public bucket path where this dataset is contained", required=True),
    text("https_prefix", "The https directory path where this dataset is contained", required=True),
    number("file_size", "Size of the dataset in bytes"),
    integer(
        "id",
        "An identifier for a CryoET dataset, assigned by the Data Portal. Used to identify the "
        "dataset as the directory name in data tree",
        required=True,
    ),
)

DATASET_AUTHOR = entity(
    "DatasetAuthor",
    "datasetAuthors",
    "An author of a dataset",
    Item("dataset", "Dataset", "Dataset authored by this person"),
    ID,
    integer(
        "author_list_order",
        "The order in which the author appears in the publication",
        required=True,
    ),
    text("orcid", "A unique, persistent identifier for researchers, provided by ORCID."),
    text("kaggle_id", "A unique, persistent identifier for kaggle users at kaggle.com."),
    text("name", "Full name of a dataset author (e.g. Jane Doe).", required=True),
    text("email", "Email address for this author"),
    text(
        "affiliation_name",
        "Name of the institutions an author is affiliated with. Comma separated",
    ),
    text("affiliation_address", "Address of the institution an author is affiliated with."),
    text(
        "affiliation_identifier",
        (
            "A unique identifier assigned to the affiliated "
            "institution by The Research Organization Registry "
            "(ROR)."
        ),
    ),
    boolean(
        "corresponding_author_status", ("Indicates whether an author is the corresponding author")
    ),
    boolean(
        "primary_author_status",
        (
            "Indicates whether an author is the main person "
            "associated with the corresponding dataset"
        ),
    ),
)

DATASET_FUNDING = entity(
    "DatasetFunding",
    "datasetFunding",
    "Metadata for a dataset's funding sources",
    Item("dataset", "Dataset", "The dataset this dataset funding is a part of"),
    text("funding_agency_name", "Name of the funding agency."),
    text("grant_id", "Grant identifier provided by the funding agency."),
    ID,
)
