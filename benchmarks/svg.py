"""What pictures of the benchmarks share: places on scales, ticks, lines and words, as SVG.

They have no scripts and ask for no fonts; their colours follow the reader's light or dark scheme,
and where they are shown narrow, their words grow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH = 900
TICKS = 5
# Neighbours differ in lightness too.
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


def opened(title: str, height: float) -> list[str]:
    """How a picture begins; `</svg>` ends it."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
    ]


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line from one place to another."""
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def text(x: float, y: float, words: str, anchor: str, kind: str) -> str:
    """Words at a place, which is where they start, their middle or their end."""
    given = f'class="{kind}" ' if kind else ""
    return f'<text {given}x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
