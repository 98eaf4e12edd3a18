"""`pipelines/*.yaml`: from data to a registered version."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from serve_app.config.base import Frozen
from serve_app.config.lengths import LengthSeconds, length_s
from serve_app.config.names import valid
from serve_app.config.pipeline_card import CardSettings, ImportanceSettings
from serve_app.config.pipeline_search import (
    AUTO,
    AutoEstimator,
    CandidateEntry,
    Candidates,
    ImportedEstimator,
    ImportPath,
    SearchSettings,
)
from serve_app.config.retraining import RetrainSettings
from serve_app.core import reference as references
from serve_app.documents.near_names import did_you_mean

ModelName = Annotated[str, valid(references.check_model)]
AliasName = Annotated[str, valid(references.check_alias)]
Share = Annotated[float, Field(gt=0, lt=1)]


class DataSettings(Frozen):
    """Where rows come from, and what their columns are.

    `source` are files, CSV or Parquet, by patterns relative to the working directory; or
    `import` names a function of the environment that gives a pandas frame. Labels are known
    `label_delay` after `time`: younger rows are left out, counted from the youngest row. `id`
    and `time` are no features, nor are the columns of `drop`. Of several series in one table
    (shops, items), `series` are the columns that name one: a seasonal baseline keeps them apart.
    """

    source: str | tuple[str, ...] | None = None
    import_: ImportPath | None = Field(default=None, alias="import")
    target: str
    time: str | None = None
    id: str | None = None
    label_delay: LengthSeconds | None = None
    drop: tuple[str, ...] = ()
    series: tuple[str, ...] | None = None
    dtypes: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.source is None) == (self.import_ is None):
            raise ValueError("write either source (files) or import (a function)")
        if self.import_ is not None and self.dtypes:
            raise ValueError("dtypes are of files; a function gives its frame with its own types")
        if self.label_delay is not None and self.time is None:
            raise ValueError("label_delay needs time, the column that says when a row happened")
        if self.series is not None and (not self.series or self.time is None):
            raise ValueError("series names columns, and needs time: when a row of one happened")
        return self

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of its files."""
        if self.source is None:
            return ()
        return (self.source,) if isinstance(self.source, str) else self.source


def _holdout(value: Any) -> Any:
    return length_s(value) if isinstance(value, str) else value


class WindowSettings(Frozen):
    """Which rows are held out, and which are trained on.

    `holdout` is a share of the rows, or of time the newest length (`30d`). Rows of `gap` before
    are in neither part, and rows of `train` before that are trained on; without it all.
    `held_out` names a column of the data that decides it instead: true of rows that are held out.
    """

    holdout: float | str = 0.2
    held_out: str | None = None
    train: LengthSeconds | None = None
    gap: LengthSeconds | None = None

    @model_validator(mode="after")
    def _holdout_fits(self) -> Self:
        if isinstance(self.holdout, str):
            length_s(self.holdout)
        elif not 0 < self.holdout < 1:
            msg = f"holdout is a share between 0 and 1, or a length such as 30d; not {self.holdout}"
            raise ValueError(msg)
        # What is kept of a run names defaults, too.
        fields = type(self).model_fields
        names = ("holdout", "train", "gap")
        others = [name for name in names if getattr(self, name) != fields[name].default]
        if self.held_out is not None and others:
            msg = f"held_out (a column) says which rows are held out; leave out {others[0]}"
            raise ValueError(msg)
        return self

    @property
    def holdout_s(self) -> float | None:
        """Seconds of the rows that are held out, where it is a length of time."""
        return float(length_s(self.holdout)) if isinstance(self.holdout, str) else None

    @property
    def holdout_share(self) -> float | None:
        """The share of the rows that are held out, where it is one."""
        return None if isinstance(self.holdout, str) else self.holdout


class ValidationSettings(Frozen):
    """How candidates are compared on the rows that are trained on.

    `time`: each fold is later than what it is fitted on. `stratified`: each has the classes'
    shares of all. `group`: no group is in two folds. `random`: none of these.
    """

    kind: Literal["time", "stratified", "group", "random"] = "stratified"
    folds: Annotated[int, Field(ge=2, le=50)] = 5
    group: str | None = None

    @model_validator(mode="after")
    def _group_fits(self) -> Self:
        if (self.kind == "group") != (self.group is not None):
            raise ValueError("kind: group and group (the column) go together")
        return self


class ResourceSettings(Frozen):
    """What each trial is given on a cluster: a fraction of a CPU, and memory."""

    num_cpus: PositiveFloat = 0.5
    memory_mb: PositiveInt | None = None


class RegisterSettings(Frozen):
    """What becomes of the best trials: so many are registered, and the best gets an alias.

    `trust` names types of your own in the models, which are imported whenever they are loaded.
    """

    best: Annotated[int, Field(ge=1, le=20)] = 1
    alias: AliasName | None = None
    trust: tuple[str, ...] = ()


class ChampionGate(Frozen):
    """How the challenger has to compare with the champion on the hold-out.

    By a paired bootstrap of the metric, one-sided at 95 %: its bound has to be above
    `-epsilon`, and its estimate not below 0; with `superior` the bound has to be above 0.
    """

    epsilon: NonNegativeFloat = 0.0
    superior: bool = False


class GateSettings(Frozen):
    """What a challenger has to be before it is registered; without any, all are.

    `slices` forbids that one of at least `slice_rows` rows is worse than the champion's by more
    than `slices`. `calibration` is the most that probabilities may be off, in the mean; `distance`
    the most that answers may differ from the champion's, in the mean over rows. `fresh` is how
    old the newest row may be when the run begins.
    """

    min_rows: PositiveInt | None = None
    min_class_rows: PositiveInt | None = None
    beats_baseline: bool = False
    champion: ChampionGate | None = None
    slices: NonNegativeFloat | None = None
    slice_rows: PositiveInt = 200
    no_leak: bool = False
    calibration: Share | None = None
    distance: PositiveFloat | None = None
    fresh: LengthSeconds | None = None


_BASELINES = ("prior", "champion", "seasonal_naive@7d")


def _baseline(text: str) -> str:
    if re.fullmatch(r"prior|champion|seasonal_naive@[0-9.]+[smhdw]", text):
        return text
    msg = f"{text!r} is no baseline; write {', '.join(_BASELINES[:-1])} or {_BASELINES[-1]}."
    raise ValueError(f"{msg}{did_you_mean(text, _BASELINES)}")


Baseline = Annotated[str, AfterValidator(_baseline)]


class PipelineSettings(Frozen):
    """A pipeline: data, what of it is held out, what is searched, and what becomes of the best."""

    pipeline: ModelName
    model: ModelName
    task: Literal["classification", "regression"] | None = None
    data: DataSettings
    window: WindowSettings = WindowSettings()
    validation: ValidationSettings = ValidationSettings()
    candidates: Candidates | None = None
    estimator: ImportedEstimator | None = None
    search: SearchSettings = SearchSettings()
    baseline: Baseline = "prior"
    slices: tuple[str, ...] = ()
    gates: GateSettings = GateSettings()
    importance: ImportanceSettings = ImportanceSettings()
    resources: ResourceSettings = ResourceSettings()
    register_: RegisterSettings = Field(default=RegisterSettings(), alias="register")
    card: CardSettings = CardSettings()
    retrain: RetrainSettings | None = None

    @property
    def entries(self) -> tuple[ImportedEstimator | AutoEstimator, ...]:
        """All that is searched; `auto` where nothing is named."""
        if self.estimator is not None:
            own = {**self.search.space, **self.estimator.space}
            return (self.estimator.model_copy(update={"space": own}),)
        given = self.candidates
        listed: tuple[CandidateEntry, ...] = AUTO if given is None or given == "auto" else given
        return tuple(
            AutoEstimator(auto=entry) if isinstance(entry, str) else entry for entry in listed
        )

    @property
    def gap_s(self) -> float:
        """Seconds between what is trained on and what is held out: at least the label's delay."""
        return self.window.gap or self.data.label_delay or 0.0

    @model_validator(mode="after")
    def _candidates_fit(self) -> Self:
        if self.estimator is not None and self.candidates is not None:
            raise ValueError("write either estimator or candidates")
        if self.estimator is None and self.search.space:
            raise ValueError("search.space belongs to estimator; candidates have a space each")
        if self.candidates == ():
            raise ValueError("candidates names none; write auto, or a list of them")
        names = [entry.label for entry in self.entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two candidates are named {twice[0]!r}; give each a name of its own"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _time_fits(self) -> Self:
        data, window = self.data, self.window
        timed = self.validation.kind == "time" or window.holdout_s is not None
        of_time = timed or window.train or window.gap or self.baseline.startswith("seasonal")
        if of_time and data.time is None:
            raise ValueError(
                "data.time is missing: windows, gaps, folds by time and seasonal baselines need "
                "the column that says when a row happened"
            )
        if self.validation.kind == "group" and window.holdout_s is not None:
            raise ValueError(
                "a hold-out by time could share groups with training; write window.holdout as a "
                "share, such as 0.2"
            )
        if (window.train or window.gap) and not timed:
            raise ValueError(
                "window.train and window.gap need a hold-out by time: write window.holdout as a "
                "length, such as 30d, or validation.kind: time"
            )
        if self.gates.fresh is not None and data.time is None:
            raise ValueError("gates.fresh needs data.time: the column that says how old a row is")
        delay = data.label_delay
        if window.gap is not None and delay is not None and window.gap < delay:
            raise ValueError(
                "window.gap is shorter than data.label_delay: when the hold-out begins, not all "
                "labels of training would have been known"
            )
        return self

    @model_validator(mode="after")
    def _retraining_fits(self) -> Self:
        if self.retrain is not None and self.register_.alias is not None:
            raise ValueError(
                "register.alias and retrain do not go together: retraining moves champion, and "
                "challenger for a canary, once gates and people agree"
            )
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        data = self.data
        # Groups may be those of ids.
        group = None if self.validation.group == data.id else self.validation.group
        special = [data.target, data.time, data.id, group, self.window.held_out]
        known = [name for name in special if name is not None]
        if len(set(known)) != len(known):
            raise ValueError(
                "target, time, id, group and window.held_out have to be columns of their own"
            )
        if data.target in data.drop:
            raise ValueError("data.drop names the target")
        return self
