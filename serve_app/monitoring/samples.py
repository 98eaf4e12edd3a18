"""What the parts of a process have counted, as samples of the catalogue's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample

if TYPE_CHECKING:
    from serve_app.core.batcher import Counters
    from serve_app.core.cache import RowCache
    from serve_app.core.supervisor import TaskStatus
    from serve_app.core.workload import Load

DIGEST_DIGITS = 12


class Manifest(Protocol):
    """What is told of a version: its name, its kind, when it was registered, its SHA-256."""

    @property
    def reference(self) -> str:
        """The version's name, `diagnosis-xgb@1`."""
        ...

    @property
    def flavour(self) -> str:
        """The kind of model."""
        ...

    @property
    def digest(self) -> str:
        """The SHA-256 of all that it is."""
        ...

    @property
    def created_at(self) -> str:
        """When it was registered, ISO 8601."""
        ...


def of_coalescers(counters: Mapping[str, Counters]) -> Iterator[Sample]:
    """What coalescers have counted, by version."""
    for version, one in counters.items():
        labels = (version,)
        yield Sample(catalogue.BATCHES, labels, one.calls)
        yield Sample(catalogue.BATCH_ROWS, labels, one.rows)
        yield Sample(catalogue.BATCH_REQUESTS, labels, one.requests)
        yield Sample(catalogue.BATCH_WAIT_SECONDS, labels, one.waited_s)
        yield Sample(catalogue.BATCH_SECONDS, labels, one.calls_s)
        yield Sample(catalogue.REFUSED, labels, one.refused)
        yield Sample(catalogue.LARGEST_BATCH_ROWS, labels, one.largest_batch)


def of_caches(caches: Mapping[str, RowCache]) -> Iterator[Sample]:
    """What caches have counted, by endpoint."""
    for endpoint, cache in caches.items():
        yield Sample(catalogue.CACHE_HITS, (endpoint,), cache.hits)
        yield Sample(catalogue.CACHE_ROWS, (endpoint,), cache.rows)


def of_process(process: str, statuses: Mapping[str, TaskStatus], now_s: float) -> Iterator[Sample]:
    """That a process hands its counts over, and how often its background work failed, by name.

    `now_s` is in seconds since 1970.
    """
    yield Sample(catalogue.EXPORT_TIMESTAMP, (process,), now_s)
    for name, status in statuses.items():
        yield Sample(catalogue.TASK_FAILURES, (f"{process}: {name}",), status.failures)


def of_load(version: str, load: Load) -> Iterator[Sample]:
    """What one block of time was like for a replica of a version."""
    labels = (version,)
    yield Sample(catalogue.BUSY, labels, load.busy)
    yield Sample(catalogue.WAIT_SECONDS, labels, load.wait_ms / 1000)
    yield Sample(catalogue.WAITING_REQUESTS, labels, load.waiting_requests)
    if load.ongoing_requests is not None:
        yield Sample(catalogue.ONGOING_REQUESTS, labels, load.ongoing_requests)


def of_models(manifests: Iterable[Manifest]) -> Iterator[Sample]:
    """Which versions a replica holds."""
    for one in manifests:
        labels = (one.reference, one.flavour, one.digest[:DIGEST_DIGITS], one.created_at)
        yield Sample(catalogue.MODEL_INFO, labels, 1)
