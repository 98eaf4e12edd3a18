"""The small application that keeps what became of requests, and the feedback to them."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain
from typing import Any

from ray import serve

from serve_app.config import MonitorArgs
from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.supervisor import Supervisor
from serve_app.engine.trusted_registry import open_registry
from serve_app.monitoring import samples
from serve_app.serving import logs
from serve_app.serving.auditing import audit_log
from serve_app.serving.messages import words_for_outside
from serve_app.serving.metrics import PERIOD_S
from serve_app.serving.monitoring_work import MonitoringWork
from serve_app.serving.startup import explained
from serve_app.serving.telemetry import telemetry_of

FOLLOW_S = 5.0
MATCH_S = 2.0
SAVE_S = 30.0
TIDY_S = 60.0
ALERT_S = 5.0
RETAIN_S = 3600.0
logger = logging.getLogger("serve_app.monitor")


class MonitorReplica:
    """Takes deliveries of gateways and feedback of clients; all of its state is in stores."""

    def __init__(self, args: MonitorArgs) -> None:
        logs.configure("monitor", args.log_level)
        replica = serve.get_replica_context().replica_id.unique_id
        with explained(logger):
            self._telemetry = telemetry_of(args.telemetry, "monitor", replica)
            self._audit = audit_log(args.audit, "monitor")
            registry = open_registry(args.registry)
            self._work = MonitoringWork(args, registry, clock=time.time, audit=self._audit)
            self._work.restore()
        self._exporter = self._telemetry.exporter()
        self._reporting = asyncio.Lock()
        self._tasks = Supervisor(clock=time.monotonic, words=words_for_outside)
        works = [
            ("follow the endpoints", self._work.follow, FOLLOW_S),
            ("match feedback", self._work.match, MATCH_S),
            ("save counts", self._work.save, SAVE_S),
            ("write segments", self._work.compact, float(args.segment_s)),
            ("let go of old records", self._work.tidy, TIDY_S),
            ("send alerts", self._work.alerts.run, ALERT_S),
        ]
        if args.privacy is not None and args.privacy.retain_days.is_set:
            works.append(("let go of what is too old", self._work.retention.run, RETAIN_S))
        # Deliveries and feedback have the loop's own few threads for themselves.
        threads = len(works) + len(self._work.watches)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        for name, work, pause_s in works:
            self._tasks.start(name, functools.partial(again_and_again, work, pause_s, pool))
        for watch in self._work.watches:
            look = functools.partial(self._work.look, watch)
            again = functools.partial(
                again_and_again, look, watch.pause_s, pool, first_s=watch.first_s
            )
            self._tasks.start(watch.name, again)
        self._tasks.start("hand metrics over", self._export_metrics)
        self._telemetry.start(self._tasks)

    async def deliver(self, replica: str, sequence: int, payload: bytes) -> bool:
        """Take what a gateway sends; false where it was taken before. It is kept then.

        Raises:
            InvalidInput: it cannot be read, now or later.
            RecordsFailed: it cannot be kept now.
        """
        return await asyncio.to_thread(self._work.intake.take, replica, sequence, payload)

    async def keep_feedback(self, feedback: Sequence[Feedback]) -> Sequence[Outcome]:
        """Keep what somebody says of predictions, and tell what became of each.

        Raises:
            RegistryFailed: it cannot be written; nothing of it is kept.
        """
        return await asyncio.to_thread(self._work.keep, feedback)

    async def report(
        self, kind: str, endpoint: str | None, within_s: float
    ) -> Sequence[Mapping[str, Any]]:
        """What the watch of a kind knows of one endpoint or all, of the last so many seconds.

        Raises:
            NotFound: there is no such watch.
        """
        return await asyncio.to_thread(self._work.watch(kind).report, endpoint, within_s)

    async def document(self, endpoint: str | None, within_s: float) -> Mapping[str, Any]:
        """All that was seen of one endpoint or all in the last so many seconds, as one document.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        # One at a time: others have the processor and the threads meanwhile.
        async with self._reporting:
            failing = self._tasks.problems()
            report = await asyncio.to_thread(self._work.report.make, endpoint, within_s, failing)
            return report.to_json()

    async def findings(self) -> list[Mapping[str, Any]]:
        """What is wrong now."""
        findings = await asyncio.to_thread(self._work.findings)
        return [finding.to_json() for finding in findings]

    async def alerts(self) -> Mapping[str, Any]:
        """What is wrong now, and what each receiver of alerts was sent last."""
        return await asyncio.to_thread(self._work.alerts.report)

    async def test_alerts(self, receiver: str | None) -> list[Mapping[str, Any]]:
        """Send a test message to a receiver of alerts or to all, and what became of each.

        Raises:
            NotFound: there is no such receiver.
        """
        return await asyncio.to_thread(self._work.alerts.test, receiver)

    async def failing(self) -> list[str]:
        """What of the background work fails now, in words."""
        return self._tasks.problems()

    async def close(self) -> None:
        """End, once the replica has drained."""
        await self._tasks.close()
        await asyncio.to_thread(self._work.save)
        await self._telemetry.close()
        if self._audit is not None:
            await asyncio.to_thread(self._audit.close)

    async def _export_metrics(self) -> None:
        """Hand over once a period what was counted, until cancelled."""
        while True:
            statuses = self._tasks.statuses()
            self._exporter.export(samples.of_process("monitor", statuses, time.time()))
            self._exporter.export(chain(self._work.samples(), self._telemetry.samples()))
            await asyncio.sleep(PERIOD_S)


async def again_and_again(
    work: Callable[[], object], pause_s: float, pool: Executor, *, first_s: float = 0.0
) -> None:
    """Do some work in a thread of the pool for ever, the first time after `first_s` seconds."""
    await asyncio.sleep(first_s)
    loop = asyncio.get_running_loop()
    while True:
        await loop.run_in_executor(pool, work)
        await asyncio.sleep(pause_s)
