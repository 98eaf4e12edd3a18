"""The figures as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table

from benchmarks.peers.figures import Spread, best, by_peer, ratio
from benchmarks.peers.peers import Peer
from benchmarks.peers.rounds import SHAPES, SINGLE, Closed, Open


def rates(closed: Sequence[Closed]) -> dict[str, dict[str, Spread]]:
    """Requests a second by shape and server."""
    measured = by_peer(closed, lambda one: one.peer)
    return {
        shape.name: {
            name: Spread.of([one.loads[shape.name].rate_per_s for one in ones])
            for name, ones in measured.items()
        }
        for shape in SHAPES
    }


def highest(closed: Sequence[Closed]) -> dict[str, float]:
    """Each server's highest median rate of one-row requests."""
    found = rates(closed)
    names = next(iter(found.values()), {})
    return {name: max(found[shape.name][name].median for shape in SINGLE) for name in names}


def tables(
    peers: Sequence[Peer], closed: Sequence[Closed], opened: Sequence[Open]
) -> Iterable[RenderableType]:
    """All tables: throughput by shape, what a server costs, latency under steady arrivals."""
    kinds = {peer.name: peer.kind for peer in peers}
    for shape in SHAPES:
        yield _throughput(shape.name, kinds, closed)
    yield _costs(peers, closed)
    for rate_per_s in sorted({one.rate_per_s for one in opened}):
        yield _arrivals(rate_per_s, [one for one in opened if one.rate_per_s == rate_per_s])


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
    measured = by_peer(closed, lambda one: one.peer)
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


def _costs(peers: Sequence[Peer], closed: Sequence[Closed]) -> Table:
    table = _table(
        "start, memory (PSS of all processes after one-row loads), one-row answers",
        *("settings", "first answer s", "memory MiB", "processes", "answer bytes", "of these body"),
    )
    measured = by_peer(closed, lambda one: one.peer)
    for peer in peers:
        ones = measured.get(peer.name)
        if not ones:
            continue
        start = Spread.of([one.first_answer_s for one in ones])
        table.add_row(
            peer.name,
            peer.settings,
            f"{start.median:.1f} ({start.least:.1f}-{start.most:.1f})",
            number(Spread.of([one.memory_mib for one in ones]).median),
            str(len(ones[-1].processes)),
            number(Spread.of([one.answer_bytes for one in ones]).median),
            number(Spread.of([one.body_bytes for one in ones]).median),
            style="bold" if peer.kind == "ours" else None,
        )
    return table


def _arrivals(rate_per_s: float, opened: Sequence[Open]) -> Table:
    table = _table(
        f"{number(rate_per_s)} arrivals/s of one row, latency from when each was due",
        *("answered", "not sent in time", "p50 ms", "p99 ms", "p99.9 ms"),
    )
    for name, ones in by_peer(opened, lambda one: one.peer).items():
        table.add_row(
            name,
            str(sum(one.answered for one in ones)),
            str(sum(one.unsent for one in ones) or "-"),
            *(
                _latency([getattr(one, key) for one in ones])
                for key in ("p50_ms", "p99_ms", "p999_ms")
            ),
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
