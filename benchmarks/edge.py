"""Wheels of versions: their size, how soon they answer in a new process, in what memory.

`python -m benchmarks.edge --registry registry diagnosis-forest@1 progression-xgb@1`
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
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from serve_app.core.reference import split_version
from serve_app.export.wheel import WheelOptions, export_wheel
from serve_app.models.compiled.model import FILE
from serve_app.registry.store import Registry

ROUNDS = 7
# `-S` leaves out what installed packages run at start, so that NumPy's folder is given by hand.
_SCRIPT = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
import importlib
package = importlib.import_module(sys.argv[2])
rows = json.loads(sys.argv[3])
package.predict(rows)
# The peak that resource tells begins with that of the process before exec.
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmRSS")]
print(json.dumps([int(line.split()[1]), time.process_time()]), flush=True)
times = []
for _ in range(2000):
    start = time.perf_counter()
    package.predict(rows)
    times.append(time.perf_counter() - start)
print(json.dumps(sorted(times)[len(times) // 2]))
"""


def measure(folder: Path, package: str, row: str) -> tuple[float, ...]:
    """Seconds to the first prediction, those of the CPU, MiB, and microseconds of a row later."""
    paths = json.dumps([str(folder), *(one for one in sys.path if "site-packages" in one)])
    started = time.perf_counter()
    command = [sys.executable, "-S", "-c", _SCRIPT, paths, package, row]
    # Bytecode is there already where pip installed a wheel.
    environment = {**os.environ, "PYTHONPATH": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        memory_kib, cpu_s = json.loads(process.stdout.readline())
        first_s = time.perf_counter() - started
        row_s = json.loads(process.stdout.readline())
    return first_s, cpu_s, memory_kib / 1024, row_s * 1e6


def one_row(registry: Registry, name: str, number: int) -> str:
    """The first stored row of a version, as JSON."""
    sample = registry.manifest(name, number).sample
    assert sample is not None
    return json.dumps([{column: values[0] for column, values in sample.inputs.items()}])


@dataclass(frozen=True, slots=True)
class Figures:
    """A version's wheel in a new process: medians, and how large it is."""

    wheel_bytes: int
    compiled_bytes: int
    first_s: float
    cpu_s: float
    memory_mib: float
    row_us: float


def figures(registry: Registry, reference: str, by: str, rounds: int = ROUNDS) -> Figures:
    """Export a version whose trees are computed `by` onnxruntime or numpy, and measure it."""
    name, number = split_version(reference)
    exported = export_wheel(registry, name, number, WheelOptions(onnxruntime=by == "onnxruntime"))
    compiled = next(f.size_bytes for f in exported.manifest.files if f.path == FILE)
    package = exported.file_name.partition("-")[0]
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / exported.file_name
        wheel.write_bytes(exported.content)
        zipfile.ZipFile(wheel).extractall(folder)
        row = one_row(registry, name, number)
        measure(Path(folder), package, row)
        taken = [measure(Path(folder), package, row) for _ in range(rounds)]
    medians = map(statistics.median, zip(*taken, strict=True))
    return Figures(len(exported.content), compiled, *medians)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each version, with ONNX Runtime and without, and print medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge", description=__doc__)
    parser.add_argument("--registry", default="registry")
    parser.add_argument("references", nargs="+", metavar="MODEL@NUMBER")
    given = parser.parse_args(arguments)
    registry = Registry(given.registry)
    table = Table(title=f"wheels in a new process, medians of {ROUNDS}")
    heads = ("version", "trees by", "wheel kB", "compiled kB", "first s", "CPU s", "MiB", "row µs")
    for head in heads:
        table.add_column(head)
    for reference in given.references:
        for by in ("onnxruntime", "numpy"):
            one = figures(registry, reference, by)
            table.add_row(
                reference, by, f"{one.wheel_bytes / 1000:.0f}", f"{one.compiled_bytes / 1000:.0f}",
                f"{one.first_s:.2f}", f"{one.cpu_s:.2f}", f"{one.memory_mib:.0f}",
                f"{one.row_us:.0f}",
            )  # fmt: skip
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
