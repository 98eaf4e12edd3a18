"""Rows with the answers that a version has to give: golden predictions, in a file of CSV or JSON.

Columns of answers are named as batch jobs write them: `prediction`, `probability_<class>`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.core.messages import MISSING
from serve_app.core.signature import Column
from serve_app.engine.batch.readers import cell_values
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.batch.tables import predicted
from serve_app.engine.load import Loaded
from serve_app.errors import InvalidInput
from serve_app.models.replay import ABSOLUTE, RELATIVE

_NOTHING = ("", None)


@dataclass(frozen=True, slots=True)
class Golden:
    """Rows of a file as it holds them, one mapping for each; `is_text` where all is text (CSV)."""

    file: str
    rows: tuple[Mapping[str, Any], ...]
    is_text: bool


def read_golden(file: Path) -> Golden:
    """Read CSV with a header (`.csv`), or a JSON object in each line (`.jsonl`).

    Raises:
        InvalidInput: it is neither, cannot be read, or has no rows.
    """
    try:
        if file.suffix == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as content:
                rows = tuple(csv.DictReader(content, restkey="", restval="", strict=True))
        elif file.suffix == ".jsonl":
            lines = file.read_text(encoding="utf-8").splitlines()
            rows = tuple(json.loads(line) for line in lines if line.strip())
        else:
            raise InvalidInput(f"{file} is neither .csv nor .jsonl")
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from None
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInput(f"{file} has no rows: write columns of the model and its answers")
    return Golden(str(file), rows, file.suffix == ".csv")


def golden_problem(loaded: Loaded, golden: Golden) -> str | None:
    """What a version answers otherwise than a file says; none where nothing differs.

    Numbers may differ by 1e-6 of their size, as matrix products do between processors.
    """
    scorer = Scorer(loaded)
    columns = {one.name: _values(golden, one) for one in scorer.columns}
    scored = scorer.score(columns, len(golden.rows))
    for place in sorted({*scored.broken, *scored.refused}):
        broken = (*scored.broken.get(place, ()), *scored.refused.get(place, ()))[0]
        where = "" if broken.column is None else f" (column {broken.column!r})"
        return f"row {place} of {golden.file} is not answered{where}: expected {broken.expected}"
    if scored.prediction is None:
        return f"no row of {golden.file} is answered"
    answers = predicted(scored.prediction, scorer.output)
    names = [name for name in answers if name in golden.rows[0]]
    if not names:
        return f"{golden.file} has no column of answers; there are {', '.join(answers)}"
    return _first_difference(golden, {name: list(answers[name]) for name in names})


def _first_difference(golden: Golden, answers: Mapping[str, Sequence[Any]]) -> str | None:
    differing = [
        (place, name)
        for place, row in enumerate(golden.rows)
        for name, values in answers.items()
        if not _is_same(row.get(name), values[place])
    ]
    if not differing:
        return None
    place, name = differing[0]
    wanted, got = golden.rows[place].get(name), answers[name][place]
    count = len({one for one, _ in differing})
    return (
        f"row {place} of {golden.file} should have {name} {wanted}, and has {got}; "
        f"{count} of {len(golden.rows)} rows differ"
    )


def _values(golden: Golden, column: Column) -> list[Any]:
    if golden.is_text:
        return cell_values([row.get(column.name) or "" for row in golden.rows], column)
    return [row.get(column.name, MISSING) for row in golden.rows]


def _is_same(wanted: Any, got: Any) -> bool:
    """Whether an answer is the one in the file, where all may be text."""
    if wanted in _NOTHING:
        return got is None or (isinstance(got, float) and math.isnan(got))
    if hasattr(got, "item"):
        got = got.item()
    if isinstance(got, bool) or not isinstance(got, int | float):
        return str(wanted).lower() == str(got).lower() if isinstance(got, bool) else wanted == got
    try:
        return math.isclose(float(wanted), got, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except (TypeError, ValueError):
        return False
