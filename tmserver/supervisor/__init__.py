"""One supervisor for all processes of a single machine: web server, worker pools."""

from tmserver.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
