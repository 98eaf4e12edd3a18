"""What registering and showing a version say of it, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve_app.core.signature import Signature
    from serve_app.registry.manifest import Compiled


def by_position_line(signature: Signature) -> str:
    """That a model knows no names for its columns, and their order."""
    return f"columns go by position: {', '.join(signature.names)}"


def compiled_line(compiled: Compiled, columns: int) -> str:
    """What became of compiling a version of so many columns, in a sentence."""
    if not compiled.served:
        return f"its own library: {compiled.reason}"
    speed = ", ".join(
        f"{ratio:g} x with {int(rows):,} row{'' if rows == '1' else 's'}"
        for rows, ratio in compiled.speedup.items()
    )
    line = (
        f"its compiled form ({compiled.backend}): equal on {compiled.compared_rows:,} rows"
        f"{_left_out(compiled, columns)}, largest difference {compiled.largest_difference:.1g}; "
        f"speed against the library's own: {speed}"
    )
    trade = compiled.quantised
    if trade is None:
        return line
    return (
        f"{line}; quantised to {trade.precision}: {trade.metric} {trade.before:.4f} became "
        f"{trade.after:.4f}, {trade.size_before:,} bytes became {trade.size_after:,}"
    )


def _left_out(compiled: Compiled, columns: int) -> str:
    """What a proof did not go through, where a model is too wide for all of it."""
    left: list[str] = []
    if compiled.probed_columns is not None and compiled.probed_columns < columns:
        left.append(
            f"values at the edges were tried one by one in {compiled.probed_columns:,} of "
            f"{columns:,} columns"
        )
    if compiled.refused_together:
        rows = compiled.refused_together
        left.append(f"{rows:,} more rows were refused by both, though not each alone")
    return f" ({'; '.join(left)})" if left else ""
