"""Tables of the pages: wide ones are moved sideways within their place."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from serve_app.monitoring.report.markup import Child, Markup, element


def table(
    heads: Sequence[Child], rows: Sequence[Markup], numbers: Collection[int] = frozenset()
) -> Markup:
    """A table of rows that are elements already; the columns at `numbers` stand to the right."""
    cells = [
        element("th", head, scope="col", class_="n" if at in numbers else None)
        for at, head in enumerate(heads)
    ]
    made = element("table", element("thead", element("tr", *cells)), element("tbody", *rows))
    # Whoever has no mouse moves it sideways by keys.
    return element("div", made, class_="scroll", tabindex="0")


def more(count: int, shown: int) -> Markup | None:
    """How many of them are not shown; none where all are."""
    if count <= shown:
        return None
    return element("p", f"{count - shown:,} more are in the JSON of this report.", class_="note")
