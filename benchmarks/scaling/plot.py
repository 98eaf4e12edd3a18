"""One picture of a scenario: load, replicas and latency over time, as SVG.

It has no scripts and asks for no fonts; its colours follow the reader's light or dark scheme,
and where it is shown narrow, its words grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.scaling.figures import Sample
from benchmarks.scaling.timeline import Second

WIDTH, LEFT, RIGHT = 900, 96, 24
TOP, PANEL, GAP, BOTTOM = 104, 170, 104, 60
TICKS = 5
# By deployment, and so that neighbours differ in lightness too.
COLOURS = 5
STYLE = """
svg { background: var(--ground); font-family: system-ui, sans-serif; font-size: 15px;
  --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d8dee4;
  --c0: #0b62c4; --c1: #b3480a; --c2: #1a7f37; --c3: #8250df; --c4: #a0116b; }
@media (prefers-color-scheme: dark) { svg {
  --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #2f363e;
  --c0: #58a6ff; --c1: #ffa657; --c2: #56d364; --c3: #d2a8ff; --c4: #ff7bc0; } }
@media (max-width: 560px) { svg { font-size: 25px } .wide { display: none } .line { stroke-width: 3.5 } }
text { fill: var(--ink) } .faint { fill: var(--faint) }
.grid { stroke: var(--grid); stroke-width: 1 } .mark { stroke: var(--faint); stroke-dasharray: 4 4 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .thin { stroke-dasharray: 7 4 }
"""  # noqa: E501 - a rule a line reads best


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places: `low` lies at `start`, `high` at `end`; in powers if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, rounded to a tenth; values outside lie on the edges."""
        bounded = min(max(value, self.low), self.high)
        share = (self._of(bounded) - self._of(self.low)) / (
            self._of(self.high) - self._of(self.low)
        )
        return round(self.start + share * (self.end - self.start), 1)

    def _of(self, value: float) -> float:
        return math.log10(value) if self.log else value


@dataclass(frozen=True, slots=True)
class Line:
    """A line through (time, value) with its name; `thin` ones are dashed.

    A value that is none leaves a gap. `stairs` go level until the next time. `shift` moves the
    line down by so many units of the picture, so that equal lines lie beside each other.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: int
    thin: bool = False
    stairs: bool = False
    shift: float = 0.0


def ticks(high: float) -> list[float]:
    """Round numbers from 0 to at least `high`, at most six of them."""
    step = high / TICKS if high > 0 else 1.0
    power = 10.0 ** math.floor(math.log10(step))
    size = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
    return [index * size for index in range(math.ceil(high / size - 1e-9) + 1)]


def powers(low: float, high: float) -> list[float]:
    """Powers of ten around all values, at least two of them."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def drawn(
    title: str,
    seconds: Sequence[Second],
    samples: Sequence[Sample],
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """The picture as the text of an SVG file."""
    ends_s = max([1.0, *(one.at_s + 1 for one in seconds), *(one.at_s for one in samples)])
    # The load ends somewhere in the last second, which would look like a fall.
    whole = seconds[:-1]
    time = Scale(0, ends_s, LEFT, WIDTH - RIGHT)
    panels = (
        ("requests per second", _load(whole), False),
        ("replicas (dashed: wanted)", _replicas(samples), False),
        ("latency, ms", _latency(whole), True),
    )
    height = TOP + len(panels) * (PANEL + GAP) - GAP + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
    ]
    for index, (name, lines, log) in enumerate(panels):
        top = TOP + index * (PANEL + GAP)
        parts += _panel(name, lines, time, top, log=log)
        for at_s, _ in marks:
            parts.append(_rule(time.at(at_s), top, time.at(at_s), top + PANEL, "mark"))
    for at_s, words in marks:
        parts.append(_text(time.at(at_s), 28, words, "middle", "faint"))
    foot = height - BOTTOM
    for place, at_s in enumerate(ticks(ends_s)):
        if at_s <= ends_s:
            kind = "faint wide" if place % 2 else "faint"
            parts.append(_text(time.at(at_s), foot + 28, f"{at_s:g} s", "middle", kind))
    return "\n".join([*parts, "</svg>", ""])


def _load(seconds: Sequence[Second]) -> list[Line]:
    return [
        Line("offered", [(one.at_s + 0.5, float(one.offered)) for one in seconds], 1, thin=True),
        Line("answered", [(one.at_s + 0.5, float(one.answered)) for one in seconds], 0),
    ]


def _replicas(samples: Sequence[Sample]) -> list[Line]:
    names = sorted({name for sample in samples for name in sample.replicas})
    # What never changes would only lie below the lines that tell something.
    changing = [name for name in names if len(_seen(samples, name)) > 1] or names[-1:]
    lines: list[Line] = []
    for colour, name in enumerate(changing):
        counts = [(one.at_s, one.replicas[name]) for one in samples if name in one.replicas]
        wanted = [(at_s, float(count.target)) for at_s, count in counts]
        running = [(at_s, float(count.running)) for at_s, count in counts]
        shift = 4.0 * colour
        lines.append(Line("", wanted, colour % COLOURS, thin=True, stairs=True, shift=shift))
        lines.append(Line(name, running, colour % COLOURS, stairs=True, shift=shift))
    return lines


def _seen(samples: Sequence[Sample], name: str) -> set[tuple[int, int]]:
    counts = [sample.replicas[name] for sample in samples if name in sample.replicas]
    return {(count.running, count.target) for count in counts}


def _latency(seconds: Sequence[Second]) -> list[Line]:
    return [
        Line("99th percentile", [(one.at_s + 0.5, one.p99_ms) for one in seconds], 1),
        Line("median", [(one.at_s + 0.5, one.p50_ms) for one in seconds], 0),
    ]


def _panel(
    name: str, lines: Sequence[Line], time: Scale, top: float, *, log: bool
) -> Iterator[str]:
    values = [value for line in lines for _, value in line.points if value is not None]
    positive = [value for value in values if value > 0] or [1.0]
    places = powers(min(positive), max(positive)) if log else ticks(max(positive))
    scale = Scale(places[0], places[-1], top + PANEL, top, log=log)
    yield _text(LEFT, top - 42, name, "start", "")
    yield _legend(lines, top - 14)
    for place in places:
        if log or place == int(place) or places[-1] < 2:
            yield _rule(LEFT, scale.at(place), WIDTH - RIGHT, scale.at(place), "grid")
            yield _text(LEFT - 10, scale.at(place) + 5, f"{place:g}", "end", "faint")
    for line in lines:
        dash = " thin" if line.thin else ""
        for path in _paths(line, time, scale):
            yield f'<path class="line{dash}" stroke="var(--c{line.colour})" d="{path}"/>'


def _paths(line: Line, time: Scale, scale: Scale) -> Iterator[str]:
    """A path for each stretch without gaps."""
    words: list[str] = []
    for at_s, value in line.points:
        if value is None:
            if words:
                yield " ".join(words)
            words = []
            continue
        x, y = time.at(at_s), scale.at(value) + line.shift
        if words and line.stairs:
            words.append(f"H{x:g}")
        words.append(f"{'L' if words else 'M'}{x:g},{y:g}")
    if words:
        yield " ".join(words)


def _legend(lines: Sequence[Line], y: float) -> str:
    """One text, so that its words lie beside each other however large they are."""
    words = "".join(
        f'<tspan dx="{16 if index else 0}" style="fill: var(--c{line.colour})">'
        f"{escape(line.name)}</tspan>"
        for index, line in enumerate(line for line in lines if line.name)
    )
    return f'<text x="{LEFT}" y="{y:g}">{words}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _text(x: float, y: float, words: str, anchor: str, kind: str) -> str:
    given = f'class="{kind}" ' if kind else ""
    return f'<text {given}x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
