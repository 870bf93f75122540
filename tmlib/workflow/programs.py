"""What interactive jobs can be for; another program is one more entry."""

from tmlib.workflow.interactive import Program

PROGRAMS: dict[str, Program] = {}
"""What a job of each program does, by the program's name."""
