"""Answers the shards of a job in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from serve_app.batch.away import StoreAway
from serve_app.batch.job import Job
from serve_app.batch.shards import Shard
from serve_app.engine.batch.attempts import Attempts, Stopped
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.batch.shard_attempt import ShardAttempt, attempt_of
from serve_app.errors import ServeError


class InThisProcess:
    """Answers here; `scorer` is called where there is anything to answer."""

    def __init__(
        self, name: str, job: Job, folder: OutputPlace, scorer: Callable[[], Scorer]
    ) -> None:
        self._name, self._job, self._folder = name, job, folder
        self._scorer = scorer
        self._attempt: ShardAttempt | None = None

    def answer(self, pending: list[Shard], attempts: Attempts) -> None:
        """Try each shard once.

        Raises:
            Stopped: the job does not go on.
            StoreAway: a storage does not answer now.
            ServeError: nobody can answer, whatever the rows.
        """
        if self._attempt is None:
            self._attempt = attempt_of(self._name, self._job, self._scorer(), self._folder)
        for shard in pending:
            self._one(self._attempt, shard, attempts)

    def close(self) -> None:
        """Nothing was started."""

    def _one(self, attempt: ShardAttempt, shard: Shard, attempts: Attempts) -> None:
        number = attempts.begin(shard)
        try:
            done = attempt.run(shard, number, attempts.watch)
        except StoreAway as away:
            attempts.put_off(shard.number, number, away.message)
            raise
        except (Stopped, ServeError):
            attempts.drop(shard.number)
            raise
        except Exception as error:  # noqa: BLE001 - disks, memory, libraries: it is tried again
            attempts.fail(shard.number, number, f"{type(error).__name__}: {error}")
        else:
            attempts.commit(done)
