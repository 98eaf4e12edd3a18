"""What a page says that was measured: blocks between comments, which the case study writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BLOCK = re.compile(
    r"<!-- measured: (?P<name>[\w-]+) -->\n\n(?P<text>(?:(?!<!-- ).)*?)\n*<!-- /measured -->",
    re.DOTALL,
)
"""`<!-- measured: scores -->`, an empty line, Markdown, an empty line, `<!-- /measured -->`."""
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def measured(page: str) -> dict[str, str]:
    """The measured blocks of a page, by name."""
    return {match["name"]: match["text"] for match in _BLOCK.finditer(page)}


def rewritten(page: str, blocks: Mapping[str, str]) -> str:
    """The page with other blocks.

    Raises:
        ValueError: the page has other names of blocks than were measured.
    """
    here = set(measured(page))
    if here != set(blocks):
        odd = ", ".join(sorted(here ^ set(blocks)))
        raise ValueError(f"the page and what was measured do not have the same blocks: {odd}")
    return _BLOCK.sub(
        lambda match: (
            f"<!-- measured: {match['name']} -->\n\n{blocks[match['name']].strip()}\n\n"
            "<!-- /measured -->"
        ),
        page,
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def gates(retrained: Mapping[str, Any]) -> str:
    """The gates of a run, and its end, by what `serve-app retrain start --json` prints."""
    rows = [
        [gate["name"], *(_rounded(gate[key]) for key in ("value", "threshold")), gate["verdict"]]
        for gate in retrained["facts"]["gates"]
    ]
    challenger = f"{retrained['model']}@{retrained['challenger']}"
    words = f"It ended as `{retrained['state']}`: `{challenger}`."
    return f"{table(['gate', 'value', 'threshold', 'verdict'], rows)}\n\n{words}"


def _rounded(value: float | None) -> str:
    """Three digits, or whole thousands; zero has no sign."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value + 0.0:.3g}"


def differences(expected: str, actual: str, *, units: float = 1.0) -> list[str]:
    """Where two texts differ, line by line, other than by rounding.

    Numbers may differ by so many units of the last digit that `expected` shows: libraries of other
    processors add up in other orders.
    """
    before, now = expected.strip().splitlines(), actual.strip().splitlines()
    if len(before) != len(now):
        return [f"{len(before)} lines were expected, and there are {len(now)}"]
    return [
        f"expected: {one}\nmeasured: {other}"
        for one, other in zip(before, now, strict=True)
        if not _is_close(one, other, units)
    ]


def _is_close(one: str, other: str, units: float) -> bool:
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(_rounds_alike(a, b, units) for a, b in pairs)


def _rounds_alike(one: str, other: str, units: float) -> bool:
    digits = len(one.partition(".")[2])
    apart = abs(float(one.replace(",", "")) - float(other.replace(",", "")))
    return apart <= units * 10.0**-digits * 1.001
