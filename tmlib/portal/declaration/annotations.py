"""What is in a volume: annotations."""

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
    ANNOTATION_FILE_SHAPE_TYPE,
    ANNOTATION_FILE_SOURCE,
    ANNOTATION_METHOD_LINK_TYPE,
    ANNOTATION_METHOD_TYPE,
)

ANNOTATION = entity(
    "Annotation",
    "annotations",
    "Metadata for an annotation",
    Item("run", "Run"),
    Many("annotation_shapes", "AnnotationShape"),
    Many("method_links", "AnnotationMethodLink"),
    Many("authors", "AnnotationAuthor"),
    Item("deposition", "Deposition"),
    Item(
        "tomogram_voxel_spacing",
        "TomogramVoxelSpacing",
        "The voxel spacing this annotation is associated with",
    ),
    text(
        "s3_metadata_path", "S3 path for the metadata json file for this annotation", required=True
    ),
    text(
        "https_metadata_path",
        "HTTPS path for the metadata json file for this annotation",
        required=True,
    ),
    text(
        "annotation_publication",
        "DOIs for publications that describe the dataset. Use a comma to separate multiple DOIs.",
    ),
    text(
        "annotation_method",
        (
            "Describe how the annotation is made (e.g. Manual, "
            "crYoLO, Positive Unlabeled Learning, template matching)"
        ),
        required=True,
    ),
    text(
        "annotation_ingest_id",
        "An identifier for the annotation to be used during ingestion.",
        required=True,
    ),
    boolean(
        "ground_truth_status",
        "Whether an annotation is considered ground truth, as determined by the annotator.",
    ),
    text("object_id", "Ontology identifier for the annotation object.", required=True),
    text(
        "object_name",
        (
            "Name of the object being annotated (e.g. ribosome, nuclear "
            "pore complex, actin filament, membrane)"
        ),
        required=True,
    ),
    text(
        "object_description",
        (
            "A textual description of the annotation object, can be"
            " a longer description to include additional "
            "information not covered by the Annotation object name "
            "and state."
        ),
    ),
    text("object_state", "Molecule state annotated (e.g. open, closed)"),
    integer("object_count", "Number of objects identified"),
    number(
        "confidence_precision",
        (
            "Describe the confidence level of the annotation. "
            "Precision is defined as the % of annotation objects "
            "being true positive"
        ),
    ),
    number(
        "confidence_recall",
        (
            "Describe the confidence level of the annotation. Recall"
            " is defined as the % of true positives being annotated "
            "correctly"
        ),
    ),
    text(
        "ground_truth_used", ("Annotation filename used as ground truth for precision and recall")
    ),
    text("annotation_software", "Software used for generating this annotation"),
    boolean(
        "is_curator_recommended",
        (
            "Data curator’s subjective choice as the best "
            "annotation of the same annotation object ID"
        ),
    ),
    one_of(
        ANNOTATION_METHOD_TYPE,
        "method_type",
        "The method type for generating the annotation (e.g. manual, hybrid, automated)",
        required=True,
    ),
    moment(
        "deposition_date",
        "Date when an annotation set is initially received by the Data Portal.",
        required=True,
    ),
    moment(
        "release_date",
        "Date when annotation data is made public by the Data Portal.",
        required=True,
    ),
    moment(
        "last_modified_date",
        "Date when an annotation was last modified in the Data Portal",
        required=True,
    ),
    ID,
)

ANNOTATION_AUTHOR = entity(
    "AnnotationAuthor",
    "annotationAuthors",
    "Metadata for an annotation's authors",
    Item("annotation", "Annotation", "Reference to the annotation this author contributed to"),
    ID,
    integer(
        "author_list_order",
        "The order in which the author appears in the publication",
        required=True,
    ),
    text("orcid", "A unique, persistent identifier for researchers, provided by ORCID."),
    text("kaggle_id", "A unique, persistent identifier for kaggle users at kaggle.com."),
    text("name", "Full name of an annotation author (e.g. Jane Doe).", required=True),
    text("email", "Email address for this author"),
    text(
        "affiliation_name",
        (
            "Name of the institution an annotator is affiliated with."
            " Sometimes, one annotator may have multiple "
            "affiliations."
        ),
    ),
    text("affiliation_address", ("Address of the institution an annotator is affiliated with.")),
    text(
        "affiliation_identifier",
        (
            "A unique identifier assigned to the affiliated "
            "institution by The Research Organization Registry "
            "(ROR)."
        ),
    ),
    boolean(
        "corresponding_author_status",
        "Indicates whether an annotator is the corresponding author",
    ),
    boolean(
        "primary_author_status",
        (
            "Indicates whether an author is the main person "
            "executing the annotation, especially on manual "
            "annotation"
        ),
    ),
)

ANNOTATION_METHOD_LINK = entity(
    "AnnotationMethodLink",
    "annotationMethodLinks",
    "A set of links to models, source code, documentation, etc referenced by annotation method",
    Item("annotation", "Annotation", "Reference to annotation this link applies to"),
    one_of(
        ANNOTATION_METHOD_LINK_TYPE,
        "link_type",
        "Type of link (e.g. model, source code, documentation)",
        required=True,
    ),
    text("name", "user readable name of the resource"),
    text("link", "URL to the resource", required=True),
    ID,
)

ANNOTATION_SHAPE = entity(
    "AnnotationShape",
    "annotationShapes",
    "Shapes associated with an annotation",
    Item("annotation", "Annotation", "Metadata about an shapes for an annotation"),
    Many("annotation_files", "AnnotationFile"),
    one_of(
        ANNOTATION_FILE_SHAPE_TYPE,
        "shape_type",
        (
            "The shape of the annotation (SegmentationMask, OrientedPoint, "
            "Point, InstanceSegmentation, Mesh, InstanceSegmentationMask, "
            "GlobalCaption, AnnotationCaption)"
        ),
    ),
    ID,
)

ANNOTATION_FILE = entity(
    "AnnotationFile",
    "annotationFiles",
    "Metadata for files associated with an annotation",
    Item("alignment", "Alignment", "Tiltseries Alignment"),
    Item("annotation_shape", "AnnotationShape", "Shapes associated with an annotation"),
    Item(
        "tomogram_voxel_spacing",
        "TomogramVoxelSpacing",
        "Voxel spacing that this annotation file is associated with",
    ),
    text("format", "File format for this file", required=True),
    text("s3_path", "s3 path of the annotation file", required=True),
    number("file_size", "Size of annota file in bytes"),
    text("https_path", "HTTPS path for this annotation file", required=True),
    boolean(
        "is_visualization_default",
        (
            "Data curator’s subjective choice of default "
            "annotation to display in visualization for an "
            "object"
        ),
    ),
    one_of(
        ANNOTATION_FILE_SOURCE,
        "source",
        "The source type for the annotation file (dataset_author, community, or portal_standard)",
    ),
    ID,
)
