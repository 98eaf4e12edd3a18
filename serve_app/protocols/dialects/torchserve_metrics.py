"""TorchServe's metrics API: counts in Prometheus' text format, by TorchServe's names.

https://pytorch.org/serve/metrics_api.html. Replicas of a gateway share the port, and each tells of
itself alone: a label says which one, so that no series ever jumps between two counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from serve_app.core.counts import Counts

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METRICS: Mapping[str, tuple[str, Callable[[Counts], float]]] = {
    "ts_inference_requests_total": (
        "Requests for predictions, answered and failed",
        lambda counts: counts.answered + counts.failed,
    ),
    "ts_inference_latency_microseconds": (
        "Time that they took, all added up",
        lambda counts: round((counts.answered_s + counts.failed_s) * 1e6, 3),
    ),
}


def exposed(
    counts: Iterable[tuple[str, Counts]], labels: Mapping[str, str], wanted: Collection[str] = ()
) -> str:
    """The counts of endpoints; those of the metrics that are `wanted`, or of all.

    `labels` are added to every series.
    """
    listed = list(counts)
    common = "".join(f',{name}="{_escaped(value)}"' for name, value in labels.items())
    lines: list[str] = []
    for name, (help_text, value) in _METRICS.items():
        if wanted and name not in wanted:
            continue
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} counter"]
        lines += [
            f'{name}{{model_name="{_escaped(endpoint)}",model_version="default"{common}}} '
            f"{float(value(one))}"
            for endpoint, one in listed
        ]
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
