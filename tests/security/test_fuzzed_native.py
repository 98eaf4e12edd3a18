"""Damaged trees in serve-app-native, compiled to end at the first byte that is not its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.native_library import ROOT, SANITISED, compiler, folder

SEEDS = int(os.environ.get("SERVE_APP_FUZZ_SEEDS", "200"))
EXAMPLES = """
import numpy as np, serve_app_native as library
from tests.unit.models.native import reference

DAMAGES = [-1, -2, 0, 1, 2, 3, 5, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, -2**31, -2**63]
refused = walked = 0
for seed in range({seeds}):
    rng = np.random.default_rng(seed)
    dtype, kind = rng.choice([np.float32, np.float64], 2)
    sets, codes = int(rng.choice([0, 0, 1, 3, 70])), int(rng.integers(0, 9))
    nodes = reference.grown(
        rng, trees=int(rng.integers(1, 9)), columns=3 + sets, dtype=dtype, most=12
    )
    nodes["threshold"][nodes["feature"] >= 3] = 0.5
    held, inside = rng.integers(0, 3, sets), rng.integers(0, 3, (sets, codes))
    if sets and rng.random() < 0.1:
        held[int(rng.integers(0, sets))] = int(rng.choice([-1, 3, 2**31 - 1, 2**40]))
    outputs = int(rng.integers(1, 4))
    values = rng.normal(size=len(nodes["left"])).astype(kind)
    output = rng.integers(0, outputs, len(nodes["root"]))
    arrays = {{**nodes, "output": output}}
    for _ in range(int(rng.integers(0, 3))):
        name = str(rng.choice(["feature", "left", "right", "leaf", "root", "output", "threshold"]))
        array = np.array(arrays[name])
        at = int(rng.integers(0, len(array)))
        if name == "threshold":
            array[at] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45])
        elif rng.random() < 0.5:
            array[at] = array[int(rng.integers(0, len(array)))]
        else:
            array[at] = int(rng.choice(np.array(DAMAGES, dtype=object)))
        arrays[name] = array
        if rng.random() < 0.05:
            arrays[name] = arrays[name][: len(array) // 2]
    output = arrays.pop("output")
    rows = rng.normal(size=(70, 3)).astype(dtype)
    codes_there = rng.random(rows.shape) < 0.3
    rows[codes_there] = rng.integers(-1, codes + 2, codes_there.sum())
    rows[rng.random(rows.shape) < 0.1] = np.nan
    start = np.zeros(outputs, kind)
    below = bool(rng.integers(0, 2))
    for method in library.Method:
        try:
            forest = library.Forest(
                library.Nodes(
                    **arrays, below=below, columns=3, sets=library.Sets(held, inside)
                ), values,
                output=output, start=start, method=method,
            )
        except (library.Refused, library.Unsuited):
            refused += 1
            continue
        walked += 1
        wanted = reference.sums(
            arrays, values, output=output, start=start, below=below,
            rows=reference.widened(rows, held, inside),
        )
        for size in (1, 70):
            assert forest(rows[:size]).tobytes() == wanted[:size].tobytes(), seed
print(refused, walked)
"""


@pytest.mark.timeout(120 + SEEDS)
def test_damaged_trees_are_refused_or_give_what_plain_python_gives():
    name = compiler()
    printed = subprocess.run(
        [name, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    library = Path(printed.stdout.strip())
    if not library.is_absolute():
        pytest.skip(f"{name} comes without the library of its address sanitiser")
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES.format(seeds=SEEDS)],
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "halt_on_error=1",
            "PYTHONPATH": f"{folder(*SANITISED)}:{ROOT}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused, walked = map(int, done.stdout.split())
    # Both kinds are there, or nothing was tried.
    assert refused > SEEDS // 2
    assert walked > SEEDS // 2
