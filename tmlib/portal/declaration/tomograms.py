"""Volumes and their voxels."""

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
from tmlib.portal.declaration.enumerations import (
    FIDUCIAL_ALIGNMENT_STATUS,
    TOMOGRAM_PROCESSING,
    TOMOGRAM_RECONSTRUCTION_METHOD,
)

TOMOGRAM_VOXEL_SPACING = entity(
    "TomogramVoxelSpacing",
    "tomogramVoxelSpacings",
    "Voxel spacings for a run",
    Many("annotation_files", "AnnotationFile"),
    Item("run", "Run", "The the run this tomogram voxel spacing is a part of"),
    Many("annotations", "Annotation"),
    Many("tomograms", "Tomogram"),
    number(
        "voxel_spacing",
        "The voxel spacing for the tomograms in this set in angstroms",
        required=True,
    ),
    text(
        "s3_prefix",
        "The S3 public bucket path where this tomogram voxel spacing is contained",
        required=True,
    ),
    text(
        "https_prefix",
        "The HTTPS directory path where this tomogram voxel spacing is contained",
        required=True,
    ),
    ID,
)

TOMOGRAM = entity(
    "Tomogram",
    "tomograms",
    "Metadata describing a tomogram.",
    Item("alignment", "Alignment", "Tiltseries Alignment"),
    Many("authors", "TomogramAuthor"),
    Item(
        "deposition",
        "Deposition",
        "If the tomogram is part of a deposition, the related deposition",
        required=True,
    ),
    Item("run", "Run"),
    Item("tomogram_voxel_spacing", "TomogramVoxelSpacing", "Voxel spacings for a run"),
    text("name", "Short name for this tomogram"),
    integer("size_x", "Number of pixels in the 3D data fast axis", required=True),
    integer("size_y", "Number of pixels in the 3D data medium axis", required=True),
    integer(
        "size_z",
        (
            "Number of pixels in the 3D data slow axis.  This is the image "
            "projection direction at zero stage tilt"
        ),
        required=True,
    ),
    number("voxel_spacing", "Voxel spacing equal in all three axes in angstroms", required=True),
    one_of(
        FIDUCIAL_ALIGNMENT_STATUS,
        "fiducial_alignment_status",
        (
            "Fiducial Alignment status: True = aligned with "
            "fiducial False = aligned without fiducial"
        ),
        required=True,
    ),
    one_of(
        TOMOGRAM_RECONSTRUCTION_METHOD,
        "reconstruction_method",
        "Describe reconstruction method (WBP, SART, SIRT)",
        required=True,
    ),
    one_of(
        TOMOGRAM_PROCESSING,
        "processing",
        "Describe additional processing used to derive the tomogram",
        required=True,
    ),
    number("tomogram_version", "Version of tomogram"),
    text("processing_software", "Processing software used to derive the tomogram"),
    text("reconstruction_software", "Name of software used for reconstruction", required=True),
    boolean("is_portal_standard", "whether this tomogram adheres to portal standards"),
    boolean(
        "is_author_submitted",
        "Whether this tomogram was submitted by the author of the dataset it belongs to.",
    ),
    boolean(
        "is_visualization_default",
        (
            "Data curator’s subjective choice of default "
            "tomogram to display in visualization for a run"
        ),
    ),
    text("s3_omezarr_dir", "S3 path to this tomogram in multiscale OME-Zarr format"),
    text("https_omezarr_dir", "HTTPS path to this tomogram in multiscale OME-Zarr format"),
    number("file_size_omezarr", "Size of the tomogram in OME-Zarr format in bytes"),
    text("s3_mrc_file", "S3 path to this tomogram in MRC format (no scaling)"),
    text("https_mrc_file", "HTTPS path to this tomogram in MRC format (no scaling)"),
    number("file_size_mrc", "Size of the tomogram in MRC format in bytes"),
    text("scale_0_dimensions", "comma separated x,y,z dimensions of the unscaled tomogram"),
    text("scale_1_dimensions", "comma separated x,y,z dimensions of the scale1 tomogram"),
    text("scale_2_dimensions", "comma separated x,y,z dimensions of the scale2 tomogram"),
    boolean("ctf_corrected", "Whether this tomogram is CTF corrected"),
    integer(
        "offset_x", "x offset data relative to the canonical tomogram in pixels", required=True
    ),
    integer(
        "offset_y", "y offset data relative to the canonical tomogram in pixels", required=True
    ),
    integer(
        "offset_z", "z offset data relative to the canonical tomogram in pixels", required=True
    ),
    text("key_photo_url", "URL for the key photo"),
    text("key_photo_thumbnail_url", "URL for the thumbnail of key photo"),
    text("neuroglancer_config", "the compact json of neuroglancer config"),
    text(
        "publications",
        "Comma-separated list of DOIs for publications associated with the tomogram.",
    ),
    text(
        "related_database_entries",
        (
            "If a CryoET tomogram is also deposited into "
            "another database, enter the database identifier "
            "here (e.g. EMPIAR-11445). Use a comma to "
            "separate multiple identifiers."
        ),
    ),
    ID,
    moment("deposition_date", "The date a data item was received by the cryoET data portal."),
    moment("release_date", "The date a data item was received by the cryoET data portal."),
    moment(
        "last_modified_date",
        "The date a piece of data was last modified on the cryoET data portal.",
    ),
)

TOMOGRAM_AUTHOR = entity(
    "TomogramAuthor",
    "tomogramAuthors",
    "Author of a tomogram",
    Item("tomogram", "Tomogram", "The tomogram this tomogram author is a part of"),
    ID,
    integer(
        "author_list_order",
        "The order in which the author appears in the publication",
        required=True,
    ),
    text("orcid", "A unique, persistent identifier for researchers, provided by ORCID."),
    text("kaggle_id", "A unique, persistent identifier for kaggle users at kaggle.com."),
    text("name", "Full name of an author (e.g. Jane Doe).", required=True),
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
        "Indicates whether an author is the main person creating the tomogram",
    ),
)
