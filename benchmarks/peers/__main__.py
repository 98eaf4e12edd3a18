"""`make bench-peers`: this server beside others, the same model and rows, in one go.

Servers run one at a time, each started fresh, in alternating rounds. Every answer is
compared with scikit-learn's before and after; a wrong or failed one voids the run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.peers import chart, machine, table, wrk
from benchmarks.peers.answers import Wrong
from benchmarks.peers.environments import PEERS, Environment, NotBuilt
from benchmarks.peers.figures import open_rates
from benchmarks.peers.peers import NotPrepared, Peer, chosen
from benchmarks.peers.rounds import Bench, Closed, Open
from benchmarks.peers.servers import NotStarted

RESULTS = PEERS.parent / "results"
WORK = PEERS.parent / ".work"
QUICK_SECONDS = 2.0
WARM_UP_S = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when a server could not be built or started, failed or answered wrongly."""
    said = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 140)
    # The default handler would leave servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        peers = chosen(said.peers)
        about = {**machine.described(), "wrk": wrk.version()}
        versions = _build(peers, console)
        seconds = QUICK_SECONDS if said.quick else said.seconds
        rounds = 1 if said.quick else said.rounds
        bench = Bench(WORK, port=said.port, seconds=seconds, warm_up_s=min(WARM_UP_S, seconds))
        closed, opened = _measure(bench, peers, rounds, console)
    except (Wrong, NotBuilt, NotPrepared, NotStarted, wrk.NoLoad, ValueError) as error:
        console.print(f"the run is void: {error}", style="red", markup=False, highlight=False)
        return 1
    for shown in table.tables(peers, closed, opened):
        console.print(shown)
    settings = {"rounds": rounds, "seconds": seconds, "quick": said.quick}
    _write(said.results, peers, closed, opened, about | {"versions": versions} | settings)
    return 0


def _build(peers: Sequence[Peer], console: Console) -> dict[str, dict[str, str]]:
    environments = list(dict.fromkeys(peer.environment for peer in peers))
    for environment in environments:
        with console.status(f"building the environment of {environment.name} …"):
            built = environment.build()
        if built:
            console.print(f"built the environment of {environment.name}")
    return {environment.name: environment.versions() for environment in environments}


def _measure(
    bench: Bench, peers: Sequence[Peer], rounds: int, console: Console
) -> tuple[list[Closed], list[Open]]:
    prepared: set[Environment] = set()
    for peer in peers:
        if peer.environment not in prepared:
            bench.prepare(peer)
            prepared.add(peer.environment)
    closed: list[Closed] = []
    opened: list[Open] = []
    for number in range(rounds):
        for peer in peers:
            with console.status(f"round {number + 1} of {rounds}: {peer.name} …"):
                closed.append(bench.closed(peer))
            _tell(console, number, closed[-1])
    rates_per_s = open_rates(table.highest(closed), {peer.name: peer.kind for peer in peers})
    for number in range(rounds):
        for peer in peers:
            with console.status(f"arrivals, round {number + 1} of {rounds}: {peer.name} …"):
                opened += bench.open(peer, rates_per_s)
    return closed, opened


def _tell(console: Console, number: int, measured: Closed) -> None:
    found = ", ".join(f"{table.number(load.rate_per_s)}/s" for load in measured.loads.values())
    console.print(
        f"round {number + 1}  {measured.peer}: first answer after {measured.first_answer_s:.1f} s; "
        f"{found}",
        highlight=False,
    )


def _write(
    folder: Path,
    peers: Sequence[Peer],
    closed: Sequence[Closed],
    opened: Sequence[Open],
    about: dict[str, Any],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    file = folder / f"{day}-{about['cores']}-cores.json"
    found = table.rates(closed)
    body = {
        "day": day,
        "about": about,
        "servers": {peer.name: {"kind": peer.kind, "settings": peer.settings} for peer in peers},
        "requests_per_s": {
            shape: {name: asdict(spread) for name, spread in spreads.items()}
            for shape, spreads in found.items()
        },
        "rounds": [asdict(one) for one in closed],
        "arrivals": [asdict(one) for one in opened],
    }
    file.write_text(json.dumps(body, indent=1) + "\n")
    note = f"{about['processor']}, {about['cores']} cores shared with the load generator, {day}"
    chart.draw(file.with_suffix(".png"), found, {peer.name: peer.kind for peer in peers}, note)
    print(f"written: {file.name} and {file.with_suffix('.png').name}, in {folder.name}/")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=10.0, help="of each measurement")
    add("--peers", metavar="A,B", help="only these servers, with commas between")
    add("--quick", action="store_true", help="one round of 2 s each, to see that all works")
    add("--port", type=int, default=18100, help="the first of 16 free ports")
    add("--results", type=Path, default=RESULTS, metavar="FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main())
