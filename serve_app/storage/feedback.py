"""Keeps feedback, and what was predicted where it is about something that is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from serve_app.core.feedback import Feedback, Outcome, Received
from serve_app.core.labelled import (
    FeedbackSummary,
    LabelledRow,
    Match,
    Miss,
    PendingFeedback,
)
from serve_app.storage.store import Store

if TYPE_CHECKING:
    from serve_app.storage.database import Database
    from serve_app.storage.feedback_matches import FeedbackMatches
    from serve_app.storage.feedback_reading import FeedbackReader
    from serve_app.storage.feedback_rows import FeedbackWriter

PAGE = 1000


class FeedbackStore(Store):
    """All feedback of a cluster; the newest of a prediction stands, what it replaced is kept too.

    Every method raises RegistryFailed where the database cannot be read or written.
    """

    @cached_property
    def _database(self) -> Database:
        from serve_app.storage.database import open_database  # noqa: PLC0415

        return open_database(self._place, self._clock)

    @cached_property
    def _writer(self) -> FeedbackWriter:
        from serve_app.storage.feedback_rows import FeedbackWriter  # noqa: PLC0415

        return FeedbackWriter(self._database)

    @cached_property
    def _reader(self) -> FeedbackReader:
        from serve_app.storage.feedback_reading import FeedbackReader  # noqa: PLC0415

        return FeedbackReader(self._database)

    @cached_property
    def _matches(self) -> FeedbackMatches:
        from serve_app.storage.feedback_matches import FeedbackMatches  # noqa: PLC0415

        return FeedbackMatches(self._database)

    def record(self, feedback: Feedback, at_s: float) -> Outcome:
        """Keep feedback, received at a time in seconds since 1970."""
        return self.record_all([feedback], at_s)[0]

    def record_all(self, items: Sequence[Feedback], at_s: float) -> list[Outcome]:
        """Keep all items or none of them, received at a time in seconds since 1970.

        A truth that comes after a reward, or the other way round, completes what is there. Of
        different truths (or rewards) about one prediction the newest stands, by when they became
        known or else were received, and the others stay in the log. What is received twice
        counts once.
        """
        return self._writer.record_all(items, at_s)

    def received(self, endpoint: str | None = None) -> list[Received]:
        """How much there is, by endpoint and variants."""
        received = self._reader.received(endpoint)
        return sorted(received, key=lambda one: (one.endpoint, one.variants))

    def all(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        """What stands of every prediction, those first that were received first."""
        last = 0
        while True:
            # A page at a time: whoever reads slowly must keep no transaction open.
            page = self.page(endpoint, after=last, limit=PAGE)
            for record in page:
                last = record.pop("number")
                yield record
            if len(page) < PAGE:
                return

    def page(self, endpoint: str | None, *, after: int, limit: int) -> list[dict[str, Any]]:
        """Up to so many records that come after the number of one, the oldest first."""
        return [
            {
                "number": row.number,
                "endpoint": row.endpoint,
                "prediction_id": row.prediction_id,
                "key": row.key,
                "row": row.row,
                "variants": json.loads(row.variants),
                "truth": None if row.truth is None else json.loads(row.truth),
                "reward": row.reward,
                "request_id": row.request_id,
                "received_at_s": row.received_at_s,
                "known_at_s": row.first_at_s,
                "state": row.state,
                "why": row.why,
            }
            for row in self._reader.page(endpoint, after, limit)
        ]

    def log(self, number: int) -> list[dict[str, Any]]:
        """Every item about the prediction whose record has a number, as it came, in order.

        Those that only said again what stood are not there.
        """
        return [
            {
                "outcome": row.outcome,
                "truth": None if row.truth is None else json.loads(row.truth),
                "reward": row.reward,
                "label_at_s": row.label_at_s,
                "variants": json.loads(row.variants),
                "request_id": row.request_id,
                "received_at_s": row.received_at_s,
            }
            for row in self._reader.log(number)
        ]

    def pending(self, endpoint: str, limit: int, *, due_s: float) -> list[PendingFeedback]:
        """Up to so much feedback whose prediction is to be looked for at a time."""
        return self._matches.pending(endpoint, limit, due_s)

    def match(self, decisions: Sequence[Match | Miss]) -> int:
        """Keep what was matched and missed, and say how much of it; what changed meanwhile waits.

        All of it is kept, or none.
        """
        return self._matches.decide(decisions)

    def labelled(self, endpoint: str, since_s: float, until_s: float) -> Iterator[LabelledRow]:
        """The labelled rows of predictions of some time, the oldest first, each once."""
        return self._matches.labelled(endpoint, since_s, until_s, PAGE)

    def arrivals(self, endpoint: str, limit: int) -> dict[tuple[str, ...], list[float]]:
        """How late the newest labels came, in seconds after their prediction, by variants."""
        return self._matches.arrivals(endpoint, limit)

    def labelled_count(self, endpoint: str, since_s: float, until_s: float) -> int:
        """How many rows of the predictions of some time have a truth."""
        return self._matches.labelled_count(endpoint, since_s, until_s)

    def counts(self, endpoint: str) -> dict[str, int]:
        """How often what became of feedback, and how much is in which state now."""
        return self._matches.counts(endpoint)

    def summary(
        self,
        endpoint: str,
        since_s: float,
        until_s: float,
        predicted: Mapping[tuple[str, ...], int],
    ) -> FeedbackSummary:
        """Label coverage and delays of the predictions of some time.

        `predicted` says how many rows the variants predicted in that time.
        """
        times_s = (since_s, until_s)
        by_variants = self._matches.coverage(endpoint, times_s, predicted)
        return FeedbackSummary(endpoint, since_s, until_s, by_variants, self.counts(endpoint))
