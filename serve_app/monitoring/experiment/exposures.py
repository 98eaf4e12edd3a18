"""Who was given which variant, and what became known of the answers: arrays with a value per row.

Rows are those of the record of requests, in the order of time. The unit that an experiment counts
is a subject where the route has a key, and a request otherwise; a unit that was given several
variants, since weights changed, is one of each.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.labelled import LabelledRow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """Rows of requests that were given a variant by chance.

    `arm` is the place of the variant that was chosen, `subject` the key of the route (None of a
    request without one), `propensity` the probability of that choice, `answered` whether that
    variant itself answered, `covariate` what was known from before (NaN where nothing was).
    """

    at_s: Floats
    arm: Ints
    prediction_id: Objects
    row: Ints
    subject: Objects
    epoch: Ints
    propensity: Floats
    answered: NDArray[np.bool_]
    took_s: Floats
    covariate: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    @classmethod
    def empty(cls) -> Exposures:
        """No rows."""
        floats, ints = np.empty(0), np.empty(0, np.int64)
        objects, truths = np.empty(0, object), np.empty(0, np.bool_)
        return cls(
            floats, ints, objects, ints, objects, ints, floats, truths, floats, floats
        )  # fmt: skip

    def take(self, wanted: NDArray[Any]) -> Exposures:
        """The rows at some places, or those for which something is true."""
        return Exposures(*(getattr(self, one.name)[wanted] for one in fields(self)))

    def units(self) -> list[str]:
        """The name of each row's unit: its subject, else its request."""
        return [
            name if subject is None else subject
            for subject, name in zip(
                self.subject.tolist(), self.prediction_id.tolist(), strict=True
            )
        ]

    def thinned(self, one_of: int) -> Exposures:
        """The rows of one of so many units, by a hash, so that it is always the same ones."""
        if one_of <= 1:
            return self
        kept = [zlib.crc32(unit.encode()) % one_of == 0 for unit in self.units()]
        return self.take(np.array(kept, dtype=np.bool_))


def joined(parts: Sequence[Exposures]) -> Exposures:
    """The rows of all parts, by time."""
    given = [one for one in parts if len(one)]
    if not given:
        return Exposures.empty()
    every = Exposures(
        *(np.concatenate([getattr(part, one.name) for part in given]) for one in fields(Exposures))
    )
    return every.take(np.argsort(every.at_s, kind="stable"))


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What became known of each row of exposures.

    `delay_s` is how long after the request, NaN where nothing is known; `reward` is NaN where
    there is none; `truth`, `value` (the answer) and `probabilities` are None where there is none.
    """

    delay_s: Floats
    reward: Floats
    truth: Objects
    value: Objects
    probabilities: Objects


def labels_of(exposures: Exposures, labelled: Iterable[LabelledRow]) -> Labels:
    """The labels of rows of exposures; those of others, and late ones, do not count."""
    names = zip(exposures.prediction_id.tolist(), exposures.row.tolist(), strict=True)
    places = {name: place for place, name in enumerate(names)}
    n = len(exposures)
    delay_s, reward = np.full(n, np.nan), np.full(n, np.nan)
    truth, value = np.full(n, None), np.full(n, None)
    probabilities = np.full(n, None)
    for one in labelled:
        place = places.get((one.prediction.prediction_id, one.prediction.row))
        if place is None or one.late:
            continue
        delay_s[place] = max(0.0, one.delay_s)
        if one.reward is not None:
            reward[place] = one.reward
        truth[place] = one.truth
        value[place] = one.prediction.value
        probabilities[place] = one.prediction.probabilities
    return Labels(delay_s, reward, truth, value, probabilities)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of exposures, each once per variant that it was given.

    `of_row` is the place of each row's unit; `arm`, `first_s` (when it came first), `first_row`
    and `weight` (1 / propensity of its first request) have a value per unit.
    """

    of_row: Ints
    arm: Ints
    first_s: Floats
    first_row: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.arm)


def units_of(exposures: Exposures) -> Units:
    """The units of rows that are in the order of time."""
    codes: dict[tuple[str, int], int] = {}
    names = zip(exposures.units(), exposures.arm.tolist(), strict=True)
    of_row = np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)
    _, first_row = np.unique(of_row, return_index=True)
    return Units(
        of_row,
        exposures.arm[first_row],
        exposures.at_s[first_row],
        first_row.astype(np.int64),
        1.0 / exposures.propensity[first_row],
    )
