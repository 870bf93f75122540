"""All programs whose jobs the ledger keeps: importing this module registers them."""

from tmlib.ledger.programs import PROGRAMS
from tmlib.tools import jobs as tools
from tmlib.workflow import preview_jobs
from tmlib.workflow import program as workflow

__all__ = ["PROGRAMS", "preview_jobs", "tools", "workflow"]
