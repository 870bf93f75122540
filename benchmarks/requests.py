"""Requests per second for small resources, against a Flask view that does next to nothing."""

import http.client
from urllib.parse import urlsplit

from benchmarks.serving import Laboratory, Server, laboratory, served
from benchmarks.timing import print_header, print_row
from tmlib.experiments.models import Channel, ChannelLayer
from tmlib.ids import encode_id

_N_REQUESTS = 400


def main() -> None:
    """Print how many requests one core of the server answers."""
    with served("benchmarks.serving:bare()", {}) as server:
        bare = _per_second(server, "/", {})
    print_header(["resource", "requests per second", "ratio to bare Flask"])
    print_row(["a bare Flask view", f"{bare:.0f}", ""])
    with laboratory() as installation:
        _add_channels(installation)
        with served("tmserver.wsgi:application", installation.environment) as server:
            headers = server.log_in()
            experiment = f"/api/experiments/{encode_id(installation.experiment_id)}"
            for what, path in {
                "health": "/healthz",
                "microscope types": "/api/microscope_types",
                "experiments": "/api/experiments",
                "one experiment": experiment,
                "plates": f"{experiment}/plates",
                "sites": f"{experiment}/sites",
                "four channels with layers": f"{experiment}/channels",
                "workflow status": f"{experiment}/workflow/status",
            }.items():
                rate = _per_second(server, path, headers)
                print_row([f"{what}, `{path}`", f"{rate:.0f}", f"{rate / bare:.2f}"])


def _add_channels(installation: Laboratory) -> None:
    with installation.database.transaction() as session:
        for index in range(4):
            owner = {"experiment_id": installation.experiment_id}
            channel = Channel(
                **owner, name=f"Channel {index}", wavelength=str(index), bit_depth=16, index=index
            )
            channel.layers.append(
                ChannelLayer(
                    **owner, tpoint=0, zplane=0, min_intensity=0, max_intensity=9, version="v1"
                )
            )
            session.add(channel)


def _per_second(server: Server, path: str, headers: dict[str, str]) -> float:
    """Requests for every second of processor time that the server's process takes."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)

    def request_all() -> None:
        for _ in range(_N_REQUESTS):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status} {content!r}")

    request_all()
    rate = _N_REQUESTS / server.seconds(request_all, with_client=False)
    connection.close()
    return rate
