"""How soon `serve-app run` answers in a new process, and in what memory.

`python -m benchmarks.standalone --registry registry diagnosis-logistic@1 progression-xgb@1`
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence

import psutil
from rich.console import Console
from rich.table import Table

from serve_app.core.reference import split_version
from serve_app.registry.store import Registry

ROUNDS = 7
REQUESTS = 1000
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def measure(registry: str, reference: str, row: dict[str, object]) -> tuple[float, ...]:
    """Seconds to the first answer, of which of the CPU, MiB then, and ms of a row later."""
    model, _ = split_version(reference)
    code = "import sys; from serve_app.cli.main import main; main(sys.argv[1:])"
    options = ["--registry", registry, "--port", "0"]
    started_s = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", reference, *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SERVE_APP_MODEL": ""},
    ) as process:
        try:
            assert process.stdout is not None
            lines = map(json.loads, process.stdout)
            port = next(one["port"] for one in lines if one["message"] == "listening")
            next(one for one in lines if one["message"] == "answering")
            url = f"http://127.0.0.1:{port}/v1/models/{model}:predict"
            ask(url, row)
            first_s = time.perf_counter() - started_s
            state = psutil.Process(process.pid)
            times = state.cpu_times()
            spent_s, memory_mib = times.user + times.system, state.memory_info().rss / 2**20
            each_s = [ask(url, row) for _ in range(REQUESTS)]
        finally:
            process.terminate()
            process.communicate(timeout=30)  # its last lines want a reader
    return first_s, spent_s, memory_mib, 1000 * statistics.median(each_s)


def ask(url: str, row: dict[str, object]) -> float:
    """Seconds of one request on a connection of its own."""
    body = json.dumps({"instances": [row]}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    started_s = time.perf_counter()
    with DIRECT.open(request, timeout=30) as answer:
        answer.read()
    return time.perf_counter() - started_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure versions of a registry."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standalone", description=__doc__)
    parser.add_argument("references", nargs="+", metavar="MODEL@VERSION")
    parser.add_argument("--registry", default="./registry")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    table = Table(title="serve-app run, medians")
    for head in ("version", "first answer", "of the CPU", "memory", "a row later"):
        table.add_column(head, justify="left" if head == "version" else "right")
    store = Registry(options.registry)
    for reference in options.references:
        sample = store.manifest(*split_version(reference)).sample
        if sample is None:
            print(f"{reference} has no sample to ask about", file=sys.stderr)
            return 1
        row = {name: values[0] for name, values in sample.inputs.items()}
        rounds = [measure(options.registry, reference, row) for _ in range(options.rounds)]
        first_s, spent_s, memory_mib, each_ms = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        table.add_row(
            reference,
            f"{first_s:.2f} s",
            f"{spent_s:.2f} s",
            f"{memory_mib:.0f} MiB",
            f"{each_ms:.2f} ms",
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
