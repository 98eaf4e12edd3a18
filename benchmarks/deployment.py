"""The figures of places where serve-app runs, beside the goals that they have.

`python -m benchmarks.deployment [--only WORD]`; as root on Debian, since some rows need namespaces.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from serve_app.platforms.kubernetes import checks as kubernetes
from serve_app.platforms.ray_up.checks import findings

CLUSTERS = Path("deployments/cluster")
MANIFESTS = Path("deployments/kuberay")
CHART_VALUES = Path("deployments/helm/serve-app/ci")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it is, what measures it, in which unit, and the most that it may be.

    `measure` gives None where this machine cannot measure it.
    """

    what: str
    unit: str
    goal: float
    measure: Callable[[], float | None]


def recorded(test: str, name: str) -> Callable[[], float | None]:
    """What a test measures on clusters or machines and keeps by `record_property(name, …)`."""

    def measure() -> float | None:
        return _properties(test).get(name)

    return measure


def ray_up_checks_s() -> float:
    """Seconds for looking through four files, against those models of clouds that are installed."""
    started = time.perf_counter()
    for path in sorted(CLUSTERS.glob("*.yaml")):
        findings(path.read_text(), without_libraries=True)
    return time.perf_counter() - started


def kubernetes_checks_s() -> float:
    """Seconds for looking through three manifests and three files of values."""
    started = time.perf_counter()
    for path in sorted(MANIFESTS.glob("*.yaml")):
        kubernetes.findings(path.read_text())
    for path in sorted(CHART_VALUES.glob("*.yaml")):
        kubernetes.values_findings(path.read_text())
    return time.perf_counter() - started


RAY_UP = "tests/platforms/test_ray_up.py"
CANARY = (
    "tests/cluster/test_canary.py::"
    "test_from_its_first_bad_answer_a_candidate_is_gone_within_an_interval_and_two_seconds"
)
ROWS = (
    Row("ray up: four files checked", "s", 5.0, ray_up_checks_s),
    Row("Kubernetes: six files checked", "s", 5.0, kubernetes_checks_s),
    Row("ray up: the head answers the operator", "s", 180.0, recorded(RAY_UP, "ray_up_s")),
    Row("ray up: the worker joined", "s", 180.0, recorded(RAY_UP, "worker_joined_s")),
    Row("ray up: first prediction", "s", 180.0, recorded(RAY_UP, "first_prediction_s")),
    Row("canary: from a bad answer to the old weights", "s", 4.0, recorded(CANARY, "rollback_s")),
    Row("ray up to nothing left", "s", 180.0, recorded(RAY_UP, "ray_up_to_nothing_left_s")),
)

_seen: dict[str, dict[str, float]] = {}


def _properties(test: str) -> dict[str, float]:
    """What a test kept, run once whatever the number of rows."""
    if test not in _seen:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            kinds = "platforms or cluster"
            words = ["-m", "pytest", "-m", kinds, "-q", test, f"--junitxml={report}"]
            subprocess.run([sys.executable, *words], check=False, stdout=sys.stderr)
            kept = ET.parse(report).iter("property") if report.exists() else ()
            _seen[test] = {one.attrib["name"]: float(one.attrib["value"]) for one in kept}
    return _seen[test]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and print it; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deployment", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="rows with this in their name")
    given = parser.parse_args(arguments)
    table = Table(title="where it runs")
    for head in ("what", "measured", "goal", ""):
        table.add_column(head)
    missed = 0
    for row in ROWS:
        if given.only not in row.what:
            continue
        value = row.measure()
        is_missed = value is not None and value > row.goal
        missed += is_missed
        shown = "not measured" if value is None else f"{value:.3g} {row.unit}"
        verdict = "" if value is None else "missed" if is_missed else "reached"
        table.add_row(row.what, shown, f"{row.goal:g} {row.unit}", verdict)
    Console(width=120).print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
