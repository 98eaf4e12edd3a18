"""Which rows are trained on, which are held out, and which are in which fold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput
from serve_app.lifecycle.digests import digest_of_arrays

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RowFacts:
    """What of each row decides where it belongs.

    `times_ns` are nanoseconds since 1970, `classes` numbers of classes, `groups` numbers of
    groups, `held_out` what the data itself says of the hold-out, `series` numbers of series; each
    has one for every row, or is missing.
    """

    rows: int
    times_ns: Array | None = None
    classes: Array | None = None
    groups: Array | None = None
    held_out: Array | None = None
    series: Array | None = None


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How rows are split: lengths of time in seconds, the hold-out as a length or a share."""

    kind: str
    folds: int
    seed: int
    holdout_s: float | None = None
    holdout_share: float | None = None
    train_s: float | None = None
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Places of rows: those of training, those held out, and the folds within training."""

    train: Array
    holdout: Array
    folds: tuple[tuple[Array, Array], ...]

    def arrays(self) -> dict[str, Array]:
        """All parts by name, as they are stored."""
        parts = {"train": self.train, "holdout": self.holdout}
        for number, (fitted, rest) in enumerate(self.folds):
            parts[f"fold{number:02d}_fitted"] = fitted
            parts[f"fold{number:02d}_rest"] = rest
        return parts

    @property
    def digest(self) -> str:
        """The SHA-256 of all parts."""
        return digest_of_arrays(self.arrays().values())

    def save(self, path: Path) -> None:
        """Write it as a NumPy archive."""
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **self.arrays())

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as parts:
            numbers = range((len(parts.files) - 2) // 2)
            folds = tuple(
                (parts[f"fold{one:02d}_fitted"], parts[f"fold{one:02d}_rest"]) for one in numbers
            )
            return cls(parts["train"], parts["holdout"], folds)


def split(facts: RowFacts, rule: SplitRule) -> Split:
    """Rows of training, of the hold-out, and of the folds; the same for the same facts and rule.

    Raises:
        InvalidInput: a part would be empty, or a class in too few rows; says what to change.
    """
    rng = np.random.default_rng([rule.seed, 1])
    train, holdout = _parts(facts, rule, rng)
    if not len(holdout) or not len(train):
        empty = "hold-out" if not len(holdout) else "training"
        msg = (
            f"the {empty} would have no rows of {facts.rows}: change window.holdout, window.gap "
            "or window.train, or the column of window.held_out"
        )
        raise InvalidInput(msg)
    if rule.kind == "time":
        return Split(train, holdout, _time_folds(_times(facts), train, rule))
    labels = _labels(facts, rule, rng)[train]
    folds = _dealt(labels, rule.folds, rng, whole=rule.kind == "group")
    pairs = tuple((train[folds != one], train[folds == one]) for one in range(rule.folds))
    for number, pair in enumerate(pairs):
        if not len(pair[0]) or not len(pair[1]):
            msg = f"fold {number} has no rows: there are too few for validation.folds {rule.folds}"
            raise InvalidInput(msg)
    return Split(train, holdout, pairs)


def _parts(facts: RowFacts, rule: SplitRule, rng: np.random.Generator) -> tuple[Array, Array]:
    """The rows of training, and those that are held out."""
    if facts.held_out is None:
        by_time = rule.holdout_s is not None or rule.kind == "time"
        return _newest(facts, rule) if by_time else _share(facts, rule, rng)
    train, holdout = np.flatnonzero(~facts.held_out), np.flatnonzero(facts.held_out)
    groups = facts.groups
    if groups is not None and len(np.intersect1d(groups[train], groups[holdout])):
        raise InvalidInput(
            "window.held_out: a group has rows in training and in the hold-out; validation.kind "
            "group wants all rows of a group on one side"
        )
    return train, holdout


def _times(facts: RowFacts) -> Array:
    if facts.times_ns is None:
        raise InvalidInput("data.time is missing: the split is by time")
    return facts.times_ns


def _newest(facts: RowFacts, rule: SplitRule) -> tuple[Array, Array]:
    """The newest rows are held out; before them is the gap, before that training."""
    times = _times(facts)
    if rule.holdout_s is not None:
        begin = int(times.max()) - int(rule.holdout_s * _NS)
    else:
        # Rows of one moment are in one part.
        share = rule.holdout_share or 0.0
        begin = int(np.sort(times)[max(0, facts.rows - 1 - round(share * facts.rows))])
    holdout = np.flatnonzero(times > begin)
    end = begin - int(rule.gap_s * _NS)
    fits = times <= end
    if rule.train_s is not None:
        fits &= times > end - int(rule.train_s * _NS)
    return np.flatnonzero(fits), holdout


def _labels(facts: RowFacts, rule: SplitRule, rng: np.random.Generator) -> Array:
    """What rows are dealt by: their class, their group, or nothing."""
    if rule.kind == "group":
        if facts.groups is None:
            raise InvalidInput("validation.group is missing: the split is by group")
        # The order in which groups are dealt is drawn; their numbers mean nothing.
        count = int(facts.groups.max()) + 1
        drawn: Array = rng.permutation(count)[facts.groups]
        return drawn
    if rule.kind == "stratified" and facts.classes is not None:
        return facts.classes
    return np.zeros(facts.rows, dtype=np.intp)


def _share(facts: RowFacts, rule: SplitRule, rng: np.random.Generator) -> tuple[Array, Array]:
    """A share of the rows of each class is held out, or a share of groups."""
    labels, share = _labels(facts, rule, rng), rule.holdout_share or 0.0
    held_out = np.zeros(facts.rows, dtype=bool)
    if rule.kind == "group":
        ends = np.cumsum(np.bincount(labels))
        chosen = np.flatnonzero(ends <= max(int(ends[0]), round(share * facts.rows)))
        held_out[np.isin(labels, chosen)] = True
    else:
        for label in np.unique(labels):
            places = rng.permutation(np.flatnonzero(labels == label))
            held_out[places[: round(share * len(places))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _dealt(labels: Array, folds: int, rng: np.random.Generator, *, whole: bool) -> Array:
    """The fold of each row: rows of one label are spread evenly, or, `whole`, stay together."""
    numbers, counts = np.unique(labels, return_counts=True)
    fold = np.zeros(len(labels), dtype=np.intp)
    if whole:
        if len(numbers) < folds:
            msg = (
                f"there are {len(numbers)} groups to train on, fewer than validation.folds {folds}"
            )
            raise InvalidInput(msg)
        sizes = np.zeros(folds, dtype=np.int64)
        for place in np.argsort(-counts, kind="stable"):
            smallest = int(sizes.argmin())
            fold[labels == numbers[place]] = smallest
            sizes[smallest] += counts[place]
        return fold
    start = 0
    for label, count in zip(numbers, counts, strict=True):
        if len(numbers) > 1 and count < folds:
            msg = (
                f"class {int(label)} has {int(count)} rows to train on, fewer than "
                f"validation.folds {folds}: use fewer folds, or kind: random"
            )
            raise InvalidInput(msg)
        places = rng.permutation(np.flatnonzero(labels == label))
        # Going on where the last label ended keeps folds of one size.
        fold[places] = (start + np.arange(len(places))) % folds
        start += len(places)
    return fold


def _time_folds(times: Array, train: Array, rule: SplitRule) -> tuple[tuple[Array, Array], ...]:
    """Folds of one size, each later than what it is fitted on, with the gap between.

    Source: rolling-origin evaluation, Tashman, International Journal of Forecasting 16, 2000.
    """
    own = times[train]
    ordered = np.sort(own)
    size = len(ordered) // (rule.folds + 1)
    if size == 0:
        msg = f"there are {len(ordered)} rows to train on, too few for {rule.folds} folds by time"
        raise InvalidInput(msg)
    first = len(ordered) - rule.folds * size
    pairs: list[tuple[Array, Array]] = []
    for number in range(rule.folds):
        place = first + number * size
        # The newest moment that is not judged; rows of one moment are never on both sides.
        before = int(ordered[place - 1])
        end = int(ordered[place + size - 1])
        fitted = train[own <= before - int(rule.gap_s * _NS)]
        rest = train[(own > before) & (own <= end)]
        if not len(fitted) or not len(rest):
            msg = (
                f"fold {number} by time has {len(fitted)} rows to fit and {len(rest)} to judge: "
                "use fewer folds, or a shorter gap"
            )
            raise InvalidInput(msg)
        pairs.append((fitted, rest))
    return tuple(pairs)
