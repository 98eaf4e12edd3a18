"""What an experiment has come to, as values: traffic, effects, the decision and its reasons.

Times are seconds since 1970. `to_json` and `from_json` are the format of `serve-app experiments
show --json` and of the admin API; `SCHEMA` grows when a field changes what it means or goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from serve_app.monitoring.report.reading import read_document

SCHEMA = 1
Outcome = Literal["ship", "roll back", "keep running", "no difference", "invalid", "not started"]
Role = Literal["primary", "secondary", "guardrail"]
Better = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "not worse", "undecided", "no data"]
Unit = Literal["subject", "request"]
Test = Literal["superiority", "non-inferiority"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, in one word, in a sentence, and why.

    `variant` is who it is about: the one to ship, or who is to be taken back. `progress` is the
    share of the needed sample that is there, `left_s` how long the rest takes as things go.
    """

    outcome: Outcome
    words: str
    reasons: tuple[str, ...] = ()
    variant: str | None = None
    progress: float | None = None
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """How many units were assigned to a variant up to a time, since the experiment began."""

    until_s: float
    units: int


@dataclass(frozen=True, slots=True)
class ArmTraffic:
    """What became of a variant's requests; `wanted` is its share by the weights that stand now.

    `units` are subjects where the route has a key, else requests.
    """

    variant: str
    requests: int
    units: int
    errors: int
    labelled: int
    share: float | None
    wanted: float | None
    course: tuple[TrafficPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class EpochRatio:
    """Units by variant under the weights of an epoch, and how many there should be of each.

    `p_value` is that of the sequential test, which may be looked at as often as one likes; None
    where nothing can be said.
    """

    epoch: int
    since_s: float
    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether variants have as many units as their weights say; a mismatch voids the experiment."""

    p_value: float | None
    threshold: float
    mismatch: bool
    epochs: tuple[EpochRatio, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmValue:
    """A metric of one variant: its value with the interval that holds at every look."""

    variant: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class EffectPoint:
    """The effect of a variant at a look, and the interval that it lies in."""

    at_s: float
    n: int
    effect: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant beside the baseline in one metric.

    `effect` is variant minus baseline in units of the metric, within `low` and `high`; the
    `relative_` ones are parts of the baseline's value. `adjusted_p` takes the other metrics and
    variants into account. Bayesian: `chance_to_beat` the baseline, `chance_best` of all, and
    `expected_loss` in units of the metric if it were chosen; `posterior_mean` and
    `posterior_deviation` are what is believed of the effect, of which a normal density is drawn.
    """

    variant: str
    verdict: Verdict
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    p_value: float | None = None
    adjusted_p: float | None = None
    chance_to_beat: float | None = None
    chance_best: float | None = None
    expected_loss: float | None = None
    course: tuple[EffectPoint, ...] = ()
    note: str = ""
    posterior_mean: float | None = None
    posterior_deviation: float | None = None


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric of the experiment: `name` as it is configured, `words` what it measures.

    `matured` are the units whose conversion window is over, and `immature` those that wait for
    it; neither is a failure. `test` says what `margin` is: by how much a variant has to be better
    (superiority), or may be worse (non-inferiority); None is as usual for the role.
    """

    name: str
    words: str
    role: Role
    better: Better
    margin: float
    arms: tuple[ArmValue, ...]
    comparisons: tuple[Comparison, ...]
    matured: int = 0
    immature: int = 0
    test: Test | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the primary metric needs: units of each variant, those that are there, and power.

    `effect` is the smallest one that is to be seen, in units of the metric; `detectable` the
    smallest one that would be seen with `power` by the units that are there now. `price` is how
    many times the units a test with one look needs, since this one may be looked at.
    """

    effect: float
    power: float
    needed: int | None
    reached: int
    detectable: float | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A change of the experiment or of its endpoint's weights: when, who, what and why."""

    at_s: float
    who: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """Everything that is known of an experiment of an endpoint.

    `state` is `ready` until it is started. `method` says how it is judged, for people, `alpha`
    how often it may find what is not there. `notes` are restrictions, such as rows that were left
    out because there are too many.
    """

    endpoint: str
    name: str
    state: Literal["ready", "running", "stopped"]
    route: str
    unit: Unit
    key: str | None
    baseline: str
    variants: tuple[str, ...]
    method: Literal["always valid", "group sequential"]
    alpha: float
    looked_s: float
    decision: Decision
    traffic: tuple[ArmTraffic, ...] = ()
    ratio: SampleRatio | None = None
    metrics: tuple[MetricResult, ...] = ()
    plan: Plan | None = None
    started_s: float | None = None
    stopped_s: float | None = None
    hypothesis: str = ""
    notes: tuple[str, ...] = ()
    history: tuple[HistoryLine, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values; `from_json` makes the same of them."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ExperimentReport:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is no report, or one of another schema; says where it is wrong.
        """
        return read_document(cls, body, SCHEMA)
