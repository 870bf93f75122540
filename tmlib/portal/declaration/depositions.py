"""What is handed in together: depositions."""

from tmlib.portal.declaration.entity import (
    ID,
    Item,
    Many,
    boolean,
    entity,
    integer,
    moment,
    one_of,
    text,
)
from tmlib.portal.declaration.enumerations import DEPOSITION_TYPES

DEPOSITION = entity(
    "Deposition",
    "depositions",
    "Deposition metadata",
    Many("authors", "DepositionAuthor"),
    Many("alignments", "Alignment"),
    Many("annotations", "Annotation"),
    Many("datasets", "Dataset"),
    Many("frames", "Frame"),
    Many("tiltseries", "Tiltseries"),
    Many("tomograms", "Tomogram"),
    text("title", "Title for the deposition", required=True),
    text("description", "Description for the deposition", required=True),
    text("tag", "Tag for the deposition - like ml competition"),
    Many("deposition_types", "DepositionType"),
    text("deposition_publications", "The publications related to this deposition"),
    text("related_database_entries", "The related database entries to this deposition"),
    moment("deposition_date", "The date the deposition was deposited", required=True),
    moment("release_date", "The date the deposition was released", required=True),
    moment("last_modified_date", "The date the deposition was last modified", required=True),
    text("key_photo_url", "URL for the deposition preview image."),
    text("key_photo_thumbnail_url", "URL for the deposition thumbnail image."),
    ID,
)

DEPOSITION_AUTHOR = entity(
    "DepositionAuthor",
    "depositionAuthors",
    "Authors for a deposition",
    Item("deposition", "Deposition", required=True),
    ID,
    integer(
        "author_list_order",
        "The order in which the author appears in the publication",
        required=True,
    ),
    text("orcid", "A unique, persistent identifier for researchers, provided by ORCID."),
    text("kaggle_id", "A unique, persistent identifier for kaggle users at kaggle.com."),
    text("name", "Full name of a deposition author (e.g. Jane Doe).", required=True),
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
        "Indicates whether an author is the main person creating the deposition",
    ),
)

DEPOSITION_TYPE = entity(
    "DepositionType",
    "depositionTypes",
    None,
    Item("deposition", "Deposition", required=True),
    one_of(
        DEPOSITION_TYPES,
        "type",
        "The type of data submitted as a part of this deposition (annotation, dataset, tomogram)",
    ),
    ID,
)
