"""What a gateway sends to the monitor: its records as tables, and the counts of their rows."""

import logging
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from serve_app.core.ports import Clock
from serve_app.core.record_settings import RecordSettings
from serve_app.core.reference import split_version
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.engine.load import profile_of
from serve_app.errors import ServeError
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.monitoring.record_block import Recorded, blocks_of
from serve_app.monitoring.row_counting import RowCounting, Watch, watch_of
from serve_app.monitoring.window import Key, Series
from serve_app.registry.store import Registry
from serve_app.routing import route_of
from serve_app.storage.baselines import BaselineStore
from serve_app.storage.records.counts import tables_of_counts
from serve_app.storage.records.deliveries import encode
from serve_app.storage.records.rows import tables_of

LOOK_S = 30.0
"""How often versions without a profile are looked up."""
logger = logging.getLogger("serve_app.gateway")


class RecordPacking:
    """Packs records as the snapshot says; `profiles` gives what versions are counted by.

    All but `follow` runs in one thread. `wall_minus_clock_s` makes seconds since 1970 of the
    records' times, which are those of `clock`; it is read for each pack, because the time of the
    machine may be corrected. Versions without a profile are looked up again
    once in a while: they may have got a baseline.
    """

    def __init__(
        self,
        profiles: Callable[[str], FeatureProfile | None],
        *,
        wall_minus_clock_s: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._profiles = profiles
        self._clock = clock
        self._looked_s = clock()
        self._wall_minus_clock_s = wall_minus_clock_s
        self._counting = RowCounting()
        self._settings: Mapping[str, RecordSettings] = {}
        self._watches: Mapping[str, Watch] = {}
        self._followed: Mapping[str, Endpoint] = {}

    @property
    def dropped_rows(self) -> int:
        """How many rows are in no counts, because too much was held."""
        return self._counting.dropped_rows

    def follow(self, snapshot: Snapshot) -> None:
        """Pack as a snapshot says from now on. Reads profiles, so that it takes a while."""
        endpoints = snapshot.endpoints
        watches = {
            name: self._watches[name]
            if name in self._watches and spec.equals_except_steering(self._followed[name])
            else self._watch(spec)
            for name, spec in endpoints.items()
        }
        settings = {name: spec.records for name, spec in endpoints.items()}
        self._settings, self._watches, self._followed = settings, watches, endpoints

    def warm_up(self) -> None:
        """Load what packing needs: the first array of Arrow's takes a second."""
        tables_of_counts({Key(Series("", "", ""), 0, 60): np.zeros(1, dtype=np.int64)})

    def pack(self, records: Iterable[Recorded]) -> bytes:
        """A part of a delivery that has these records; their rows are counted for the next."""
        if self._clock() - self._looked_s > LOOK_S:
            self._look_again()
        offset_s = self._wall_minus_clock_s()
        settings = self._settings
        blocks = list(blocks_of(records, settings))
        self._counting.add(blocks, self._watches, offset_s)
        return encode(tables_of(blocks, wall_minus_clock_s=offset_s, settings=settings))

    def counts(self) -> bytes:
        """A part with all that was counted since this was called last; empty where nothing was."""
        tables = tables_of_counts(self._counting.drain())
        return encode(tables) if tables else b""

    def _look_again(self) -> None:
        """Look for profiles of the versions that had none."""
        self._looked_s = self._clock()
        watches, endpoints = self._watches, self._followed
        again = {
            name: self._watch(endpoints[name])
            for name, watch in watches.items()
            if watch.uncounted and name in endpoints
        }
        # Whoever follows a snapshot meanwhile has read the newest.
        if again and self._watches is watches:
            self._watches = {**watches, **again}

    def _watch(self, spec: Endpoint) -> Watch:
        before = spec.preprocess
        versions = {variant.version for variant in spec.variants}
        if spec.fallback is not None:
            versions.add(spec.fallback.version)
        taker = None if before is None else before.version
        labels = spec.signature.output.labels
        return watch_of(versions, taker, labels, self._profiles, together_of(spec))


def together_of(spec: Endpoint) -> frozenset[str]:
    """The versions of an endpoint whose answers become one."""
    if not route_of(spec.route).answers_together:
        return frozenset()
    return frozenset(variant.version for variant in spec.variants)


def profiles_of(
    registry: Registry, baselines: BaselineStore
) -> Callable[[str], FeatureProfile | None]:
    """What the versions of a registry are counted by; one whose profile is damaged is not.

    A version that was registered without data may have a baseline of recorded rows.
    """

    def profile(version: str) -> FeatureProfile | None:
        try:
            own = profile_of(registry, *split_version(version))
            return baselines.load(version) if own is None else own
        except (ServeError, ValueError) as error:
            logger.warning("no profile", extra={"version": version, "why": str(error)})
            return None

    return profile
