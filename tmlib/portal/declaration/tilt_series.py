"""Tilt series and how they were aligned."""

from tmlib.portal.declaration.entity import (
    ID,
    Item,
    Many,
    boolean,
    entity,
    integer,
    matrix,
    number,
    one_of,
    text,
)
from tmlib.portal.declaration.enumerations import (
    ALIGNMENT_METHOD_TYPE,
    ALIGNMENT_TYPE,
    TILTSERIES_MICROSCOPE_MANUFACTURER,
)

TILTSERIES = entity(
    "Tiltseries",
    "tiltseries",
    None,
    Many("alignments", "Alignment"),
    Item("run", "Run", required=True),
    Item("deposition", "Deposition"),
    text("s3_omezarr_dir", "S3 path to this tiltseries in multiscale OME-Zarr format"),
    number("file_size_omezarr", "Size of the tiltseries in OME-Zarr format in bytes"),
    text("s3_mrc_file", "S3 path to this tiltseries in MRC format (no scaling)"),
    number("file_size_mrc", "Size of the tiltseries in MRC format in bytes"),
    text("https_omezarr_dir", "HTTPS path to this tiltseries in multiscale OME-Zarr format"),
    text("https_mrc_file", "HTTPS path to this tiltseries in MRC format (no scaling)"),
    text("s3_angle_list", "S3 path to the angle list file for this tiltseries"),
    text("https_angle_list", "HTTPS path to the angle list file for this tiltseries"),
    integer(
        "acceleration_voltage", "Electron Microscope Accelerator voltage in volts", required=True
    ),
    number(
        "spherical_aberration_constant",
        "Spherical Aberration Constant of the objective lens in millimeters",
        required=True,
    ),
    one_of(
        TILTSERIES_MICROSCOPE_MANUFACTURER,
        "microscope_manufacturer",
        "Name of the microscope manufacturer (FEI, TFS, JEOL)",
        required=True,
    ),
    text("microscope_model", "Microscope model name", required=True),
    text("microscope_energy_filter", "Energy filter setup used", required=True),
    text("microscope_phase_plate", "Phase plate configuration"),
    text("microscope_image_corrector", "Image corrector setup"),
    text(
        "microscope_additional_info",
        (
            "Other microscope optical setup information, in"
            " addition to energy filter, phase plate and "
            "image corrector"
        ),
    ),
    Many("per_section_parameters", "PerSectionParameters"),
    text("camera_manufacturer", "Name of the camera manufacturer", required=True),
    text("camera_model", "Camera model name", required=True),
    number("tilt_min", "Minimal tilt angle in degrees", required=True),
    number("tilt_max", "Maximal tilt angle in degrees", required=True),
    number("tilt_range", "Total tilt range in degrees", required=True),
    number("tilt_step", "Tilt step in degrees", required=True),
    text(
        "tilting_scheme", "The order of stage tilting during acquisition of the data", required=True
    ),
    number("tilt_axis", "Rotation angle in degrees", required=True),
    number(
        "total_flux",
        (
            "Number of Electrons reaching the specimen in a square Angstrom"
            " area for the entire tilt series"
        ),
        required=True,
    ),
    text("data_acquisition_software", "Software used to collect data", required=True),
    text(
        "related_empiar_entry",
        "If a tilt series is deposited into EMPIAR, enter the EMPIAR dataset identifier",
    ),
    number("binning_from_frames", ("Describes the binning factor from frames to tilt series file")),
    integer(
        "tilt_series_quality",
        "Author assessment of tilt series quality within the dataset (1-5, 5 is best)",
        required=True,
    ),
    boolean("is_aligned", "Whether this tilt series is aligned", required=True),
    number("pixel_spacing", "Pixel spacing equal in both axes in angstroms", required=True),
    integer("aligned_tiltseries_binning", "Binning factor of the aligned tilt series"),
    integer("size_x", "Number of pixels in the 3D data fast axis"),
    integer("size_y", "Number of pixels in the 3D data medium axis"),
    integer("size_z", "Number of pixels in the 3D data slow axis"),
    ID,
    client_name="TiltSeries",
)

PER_SECTION_PARAMETERS = entity(
    "PerSectionParameters",
    "perSectionParameters",
    "Map individual Frames to a Tiltseries",
    number(
        "astigmatic_angle",
        "Angle (in degrees) from reciprocal space X axis to the major axis of defocus.",
    ),
    Item("frame", "Frame", "Frame that this section is a part of", required=True),
    number(
        "major_defocus",
        (
            "Defocus (major axis) estimated for this tilt image in "
            "Angstrom (underfocus has positive sign)."
        ),
    ),
    number("max_resolution", "Maximum resolution of the frame"),
    number(
        "minor_defocus",
        (
            "Defocus (minor axis) estimated for this tilt image in "
            "Angstrom (underfocus has positive sign)."
        ),
    ),
    number("phase_shift", "Phase shift estimated for this tilt image in radians."),
    number(
        "raw_angle",
        "Nominal tilt angle for this tilt image reported by the microscope.",
        required=True,
    ),
    Item("run", "Run", "Run that this section is a part of", required=True),
    Item("tiltseries", "Tiltseries", "Tiltseries that this section is a part of", required=True),
    integer(
        "z_index", "Index (0-based) of this tilt image in the tilt series stack.", required=True
    ),
    ID,
)

ALIGNMENT = entity(
    "Alignment",
    "alignments",
    "Tiltseries Alignment",
    Many("annotation_files", "AnnotationFile"),
    Many("per_section_alignments", "PerSectionAlignmentParameters"),
    Item("deposition", "Deposition"),
    Item("tiltseries", "Tiltseries"),
    Many("tomograms", "Tomogram"),
    Item("run", "Run"),
    one_of(ALIGNMENT_TYPE, "alignment_type", "Whether this a LOCAL or GLOBAL alignment"),
    one_of(ALIGNMENT_METHOD_TYPE, "alignment_method", "The method used to create this alignment"),
    number("volume_x_dimension", "X dimension of the reconstruction volume in angstrom"),
    number("volume_y_dimension", "Y dimension of the reconstruction volume in angstrom"),
    number("volume_z_dimension", "Z dimension of the reconstruction volume in angstrom"),
    number("volume_x_offset", "X shift of the reconstruction volume in angstrom"),
    number("volume_y_offset", "Y shift of the reconstruction volume in angstrom"),
    number("volume_z_offset", "Z shift of the reconstruction volume in angstrom"),
    number("x_rotation_offset", ("Additional X rotation of the reconstruction volume in degrees")),
    number("tilt_offset", "Additional tilt offset in degrees"),
    text("affine_transformation_matrix", ("A placeholder for the affine transformation matrix.")),
    text("s3_alignment_metadata", "S3 path to the metadata file for this alignment"),
    text("https_alignment_metadata", "HTTPS url to the metadata file for this alignment"),
    boolean("is_portal_standard", "Whether this is the portal standard alignment"),
    ID,
)

PER_SECTION_ALIGNMENT_PARAMETERS = entity(
    "PerSectionAlignmentParameters",
    "perSectionAlignmentParameters",
    "Map alignment parameters to tilt series frames",
    Item("alignment", "Alignment", "Tiltseries Alignment", required=True),
    integer("z_index", "z-index of the frame in the tiltseries", required=True),
    number("x_offset", "In-plane X-shift of the projection in angstrom"),
    number("y_offset", "In-plane Y-shift of the projection in angstrom"),
    number("volume_x_rotation", "X-axis rotation in degrees"),
    matrix("in_plane_rotation", "In-plane rotation of the projection in degrees"),
    number("tilt_angle", "Tilt angle of the projection in degrees"),
    ID,
)
