"""Control's part in counting runs of training, which happen in processes of their own."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain

from serve_app.core.events import RETRAINING
from serve_app.core.ports import EventStore
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.training import TRAINING, of_retraining, of_training

PERIOD_S = 15.0
MOST_EVENTS = 1000
"""Of each kind: so many of the newest are counted."""


class TrainingMetrics:
    """Reads now and then what commands wrote down among the events."""

    def __init__(self, events: EventStore) -> None:
        self._events = events
        self._samples: Sequence[Sample] = ()

    async def run(self) -> None:
        """Read for ever.

        Raises:
            RegistryFailed: the events cannot be read; what was read last goes on.
        """
        while True:
            self._samples = await asyncio.to_thread(self._read)
            await asyncio.sleep(PERIOD_S)

    def samples(self) -> Iterator[Sample]:
        """What was read last."""
        return iter(self._samples)

    def _read(self) -> list[Sample]:
        training = self._events.newest(MOST_EVENTS, kind=TRAINING)
        retraining = self._events.newest(MOST_EVENTS, kind=RETRAINING)
        return list(chain(of_training(training), of_retraining(retraining)))
