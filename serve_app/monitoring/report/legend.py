"""What lines and areas of charts mean."""

from __future__ import annotations

from collections.abc import Iterable

from serve_app.monitoring.report.markup import Markup, element


def legend(keys: Iterable[Markup]) -> Markup:
    """Some keys, side by side."""
    return element("p", *keys, class_="legend")


def line_key(kind: str, meaning: str) -> Markup:
    """A line of a kind, and what it means."""
    return _key(element("line", x1=0, x2=22, y1=5, y2=5, class_=kind), meaning)


def area_key(kind: str, meaning: str) -> Markup:
    """An area of a kind, and what it means."""
    return _key(element("rect", y=1, width=22, height=8, class_=kind), meaning)


def _key(drawn: Markup, meaning: str) -> Markup:
    swatch = element("svg", drawn, width=22, height=10, class_="swatch", aria_hidden="true")
    return element("span", swatch, f" {meaning}", class_="key")
