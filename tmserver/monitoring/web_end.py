"""Lets a web server process that is told to end send those away who watch live.

For gunicorn's option ``--config python:tmserver.monitoring.web_end``.
"""

import signal
from types import FrameType

from gunicorn.workers.gthread import ThreadWorker

from tmserver.access import Services


def post_worker_init(worker: ThreadWorker) -> None:
    """Do so at SIGTERM; gunicorn alone would wait for them to end by themselves."""
    services: Services = worker.wsgi.extensions["tmserver"]
    live = services.live

    def stop(number: int, frame: FrameType | None) -> None:
        live.close()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, stop)
