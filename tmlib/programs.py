"""All programs whose jobs the ledger keeps: importing this module registers them.

So it does with the tables of remarks, which the program of tools reads.
"""

from tmlib.annotation import import_jobs as annotation_imports
from tmlib.annotation import remarks
from tmlib.annotation import result_jobs as result_tables
from tmlib.ledger.programs import PROGRAMS
from tmlib.portal.publishing import jobs as publishing
from tmlib.tools import jobs as tools
from tmlib.workflow import preview_jobs
from tmlib.workflow import program as workflow

__all__ = [
    "PROGRAMS",
    "annotation_imports",
    "preview_jobs",
    "publishing",
    "remarks",
    "result_tables",
    "tools",
    "workflow",
]
