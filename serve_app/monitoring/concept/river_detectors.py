"""The detectors of river, with settings checked and a state that is JSON."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from river import drift

from serve_app.errors import ConfigError, InvalidInput
from serve_app.monitoring.concept import river_state
from serve_app.monitoring.concept.detector import Level


@cache
def _defaults_of(kind: Callable[..., Any]) -> Mapping[str, Any]:
    parameters = inspect.signature(kind).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


class _RiverDetector:
    """A detector of river; subclasses say which, and what differs from its defaults."""

    name: ClassVar[str]
    kind: ClassVar[Callable[..., Any]]
    defaults: ClassVar[Mapping[str, Any]] = {}
    binary: ClassVar[bool] = False
    """Whether it takes nothing but 0 and 1."""

    def __init__(self, settings: Mapping[str, float | int | str | bool]) -> None:
        known = _defaults_of(self.kind)
        unknown = sorted(set(settings) - set(known))
        if unknown:
            msg = (
                f"the drift detector {self.name!r} has no setting {', '.join(unknown)}; "
                f"it has {', '.join(known)}"
            )
            raise ConfigError(msg)
        self._settings = {**known, **self.defaults, **settings}
        try:
            self._detector = self.kind(**self._settings)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"the drift detector {self.name!r}: {error}") from error

    @property
    def settings(self) -> Mapping[str, Any]:
        """All its settings."""
        return dict(self._settings)

    def update(self, value: float) -> Level:
        """Take the next value.

        Raises:
            InvalidInput: it is no number, or neither 0 nor 1 where nothing else is allowed.
        """
        if not math.isfinite(value):
            raise InvalidInput(f"an error to watch is a finite number, not {value}")
        if self.binary and value not in {0, 1}:
            msg = f"the drift detector {self.name!r} takes 0 or 1 (right or wrong), not {value}"
            raise InvalidInput(msg)
        self._detector.update(value)
        if self._detector.drift_detected:
            return "drift"
        return "warning" if getattr(self._detector, "warning_detected", False) else "stable"

    def state(self) -> bytes:
        """All that it knows, as JSON."""
        return river_state.encode(self.name, self._settings, self._detector)

    def restore(self, state: bytes) -> None:
        """Go on where a detector with the same settings stopped.

        Raises:
            InvalidInput: that is no state of such a detector, or one of another version.
        """
        fresh = self.kind(**self._settings)
        river_state.decode(state, self.name, self._settings, fresh)
        self._detector = fresh


class Adwin(_RiverDetector):
    """ADWIN: a window that drops its older part where the newer one has another mean."""

    name = "adwin"
    kind = drift.ADWIN


class PageHinkley(_RiverDetector):
    """Page-Hinkley: adds up by how much values exceed their mean, and sees a rise.

    Its defaults here are for errors of 0 or 1, or of about that size: a rise of up to `delta` is
    tolerated, and `threshold` is the sum that is a drift. Those of river (0.005 and 50, both
    directions) take 40 % longer for a rise of 0.07.
    """

    name = "page_hinkley"
    kind = drift.PageHinkley
    defaults: ClassVar[Mapping[str, Any]] = {"mode": "up", "delta": 0.02, "threshold": 30.0}


class Ddm(_RiverDetector):
    """DDM: compares the error rate with its lowest so far."""

    name = "ddm"
    kind = drift.binary.DDM
    binary = True


class Eddm(_RiverDetector):
    """EDDM: watches the distance between errors."""

    name = "eddm"
    kind = drift.binary.EDDM
    binary = True


class HddmA(_RiverDetector):
    """HDDM-A: Hoeffding's bound on moving averages of errors."""

    name = "hddm_a"
    kind = drift.binary.HDDMA
    binary = True


class HddmW(_RiverDetector):
    """HDDM-W: McDiarmid's bound on weighted moving averages of errors."""

    name = "hddm_w"
    kind = drift.binary.HDDMW
    binary = True
