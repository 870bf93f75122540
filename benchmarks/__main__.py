"""Runs benchmarks: all of them, or those named, on one core of the machine.

python -m benchmarks [name ...]
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

# Libraries read these when they are first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

_NO_BENCHMARKS = (
    "__main__",
    "generated",
    "maps",
    "nginx",
    "serving",
    "stitching_picture",
    "timing",
)


def main() -> None:
    known = [
        module.name
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
        if module.name not in _NO_BENCHMARKS
    ]
    names = sys.argv[1:] or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"There is no benchmark {unknown[0]}; there are: {', '.join(known)}.")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name in names:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
