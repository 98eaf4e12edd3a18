"""Watches the errors of all variants in the order of their predictions, and tells of drift."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from serve_app.errors import InvalidInput
from serve_app.monitoring.concept import DEFAULT_DETECTORS, detector_named
from serve_app.monitoring.concept.detector import Detector
from serve_app.monitoring.concept.stream import Change, ErrorStream

MAX_STREAMS = 12
"""Streams of one variant; those of more classes are not watched by themselves, and counted."""
MAX_WAITING = 100_000
"""Rows of one variant that wait for earlier ones; beyond it the oldest are taken at once."""


class Watched(NamedTuple):
    """Whose errors these are."""

    endpoint: str
    variant: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a row now: when it was predicted (seconds since 1970), and its errors."""

    at_s: float
    row_id: str
    errors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ConceptEvent:
    """A detector warns of a stream of errors, or says that it has changed.

    `at_s` and `row_id` are those of the prediction at which it did.
    """

    endpoint: str
    variant: str
    stream: str
    at_s: float
    row_id: str
    change: Change

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "endpoint": self.endpoint,
            "variant": self.variant,
            "stream": self.stream,
            "at_s": self.at_s,
            "row_id": self.row_id,
            **asdict(self.change),
            "direction": self.change.direction,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ConceptEvent:
        """Read what `to_json` wrote."""
        of_change = {field.name: body[field.name] for field in fields(Change)}
        names = ("endpoint", "variant", "stream", "at_s", "row_id")
        return cls(**{name: body[name] for name in names}, change=Change(**of_change))


class _Line:
    """The rows of one variant: those that wait in order, and the streams of those taken."""

    def __init__(self) -> None:
        self.waiting: dict[str, Outcome] = {}
        self.order: list[tuple[float, str]] = []
        self.last: tuple[float, str] = (-math.inf, "")
        self.streams: dict[str, ErrorStream] = {}
        self.late = 0
        self.unwatched = 0

    def add(self, outcome: Outcome) -> None:
        """Let a row wait; one that waits already is replaced, one that comes too late counted."""
        place = (outcome.at_s, outcome.row_id)
        if place <= self.last:
            self.late += 1
            return
        if outcome.row_id not in self.waiting:
            heapq.heappush(self.order, place)
        self.waiting[outcome.row_id] = outcome

    def next_until(self, until_s: float) -> Iterator[Outcome]:
        """Take the rows predicted until then, in their order."""
        while self.order and self.order[0][0] <= until_s:
            self.last = heapq.heappop(self.order)
            yield self.waiting.pop(self.last[1])


class ConceptWatcher:
    """Detectors for each stream of errors of each variant.

    Labels come in any order, and detectors need that of the predictions: rows wait until
    `advance` says that no earlier ones are to be expected.
    """

    def __init__(
        self,
        detectors: Sequence[str] = DEFAULT_DETECTORS,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Choose detectors by name, with settings by name.

        Raises:
            ConfigError: a detector or setting is not known, or river is not installed.
        """
        self._names = tuple(detectors)
        self._settings = dict(settings or {})
        self._lines: dict[Watched, _Line] = {}
        self._pending: list[ConceptEvent] = []
        self._binary = [detector.name for detector in self._new_detectors() if detector.binary]

    def add(self, watched: Watched, outcome: Outcome) -> None:
        """Take what became known of a row; the same again changes nothing while it waits.

        Raises:
            InvalidInput: a time or an error is no finite number, or neither 0 nor 1 where a
                detector takes nothing else.
        """
        errors = outcome.errors.values()
        if not all(map(math.isfinite, (outcome.at_s, *errors))):
            raise InvalidInput(f"row {outcome.row_id!r}: times and errors are finite numbers")
        if self._binary and not {0, 1}.issuperset(errors):
            msg = (
                f"row {outcome.row_id!r}: {', '.join(self._binary)} watch errors of 0 or 1 (right "
                "or wrong) alone; choose adwin or page_hinkley for errors of any size"
            )
            raise InvalidInput(msg)
        line = self._lines.setdefault(watched, _Line())
        line.add(outcome)
        if len(line.waiting) > MAX_WAITING:
            self._pending += self._take(watched, line, line.order[0][0])

    def advance(self, until_s: float) -> list[ConceptEvent]:
        """Take all rows predicted until then, in seconds since 1970; what detectors say."""
        events, self._pending = self._pending, []
        for watched, line in self._lines.items():
            events += self._take(watched, line, until_s)
        return events

    def keep(self, watched: Collection[Watched]) -> None:
        """Forget all variants but these."""
        self._lines = {name: line for name, line in self._lines.items() if name in watched}

    def counts(self) -> dict[Watched, dict[str, int]]:
        """By variant: rows that wait, that came too late, and errors of classes not watched."""
        return {
            watched: {
                "waiting": len(line.waiting),
                "late": line.late,
                "unwatched": line.unwatched,
            }
            for watched, line in self._lines.items()
        }

    def state(self) -> bytes:
        """All that it knows, as JSON: what waits, and what each detector has learned."""
        lines = [
            {
                "watched": list(watched),
                "last": [line.last[0], line.last[1]],
                "late": line.late,
                "unwatched": line.unwatched,
                "waiting": [asdict(outcome) for outcome in line.waiting.values()],
                "streams": {name: stream.state() for name, stream in line.streams.items()},
            }
            for watched, line in self._lines.items()
        ]
        pending = [{**asdict(event), "change": asdict(event.change)} for event in self._pending]
        return json.dumps({"lines": lines, "pending": pending}).encode()

    def restore(self, state: bytes) -> list[str]:
        """Go on from a state; why some detectors begin anew instead.

        Raises:
            InvalidInput: that is no state; nothing has changed.
        """
        try:
            content = json.loads(state)
            lines, refused = {}, []
            for part in content["lines"]:
                watched = Watched(*part["watched"])
                lines[watched], words = self._line(part)
                refused += [f"{watched.endpoint} {watched.variant}: {word}" for word in words]
            pending = [
                ConceptEvent(**{**event, "change": Change(**event["change"])})
                for event in content["pending"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput("the state of the concept watcher is not readable") from error
        self._lines, self._pending = lines, pending
        return refused

    def _line(self, part: Mapping[str, Any]) -> tuple[_Line, list[str]]:
        line, refused = _Line(), []
        line.last = (float(part["last"][0]), str(part["last"][1]))
        for content in part["waiting"]:
            line.add(Outcome(**content))
        line.late, line.unwatched = int(part["late"]), int(part["unwatched"])
        for name, content in part["streams"].items():
            stream = self._new_stream()
            refused += [f"{name}: {word}" for word in stream.restore(content)]
            line.streams[name] = stream
        return line, refused

    def _take(self, watched: Watched, line: _Line, until_s: float) -> list[ConceptEvent]:
        return [
            ConceptEvent(*watched, name, outcome.at_s, outcome.row_id, change)
            for outcome in line.next_until(until_s)
            for name, error in outcome.errors.items()
            for change in self._update(line, name, error)
        ]

    def _update(self, line: _Line, name: str, error: float) -> list[Change]:
        stream = line.streams.get(name)
        if stream is None:
            if len(line.streams) >= MAX_STREAMS:
                line.unwatched += 1
                return []
            stream = line.streams[name] = self._new_stream()
        return stream.update(error)

    def _new_stream(self) -> ErrorStream:
        return ErrorStream(self._new_detectors())

    def _new_detectors(self) -> list[Detector]:
        return [detector_named(name, self._settings.get(name, {})) for name in self._names]
