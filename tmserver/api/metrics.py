"""What Prometheus reads."""

from datetime import timedelta

from flask import Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from tmserver.access import Access
from tmserver.http.routing import Routes
from tmserver.monitoring import metrics, snapshot

routes = Routes("monitoring")

_DAY = timedelta(days=1)


@routes.get("/metrics", permits="monitor", media=("text/plain",))
def get_metrics(access: Access) -> Response:
    """Get metrics of queues, hosts and workflows, in the text format of Prometheus."""
    found = snapshot.take(access.database, access.settings, ended_within=_DAY)
    return Response(metrics.render(found), content_type=CONTENT_TYPE_PLAIN_0_0_4)
