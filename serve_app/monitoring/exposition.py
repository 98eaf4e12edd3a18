"""Samples as the text that Prometheus scrapes, where no Ray exports them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import exposition
from prometheus_client.core import Metric

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.series import Room

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Writes samples down; of each metric only as many series as the catalogue has room for.

    Names are those of the catalogue, without the `ray_` of a cluster's. The counters that make a
    histogram of seconds are written as one.
    """

    def __init__(self) -> None:
        self._room = Room()
        self._durations = catalogue.histogram_parts()

    def text(self, samples: Iterable[Sample]) -> bytes:
        """All samples, in Prometheus' text format 0.0.4."""
        taken = [sample for sample in samples if self._room.has_room(sample)]
        return exposition.generate_latest(_Families([*taken, *self._room.samples()], self))

    def family(self, metric: catalogue.Metric) -> Metric:
        """The family that the samples of a metric belong to, empty."""
        durations = self._durations.get(metric.name)
        if durations is None:
            return Metric(metric.name, metric.meaning, metric.kind)
        return Metric(durations.name, durations.meaning, "histogram")

    def name(self, metric: catalogue.Metric) -> str:
        """What a sample is called: counters end in `_total`, but for those of a histogram."""
        is_total = metric.kind == "counter" and metric.name not in self._durations
        return f"{metric.name}_total" if is_total else metric.name


class _Families:
    """Samples by family, in the order in which families first come, as prometheus_client reads."""

    def __init__(self, samples: Iterable[Sample], names: Exposition) -> None:
        self._samples = samples
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """The families with their samples."""
        families: dict[str, Metric] = {}
        for metric, labels, value in self._samples:
            family = self._names.family(metric)
            family = families.setdefault(family.name, family)
            tags = dict(zip(metric.labels, labels, strict=True))
            family.add_sample(self._names.name(metric), tags, value)
        yield from families.values()
