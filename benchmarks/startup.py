"""How soon a version answers in a new process, and in how much memory: compiled and native.

`python -m benchmarks.startup --registry registry diagnosis-forest@1 diagnosis-xgb@1`
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

ROUNDS = 5
_SCRIPT = """
import json, sys
import psutil
from serve_app.core.reference import split_version
from serve_app.engine.load import load
from serve_app.registry.store import Registry
from serve_app.models.replay import sample_columns
loaded = load(Registry(sys.argv[1]), *split_version(sys.argv[2]), native=sys.argv[3] == "native")
manifest = loaded.manifest
columns = sample_columns(manifest.sample.inputs, manifest.signature).slice(0, 1)
loaded.model.predict(columns)
print(json.dumps(psutil.Process().memory_info().rss))
"""


def measure(registry: str, reference: str, form: str) -> tuple[float, float]:
    """Seconds from the start of a process to its first prediction, and its memory in MiB."""
    started = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", _SCRIPT, registry, reference, form],
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, json.loads(said.stdout) / 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turns, and print medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--registry", default="registry")
    parser.add_argument("references", nargs="+", metavar="MODEL@NUMBER")
    said = parser.parse_args(arguments)
    table = Table(title=f"a new process, medians of {ROUNDS}")
    for head in ("version", "form", "first prediction after s", "memory MiB"):
        table.add_column(head)
    for reference in said.references:
        forms = ("compiled", "native")
        rounds = [
            {form: measure(said.registry, reference, form) for form in forms} for _ in range(ROUNDS)
        ]
        for form in forms:
            seconds = statistics.median(one[form][0] for one in rounds)
            memory = statistics.median(one[form][1] for one in rounds)
            table.add_row(reference, form, f"{seconds:.2f}", f"{memory:.0f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
