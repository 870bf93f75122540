"""All tools by name; another one is one more module and one more entry."""

from typing import Any

from tmlib.errors import BadInput
from tmlib.tools.aggregation import Aggregation
from tmlib.tools.base import Tool
from tmlib.tools.classification import Classification
from tmlib.tools.clustering import Clustering
from tmlib.tools.embedding import Embedding
from tmlib.tools.gating import Gating
from tmlib.tools.heatmap import Heatmap
from tmlib.tools.hit_list import HitList
from tmlib.tools.normalisation import Normalisation
from tmlib.tools.prediction import Prediction

TOOLS: dict[str, Tool[Any]] = {
    tool.name: tool
    for tool in (
        Heatmap(),
        Clustering(),
        Classification(),
        Prediction(),
        Gating(),
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
