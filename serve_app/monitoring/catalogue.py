"""Every metric of ours, in one place: its name, what it counts, and by which labels.

Ray exports them under names that begin with `ray_`, and counters under names that end in
`_total`. Durations are counted in bins, as counters with a label `le`: Ray replays every
observation of its own histograms in Python, which costs more than a request.

Each metric has so many series at most in one process: whatever clients or deployments make up,
what is scraped stays small. What is beyond that is refused and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from serve_app.monitoring.histogram import BOUNDS_S

MOST_SERIES = 500
"""Of one metric in one process."""
MOST_HISTOGRAMS = 120
BIN_LABEL = "le"
BINS = len(BOUNDS_S) + 1
_NUMBER = "How many there were."


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: counters only grow, gauges are as they are now.

    A process exports `most` series of it; a histogram with all of its bins or not at all.
    """

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...]
    most: int = MOST_SERIES

    @property
    def exported(self) -> str:
        """Its name as Prometheus scrapes it."""
        return f"ray_{self.name}_total" if self.kind == "counter" else f"ray_{self.name}"


class Sample(NamedTuple):
    """The value of a metric for some values of its labels; of a counter the total so far."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Durations:
    """The three counters that make a histogram of seconds."""

    bucket: Metric
    seconds: Metric
    number: Metric

    @property
    def name(self) -> str:
        """What the histogram is called where it is one."""
        return self.bucket.name.removesuffix("_bucket")

    @property
    def meaning(self) -> str:
        """What the histogram is of."""
        return self.number.meaning.removesuffix(f" {_NUMBER}")


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"serve_app_{name}", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"serve_app_{name}", "gauge", meaning, labels)


def _durations(name: str, meaning: str, *labels: str) -> Durations:
    return Durations(
        _part(f"{name}_bucket", f"{meaning} Those of at most `le` seconds.", *labels, BIN_LABEL),
        _part(f"{name}_sum", f"{meaning} Their seconds added up.", *labels),
        _part(f"{name}_count", f"{meaning} {_NUMBER}", *labels),
    )


def _part(name: str, meaning: str, *labels: str) -> Metric:
    most = MOST_HISTOGRAMS * (BINS if BIN_LABEL in labels else 1)
    return Metric(f"serve_app_{name}", "counter", meaning, labels, most)


RESPONSES = _counter(
    "responses", "Answers that left a gateway, by the class or name of their status.",
    "protocol", "status",
)  # fmt: skip
SHED_REQUESTS = _counter(
    "shed_requests", "Requests that were refused before they were decoded: others would wait.",
    "endpoint", "criticality",
)  # fmt: skip
CONCURRENCY_LIMIT = _gauge(
    "concurrency_limit", "Requests that an endpoint answers at once without delay.", "endpoint"
)
DISTINCT_ROW_ALARMS = _counter(
    "distinct_row_alarms",
    "Callers that asked about suspiciously many different rows in a day.", "endpoint",
)  # fmt: skip
REQUESTS = _counter(
    "requests", "Requests to an endpoint: answered, by the fallback, or the error's code.",
    "endpoint", "outcome",
)  # fmt: skip
ROWS = _counter("rows", "Rows of an endpoint's answers.", "endpoint")
REQUEST_SECONDS = _durations("request_seconds", "Requests to an endpoint.", "endpoint")
VARIANT_SECONDS = _durations(
    "variant_seconds", "Requests that a variant answered.", "endpoint", "version"
)
VARIANT_FAILURES = _counter(
    "variant_failures", "Requests that a variant could not answer and another one did.",
    "endpoint", "version", "code",
)  # fmt: skip
SHADOW_REQUESTS = _counter(
    "shadow_requests", "Requests that were to be shown to a shadow, by what became of them.",
    "endpoint", "version", "outcome",
)  # fmt: skip
SHADOW_DROPPED = _counter(
    "shadow_dropped", "Requests that a shadow was not shown, by why.",
    "endpoint", "version", "reason",
)  # fmt: skip
SHADOW_SECONDS = _durations(
    "shadow_seconds", "Requests that a shadow answered.", "endpoint", "version"
)
SHADOW_AGREEMENT = _gauge(
    "shadow_agreement_ratio", "Share of the last hour's rows of which a shadow said the same.",
    "endpoint", "version",
)  # fmt: skip
BANDIT_SHARE = _gauge(
    "bandit_share_ratio", "Share of requests that an arm of a bandit gets now.",
    "endpoint", "version",
)  # fmt: skip
BANDIT_DECISIONS = _gauge(
    "bandit_decisions", "Decisions for an arm of a bandit whose reward counts now.",
    "endpoint", "version",
)  # fmt: skip
BANDIT_REWARD = _gauge(
    "bandit_reward_mean", "Mean reward, 0 to 1, of the decisions for an arm of a bandit.",
    "endpoint", "version",
)  # fmt: skip
BATCHES = _counter("batches", "Calls to a version.", "version")
BATCH_ROWS = _counter("batch_rows", "Rows sent to a version.", "version")
BATCH_REQUESTS = _counter("batch_requests", "Requests in its calls.", "version")
BATCH_WAIT_SECONDS = _counter("batch_wait_seconds", "How long requests waited.", "version")
BATCH_SECONDS = _counter("batch_seconds", "How long its calls took that ended.", "version")
REFUSED = _counter("refused", "Requests refused as too many.", "version")
LARGEST_BATCH_ROWS = _gauge("largest_batch_rows", "Rows of the largest call so far.", "version")
CASCADE_ROWS = _counter(
    "cascade_rows", "Rows of a cascade that a stage was asked about, and those that it answered.",
    "endpoint", "version", "what",
)  # fmt: skip
CASCADE_SECONDS = _counter(
    "cascade_seconds", "How long requests waited for a stage of a cascade.", "endpoint", "version"
)
CACHE_HITS = _counter("cache_hits", "Rows that a cache knew.", "endpoint")
CACHE_ROWS = _counter("cache_rows", "Rows looked up in a cache.", "endpoint")
RECORD_ROWS = _counter("record_rows", "Rows of requests that the monitor took.")
RECORD_ROWS_DROPPED = _counter(
    "record_rows_dropped", "Rows of requests of which nothing is kept, by why.", "reason"
)
DELIVERIES = _counter("deliveries", "Deliveries of gateways, by what became of them.", "result")
RECORDED_ROWS = _counter("recorded_rows", "Rows of requests that the monitor keeps.")
FEEDBACK_ITEMS = _gauge(
    "feedback_items", "Feedback so far, by what became of it and by its state.", "endpoint", "what"
)
DRIFT_ALARMS = _gauge("drift_alarms", "Alarms of drift that stand.", "endpoint", "version")
JUDGED_WINDOW = _gauge(
    "judged_window_timestamp_seconds", "When the last judged window began, in seconds since 1970.",
    "endpoint", "version",
)  # fmt: skip
WINDOW_ROWS = _gauge("window_rows", "Rows of the last judged window.", "endpoint", "version")
FEATURES_DRIFTED = _gauge(
    "features_drifted_ratio", "Share of judged features that drifted in the last judged window.",
    "endpoint", "version",
)  # fmt: skip
FEATURE_DRIFT = _gauge(
    "feature_drift_score",
    "Distance of a feature from its reference, in thresholds; those that drifted most.",
    "endpoint", "version", "feature",
)  # fmt: skip
FEATURE_RATIO = _gauge(
    "feature_ratio", "Share of values that are missing, out of range or unseen.",
    "endpoint", "version", "feature", "what",
)  # fmt: skip
REALISED_METRIC = _gauge(
    "realised_metric", "A metric of the answers of the last day whose truth is known.",
    "endpoint", "variants", "metric", "bound",
)  # fmt: skip
SEGMENT_METRIC = _gauge(
    "segment_metric", "A metric of the last day's answers in a segment of the rows.",
    "endpoint", "variants", "column", "value", "metric",
)  # fmt: skip
LABEL_COVERAGE = _gauge(
    "label_coverage_ratio", "Share of the rows of the last day that have a label.",
    "endpoint", "variants",
)  # fmt: skip
LABEL_DELAY = _gauge(
    "label_delay_seconds", "How long after their predictions the newest labels came.",
    "endpoint", "variants", "quantile",
)  # fmt: skip
ESTIMATED_METRIC = _gauge(
    "estimated_metric", "A metric of the last window's answers, estimated without labels.",
    "endpoint", "version", "metric", "bound",
)  # fmt: skip
CONCEPT_ROWS = _counter(
    "concept_rows", "Labelled rows whose errors were watched.", "endpoint", "variants"
)
CONCEPT_DRIFT = _counter(
    "concept_drift_detected", "Changes that a detector saw in a stream of errors.",
    "endpoint", "variants", "detector",
)  # fmt: skip
CONCEPT_LATE = _gauge(
    "concept_late_rows", "Rows of the last day whose label came after later ones were watched.",
    "endpoint",
)  # fmt: skip
PREDICTION_DRIFT = _gauge(
    "prediction_drift_score", "Distance of what is predicted from its reference, in thresholds.",
    "endpoint", "version", "prediction",
)  # fmt: skip
MULTIVARIATE_DRIFT = _gauge(
    "multivariate_drift_score",
    "Change of the error with which rows are rebuilt from their components, in thresholds.",
    "endpoint", "version",
)  # fmt: skip
OUTLIER_RATIO = _gauge(
    "outlier_ratio", "Share of rows of the last judged window that are outliers.",
    "endpoint", "version",
)  # fmt: skip
DOMAIN_AUC = _gauge(
    "domain_auc", "How well rows of the last hour are told from former ones; by chance 0.5.",
    "endpoint", "version",
)  # fmt: skip
DOMAIN_RUNS = _counter(
    "domain_runs", "Hourly comparisons with former rows, by what became of them.", "result"
)
ATTRIBUTION_NDCG = _gauge(
    "attribution_ndcg",
    "How far features of rows of the last hour matter in the order of training: 1 is the same.",
    "endpoint", "version",
)  # fmt: skip
SUSPICION = _gauge(
    "adversarial_suspicion",
    "How suspect the most suspect caller of an endpoint is, 0 to 1, by what makes it so.",
    "endpoint", "kind",
)  # fmt: skip
DATA_ANOMALIES = _gauge(
    "data_anomalies", "What of the last window is suddenly unlike those before, by what it is.",
    "endpoint", "what",
)  # fmt: skip
FEATURE_ALARM = _gauge(
    "feature_alarm",
    "1 while an alarm of a feature or prediction stands, by what of it is unlike its reference.",
    "endpoint", "version", "feature", "what",
)  # fmt: skip
JUDGED_WINDOW_LENGTH = _gauge(
    "judged_window_length_seconds", "How long the windows are that are judged."
)
FINDINGS = _gauge(
    "findings", "What is wrong now, as alerts say it.", "kind", "endpoint", "severity"
)
ALERT_MESSAGES = _counter(
    "alert_messages", "Messages to receivers of alerts, by what became of them.",
    "receiver", "result",
)  # fmt: skip
TASK_FAILURES = _counter("task_failures", "Failures of background work.", "task")
BUSY = _gauge("busy_ratio", "Share of its time that a replica computes, 0 to 1.", "version")
WAIT_SECONDS = _gauge("wait_seconds", "How long work waits for a replica.", "version")
WAITING_REQUESTS = _gauge("waiting_requests", "Requests that wait for a version.", "version")
ONGOING_REQUESTS = _gauge(
    "ongoing_requests", "What a replica had at once, where it counts that itself.", "version"
)
WANTED_REPLICAS = _gauge(
    "wanted_replicas", "Replicas that the load asks for, before bounds and delays.",
    "application", "deployment",
)  # fmt: skip
MODEL_INFO = _gauge(
    "model_info", "1 for each version that a replica holds.",
    "version", "flavour", "digest", "created_at",
)  # fmt: skip
TRAINING_RUNS = _gauge(
    "training_runs", "Runs of training that ended, by how they did.", "model", "state"
)
TRAINING_TRIALS = _counter(
    "training_trials", "Trials of runs of training that ended, judged or failed.",
    "model", "outcome",
)  # fmt: skip
TRAINING_SECONDS = _gauge("training_seconds", "How long the newest run of training took.", "model")
TRAINING_ENDED = _gauge(
    "training_ended_timestamp_seconds",
    "When the newest run of training ended, in seconds since 1970.", "model",
)  # fmt: skip
RETRAINING_RUNS = _gauge(
    "retraining_runs", "Runs of retraining, by the state that they are in.", "model", "state"
)
EXPORT_TIMESTAMP = _gauge(
    "export_timestamp_seconds", "When a process handed its counts over, in seconds since 1970.",
    "process",
)  # fmt: skip
TELEMETRY_SENT = _counter(
    "telemetry_sent", "Spans, or points of metrics, that a collector took.", "signal"
)
TELEMETRY_DROPPED = _counter(
    "telemetry_dropped", "Spans, or points of metrics, that no collector took, by why.",
    "signal", "reason",
)  # fmt: skip
LOG_LINES_DROPPED = _counter(
    "log_lines_dropped", "Lines of the log of one process that nobody read in time, by why.",
    "reason",
)  # fmt: skip
REFUSED_SERIES = _counter(
    "refused_series", "Values of labels for which a metric has no room any more.", "metric"
)


def metrics() -> list[Metric]:
    """All metrics, by name."""
    every: list[Metric] = []
    for value in globals().values():
        if isinstance(value, Metric):
            every.append(value)
        elif isinstance(value, Durations):
            every.extend((value.bucket, value.seconds, value.number))
    return sorted(every, key=lambda metric: metric.name)


def histograms() -> list[Durations]:
    """All histograms."""
    return [value for value in globals().values() if isinstance(value, Durations)]


def histogram_parts() -> dict[str, Durations]:
    """The histogram that each counter is a part of, by the counter's name."""
    return {
        part.name: durations
        for durations in histograms()
        for part in (durations.bucket, durations.seconds, durations.number)
    }
