#!/bin/sh
# Create a virtual environment: create_venv.sh PYTHON FOLDER
#
# Debian and Ubuntu ship Python without the part that puts pip into an environment. It is installed
# where that is allowed; otherwise the message names the package.
set -eu
python=$1
folder=$2

if [ -z "$python" ]; then
    echo "tmserver needs Python 3.11 or newer, and there is none on the PATH." >&2
    echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "tmserver needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" scripts/system_packages.py venv
fi
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv --clear "$folder"
elif "$python" -c 'import virtualenv' 2>/dev/null; then
    "$python" -m virtualenv --quiet --clear "$folder"
else
    echo "$python cannot create virtual environments; on Debian and Ubuntu this helps:" >&2
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "    sudo apt-get install python$version-venv" >&2
    exit 1
fi
