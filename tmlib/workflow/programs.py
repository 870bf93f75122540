"""What interactive jobs can be for; another program is one more entry."""

from tmlib.ledger.interactive import Program
from tmlib.workflow import preview_jobs, tool_jobs

PROGRAMS: dict[str, Program] = {
    tool_jobs.PROGRAM: tool_jobs.run,
    preview_jobs.PROGRAM: preview_jobs.run,
}
"""What a job of each program does, by the program's name."""
