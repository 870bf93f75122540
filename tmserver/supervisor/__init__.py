"""One supervisor for all processes of a single machine: Redis, web server, worker pool."""

from tmserver.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
