"""The rows of the dashboard of what runs, each a function, from the verdict to who watches."""

from __future__ import annotations

from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import BIN_LABEL, Durations, Metric
from serve_app.monitoring.dashboard import model_rows
from serve_app.monitoring.dashboard.panel import Panel, Query, Row

_WINDOW = "$__rate_interval"
_ENDPOINTS = 'endpoint=~"$endpoint"'
_FRONTEND = 'proxy="http_frontend"'


def _rate(metric: Metric, by: str, labels: str = "") -> str:
    """How much a counter grows per second, added up over all replicas."""
    return f"sum by ({by}) (rate({metric.exported}{{{labels}}}[{_WINDOW}]))"


def _quantile(share: float, durations: Durations, by: str, labels: str = "") -> str:
    """A quantile of durations, in seconds, over all replicas."""
    return f"histogram_quantile({share}, {_rate(durations.bucket, f'{by}, {BIN_LABEL}', labels)})"


def verdict() -> Row:
    """Whether anything must be done."""
    return Row("Verdict", (*_promises(), _alerts(), model_rows.wrong(), _versions()))


def _promises() -> tuple[Panel, ...]:
    errors, slow = "endpoint:serve_app_errors:ratio_rate", "endpoint:serve_app_slow:ratio_rate"
    left = (
        f"1 - {errors}3d{{{_ENDPOINTS}}} / 0.001",
        f"1 - {slow}3d{{{_ENDPOINTS}}} / 0.01",
    )
    return (
        Panel(
            "Availability, 1 h",
            "Share of the accepted requests that were answered. Promised are 99.9 %.",
            (Query(f"1 - {errors}1h{{{_ENDPOINTS}}}", "{{endpoint}}"),),
            "percentunit",
            "availabilitybudgetburning",
            kind="stat",
            height=6,
            thresholds={0.0: "red", 0.999: "green"},
        ),
        Panel(
            "Budget left, 3 d",
            "What is left of the errors and of the slow requests that three days may have.",
            (Query(left[0], "{{endpoint}} errors"), Query(left[1], "{{endpoint}} slow")),
            "percentunit",
            "availabilitybudgetburning",
            kind="stat",
            height=6,
            thresholds={-1000.0: "red", 0.0: "yellow", 0.5: "green"},
            least=None,
            most=1,
        ),
        Panel(
            "99th percentile",
            "Time in the gateway that 99 of 100 requests stay below. Promised are 100 ms.",
            (
                Query(
                    f"endpoint:serve_app_request_seconds:p99_5m{{{_ENDPOINTS}}}",
                    "{{endpoint}}",
                ),
            ),
            "s",
            "latencybudgetburning",
            kind="stat",
            height=6,
            thresholds={0.1: "red"},
        ),
    )


def _alerts() -> Panel:
    return Panel(
        "Alerts",
        "How many alerts fire now.",
        (Query('count(ALERTS{alertstate="firing"}) or vector(0)', "firing"),),
        "short",
        "alerts",
        kind="stat",
        height=6,
        thresholds={1.0: "red"},
    )


def _versions() -> Panel:
    return Panel(
        "Versions",
        "How many replicas hold each version, gateways included.",
        (Query(f"count by (version) ({catalogue.MODEL_INFO.exported})", "{{version}}"),),
        "short",
        "versions",
        kind="stat",
        height=6,
    )


def requests() -> Row:
    """What is asked, what fails, how long it takes."""
    return Row("Requests", (*_by_endpoint(), _latency_of_endpoints(), _leaving_haproxy()))


def _by_endpoint() -> tuple[Panel, ...]:
    failed = f'{_ENDPOINTS}, outcome!~"answered|fallback"'
    return (
        Panel(
            "Requests",
            "Requests per second to each endpoint, whatever became of them.",
            (Query(_rate(catalogue.REQUESTS, "endpoint", _ENDPOINTS), "{{endpoint}}"),),
            "reqps",
            "notraffic",
        ),
        Panel(
            "Requests without an answer",
            "Per second, by the code of the error: wrong ones, refused ones, faults.",
            (
                Query(
                    _rate(catalogue.REQUESTS, "endpoint, outcome", failed),
                    "{{endpoint}} {{outcome}}",
                ),
            ),
            "reqps",
            "availabilitybudgetburning",
        ),
    )


def _latency_of_endpoints() -> Panel:
    return Panel(
        "Time in the gateway",
        "From the decoded request to its answer: the median and the 99th percentile.",
        tuple(
            Query(
                _quantile(share, catalogue.REQUEST_SECONDS, "endpoint", _ENDPOINTS),
                f"{{{{endpoint}}}} {name}",
            )
            for share, name in ((0.5, "median"), (0.99, "99th"))
        ),
        "s",
        "latencybudgetburning",
    )


def _leaving_haproxy() -> Panel:
    return Panel(
        "Answers that leave HAProxy",
        "Per second, by the class of their status, whatever was asked.",
        (
            Query(
                "sum by (code) (rate(haproxy_frontend_http_responses_total"
                f"{{{_FRONTEND}}}[{_WINDOW}]))",
                "{{code}}",
            ),
        ),
        "reqps",
        "haproxyerrors",
    )


def saturation() -> Row:
    """Whether there is room."""
    return Row(
        "Saturation",
        (
            Panel(
                "Requests that wait",
                "For each version, at all of its replicas together.",
                (Query("version:serve_app_waiting_requests:sum", "{{version}}"),),
                "short",
                "queuegrowing",
            ),
            Panel(
                "Busy",
                "Share of its time that the busiest replica of each version computes.",
                (Query(f"max by (version) ({catalogue.BUSY.exported})", "{{version}}"),),
                "percentunit",
                "workwaits",
                most=1,
            ),
            _replicas(),
            Panel(
                "Connections of HAProxy",
                "Share of the connections that it may have.",
                (
                    Query(
                        "haproxy_process_current_connections / haproxy_process_max_connections",
                        "{{instance}}",
                    ),
                ),
                "percentunit",
                "haproxynearitslimit",
                most=1,
            ),
        ),
    )


def _replicas() -> Panel:
    replicas = "max by (application) ({})"
    return Panel(
        "Replicas",
        "What the load asks for, what there should be, and how many are healthy.",
        (
            Query(
                replicas.format(catalogue.WANTED_REPLICAS.exported),
                "{{application}} wanted",
            ),
            Query(
                replicas.format("ray_serve_autoscaling_target_replicas"),
                "{{application}} target",
            ),
            Query(
                "sum by (application) (ray_serve_deployment_replica_healthy)",
                "{{application}} healthy",
            ),
        ),
        "short",
        "replicaspinnedatmax",
    )


def latency() -> Row:
    """Where the time goes."""
    waited = _rate(catalogue.BATCH_WAIT_SECONDS, "version")
    waiting = _rate(catalogue.BATCH_REQUESTS, "version")
    called = _rate(catalogue.BATCH_SECONDS, "version")
    calls = _rate(catalogue.BATCHES, "version")
    return Row(
        "Where the time goes",
        (
            Panel(
                "Waiting for a call, and in the call",
                "How long a request waits in the gateway until a call to the version takes it, and "
                "how long a call takes there and back, on average.",
                (
                    Query(f"{waited} / {waiting}", "{{version}} waiting"),
                    Query(f"{called} / {calls}", "{{version}} in the call"),
                ),
                "s",
                "workwaits",
            ),
            Panel(
                "Requests by the version that answers",
                "99th percentile of the time in the gateway.",
                (
                    Query(
                        _quantile(0.99, catalogue.VARIANT_SECONDS, "endpoint, version", _ENDPOINTS),
                        "{{endpoint}} {{version}}",
                    ),
                ),
                "s",
                "latencybudgetburning",
            ),
        ),
    )


def watching() -> Row:
    """Whether what is seen here can be believed."""
    age = f"time() - min by (process) ({catalogue.EXPORT_TIMESTAMP.exported})"
    failures = f"sum by (task) (increase({catalogue.TASK_FAILURES.exported}[15m]))"
    return Row(
        "Who watches",
        (
            Panel(
                "Targets",
                "Whether each target could be scraped: 1 or 0.",
                (Query("min by (job, instance) (up)", "{{job}} {{instance}}"),),
                "short",
                "targetmissing",
                most=1,
            ),
            Panel(
                "Age of the counts",
                "How long ago the process that is latest handed its counts over.",
                (Query(age, "{{process}}"),),
                "s",
                "metricsstale",
            ),
            Panel(
                "Background work that failed",
                "Failures within 15 minutes, of work that nobody waits for.",
                (Query(failures, "{{task}}"),),
                "short",
                "backgroundworkfailing",
            ),
        ),
    )
