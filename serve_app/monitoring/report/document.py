"""The report as values: what stands, and for each endpoint and version what was seen of it.

Times are seconds since 1970. `to_json` and `from_json` are the format of `serve-app monitor report
--json` and of `GET /v1/admin/report`; `SCHEMA` grows when a field changes what it means or goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from serve_app.monitoring.finding import Finding
from serve_app.monitoring.report.reading import read_document

SCHEMA = 1
GREATEST_SCORE = 999.0
"""Distances that have no bound stand as so many thresholds."""
Kind = Literal["numbers", "values", "categories"]


@dataclass(frozen=True, slots=True)
class HeatBand:
    """A feature or prediction over time, a value for each window of the map.

    `scores` are distances in thresholds, None where a window was not judged; `drifted` are the
    places of the windows in which anything of it drifted: effect and significance.
    """

    name: str
    prediction: bool
    scores: tuple[float | None, ...]
    drifted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What drifted when: windows of `window_s` seconds from `start_s` on, without a gap.

    `rows` has the rows of each window. `bands` come in the order of how much they drifted;
    `left_out` are others that drifted less.
    """

    start_s: int
    window_s: int
    rows: tuple[int, ...]
    bands: tuple[HeatBand, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of values (`missing`, `out_of_range` or `unseen`) in training and now."""

    what: str
    reference: float
    current: float
    threshold: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """What the newest rows say of a feature or prediction, and what the windows before them did.

    `score` is its distance in thresholds, None where it is `not_judged`, which says why. `worst`
    is the greatest of the `judged` windows, in `drifted` of which anything of it drifted.
    """

    name: str
    prediction: bool
    distance: str
    score: float | None
    is_drifted: bool
    not_judged: str | None
    worst: float | None
    judged: int
    drifted: int
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """Rows of the reference and the newest ones in the same cells.

    Cells of `numbers` are what lies below the first of `edges`, the bins between them and what
    lies above the last; those of `values` and `categories` are named by `labels`. Missing values
    and infinities stand apart: `missing` of the reference and of now.
    """

    name: str
    prediction: bool
    kind: Kind
    reference: tuple[int, ...]
    current: tuple[int, ...]
    missing: tuple[int, int]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class AlarmSpan:
    """An alarm: from the end of the window that raised it; `until_s` None while it stands."""

    name: str
    what: str
    since_s: int
    until_s: int | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How the rows and predictions of a version compare with those it was registered with.

    `reference_rows` and `source` are about the reference. Distributions are of `current_rows`
    rows from `current_from_s` to `current_to_s`. `alarms` are those of the map's windows.
    """

    reference_rows: int
    source: str | None
    current_rows: int
    current_from_s: int
    current_to_s: int
    heat: HeatMap
    features: tuple[FeatureSummary, ...]
    distributions: tuple[Distribution, ...]
    alarms: tuple[AlarmSpan, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A metric of the answers of some time; `n` rows made it, and it lies between both bounds."""

    start_s: float
    end_s: float
    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """A metric over time: as labels say, as it is estimated without them, and at registration."""

    metric: str
    realised: tuple[MetricPoint, ...]
    estimated: tuple[MetricPoint, ...] = ()
    registered: float | None = None


@dataclass(frozen=True, slots=True)
class LabelPoint:
    """How many rows were answered in some time, and how many of these have a label now."""

    start_s: float
    end_s: float
    predicted: int
    labelled: int


@dataclass(frozen=True, slots=True)
class SegmentMetric:
    """A metric of the rows whose column holds a value, beside that of all rows.

    It is `worse` where chance does not explain the difference.
    """

    column: str
    value: str
    metric: str
    rows: int
    result: MetricPoint
    whole: float | None = None
    worse: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """How good answers were: metrics and labels over time, and by segment where there are any.

    `reason` says why the result is not mature yet, and is empty where it is.
    """

    labelled: int
    metrics: tuple[MetricSeries, ...]
    labels: tuple[LabelPoint, ...]
    segments: tuple[SegmentMetric, ...] = ()
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """An endpoint and who answered: a version, or several joined by a plus.

    `rows` are those that were counted. Without `drift` `no_drift` says why, in words.
    """

    endpoint: str
    variants: str
    rows: int
    drift: Drift | None = None
    no_drift: str = ""
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class FeedbackCount:
    """Feedback to an endpoint so far: all, and how much found its prediction or still looks."""

    endpoint: str
    stored: int
    matched: int
    pending: int
    unmatched: int
    late: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the monitor itself is.

    Deliveries and rows are those of its process since it started. `late` counts were added to
    windows that were over, `expired` and `refused` ones lost. `newest_s` is when the newest rows
    that were counted came, at most a window earlier. `failing` says in words what fails.
    """

    kept_rows: int
    deliveries: int
    repeated: int
    late: int
    expired: int
    refused: int
    series: int
    window_bytes: int
    newest_s: float | None = None
    feedback: tuple[FeedbackCount, ...] = ()
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, of the time from `since_s` to `made_s`.

    `window_s` is how long the windows are that the monitor judges by itself. `left_out` names
    endpoints and versions that are too many for one report.
    """

    made_s: float
    since_s: float
    window_s: int
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    health: Health
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values; `from_json` makes the same of them."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Report:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no report, or one of another schema; says where it is wrong.
        """
        return read_document(cls, body, SCHEMA)
