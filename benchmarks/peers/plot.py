"""Pictures of what was measured: `python -m benchmarks.peers.plot RESULTS.json --out docs`.

A line for each server, its name above it; a dot is the median of the rounds, the bar through it
goes from the least to the most.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers import results as files
from benchmarks.peers import table
from benchmarks.peers.figures import Spread, by_peer
from benchmarks.peers.measured import GRPC, HTTP1, HTTP2, SHAPES
from benchmarks.peers.results import Results
from benchmarks.svg import WIDTH, Scale, opened, powers, rule, text

LEFT, RIGHT, TOP, ROW, BOTTOM = 24, 56, 112, 62, 48
DOT = 6
STYLE = (
    "<style>.ours { font-weight: 600 } .dot { stroke: var(--ground); stroke-width: 1.5 }</style>"
)
Series = Mapping[str, Mapping[str, Spread]]
"""Spreads by what is drawn in one colour, then by server."""
Notes = Mapping[str, str]
"""What stands behind names of servers."""


def drawn(
    title: str,
    unit: str,
    series: Series,
    kinds: Mapping[str, str],
    notes: Notes,
    *,
    least_first: bool = False,
) -> str:
    """One picture as the text of an SVG file; the best server stands at the top."""
    first = next(iter(series.values()))
    names = list(dict.fromkeys(name for spreads in series.values() for name in spreads))
    shown = [name for name in names if name in first]
    shown.sort(key=lambda name: first[name].median, reverse=not least_first)
    names = [*shown, *(name for name in names if name not in first)]
    every = [spread for spreads in series.values() for spread in spreads.values()]
    places = powers(min(one.least for one in every), max(one.most for one in every))
    scale = Scale(places[0], places[-1], LEFT, WIDTH - RIGHT, log=True)
    foot = TOP + ROW * len(names)
    parts = [*opened(title, foot + BOTTOM), STYLE]
    parts.append(text(LEFT, 34, title, "start", "ours"))
    parts.append(_legend(list(series), 72))
    for place in places:
        parts.append(rule(scale.at(place), TOP - 18, scale.at(place), foot, "grid"))
        parts.append(text(scale.at(place), foot + 32, f"{place:,g}", "middle", "faint"))
    parts.append(text(WIDTH - RIGHT, 34, unit, "end", "faint wide"))
    for index, name in enumerate(names):
        top = TOP + ROW * index
        words = name + (f", {notes[name]}" if name in notes else "")
        parts.append(text(LEFT, top + 16, words, "start", "ours" if kinds[name] == "ours" else ""))
        parts.append(rule(LEFT, top + 34, WIDTH - RIGHT, top + 34, "grid"))
        for colour, spreads in enumerate(series.values()):
            if name in spreads:
                parts += _mark(spreads[name], scale, top + 34, colour)
    return "\n".join([*parts, "</svg>", ""])


def _mark(spread: Spread, scale: Scale, y: float, colour: int) -> list[str]:
    style = f'style="stroke: var(--c{colour}); stroke-width: 4"'
    left, right = scale.at(spread.least), scale.at(spread.most)
    middle = scale.at(spread.median)
    fill = f'style="fill: var(--c{colour})"'
    return [
        f'<line {style} x1="{left:g}" y1="{y:g}" x2="{right:g}" y2="{y:g}"/>',
        f'<circle class="dot" {fill} cx="{middle:g}" cy="{y:g}" r="{DOT}"/>',
    ]


def _legend(names: Sequence[str], y: float) -> str:
    words = "".join(
        f'<tspan dx="{18 if index else 0}" style="fill: var(--c{index})">● {name}</tspan>'
        for index, name in enumerate(names)
    )
    return f'<text x="{LEFT}" y="{y:g}">{words}</text>'


def pictures(results: Results) -> dict[str, str]:
    """The text of each picture by its file's name."""
    rates = table.rates(results.rounds)
    kinds = results.kinds
    found: dict[str, str] = {}

    def add(name: str, title: str, protocol: str, *, rows: int) -> None:
        series = {
            f"{shape.connections} connection{'s' * (shape.connections > 1)}": rates[shape.name]
            for shape in SHAPES
            if shape.protocol == protocol and shape.rows == rows and rates[shape.name]
        }
        if series:
            found[f"{name}.svg"] = drawn(title, "requests a second", series, kinds, {})

    add("peers-one-row", "Requests of one row", HTTP1, rows=1)
    add("peers-http2", "Requests of one row, HTTP/2", HTTP2, rows=1)
    add("peers-grpc", "Requests of one row, gRPC", GRPC, rows=1)
    add("peers-100-rows", "Requests of 100 rows", HTTP1, rows=100)
    add("peers-10000-rows", "Requests of 10,000 rows", HTTP1, rows=10_000)
    for number, rate_per_s in enumerate(sorted({one.rate_per_s for one in results.arrivals}), 1):
        found[f"peers-arrivals-{number}.svg"] = _arrivals(results, rate_per_s)
    return found


def _arrivals(results: Results, rate_per_s: float) -> str:
    measured = by_peer(
        (one for one in results.arrivals if one.rate_per_s == rate_per_s), lambda one: one.peer
    )
    names = {"p50": "p50_ms", "p99": "p99_ms", "p99.9": "p999_ms"}
    series = {
        shown: {
            name: Spread.of(values)
            for name, ones in measured.items()
            if (values := [v for one in ones if (v := getattr(one, key)) is not None])
        }
        for shown, key in names.items()
    }
    notes = {
        name: f"{share:.0%} answered"
        for name, ones in measured.items()
        if (share := min(one.answered_share for one in ones)) < 1
    }
    title = f"{table.number(rate_per_s)} arrivals a second"
    return drawn(
        title, "milliseconds from when each was due", series, results.kinds, notes, least_first=True
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the pictures of a file of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.plot", description=__doc__)
    parser.add_argument("results", type=Path, metavar="RESULTS.json")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    said = parser.parse_args(arguments)
    try:
        found = pictures(files.read(said.results))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, picture in found.items():
        (said.out / name).write_text(picture)
        print(f"written: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
