"""Compiles a fitted estimator, proves the result row by row, and measures what it is worth."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.ports import Model
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models import parity, probes
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import CompiledModel, Program, load_compiled
from serve_app.models.compiled.operation import Operation
from serve_app.models.convert import Inconvertible, convert
from serve_app.models.convert.forest import thresholds
from serve_app.models.convert.parts import Part, parts
from serve_app.models.coverage import coverage

SEED = 7
FEW_ROWS = 100
TIMED_ROWS = (1, 1000)
TIMED_S = 0.05
BACKEND = "numpy + onnxruntime"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compilation:
    """What became of an estimator: the file to store, or the reason why there is none.

    `raw_scores` says whether it gives those as well, `speedup` how many times faster the
    compiled form answered here, by batch size. `refused_together` more rows both refused among
    others, and nobody looked at them alone. `probed_columns` were changed one by one.
    """

    content: bytes | None
    reason: str | None = None
    rows: int = 0
    largest_difference: float = 0.0
    raw_scores: bool = False
    speedup: dict[str, float] = field(default_factory=dict)
    refused_together: int = 0
    probed_columns: int = 0


def compilation(
    estimator: Any,
    native: Model,
    signature: Signature,
    columns: Columns,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Compilation:
    """Compile an estimator and hold it against `native`, which answers as it does.

    `columns` are rows of its training data. What differs anywhere, or is no faster, is not
    compiled.
    """
    _log.info("compiling")
    try:
        program = convert(estimator, signature)
        # Probes are made to overflow; that a library warns of it is no news.
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            program = _with_true_scores(program, native, signature, columns)
            content = storage.dump(program)
            compared = _prove(estimator, native, signature, columns, content)
    except (Inconvertible, parity.Differs) as refusal:
        return Compilation(None, str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the library can serve
        return Compilation(None, f"compiling it raised {type(error).__name__}: {error}")
    compiled = load_compiled(content, signature)
    speedup = _speedup(native, compiled, signature.output.kind, columns, clock)
    if speedup and max(speedup.values()) <= 1.0:
        reason = "it is no faster than the library"
        return Compilation(None, reason, compared.rows, speedup=speedup)
    scores = program.raw is not None
    return Compilation(
        content,
        None,
        compared.rows,
        compared.largest_difference,
        scores,
        speedup,
        refused_together=compared.left,
        probed_columns=probes.probed(signature.inputs),
    )


def _with_true_scores(
    program: Program, native: Model, signature: Signature, columns: Columns
) -> Program:
    """The program with raw scores where the library gives some, and the same ones.

    Rows of the training data will do: predictions, which are proven everywhere, come from them.
    """
    if not signature.output.raw_scores or program.raw is None:
        return replace(program, raw=None)
    compiled = CompiledModel(program, signature)
    try:
        parity.compare(parity.scores(native), parity.scores(compiled), probes.of_sizes(columns))
    except parity.Differs:
        return replace(program, raw=None)
    return program


def _prove(
    estimator: Any, native: Model, signature: Signature, columns: Columns, content: bytes
) -> parity.Compared:
    kind = signature.output.kind
    compiled = load_compiled(content, signature)
    program = storage.load(content)
    borders = thresholds(program) if _is_direct(estimator) else {}
    inputs = signature.inputs
    if columns.rows < FEW_ROWS:
        inputs, borders = _with_learned(program, inputs, borders)

    answers = parity.outputs(native, kind), parity.outputs(compiled, kind)
    halvings = coverage(len(inputs)).halvings
    _log.info("comparing rows of the training data")
    whole = parity.compare(*answers, probes.of_sizes(columns), halvings // 4)
    _log.info("comparing values at and beside those of training")
    whole.add(
        parity.compare(*answers, probes.ordinary(columns, inputs, borders, SEED), halvings // 2)
    )
    strange = probes.strange(columns, inputs, SEED)
    for number, batch in enumerate(strange, start=1):
        share = max(4, (halvings - whole.halvings) // (len(strange) + 1 - number))
        _log.info("comparing gaps, infinities and ends of types (%s of %s)", number, len(strange))
        whole.add(parity.compare(*answers, [batch], share))
    for part in parts(estimator, columns, signature):
        whole.add(_prove_part(part))
    return whole


def _with_learned(
    program: Operation, inputs: Sequence[Column], borders: Mapping[int, Array]
) -> tuple[tuple[Column, ...], dict[int, Array]]:
    """What to probe beyond the values of a few rows: all that the program learned itself.

    To which column a number or a word belongs, it does not say, so that each gets all of them.
    """
    numbers, words = probes.learned(program)
    anywhere = dict.fromkeys(range(len(inputs)), numbers)
    known = tuple(
        replace(column, categories=(*(column.categories or ()), *words))
        if column.dtype == "string" and column.frame_dtype != "category"
        else column
        for column in inputs
    )
    return known, {**anywhere, **borders}


def _prove_part(part: Part) -> parity.Compared:
    """Hold one tree model inside another model to its own thresholds."""
    width = part.rows.shape[1]
    inputs = tuple(Column(f"x{j}", "float64", nullable=True) for j in range(width))
    labels = tuple(range(part.classes)) if part.classes else ()
    kind = "classification" if part.classes else "regression"
    output = Output(kind, labels, probabilities=part.classes > 0)  # type: ignore[arg-type]
    signature = Signature(inputs, output)
    compiled = CompiledModel(part.program, signature)
    rows = Columns.from_block(signature.names, np.asarray(part.rows, dtype=np.float64))
    borders = thresholds(part.program)
    return parity.compare(
        part.outputs,
        parity.outputs(compiled, kind),
        probes.ordinary(rows, inputs, borders, SEED),
    )


def _is_direct(estimator: Any) -> bool:
    """Whether the thresholds of its trees are about its input columns themselves."""
    return not hasattr(estimator, "steps")


def _speedup(
    native: Model,
    compiled: Model,
    kind: str,
    columns: Columns,
    clock: Callable[[], float],
) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for rows in TIMED_ROWS:
        batch = probes.repeated(columns, rows)
        try:
            took = [_time_s(model, kind, batch, clock) for model in (native, compiled)]
        except (ModelFailed, RowsRefused):
            continue
        ratios[str(rows)] = round(took[0] / took[1], 2)
    return ratios


def _time_s(model: Model, kind: str, batch: Columns, clock: Callable[[], float]) -> float:
    """The best of several calls, in seconds: what else the machine does only adds."""
    call = model.transform if kind == "transform" else model.predict
    call(batch)
    best = float("inf")
    started = clock()
    while clock() - started < TIMED_S:
        before = clock()
        call(batch)
        best = min(best, clock() - before)
    return max(best, 1e-9)
