"""The scenarios: loads on a cluster of ours, and what becomes of its replicas and answers."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import statistics
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from benchmarks import bench
from benchmarks.dialects.bodies import as_bytes
from benchmarks.load import Options, run_closed, run_due
from benchmarks.report import Report
from benchmarks.scaling import configs, figures, models
from benchmarks.scaling.arrivals import Phase, poisson
from benchmarks.scaling.cluster import Cluster, Failed
from benchmarks.scaling.figures import Sample
from benchmarks.scaling.sampling import Sampler
from benchmarks.scaling.timeline import Second, Timeline
from serve_app.registry.store import Registry

HOST = "127.0.0.1"
DEMO_CONNECTIONS = 64
OPEN_CONNECTIONS = 256
WARM_UP_S = 2.0
# The first answers of a replica are slower; they are no part of the unloaded latency.
SETTLE_S = 5.0
# So long a figure has to hold before it is believed.
HOLD_S = 5
# What the gateway, the proxy and the load generator take of the machine.
ELSEWHERE_CPUS = 0.5
SEED = 12
REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how hard: times in seconds, `step` in capacities of one replica.

    `rows` are those of a request of `step` and `steady`.
    """

    rows: int
    step: float
    max_replicas: int
    replicas: tuple[int, ...]
    demo_s: float = 75.0
    capacity_s: float = 10.0
    low_s: float = 30.0
    high_s: float = 60.0
    steady_s: float = 600.0
    speedup_s: float = 15.0
    rounds: int = 3

    def quick(self) -> Settings:
        """The same in a few minutes: to see that all works, and no more."""
        return Settings(
            rows=self.rows, step=self.step, max_replicas=self.max_replicas,
            replicas=self.replicas, demo_s=30.0, capacity_s=5.0, low_s=15.0, high_s=30.0,
            steady_s=60.0, speedup_s=6.0, rounds=1,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What a scenario found: figures by name, and what it saw over time (none of `speedup`).

    `marks` are times at which the load changed.
    """

    scenario: str
    figures: dict[str, Any]
    seconds: Sequence[Second] = ()
    samples: Sequence[Sample] = ()
    marks: Sequence[tuple[float, str]] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def allowed_step(cores: int) -> float:
    """How many capacities of one replica a machine may be asked for: 3 where it has the cores."""
    return min(3.0, max(1.0, cores - ELSEWHERE_CPUS))


def demo(cluster: Cluster, settings: Settings) -> Found:
    """The demo's `diagnosis` at saturation: which deployment gets its second replica when."""
    if "diagnosis-xgb" not in Registry(str(cluster.registry)).models():
        cluster.run("train-examples")
    cluster.deploy(configs.demo())
    requests = bench.requests(bench.PREDICT, f"{HOST}:{cluster.port}")
    timeline = Timeline()
    samples = _watched(
        cluster,
        lambda options: run_closed(
            HOST, cluster.port, requests,
            connections=DEMO_CONNECTIONS, duration_s=settings.demo_s, **options,
        ),
        timeline,
    )  # fmt: skip
    second = {name: figures.first_with(samples, name, 2) for name in samples[-1].replicas}
    came = {name: at_s for name, at_s in second.items() if at_s is not None}
    before_s = min(came.values(), default=settings.demo_s)
    after_s = min(max(came.values(), default=0.0) + SETTLE_S, settings.demo_s)
    return Found(
        "demo",
        {
            "connections": DEMO_CONNECTIONS,
            "second replica after s": came,
            "first second replica after s": min(came.values(), default=None),
            "p50 before ms": timeline.percentile_ms(50, 1.0, before_s),
            "p99 before ms": timeline.percentile_ms(99, 1.0, before_s),
            "p50 after ms": timeline.percentile_ms(50, after_s, math.inf) if came else None,
            "p99 after ms": timeline.percentile_ms(99, after_s, math.inf) if came else None,
            "failed": timeline.failures,
        },
        timeline.seconds(),
        samples,
    )


def step(cluster: Cluster, settings: Settings) -> Found:
    """From a tenth of a replica's capacity to several of them, and back."""
    version = models.registered(cluster.registry, models.WIDE)
    capacity = _capacity(cluster, version, settings)
    _deploy(cluster, version, configs.scaled(settings.max_replicas), 1)
    low_s, high_s = settings.low_s, settings.high_s
    over_s = low_s + high_s
    patience_s = configs.AUTOSCALING["downscale_delay_s"] + 60.0
    phases = [
        Phase(0.1 * capacity, low_s),
        Phase(settings.step * capacity, high_s),
        Phase(0.1 * capacity, patience_s),
    ]
    name, timeline, stop = configs.application(version), Timeline(), asyncio.Event()

    back: list[float] = []

    def seen(sample: Sample) -> None:
        settled = sample.at_s > over_s and sample.replicas.get(name) == figures.Count(1, 1)
        if not settled:
            back.clear()
            return
        back.append(sample.at_s)
        if sample.at_s - back[0] >= HOLD_S:
            stop.set()

    samples = _open(cluster, settings.rows, phases, timeline, stop=stop, seen=seen)
    unloaded_ms = timeline.percentile_ms(99, SETTLE_S, low_s) or math.inf
    wanted = min(settings.max_replicas, math.ceil(settings.step))
    seconds = timeline.seconds()
    right_s = figures.right_from(
        samples, name, range(wanted, settings.max_replicas + 1), low_s, over_s
    )
    quick_s = figures.quick_from(seconds, 2 * unloaded_ms, HOLD_S, low_s, over_s)
    back_s = figures.right_from(samples, name, range(1, 2), over_s, math.inf)
    return Found(
        "step",
        {
            "capacity of a replica per s": round(capacity, 1),
            "step": settings.step,
            "replicas wanted": wanted,
            "replicas right after s": figures.since(right_s, low_s),
            "unloaded p99 ms": unloaded_ms,
            "loaded p99 ms": timeline.percentile_ms(99, over_s - high_s / 2, over_s),
            "p99 under twice the unloaded one after s": figures.since(quick_s, low_s),
            "back at 1 after s": figures.since(back_s, over_s),
            "failed": timeline.failures,
        },
        seconds,
        samples,
        [(low_s, f"{settings.step:g} of capacity"), (over_s, "0.1 of capacity")],
    )


def steady(cluster: Cluster, settings: Settings) -> Found:
    """0.6 of a replica's capacity, which is no reason to change anything."""
    version = models.registered(cluster.registry, models.WIDE)
    capacity = _capacity(cluster, version, settings)
    _deploy(cluster, version, configs.scaled(settings.max_replicas), 1)
    timeline = Timeline()
    samples = _open(
        cluster, settings.rows, [Phase(0.6 * capacity, settings.steady_s)], timeline
    )  # fmt: skip
    return Found(
        "steady",
        {
            "capacity of a replica per s": round(capacity, 1),
            "minutes": round(settings.steady_s / 60, 1),
            "changes of replicas": figures.changes(samples),
            "p50 ms": timeline.percentile_ms(50, SETTLE_S, math.inf),
            "p99 ms": timeline.percentile_ms(99, SETTLE_S, math.inf),
            "failed": timeline.failures,
        },
        timeline.seconds(),
        samples,
    )


def speedup(cluster: Cluster, settings: Settings) -> Found:
    """Throughput of several replicas beside that of one, in alternating rounds."""
    found: dict[str, Any] = {}
    shapes = (
        ("10,000 rows", models.LARGE, models.LARGE_ROWS, 8),
        ("1 row", models.WIDE, 1, 64),
    )
    for shape, forest, rows, connections in shapes:
        version = models.registered(cluster.registry, forest)
        requests = _requests(rows, REQUESTS if rows == 1 else 4)
        rates: dict[int, list[float]] = {count: [] for count in settings.replicas}
        busy: dict[int, list[float]] = {count: [] for count in settings.replicas}
        for _ in range(settings.rounds):
            for count in settings.replicas:
                _deploy(cluster, version, configs.fixed(count), count)
                _closed(cluster, requests, connections, WARM_UP_S)
                psutil.cpu_percent()
                report = _closed(cluster, requests, connections, settings.speedup_s)
                busy[count].append(psutil.cpu_percent() / 100)
                rates[count].append(report.rate_per_s)
        one = statistics.median(rates[settings.replicas[0]])
        found[shape] = {
            str(count): {
                "requests per s": round(statistics.median(rates[count]), 2),
                "ratio": round(statistics.median(rates[count]) / one, 2),
                "processors busy": round(statistics.median(busy[count]), 2),
            }
            for count in settings.replicas
        }
    return Found("speedup", found)


Scenario = Callable[[Cluster, Settings], Found]
SCENARIOS: dict[str, Scenario] = {"demo": demo, "step": step, "steady": steady, "speedup": speedup}


def _requests(rows: int, count: int) -> list[bytes]:
    path = f"/v2/models/{configs.ENDPOINT}/infer"
    return [as_bytes(path, models.matrix(rows, seed)).request() for seed in range(count)]


def _deploy(cluster: Cluster, version: str, scale: dict[str, Any], replicas: int) -> None:
    cluster.deploy(configs.forest(version, scale))
    cluster.settled(configs.application(version), replicas)


def _capacity(cluster: Cluster, version: str, settings: Settings) -> float:
    """Requests a second that one replica answers as quickly as it can."""
    _deploy(cluster, version, configs.fixed(1), 1)
    requests = _requests(settings.rows, REQUESTS)
    _closed(cluster, requests, 16, WARM_UP_S)
    return _closed(cluster, requests, 16, settings.capacity_s).rate_per_s


def _closed(
    cluster: Cluster, requests: Sequence[bytes], connections: int, duration_s: float
) -> Report:
    report = asyncio.run(
        run_closed(HOST, cluster.port, requests, connections=connections, duration_s=duration_s)
    )
    if report.failed or not report.ok:
        raise Failed(f"{report.failed} of {report.sent} requests failed: {report.bodies}")
    return report


def _open(
    cluster: Cluster,
    rows: int,
    phases: Sequence[Phase],
    timeline: Timeline,
    **watching: Any,
) -> list[Sample]:
    times_s: Iterator[float] = poisson(phases, random.Random(SEED))
    requests = _requests(rows, REQUESTS)
    return _watched(
        cluster,
        lambda options: run_due(
            HOST, cluster.port, requests, times_s, connections=OPEN_CONNECTIONS, **options
        ),
        timeline,
        **watching,
    )


def _watched(
    cluster: Cluster,
    load: Callable[[Options], Coroutine[None, None, Report]],
    timeline: Timeline,
    *,
    stop: asyncio.Event | None = None,
    seen: Callable[[Sample], None] = lambda _: None,
) -> list[Sample]:
    """Run a load and sample the cluster meanwhile; ends the load when `stop` is set."""

    async def both() -> list[Sample]:
        sampler = Sampler(cluster.applications, seen)
        sampling = asyncio.create_task(sampler.run())
        options: Options = {"recorder": timeline}
        if stop is not None:
            options["stop"] = stop
        try:
            await load(options)
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
        return sampler.samples

    return asyncio.run(both())
