"""How an error names a row that a model does not take: where it stands, and why."""

from __future__ import annotations

from serve_app.core.violations import shortened
from serve_app.errors import RowsRefused, ServeError

REFUSED = "the model does not take these rows: "
"""How every refusal of a model's begins; the cause follows."""


def refused(
    cause: str,
    *,
    row: int,
    column: str | None = None,
    seen: str | None = None,
    rows_before: int = 0,
) -> RowsRefused:
    """A refusal that names the row and, where it is known, the column and what stood there.

    `rows_before` says that the row is refused in the company of so many rows before it alone.
    """
    place = f"row {row}"
    details: dict[str, object] = {"row": row, "cause": cause}
    if column is not None:
        name = shortened(column)
        place = f"{place}, column {name!r}, {seen}"
        expected = "a value that the model takes"
        broken = {"row": row, "column": name, "rule": "model", "seen": seen, "expected": expected}
        details.update(column=name, seen=seen, violations=[broken])
    if rows_before:
        place = f"{place} (after the {rows_before} before it)"
        details["rows_before"] = rows_before
    return RowsRefused(f"{REFUSED}{place}: {cause}", **details)


def row_alone(error: ServeError) -> int | None:
    """The row that is refused whatever else is asked with it; none where that is not known."""
    if not isinstance(error, RowsRefused) or "rows_before" in error.details:
        return None
    row: int | None = error.details.get("row")
    return row


def moved(error: ServeError, row: int) -> RowsRefused:
    """The same refusal of a row that has this number for whoever reads it."""
    details = error.details
    return refused(
        details["cause"],
        row=row,
        column=details.get("column"),
        seen=details.get("seen"),
        rows_before=details.get("rows_before", 0),
    )
