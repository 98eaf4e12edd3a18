"""Who answers a shard of a job: rows of tables, or records in the words of another system."""

from __future__ import annotations

from typing import Protocol

from serve_app.batch.committed import Committed
from serve_app.batch.job import Job
from serve_app.batch.shards import Shard
from serve_app.engine.batch.answering import Attempt
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.engine.batch.record_answering import RecordAttempt
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.batch.written import Watch


class ShardAttempt(Protocol):
    """Answers shards of one job."""

    def run(self, shard: Shard, number: int, watch: Watch) -> Committed:
        """Answer a shard and commit it; gives what was committed first, by whomever."""
        ...


def attempt_of(name: str, job: Job, scorer: Scorer, folder: OutputPlace) -> ShardAttempt:
    """What answers the shards of a job with a scorer into a folder."""
    rendering = job.options.rendering
    if rendering is None:
        return Attempt(name, job, scorer, folder)
    return RecordAttempt(name, job, scorer, folder, rendering)
