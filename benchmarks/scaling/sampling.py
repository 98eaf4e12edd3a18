"""Looks at a cluster once a second while a load runs: replicas by deployment, processors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from benchmarks.scaling.figures import Count, Sample

INTERVAL_S = 1.0


def counts(applications: Mapping[str, Any]) -> dict[str, Count]:
    """Replicas by deployment, as Serve's REST API tells of applications.

    A deployment goes by the name of its application, since each of ours has one alone.
    """
    return {
        application: Count(
            running=sum(replica["state"] == "RUNNING" for replica in deployment["replicas"]),
            target=deployment["target_num_replicas"],
        )
        for application, body in sorted(applications.items())
        for deployment in body["deployments"].values()
    }


class Sampler:
    """Gathers samples from a start on, in threads beside the event loop that makes the load.

    `seen` is told each new sample.
    """

    def __init__(
        self,
        applications: Callable[[], Mapping[str, Any]],
        seen: Callable[[Sample], None] = lambda _: None,
    ) -> None:
        self._applications = applications
        self._seen = seen
        self.samples: list[Sample] = []

    async def run(self) -> None:
        """Sample until cancelled."""
        started_s = time.perf_counter()
        psutil.cpu_percent()
        while True:
            found = await asyncio.to_thread(self._applications)
            at_s = time.perf_counter() - started_s
            sample = Sample(round(at_s, 2), counts(found), round(psutil.cpu_percent() / 100, 3))
            self.samples.append(sample)
            self._seen(sample)
            await asyncio.sleep(INTERVAL_S - (time.perf_counter() - started_s) % INTERVAL_S)
