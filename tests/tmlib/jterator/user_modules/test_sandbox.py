"""Modules of users run in a process of their own, within limits."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.tmlib.jterator.user_modules.projects import SOURCE, doing, project
from tmlib.jterator.arrays import PreviousObjects
from tmlib.jterator.errors import ModuleError
from tmlib.jterator.project import Project
from tmlib.jterator.runner import run_pipeline
from tmlib.jterator.user_modules.sandbox import Sandbox
from tmlib.jterator.user_modules.source import read_module

SANDBOX = Sandbox(seconds=60, memory_mb=2048)
IMAGE: NDArray[np.uint16] = np.full((20, 30), 50, np.uint16)
IMAGE[3:7, 10:15] = 1000


def message(source: str, sandbox: Sandbox = SANDBOX) -> str:
    """Why a pipeline with such a module fails."""
    with pytest.raises(ModuleError) as caught:
        run_pipeline(Project.from_dict(project(source)), {"01": IMAGE}, sandbox=sandbox)
    assert '"brighter"' in caught.value.message
    return caught.value.message


def test_a_module_of_a_user_is_part_of_a_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    brought = Project.from_dict(project(level=500))
    found = run_pipeline(brought, {"01": IMAGE}, sandbox=SANDBOX)["Bright"]
    assert np.array_equal(found.labels > 0, IMAGE > 500)
    assert found.measurements["Own_area"].to_dict() == {1: 20}
    assert "level 500" in capsys.readouterr().out


def test_without_a_sandbox_it_does_not_run() -> None:
    with pytest.raises(ModuleError, match="sandbox"):
        run_pipeline(Project.from_dict(project()), {"01": IMAGE})


def test_objects_of_the_previous_time_point_get_there() -> None:
    source = SOURCE.replace("IntensityImage, LabelImage", "LabelImage, PreviousObjects").replace(
        "image: IntensityImage", "before: PreviousObjects"
    )
    module = read_module(
        "own", doing("return Output(before.labels + before.largest_label, '')", source)
    )
    before = PreviousObjects(np.eye(4, dtype=np.int32), 7)
    result = SANDBOX.run(module, {"before": before})
    assert np.array_equal(result.mask, before.labels + 7)


def test_it_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TM_SECRET_KEY", "a secret")
    body = "import os\nraise RuntimeError(' '.join(sorted(os.environ)) + ' in ' + os.getcwd())"
    told = message(doing(body))
    assert "RuntimeError: HOME" in told
    assert "TM_" not in told
    assert str(Path.cwd()) not in told


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no cells here')", ["ValueError: no cells here"]),
        ("import os\nos._exit(3)", ["ended 3", "without a result"]),
        ("import os\nos.kill(os.getpid(), 11)", ["SIGSEGV"]),
        ("import os\nos.kill(os.getppid(), 9)\nwhile True: pass", ["killed", "without a result"]),
        ("raise SystemExit", ["SystemExit"]),
        ("return None", ["NoneType", "NamedTuple"]),
        ("return Output([[0]], '')", ['"mask"', "an array", "list"]),
        ("return Output(image * 1.5, '')", ['"mask"', "float64", "LabelImage"]),
        ("return Output(image[:5].astype(np.int32), '')", ['"mask"', "(5, 30)", "(20, 30)"]),
        ("return Output(image.astype(object), '')", ['"mask"', "object"]),
        ("return Output(image.astype(np.int32), 3)", ['"figure"', "a string", "int"]),
    ],
)
def test_what_goes_wrong_is_one_clear_error(body: str, words: list[str]) -> None:
    told = message(doing(body))
    assert all(word in told for word in words), told


def test_what_no_database_takes_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    told = message(doing("print('a\\0b')\nraise ValueError('c\\0d\\ud800e')"))
    assert "c\N{REPLACEMENT CHARACTER}d?e" in told
    assert "a\N{REPLACEMENT CHARACTER}b" in capsys.readouterr().out


def test_time_is_limited() -> None:
    told = message(doing("import time\ntime.sleep(100)"), Sandbox(seconds=0.5, memory_mb=2048))
    assert "longer than the 0.5 seconds" in told
    assert "TM_USER_MODULE_SECONDS" in told


def test_memory_is_limited() -> None:
    told = message(doing("np.ones(2**31)"), Sandbox(seconds=60, memory_mb=2048))
    assert "more than the 2048 MB" in told
    assert "TM_USER_MODULE_MEMORY_MB" in told


def test_results_that_are_no_files_of_its_own_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(20 * 30 * 4))
    ending = """
import json, os
from pathlib import Path
description = {{"array": "result_0", "dtype": "<i4", "shape": [20, 30]}}
{make}
Path("result_1").write_text("")
text = {{"results": {{"mask": description, "figure": {{"text": "result_1"}}}}}}
Path("results.json").write_text(json.dumps(text))
os._exit(0)
"""
    for make in (
        f"os.symlink({str(secret)!r}, 'result_0')",
        "os.mkfifo('result_0')",
        f"description['array'] = {str(secret)!r}",
        "Path('result_0').write_bytes(bytes(5))",
        "description['shape'] = [10 ** 12, 30]; Path('result_0').write_bytes(bytes(5))",
    ):
        assert '"mask" cannot be used' in message(doing(ending.format(make=make)))


def test_all_that_it_started_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "number"
    body = f"""
import subprocess
child = subprocess.Popen(["sleep", "1000"])
open({str(file)!r}, "w").write(str(child.pid))
return Output(image.astype(np.int32), "")
"""
    run_pipeline(Project.from_dict(project(doing(body))), {"01": IMAGE}, sandbox=SANDBOX)
    assert has_ended(int(file.read_text()))


def test_it_ends_with_the_worker_that_started_it(tmp_path: Path) -> None:
    number = tmp_path / "number"
    os.mkfifo(number)
    text = doing(
        f"import os, time\nopen({str(number)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    )
    (tmp_path / "own.py").write_text(text)
    worker = """
import sys
from pathlib import Path
import numpy as np
from tmlib.jterator.user_modules.sandbox import Sandbox
from tmlib.jterator.user_modules.source import read_module
module = read_module("own", Path(sys.argv[1]).read_text())
Sandbox(1000, 2048).run(module, {"image": np.zeros((5, 5), np.uint16)})
"""
    with subprocess.Popen([sys.executable, "-c", worker, tmp_path / "own.py"]) as process:
        module_id = int(number.read_text())
        assert not has_ended(module_id, 0)
        process.send_signal(signal.SIGKILL)
    assert has_ended(module_id)


def has_ended(process_id: int, seconds: float = 20) -> bool:
    try:
        process = psutil.Process(process_id)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        process.wait(seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True
