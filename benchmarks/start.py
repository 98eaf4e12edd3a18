"""From a command to the first answer of a whole cluster, and what that costs: `make bench-start`.

Each round starts a cluster in a folder of its own, by one command that a user types, and stops it.
Seconds count from that command to its end, which is when it was answered; training the examples
that it serves comes before. Memory is PSS: pages that several processes share are divided among
them, so that sums are true. The lean profile and the full one (`--full`) take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.scaling.cluster import REPOSITORY, Failed
from serve_app.cluster.node import Cluster

MIB = 2**20
SETTLE_S = 3.0
"""Processes that are on their way, idle workers say, are there or gone after it."""
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "cluster": ("cluster", "start", "--json"),
    "serve": ("serve", "diagnosis-xgb", "--json"),
    "demo": ("demo", "--json"),
}
PROFILES: Mapping[str, tuple[str, ...]] = {"lean": (), "full": ("--full",)}
GOAL_S = 12.0
GOAL_MIB = 1024.0
_TITLES = (
    ("gcs_server", "Ray GCS"),
    ("raylet/raylet", "raylet"),
    ("autoscaler", "Ray autoscaler"),
    ("log_monitor", "Ray log monitor"),
    ("util.client.server", "Ray Client"),
    ("runtime_env/agent", "Ray runtime environments"),
    ("dashboard/agent.py", "Ray dashboard agent"),
    ("dashboard.py", "Ray dashboard"),
    ("forkserver", "Ray dashboard"),
    ("multiprocessing", "Ray dashboard"),
    ("ray-dashboard", "Ray dashboard"),
    ("haproxy", "HAProxy"),
    ("ray::", "ray::"),
    ("default_worker.py", "idle worker"),
)
"""What stands in a command line, and what people call such a process; the first one counts."""


@dataclass(frozen=True, slots=True)
class Started:
    """One start: seconds to its answer, and the memory of each process by what it is."""

    what: str
    profile: str
    first_answer_s: float
    pss_mib: Mapping[str, Sequence[float]]

    @property
    def processes(self) -> int:
        """How many there are."""
        return sum(len(several) for several in self.pss_mib.values())

    @property
    def whole_mib(self) -> float:
        """The memory of all of them."""
        return sum(sum(several) for several in self.pss_mib.values())


def title(process: psutil.Process) -> str:
    """What people call a process of a cluster.

    Raises:
        psutil.Error: it is gone.
    """
    line = " ".join(process.cmdline())
    for part, name in _TITLES:
        if part in line:
            return line.split()[0] if name == "ray::" else name
    return process.name()


def memory(processes: Sequence[psutil.Process]) -> dict[str, list[float]]:
    """PSS in MiB of each process, by what it is."""
    found: dict[str, list[float]] = defaultdict(list)
    for process in processes:
        try:
            found[title(process)].append(process.memory_full_info().pss / MIB)
        except psutil.Error:
            continue
    return dict(found)


@contextmanager
def home(registry: Path) -> Iterator[Path]:
    """A folder whose registry is a link to the examples'; nothing of it runs afterwards."""
    with tempfile.TemporaryDirectory(prefix="serve-app-start-") as name:
        folder = Path(name)
        (folder / "registry").symlink_to(registry)
        try:
            yield folder
        finally:
            run(folder, "cluster", "stop", "--hand-over-s", "0")


def run(folder: Path, *arguments: str) -> str:
    """What `serve-app` printed.

    Raises:
        Failed: it ended with another code than 0; says what it printed.
    """
    done = subprocess.run(
        [str(Path(sys.executable).with_name("serve-app")), *arguments],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    if done.returncode != 0:
        raise Failed(f"serve-app {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def start(registry: Path, what: str, profile: str, port: int) -> Started:
    """Start a cluster by a command, and look at its processes once it has answered."""
    ports = (f"--http-port={port}", f"--dashboard-port={port + 1}", f"--internal-ports={port + 2}")
    with home(registry) as folder:
        began_s = time.perf_counter()
        run(folder, *COMMANDS[what], *PROFILES[profile], *ports)
        took_s = time.perf_counter() - began_s
        time.sleep(SETTLE_S)
        return Started(what, profile, took_s, memory(Cluster(folder / "state").processes()))


def summary(rounds: Sequence[Started]) -> dict[str, object]:
    """Medians of rounds of one command in one profile; processes of the last of them."""
    last = rounds[-1]
    return {
        "what": last.what,
        "profile": last.profile,
        "rounds": len(rounds),
        "first_answer_s": round(statistics.median(one.first_answer_s for one in rounds), 1),
        "pss_mib": round(statistics.median(one.whole_mib for one in rounds)),
        "processes": last.processes,
        "pss_mib_by_process": {
            name: [round(one) for one in several]
            for name, several in sorted(last.pss_mib.items(), key=lambda item: -sum(item[1]))
        },
    }


def show(summaries: Sequence[Mapping[str, object]]) -> None:
    """A table of all, and one of the processes of each."""
    console = Console(width=100)
    table = Table(title="from a command to its first answer, medians")
    for head in ("command", "profile", "first answer after s", "PSS MiB", "processes"):
        table.add_column(head)
    for one in summaries:
        columns = ("what", "profile", "first_answer_s", "pss_mib", "processes")
        table.add_row(*(str(one[name]) for name in columns))
    console.print(table)
    for one in summaries:
        by = Table(title=f"{one['what']}, {one['profile']}: PSS in MiB")
        by.add_column("process")
        by.add_column("each")
        found = one["pss_mib_by_process"]
        assert isinstance(found, dict)
        for name, several in found.items():
            by.add_row(name, ", ".join(str(each) for each in several))
        console.print(by)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure by turns; print a table, or JSON with the goals beside it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--what", nargs="+", choices=COMMANDS, default=["serve", "demo"])
    parser.add_argument("--profile", nargs="+", choices=PROFILES, default=list(PROFILES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=18500, help="first of a row of 13 free ones")
    parser.add_argument("--registry", type=Path, help="one with the examples; else they are made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="serve-app-examples-") as folder:
        registry = given.registry and given.registry.resolve()
        if registry is None:
            run(Path(folder), "train-examples")
            registry = Path(folder) / "registry"
        seen: dict[tuple[str, str], list[Started]] = defaultdict(list)
        for _ in range(given.rounds):
            for what in given.what:
                for profile in given.profile:
                    seen[what, profile].append(start(registry, what, profile, given.port))
    summaries = [summary(rounds) for rounds in seen.values()]
    report = {
        "goal": {"first_answer_s": GOAL_S, "pss_mib": GOAL_MIB},
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "starts": summaries,
        "rounds": [asdict(one) for rounds in seen.values() for one in rounds],
    }
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        show(summaries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
