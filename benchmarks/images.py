"""The figures of images: how long they take to be built, and how large they are.

`python -m benchmarks.images [--only WORD]`; as root on Debian with buildah and mmdebstrap. What is
measured of running containers is kept by `tests/platforms/test_containers.py`, and printed by
`python -m benchmarks.deployment`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import image_builds
from serve_app.platforms.images.targets import TARGETS

SIZES_MB = {"full": (950, 330), "serve": (650, 230), "edge": (260, 95)}
"""The most that each may take: its files, and its layers compressed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it is, in which unit, the most that it may be, and what measures it."""

    what: str
    unit: str
    goal: float
    measure: Callable[[], float]


def all_three_s() -> float:
    """Seconds for building the three images anew, the base and the wheels being there."""
    image_builds.base()
    folder = image_builds.context()
    started = time.perf_counter()
    for target in TARGETS:
        image_builds.build(target.name, folder, again=True)
    return time.perf_counter() - started


def files_mb(target: str) -> float:
    """Megabytes of an image's files."""
    with image_builds.unpacked(_built(target)) as root:
        return image_builds.size_bytes(root) / 1e6


def compressed_mb(target: str) -> float:
    """Megabytes of an image's layers as a registry keeps them."""
    with tempfile.TemporaryDirectory() as folder:
        layers = image_builds.layers(_built(target), Path(folder))
        return sum(one.stat().st_size for one in layers) / 1e6


def digests_differ() -> float:
    """1 where two builds of one source have two digests, else 0."""
    folder = image_builds.context()
    digests = {
        image_builds.build("edge", folder, tag=tag, again=True).digest for tag in ("one", "two")
    }
    return float(len(digests) - 1)


def _built(target: str) -> image_builds.Image:
    """An image, from what earlier builds kept where there are some."""
    image_builds.base()
    return image_builds.build(target, image_builds.context())


ROWS = (
    Row("all three images, nothing kept but base and wheels", "s", 480, all_three_s),
    *(Row(f"{n}: files", "MB", most, partial(files_mb, n)) for n, (most, _) in SIZES_MB.items()),
    *(Row(f"{n}: gzip", "MB", most, partial(compressed_mb, n))
      for n, (_, most) in SIZES_MB.items()),
    Row("two builds, digests that differ", "", 0, digests_differ),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and print it; 1 where a row misses its goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.images", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="rows with this in their name")
    given = parser.parse_args(arguments)
    table = Table(title="images")
    for head in ("what", "measured", "at most", "unit"):
        table.add_column(head)
    missed = 0
    for row in ROWS:
        if given.only not in row.what:
            continue
        value = row.measure()
        missed += value > row.goal
        table.add_row(row.what, f"{value:.1f}", f"{row.goal:g}", row.unit)
    Console().print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
