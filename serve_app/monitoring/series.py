"""How many series of each metric one process has at most."""

from __future__ import annotations

from collections.abc import Iterator

from serve_app.monitoring.catalogue import BIN_LABEL, BINS, REFUSED_SERIES, Sample

Series = tuple[str, ...]
"""The values of a metric's labels."""


class Room:
    """Lets so many series of a metric in as its line in the catalogue says, and refuses others."""

    def __init__(self) -> None:
        self._known: dict[str, set[Series]] = {}
        self._refused: dict[str, set[Series]] = {}

    def has_room(self, sample: Sample) -> bool:
        """Whether these values of labels are known, or there is room for them.

        Of a histogram all bins are taken or none. Those that are refused are remembered up to as
        many again, which is how many are counted at most.
        """
        metric, labels, _ = sample
        binned = metric.labels[-1:] == (BIN_LABEL,)
        series, most = (labels[:-1], metric.most // BINS) if binned else (labels, metric.most)
        known = self._known.setdefault(metric.name, set())
        if series in known:
            return True
        if len(known) < most:
            known.add(series)
            return True
        refused = self._refused.setdefault(metric.name, set())
        if len(refused) < most:
            refused.add(series)
        return False

    def samples(self) -> Iterator[Sample]:
        """How many series of which metric were refused."""
        for name, refused in list(self._refused.items()):
            yield Sample(REFUSED_SERIES, (name,), len(refused))
