"""Metrics for Prometheus, computed from the ledger and the queues whenever they are asked for.

So it makes no difference which of several web server processes answers, and nothing is lost when
one of them starts again. Names and units are described in ``docs/monitoring.md``.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tmlib.ledger.models import JobStatus
from tmlib.ledger.overview import HostState
from tmserver.monitoring.snapshot import Snapshot

_VERSION = version("tmserver")
_Sample = tuple[Sequence[str], float]

_QUEUE = ("queue",)
_HOST = ("host",)
_WORKFLOW = ("experiment_id", "experiment")
_STEP = (*_WORKFLOW, "step")
_MB = 2**20


def render(snapshot: Snapshot) -> bytes:
    """The metrics of an installation in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot))
    content: bytes = generate_latest(registry)
    return content


class _SnapshotCollector(Collector):
    """Tells what a snapshot holds."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield _gauge("build_info", "1; the version that runs.", ("version",), [([_VERSION], 1)])
        yield from self._collect_queues()
        yield from self._collect_hosts()
        yield from self._collect_workflows()
        yield from self._collect_steps()

    def _collect_queues(self) -> Iterable[Metric]:
        queues = self._snapshot.queues
        if self._snapshot.carrier == "redis":
            answers = all(queue.messages is not None for queue in queues)
            yield _gauge("redis_up", "Whether Redis answers.", (), [((), answers)])
        yield _gauge(
            "queue_messages",
            "Messages that no worker has taken.",
            _QUEUE,
            [([queue.name], queue.messages) for queue in queues if queue.messages is not None],
        )
        yield _gauge(
            "queue_jobs_waiting",
            "Jobs that could run and that no worker has.",
            _QUEUE,
            [([queue.name], queue.waiting) for queue in queues],
        )
        yield _gauge(
            "queue_jobs_running",
            "Jobs that a worker holds a lease for.",
            _QUEUE,
            [([queue.name], queue.running) for queue in queues],
        )

    def _collect_hosts(self) -> Iterable[Metric]:
        hosts = self._snapshot.hosts
        yield _gauge(
            "host_workers",
            "Worker processes of a host, as their pools tell.",
            _HOST,
            [([host.name], host.processes) for host in hosts],
        )
        yield _gauge(
            "host_state",
            "1 for what a host does, 0 for what else it could do.",
            (*_HOST, "state"),
            [([host.name, state], host.state is state) for host in hosts for state in HostState],
        )
        yield _gauge(
            "host_workers_busy",
            "Processes of a host that hold leases.",
            _HOST,
            [([host.name], host.workers) for host in hosts],
        )
        yield _gauge(
            "host_jobs_running",
            "Leases that workers of a host hold.",
            _HOST,
            [([host.name], host.running) for host in hosts],
        )
        yield _gauge(
            "host_leases_overdue",
            "Leases of a host that have ended without a heartbeat.",
            _HOST,
            [([host.name], host.overdue) for host in hosts],
        )

    def _collect_workflows(self) -> Iterable[Metric]:
        found = self._snapshot.workflows
        yield _gauge(
            "workflows",
            "Latest workflows of experiments, at work or ended within a day, by their state.",
            ("state",),
            [([state], sum(one.state is state for one in found)) for state in JobStatus],
        )
        shown = [([str(one.experiment_id), one.experiment], one) for one in found if one.is_live]
        yield _gauge(
            "workflow_done_ratio",
            "How much of a workflow at work is done, from 0 to 1.",
            _WORKFLOW,
            [(labels, one.percent_done / 100) for labels, one in shown],
        )
        yield _gauge(
            "workflow_jobs",
            "Jobs of a workflow at work, by their state.",
            (*_WORKFLOW, "state"),
            [
                ([*labels, state], number)
                for labels, one in shown
                for state, number in (
                    (JobStatus.WAITING, one.waiting),
                    (JobStatus.RUNNING, one.running),
                    (JobStatus.DONE, one.done),
                    (JobStatus.FAILED, one.failed),
                )
            ],
        )
        yield _gauge(
            "workflow_jobs_skipped",
            "Those of the jobs done of a workflow at work whose results stood already.",
            _WORKFLOW,
            [(labels, one.skipped) for labels, one in shown],
        )
        yield _gauge(
            "workflow_jobs_per_second",
            "Rate of the steps at work of a workflow, since these began.",
            _WORKFLOW,
            [(labels, (one.per_minute or 0) / 60) for labels, one in shown],
        )
        yield _gauge(
            "workflow_left_seconds",
            "Time that the steps at work of a workflow still need at their rate.",
            _WORKFLOW,
            [(labels, one.seconds_left) for labels, one in shown if one.seconds_left is not None],
        )

    def _collect_steps(self) -> Iterable[Metric]:
        """What the steps of workflows at work have used."""
        uses = [
            ([str(one.experiment_id), one.experiment, use.name], use)
            for one in self._snapshot.workflows
            if one.is_live
            for use in one.uses
        ]
        yield _gauge(
            "step_jobs_done",
            "Jobs of a step of a workflow at work that have ended.",
            _STEP,
            [(labels, use.done) for labels, use in uses],
        )
        yield _gauge(
            "step_cpu_seconds",
            "Time of CPU that these jobs have used together.",
            _STEP,
            [(labels, use.cpu_seconds) for labels, use in uses],
        )
        yield _gauge(
            "step_memory_peak_bytes",
            "Highest peak of memory of one of these jobs.",
            _STEP,
            [(labels, use.memory_mb * _MB) for labels, use in uses if use.memory_mb is not None],
        )


def _gauge(
    name: str, meaning: str, labels: Sequence[str], samples: Iterable[_Sample]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tmserver_{name}", meaning, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
