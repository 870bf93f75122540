"""The web server's processes: gunicorn, with the options that the product needs."""

import sys

WORKERS, THREADS = 2, 8


def command(bind: str, workers: int = WORKERS, threads: int = THREADS) -> list[str]:
    """The command of a web server.

    Parameters
    ----------
    bind
        Where it listens, as ``host:port``.
    workers, threads
        How many processes, and how many requests each of them answers at a time, besides those
        of whoever watches live.
    """
    return [
        *(sys.executable, "-m", "gunicorn", "tmserver.wsgi:application", "--bind", bind),
        *("--worker-class", "tmserver.serving.worker.Worker"),
        *("--workers", str(workers), "--threads", str(threads)),
        *("--graceful-timeout", "5", "--timeout", "120", "--log-level", "warning"),
        *("--logger-class", "tmserver.monitoring.web_log.Logger", "--no-control-socket"),
    ]
