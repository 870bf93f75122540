"""Lets gunicorn log in the form that the settings name."""

import logging

from gunicorn import glogging

from tmlib import logs
from tmlib.settings import Settings


class Logger(glogging.Logger):  # type: ignore[misc] # gunicorn has no types
    """For gunicorn's option ``--logger-class``."""

    def setup(self, cfg: object) -> None:
        """Set gunicorn's own loggers up, and the root logger of its processes."""
        super().setup(cfg)
        settings = Settings()
        logs.configure(settings, logging.WARNING)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.formatter(settings))
