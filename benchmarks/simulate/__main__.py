"""`make simulate`: every guarantee with its goal and what was measured; exit 1 where one fails.

python -m benchmarks.simulate --only canary --effort 0.1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.simulate import (
    assignment,
    bandits,
    canary,
    horizon,
    off_policy,
    paired_losses,
    peeking,
    quantiles,
    retraining,
    sample_ratio,
)
from benchmarks.simulate.guarantee import Guarantee

SCENARIOS: dict[str, Callable[[float], list[Guarantee]]] = {
    "assignment": assignment.measure,
    "bandits": bandits.measure,
    "canary": canary.measure,
    "horizon": horizon.measure,
    "off-policy": off_policy.measure,
    "paired losses": paired_losses.measure,
    "peeking": peeking.measure,
    "quantiles": quantiles.measure,
    "retraining": retraining.measure,
    "sample ratio": sample_ratio.measure,
}
"""What can be simulated; each function takes an effort, 1 for the numbers that are published."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulates and prints; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=__doc__)
    parser.add_argument("--only", choices=sorted(SCENARIOS), action="append", help="one scenario")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the runs")
    options = parser.parse_args(arguments)
    table = Table("guarantee", "goal", "measured", "", title="Simulated guarantees")
    missed = 0
    start = time.monotonic()
    for name in options.only or sorted(SCENARIOS):
        table.add_section()
        for line in SCENARIOS[name](options.effort):
            missed += not line.ok
            table.add_row(
                f"{name}: {line.name}", line.goal, line.measured, "ok" if line.ok else "MISSED"
            )
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    elapsed_s = time.monotonic() - start
    console.print(f"{missed} missed, {elapsed_s:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
