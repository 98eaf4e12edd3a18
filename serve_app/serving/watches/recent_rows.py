"""Recorded rows that several watches look at, read once, and what rows are held against."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.snapshot import Endpoint
from serve_app.monitoring.profile.ecod import Ecod
from serve_app.monitoring.profile.encoding import Encoder
from serve_app.monitoring.profile.profile import FeatureProfile
from serve_app.monitoring.profile.whole_rows import WholeRows
from serve_app.monitoring.sum_windows import Part
from serve_app.serving.watches.watch import Sources
from serve_app.storage.recorded_rows import RecordedRows, joined, recorded_rows
from serve_app.storage.records.reader import Query

BLOCK_S = 300
ARRIVED_S = 30.0
"""What was answered so long ago has come from its gateway."""
BEHIND_S = 2 * 3_600.0
"""After a long stop so much of the log is read at most; as long are windows of a minute kept."""
MOST_ROWS = 5_000
MOST_CELLS = 1_000_000
"""Of a block so many rows are looked at; of rows of more than two hundred columns fewer."""
SAMPLED_PARTS = 6
_MOST_HELD = 8
_FRESH_S = 600.0


class Reference(NamedTuple):
    """What rows are held against: the profile of a version, ready to look at rows."""

    profile: FeatureProfile
    whole: WholeRows
    encoder: Encoder
    ecod: Ecod

    def lacks(self, rows: RecordedRows) -> str | None:
        """The name of a column that rows do not have, such as one that is never kept."""
        lacking = [f.name for f in self.profile.features if f.name not in rows.columns]
        return lacking[0] if lacking else None


class Block(NamedTuple):
    """The rows of an endpoint in a stretch of time, none where there are none."""

    endpoint: str
    start_s: int
    length_s: int
    rows: RecordedRows | None


class RecentRows:
    """Reads the log block by block, each a stretch of time, and holds the last few.

    Any thread may use it.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._reading, self._looking = threading.Lock(), threading.Lock()
        self._held: OrderedDict[tuple[str, int, int], Block] = OrderedDict()
        self._references: dict[str, tuple[float, Reference | None]] = {}

    def since(
        self, positions: Mapping[str, float], window_s: int, among: Collection[str] | None = None
    ) -> Iterator[Block]:
        """The blocks of all endpoints since they were read up to some times, in their order.

        Without `among` these are all endpoints.

        Those that have no position are read from two hours ago on, as are those far behind.

        Raises:
            RecordsFailed: the log cannot be read.
        """
        length_s = min(window_s, BLOCK_S)
        now_s = self._sources.clock()
        last_s = int((now_s - ARRIVED_S) // length_s) * length_s
        for name, spec in self._sources.endpoints().items():
            if among is not None and name not in among:
                continue
            # At most so far behind, and not ahead: the clock may have been set back.
            earliest_s = now_s - BEHIND_S
            first_s = min(max(positions.get(name, earliest_s), earliest_s), last_s)
            begin_s = int(first_s // length_s) * length_s
            for start_s in range(begin_s, last_s, length_s):
                yield self._block(spec, start_s, length_s)

    def reference(self, version: str) -> Reference | None:
        """What rows of a version are held against; none where its profile cannot say it."""
        now_s = self._sources.clock()
        with self._looking:
            read_s, known = self._references.get(version, (-np.inf, None))
            if now_s - read_s < _FRESH_S:
                return known
            reference = _reference(self._sources.profiles(version))
            self._references[version] = (now_s, reference)
            return reference

    def parts(self, block: Block) -> Iterator[tuple[Part, Reference, RecordedRows]]:
        """The rows of a block by the version that they are held against, with its reference.

        That is a transformer that sees them first, or else every version that answered. Versions
        without a reference, or whose rows lack a column, are left out.
        """
        spec = self._sources.endpoints().get(block.endpoint)
        if spec is None or block.rows is None:
            return
        for version, rows in _by_version(spec, block.rows).items():
            reference = self.reference(version)
            if reference is not None and reference.lacks(rows) is None:
                yield Part(block.endpoint, version), reference, rows

    def sample(self, part: Part, span: tuple[float, float], most: int) -> Columns:
        """About so many rows of a version at most, from all over a stretch of time.

        Of each part of it these are the first ones that are read. There is no column in none.

        Raises:
            RecordsFailed: the log cannot be read.
        """
        spec = self._sources.endpoints().get(part.endpoint)
        times = np.linspace(*span, SAMPLED_PARTS + 1)
        parts: list[Columns] = []
        for since_s, until_s in pairwise(times.tolist()):
            if spec is None:
                break
            wanted = Query(spec.name, since_s, until_s)
            each = -(-most // SAMPLED_PARTS)
            rows = recorded_rows(self._sources.files, wanted, most=each, sample=spec.records.sample)
            own = None if rows is None else _by_version(spec, rows).get(part.version)
            if own is not None:
                parts.append(own.columns)
        return joined(parts)

    def watched(self) -> dict[Part, Reference | None]:
        """All that rows may be held against now, with its reference."""
        return {
            Part(name, version): self.reference(version)
            for name, spec in self._sources.endpoints().items()
            for version in _versions(spec)
        }

    def not_judged(self, part: Part) -> str | None:
        """Why rows of a part are not judged at all, in words; none where they are."""
        spec = self._sources.endpoints()[part.endpoint]
        reference = self.reference(part.version)
        if reference is None:
            return (
                f"{part.version} has no reference of whole rows: it was registered by a former "
                "version of serve-app, without data, or with too few rows or columns; register it "
                "again, or make a baseline of recorded rows (serve-app monitor baseline)"
            )
        if spec.records.sample <= 0:
            return "features are not kept: sample is 0"
        names = {feature.name for feature in reference.profile.features}
        redacted = sorted(names & spec.records.redact)
        return f"values of {redacted[0]} are never kept (redact)" if redacted else None

    def values(self, endpoint: str, prediction_id: str, row: int) -> Mapping[str, Any]:
        """The features of a recorded row by name, as far as they are kept still.

        Raises:
            RecordsFailed: the log cannot be read.
        """
        wanted = Query(endpoint, prediction_id=prediction_id)
        rows = recorded_rows(self._sources.files, wanted, most=MOST_ROWS, sample=1.0)
        if rows is None or row not in rows.rows:
            return {}
        place = rows.rows.index(row)
        return {name: a[place].item() if isinstance(a[place], np.generic) else a[place]
                for name, a in rows.columns.as_dict().items()}  # fmt: skip

    def _block(self, spec: Endpoint, start_s: int, length_s: int) -> Block:
        key = spec.name, start_s, length_s
        with self._reading:
            known = self._held.get(key)
            if known is not None:
                return known
            most = min(MOST_ROWS, max(100, MOST_CELLS // max(1, len(spec.signature.names))))
            if not self._is_counted(spec.name, start_s, length_s):
                return Block(spec.name, start_s, length_s, None)
            wanted = Query(spec.name, start_s, start_s + length_s)
            rows = recorded_rows(self._sources.files, wanted, most=most, sample=spec.records.sample)
            block = self._held[key] = Block(spec.name, start_s, length_s, rows)
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
            return block

    def _is_counted(self, endpoint: str, start_s: int, length_s: int) -> bool:
        """Whether anything was counted then: a look into the log takes far longer."""
        return self._sources.intake.read(
            lambda windows: any(
                windows.windows(series, length_s, start_s, start_s + length_s)
                for series in windows.series()
                if series.endpoint == endpoint
            )
        )


def _reference(profile: FeatureProfile | None) -> Reference | None:
    whole = None if profile is None else profile.whole_rows
    if profile is None or whole is None:
        return None
    return Reference(profile, whole, whole.encoder(profile.features), Ecod(profile.features))


def _versions(spec: Endpoint) -> frozenset[str]:
    """The versions that an endpoint's rows are held against."""
    if spec.preprocess is not None:
        return frozenset({spec.preprocess.version})
    return frozenset(variant.version for variant in spec.variants)


def _by_version(spec: Endpoint, rows: RecordedRows) -> dict[str, RecordedRows]:
    places: dict[str, list[int]] = {}
    versions = _versions(spec)
    for place, variants in enumerate(rows.variants):
        for version in versions if spec.preprocess is not None else versions & set(variants):
            places.setdefault(version, []).append(place)
    return {version: rows.take(np.array(index)) for version, index in places.items()}
