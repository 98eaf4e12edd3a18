"""`python -m benchmarks.one_row REGISTRY`: one row by a version's program, and value by value.

All compiled versions of a registry are asked about the first row of their sample, by turns in one
process. The best of many turns counts: whatever else the machine does only adds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from serve_app.core.columns import Columns
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import FILE, CompiledModel, Program
from serve_app.models.native.choice import native
from serve_app.models.one_row.loading import load_fastest
from serve_app.models.replay import sample_columns
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry

TURNS, CALLS = 100, 50


def best_us(ways: Sequence[Callable[[], Any]]) -> list[float]:
    """Microseconds of a call of each, by turns."""
    best = [float("inf")] * len(ways)
    for _ in range(TURNS):
        for at, way in enumerate(ways):
            started_s = time.perf_counter()
            for _ in range(CALLS):
                way()
            best[at] = min(best[at], 1e6 * (time.perf_counter() - started_s) / CALLS)
    return best


def _models(registry: Registry, manifest: Manifest) -> tuple[CompiledModel, CompiledModel]:
    content = registry.files_of(manifest, only=FILE).files[FILE]
    stored = storage.load(content)
    program = stored if isinstance(stored, Program) else Program(stored)
    program = native(program)
    signature = manifest.signature
    return CompiledModel(program, signature), load_fastest(content, signature)


def _row(manifest: Manifest) -> Columns | None:
    if manifest.sample is None or manifest.signature.output.kind == "transform":
        return None
    return sample_columns(manifest.sample.inputs, manifest.signature).slice(0, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_row")
    parser.add_argument("registry", help="a folder or URL")
    registry = Registry(parser.parse_args(arguments).registry)
    table = Table("version", "the program, µs", "value by value, µs", "times as fast")
    for name in registry.models():
        manifest = registry.manifest(name, registry.versions(name)[-1])
        row = _row(manifest)
        if row is None or manifest.compiled is None or not manifest.compiled.served:
            continue
        program, quick = _models(registry, manifest)
        costs = best_us([partial(model.predict, row) for model in (program, quick)])
        table.add_row(
            manifest.reference, *(f"{c:.1f}" for c in costs), f"{costs[0] / costs[1]:.1f}"
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
