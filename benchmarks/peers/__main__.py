"""`make bench-peers`: this server beside others, the same model and rows, in one go.

Servers run one at a time, each started fresh, in alternating rounds. Every answer is
compared with scikit-learn's before and after; a wrong or failed one voids the run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.peers import h2load, machine, measured, table, wrk
from benchmarks.peers import results as files
from benchmarks.peers.answers import Wrong
from benchmarks.peers.environments import PEERS, Environment, NotBuilt
from benchmarks.peers.figures import open_rates
from benchmarks.peers.measured import ARRIVALS, Closed, Generator, Open
from benchmarks.peers.peer import NotPrepared, Peer
from benchmarks.peers.peers import chosen
from benchmarks.peers.results import Results
from benchmarks.peers.rounds import Bench
from benchmarks.peers.servers import NotStarted

RESULTS = PEERS.parent / "results"
WORK = PEERS.parent / ".work"
QUICK_SECONDS = 2.0
WARM_UP_S = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run measures: parts of the loads, in so many rounds, and rates of arrival if given."""

    parts: frozenset[str]
    rounds: int
    rates_per_s: tuple[float, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when a server could not be built or started, failed or answered wrongly."""
    said = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 140)
    # The default handler would leave servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        found = _run(said, console)
        file = said.add or _file(said.results, found)
        whole = files.both(files.read(said.add), found) if said.add else found
    except (Wrong, NotBuilt, NotPrepared, NotStarted, wrk.NoLoad, OSError, ValueError) as error:
        console.print(f"the run is void: {error}", style="red", markup=False, highlight=False)
        return 1
    for shown in table.tables(found):
        console.print(shown)
    files.write(file, whole)
    print(f"written: {file.name}, in {file.parent.name}/")
    return 0


def _run(said: argparse.Namespace, console: Console) -> Results:
    peers = chosen(said.peers)
    parts = measured.parts(said.only)
    about = {**machine.described(), "wrk": wrk.version(), "h2load": h2load.version()}
    versions = _build(peers, console)
    seconds = QUICK_SECONDS if said.quick else said.seconds
    plan = Plan(parts, 1 if said.quick else said.rounds, _rates(said.rates))
    run = {
        "began": dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 2),
        "seconds": seconds,
        "rounds": plan.rounds,
        "only": sorted(parts),
        "peers": [peer.name for peer in peers],
    }
    bench = Bench(WORK, port=said.port, seconds=seconds, warm_up_s=min(WARM_UP_S, seconds))
    if not said.prepared:
        _prepare(bench, peers)
    closed, opened, generators = _measure(bench, peers, plan, console)
    return Results(about, [run], files.servers(peers), versions, closed, opened, generators)


def _rates(names: str | None) -> tuple[float, ...]:
    return tuple(float(name) for name in names.split(",")) if names else ()


def _build(peers: Sequence[Peer], console: Console) -> dict[str, dict[str, str]]:
    environments = list(dict.fromkeys(peer.environment for peer in peers))
    for environment in environments:
        with console.status(f"building the environment of {environment.name} …"):
            built = environment.build()
        if built:
            console.print(f"built the environment of {environment.name}")
    return {environment.name: environment.versions() for environment in environments}


def _prepare(bench: Bench, peers: Sequence[Peer]) -> None:
    prepared: set[Environment] = set()
    for peer in peers:
        if peer.environment not in prepared:
            bench.prepare(peer)
            prepared.add(peer.environment)


def _measure(
    bench: Bench, peers: Sequence[Peer], plan: Plan, console: Console
) -> tuple[list[Closed], list[Open], list[Generator]]:
    """Rates of arrival that are not given follow from what was measured, in a start of its own."""
    arriving = ARRIVALS in plan.parts
    rates_per_s = list(plan.rates_per_s) if arriving else []
    closed: list[Closed] = []
    opened: list[Open] = []
    for number in range(plan.rounds):
        for peer in peers:
            with console.status(f"round {number + 1} of {plan.rounds}: {peer.name} …"):
                found, arrived = bench.measured(peer, plan.parts, rates_per_s)
            closed.append(found)
            opened += arrived
            _tell(console, number, found)
    if arriving and not rates_per_s:
        rates_per_s = open_rates(table.highest(closed), {peer.name: peer.kind for peer in peers})
        for number in range(plan.rounds):
            for peer in peers:
                with console.status(f"arrivals, round {number + 1}: {peer.name} …"):
                    opened += bench.open(peer, rates_per_s)
    return closed, opened, [bench.generator(peers[0], rates_per_s)] if arriving else []


def _tell(console: Console, number: int, one: Closed) -> None:
    found = ", ".join(f"{table.number(load.rate_per_s)}/s" for load in one.loads.values())
    console.print(
        f"round {number + 1}  {one.peer}: first answer after {one.first_answer_s:.1f} s; {found}",
        highlight=False,
    )


def _file(folder: Path, results: Results) -> Path:
    day = results.runs[0]["began"][:10]
    return folder / f"{day}-{results.about['cores']}-cores.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=10.0, help="of each measurement")
    add("--peers", metavar="A,B", help="only these servers, with commas between")
    add("--only", metavar="A,B", help=f"only these parts: {', '.join(measured.PARTS)}")
    add("--rates", metavar="A,B", help="arrivals a second; without it, halves of what was measured")
    add("--prepared", action="store_true", help="with what an earlier run gave to the servers")
    add("--add", type=Path, metavar="FILE", help="add to the results of an earlier run")
    add("--quick", action="store_true", help="one round of 2 s each, to see that all works")
    add("--port", type=int, default=18100, help="the first of 16 free ports")
    add("--results", type=Path, default=RESULTS, metavar="FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
