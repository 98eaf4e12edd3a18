"""Follows the labelled rows of one endpoint in the order of their predictions, each once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core.labelled import LabelledRow
from serve_app.core.signature import Output
from serve_app.errors import InvalidInput
from serve_app.monitoring.concept.errors import classification_errors, regression_errors
from serve_app.monitoring.concept.watcher import ConceptEvent, ConceptWatcher, Outcome, Watched
from serve_app.monitoring.quality.sums import number

MAX_EVENTS = 100
"""Changes that are remembered."""
MAX_VARIANTS = 20
"""Variants that are watched at once: those that had rows last."""
SCALE_ROWS = 100
"""Where nothing is known of a regressor's errors, so many tell in which unit to measure them."""
COUNTED_HOURS = 24
"""Hours of predictions in which rows are counted, so that late ones can be told."""
HOUR_S = 3600.0
_UNREADABLE = "the state of the concept watch is not readable"
ScaleOf = Callable[[str], float | None]


def cannot_be_watched(output: Output) -> str | None:
    """Why nothing says whether answers of this kind are wrong; none where something does."""
    if output.kind == "classification" or (output.kind == "regression" and output.width == 1):
        return None
    return "only one class or one number per row can be wrong or right"


@dataclass(frozen=True, slots=True)
class ConceptHistory:
    """The last changes of an endpoint, all of whose rows until `position_s` were taken."""

    position_s: float
    events: tuple[ConceptEvent, ...]

    @classmethod
    def of_state(cls, body: Mapping[str, Any]) -> ConceptHistory:
        """That of the state of a follower.

        Raises:
            InvalidInput: it is none.
        """
        try:
            events = tuple(ConceptEvent.from_json(event) for event in body["events"])
            return cls(float(body["position_s"]), events)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(_UNREADABLE) from error

    def rises(self, stands_s: float, versions: Collection[str]) -> list[list[ConceptEvent]]:
        """The rises that stand, those of one stream of errors together, the newest first.

        A rise stands for so many seconds of predictions, and while its versions are asked.
        """
        standing: dict[tuple[str, str], list[ConceptEvent]] = {}
        for event in reversed(self.events):
            is_current = set(event.variant.split("+")) <= set(versions)
            is_new = event.at_s >= self.position_s - stands_s
            if is_current and is_new and event.change.direction == "rising":
                standing.setdefault((event.variant, event.stream), []).append(event)
        return list(standing.values())


class ConceptFollower:
    """What detectors say of an endpoint's rows, up to a position in time.

    Rows are taken once all of a time are expected to have a label, and all of that time at once:
    what comes later is late, and what is amended later changes nothing.
    """

    def __init__(self, endpoint: str, watcher: ConceptWatcher) -> None:
        self._endpoint, self._watcher = endpoint, watcher
        self.position_s = 0.0
        self.events: list[ConceptEvent] = []
        self.rows: dict[str, int] = {}
        self.left_out = 0
        self.detected: dict[tuple[str, str], int] = {}
        self.taken: dict[int, int] = {}
        self._last_s: dict[str, float] = {}
        self._scales: dict[str, list[float]] = {}

    def take(
        self, rows: Iterable[LabelledRow], until_s: float, output: Output, scale_of: ScaleOf
    ) -> None:
        """Take all labelled rows from the position until a time, in seconds since 1970.

        `scale_of` gives the RMSE that a version had where it was registered.
        """
        for row in rows:
            if row.truth is None:
                continue
            at_s, variant = row.prediction.at_s, "+".join(row.prediction.variants)
            hour = int(at_s // HOUR_S)
            self.taken[hour] = self.taken.get(hour, 0) + 1
            self._last_s[variant] = at_s
            try:
                errors = self._errors(row, variant, output, scale_of)
                if errors is None:
                    continue
                self._watcher.add(Watched(self._endpoint, variant), _outcome(row, errors))
            except InvalidInput:
                self.left_out += 1
                continue
            self.rows[variant] = self.rows.get(variant, 0) + 1
        self.position_s = max(self.position_s, until_s)
        # All that was added is older: nothing waits between two calls.
        self._remember(self._watcher.advance(math.inf))
        self._forget()

    @property
    def history(self) -> ConceptHistory:
        """What changed so far."""
        return ConceptHistory(self.position_s, tuple(self.events))

    @property
    def unit_rows(self) -> dict[str, int]:
        """How many rows set the unit of errors so far, of each variant that has none yet."""
        return {
            variant: min(int(count), SCALE_ROWS)
            for variant, (count, squares) in self._scales.items()
            if variant not in self.rows and not (count >= SCALE_ROWS and squares > 0)
        }

    def state(self) -> dict[str, Any]:
        """All that it knows, as JSON values."""
        return {
            "position_s": self.position_s,
            "watcher": self._watcher.state().decode(),
            "events": [event.to_json() for event in self.events],
            "rows": self.rows,
            "left_out": self.left_out,
            "detected": [[*names, count] for names, count in self.detected.items()],
            "taken": [[hour, count] for hour, count in self.taken.items()],
            "last_s": self._last_s,
            "scales": self._scales,
        }

    def restore(self, body: Mapping[str, Any]) -> list[str]:
        """Go on from a state; why some detectors begin anew instead.

        Raises:
            InvalidInput: that is no state; nothing has changed.
        """
        try:
            known = {
                "position_s": float(body["position_s"]),
                "events": [ConceptEvent.from_json(event) for event in body["events"]],
                "rows": dict(body["rows"]),
                "left_out": int(body["left_out"]),
                "detected": {(one, other): count for one, other, count in body["detected"]},
                "taken": {int(hour): int(count) for hour, count in body["taken"]},
                "_last_s": dict(body["last_s"]),
                "_scales": dict(body["scales"]),
            }
            words = self._watcher.restore(body["watcher"].encode())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(_UNREADABLE) from error
        vars(self).update(known)
        return words

    def _errors(
        self, row: LabelledRow, variant: str, output: Output, scale_of: ScaleOf
    ) -> Mapping[str, float] | None:
        """The errors of a row; none while it is not known in which unit to measure them."""
        if output.kind == "classification":
            return classification_errors(row.prediction.value, row.truth)
        predicted, truth = number(row.prediction.value), number(row.truth)
        scale = self._scale(variant, predicted - truth, scale_of)
        return None if scale is None else regression_errors(predicted, truth, scale)

    def _scale(self, variant: str, error: float, scale_of: ScaleOf) -> float | None:
        known = [scale for version in variant.split("+") if (scale := scale_of(version))]
        if known:
            return sum(known) / len(known)
        count, squares = self._scales.get(variant, [0.0, 0.0])
        if count >= SCALE_ROWS and squares > 0:
            return math.sqrt(squares / count)
        if math.isfinite(error):
            self._scales[variant] = [count + 1, squares + error * error]
        return None

    def _remember(self, events: Sequence[ConceptEvent]) -> None:
        for event in events:
            if event.change.level == "drift":
                key = (event.variant, event.change.detector)
                self.detected[key] = self.detected.get(key, 0) + 1
        changes = [event for event in events if event.change.level == "drift"]
        self.events = [*self.events, *changes][-MAX_EVENTS:]

    def _forget(self) -> None:
        """Let go of what is of no use any more: old hours, and variants without rows."""
        first = int(self.position_s // HOUR_S) - COUNTED_HOURS
        self.taken = {hour: count for hour, count in self.taken.items() if hour >= first}
        newest = sorted(self._last_s, key=lambda name: self._last_s[name])[-MAX_VARIANTS:]
        self._last_s = {name: self._last_s[name] for name in newest}
        self._scales = {name: sums for name, sums in self._scales.items() if name in newest}
        self.rows = {name: count for name, count in self.rows.items() if name in newest}
        self.detected = {key: count for key, count in self.detected.items() if key[0] in newest}
        self._watcher.keep([Watched(self._endpoint, name) for name in newest])


def _outcome(row: LabelledRow, errors: Mapping[str, float]) -> Outcome:
    given = row.prediction
    # In the order of the rows of a request, as text too.
    return Outcome(given.at_s, f"{given.prediction_id} row {given.row:08d}", errors)
