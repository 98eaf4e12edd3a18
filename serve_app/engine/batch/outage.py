"""Lets a run outlast a storage that is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from serve_app.batch.away import StoreAway
from serve_app.batch.bad_rows import Counts
from serve_app.batch.ledger import Ledger
from serve_app.batch.status import ENDED, SUCCEEDED
from serve_app.core.ports import Clock
from serve_app.engine.batch.attempts import LOOK_S, Attempts, Stopped

LONGEST_S = 120.0
"""A job fails whose storage was away for so long while no shard was committed."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
Sleep = Callable[[float], None]


class Outage:
    """Tries again what a storage did not answer, ever later; `clock` never goes back.

    A shard that is committed meanwhile ends an outage. What is waited for stands in the job's
    message and in its progress; who cancels the job is heard.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        attempts: Attempts,
        *,
        clock: Clock,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._ledger, self._name, self._attempts = ledger, name, attempts
        self._clock, self._sleep = clock, sleep
        self._began_s: float | None = None
        self._done = 0
        self._pause_s = FIRST_PAUSE_S

    def bridged(self, step: Callable[[], None]) -> None:
        """Do something until no storage is away in the midst of it.

        Raises:
            Stopped: one is away for too long, or somebody cancelled the job; and what `step`
                raises besides.
        """
        while True:
            try:
                step()
            except StoreAway as away:
                self._wait(away.message)
            else:
                return

    @property
    def was(self) -> bool:
        """Whether there was one."""
        return self._began_s is not None

    def over(self) -> None:
        """Take the words back: the storage answers."""
        if self.was:
            self._ledger.move(self._name, "RUNNING", only_from="RUNNING")
            self._attempts.wait("")

    def _wait(self, reason: str) -> None:
        status, now_s = self._ledger.status(self._name), self._clock()
        if self._began_s is None or status.shards_done != self._done:
            self._began_s, self._done, self._pause_s = now_s, status.shards_done, FIRST_PAUSE_S
        away_s = now_s - self._began_s
        if away_s >= LONGEST_S:
            msg = f"{reason}; that was tried for {away_s:.0f} s; once it answers, resume"
            raise Stopped("FAILED", msg)
        words = f"{reason}; tried again for {LONGEST_S - away_s:.0f} s more"
        if status.state not in SUCCEEDED:
            if status.state in ENDED:
                self._ledger.resume(self._name)
            for before in ("QUEUED", "RUNNING"):
                if self._ledger.move(self._name, "RUNNING", words, only_from=before):
                    break
        self._attempts.wait(words)
        ends_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        while (left_s := ends_s - self._clock()) > 0:
            self._attempts.watch(Counts())
            self._sleep(min(left_s, LOOK_S))
