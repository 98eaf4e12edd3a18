"""One picture of a scenario: load, replicas and latency over time, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.scaling.figures import Sample
from benchmarks.scaling.timeline import Second
from benchmarks.svg import COLOURS, WIDTH, Scale, opened, powers, rule, text, ticks

LEFT, RIGHT = 96, 24
TOP, PANEL, GAP, BOTTOM = 104, 170, 104, 60


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
    parts = opened(title, height)
    for index, (name, lines, log) in enumerate(panels):
        top = TOP + index * (PANEL + GAP)
        parts += _panel(name, lines, time, top, log=log)
        for at_s, _ in marks:
            parts.append(rule(time.at(at_s), top, time.at(at_s), top + PANEL, "mark"))
    for at_s, words in marks:
        parts.append(text(time.at(at_s), 28, words, "middle", "faint"))
    foot = height - BOTTOM
    for place, at_s in enumerate(ticks(ends_s)):
        if at_s <= ends_s:
            kind = "faint wide" if place % 2 else "faint"
            parts.append(text(time.at(at_s), foot + 28, f"{at_s:g} s", "middle", kind))
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
    yield text(LEFT, top - 42, name, "start", "")
    yield _legend(lines, top - 14)
    for place in places:
        if log or place == int(place) or places[-1] < 2:
            yield rule(LEFT, scale.at(place), WIDTH - RIGHT, scale.at(place), "grid")
            yield text(LEFT - 10, scale.at(place) + 5, f"{place:g}", "end", "faint")
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
