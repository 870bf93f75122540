"""The classes of the catalogue.

Names and descriptions are those of the schema of the CryoET Data Portal, which its Python client
carries, since clients depend on them: (c) 2022 Chan Zuckerberg Initiative, under the licence in the
file LICENSE beside this one.
"""

from tmlib.portal.declaration.annotations import (
    ANNOTATION,
    ANNOTATION_AUTHOR,
    ANNOTATION_FILE,
    ANNOTATION_METHOD_LINK,
    ANNOTATION_SHAPE,
)
from tmlib.portal.declaration.datasets import DATASET, DATASET_AUTHOR, DATASET_FUNDING
from tmlib.portal.declaration.depositions import DEPOSITION, DEPOSITION_AUTHOR, DEPOSITION_TYPE
from tmlib.portal.declaration.entity import Entity, Item, Many
from tmlib.portal.declaration.runs import (
    FRAME,
    FRAME_ACQUISITION_FILE,
    GAIN_FILE,
    IDENTIFIED_OBJECT,
    RUN,
)
from tmlib.portal.declaration.tilt_series import (
    ALIGNMENT,
    PER_SECTION_ALIGNMENT_PARAMETERS,
    PER_SECTION_PARAMETERS,
    TILTSERIES,
)
from tmlib.portal.declaration.tomograms import TOMOGRAM, TOMOGRAM_AUTHOR, TOMOGRAM_VOXEL_SPACING

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        GAIN_FILE,
        FRAME_ACQUISITION_FILE,
        ALIGNMENT,
        ANNOTATION_AUTHOR,
        ANNOTATION_FILE,
        ANNOTATION_SHAPE,
        ANNOTATION,
        DATASET_AUTHOR,
        DATASET_FUNDING,
        DATASET,
        DEPOSITION_AUTHOR,
        DEPOSITION,
        DEPOSITION_TYPE,
        FRAME,
        IDENTIFIED_OBJECT,
        PER_SECTION_ALIGNMENT_PARAMETERS,
        PER_SECTION_PARAMETERS,
        RUN,
        TILTSERIES,
        TOMOGRAM_AUTHOR,
        TOMOGRAM_VOXEL_SPACING,
        TOMOGRAM,
        ANNOTATION_METHOD_LINK,
    )
}
"""All classes by their name, in the order of the schema."""


def target(relation: Item | Many) -> Entity:
    """The class that a relation leads to."""
    return ENTITIES[relation.target]


def column_here(relation: Item | Many) -> str:
    """The column of a class that is compared to follow one of its relations."""
    return relation.column if isinstance(relation, Item) else "id"


def column_there(entity: Entity, relation: Item | Many) -> str:
    """The column of the class that a relation leads to which is compared to follow it."""
    if isinstance(relation, Item):
        return "id"
    [back] = [item for item in target(relation).items if item.target == entity.name]
    return back.column
