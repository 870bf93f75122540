"""Small figures that show what a module did, as Plotly JSON text."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGEST_SIDE = 256


def image_figure(title: str, images: Mapping[str, NDArray[Any]]) -> str:
    """A figure with images side by side, thinned out to at most 256 pixels a side.

    Parameters
    ----------
    title
        What the figure shows.
    images
        Two-dimensional images by the title of their panel.

    Returns
    -------
    str
        JSON with the keys ``data`` and ``layout``, as Plotly reads it.
    """
    traces = []
    layout: dict[str, Any] = {"title": {"text": title}, "grid": {"rows": 1, "columns": len(images)}}
    for n, (name, image) in enumerate(images.items()):
        suffix = "" if n == 0 else str(n + 1)
        step = max(1, -(-max(image.shape) // _LARGEST_SIDE))
        traces.append(
            {
                "type": "heatmap",
                "name": name,
                "z": image[::step, ::step].astype(np.int64).tolist(),
                "colorscale": "Greys" if image.dtype.kind in "ub" else "Portland",
                "showscale": False,
                "xaxis": f"x{suffix}",
                "yaxis": f"y{suffix}",
            }
        )
        layout[f"xaxis{suffix}"] = {"title": {"text": name}, "showticklabels": False}
        layout[f"yaxis{suffix}"] = {
            "autorange": "reversed",
            "scaleanchor": f"x{suffix}",
            "showticklabels": False,
        }
    return json.dumps({"data": traces, "layout": layout}, separators=(",", ":"))
