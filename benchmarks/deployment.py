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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.small_places import of_lambda, of_wheel, wheel_beyond_kb
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
CONTAINERS = "tests/platforms/test_containers.py"
IMAGES = "tests/platforms/test_images.py"
CHANGES = "tests/platforms/test_ray_service_changes.py"
OUTAGES = "tests/platforms/test_ray_service_outages.py"
CANARY = (
    "tests/cluster/test_canary.py::"
    "test_from_its_first_bad_answer_a_candidate_is_gone_within_an_interval_and_two_seconds"
)
KILLED = (
    "tests/cluster/test_canary.py::test_it_is_gone_as_soon_though_control_is_killed_in_the_middle"
)
FIRST = "start_to_first_prediction_s"
RECORDED = (
    ("container: full, a whole cluster", "s", 30, CONTAINERS, f"full_{FIRST}"),
    ("container: serve, a whole cluster", "s", 30, CONTAINERS, f"serve_{FIRST}"),
    ("container: one baked version", "s", 1.5, CONTAINERS, f"run_{FIRST}"),
    ("container: as Cloud Run starts it", "s", 1.5, CONTAINERS, f"cloud_run_{FIRST}"),
    ("container: as Azure ML starts it", "s", 1.5, CONTAINERS, f"azure_ml_{FIRST}"),
    ("container: as Vertex AI starts it", "s", 1.5, CONTAINERS, f"vertex_ai_{FIRST}"),
    ("container: Cloud Run asks it to end", "s", 10, CONTAINERS, "cloud_run_ended_after_s"),
    ("container: full ends under load", "s", 65, CONTAINERS, "full_ended_after_s"),
    ("container: serve ends under load", "s", 65, CONTAINERS, "serve_ended_after_s"),
    ("image: serve again, our code changed", "s", 20, IMAGES, "rebuild_s"),
    ("image: what that adds, compressed", "MB", 5, IMAGES, "rebuild_layer_mb"),
    ("pods: manifest to first prediction", "s", 60, CHANGES, "manifest_to_first_prediction_s"),
    ("pods: failed, new weights", "", 0, CHANGES, "failed_by_new_weights"),
    ("pods: failed, a new version", "", 0, CHANGES, "failed_by_a_new_version"),
    ("pods: failed, a version nobody has", "", 0, CHANGES, "failed_by_no_version"),
    ("pods: failed, one ended", "", 0, OUTAGES, "failed_as_one_ended"),
    ("pods: failed, one died, of 4 in flight", "", 4, OUTAGES, "failed_as_one_died"),
    ("pods: failed, the head died", "", 0, OUTAGES, "failed_as_the_head_died"),
    ("pods: failed, a second cluster", "", 0, OUTAGES, "failed_as_a_second_cluster_took_over"),
    ("ray up: the head answers the operator", "s", 180, RAY_UP, "ray_up_s"),
    ("ray up: the worker joined", "s", 180, RAY_UP, "worker_joined_s"),
    ("ray up: first prediction", "s", 180, RAY_UP, "first_prediction_s"),
    ("ray up to nothing left", "s", 180, RAY_UP, "ray_up_to_nothing_left_s"),
    ("canary: from a bad answer to the old weights", "s", 4, CANARY, "rollback_s"),
    ("canary: the same, control killed", "s", 12, KILLED, "rollback_s"),
)
"""What it is, its unit, the most that it may be, and the test that keeps it under which name."""
SMALL = (("linear", 0.25, 45.0), ("forest", 0.45, 90.0))
"""Kinds of models, and in which seconds and MiB a wheel of each may give its first answer."""


def without_clusters(kind: str, first_s: float, memory_mib: float) -> tuple[Row, ...]:
    """The figures of a model of this kind in a function, and on a device."""
    wheel, function = partial(of_wheel, kind), partial(of_lambda, kind)
    return (
        Row(f"Lambda, {kind}: a fresh process answers", "s", 0.9, lambda: function()[0]),
        Row(f"Lambda, {kind}: a row later", "ms", 1.5, lambda: function()[1]),
        Row(f"wheel, {kind}: first answer", "s", first_s, lambda: wheel().first_s),
        Row(f"wheel, {kind}: memory", "MiB", memory_mib, lambda: wheel().memory_mib),
        Row(f"wheel, {kind}: a row later", "µs", 60, lambda: wheel().row_us),
        Row(f"wheel, {kind}: beyond 1.2 of its model", "kB", 150, partial(wheel_beyond_kb, kind)),
    )


ROWS = (
    Row("ray up: four files checked", "s", 5, ray_up_checks_s),
    Row("Kubernetes: six files checked", "s", 5, kubernetes_checks_s),
    *(Row(what, unit, most, recorded(test, name)) for what, unit, most, test, name in RECORDED),
    *(row for kind, *most in SMALL for row in without_clusters(kind, *most)),
)

_seen: dict[str, dict[str, float]] = {}


def largest(kept: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Figures by name; of those that several cases keep, the largest one."""
    made: dict[str, float] = {}
    for name, value in kept:
        made[name] = max(value, made.get(name, value))
    return made


def _properties(test: str) -> dict[str, float]:
    """What a test kept, run once whatever the number of rows."""
    if test not in _seen:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            kinds = "platforms or cluster"
            # The family of reports that keeps properties; pytest refuses them in its newer one.
            kept_as = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
            words = ["-m", "pytest", "-m", kinds, "-q", test, *kept_as]
            subprocess.run([sys.executable, *words], check=False, stdout=sys.stderr)
            kept = ET.parse(report).iter("property") if report.exists() else ()
            _seen[test] = largest((one.attrib["name"], float(one.attrib["value"])) for one in kept)
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
