"""What web server and workers log, as processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WEB = """
from gunicorn.config import Config
from tmserver.monitoring.web_log import Logger
Logger(Config()).warning("tired")
"""
WORKER = """
import logging
from tmlib import logs
from workers.application import app
app.log.setup(loglevel="INFO")
with logs.context(job_id=7):
    logging.getLogger("tmlib.workflow").info("tired")
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (WEB, {"level": "WARNING", "logger": "gunicorn.error", "message": "tired"}),
        (WORKER, {"level": "INFO", "logger": "tmlib.workflow", "message": "tired", "job_id": 7}),
    ],
    ids=["web", "worker"],
)
def test_processes_log_json_when_told_so(
    program: str, expected: dict[str, object], tmp_path: Path
) -> None:
    environment = {
        "TM_LOG_FORMAT": "json",
        "TM_DATA_DIR": str(tmp_path),
        "TM_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(shown.stderr)
    assert found.pop("time")
    assert found == expected
