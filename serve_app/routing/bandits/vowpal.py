"""Vowpal Wabbit: a model of the reward by arm and context, and shares that follow from its gaps.

SquareCB: each arm gets 1 / (arms + gamma * gap) of the requests, where the gap is how much less it
is expected to earn than the best arm, and the best arm gets the rest; gamma grows with what is
known. Source: D. J. Foster and A. Rakhlin, "Beyond UCB: Optimal and Efficient Contextual Bandits
with Regression Oracles" (ICML 2020), as Vowpal Wabbit computes it (`--cb_explore_adf --squarecb`).
"""

from __future__ import annotations

import base64
import importlib.util
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from serve_app.routing.bandits.arms import Shares

NAME = "vowpal_wabbit"
MISSING = "policy: vowpal_wabbit needs Vowpal Wabbit, which is not installed here: pip install"
_OPTIONS = (
    "--cb_explore_adf --squarecb --cb_min_cost 0 --cb_max_cost 1 --interactions xa "
    "--bit_precision 14 --random_seed 1 --quiet"
)
_LARGEST = 1e100
_FARTHEST = 1e3
"""A value so many standard deviations from the mean counts as if it were no further."""
_ESCAPED = str.maketrans({" ": "_", "|": "_", ":": "_", "\n": "_"})
"""What would end a name in Vowpal Wabbit's text format."""


@dataclass(frozen=True, slots=True, eq=False)
class Rewarded:
    """A decision whose reward, from 0 to 1, is known; its `context` is of shape (features,).

    `propensity` is the probability with which the arm was chosen.
    """

    context: NDArray[np.float64]
    arm: str
    reward: float
    propensity: float


def is_installed() -> bool:
    """Whether Vowpal Wabbit is here."""
    return importlib.util.find_spec("vowpalwabbit") is not None


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What decisions taught: Vowpal Wabbit's own format, of features that were scaled.

    `mean` and `deviation` are those of the features in these decisions, of shape (features,).
    """

    data: bytes
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def scaled(self, context: NDArray[np.float64]) -> NDArray[np.float64]:
        """A context in deviations from the mean; what is no finite number stays none."""
        within = context.clip(-_LARGEST, _LARGEST)
        scaled: NDArray[np.float64] = ((within - self.mean) / self.deviation).clip(
            -_FARTHEST, _FARTHEST
        )
        return np.where(np.isfinite(context), scaled, np.nan)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON values."""
        data = base64.b64encode(self.data).decode("ascii")
        return {"data": data, "mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Model:
        """Read what `to_json` wrote."""
        mean, deviation = (np.array(body[name], np.float64) for name in ("mean", "deviation"))
        return cls(base64.b64decode(body["data"]), mean, deviation)


def trained(decisions: Sequence[Rewarded], arms: Sequence[str], features: int) -> Model:
    """The model that decisions teach, in the order given.

    Decisions for other arms teach nothing. The same decisions give the same model.

    Raises:
        ConfigError: Vowpal Wabbit is not installed.
    """
    workspace = _workspace(_OPTIONS)
    mean, deviation = _moments([one.context for one in decisions], features)
    model = Model(b"", mean, deviation)
    places = {arm: place for place, arm in enumerate(arms)}
    for one in decisions:
        place = places.get(one.arm)
        if place is not None and one.propensity > 0:
            label = f"0:{1 - one.reward!r}:{one.propensity!r} "
            workspace.learn([*_lines(model.scaled(one.context), arms, (place, label))])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        workspace.save(str(path))
        workspace.finish()
        return replace(model, data=path.read_bytes())


class VowpalWabbit:
    """Shares of arms by the context of each request, by a model that `trained` made.

    Raises:
        ConfigError: Vowpal Wabbit is not installed, or cannot read the model.
    """

    def __init__(self, model: Model, arms: Sequence[str]) -> None:
        self._model, self._arms = model, tuple(arms)
        with tempfile.NamedTemporaryFile() as file:
            file.write(model.data)
            file.flush()
            try:
                self._workspace = _workspace(f"--quiet --testonly --initial_regressor {file.name}")
            except RuntimeError as error:
                msg = f"Vowpal Wabbit cannot read what was learned: {error}"
                raise ConfigError(msg) from None

    def shares(self, context: NDArray[np.float64]) -> Shares:
        """The probability of each arm to answer a request of this context."""
        lines = [*_lines(self._model.scaled(context), self._arms)]
        given: Shares = np.array(self._workspace.predict(lines))
        total = given.sum()
        # It computes in single precision, in which a reward may come out as no number.
        return given / total if math.isfinite(total) else np.full(len(given), 1 / len(given))


def _moments(
    contexts: Sequence[NDArray[np.float64]], features: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the deviation of each feature; 0 and 1 of what never varies or is not known."""
    known = np.array([*contexts, np.full(features, np.nan)]).clip(-_LARGEST, _LARGEST)
    known = np.ma.masked_invalid(known)
    mean, deviation = (made.filled(0.0) for made in (known.mean(axis=0), known.std(axis=0)))
    return mean, np.where(deviation > 0, deviation, 1.0)


def _lines(
    context: NDArray[np.float64], arms: Sequence[str], labelled: tuple[int, str] | None = None
) -> Iterator[str]:
    """A decision in Vowpal Wabbit's text format; what is no finite number is left out."""
    values = enumerate(context.tolist())
    known = (f" {at}:{value!r}" for at, value in values if math.isfinite(value))
    yield f"shared |x{''.join(known)}"
    for place, arm in enumerate(arms):
        label = labelled[1] if labelled is not None and labelled[0] == place else ""
        yield f"{label}|a {arm.translate(_ESCAPED)}"


def _workspace(options: str) -> Any:
    try:
        from vowpalwabbit import Workspace  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ConfigError(f"{MISSING} 'serve-app[vw]'") from None
    return Workspace(options)
