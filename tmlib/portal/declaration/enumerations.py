"""Types whose values are names."""

from tmlib.portal.declaration.entity import Enumeration

ALIGNMENT_METHOD_TYPE = Enumeration(
    "alignment_method_type_enum",
    (
        "projection_matching",
        "patch_tracking",
        "fiducial_based",
        "simulated",
    ),
)
ALIGNMENT_TYPE = Enumeration(
    "alignment_type_enum",
    (
        "LOCAL",
        "GLOBAL",
    ),
)
ANNOTATION_FILE_SHAPE_TYPE = Enumeration(
    "annotation_file_shape_type_enum",
    (
        "SegmentationMask",
        "OrientedPoint",
        "Point",
        "InstanceSegmentation",
        "InstanceSegmentationMask",
        "Mesh",
        "GlobalCaption",
        "AnnotationCaption",
    ),
)
ANNOTATION_FILE_SOURCE = Enumeration(
    "annotation_file_source_enum",
    (
        "dataset_author",
        "community",
        "portal_standard",
    ),
)
ANNOTATION_METHOD_LINK_TYPE = Enumeration(
    "annotation_method_link_type_enum",
    (
        "documentation",
        "models_weights",
        "other",
        "source_code",
        "website",
    ),
)
ANNOTATION_METHOD_TYPE = Enumeration(
    "annotation_method_type_enum",
    (
        "manual",
        "automated",
        "hybrid",
        "simulated",
    ),
)
DEPOSITION_TYPES = Enumeration(
    "deposition_types_enum",
    (
        "annotation",
        "dataset",
        "tomogram",
    ),
)
FIDUCIAL_ALIGNMENT_STATUS = Enumeration(
    "fiducial_alignment_status_enum",
    (
        "FIDUCIAL",
        "NON_FIDUCIAL",
    ),
)
SAMPLE_TYPE = Enumeration(
    "sample_type_enum",
    (
        "cell",
        "cell_line",
        "in_silico",
        "in_vitro",
        "organelle",
        "organism",
        "organoid",
        "other",
        "primary_cell_culture",
        "tissue",
        "virus",
    ),
)
TILTSERIES_MICROSCOPE_MANUFACTURER = Enumeration(
    "tiltseries_microscope_manufacturer_enum",
    (
        "FEI",
        "TFS",
        "JEOL",
        "SIMULATED",
    ),
)
TOMOGRAM_PROCESSING = Enumeration(
    "tomogram_processing_enum",
    (
        "denoised",
        "filtered",
        "raw",
        "filtered_even",
        "filtered_odd",
    ),
)
TOMOGRAM_RECONSTRUCTION_METHOD = Enumeration(
    "tomogram_reconstruction_method_enum",
    (
        "SART",
        "Fourier_Space",
        "SIRT",
        "WBP",
        "Unknown",
    ),
)
