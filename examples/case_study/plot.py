"""Pictures of case studies, as SVG without scripts and fonts.

Their colours follow the reader's light or dark scheme, and their words grow where they are shown
narrow. Lines are told apart by dashes too, not by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, LEFT, RIGHT = 900, 110, 30
TOP, HEIGHT, GAP, BOTTOM = 84, 270, 170, 76
_LETTER = 8.4
"""About how wide a letter of a legend is."""
_STYLE = """
svg { background: var(--ground); font-family: system-ui, sans-serif; font-size: 16px;
  --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d8dee4;
  --c0: #0b62c4; --c1: #b3480a; --c2: #1a7f37; --c3: #8250df; --c4: #59636e; }
@media (prefers-color-scheme: dark) { svg {
  --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #2f363e;
  --c0: #58a6ff; --c1: #ffa657; --c2: #56d364; --c3: #d2a8ff; --c4: #9198a1; } }
@media (max-width: 560px) { svg { font-size: 22px } .wide { display: none } .line { stroke-width: 3.5 } }
text { fill: var(--ink) } .faint { fill: var(--faint) } .title { font-weight: 600 }
.grid { stroke: var(--grid); stroke-width: 1 } .mark { stroke: var(--faint); stroke-dasharray: 2 4 }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round } .dashed { stroke-dasharray: 8 5 }
.band { opacity: 0.22 } .box { opacity: 0.85 }
"""  # noqa: E501 - a rule a line reads best

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, with its name in the legend; `stairs` go level until the next."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    dashed: bool = False
    stairs: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Dots at points."""

    name: str
    points: Sequence[Point]
    colour: int = 0
    radius: float = 5.0


@dataclass(frozen=True, slots=True)
class Band:
    """The area between a lower and an upper value: points (x, low, high)."""

    name: str
    points: Sequence[tuple[float, float, float]]
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Boxes:
    """Bars, upright or lying: boxes (left, right, low, high) in the panel's own units."""

    name: str
    boxes: Sequence[tuple[float, float, float, float]]
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """An upright dotted line with words at its top."""

    at: float
    words: str


Shape = Line | Dots | Band | Boxes


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, in powers of ten if `log`; `labels` at places instead of numbers."""

    label: str
    low: float
    high: float
    log: bool = False
    labels: Sequence[tuple[float, str]] = ()

    def share(self, value: float) -> float:
        """Where a value lies, from 0 to 1; values outside lie on the edges."""
        bounded = min(max(value, self.low), self.high)
        return (self._of(bounded) - self._of(self.low)) / (self._of(self.high) - self._of(self.low))

    def ticks(self) -> list[tuple[float, str]]:
        """Places with their words."""
        if self.labels:
            return list(self.labels)
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [(10.0**n, f"{10.0**n:g}") for n in range(first, last + 1)]
        return [(value, f"{value:,.10g}") for value in round_values(self.low, self.high)]

    def _of(self, value: float) -> float:
        return math.log10(value) if self.log else value


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of a picture: what is drawn, from the first to the last, between two axes."""

    title: str
    x: Axis
    y: Axis
    shapes: Sequence[Shape]
    marks: Sequence[Mark] = field(default_factory=tuple)


def round_values(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within bounds: multiples of 1, 2 or 5 powers of ten, about so many."""
    step = (high - low) / count
    power = 10.0 ** math.floor(math.log10(step))
    size = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    return [round(number * size, 12) for number in range(first, last + 1)]


def picture(title: str, description: str, panels: Sequence[Panel]) -> str:
    """The text of an SVG file: panels below each other, with words for who cannot see them."""
    height = TOP + len(panels) * (HEIGHT + GAP) - GAP + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
        f"<style>{_STYLE}</style>",
    ]
    for index, panel in enumerate(panels):
        parts += _Drawn(panel, TOP + index * (HEIGHT + GAP)).parts()
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A panel whose chart begins at `top`."""

    panel: Panel
    top: float

    def parts(self) -> Iterator[str]:
        panel, floor = self.panel, self.top + HEIGHT
        yield _text((LEFT, self.top - 52), panel.title, "start", "title")
        yield from self._legend()
        for value, words in panel.y.ticks():
            y = self._y(value)
            yield _rule((LEFT, y), (WIDTH - RIGHT, y), "grid")
            yield _text((LEFT - 10, y + 5), words, "end", "faint")
        for index, (value, words) in enumerate(panel.x.ticks()):
            kind = "faint wide" if index % 2 else "faint"
            yield _text((self._x(value), floor + 24), words, "middle", kind)
        yield _text(((LEFT + WIDTH - RIGHT) / 2, floor + 54), panel.x.label, "middle", "faint")
        for mark in panel.marks:
            x = self._x(mark.at)
            yield _rule((x, self.top), (x, floor), "mark")
            anchor = "end" if panel.x.share(mark.at) > 0.6 else "start"
            shift = -8 if anchor == "end" else 8
            yield _text((x + shift, self.top + 18), mark.words, anchor, "faint")
        for shape in panel.shapes:
            yield from self._shape(shape)

    def _x(self, value: float) -> float:
        return round(LEFT + self.panel.x.share(value) * (WIDTH - RIGHT - LEFT), 1)

    def _y(self, value: float) -> float:
        return round(self.top + HEIGHT - self.panel.y.share(value) * HEIGHT, 1)

    def _shape(self, shape: Shape) -> Iterator[str]:
        colour = f"var(--c{shape.colour})"
        if isinstance(shape, Line):
            kind = "line dashed" if shape.dashed else "line"
            path = self._path(shape.points, stairs=shape.stairs)
            yield f'<path class="{kind}" stroke="{colour}" d="{path}"/>'
        elif isinstance(shape, Dots):
            for x, y in shape.points:
                place = f'cx="{self._x(x):g}" cy="{self._y(y):g}" r="{shape.radius:g}"'
                yield f'<circle {place} fill="{colour}"/>'
        elif isinstance(shape, Band):
            there = self._path([(x, high) for x, _, high in shape.points])
            back = self._path([(x, low) for x, low, _ in reversed(shape.points)])
            yield f'<path class="band" fill="{colour}" d="{there} L{back[1:]} Z"/>'
        else:
            for left, right, low, high in shape.boxes:
                x, y = self._x(left), self._y(high)
                wide, tall = round(self._x(right) - x, 1), round(self._y(low) - y, 1)
                size = f'x="{x:g}" y="{y:g}" width="{wide:g}" height="{tall:g}"'
                yield f'<rect class="box" fill="{colour}" {size}/>'

    def _path(self, points: Sequence[Point], *, stairs: bool = False) -> str:
        words: list[str] = []
        for x, y in points:
            at, up = self._x(x), self._y(y)
            if words and stairs:
                words.append(f"H{at:g}")
            words.append(f"{'L' if words else 'M'}{at:g},{up:g}")
        return " ".join(words)

    def _legend(self) -> Iterator[str]:
        yield _text((WIDTH - RIGHT, self.top - 52), self.panel.y.label, "end", "faint")
        x, y = float(LEFT), self.top - 22
        for shape in self.panel.shapes:
            if not shape.name:
                continue
            yield from _key(shape, x, y)
            yield _text((x + 36, y + 5), shape.name, "start", "")
            x += 36 + _LETTER * len(shape.name) + 22


def _key(shape: Shape, x: float, y: float) -> Iterator[str]:
    """What a shape looks like, beside its name."""
    colour = f"var(--c{shape.colour})"
    if isinstance(shape, Line):
        kind = "line dashed" if shape.dashed else "line"
        yield f'<path class="{kind}" stroke="{colour}" d="M{x:g},{y:g} H{x + 28:g}"/>'
    elif isinstance(shape, Dots):
        yield f'<circle cx="{x + 14:g}" cy="{y:g}" r="{shape.radius:g}" fill="{colour}"/>'
    else:
        kind = "band" if isinstance(shape, Band) else "box"
        size = f'x="{x:g}" y="{y - 7:g}" width="28" height="14"'
        yield f'<rect class="{kind}" fill="{colour}" {size}/>'


def _rule(start: Point, end: Point, kind: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _text(place: Point, words: str, anchor: str, kind: str) -> str:
    given = f'class="{kind}" ' if kind else ""
    x, y = place
    return f'<text {given}x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
