"""What is kept of requests, and `args` of the monitor application."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt

from serve_app.config.alerts import AlertArgs
from serve_app.config.attribution import AttributionArgs
from serve_app.config.audit import AuditSettings
from serve_app.config.base import Frozen, LogLevel
from serve_app.config.callers import CallerArgs, CallerSettings
from serve_app.config.concept import ConceptArgs
from serve_app.config.data_quality import DataQualityArgs
from serve_app.config.domain import DomainArgs
from serve_app.config.estimate import EstimateArgs
from serve_app.config.privacy import PrivacyArgs
from serve_app.config.registry import RegistryArg
from serve_app.config.secrets import SecretLocation, SecretState
from serve_app.config.telemetry import TelemetrySettings
from serve_app.config.whole_rows import MultivariateArgs, OutlierArgs

SegmentColumn = Annotated[str, Field(min_length=1, max_length=200)]
SegmentValue = str | int | float | bool
Share = Annotated[float, Field(gt=0, lt=1)]


class DriftRules(Frozen):
    """When features count as drifted, and when that is an alarm.

    A feature drifted in a window if its distance is at least the threshold and that is significant
    at `alpha`, adjusted for the number of features. An alarm stands while `alarm_windows` of the
    last `of_windows` judged windows say so. What is None is chosen as the documentation of
    monitoring says.
    """

    number_distance: str | None = None
    category_distance: str | None = None
    thresholds: dict[str, PositiveFloat] = Field(default={})
    test: Literal["chi_square", "psi", "kolmogorov_smirnov"] | None = None
    alpha: Share | None = None
    alarm_windows: PositiveInt | None = None
    of_windows: PositiveInt | None = None
    rows_per_bin: PositiveInt | None = None
    minimum_rows: PositiveInt | None = None
    minimum_rate_rows: PositiveInt | None = None
    missing_threshold: Share | None = None
    out_of_range_threshold: Share | None = None
    unseen_threshold: Share | None = None
    floor: Annotated[float, Field(ge=0, lt=1)] | None = None

    def chosen(self) -> dict[str, Any]:
        """What was chosen otherwise than by default, without the length of windows."""
        chosen = self.model_dump(exclude_none=True, exclude={"window_s"})
        return {name: value for name, value in chosen.items() if value != {}}


class DriftArgs(DriftRules):
    """The rules of all endpoints without rules of their own; windows of `window_s` are judged."""

    window_s: Literal[60, 300, 3600, 86400] = 3600


class MonitoringSettings(Frozen):
    """What is kept of an endpoint's requests, how labels find them, and when its features drifted.

    `key` names a field of the rows, or a value beside them, by which labels may come: it need
    not be a feature. `sample` is the share of requests whose features are kept; answers are kept
    of all. The values of the columns that `redact` names are never kept. `segments` names up to
    five columns, of the rows or beside them, by whose values quality is told apart: a list, or up
    to ten values of each. What `drift` says stands in place of what the monitor's args say, key by
    key. `callers` says by what those who ask are told apart; without it nothing of them is kept.
    """

    # `callers` have a salt, which is secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    redact: tuple[str, ...] = ()
    retention_days: PositiveInt = 30
    feedback_horizon_days: PositiveInt = 90
    segments: tuple[SegmentColumn, ...] | dict[SegmentColumn, tuple[SegmentValue, ...]] = ()
    drift: DriftRules = DriftRules()
    callers: CallerSettings | None = None


class MonitorArgs(Frozen):
    """`args` of the monitor application.

    `records` is where requests are kept: a folder, or a URL such as `s3://bucket/records`. All of
    them together take at most `max_bytes`; the oldest leave first. What gateways send becomes a
    segment every `segment_s` seconds. `drift` says what counts as drift of single columns,
    `multivariate`, `outliers` and `domain` what counts in rows as wholes, `attribution` when
    features matter otherwise than in training, `data_quality` what counts as a sudden change,
    `callers` what is suspect of who asks, `concept` what watches for a change in how often answers
    are wrong, `estimate` when an estimate of quality is too low, `alerts` who is sent what is
    wrong. `privacy` is how the data of single people are kept, `audit` where it is written down
    that old records were let go; without it nowhere.
    """

    # `state` may be a URL with a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    registry: RegistryArg = Field(default="./registry", repr=False)
    state: SecretState = Field(default="./state", repr=False)
    records: SecretLocation = Field(default="./state/records", repr=False)
    max_bytes: PositiveInt = 10 * 1024**3
    segment_s: PositiveInt = 300
    drift: DriftArgs = DriftArgs()
    multivariate: MultivariateArgs = MultivariateArgs()
    outliers: OutlierArgs = OutlierArgs()
    data_quality: DataQualityArgs = DataQualityArgs()
    domain: DomainArgs = DomainArgs()
    attribution: AttributionArgs = AttributionArgs()
    callers: CallerArgs = CallerArgs()
    concept: ConceptArgs = ConceptArgs()
    estimate: EstimateArgs = EstimateArgs()
    alerts: AlertArgs = AlertArgs()
    privacy: PrivacyArgs | None = None
    telemetry: TelemetrySettings | None = None
    audit: AuditSettings | None = None
    log_level: LogLevel = "INFO"
