"""How quick a batch job is, beside a bare loop over the same file, and in what memory.

`python -m benchmarks.batch --rows 1000000` writes Parquet of 8 numbers and 2 words per row,
registers a pipeline (scaling, one-hot, boosted trees) and runs both in processes of their own.
With `--peers` plain Ray Data answers the same file, and MLflow's `mlflow models predict` the first
100,000 rows as CSV, as does a job (it needs `.venv-mlflow`, of `make setup-dev`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks import batch_peers
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

TRAINED_ROWS = 20_000
GROUP_ROWS = 50_000
NUMBERS = tuple(f"x{j}" for j in range(8))
WORDS = {"store": [f"s{j}" for j in range(20)], "channel": ["web", "shop", "phone"]}
JOB = "import sys; from serve_app.cli.main import main; main(sys.argv[1:])"
BARE = """
import sys, pyarrow as pa, pyarrow.parquet as pq
from serve_app.core.columns import Columns
from serve_app.engine.load import load
from serve_app.registry.store import Registry
from serve_app.tasks import task_named
import os
version = load(Registry(sys.argv[1]), "mixed", 1).in_threads(len(os.sched_getaffinity(0)))
task, writer = task_named("predict"), None
for batch in pq.ParquetFile(sys.argv[2]).iter_batches(8192):
    columns = {}
    for name in version.manifest.signature.names:
        array = batch.column(name).to_numpy(zero_copy_only=False)
        columns[name] = array
    said = version.model.ask(task, Columns.of(columns))
    out = pa.record_batch({"id": batch.column("id"), "prediction": said.values,
                           "p0": said.probabilities[:, 0], "p1": said.probabilities[:, 1]})
    writer = writer or pq.ParquetWriter(sys.argv[3], out.schema, compression="zstd")
    writer.write_batch(out)
writer.close()
"""


class Measured(NamedTuple):
    """One process: seconds, of which of the CPU, and the most memory that it had."""

    took_s: float
    cpu_s: float
    memory_mib: float


def frame(rows: int, seed: int) -> pd.DataFrame:
    """Rows of numbers and words."""
    rng = np.random.default_rng(seed)
    numbers = {name: rng.normal(size=rows) for name in NUMBERS}
    return pd.DataFrame(numbers | {name: rng.choice(some, rows) for name, some in WORDS.items()})


def prepare(home: Path, rows: int) -> None:
    """Register the pipeline and write the file."""
    known = frame(TRAINED_ROWS, 0)
    label = known["x0"] + (known["store"] == "s3") > 0.5
    columns = make_column_transformer(
        (StandardScaler(), list(NUMBERS)), (OneHotEncoder(sparse_output=False), list(WORDS))
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=30, random_state=0))
    register(Registry(str(home / "registry")), Candidate("mixed", model.fit(known, label), known))
    joblib.dump(model, home / batch_peers.MODEL)
    writer = None
    for start in range(0, rows, GROUP_ROWS):
        part = frame(min(GROUP_ROWS, rows - start), start + 1)
        part.insert(0, "id", np.arange(start, start + len(part)))
        table = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(home / "rows.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def beside(home: Path) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """Others with the same file, and with the first rows as CSV, a job among them."""
    # Its work is done by other processes, whose use of the processor nobody told of.
    plain = measured(batch_peers.ray_data(home), home)._replace(cpu_s=math.nan, memory_mib=math.nan)
    large = {"plain Ray Data": plain}
    first = next(pq.ParquetFile(home / "rows.parquet").iter_batches(batch_peers.CSV_ROWS))
    first.to_pandas().to_csv(home / "rows.csv", index=False)
    job = ["predict", "mixed@1", "--local", "--data", "rows.csv", "--out", "of-csv", "--id", "id"]
    small = {
        "a job": measured([sys.executable, "-c", JOB, *job], home),
        "mlflow models predict": measured(batch_peers.mlflow(home), home),
    }
    return large, small


def shown(rows: int, kind: str, figures: dict[str, Measured]) -> None:
    """Print what was measured of so many rows."""
    table = Table(title=f"{rows:,} rows of {kind}, processes from start to end")
    for head in ("what", "seconds", "rows/s", "rows per s of the CPU", "memory"):
        table.add_column(head, justify="left" if head == "what" else "right")
    for name, one in figures.items():
        table.add_row(
            name,
            f"{one.took_s:.1f}",
            f"{rows / one.took_s:,.0f}",
            "" if math.isnan(one.cpu_s) else f"{rows / one.cpu_s:,.0f}",
            "" if math.isnan(one.memory_mib) else f"{one.memory_mib:.0f} MiB",
        )
    Console().print(table)


def measured(command: Sequence[str], home: Path) -> Measured:
    """Run a process to its end."""
    started_s = time.perf_counter()
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(took_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a job and the bare loop."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true", help="Measure others beside it, too.")
    parser.add_argument("--json", type=Path, help="Write the figures here, too.")
    options = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="serve-app-batch-"))
    try:
        prepare(home, options.rows)
        job = ["predict", "mixed@1", "--local", "--data", "rows.parquet", "--out", "out"]
        figures = {
            "a job": measured([sys.executable, "-c", JOB, *job, "--id", "id"], home),
            "a bare loop": measured(
                [sys.executable, "-c", BARE, "registry", "rows.parquet", "bare.parquet"], home
            ),
        }
        answered = sum(pq.read_metadata(file).num_rows for file in (home / "out").glob("part-*"))
        assert answered == options.rows
        large, small = beside(home) if options.peers else ({}, {})
        figures |= large
    finally:
        shutil.rmtree(home)
    shown(options.rows, "Parquet", figures)
    if small:
        shown(min(options.rows, batch_peers.CSV_ROWS), "CSV", small)
    if options.json is not None:
        body = {name: one._asdict() for name, one in figures.items()}
        body["csv"] = {name: one._asdict() for name, one in small.items()}
        options.json.write_text(json.dumps({"rows": options.rows, **body}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
