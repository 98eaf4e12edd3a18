"""The figures as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table

from benchmarks.peers.figures import Spread, best, by_peer, ratio
from benchmarks.peers.measured import SHAPES, SINGLE, Closed, Generator, Open
from benchmarks.peers.results import Results


def rates(closed: Sequence[Closed]) -> dict[str, dict[str, Spread]]:
    """Requests a second by shape and server."""
    return {
        shape.name: {
            name: Spread.of([one.loads[shape.name].rate_per_s for one in ones])
            for name, ones in loaded(shape.name, closed).items()
        }
        for shape in SHAPES
    }


def loaded(shape: str, closed: Sequence[Closed]) -> dict[str, list[Closed]]:
    """The rounds of each server that was loaded in a shape."""
    return by_peer((one for one in closed if shape in one.loads), lambda one: one.peer)


def highest(closed: Sequence[Closed]) -> dict[str, float]:
    """Each server's highest median rate of one-row requests."""
    found = [rates(closed)[shape.name] for shape in SINGLE]
    names = dict.fromkeys(name for spreads in found for name in spreads)
    return {
        name: max(spreads[name].median for spreads in found if name in spreads) for name in names
    }


def tables(results: Results) -> Iterable[RenderableType]:
    """All tables: throughput by shape, what a server costs, latency under steady arrivals."""
    closed, opened = results.rounds, results.arrivals
    for shape in SHAPES:
        if loaded(shape.name, closed):
            yield _throughput(shape.name, results.kinds, closed)
    yield _costs(results)
    for rate_per_s in sorted({one.rate_per_s for one in opened}):
        yield _arrivals(rate_per_s, [one for one in opened if one.rate_per_s == rate_per_s])
    for generator in results.generators:
        yield _generator(generator)


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("server")
    for name in names:
        table.add_column(name, justify="right")
    return table


def _throughput(shape: str, kinds: Mapping[str, str], closed: Sequence[Closed]) -> Table:
    found = rates(closed)[shape]
    medians = {name: spread.median for name, spread in found.items()}
    top, ceiling = best(medians, kinds, "peer"), best(medians, kinds, "ceiling")
    table = _table(
        shape,
        "requests/s",
        "least-most",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "x best peer",
        "x ceiling",
    )
    measured = loaded(shape, closed)
    for name, spread in sorted(found.items(), key=lambda pair: -pair[1].median):
        loads = [one.loads[shape] for one in measured[name]]
        table.add_row(
            name,
            number(spread.median),
            f"{number(spread.least)}-{number(spread.most)}",
            *(
                number(Spread.of([getattr(load, key) for load in loads]).median)
                for key in ("p50_ms", "p99_ms", "p999_ms")
            ),
            times(ratio(spread.median, top)),
            times(ratio(spread.median, ceiling)),
            style="bold" if kinds[name] == "ours" else None,
        )
    return table


def _costs(results: Results) -> Table:
    table = _table(
        "start, memory (PSS of all processes after one-row loads), one-row answers",
        *("settings", "first answer s", "memory MiB", "processes", "answer bytes", "of these body"),
    )
    for name, ones in by_peer(results.rounds, lambda one: one.peer).items():
        start = Spread.of([one.first_answer_s for one in ones])
        table.add_row(
            name,
            results.servers[name]["settings"],
            f"{start.median:.1f} ({start.least:.1f}-{start.most:.1f})",
            number(Spread.of([one.memory_mib for one in ones]).median),
            str(len(ones[-1].processes)),
            number(Spread.of([one.answer_bytes for one in ones]).median),
            number(Spread.of([one.body_bytes for one in ones]).median),
            style="bold" if results.kinds[name] == "ours" else None,
        )
    return table


def _arrivals(rate_per_s: float, opened: Sequence[Open]) -> Table:
    table = _table(
        f"{number(rate_per_s)} arrivals/s of one row, latency from when each was due",
        *("answered", "failed", "not sent in time", "p50 ms", "p99 ms", "p99.9 ms"),
    )
    for name, ones in by_peer(opened, lambda one: one.peer).items():
        table.add_row(
            name,
            f"{min(one.answered_share for one in ones):.1%}",
            str(sum(one.failed for one in ones) or "-"),
            str(sum(one.unsent for one in ones) or "-"),
            *(
                _latency([getattr(one, key) for one in ones])
                for key in ("p50_ms", "p99_ms", "p999_ms")
            ),
        )
    return table


def _generator(generator: Generator) -> Table:
    table = _arrivals(0.0, [])
    table.title = (
        f"the generator of arrivals alone: {number(generator.closed_per_s)}/s as fast as it can"
    )
    for one in generator.arrivals:
        table.add_row(
            f"{number(one.rate_per_s)} arrivals/s",
            f"{one.answered_share:.1%}",
            str(one.failed or "-"),
            str(one.unsent or "-"),
            *(_latency([value]) for value in (one.p50_ms, one.p99_ms, one.p999_ms)),
        )
    return table


def _latency(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    spread = Spread.of(known)
    return f"{number(spread.median)} ({number(spread.least)}-{number(spread.most)})"


def number(value: float) -> str:
    """A figure with as many digits as tell something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def times(value: float | None) -> str:
    """A ratio for people."""
    return "-" if value is None else f"{value:.2f}"
