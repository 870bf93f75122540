"""All tools by name; to add one, add a module and an entry here."""

from typing import Any

from tmlib.errors import BadInput
from tmlib.tools.base import Tool
from tmlib.tools.gating import Gating
from tmlib.tools.heatmap import Heatmap
from tmlib.tools.learning.classification import Classification
from tmlib.tools.learning.clustering import Clustering
from tmlib.tools.learning.embedding import Embedding
from tmlib.tools.learning.prediction import Prediction
from tmlib.tools.plates.aggregation import Aggregation
from tmlib.tools.plates.hit_list import HitList
from tmlib.tools.plates.normalisation import Normalisation
from tmlib.tools.selection import Selection

TOOLS: dict[str, Tool[Any]] = {
    tool.name: tool
    for tool in (
        Heatmap(),
        Clustering(),
        Classification(),
        Prediction(),
        Gating(),
        Selection(),
        Embedding(),
        Normalisation(),
        HitList(),
        Aggregation(),
    )
}


def get_tool(name: str) -> Tool[Any]:
    """The tool with a name.

    Raises
    ------
    BadInput
        If there is none.
    """
    if name not in TOOLS:
        raise BadInput(f'There is no tool "{name}": use one of {", ".join(TOOLS)}.')
    return TOOLS[name]
