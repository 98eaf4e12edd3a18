"""What a pipeline searches: estimators, and the values that their parameters may take."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from serve_app.config.base import Frozen
from serve_app.documents.near_names import did_you_mean

AutoName = Literal["linear", "forest", "boosting", "xgboost"]
AUTO: tuple[AutoName, ...] = ("linear", "forest", "boosting", "xgboost")
"""The estimators that `candidates: auto` tries, in the order of their first trials."""
METRICS = (
    "accuracy", "balanced_accuracy", "brier", "f1", "log_loss", "mae", "r2", "rmse", "roc_auc",
)  # fmt: skip
_QUANTILE_LOSS = re.compile(r"pinball@0?\.[0-9]*[1-9][0-9]*")


def _metric(name: str) -> str:
    if name in METRICS or _QUANTILE_LOSS.fullmatch(name):
        return name
    known = f"{', '.join(METRICS)} or, of a quantile between 0 and 1, pinball@0.75"
    msg = f"{name!r} is not one of {known}.{did_you_mean(name, METRICS)}"
    raise ValueError(msg)


MetricName = Annotated[str, AfterValidator(_metric)]
"""A metric, or the loss of a quantile: `pinball@0.75`."""
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_]\w*")


def _place(text: str) -> str:
    if _PLACE.fullmatch(text):
        return text
    msg = f"{text!r} names nothing to import; write module:name, such as my_package.models:build"
    raise ValueError(msg)


ImportPath = Annotated[str, AfterValidator(_place)]
"""`module:name`, which has to be importable in the environment that trains."""


class Dimension(Frozen):
    """The values of one parameter: `{int: [2, 8]}`, `{float: [0.01, 1], log: true}`, `{choice: …}`.

    Both bounds belong to it. `log` draws evenly by order of magnitude, `step` on a grid.
    """

    int_: tuple[int, int] | None = Field(default=None, alias="int")
    float_: tuple[float, float] | None = Field(default=None, alias="float")
    choice: tuple[bool | int | float | str | None, ...] | None = None
    log: bool = False
    step: PositiveFloat | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        kinds = [kind for kind in (self.int_, self.float_, self.choice) if kind is not None]
        if len(kinds) != 1:
            msg = "write one of {int: [low, high]}, {float: [low, high]} and {choice: [a, b]}"
            raise ValueError(msg)
        if self.choice is not None:
            if not self.choice or self.log or self.step is not None:
                raise ValueError("choice is a list of at least one value, without log and step")
            return self
        low, high = self.int_ or self.float_ or (0, 0)
        if low > high:
            msg = f"its lower bound {low} is above its upper bound {high}"
            raise ValueError(msg)
        if self.log and (low <= 0 or self.step is not None):
            raise ValueError("log needs bounds above 0, and goes without step")
        if self.int_ is not None and self.step is not None and self.step % 1:
            raise ValueError("the step of an int is a whole number")
        return self


class ImportedEstimator(Frozen):
    """A function of the environment that gives an unfitted estimator or Pipeline.

    `params` are set as they stand, those of `space` are searched.
    """

    import_: ImportPath = Field(alias="import")
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Dimension] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name, or that of the function that makes it."""
        return self.name or self.import_.rpartition(":")[2].lower()


class AutoEstimator(Frozen):
    """One of the estimators of `auto`, with other fixed parameters or another space."""

    auto: AutoName
    params: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Dimension] | None = None

    @property
    def label(self) -> str:
        """Its name."""
        return self.auto


def _kind(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return "(auto)" if "auto" in entry else "(import)"
    if isinstance(entry, AutoEstimator):
        return "(auto)"
    return "(import)" if isinstance(entry, ImportedEstimator) else "(name)"


CandidateEntry = Annotated[
    Annotated[AutoName, Tag("(name)")]
    | Annotated[AutoEstimator, Tag("(auto)")]
    | Annotated[ImportedEstimator, Tag("(import)")],
    Discriminator(_kind),
]
"""What is searched: a name of `auto`, one with other parameters, or an estimator of one's own."""


def _listed(given: Any) -> Any:
    """One candidate stands for a list of it."""
    is_one = isinstance(given, Mapping) or (isinstance(given, str) and given != "auto")
    return [given] if is_one else given


Candidates = Annotated[
    Annotated[Literal["auto"], Tag("(auto)")]
    | Annotated[tuple[CandidateEntry, ...], Tag("(list)")],
    Discriminator(lambda given: "(auto)" if given == "auto" else "(list)"),
    BeforeValidator(_listed),
]
"""All of `auto`, or a list of what is searched. Tags in brackets are no keys of a file."""


class SearchSettings(Frozen):
    """How parameters are searched.

    `trials` in generations of `parallel`, which are proposed together and judged together, so
    that a result does not depend on which was ready first. It ends before when `timeout_s` is
    over or the best has not changed for `early_stop` trials. A trial ends at `trial_timeout_s`.
    """

    trials: Annotated[PositiveInt, Field(le=10_000)] = 20
    parallel: Annotated[PositiveInt, Field(le=256)] = 2
    seed: NonNegativeInt = 0
    timeout_s: PositiveFloat = 900.0
    trial_timeout_s: PositiveFloat = 300.0
    early_stop: PositiveInt | None = None
    metric: MetricName | None = None
    space: dict[str, Dimension] = Field(default_factory=dict)
