"""Runs, each of one place of the sample, and what was recorded there."""

from tmlib.portal.declaration.entity import ID, Item, Many, boolean, entity, integer, number, text

RUN = entity(
    "Run",
    "runs",
    None,
    Many("alignments", "Alignment"),
    Many("annotations", "Annotation"),
    Item("dataset", "Dataset", "Dataset that this run is a part of", required=True),
    Many("frames", "Frame"),
    Many("gain_files", "GainFile"),
    Many("identified_objects", "IdentifiedObject"),
    Many("frame_acquisition_files", "FrameAcquisitionFile"),
    Many("per_section_parameters", "PerSectionParameters"),
    Many("tiltseries", "Tiltseries"),
    Many("tomogram_voxel_spacings", "TomogramVoxelSpacing"),
    Many("tomograms", "Tomogram"),
    text("name", "Short name for this experiment run", required=True),
    text("s3_prefix", "The S3 public bucket path where this run is contained", required=True),
    text("https_prefix", "The HTTPS directory path where this run is contained url", required=True),
    ID,
)

FRAME = entity(
    "Frame",
    "frames",
    None,
    Item("deposition", "Deposition", required=True),
    Item("run", "Run", required=True),
    integer("acquisition_order", "Frame's acquistion order within a tilt experiment"),
    number("accumulated_dose", "The total accumulated dose exposure frame"),
    number("exposure_dose", "The dose exposure of this frame"),
    boolean("is_gain_corrected", "Whether this frame has been gain corrected"),
    Many("per_section_parameters", "PerSectionParameters"),
    text("s3_frame_path", "S3 path to the frame file"),
    text("https_frame_path", "HTTPS path to the frame file"),
    number("file_size", "Size of the frame file in bytes"),
    ID,
)

FRAME_ACQUISITION_FILE = entity(
    "FrameAcquisitionFile",
    "frameAcquisitionFiles",
    "References to files containing more information about frame acquisition",
    Item("run", "Run"),
    text("s3_mdoc_path", "Path to the frame acquisition mdoc file in s3", required=True),
    text(
        "https_mdoc_path", "Path to the frame acquisition mdoc file as an https url", required=True
    ),
    ID,
)

GAIN_FILE = entity(
    "GainFile",
    "gainFiles",
    "Gain values for frames in this run",
    Item("run", "Run", required=True),
    text("s3_file_path", "Path to the file in s3", required=True),
    text("https_file_path", "Path to the file as an https url", required=True),
    ID,
)

IDENTIFIED_OBJECT = entity(
    "IdentifiedObject",
    "identifiedObjects",
    (
        "An ontology term/ID or accession code, state and description "
        "associated with a Run, describing cellular components that "
        "were visually identified, but not labeled, in a tomogram "
        "associated with the Run"
    ),
    Item("run", "Run", "Run that this identified object is a part of"),
    text("object_id", "Ontology identifier for the identified object.", required=True),
    text(
        "object_name",
        (
            "Name of the identified object (e.g. ribosome, nuclear pore "
            "complex, actin filament, membrane)"
        ),
        required=True,
    ),
    text(
        "object_description",
        (
            "A textual description of the identified object, can be"
            " a longer description to include additional "
            "information not covered by the IdentifiedObject object"
            " name and state."
        ),
    ),
    text("object_state", "Molecule state of the identified object (e.g. open, closed)"),
    ID,
)
