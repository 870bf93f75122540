"""A process of the web server, for gunicorn's option ``--worker-class``."""

import gc
import importlib
import logging
import os
import resource
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker as GunicornWorker
from uvicorn.config import Config
from uvicorn.server import Server

from tmlib import lifeline
from tmserver.access import Services
from tmserver.http.api import Apis
from tmserver.http.registration import reads_body_itself, routing
from tmserver.serving.bridge import Bridge
from tmserver.serving.connections import Connection, Crowd
from tmserver.serving.limits import Limits

_OTHER_FILES = 512
"""Files that a process has open besides its connections."""


class Worker(GunicornWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves a Flask application with uvicorn."""

    @classmethod
    def setup(cls) -> None:
        """Load what all processes have in common in the one that they are forked from.

        They share its memory then, and each is there at once.
        """
        application = importlib.import_module("tmserver.application")
        routing(application.INTERFACES)
        gc.freeze()

    def run(self) -> None:
        """Answer requests until the process is told to end, or whoever has started it is gone."""
        lifeline.follow()
        services: Services = self.wsgi.extensions["tmserver"]
        limits = Limits.of(services.settings)
        _allow_files(limits.connections + _OTHER_FILES)
        bridge = Bridge(
            self.wsgi,
            limits,
            self.cfg.threads,
            services.settings.live_listeners,
            partial(reads_body_itself, self.wsgi),
            Apis.of_application(self.wsgi).at,
        )
        config = configure(
            bridge,
            limits,
            timeout_graceful_shutdown=self.cfg.graceful_timeout,
            timeout_notify=0,
            callback_notify=self._notify,
            backlog=self.cfg.backlog,
        )
        # what was loaded stays: looking through it again and again would hold up requests
        gc.freeze()
        self._server = _Server(config, services.live.close)
        self._server.run([one.sock for one in self.sockets])
        if not self._server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        # taking the interpreter apart takes seconds on a busy machine
        logging.shutdown()
        os._exit(0)

    async def _notify(self) -> None:
        """Tell gunicorn every second that the process lives, and end when gunicorn does not."""
        self.notify()
        if os.getppid() != self.ppid:
            self._server.should_exit = True


def configure(bridge: Bridge, limits: Limits, **more: Any) -> Config:
    """Uvicorn's configuration, which leaves all but HTTP itself to this package.

    Parameters
    ----------
    bridge
        The application.
    limits
        What clients may take.
    more
        Options of uvicorn.
    """
    # what strangers send is no reason to write into the log
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return Config(
        cast(Any, bridge),
        http=cast(Any, partial(Connection, crowd=Crowd(limits, bridge.api_at))),
        interface="asgi3",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.idle_seconds,
        **more,
    )


class _Server(Server):
    """uvicorn, which first sends those away who watch live: they would stay by themselves."""

    def __init__(self, config: Config, send_away: Callable[[], None]) -> None:
        super().__init__(config)
        self._send_away = send_away

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._send_away()
        await super().shutdown(sockets)


def _allow_files(wanted: int) -> None:
    """Let the process have so many files open, as far as the system permits."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < wanted:
        more = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, most))
