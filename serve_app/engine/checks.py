"""What is tried of a version before it is deployed: its bytes, its answers, its card, its speed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from serve_app.core.columns import Columns
from serve_app.engine.footprint import peak_bytes
from serve_app.engine.golden import Golden, golden_problem
from serve_app.engine.lineage.card import card_of
from serve_app.engine.load import Loaded, load
from serve_app.errors import ServeError
from serve_app.models.replay import sample_columns
from serve_app.registry.card_notes import CardNotes
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry

Kind = Literal["config", "digests", "sample", "golden", "latency", "memory", "card", "contract"]
_CALLS = 100
_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: of what, what was wrong, or why it was not tried.

    `line` is the place in the config, where there is one; `took_s` is in seconds.
    """

    kind: Kind
    subject: str
    problem: str | None = None
    skipped: str | None = None
    line: int = 1
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is tried beside bytes and answers.

    `allow_pickle` lets pickles be loaded, which can run any code; `cards` wants the sections that
    people write; `latency_ms` is the most that the median of one row may take in this process,
    `memory_mb` the most, in 10^6 bytes, that a process of its own may hold while it loads the
    version and answers its sample. `golden` are rows with their answers, by the name of the model.
    """

    allow_pickle: bool = False
    cards: bool = False
    latency_ms: float | None = None
    memory_mb: float | None = None
    golden: Mapping[str, Golden] = field(default_factory=dict)


def checks_of(
    registry: Registry, notes: CardNotes, reference: str, wishes: Wishes, clock: Callable[[], float]
) -> Iterator[Check]:
    """Try a version, `clock` being in seconds; what is wrong is in the checks and not raised."""
    began_s = clock()
    try:
        manifest = registry.manifest(*registry.resolve(reference))
        registry.verify(manifest.name, manifest.version)
    except ServeError as error:
        # Bytes that are not those of the version are not loaded.
        yield Check("digests", reference, error.message, took_s=clock() - began_s)
        return
    yield Check("digests", reference, took_s=clock() - began_s)
    if manifest.needs_consent and not wishes.allow_pickle:
        why = "it is a pickle, which can run any code: --allow-pickle loads it"
        yield Check("sample", reference, skipped=why)
    else:
        yield from _answers(registry, manifest, reference, wishes, clock)
    if wishes.cards:
        missing = card_of(manifest, notes.of(manifest.name, manifest.version)).missing
        lacking = " and ".join(map(repr, missing))
        problem = f"its card lacks {lacking}: serve-app models card {manifest.reference} --add FILE"
        yield Check("card", reference, problem if missing else None)


def _answers(
    registry: Registry,
    manifest: Manifest,
    reference: str,
    wishes: Wishes,
    clock: Callable[[], float],
) -> Iterator[Check]:
    began_s = clock()
    try:
        loaded = load(registry, manifest.name, manifest.version, allow_pickle=wishes.allow_pickle)
    except ServeError as error:
        yield Check("sample", reference, error.message, took_s=clock() - began_s)
        return
    skipped = None if manifest.sample else "it was registered without rows"
    yield Check("sample", reference, skipped=skipped, took_s=clock() - began_s)
    golden = wishes.golden.get(manifest.name)
    if golden is not None:
        yield _golden(loaded, golden, reference, clock)
    if wishes.memory_mb is not None:
        yield _memory(registry.url, reference, wishes, clock)
    if wishes.latency_ms is not None and manifest.sample is not None:
        columns = sample_columns(manifest.sample.inputs, manifest.signature)
        yield _latency(loaded, columns.slice(0, 1), reference, wishes.latency_ms, clock)


def _golden(loaded: Loaded, golden: Golden, reference: str, clock: Callable[[], float]) -> Check:
    began_s = clock()
    try:
        problem = golden_problem(loaded, golden)
    except ServeError as error:
        problem = error.message
    return Check("golden", reference, problem, took_s=clock() - began_s)


def _memory(registry: str, reference: str, wishes: Wishes, clock: Callable[[], float]) -> Check:
    began_s, most_mb = clock(), wishes.memory_mb or math.inf
    try:
        peak_mb = peak_bytes(registry, reference, allow_pickle=wishes.allow_pickle) / 1e6
    except ServeError as error:
        return Check("memory", reference, error.message, took_s=clock() - began_s)
    problem = f"a process that loads it holds {peak_mb:.0f} MB, and may hold {most_mb:g} MB"
    large = peak_mb > most_mb
    return Check("memory", reference, problem if large else None, took_s=clock() - began_s)


def _latency(
    loaded: Loaded,
    row: Columns,
    reference: str,
    most_ms: float,
    clock: Callable[[], float],
) -> Check:
    """How long one row takes, as the median of many calls after a few."""
    is_transform = loaded.manifest.signature.output.kind == "transform"
    compute: Callable[[Columns], object] = (
        loaded.model.transform if is_transform else loaded.model.predict
    )
    times_s = []
    for _ in range(_CALLS + _WARM_UP):
        began_s = clock()
        compute(row)
        times_s.append(clock() - began_s)
    median_ms = 1000 * statistics.median(times_s[_WARM_UP:])
    problem = f"one row takes {median_ms:.3g} ms (median of {_CALLS}), and may take {most_ms:g} ms"
    slow = median_ms > most_ms
    return Check("latency", reference, problem if slow else None, took_s=sum(times_s))
