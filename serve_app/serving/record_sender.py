"""Hands what happened to requests to the monitor, block by block, off the way of requests."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Protocol

from serve_app.core.ports import Clock
from serve_app.errors import ClientError, ServeError
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.kept_record import KeptRecord
from serve_app.monitoring.outbox import Delivery, Outbox
from serve_app.monitoring.recording import Recording

PERIOD_S = 1.0
WITHOUT_MONITOR_S = 60.0
"""How long a gateway that never reached a monitor holds records for it."""
LOOK_AGAIN_S = 10.0
"""How often such a gateway looks whether there is one now."""
MOST_AT_ONCE = 2_000
"""So many records are packed at once: requests go on between two blocks."""
MOST_ROWS_AT_ONCE = 10_000
"""So many rows, unless one record has more: a step over all of them keeps Python to itself."""
FLUSH_WITHIN_S = 3.0
logger = logging.getLogger("serve_app.gateway")


class Packing(Protocol):
    """Makes what is sent of what was recorded."""

    @property
    def dropped_rows(self) -> int:
        """How many rows are in no counts, because too much was held."""
        ...

    def warm_up(self) -> None:
        """Load what packing needs."""
        ...

    def pack(self, records: Sequence[KeptRecord]) -> bytes:
        """A part of a delivery that has these records."""
        ...

    def counts(self) -> bytes:
        """What was counted of them since this was called last; empty where nothing was."""
        ...


class RecordSender:
    """Takes what a gateway recorded and hands it on, for ever.

    `packing` works in a thread of `pool`. A monitor that is away gets everything later, as far as
    it can be held.
    """

    def __init__(
        self,
        recording: Recording,
        outbox: Outbox,
        packing: Packing,
        deliver: Callable[[Delivery], Awaitable[None]],
        *,
        pool: Executor,
        clock: Clock,
    ) -> None:
        self._recording, self._outbox = recording, outbox
        self._packing, self._deliver = packing, deliver
        self._pool, self._clock = pool, clock
        self._started_s = clock()
        self._reached = False
        self._sent_rows = 0
        self._parts: deque[Sequence[KeptRecord]] = deque()
        self._unpacked_rows = 0

    async def send_for_ever(self) -> None:
        """Hand on what is recorded, once a period, until cancelled."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._packing.warm_up)
        while True:
            await asyncio.sleep(PERIOD_S if self._recording.is_on else LOOK_AGAIN_S)
            await self.send()

    async def send(self) -> None:
        """Pack what is recorded, and send all that can be sent now.

        Where no monitor was ever reached, one delivery is packed and tried again and again, and
        the other records are held as they are: packing takes time from requests.
        """
        if not self._reached and self._outbox.has_any and not await self._send_packed():
            return
        await self._pack_all()
        await self._send_packed()

    async def flush(self) -> None:
        """Send what can be sent before this process ends; what cannot is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self.send()

    def samples(self) -> Iterator[Sample]:
        """How many rows were handed on, and how many were lost and why."""
        yield Sample(catalogue.RECORD_ROWS, (), self._sent_rows)
        lost = {
            "held": self._recording.dropped_rows,
            "unpacked": self._unpacked_rows,
            "unsent": self._outbox.dropped_rows,
            "uncounted": self._packing.dropped_rows,
        }
        for reason, rows in lost.items():
            yield Sample(catalogue.RECORD_ROWS_DROPPED, (reason,), rows)

    async def _send_packed(self) -> bool:
        """Send what is packed; whether all of it arrived."""
        loop = asyncio.get_running_loop()
        while True:
            delivery = await loop.run_in_executor(
                self._pool, self._outbox.next, self._packing.counts
            )
            if delivery is None:
                return True
            if not await self._arrives(delivery):
                return False

    async def _pack_all(self) -> None:
        # Whoever flushes after a cancellation finds what was not packed yet.
        self._parts.extend(_parts_of(self._recording.take()))
        loop = asyncio.get_running_loop()
        while self._parts:
            await loop.run_in_executor(self._pool, self._pack_next)

    def _pack_next(self) -> None:
        """Pack a part in the thread of the pool, where a cancellation does not interrupt it."""
        if not self._parts:
            return
        records = self._parts.popleft()
        rows = sum(one.rows for one in records)
        try:
            part = self._packing.pack(records)
        except Exception:
            # They will not be better the next time, and others wait.
            logger.exception("records cannot be packed", extra={"rows": rows})
            self._unpacked_rows += rows
            return
        self._outbox.add(part, rows)

    async def _arrives(self, delivery: Delivery) -> bool:
        """Whether a delivery has arrived, or never will, so that the next one may go."""
        try:
            await self._deliver(delivery)
        except ClientError as error:
            logger.error("the monitor refuses records", extra={"why": error.message})
            self._outbox.give_up(delivery.sequence)
            return True
        except ServeError as error:
            logger.info("the monitor takes no records now", extra={"why": error.message})
            if not self._reached and self._clock() - self._started_s > WITHOUT_MONITOR_S:
                self._recording.is_on = False
                self._recording.take()
                self._outbox.forget()
            return False
        self._reached = self._recording.is_on = True
        self._sent_rows += delivery.rows
        self._outbox.acknowledge(delivery.sequence)
        return True


def _parts_of(records: Sequence[KeptRecord]) -> Iterator[Sequence[KeptRecord]]:
    """Records in their order, so many at once."""
    start = rows = 0
    for index, record in enumerate(records):
        rows += record.rows
        is_full = index - start >= MOST_AT_ONCE or rows > MOST_ROWS_AT_ONCE
        if is_full and index > start:
            yield records[start:index]
            start, rows = index, record.rows
    if records:
        yield records[start:]
