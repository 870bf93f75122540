"""Points for Neuroglancer and what else reads its precomputed annotations.

Those of annotation tables are read by link, those of published annotations by everybody.
"""

from tmserver.http.api import Api
from tmserver.http.cors import ANYBODY, Cors
from tmserver.http.documentation import declare_document
from tmserver.http.examples import Examples
from tmserver.http.parameters import ParameterRules
from tmserver.http.routing import Routes
from tmserver.neuroglancer import points, published
from tmserver.neuroglancer.faults import FaultsOfLinks
from tmserver.neuroglancer.links import CREDENTIALS, PREFIX

_about = Routes("document", prefix=PREFIX)
declare_document(_about, "/openapi.json")

NEUROGLANCER = Api(
    name="neuroglancer",
    title="Points for Neuroglancer",
    description=(
        "Points of annotation tables as Neuroglancer's precomputed annotations. Links to them are "
        "made at /api/experiments/<e>/annotation_tables/<t>/links. Points of published annotations "
        "are for everybody."
    ),
    roots=(PREFIX,),
    document_path=f"{PREFIX}/openapi.json",
    resources=(_about, points.routes, published.routes),
    errors=FaultsOfLinks(),
    parameters=ParameterRules(takes_unknown=True, takes_empty=True),
    credentials=CREDENTIALS,
    cors=Cors((ANYBODY,)),
    examples=Examples(
        fields={"code": 400},
        answers={
            "get_points_info": {
                "@type": "neuroglancer_annotations_v1",
                "dimensions": {"x": [3.25e-7, "m"], "y": [3.25e-7, "m"], "z": [1e-6, "m"]},
                "lower_bound": [0, 0, 0],
                "upper_bound": [4096, 2048, 1],
                "annotation_type": "POINT",
                "properties": [{"id": "volume", "type": "float32", "description": "volume"}],
                "relationships": [],
                "by_id": {"key": "by_id"},
                "spatial": [
                    {
                        "key": "spatial0",
                        "grid_shape": [1, 1, 1],
                        "chunk_size": [4096, 2048, 1],
                        "limit": 1632,
                    }
                ],
            }
        },
    ),
)
