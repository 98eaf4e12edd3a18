"""Takes what gateways deliver: nothing that was acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from serve_app.errors import InvalidInput, NotFound
from serve_app.monitoring.windows import Delta, Merged
from serve_app.storage.records.compaction import Compactor
from serve_app.storage.records.counts import counts_of
from serve_app.storage.records.deliveries import COUNTS, Incoming
from serve_app.storage.records.deliveries import Delivery as Waiting
from serve_app.storage.turn import Turn
from serve_app.storage.windows import WindowStore

T = TypeVar("T")
logger = logging.getLogger("serve_app.monitor")


@dataclass(slots=True)
class IntakeCounts:
    """What became of deliveries in this process."""

    deliveries: int = 0
    repeated: int = 0
    rows: int = 0


class Intake:
    """Keeps deliveries and merges the counts in them.

    A delivery is a file before it is acknowledged. Counts are merged in memory and saved before
    the deliveries that they came with are compacted: whoever starts next merges those that are
    still files once more, and the numbers of deliveries let each count once. Any thread may use it.

    Another process may take over (`Turn`). This one goes on to take deliveries then, as files,
    and the other one counts them.
    """

    def __init__(
        self,
        incoming: Incoming,
        compactor: Compactor,
        store: WindowStore,
        windows: Merged,
        turn: Turn,
    ) -> None:
        self._incoming, self._compactor = incoming, compactor
        self._store, self._windows = store, windows
        self._turn = turn
        self._is_settled = False
        self._lock = threading.Lock()
        self.counts = IntakeCounts()

    def restore(self) -> None:
        """Take over from a former process, and know again what it had taken.

        Raises:
            RegistryFailed: the database cannot be read or written.
            RecordsFailed: the deliveries cannot be read.
        """
        # What it saves after this would be missed, so that it cannot.
        self._turn.begin()
        saved, state = self._store.load()
        with self._lock:
            if state is not None:
                self._windows.restore(saved, state)
            self._merge_waiting(self._incoming.waiting())

    def take(self, replica: str, sequence: int, payload: bytes) -> bool:
        """Keep a delivery; false where it was taken before. Durable once this returns.

        Raises:
            InvalidInput: it cannot be read, now or later.
            RecordsFailed: it cannot be written now.
        """
        with self._lock:
            if not self._is_settled:
                # What a former process compacts meanwhile would be taken once more.
                self._incoming.ledger.reread()
            tables = self._incoming.take_tables(replica, sequence, payload)
            if tables is None:
                self.counts.repeated += 1
                return False
            self._merge(replica, sequence, tables)
            self.counts.deliveries += 1
            self.counts.rows += sum(one.num_rows for one in tables if not _is_counts(one))
        return True

    def save(self) -> Sequence[Waiting]:
        """Save all counts, and say which deliveries need not be kept for them any more.

        These are none once another process took over, which counts them.

        Raises:
            RegistryFailed: the database cannot be written; what changed is saved the next time.
        """
        with self._lock:
            waiting = self._incoming.waiting()
            # A former process may have taken some since this one began.
            self._merge_waiting(waiting)
            self._windows.tend()
            changed, gone = self._windows.changes()
            state = self._windows.state()
            try:
                is_saved = self._store.save(changed, gone, state, self._turn.name)
            except BaseException:
                self._windows.changed_still(changed, gone)
                raise
        return waiting if is_saved else ()

    def compact(self) -> int:
        """Put what was delivered into segments, once its counts are saved; how many deliveries.

        Raises:
            RegistryFailed: the counts cannot be saved; nothing is compacted.
            RecordsFailed: the location refuses; what was waiting waits on.
        """
        waiting = self.save()
        if not self._turn.is_settled:
            return 0
        with self._lock:
            if not self._is_settled:
                self._incoming.ledger.reread()
                self._is_settled = True
        return self._compactor.compact(waiting).deliveries

    def may_change(self) -> bool:
        """Whether this process, and no other, is to change what is kept.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._turn.is_settled and not self.is_over()

    def is_over(self) -> bool:
        """Whether another process took over.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        return self._turn.is_over()

    def read(self, reader: Callable[[Merged], T]) -> T:
        """What somebody reads of the counts while nobody changes them."""
        with self._lock:
            return reader(self._windows)

    def _merge_waiting(self, waiting: Sequence[Waiting]) -> None:
        for one in waiting:
            if self._windows.has(one.replica, one.sequence):
                continue
            try:
                tables = self._incoming.tables(one)
            except (InvalidInput, NotFound) as error:
                logger.warning("a delivery is not counted", extra={"why": error.message})
                continue
            self._merge(one.replica, one.sequence, tables)

    def _merge(self, replica: str, sequence: int, tables: Sequence[pa.Table]) -> None:
        deltas = []
        for table in tables:
            if not _is_counts(table):
                continue
            try:
                counts = counts_of(table)
            except InvalidInput as error:
                logger.warning("counts are not merged", extra={"why": error.message})
                continue
            deltas += [Delta(key.series, key.start_s, vector) for key, vector in counts.items()]
        try:
            self._windows.take(replica, sequence, deltas)
        except ValueError as error:
            logger.warning("counts are not merged", extra={"why": str(error)})


def _is_counts(table: pa.Table) -> bool:
    kind = (table.schema.metadata or {}).get(b"kind", b"")
    return bool(kind == COUNTS.encode())
