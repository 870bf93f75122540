"""Names of experiments for programs that know none but lower-case letters, digits and underscores.

The number at the end says which experiment is meant, the words before it are for people: so a name
that somebody has written down still holds when the experiment is given another one.
"""

import re

_NAME = re.compile(r"(?:[a-z0-9_]*_)?([0-9]{1,9})", re.ASCII)
_LONGEST = 60


def name_of(experiment_id: int, name: str) -> str:
    """The name of an experiment, ``colon_cells_17`` for the experiment 17, "Colon cells"."""
    words = re.sub("[^a-z0-9]+", "_", name.lower())[:_LONGEST].strip("_")
    return f"{words or 'experiment'}_{experiment_id}"


def number_in(name: str) -> int:
    """The number of the experiment that a name means; 0, which none has, if it cannot be one."""
    found = _NAME.fullmatch(name)
    return int(found.group(1)) if found else 0
