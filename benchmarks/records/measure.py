"""Measures the log of predictions: making tables, writing, finding, and a drift query of one day.

    python -m benchmarks.records.measure --folder build/records --rows 100000000 --day-rows 10000000

One day of `--day-rows` rows is generated (20 features, one endpoint, ids and times as they are
served). Further days are hard links to its files until the log has `--rows`: they are there to be
left out by a query of one day, and are never read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from serve_app.core.columns import Columns
from serve_app.core.messages import Answer, Payload, Prediction, Request
from serve_app.core.plan import Assignment, Plan
from serve_app.core.record import Record
from serve_app.core.record_settings import RecordSettings
from serve_app.storage.records.deliveries import encode
from serve_app.storage.records.files import Files
from serve_app.storage.records.lookup import Wanted, find
from serve_app.storage.records.plans import Span
from serve_app.storage.records.reader import Query, query
from serve_app.storage.records.rows import tables_of
from serve_app.storage.records.segments import Partition, Segments
from serve_app.storage.records.sql import select

FEATURES = 20
DAY_S = 86_400
FIRST_DAY_S = 1_790_035_200  # 2026-09-22
ENDPOINT = "diagnosis"
NAMES = tuple(f"x{j}" for j in range(FEATURES))
SETTINGS = {ENDPOINT: RecordSettings(key="order_id")}
BINS = 32
DRIFT = f"""
    SELECT 'feature' AS what, least(greatest(floor((feature_x0 + 4) * {BINS / 8}), 0), {BINS - 1})
        AS bin, count(*) AS n FROM records GROUP BY bin
    UNION ALL
    SELECT 'score', least(floor(probabilities[2] * {BINS}), {BINS - 1}) AS bin, count(*)
        FROM records GROUP BY bin
"""


def one_row_records(count: int) -> list[Record]:
    """Requests of one row of 20 features, answered by a classifier."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        block = rng.normal(size=(1, FEATURES))
        at_s = FIRST_DAY_S + number / 1000
        payload = Payload(dict(zip(NAMES, block.T.tolist(), strict=True)), 1, {"order_id": number})
        share = rng.random()
        prediction = Prediction(np.array(["yes"]), np.array([[1 - share, share]]))
        made.append(
            Record(
                Request(ENDPOINT, payload, f"request-{number}"),
                ENDPOINT,
                3,
                at_s,
                0.002,
                f"{int(at_s * 1000):012x}{number:020x}",
                Plan(("m@1",), propensity=0.5, assignment=Assignment("hash", "salt", number % 100)),
                Columns.from_block(NAMES, block),
                Answer(prediction, ("m@1",)),
            )
        )
    return made


def hour_of(schema: pa.Schema, start_s: float, rows: int, rng: np.random.Generator) -> pa.Table:
    """An hour of rows with random ids, times, features and scores."""
    at_s = np.sort(start_s + rng.random(rows) * 3600)
    milliseconds = (at_s * 1000).astype(np.int64)
    tails = rng.bytes(rows * 10).hex()
    ids = [f"{ms:012x}{tails[20 * n : 20 * n + 20]}" for n, ms in enumerate(milliseconds.tolist())]
    scores = rng.random(rows)
    shares = np.column_stack([1 - scores, scores])
    offsets = np.arange(rows + 1, dtype=np.int32)
    given: dict[str, Any] = {
        "prediction_id": pa.array(ids),
        "row": pa.array(np.zeros(rows, np.int32)),
        "at_s": pa.array(at_s),
        "variants": pa.ListArray.from_arrays(offsets, pa.array(["m@1"] * rows)),
        "request_id": pa.array([one[12:] for one in ids]),
        "key": pa.array(rng.integers(0, 2**40, rows)).cast(pa.string()),
        "bucket": pa.array(rng.integers(0, 100, rows).astype(np.int32)),
        "took_s": pa.array(rng.exponential(0.002, rows)),
        "value": pa.array(np.where(scores > 0.5, "yes", "no")),
        "probabilities": pa.ListArray.from_arrays(offsets * 2, pa.array(shares.reshape(-1))),
        **{f"feature_{name}": pa.array(rng.normal(size=rows)) for name in NAMES},
    }
    sample = tables_of(one_row_records(1), wall_minus_clock_s=0.0, settings=SETTINGS)[0]
    same = {name: [sample[name][0].as_py()] * rows for name in schema.names if name not in given}
    arrays = [given[f.name] if f.name in given else pa.array(same[f.name], f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def fill(files: Files, rows: int, day_rows: int) -> None:
    """Write one day, and let others be links to it."""
    segments, rng = Segments(files), np.random.default_rng(1)
    schema = tables_of(one_row_records(1), wall_minus_clock_s=0.0, settings=SETTINGS)[0].schema
    for hour in range(24):
        start_s = FIRST_DAY_S + hour * 3600
        table = hour_of(schema, start_s, day_rows // 24, rng)
        segments.write(Partition(start_s // 3600, ENDPOINT), [table], parts=[f"generated-{hour}"])
    day = Path(files.path(_folder(0)))
    for number in range(1, max(1, round(rows / day_rows))):
        for file in day.rglob("*.parquet"):
            link = Path(files.path(_folder(number))) / file.relative_to(day)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, link)


def _folder(number: int) -> str:
    return f"date={dt.datetime.fromtimestamp(FIRST_DAY_S + number * DAY_S, dt.UTC):%Y-%m-%d}"


def timed(compute: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """The shortest of some runs, in seconds, and what came out."""
    best, result = float("inf"), None
    for _ in range(times):
        start_s = time.perf_counter()
        result = compute()
        best = min(best, time.perf_counter() - start_s)
    return best, result


def without_duckdb(files: Files, day: Span) -> list[int]:
    """The same counts by Arrow and NumPy alone."""
    counts = np.zeros((2, BINS), np.int64)
    wanted = Query(day.endpoint, day.since_s, day.until_s, columns=("feature_x0", "probabilities"))
    for batch in query(files, wanted):
        values = batch.column("feature_x0").to_numpy(zero_copy_only=False)
        bins = np.clip((values + 4) * (BINS / 8), 0, BINS - 1).astype(np.int64)
        counts[0] += np.bincount(bins, minlength=BINS)
        scores = batch.column("probabilities").flatten().to_numpy()[1::2]
        counts[1] += np.bincount(np.minimum(scores * BINS, BINS - 1).astype(int), minlength=BINS)
    totals: list[int] = counts.sum(axis=1).tolist()
    return totals


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--day-rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    files = Files(options.folder)
    figures: dict[str, Any] = {"rows": options.rows, "rows of the day": options.day_rows}
    records = one_row_records(512)
    took_s, tables = timed(
        lambda: tables_of(records, wall_minus_clock_s=0.0, settings=SETTINGS), times=20
    )
    figures["tables, µs per row"] = took_s / len(records) * 1e6
    took_s, payload = timed(lambda: encode(tables), times=20)
    figures["encode, µs per row"] = took_s / len(records) * 1e6
    figures["delivery, bytes per row"] = len(payload) / len(records)
    if not files.names(_folder(0)):
        figures["generate, s"], _ = timed(lambda: fill(files, options.rows, options.day_rows))
    stored = files.below(_folder(0))
    figures["segments, bytes per row"] = sum(one.size_bytes for one in stored) / options.day_rows
    pa.set_cpu_count(options.threads)
    day = Span(ENDPOINT, FIRST_DAY_S, FIRST_DAY_S + DAY_S)
    took_s, drift = timed(
        lambda: select(files, DRIFT, day, threads=options.threads).read_all(), times=3
    )
    figures["drift query of a day, DuckDB, s"] = took_s
    figures["rows counted"] = sum(drift["n"].to_pylist()) // 2
    took_s, counted = timed(lambda: without_duckdb(files, day))
    figures["drift query of a day, Arrow, s"] = took_s
    figures["rows counted by Arrow"] = counted
    figures.update(lookups(files))
    print(json.dumps(figures, indent=2, ensure_ascii=False))


def lookups(files: Files) -> dict[str, float]:
    """How long it takes to find 1,000 predictions of the log's first million rows or so."""
    since_s, hours = FIRST_DAY_S, 3
    sample = query(
        files, Query(ENDPOINT, since_s, since_s + hours * 3600, columns=("prediction_id", "key"))
    ).read_all()
    picked = sample.take(np.random.default_rng(2).integers(0, len(sample), 1000))
    now_s, horizon_s = since_s + hours * 3600 - 1.0, hours * 3600.0 - 2
    ids = frozenset(picked["prediction_id"].to_pylist())
    keys = dict.fromkeys(picked["key"].to_pylist(), now_s)
    by_id_s, rows = timed(lambda: find(files, Wanted(ENDPOINT, now_s, horizon_s, ids)))
    by_key = Wanted(ENDPOINT, now_s, horizon_s, keys=dict.fromkeys(keys, now_s))
    by_key_s, of_keys = timed(lambda: find(files, by_key))
    return {
        "rows searched": len(sample),
        "1,000 ids, s": by_id_s,
        "ids matched": len(rows),
        "1,000 keys, s": by_key_s,
        "keys matched": len(of_keys),
    }


if __name__ == "__main__":
    main()
