"""A card as Markdown, and as one page of HTML that needs nothing else."""

from __future__ import annotations

import re

import yaml

from serve_app.engine.lineage.card import Card, Cell, Part
from serve_app.monitoring.report.markup import NOTHING, Child, Markup, element, joined
from serve_app.monitoring.report.sheet import sheet
from serve_app.monitoring.report.style import STYLE
from serve_app.monitoring.report.tables import table

_MARKED = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def markdown(card: Card) -> str:
    """The card as Markdown below its front matter, as the Hugging Face Hub takes it.

    What models and people of other systems named cannot become markup; notes are Markdown.
    """
    matter = yaml.safe_dump(dict(card.front_matter), sort_keys=False, allow_unicode=True)
    blocks = [f"---\n{matter}---", f"# {_escaped(card.reference)}", _escaped(card.summary)]
    for part in card.parts:
        blocks.append(f"## {_escaped(part.title)}")
        blocks += part.paragraphs
        if part.table is not None:
            blocks.append(_markdown_table(part))
    return "\n\n".join(blocks) + "\n"


def html(card: Card) -> str:
    """The card as one file of HTML, with no script and nothing that is loaded."""
    parts = [joined(element("h2", part.title), *_blocks(part)) for part in card.parts]
    body = element("main", element("h1", card.reference), element("p", card.summary), *parts)
    return sheet(f"Model card of {card.reference}", body, STYLE)


def _blocks(part: Part) -> list[Markup]:
    blocks = [element("p", line) for text in part.paragraphs for line in text.split("\n\n")]
    if part.table is not None:
        rows = [
            element("tr", *(element("td", _shown(cell) or NOTHING) for cell in row))
            for row in part.table.rows
        ]
        heads: list[Child] = [*part.table.heads]
        blocks.append(table(heads, rows))
    return blocks


def _markdown_table(part: Part) -> str:
    if part.table is None:
        return ""
    lines = [part.table.heads, tuple("---" for _ in part.table.heads)]
    rows = [tuple(_escaped(_shown(cell)) for cell in row) for row in part.table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *rows])


def _shown(cell: Cell) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.6g}"


def _escaped(text: str) -> str:
    """Text as Markdown that says just that, on one line."""
    return _MARKED.sub(r"\\\1", " ".join(text.split()))
