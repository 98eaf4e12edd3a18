"""A route as a picture: who is asked, and which share of requests, as places of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.console.endpoint_view import VariantLine
from serve_app.console.rendering import shortened

WIDTH = 620.0
ROW_HEIGHT = 46.0
_LEFT, _RIGHT = 150.0, 250.0
_THICKEST = 18.0
MOST_VARIANTS = 24
"""More than so many are in the table below the picture alone."""
_LONGEST_NAME = 30


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the picture to one version: its place, thickness and words."""

    version: str
    y: float
    thickness: float
    path: str
    words: str
    is_idle: bool


@dataclass(frozen=True, slots=True)
class RoutePicture:
    """The picture of an endpoint's route in a box of `width` and `height`; `words` say the same."""

    name: str
    kind: str
    width: float
    height: float
    middle: float
    branches: tuple[Branch, ...]
    words: str
    left_out: int


def picture_of(name: str, kind: str, variants: Sequence[VariantLine]) -> RoutePicture:
    """The picture of a route: of each version the share that it is to get, and its load now.

    A line is the thicker the larger the share is; a version that gets nothing has a thin, dashed
    one.
    """
    shown = variants[:MOST_VARIANTS]
    height = max(1, len(shown)) * ROW_HEIGHT + 14
    middle = height / 2
    branches = tuple(_branch(one, at, middle) for at, one in enumerate(shown))
    listed = ", ".join(f"{one.version} {one.words}" for one in branches)
    words = f"{name} asks by {kind}: {listed or 'nobody'}"
    left_out = len(variants) - len(shown)
    return RoutePicture(
        shortened(name, 18), kind, WIDTH, height, middle, branches, shortened(words, 1000), left_out
    )


def _branch(line: VariantLine, at: int, middle: float) -> Branch:
    one = line.wanted
    y = 7 + ROW_HEIGHT * (at + 0.5)
    bend = (_LEFT + _RIGHT) / 2
    path = f"M{_LEFT:g} {middle:g}C{bend:g} {middle:g} {bend:g} {y:g} {_RIGHT:g} {y:g}"
    words = "asked with others" if one is None else f"{100 * one:.1f} % of requests"
    if line.load_words:
        words = f"{words}, {line.load_words}"
    thickness = 3.0 if one is None else max(1.5, _THICKEST * one)
    return Branch(shortened(line.version, _LONGEST_NAME), y, thickness, path, words, one == 0)
