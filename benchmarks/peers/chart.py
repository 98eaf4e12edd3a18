"""One picture of the throughput of one-row requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

from benchmarks.peers.figures import Spread
from benchmarks.peers.table import number

DRAWN = {"1 row, 16 connections": 0.55, "1 row, 64 connections": 1.0}
COLOURS = {"ours": "#0b6e4f", "peer": "#5b6c82", "ceiling": "#c8963e"}
SAID = {"ours": "this project", "peer": "peers", "ceiling": "hand-written ceiling"}
BAR = 0.38


def draw(
    file: Path,
    rates: Mapping[str, Mapping[str, Spread]],
    kinds: Mapping[str, str],
    note: str,
) -> None:
    """Draw requests a second at 16 and 64 connections, slowest server at the bottom."""
    shapes = [shape for shape in DRAWN if shape in rates]
    names = sorted(rates[shapes[-1]], key=lambda name: rates[shapes[-1]][name].median)
    figure, axes = plt.subplots(figsize=(9.5, 1.6 + 0.55 * len(names)), layout="constrained")
    for index, shape in enumerate(shapes):
        _bars(axes, [rates[shape][name] for name in names], names, kinds, index, shape)
    axes.set_xscale("log")
    most = max(spread.most for shape in shapes for spread in rates[shape].values())
    least = min(spread.median for shape in shapes for spread in rates[shape].values())
    axes.set_xlim(least / 3, most * 2.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("requests of one row per second (log scale), median and spread")
    axes.set_title(f"One Pipeline behind each server\n{note}", loc="left", fontsize=11)
    axes.grid(axis="x", which="major", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes, shapes, {kinds[name] for name in names})
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _bars(
    axes: plt.Axes,
    spreads: Sequence[Spread],
    names: Sequence[str],
    kinds: Mapping[str, str],
    index: int,
    shape: str,
) -> None:
    for position, (name, spread) in enumerate(zip(names, spreads, strict=True)):
        height = position + (0.5 - index) * BAR
        axes.barh(
            height, spread.median, BAR, color=COLOURS[kinds[name]], alpha=DRAWN[shape],
            xerr=[[spread.median - spread.least], [spread.most - spread.median]],
            error_kw={"elinewidth": 0.8, "ecolor": "#222222"},
        )  # fmt: skip
        axes.annotate(
            number(spread.median), (spread.most, height), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip


def _legend(axes: plt.Axes, shapes: Sequence[str], shown: set[str]) -> None:
    marks = [
        *(plt.Rectangle((0, 0), 1, 1, color=COLOURS[kind], label=SAID[kind])
          for kind in SAID if kind in shown),
        *(plt.Rectangle((0, 0), 1, 1, color="#444444", alpha=DRAWN[shape],
                        label=shape.removeprefix("1 row, ")) for shape in shapes),
    ]  # fmt: skip
    axes.legend(handles=marks, loc="lower right", fontsize=8, frameon=True)
