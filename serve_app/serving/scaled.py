"""What every deployment that scales by load has: it takes targets and tells its load."""

from typing import Any

from serve_app.core.workload import Load
from serve_app.monitoring import samples
from serve_app.serving.autoscaling import scaling_settings
from serve_app.serving.metrics import Exporter

RUNNING_REQUESTS = "running_requests"
"""Serve's own name of what it counts itself: what a replica says stands in the place of that."""


class Scaled:
    """The methods of a replica that Serve calls for its autoscaling."""

    _exporter: Exporter
    _load_name: str
    """The version whose load this is, or `gateway`."""

    def _read_load(self) -> Load:
        """What the load was since the last reading."""
        raise NotImplementedError

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take the targets of autoscaling. Serve calls this at start and when they change.

        Raises:
            ConfigError: they cannot be read.
        """
        scaling_settings(user_config)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """How busy this replica was and how long work waited for it. Serve asks every so often."""
        load = self._read_load()
        self._exporter.export(samples.of_load(self._load_name, load))
        statistics = {
            "busy": load.busy,
            "waiting_requests": load.waiting_requests,
            "wait_ms": load.wait_ms,
            "call_ms": load.call_ms,
            "calls": float(load.calls),
        }
        if load.ongoing_requests is not None:
            statistics[RUNNING_REQUESTS] = load.ongoing_requests
        return statistics
