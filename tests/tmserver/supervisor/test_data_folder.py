"""Who has a data folder, and what is said to others."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tmlib.errors import Conflict
from tmserver.supervisor import data_folder

URL = "http://127.0.0.1:5002"

# a supervisor that ends and leaves something behind, whose number it prints
LEAVE = """
import subprocess, sys
from pathlib import Path
from tmserver.supervisor import data_folder
held = data_folder.claim(Path(sys.argv[1]), "http://127.0.0.1:1")
left = subprocess.Popen(["sleep", "600"], pass_fds=[held.fileno()], stdout=subprocess.DEVNULL)
print(left.pid)
"""


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    data_folder.check_unused(tmp_path / "data")
    assert not (tmp_path / "data").exists()
    with data_folder.claim(tmp_path / "data", URL):
        for claim in (data_folder.check_unused, lambda folder: data_folder.claim(folder, URL)):
            with pytest.raises(Conflict, match=rf"process {os.getpid()}, at {URL}.*TM_DATA_DIR"):
                claim(tmp_path / "data")
    data_folder.check_unused(tmp_path / "data")
    data_folder.claim(tmp_path / "data", URL).close()


def test_what_is_left_of_a_server_keeps_the_folder(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", LEAVE, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=True
    )
    left = psutil.Process(int(shown.stdout))
    with pytest.raises(Conflict, match="in use"):
        data_folder.claim(tmp_path, URL, patience=0.2)
    left.kill()
    data_folder.claim(tmp_path, URL).close()
