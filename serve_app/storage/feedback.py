"""Keeps feedback until something joins it with what was predicted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from serve_app.core.feedback import Feedback, Outcome, Received
from serve_app.storage.place import place_of

if TYPE_CHECKING:
    from serve_app.storage.feedback_rows import FeedbackRows

PAGE = 1000


class FeedbackStore:
    """All feedback of a cluster; what is told first of a prediction stands.

    `state` is a folder or a URL, `clock` gives seconds since 1970.

    Raises:
        ConfigError: the URL is of no kind that is known.
    """

    def __init__(self, state: str, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place_of(state)
        self._clock = clock

    @cached_property
    def _rows(self) -> FeedbackRows:
        # SQLAlchemy is slow to import, and comes with the first feedback.
        from serve_app.storage.feedback_rows import FeedbackRows  # noqa: PLC0415

        return FeedbackRows(self._place, self._clock)

    def record(self, feedback: Feedback, at_s: float) -> Outcome:
        """Keep feedback, received at a time in seconds since 1970.

        A truth that comes after a reward, or the other way round, completes what is there;
        telling the same twice changes nothing.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return self._rows.record(feedback, at_s)

    def received(self, endpoint: str | None = None) -> list[Received]:
        """How much there is, by endpoint and variants.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        received = self._rows.counts(endpoint)
        return sorted(received, key=lambda one: (one.endpoint, one.variants))

    def all(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        """Everything that was received, the oldest first.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        last = 0
        while True:
            # A page at a time: whoever reads slowly must keep no transaction open.
            page = self._rows.page(endpoint, last, PAGE)
            for row in page:
                yield {
                    "endpoint": row.endpoint,
                    "prediction_id": row.prediction_id,
                    "variants": json.loads(row.variants),
                    "truth": None if row.truth is None else json.loads(row.truth),
                    "reward": row.reward,
                    "request_id": row.request_id,
                    "received_at_s": row.received_at_s,
                }
                last = row.number
            if len(page) < PAGE:
                return
