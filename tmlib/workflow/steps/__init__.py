"""The steps of a workflow, one module each."""

from tmlib.workflow.steps.align import Align
from tmlib.workflow.steps.base import Step
from tmlib.workflow.steps.corilla import Corilla
from tmlib.workflow.steps.illuminati import Illuminati
from tmlib.workflow.steps.imextract import Imextract
from tmlib.workflow.steps.jterator import Jterator
from tmlib.workflow.steps.metaconfig import Metaconfig
from tmlib.workflow.steps.metaextract import Metaextract

STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Metaextract(),
        Metaconfig(),
        Imextract(),
        Corilla(),
        Align(),
        Illuminati(),
        Jterator(),
    )
}
"""All steps by name."""
