"""One attempt at a shard of a job in the words of another system: records in, their answers out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from serve_app.batch.bad_rows import LISTED, BadRow, Broken, Counts, Stage
from serve_app.batch.committed import Committed
from serve_app.batch.csv_records import Record
from serve_app.batch.inputs import Input, check_unchanged, unpacked
from serve_app.batch.job import Job
from serve_app.batch.rendering import Rendering
from serve_app.batch.shards import Shard, records_of
from serve_app.core.messages import MISSING, Answer, Payload, Prediction, Request, Response
from serve_app.engine.batch.attempts import Stopped
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.engine.batch.readers import cell_values
from serve_app.engine.batch.record_forms import Item, RecordForm, form_of
from serve_app.engine.batch.scoring import Scored, Scorer
from serve_app.engine.batch.written import Watch, committed
from serve_app.errors import BadEncoding, ClientError
from serve_app.protocols import methods
from serve_app.protocols.bodies import several_targets


class _Read(NamedTuple):
    """A record that could be read: its ordinal in the file, its bytes, and its items."""

    ordinal: int
    record: Record
    items: list[Item]


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """Answers shards of one job with one scorer into one folder."""

    name: str
    job: Job
    scorer: Scorer
    folder: OutputPlace
    rendering: Rendering

    def run(self, shard: Shard, number: int, watch: Watch) -> Committed:
        """Answer a shard and commit it; gives what was committed first, by whomever.

        Raises:
            InputChanged: the file is another than it was.
            Stopped: a record cannot be answered, and the job shall end then.
            ServeError: nobody can answer, or whatever `watch` raises.
            OSError: the output cannot be written.
        """
        one = self.job.inputs[shard.file]
        check_unchanged(one)
        form = form_of(self.rendering)
        output, quarantine = self.folder.temporary(shard.number, number)
        counts, errors = Counts(), list[str]()
        with output.open("wb") as file, quarantine.open("wb") as aside, unpacked(one) as source:
            records = enumerate(_records(source, one, shard), shard.first_row)
            while some := list(itertools.islice(records, self.job.options.batch_rows)):
                bad: dict[int, BadRow] = {}
                file.write(b"".join(self._answered(form, some, one, bad)))
                self._note(bad, aside, errors)
                counts += Counts(len(some), len(bad))
                watch(counts)
        return committed(self.folder, self.name, (shard.number, number), counts, errors)

    def _answered(
        self,
        form: RecordForm,
        records: Sequence[tuple[int, Record]],
        one: Input,
        bad: dict[int, BadRow],
    ) -> Iterator[bytes]:
        """What is written of records, one after the other; those that are bad are noted."""
        read = list(self._read(form, records, one, bad))
        scored, values = self._scored(read)
        place = {row: index for index, row in enumerate(scored.places)}
        start = 0
        for each in read:
            stop = start + sum(len(item.rows) for item in each.items)
            broken = _first_broken(scored, range(start, stop))
            if broken is not None:
                bad[each.ordinal] = _bad(one, each.ordinal, each.record, *broken)
            else:
                try:
                    yield form.write(list(_answers(each.items, values, place, start)))
                except ClientError as error:
                    reason = (Broken("output", error.message),)
                    bad[each.ordinal] = _bad(one, each.ordinal, each.record, "model", reason)
            start = stop

    def _read(
        self,
        form: RecordForm,
        records: Sequence[tuple[int, Record]],
        one: Input,
        bad: dict[int, BadRow],
    ) -> Iterator[_Read]:
        for ordinal, record in records:
            try:
                if record.broken is not None:
                    raise ValueError(record.broken)
                items = form.read(record.content, one)
                yield _Read(ordinal, record, [self._named(item) for item in items])
            except (ClientError, ValueError) as error:
                reason = error.message if isinstance(error, ClientError) else str(error)
                bad[ordinal] = _bad(one, ordinal, record, "parse", (Broken("parse", reason),))

    def _named(self, item: Item) -> Item:
        """The same with rows as objects by the names of columns."""
        names = item.names or tuple(column.name for column in self.scorer.columns)
        rows: list[Mapping[str, Any]] = []
        for row in item.rows:
            if isinstance(row, Mapping):
                rows.append(row)
                continue
            if not isinstance(row, list):
                raise BadEncoding("an object or a list of values; this is a value alone")
            if len(row) != len(names):
                raise ValueError(f"{len(names)} values, one per column; there are {len(row)}")
            rows.append(dict(zip(names, row, strict=True)))
        return Item(item.source, rows, item.names)

    def _scored(self, read: Sequence[_Read]) -> tuple[Scored, Any]:
        rows = [row for each in read for item in each.items for row in item.rows]
        columns: dict[str, list[Any]] = {}
        for column in self.scorer.columns:
            values = [row.get(column.name, MISSING) for row in rows]
            is_text = self.rendering.content == "csv"
            columns[column.name] = (
                cell_values(values, column) if is_text and MISSING not in values else values
            )
        scored = self.scorer.score(columns, len(rows))
        if scored.prediction is None:
            return scored, []
        return scored, self._values(scored.prediction)

    def _values(self, prediction: Prediction) -> Any:
        """What answers to requests have for the predictions, one per row."""
        method, reference = self.rendering.method, self.scorer.reference
        payload = Payload(columns={}, rows=len(prediction.values), method=method)
        output = self.scorer.output
        response = Response(
            Request(reference, payload, ""),
            "",
            0,
            Answer(prediction, (reference,)),
            tuple(output.labels),
            several=output if output.targets else None,
        )
        return several_targets.answered(response, methods.answered(response))

    def _note(self, bad: Mapping[int, BadRow], aside: IO[bytes], errors: list[str]) -> None:
        redact = self.job.options.redact
        rows = [bad[ordinal] for ordinal in sorted(bad)]
        if rows and self.job.options.on_error == "fail":
            raise Stopped("FAILED", rows[0].sentence(redact=redact))
        errors.extend(one.sentence(redact=redact) for one in rows[: LISTED - len(errors)])
        aside.write(b"".join([one.line(redact=redact) for one in rows]))


def _records(source: IO[bytes], one: Input, shard: Shard) -> Iterator[Record]:
    if one.kind == "document":
        yield Record(0, source.read())
        return
    yield from records_of(source, one, shard.start, shard.stop)


def _answers(
    items: Sequence[Item], values: Any, place: Mapping[int, int], start: int
) -> Iterator[tuple[Item, Any]]:
    """Items with the answers to their rows, the first of which is the row `start`."""
    for item in items:
        first = place[start] if item.rows else 0
        yield item, values[first : first + len(item.rows)]
        start += len(item.rows)


def _first_broken(scored: Scored, rows: range) -> tuple[Stage, tuple[Broken, ...]] | None:
    """What the first of some rows breaks that cannot be answered; none where all can."""
    for row in rows:
        if row in scored.broken:
            return "schema", scored.broken[row]
        if row in scored.refused:
            return "model", scored.refused[row]
    return None


def _bad(
    one: Input, ordinal: int, record: Record, stage: Stage, broken: tuple[Broken, ...]
) -> BadRow:
    raw = record.content.decode("utf-8", "replace").rstrip("\r\n")
    return BadRow(one.path, ordinal, stage, broken, record.offset, raw)
