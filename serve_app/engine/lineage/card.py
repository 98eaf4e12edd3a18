"""The card of a version: what it is, how good it is, and what it was made of, for people.

Its front matter is that of the Hugging Face Hub, with `model-index`:
https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from serve_app.core.json_values import finite
from serve_app.registry.card_notes import CardNote
from serve_app.registry.lineage import Lineage
from serve_app.registry.manifest import Manifest

SCHEMA_VERSION = 1
HUMAN_SECTIONS = ("Intended use", "Limitations")
"""What nobody but people can say; a card shows that it is missing."""
GENERATED_SECTIONS = (
    "Version", "Metrics", "Importance", "Columns", "Data", "Lineage", "Parameters", "Warnings",
)  # fmt: skip
"""What is written by itself, as far as it is known."""
MOST_COLUMNS = 30
"""So many columns are shown with their importance."""
NOT_WRITTEN = "Nobody has written this yet."
_TASKS = {
    "classification": "tabular-classification",
    "multilabel": "tabular-classification",
    "multioutput": "tabular-classification",
    "regression": "tabular-regression",
}
Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Heads of columns, and rows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a card: a table or paragraphs."""

    title: str
    table: Table | None = None
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A card, whatever it is shown as: its title, front matter and sections."""

    reference: str
    summary: str
    front_matter: Mapping[str, Any]
    parts: tuple[Part, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The card as JSON values."""
        body: dict[str, Any] = finite({"schema": SCHEMA_VERSION, **asdict(self)})
        return body


def card_of(manifest: Manifest, notes: Sequence[CardNote]) -> Card:
    """The card of a version, with what people wrote on it."""
    headings = dict.fromkeys((*HUMAN_SECTIONS, *(note.heading for note in notes)))
    human = {
        heading: tuple(_signed(one) for one in notes if one.heading == heading)
        for heading in headings
    }
    lineage = manifest.lineage or Lineage()
    parts = [
        Part("Version", _table(("what", "value"), _version(manifest))),
        *(Part(heading, paragraphs=lines or (NOT_WRITTEN,)) for heading, lines in human.items()),
        Part("Metrics", _metrics(manifest, lineage)),
        _importance(lineage),
        Part("Columns", _table(("column", "type", "gaps", "from", "to"), _columns(manifest))),
        Part("Data", _table(("what", "value"), _data(manifest, lineage))),
        Part("Lineage", _table(("what", "value"), _made_by(manifest, lineage))),
        Part("Parameters", _table(("parameter", "value"), _parameters(manifest))),
        Part("Warnings", paragraphs=manifest.warnings),
    ]
    return Card(
        reference=manifest.reference,
        summary=str(manifest),
        front_matter=front_matter(manifest),
        parts=tuple(part for part in parts if part.paragraphs or (part.table or _NO_ROWS).rows),
        missing=tuple(heading for heading, lines in human.items() if not lines),
    )


def lacking(card: Card, titles: Sequence[str]) -> list[str]:
    """Those of some sections that a card does not have, however their titles are capitalised."""
    there = {part.title.casefold() for part in card.parts} - {
        title.casefold() for title in card.missing
    }
    return [title for title in titles if title.strip().casefold() not in there]


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """What the Hub and its tools read of a card."""
    task = _TASKS.get(manifest.signature.output.kind)
    matter: dict[str, Any] = {
        "library_name": manifest.flavour,
        "tags": ["tabular", "serve-app"],
        "version": str(manifest.version),
    }
    if task is None:
        return matter
    metrics = [
        {"type": name, "name": f"{name}, {where}", "value": value}
        for where, scores in _scores(manifest)
        for name, value in scores.items()
        if math.isfinite(value)
    ]
    matter |= {"pipeline_tag": task}
    if metrics:
        training = manifest.training
        dataset = {"type": "tabular", "name": (training and training.source) or "training data"}
        result = {"task": {"type": task}, "dataset": dataset, "metrics": metrics}
        matter["model-index"] = [{"name": manifest.reference, "results": [result]}]
    return matter


_NO_ROWS = Table((), ())


def _table(heads: tuple[str, ...], rows: Iterator[tuple[Cell, ...]]) -> Table:
    return Table(heads, tuple(row for row in rows if any(row[1:])))


def _signed(note: CardNote) -> str:
    return f"{note.text}\n\n({note.by}, {note.at})"


def _scores(manifest: Manifest) -> Iterator[tuple[str, Mapping[str, float]]]:
    if manifest.metrics is not None:
        yield "held out", manifest.metrics.held_out
        yield "cross-validated", manifest.metrics.cross_validated
    if manifest.lineage is not None:
        yield "of the run", manifest.lineage.metrics


def _metrics(manifest: Manifest, lineage: Lineage) -> Table:
    known = manifest.metrics
    columns: list[tuple[str, Mapping[str, float]]] = []
    if known is not None:
        columns += [
            ("held out", known.held_out),
            ("baseline, held out", known.baseline),
            ("cross-validated", known.cross_validated),
            ("baseline, cross-validated", known.baseline_cross_validated),
        ]
    columns.append(("of the run", lineage.metrics))
    columns = [(head, scores) for head, scores in columns if scores]
    names = dict.fromkeys(name for _, scores in columns for name in scores)
    rows = tuple((name, *(scores.get(name) for _, scores in columns)) for name in names)
    return Table(("metric", *(head for head, _ in columns)), rows)


def _importance(lineage: Lineage) -> Part:
    """What the metric loses without each column, the largest loss first."""
    known = lineage.importance
    if known is None:
        return Part("Importance")
    rows = tuple((one.column, one.mean, one.deviation) for one in known.columns[:MOST_COLUMNS])
    heads = ("column", f"loss of {known.metric}", "standard deviation")
    left_out = len(known.columns) - len(rows)
    words = f"Each column shuffled {known.repeats} times on {known.rows} rows held out."
    more = f" The {left_out} that matter least are left out." if left_out else ""
    return Part("Importance", Table(heads, rows), (words + more,))


def _version(manifest: Manifest) -> Iterator[tuple[str, Cell]]:
    output = manifest.signature.output
    yield "version", manifest.reference
    yield "predicts", output.kind
    yield "classes", ", ".join(map(str, output.labels))
    yield "library", f"{manifest.flavour} ({manifest.format})"
    yield "registered", f"{manifest.created_at} by {manifest.created_by}"
    yield "came from", manifest.origin
    compiled = manifest.compiled
    if compiled is not None:
        yield "computed by", "its compiled form" if compiled.served else "its own library"
    yield "manifest", f"SHA-256 {manifest.digest}"


def _columns(manifest: Manifest) -> Iterator[tuple[Cell, ...]]:
    for column in manifest.signature.inputs:
        low, high = column.minimum, column.maximum
        yield column.name, column.dtype, "yes" if column.nullable else "no", low, high


def _data(manifest: Manifest, lineage: Lineage) -> Iterator[tuple[str, Cell]]:
    training = manifest.training
    if training is not None:
        yield "source", training.source
        yield "target", training.target
    for name, window in (
        ("training window", lineage.training_window),
        ("holdout window", lineage.holdout_window),
    ):
        yield name, None if window is None else str(window)
    for one in lineage.data:
        yield f"{one.role} rows", one.rows
        yield f"{one.role} fingerprint", one.fingerprint
        yield f"{one.role} times", None if one.time_range is None else str(one.time_range)
        yield f"{one.role} labels until", one.label_cutoff
        yield f"{one.role} snapshot", one.snapshot
        for file in one.files:
            yield f"{one.role} file {file.path}", f"SHA-256 {file.sha256}"


def _made_by(manifest: Manifest, lineage: Lineage) -> Iterator[tuple[str, Cell]]:
    code, machine = lineage.code, lineage.environment
    yield "run", lineage.run_id
    yield "started by", lineage.trigger_id
    yield "follows", lineage.parent
    yield "commit", manifest.git_commit if code is None else code.commit
    yield "changes since the commit", None if code is None else code.diff_sha256
    yield "libraries", ", ".join(f"{name} {one}" for name, one in manifest.libraries.items())
    if machine is not None:
        yield f"Python of {machine.process}", f"{machine.python} on {machine.platform}"
        yield "threads", machine.threads
    yield "seeds", ", ".join(f"{name} {seed}" for name, seed in lineage.seeds.items())
    for name, digest in lineage.digests.items():
        yield name, f"SHA-256 {digest}"
    yield "seconds", lineage.duration_s
    yield "peak memory in bytes", lineage.peak_memory_bytes


def _parameters(manifest: Manifest) -> Iterator[tuple[str, Cell]]:
    yield from ((name, str(value)) for name, value in manifest.parameters.items())
