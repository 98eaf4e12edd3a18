"""`make bench-scaling`: how replicas follow the load, on a cluster of its own.

Scenarios: `demo` (64 connections to the demo's diagnosis), `step` (from a tenth to several
times of what one replica carries), `steady` (0.6 of it), `speedup` (k replicas beside one).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peers.machine import described
from benchmarks.scaling import configs, models, plot
from benchmarks.scaling.cluster import REPOSITORY, Cluster, Failed
from benchmarks.scaling.scenarios import SCENARIOS, Found, Settings, allowed_step

RESULTS = REPOSITORY / "benchmarks" / "results"
# Kept, since proving the wide forest equal takes more than a minute.
FOLDER = REPOSITORY / "benchmarks" / ".work" / "scaling"
# The picture shows the first of these that was run.
DRAWN = ("step", "demo", "steady")
CORES = os.cpu_count() or 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when something failed, requests included."""
    said = _parser().parse_args(arguments)
    settings = Settings(
        rows=said.rows, step=said.step, max_replicas=said.max_replicas,
        replicas=tuple(said.replicas),
    )  # fmt: skip
    if said.quick:
        settings = settings.quick()
    folder: Path = said.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    console, found = Console(), list[Found]()
    try:
        model = _model(Cluster(folder, said.port), settings)
        with Cluster(folder, said.port) as cluster:
            for name in said.scenario:
                found.append(SCENARIOS[name](cluster, settings))
                console.print(table(found[-1]))
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if found:
            _write(said, found)
    console.print(f"one row takes {model['row_ms']} ms, a request {model['request_ms']} ms")
    return 1 if any(one.figures.get("failed") for one in found) else 0


def table(found: Found) -> Table:
    """A line for each figure; what belongs to several deployments has a line for each."""
    shown = Table(title=found.scenario)
    shown.add_column("figure")
    shown.add_column("value", justify="right")
    for name, value in lines(found.figures):
        shown.add_row(name, value)
    return shown


def lines(figures: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Names and values, those of dictionaries below each other; what did not come is `never`."""
    found: list[tuple[str, str]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            inner = lines(value, f"{before}{name}: ")
            found += inner or [(f"{before}{name}", "none")]
        else:
            never = value is None or (isinstance(value, float) and math.isinf(value))
            found.append((f"{before}{name}", "never" if never else f"{value:,}"))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    add = parser.add_argument
    add("--scenario", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    add("--quick", action="store_true", help="short versions, to see that all works")
    add(
        "--step",
        type=float,
        default=allowed_step(CORES),
        metavar="FACTOR",
        help="the load of `step`, in capacities of one replica (here: %(default)s)",
    )
    add("--rows", type=int, default=4, help="of a request of `step` and `steady`")
    add("--max-replicas", type=int, default=max(2, CORES))
    add("--replicas", type=int, nargs="+", default=[1, 2], help="of `speedup`, the base first")
    add("--port", type=int, default=18300, help="the first of a row of 13 ports")
    add("--folder", type=Path, default=FOLDER, help="for its registry, which is kept, and state")
    add("--json", type=Path, default=RESULTS / "scaling.json", metavar="FILE")
    add("--svg", type=Path, default=RESULTS / "scaling.svg", metavar="FILE")
    add("--plot", type=Path, metavar="FILE", help="write the picture there as well")
    return parser  # fmt: skip


def _model(cluster: Cluster, settings: Settings) -> dict[str, float]:
    models.registered(cluster.registry, models.WIDE)
    return {
        "row_ms": models.call_ms(cluster.registry, models.WIDE, 1),
        "request_ms": models.call_ms(cluster.registry, models.WIDE, settings.rows),
    }


def _write(said: argparse.Namespace, found: Sequence[Found]) -> None:
    body = {
        "machine": described(),
        "autoscaling_config": configs.AUTOSCALING,
        "scenarios": [one.to_json() for one in found],
    }
    said.json.parent.mkdir(parents=True, exist_ok=True)
    said.json.write_text(json.dumps(body, indent=1) + "\n")
    by_name = {one.scenario: one for one in found}
    shown = next((by_name[name] for name in DRAWN if name in by_name), None)
    if shown is None:
        return
    text = plot.drawn(f"scenario {shown.scenario}", shown.seconds, shown.samples, shown.marks)
    for file in (said.svg, said.plot):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
