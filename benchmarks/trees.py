"""Trees in serve-app-native beside ONNX Runtime and the libraries: same model, same rows.

`python -m benchmarks.trees` fits each model, and lets every way answer by turns in one process and
one thread. Times are of this thread alone (`time.thread_time`), the median of rounds, in
milliseconds; answers of the compiled ways must have the same bits. The library is taken from where
it is installed, or else compiled from `native/`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from serve_app.models.convert import dispatch
from serve_app.models.convert.dispatch import Given

ROOT = Path(__file__).parents[1]
COLUMNS, TRAINED_ON = 30, 5_000
SIZES = (1, 100, 10_000)
CATEGORIES = 40
Rows = npt.NDArray[np.float64]
Way = Callable[[Rows], Any]


def rows_of(count: int, seed: int) -> Rows:
    """Numbers with some gaps; the last two columns are codes of categories."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, COLUMNS)).astype(np.float32).astype(np.float64)
    x[:, -2:] = rng.integers(0, CATEGORIES, (count, 2))
    x[rng.random(x.shape) < 0.02] = np.nan
    return x


def label(x: Rows) -> npt.NDArray[np.int64]:
    """Two classes that columns of both kinds have a part in, and chance."""
    known = np.nan_to_num(x)
    score = known[:, :6].sum(axis=1) + (known[:, -1] % 7 > 3)
    noise = np.random.default_rng(1).normal(size=len(x))
    classes: npt.NDArray[np.int64] = (score + noise > 0).astype(np.int64)
    return classes


def models(x: Rows, y: npt.NDArray[np.int64]) -> Iterator[tuple[str, Any, Way]]:
    """Each model with how its own library gives raw scores or probabilities in one thread."""
    for name, more in (
        ("XGBoost, 200 trees", {}),
        ("XGBoost of categories, 200 trees", {"feature_types": ["q"] * 28 + ["c"] * 2}),
    ):
        fitted = xgboost.XGBClassifier(
            n_estimators=200, max_depth=6, enable_categorical=bool(more), **more
        ).fit(x, y)
        booster = fitted.get_booster()
        booster.set_param({"nthread": 1})
        yield (
            name,
            fitted,
            partial(booster.inplace_predict, predict_type="margin", missing=np.nan),
        )
    categorical: Sequence[tuple[str, Any]] = (
        ("LightGBM, 200 trees", "auto"),
        ("LightGBM of categories, 200 trees", [28, 29]),
    )
    for name, given in categorical:
        light = lightgbm.LGBMClassifier(n_estimators=200, verbose=-1)
        light.fit(x, y, categorical_feature=given)
        yield (
            name,
            light,
            partial(light.booster_.predict, raw_score=True, num_threads=1),
        )
    forest = RandomForestClassifier(200, max_depth=8, random_state=0, n_jobs=1).fit(x, y)
    yield "forest of depth 8, 200 trees", forest, forest.predict_proba
    deep = RandomForestClassifier(100, random_state=0, n_jobs=1).fit(x, y)
    yield "forest without a bound, 100 trees", deep, deep.predict_proba
    histogram = HistGradientBoostingClassifier(max_iter=200, early_stopping=False).fit(x, y)
    yield "histogram boosting, 200 trees", histogram, histogram.decision_function


@contextmanager
def library() -> Iterator[Any]:
    """The native library, compiled for these measurements where it is not installed."""
    if importlib.util.find_spec("serve_app_native") is not None:
        yield importlib.import_module("serve_app_native")
        return
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "serve_app_native"
        package.mkdir()
        for file in (ROOT / "native" / "serve_app_native").glob("*.py"):
            (package / file.name).write_bytes(file.read_bytes())
        script, target = ROOT / "native" / "build_library.py", package / "libserve_app_native.so"
        subprocess.run([sys.executable, str(script), str(target)], check=True)
        sys.path.insert(0, folder)
        yield importlib.import_module("serve_app_native")


def measured(ways: dict[str, Way], rows: Rows, seconds: float) -> dict[str, float]:
    """The median time of each way in milliseconds, all of them by turns."""
    for compute in ways.values():
        compute(rows)
    times: dict[str, list[float]] = {name: [] for name in ways}
    ended = time.perf_counter() + seconds
    while len(next(iter(times.values()))) < 5 or time.perf_counter() < ended:
        for name, compute in ways.items():
            before = time.thread_time()
            compute(rows)
            times[name].append(1000 * (time.thread_time() - before))
    return {name: statistics.median(some) for name, some in times.items()}


def main() -> None:
    """Measure and print a table; with --json also every number in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time")
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    options = parser.parse_args()
    seconds = 0.6 if options.quick else 3.0
    x = rows_of(TRAINED_ON, 0)
    results: dict[str, Any] = {}
    with library() as native:
        # Which library there is, is looked up once.
        from serve_app.models.native import choice  # noqa: PLC0415

        print(f"{platform.processor() or platform.machine()}, {native.instructions()}; ms a call")
        for name, fitted, own in models(x, label(x)):
            program = dispatch.predictor(fitted, Given(COLUMNS)).scores
            ways: dict[str, Way] = {
                "native": choice.native(program),
                "ONNX Runtime": program,
                "the library": own,
            }
            for size in SIZES:
                rows = rows_of(size, 2)
                same = ways["native"](rows).tobytes() == program(rows).tobytes()
                took = measured(ways, rows, seconds)
                best = min(took["ONNX Runtime"], took["the library"])
                results[f"{name}; {size} rows"] = {**took, "same bits": same}
                line = "  ".join(f"{way} {ms:.3f}" for way, ms in took.items())
                bits = "" if same else "; BUT WITH OTHER BITS"
                print(f"{name}, {size:,} rows: {line}  {best / took['native']:.1f} x{bits}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
