"""One attempt at a shard: its rows read, answered, written and committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from serve_app.batch.bad_rows import LISTED, BadRow, Broken, Counts
from serve_app.batch.committed import Committed
from serve_app.batch.inputs import Input, check_unchanged
from serve_app.batch.job import Job
from serve_app.batch.shards import Shard
from serve_app.core.columns import Array
from serve_app.engine.batch import tables
from serve_app.engine.batch.block import Block, Wanted
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.engine.batch.readers import blocks
from serve_app.engine.batch.scoring import Scored, Scorer
from serve_app.engine.batch.tables import OutputRows
from serve_app.engine.batch.writers import writer_of
from serve_app.engine.batch.written import Watch, committed


@dataclass(frozen=True, slots=True)
class Attempt:
    """Answers shards of one job with one scorer into one folder."""

    name: str
    job: Job
    scorer: Scorer
    folder: OutputPlace

    def run(self, shard: Shard, number: int, watch: Watch) -> Committed:
        """Answer a shard and commit it; gives what was committed first, by whomever.

        Raises:
            InputChanged: the file is another than it was.
            ServeError: nobody can answer, or whatever `watch` raises.
            OSError: the output cannot be written.
        """
        one = self.job.inputs[shard.file]
        check_unchanged(one)
        output, quarantine = self.folder.temporary(shard.number, number)
        counts, errors = Counts(), list[str]()
        with output.open("wb") as file, quarantine.open("wb") as aside:
            writer = writer_of(self.job.options.format, file, self._empty(one))
            for block in blocks(one, shard, self._wanted, self.job.options.batch_rows):
                scored = self.scorer.score(block.columns, block.rows)
                bad = _bad_rows(block, scored, one)
                writer.write(self._output(block, scored, bad, one))
                self._note(bad, aside, errors)
                counts += Counts(block.rows + len(block.bad), len(bad))
                watch(counts)
            writer.close()
        return committed(self.folder, self.name, (shard.number, number), counts, errors)

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.scorer.columns, self.job.options.kept)

    def _note(self, bad: Mapping[int, BadRow], aside: IO[bytes], errors: list[str]) -> None:
        redact = self.job.options.redact
        rows = [bad[ordinal] for ordinal in sorted(bad)]
        errors.extend(one.sentence(redact=redact) for one in rows[: LISTED - len(errors)])
        if self.job.options.on_error != "null":
            aside.write(b"".join([one.line(redact=redact) for one in rows]))

    def _output(
        self, block: Block, scored: Scored, bad: Mapping[int, BadRow], one: Input
    ) -> OutputRows:
        """The rows of output that a block gives, in the order of the file."""
        places, ordinals = scored.places, block.ordinals
        answers = self._answers(scored)
        kept = block.kept
        if self.job.options.on_error == "null":
            return self._with_nulls(block, answers, (places, bad), one)
        rows = len(places)
        if rows < block.rows:
            kept = {name: tables.taken(column, places) for name, column in kept.items()}
            ordinals = [ordinals[place] for place in places]
        return OutputRows({**kept, **answers, **self._about(one, ordinals)}, rows)

    def _with_nulls(
        self,
        block: Block,
        answers: Mapping[str, Array],
        which: tuple[Sequence[int], Mapping[int, BadRow]],
        one: Input,
    ) -> OutputRows:
        """All rows of a block, those without an answer with the reason why."""
        places, bad = which
        ordinals = sorted({*block.ordinals, *bad})
        at = {ordinal: place for place, ordinal in enumerate(ordinals)}
        answered = [at[block.ordinals[place]] for place in places]
        read = [at[ordinal] for ordinal in block.ordinals]
        rows = len(ordinals)
        columns: dict[str, Any] = {}
        for name, column in block.kept.items():
            values = column if isinstance(column, list) else column.to_pylist()
            columns[name] = [None] * rows
            for place, value in zip(read, values, strict=True):
                columns[name][place] = value
        for name, values in answers.items():
            columns[name] = tables.spread(values, answered, rows)
        columns.update(self._about(one, ordinals))
        redact = self.job.options.redact
        columns[tables.ERROR] = [
            bad[ordinal].sentence(redact=redact) if ordinal in bad else None for ordinal in ordinals
        ]
        return OutputRows(columns, rows)

    def _answers(self, scored: Scored) -> dict[str, Array]:
        if scored.prediction is None:
            return {name: values[:0] for name, values in self._examples().items()}
        return tables.predicted(scored.prediction, self.scorer.output)

    def _examples(self) -> dict[str, Array]:
        """Columns of predictions of the types that all have; their rows mean nothing."""
        example = self.scorer.example
        if example is not None:
            return tables.predicted(example, self.scorer.output)
        return tables.nothing_predicted(self.scorer.output)

    def _about(self, one: Input, ordinals: Sequence[int]) -> dict[str, Any]:
        rows = len(ordinals)
        return {
            tables.VERSION: [self.scorer.reference] * rows,
            tables.FILE: [one.path] * rows,
            tables.ROW: np.array(ordinals, dtype=np.int64),
        }

    def _empty(self, one: Input) -> OutputRows:
        """The columns of output and their types, without rows."""
        kept: dict[str, Any] = {name: [] for name in self.job.options.kept}
        if one.kind == "parquet" and kept:
            from serve_app.engine.batch.parquet_rows import empty_columns  # noqa: PLC0415

            kept = empty_columns(one, list(kept))
        answers = {name: values[:0] for name, values in self._examples().items()}
        columns = {**kept, **answers, **self._about(one, [])}
        if self.job.options.on_error == "null":
            columns[tables.ERROR] = []
        return OutputRows(columns, 0)


def _bad_rows(block: Block, scored: Scored, one: Input) -> dict[int, BadRow]:
    """The rows of a block that have no answer, by their ordinal."""
    bad = {row.row: row for row in block.bad}
    of_schema: Mapping[int, tuple[Broken, ...]] = scored.broken
    for stage, rows in (("schema", of_schema), ("model", scored.refused)):
        for place, broken in rows.items():
            offset = None if block.offsets is None else block.offsets[place]
            ordinal = block.ordinals[place]
            bad[ordinal] = BadRow(
                one.path,
                ordinal,
                "schema" if stage == "schema" else "model",
                broken,
                offset,
                block.raw(place),
            )
    return bad
